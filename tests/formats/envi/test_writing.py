from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_dodn import HyperCube
from napari_dodn.formats import FormatError, check_target, create, read, write
from napari_dodn.formats.envi.files import files_of
from napari_dodn.formats.pixels import blocks
from napari_dodn.formats.pixels.raw import RawPixels

REUSED_FOLDER = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ENVI_TYPES = st.sampled_from(["u1", "i2", "i4", "f4", "f8", "u2", "u4", "i8", "u8"])
BYTE_ORDERS = st.sampled_from(["<", ">"])
PLAIN_TEXT = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="{},;="),
    min_size=1,
    max_size=12,
)
FIELD_NAMES = st.text("abcXYZ", min_size=1, max_size=4).map(lambda name: f"My {name} Field")


@st.composite
def cubes(draw):
    """Return cubes of every type that ENVI has, with any description that ENVI has fields for."""
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=5))
    dtype = np.dtype(draw(BYTE_ORDERS) + draw(ENVI_TYPES))
    bands = shape[0]

    def per_band(values):
        return draw(st.none() | hnp.arrays(np.float64, bands, elements=values))

    wavelengths = draw(st.none() | hnp.arrays(np.float64, bands, elements=st.floats(300, 14_000)))
    gain = per_band(st.floats(1e-6, 1e6))
    one_gain = draw(st.booleans())
    if gain is not None and one_gain:
        gain = np.full(bands, gain[0])
    return HyperCube(
        draw(hnp.arrays(dtype, shape)),
        wavelengths=wavelengths,
        fwhm=per_band(st.floats(0.1, 100)),
        good_bands=draw(st.none() | hnp.arrays(bool, bands)),
        nodata=draw(st.none() | st.floats(allow_infinity=False) | st.integers(-9999, 65535)),
        gain=gain,
        offset=per_band(st.floats(-1e6, 1e6)),
        scaled=draw(st.booleans()),
        quantity=draw(st.sampled_from(["", "reflectance", "radiance"])),
        pixel_size=draw(st.none() | st.tuples(st.floats(1e-9, 1e4), st.floats(1e-9, 1e4))),
        pixel_unit=draw(st.sampled_from(["m", "um", "degree", "furlong"])),
        default_bands=draw(st.lists(st.integers(0, bands - 1), max_size=3)),
        rgb_picture=draw(st.sampled_from(["", "/a b/ä{1}.png"])),
        notes=draw(st.lists(st.text(min_size=1), max_size=2, unique=True)),
        history=draw(st.lists(st.text(min_size=1), max_size=3)),
        metadata=draw(
            st.dictionaries(FIELD_NAMES, PLAIN_TEXT | st.lists(PLAIN_TEXT, min_size=1), max_size=3)
        ),
    )


@REUSED_FOLDER
@given(cube=cubes(), suffix=st.sampled_from([".hdr", ".img", ".raw", ".bsq", ".bil", ".BIP"]))
def test_a_cube_that_is_written_and_read_is_the_same_cube(tmp_path, cube, suffix):
    back = read(write(cube, tmp_path / f"cube{suffix}", overwrite=True))
    for file in tmp_path.iterdir():
        file.unlink()
    np.testing.assert_array_equal(back.data, cube.data)
    assert back.data.dtype == cube.data.dtype.newbyteorder("<")
    for name in ("wavelengths", "fwhm", "good_bands", "gain", "offset"):
        expected, got = getattr(cube, name), getattr(back, name)
        assert (expected is None) == (got is None), name
        if expected is not None:
            np.testing.assert_allclose(got, expected, rtol=1e-15)
    np.testing.assert_array_equal(back.nodata, cube.nodata)
    if cube.pixel_size is None:
        assert back.pixel_size is None
    else:
        assert (back.pixel_size, back.pixel_unit) == (cube.pixel_size, cube.pixel_unit)
    for name in ("scaled", "quantity", "default_bands", "rgb_picture", "history", "metadata"):
        assert getattr(back, name) == getattr(cube, name), name
    assert back.notes[: len(cube.notes)] == cube.notes


@pytest.mark.parametrize("suffix", [".hdr", ".img", ".dat", ".raw", ".bsq", ".bil", ".bip"])
def test_what_is_written_is_read_by_spectral(tmp_path, cube_of, suffix):
    spectral = pytest.importorskip("spectral.io.envi")
    cube = HyperCube(
        cube_of(dtype=">u2"),
        wavelengths=[450, 550, 650],
        fwhm=[5, 6, 7],
        good_bands=[True, False, True],
        history=["Done, with commas – and dashes."],
        metadata={"description": "two\n\nlines"},
    )
    image = spectral.open(str(write(cube, tmp_path / f"cube{suffix}")))
    np.testing.assert_array_equal(np.asarray(image.load()).transpose(2, 0, 1), cube.data)
    assert image.bands.centers == [450, 550, 650]
    assert image.bands.bandwidths == [5, 6, 7]
    assert image.bands.band_unit == "Nanometers"
    assert image.metadata["bbl"] == [1, 0, 1]
    assert image.interleave == {".bil": spectral.spy.BIL, ".bip": spectral.spy.BIP}.get(
        suffix, spectral.spy.BSQ
    )


def test_fields_that_were_read_are_written_back_with_their_letter_case(envi_file, cube_of):
    path = envi_file(
        cube_of(3),
        "Sensor Type = Camera X",
        "reflectance scale factor = 10000",
        "map info = {UTM, 1, 1, 500000, 4000000, 30, 30, 11, North, WGS-84, units=Meters}",
        'coordinate system string = {PROJCS["WGS 84 / UTM zone 11N",GEOGCS["WGS 84"]]}',
    )
    text = write(read(path), path.with_name("copy.hdr")).read_text()
    for line in (
        "Sensor Type = Camera X",
        "reflectance scale factor = 10000",
        "map info = {UTM, 1, 1, 500000, 4000000, 30, 30, 11,\n North, WGS-84, units=Meters}",
        'coordinate system string = {PROJCS["WGS 84 / UTM zone 11N", GEOGCS["WGS 84"]]}',
    ):
        assert line in text


def test_a_comma_in_the_name_of_a_band_does_not_make_two_of_it(tmp_path, cube_of):
    cube = HyperCube(cube_of(2), metadata={"band names": ["blue, 450 nm", "red"]})
    back = read(write(cube, tmp_path / "a.hdr"))
    assert back.metadata["band names"] == ["blue; 450 nm", "red"]


def test_a_text_that_is_no_unicode_does_not_keep_a_cube_from_being_written(tmp_path, cube_of):
    cube = HyperCube(cube_of(), metadata={"units": "W/m\udcb2"})
    assert read(write(cube, tmp_path / "a.img")).metadata["units"] == "W/m?"


def test_a_layout_in_the_metadata_never_overrides_that_of_the_file(tmp_path, cube_of):
    cube = HyperCube(cube_of(), metadata={"Byte Order": "1", "interleave": "bip", "lines": "9"})
    np.testing.assert_array_equal(read(write(cube, tmp_path / "a.img")).data, cube_of())


@pytest.mark.parametrize(
    ("dtype", "written"), [("bool", "u1"), ("i1", "<i2"), ("f2", "<f4"), (np.longdouble, "<f8")]
)
def test_types_that_envi_does_not_have_become_the_next_larger_one(tmp_path, dtype, written):
    data = np.array([0, 1, 1, 0]).reshape(1, 2, 2).astype(dtype)
    back = read(write(HyperCube(data), tmp_path / "a.hdr"))
    assert back.data.dtype == np.dtype(written)
    np.testing.assert_array_equal(back.data, data)


def test_the_data_file_may_be_named_in_the_header_path(tmp_path, cube_of):
    header = write(HyperCube(cube_of()), tmp_path / "a.raw.hdr")
    assert header.name == "a.raw.hdr"
    assert {file.name for file in tmp_path.iterdir()} == {"a.raw", "a.raw.hdr"}


def test_a_large_cube_is_copied_in_blocks(tmp_path, cube_of, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    monkeypatch.setattr(blocks, "CHUNK", (2, 2, 2))
    data = cube_of(3, 7, 5)
    np.testing.assert_array_equal(read(write(HyperCube(data), tmp_path / "a.bil")).data, data)


def test_nothing_is_overwritten_unless_allowed(tmp_path, cube_of):
    write(HyperCube(cube_of()), tmp_path / "a.hdr")
    for name in ("a.hdr", "a.img", "a.bil"):
        with pytest.raises(FormatError, match="already exists"):
            write(HyperCube(cube_of() * 2), tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path / "a.hdr").data, cube_of())
    write(HyperCube(cube_of() * 2), tmp_path / "a.hdr", overwrite=True)
    np.testing.assert_array_equal(read(tmp_path / "a.hdr").data, cube_of() * 2)


def test_a_file_can_be_overwritten_by_what_was_read_from_it(envi_file, cube_of):
    path = envi_file(cube_of(), interleave="bip", image="scene.dat")
    write(read(path), path, overwrite=True)
    np.testing.assert_array_equal(read(path).data, cube_of())
    assert {file.name for file in path.parent.iterdir()} == {"scene.hdr", "scene.dat"}


def test_a_header_that_is_named_after_the_data_file_is_overwritten_with_it(envi_file, cube_of):
    path = envi_file(cube_of(), header="scene.raw.hdr", image="scene.raw")
    write(HyperCube(cube_of(4)), path.with_name("scene.raw"), overwrite=True)
    np.testing.assert_array_equal(read(path).data, cube_of(4))
    assert {file.name for file in path.parent.iterdir()} == {"scene.raw", "scene.raw.hdr"}


def test_a_lazy_cube_is_copied_chunk_by_chunk(tmp_path, cube_of):
    dask = pytest.importorskip("dask.array")
    cube = HyperCube(dask.from_array(cube_of(3, 7, 5), chunks=(2, 3, 5)))
    np.testing.assert_array_equal(read(write(cube, tmp_path / "a.bip")).data, cube_of(3, 7, 5))


def test_a_description_of_another_number_of_bands_is_refused(tmp_path, cube_of):
    with (
        create(tmp_path / "a.img", (3, 4, 5)) as writer,
        pytest.raises(ValueError, match="of 2 bands, not 3"),
    ):
        writer.finish(HyperCube(cube_of(2)))


def test_a_document_that_is_called_like_a_lost_cube_is_never_its_data(envi_file, cube_of):
    header = envi_file(cube_of())
    header.with_suffix(".img").unlink()
    document = header.with_suffix(".docx")
    document.write_text("mine")
    with pytest.raises(FormatError, match="choose another name"):
        write(HyperCube(cube_of()), header, overwrite=True)
    assert document.read_text() == "mine"


def test_a_header_of_another_data_file_is_never_taken_from_it(envi_file, cube_of):
    path = envi_file(cube_of(), image="scene.dat")
    with pytest.raises(FormatError, match=r"belongs to scene\.dat"):
        write(HyperCube(cube_of()), path.with_suffix(".img"), overwrite=True)
    np.testing.assert_array_equal(read(path).data, cube_of())


def test_a_writer_that_is_not_finished_leaves_nothing_behind(tmp_path):
    with create(tmp_path / "a.img", (2, 3, 4)) as writer:
        writer.pixels[:] = 1
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_interrupted_leaves_what_was_there(tmp_path, cube_of):
    write(HyperCube(cube_of()), tmp_path / "a.hdr")

    def interrupted():
        with create(tmp_path / "a.hdr", (2, 3, 4), overwrite=True) as writer:
            writer.pixels[:] = 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    np.testing.assert_array_equal(read(tmp_path / "a.hdr").data, cube_of())
    assert len(list(tmp_path.iterdir())) == 2


def test_a_writer_gives_back_the_finished_cube_from_its_file(tmp_path, cube_of):
    description = HyperCube(cube_of(), wavelengths=[450, 550, 650], history=["Made."])
    with create(tmp_path / "a.img", (3, 8, 10)) as writer:
        assert not (tmp_path / "a.img").exists()
        writer.pixels[:, 4:] = 2.5
        cube = writer.finish(description)
    assert isinstance(cube.data, RawPixels)
    assert cube.data.dtype == np.float32
    assert (np.asarray(cube.data)[:, :4] == 0).all()
    assert (np.asarray(cube.data)[:, 4:] == 2.5).all()
    assert cube.history == ("Made.",)
    np.testing.assert_array_equal(cube.wavelengths, [450, 550, 650])


@pytest.mark.parametrize(
    ("name", "word"),
    [("none/a.hdr", "folder does not exist"), ("a.xyz", "suffix must be one of"), ("a", "suffix")],
)
def test_a_target_that_cannot_be_is_refused(tmp_path, cube_of, name, word):
    with pytest.raises(FormatError, match=word):
        write(HyperCube(cube_of()), tmp_path / name)


def test_a_folder_is_not_replaced_by_a_file(tmp_path, cube_of):
    (tmp_path / "a.img").mkdir()
    with pytest.raises(FormatError, match="there is a folder of that name"):
        write(HyperCube(cube_of()), tmp_path / "a.img", overwrite=True)


@pytest.mark.parametrize("refused", ["a.hdr", "a.img"])
@pytest.mark.parametrize("part", ["source", "target"])
def test_files_that_cannot_be_replaced_stay_as_they_were(
    tmp_path, cube_of, forbid_renaming, refused, part
):
    write(HyperCube(cube_of()), tmp_path / "a.hdr")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with forbid_renaming(refused, part), pytest.raises(FormatError, match="cannot be written"):
        write(HyperCube(cube_of(4)), tmp_path / "a.hdr", overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_new_file_without_its_header_is_not_left_behind(tmp_path, cube_of, forbid_renaming):
    with forbid_renaming("a.hdr", "target"), pytest.raises(FormatError, match="cannot be written"):
        write(HyperCube(cube_of()), tmp_path / "a.hdr")
    assert list(tmp_path.iterdir()) == []


def test_a_data_file_of_another_header_is_never_taken_from_it(envi_file, cube_of):
    path = envi_file(cube_of(), header="scene.img.hdr")
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with pytest.raises(FormatError, match=r"already belongs to the header scene\.img\.hdr.*\.$"):
        check_target(path.with_name("scene.hdr"), overwrite=True)
    with pytest.raises(FormatError, match="already belongs to the header"):
        write(HyperCube(cube_of()), path.with_name("scene.hdr"), overwrite=True)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_a_writer_gives_back_its_own_file_beside_another_of_the_same_size(tmp_path, cube_of):
    (tmp_path / "a.dat").write_bytes(bytes(cube_of().nbytes))
    with create(tmp_path / "a.img", cube_of().shape, "i2") as writer:
        writer.pixels[:] = cube_of()
        cube = writer.finish(HyperCube(cube_of()))
    np.testing.assert_array_equal(cube.data, cube_of())
    assert cube.source == str(tmp_path / "a.hdr")


@pytest.mark.parametrize("header", ["scene.hdr", "scene.img.hdr"])
def test_the_files_of_a_cube_are_known_from_either(envi_file, cube_of, header):
    path = envi_file(cube_of(), header=header)
    path.with_name("scene.png").touch()
    data = path.with_name("scene.img")
    assert files_of(path) == files_of(data) == (path, data)


def test_a_file_that_is_not_of_envi_is_alone(envi_file, cube_of):
    other = envi_file(cube_of()).with_suffix(".mat")
    assert files_of(other) == (other,)
