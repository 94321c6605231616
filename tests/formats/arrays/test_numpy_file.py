"""NumPy files: mapped, never unpickled, and written with the whole description."""

from __future__ import annotations

import contextlib
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_dodn import HyperCube
from napari_dodn.formats import AmbiguousError, FormatError, contents, read, write
from napari_dodn.formats.pixels import blocks
from napari_dodn.formats.pixels.raw import RawPixels

IMAGE = np.arange(31 * 70 * 80, dtype=np.uint16).reshape(31, 70, 80)
WAVELENGTHS = np.linspace(400, 700, 31)
MANY = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def npy_file(tmp_path):
    def make(array, name="scene.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return make


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (IMAGE, "since the first axis is by far the shortest"),
        (IMAGE[:, :40].transpose(1, 2, 0), "where they usually are"),
        (IMAGE[:, :60, :60], "since the other two axes have the same length"),
        (IMAGE[:, :60, :60].transpose(1, 2, 0), "since the other two axes have the same length"),
    ],
)
def test_the_axes_are_found_out_and_noted(npy_file, stored, reason):
    cube = read(npy_file(stored))
    assert cube.bands == 31
    assert reason in cube.notes[0]
    assert "--axes" in cube.notes[0]


@pytest.mark.parametrize("axes", ["yxb", "byx", "ybx", "XBY"])
def test_the_option_axes_decides(npy_file, axes):
    cube = read(npy_file(IMAGE), axes=axes)
    order = [axes.lower().index(axis) for axis in "byx"]
    np.testing.assert_array_equal(cube.data, IMAGE.transpose(order))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_number_of_given_wavelengths_tells_the_axis(npy_file, axis):
    cube = read(npy_file(np.moveaxis(IMAGE, 0, axis)), wavelengths=WAVELENGTHS)
    np.testing.assert_array_equal(cube.data, IMAGE)


@pytest.mark.parametrize("stored", [IMAGE, np.asfortranarray(IMAGE), IMAGE.astype(">f4")])
def test_an_npy_file_is_read_in_parts(npy_file, stored):
    cube = read(npy_file(stored))
    assert isinstance(cube.data, RawPixels)
    np.testing.assert_array_equal(cube.data, IMAGE)


def test_axes_of_length_one_beside_three_others_mean_nothing(npy_file):
    np.testing.assert_array_equal(read(npy_file(IMAGE[None])).data, IMAGE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scene_wavelengths.txt", "\n".join(map(str, WAVELENGTHS))),
        ("scene_wavelengths.csv", "band,wavelength (um)\n" + "\n".join(
            f"{band},{value / 1000}" for band, value in enumerate(WAVELENGTHS))),
        ("wavelengths.txt", ", ".join(map(str, WAVELENGTHS))),
    ],
)  # fmt: skip
def test_wavelengths_in_a_text_beside_an_npy_file_are_read(npy_file, name, content):
    path = npy_file(IMAGE)
    path.with_name(name).write_text(content)
    cube = read(path)
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)
    assert cube.notes[1] == f"The wavelengths are those in '{name.rpartition('.')[0]}'."


def test_wavelengths_in_an_npy_file_beside_another_are_read(npy_file):
    npy_file(WAVELENGTHS, "scene_wavelengths.npy")
    np.testing.assert_allclose(read(npy_file(IMAGE)).wavelengths, WAVELENGTHS)


def test_a_list_of_other_length_in_the_folder_is_no_list_of_this_cube(npy_file):
    npy_file(WAVELENGTHS[:5], "wavelengths.npy")
    cube = read(npy_file(IMAGE))
    assert cube.wavelengths is None
    assert len(cube.notes) == 1


def test_a_damaged_list_of_wavelengths_is_left_out_with_a_note(npy_file):
    path = npy_file(IMAGE)
    path.with_name("scene_wavelengths.txt").write_text("red, green")
    cube = read(path)
    assert cube.wavelengths is None
    assert "scene_wavelengths.txt beside the cube is left out" in cube.notes[-1]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file_gives_the_cube_and_what_stands_beside_it(tmp_path, save):
    save(
        tmp_path / "a.npz",
        data=IMAGE.transpose(1, 2, 0),
        wavelengths=WAVELENGTHS / 1000,
        wavelength_unit="um",
        fwhm=np.full(31, 0.01),
        bbl=np.arange(31) > 2,
        gt=np.ones((70, 80)),
        camera="A",
    )
    cube = read(tmp_path / "a.npz")
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)
    np.testing.assert_allclose(cube.fwhm, 10)
    assert (~cube.good_bands).sum() == 3
    assert cube.metadata["camera"] == "A"
    (found,) = contents(tmp_path / "a.npz")
    assert (found.name, found.shape, found.axes) == ("data", (70, 80, 31), "yxb")


def test_only_what_is_compressed_is_not_mapped(tmp_path):
    np.savez(tmp_path / "a.npz", cube=IMAGE)
    np.savez_compressed(tmp_path / "b.npz", cube=IMAGE)
    assert isinstance(read(tmp_path / "a.npz").data, RawPixels)
    lazy = read(tmp_path / "b.npz").data
    np.testing.assert_array_equal(lazy[3, 5:7].compute(), IMAGE[3, 5:7])


def test_several_cubes_are_asked_about(tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGE, y=IMAGE[:20])
    with pytest.raises(AmbiguousError, match="--dataset") as raised:
        read(tmp_path / "a.npz")
    assert raised.value.candidates == ["x", "y"]
    np.testing.assert_array_equal(read(tmp_path / "a.npz", dataset="y").data, IMAGE[:20])


class Bomb:
    """What would go off if it were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_python_objects_are_refused_and_never_loaded(tmp_path, name):
    objects = np.array([Bomb(), None])
    if name.endswith("y"):
        np.save(tmp_path / name, objects, allow_pickle=True)
    else:
        np.savez(tmp_path / name, cube=objects)
    with pytest.raises(FormatError, match="Python objects, which are never loaded"):
        read(tmp_path / name)


def test_a_cube_beside_python_objects_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", cube=IMAGE, info=np.array([Bomb(), None]))
    np.testing.assert_array_equal(read(tmp_path / "a.npz").data, IMAGE)


@pytest.mark.parametrize("content", [b"something else", b"\x93NUMPY", b"PK\x03\x04 and no more"])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_what_is_no_numpy_file_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=f"{name} is damaged or not a NumPy file"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (IMAGE.astype(complex), "holds complex128 values"),
        (IMAGE[0], "no cube of three axes"),
        (np.array("text"), "values"),
        (np.zeros((3, 0, 4)), "no cube of three axes"),
    ],
)
def test_what_is_no_cube_is_refused(npy_file, array, fault):
    with pytest.raises(FormatError, match=fault):
        read(npy_file(array))


def test_a_file_without_suffix_is_known_by_its_content(npy_file):
    path = npy_file(IMAGE)
    np.testing.assert_array_equal(read(path.rename(path.with_suffix(""))).data, IMAGE)


def test_a_file_that_is_cut_off_is_refused_when_it_is_opened(npy_file):
    path = npy_file(IMAGE)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="is cut off: it has"):
        read(path)


@MANY
@given(draw=st.data())
def test_a_cube_that_is_written_and_read_is_the_same_cube(
    tmp_path, any_cube, assert_same_cube, draw
):
    cube = draw.draw(any_cube)
    found = read(write(cube, tmp_path / "a.npz", overwrite=True))
    assert_same_cube(found, cube)
    assert found.data.dtype == cube.data.dtype
    assert isinstance(found.data, RawPixels)


def test_numpy_itself_reads_what_is_written(tmp_path):
    cube = HyperCube(IMAGE, wavelengths=WAVELENGTHS, good_bands=WAVELENGTHS > 420)
    with np.load(write(cube, tmp_path / "a.npz"), allow_pickle=False) as file:
        np.testing.assert_array_equal(file["cube"], IMAGE)
        np.testing.assert_array_equal(file["wavelengths"], WAVELENGTHS)
        np.testing.assert_array_equal(file["good_bands"], cube.good_bands)


def test_a_large_cube_is_written_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    path = write(HyperCube(IMAGE[:, ::-1]), tmp_path / "a.npz")
    np.testing.assert_array_equal(read(path).data, IMAGE[:, ::-1])
    assert zipfile.ZipFile(path).testzip() is None


def test_npy_has_no_place_for_a_description_and_npz_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"one of .*\.npz"):
        write(HyperCube(IMAGE), tmp_path / "a.npy")


def test_a_failure_leaves_nothing_behind(tmp_path):
    class Failing:
        shape, dtype = (2, 3, 4), np.dtype("u1")

        def __getitem__(self, key):
            raise OSError(28, "No space left on device")

    with pytest.raises(FormatError, match="disk is full; free some space"):
        write(HyperCube(Failing()), tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_claims_gigabytes_is_refused_unread(tmp_path, version, packed):
    claims = b"\x93NUMPY" + bytes([version, 0]) + (2**32 - 1).to_bytes(4, "little")
    path = tmp_path / f"a.np{'z' if packed else 'y'}"
    if packed:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("cube.npy", claims + bytes(2**22))
    else:
        path.write_bytes(claims)
    tracemalloc.start()
    with pytest.raises(FormatError, match="is damaged"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()


@pytest.fixture(params=["npy", "stored", "compressed"])
def whole(request, tmp_path):
    path = tmp_path / "whole"
    with path.open("wb") as file:
        if request.param == "npy":
            np.save(file, IMAGE[:5, :6, :7])
        elif request.param == "stored":
            np.savez(file, cube=IMAGE[:5, :6, :7], wavelengths=WAVELENGTHS[:5])
        else:
            np.savez_compressed(file, cube=IMAGE[:5, :6, :7], wavelengths=WAVELENGTHS[:5])
    return path


@MANY
@given(
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
)
def test_a_damaged_file_opens_or_is_refused_in_a_sentence(tmp_path, whole, cut, flips):
    changed = bytearray(whole.read_bytes())
    for place, value in flips:
        changed[int(place * len(changed))] = value
    path = tmp_path / "damaged.npz"
    path.write_bytes(changed[: int(cut * len(changed)) + 1])
    with warnings.catch_warnings(), contextlib.suppress(FormatError):
        warnings.simplefilter("ignore")
        assert np.asarray(read(path).data).ndim == 3


@pytest.mark.parametrize("name", ["wavelengths", "band_names"])
@pytest.mark.parametrize("kind", ["U", "S"])
def test_texts_of_all_bands_in_an_archive_say_their_wavelengths(tmp_path, name, kind):
    image = np.random.default_rng(0).integers(0, 99, (6, 7, 9))
    centres = np.array([450.0, 500.0, 555.5, 610.0, 700.0, 800.0])
    texts = np.array([f"{centre} nm" for centre in centres]).astype(kind)
    np.savez(tmp_path / "scene.npz", cube=image, **{name: texts})
    cube = read(tmp_path / "scene.npz")
    np.testing.assert_array_equal(np.asarray(cube.data), image)
    np.testing.assert_allclose(cube.wavelengths, centres)
