"""HDF5 and NetCDF-4 files of any layout, and our own."""

from __future__ import annotations

import os
import pickle
import threading

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_dodn import HyperCube
from napari_dodn.formats import AmbiguousError, FormatError, contents, read, write

RNG = np.random.default_rng(0)
WAVELENGTHS = np.linspace(400, 1000, 31)


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 4000, shape, dtype=np.uint16)


@pytest.fixture
def hdf5_file(tmp_path):
    """Write arrays by their paths into an HDF5 file, with attributes by the arrays' paths."""

    def make(arrays, attributes=None, name="scene.h5", **options):
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            for where, values in arrays.items():
                file.create_dataset(where, data=values, **(options if np.ndim(values) == 3 else {}))
            for where, said in (attributes or {}).items():
                file[where or "/"].attrs.update(said)
        return path

    return make


def same(cube: HyperCube, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(cube.data), expected)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".he5", ".nc", ".data", ""])
def test_the_only_cube_of_a_file_opens_whatever_the_file_is_called(hdf5_file, suffix):
    image = pixels(31, 12, 14)
    cube = read(hdf5_file({"any/name": image.transpose(1, 2, 0)}, name=f"scene{suffix}"))
    same(cube, image)
    assert "'any/name' (12 × 14 × 31)" in cube.notes[0]
    assert "--axes" in cube.notes[0]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_number_of_wavelengths_tells_which_axis_is_that_of_the_bands(hdf5_file, axis):
    image = pixels(31, 12, 14)
    path = hdf5_file({"data": np.moveaxis(image, 0, axis), "wavelength": WAVELENGTHS})
    cube = read(path)
    same(cube, image)
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)


@pytest.mark.parametrize("missing", [np.nan, 0.0, -9999.0])
def test_wavelengths_with_gaps_are_said_to_be_left_out_and_tell_the_axis(hdf5_file, missing):
    image = pixels(31, 12, 14)
    wavelengths = np.where(WAVELENGTHS < 430, missing, WAVELENGTHS)
    cube = read(hdf5_file({"data": image.transpose(1, 0, 2), "info/wavelength": wavelengths}))
    same(cube, image)
    assert cube.wavelengths is None
    assert (
        "The wavelengths in 'info.wavelength' are not all numbers above 0; they are left out."
        in cube.notes
    )


def test_an_axis_without_values_that_is_called_wavelength_gets_no_note(hdf5_file):
    image = pixels(31, 12, 14)
    name = {"NAME": "This is a netCDF dimension but not a netCDF variable.        31"}
    path = hdf5_file({"data": image, "wavelength": np.zeros(31, "f4")}, {"wavelength": name})
    assert not any("left out" in note for note in read(path).notes)


@pytest.mark.parametrize("axes", ["yxb", "xyb", "byx", "bxy", "ybx", "XBY"])
def test_the_option_axes_decides(hdf5_file, axes):
    data = pixels(8, 9, 10)
    cube = read(hdf5_file({"data": data}), axes=axes)
    same(cube, data.transpose([axes.lower().index(axis) for axis in "byx"]))


def test_an_option_axes_that_means_nothing_is_refused(hdf5_file):
    with pytest.raises(FormatError, match="letters y, x and b"):
        read(hdf5_file({"data": pixels(8, 9, 10)}), axes="yxz")


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("band", "y", "x"), (0, 1, 2)),
        (("lat", "lon", "wavelength"), (1, 2, 0)),
        (("Samples", "Lines", "Bands"), (2, 1, 0)),
        (("downtrack", "crosstrack", "bands"), (1, 2, 0)),
    ],
)
def test_names_of_the_axes_tell_what_they_are(hdf5_file, names, order):
    image = pixels(9, 9, 9)
    path = hdf5_file({"data": image.transpose(order)})
    with h5py.File(path, "a") as file:
        for axis, name in zip(file["data"].dims, names, strict=True):
            axis.label = name
    cube = read(path)
    same(cube, image)
    assert ", ".join(names) in cube.notes[0]


def test_scales_of_the_axes_tell_what_they_are(hdf5_file):
    image = pixels(9, 9, 9)
    scales = {"bands": np.zeros(9), "y": np.arange(9.0), "x": np.arange(9.0)}
    path = hdf5_file({"data": image.transpose(1, 0, 2), **scales})
    with h5py.File(path, "a") as file:
        for axis, name in zip(file["data"].dims, ("y", "bands", "x"), strict=True):
            file[name].make_scale(name)
            axis.attach_scale(file[name])
    same(read(path), image)


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 5, 4), "compression": "gzip"}])
@pytest.mark.parametrize("dtype", ["i1", ">i2", "i4"])
def test_numbers_that_are_marked_as_unsigned_are_read_so(hdf5_file, dtype, options):
    unsigned = np.dtype(dtype.replace("i", "u"))
    image = np.linspace(0, np.iinfo(unsigned).max, 31 * 5 * 4).reshape(31, 5, 4).astype(unsigned)
    said = {"_Unsigned": "true", "_FillValue": np.array([-1], dtype), "wavelength": WAVELENGTHS}
    cube = read(hdf5_file({"rad": image.view(dtype)}, {"rad": said}, **options))
    np.testing.assert_array_equal(cube.data, image)
    assert cube.nodata == np.iinfo(unsigned).max
    assert np.isnan(cube.pixels()).sum() == 1
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(cube)).data, image)


@pytest.mark.parametrize("mark", ["false", "no"])
def test_numbers_that_are_not_marked_as_unsigned_keep_their_sign(hdf5_file, mark):
    said = {"_Unsigned": mark, "_FillValue": -1, "wavelength": WAVELENGTHS}
    cube = read(hdf5_file({"rad": np.full((31, 5, 4), -2, "i2")}, {"rad": said}))
    assert (np.asarray(cube.data) == -2).all()
    assert cube.nodata == -1


def test_vectors_that_are_packed_are_unpacked(hdf5_file):
    packed = ((WAVELENGTHS - 100) * 10).astype("i2")
    arrays = {"cube": pixels(31, 5, 4), "wavelength": packed, "fwhm": np.full(31, 98, "i2")}
    said = {"scale_factor": 0.1, "add_offset": np.array([100.0]), "units": "nm"}
    cube = read(hdf5_file(arrays, {"wavelength": said, "fwhm": {"scale_factor": 0.1}}))
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)
    np.testing.assert_allclose(cube.fwhm, [9.8] * 31)
    assert cube.gain is None


@pytest.mark.parametrize(("widths", "unit"), [(0.01, "um"), (10.0, "nm"), (100.0, "angstrom")])
def test_widths_may_have_a_unit_of_their_own(hdf5_file, widths, unit):
    arrays = {"cube": pixels(31, 5, 4), "wavelength": WAVELENGTHS, "fwhm": np.full(31, widths)}
    cube = read(hdf5_file(arrays, {"wavelength": {"units": "nm"}, "fwhm": {"units": unit}}))
    np.testing.assert_allclose(cube.fwhm, [10] * 31)
    assert not any("widths" in note for note in cube.notes)


def test_wavelengths_widths_and_good_bands_may_be_attributes_of_the_array(hdf5_file):
    said = {
        "wavelengths": WAVELENGTHS / 1000,
        "wavelengths_units": "micrometers",
        "fwhm": np.full(31, 0.01),
        "good_wavelengths": np.arange(31) % 2,
    }
    cube = read(hdf5_file({"group/data": pixels(12, 14, 31)}, {"group/data": said}))
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)
    np.testing.assert_allclose(cube.fwhm, [10] * 31)
    np.testing.assert_array_equal(cube.good_bands, np.arange(31) % 2 == 1)


@pytest.mark.parametrize("name", ["bad_bands", "Bad_Band_List"])
def test_a_list_of_bad_bands_whose_meaning_is_not_known_is_mentioned(hdf5_file, name):
    bad = np.arange(31) % 2
    cube = read(hdf5_file({"data": pixels(12, 14, 31), name: bad}))
    assert cube.good_bands is None
    (note,) = (note for note in cube.notes if name in note)
    assert "'good_bands'" in note
    cube = read(hdf5_file({"data": pixels(12, 14, 31), name: bad, "good_bands": 1 - bad}))
    np.testing.assert_array_equal(cube.good_bands, bad == 0)
    assert not any(name in note for note in cube.notes)


def test_bands_that_are_all_good_are_not_taken_for_wavelengths(hdf5_file):
    path = hdf5_file({"data": pixels(12, 14, 31), "good_wavelengths": np.ones(31)})
    cube = read(path)
    assert cube.wavelengths is None
    assert cube.good_bands.all()


def test_wavelengths_of_the_same_group_go_before_those_of_another(hdf5_file):
    arrays = {
        "a/wavelength": WAVELENGTHS + 1,
        "b/data": pixels(12, 14, 31),
        "b/wavelength": WAVELENGTHS,
    }
    np.testing.assert_allclose(read(hdf5_file(arrays)).wavelengths, WAVELENGTHS)


def test_the_unit_of_wavelengths_is_their_own(hdf5_file):
    path = hdf5_file(
        {"data": pixels(12, 14, 31), "wavelength": WAVELENGTHS / 1000},
        {"data": {"units": "nm"}, "wavelength": {"Units": "um"}},
    )
    np.testing.assert_allclose(read(path).wavelengths, WAVELENGTHS)


def test_wavelengths_that_are_too_few_are_left_out_and_said(hdf5_file):
    cube = read(hdf5_file({"data": pixels(12, 14, 31), "wavelength": WAVELENGTHS[:-1]}))
    assert cube.wavelengths is None
    assert any("30 for 31 bands" in note for note in cube.notes)


@pytest.mark.parametrize(
    "name", ["_FillValue", "missing_value", "Data_Ignore_Value", "nodata", "NoDataValue"]
)
def test_the_value_for_no_data_is_found_under_its_many_names(hdf5_file, name):
    path = hdf5_file({"data": pixels(12, 14, 31)}, {"data": {name: np.array([65535], np.uint16)}})
    assert read(path).nodata == 65535


def test_two_values_for_no_data_are_said(hdf5_file):
    said = {"_FillValue": 7.0, "missing_value": 8.0}
    cube = read(hdf5_file({"data": pixels(12, 14, 31)}, {"data": said}))
    assert cube.nodata == 7
    assert any("'missing_value' says something else" in note for note in cube.notes)


def test_scale_factor_and_offset_of_the_cf_conventions_become_gain_and_offset(hdf5_file):
    said = {"scale_factor": 1e-4, "add_offset": -0.1, "long_name": "Surface Reflectance"}
    cube = read(hdf5_file({"data": pixels(12, 14, 31)}, {"data": said}))
    assert cube.gain[0] == 1e-4
    assert cube.offset[0] == -0.1
    assert not cube.scaled
    assert cube.quantity == "reflectance"


def test_map_info_of_the_same_group_goes_before_that_of_another(hdf5_file):
    lines = {
        f"line{n}/map info": f"UTM, 1, 1, {n}, 5000, 2, 2, 18, North, WGS-84" for n in ("", "2", 1)
    }
    cube = read(hdf5_file({"line2/data": pixels(12, 14, 31), **lines}))
    assert cube.map_info[3] == "2"
    assert cube.pixel_size == (2.0, 2.0)


def test_what_else_is_said_of_the_array_is_kept(hdf5_file):
    said = {"sensor": "HYSPEX", "integration time": 3.5, "_FillValue": 0.0, "lines": np.arange(9)}
    cube = read(hdf5_file({"data": pixels(12, 14, 31)}, {"data": said}))
    assert cube.metadata == {"sensor": "HYSPEX", "integration time": 3.5}


def test_texts_in_the_western_code_page_are_read(hdf5_file):
    path = hdf5_file({"cube": pixels(12, 14, 31), "wavelengths": WAVELENGTHS / 1000})
    with h5py.File(path, "a") as file:
        # Marked as UTF-8, as software does that never asks what it writes.
        text = np.array(b"W/m\xb2/sr/\xb5m", h5py.string_dtype())
        file["cube"].attrs.create("units", text, dtype=h5py.string_dtype())
        file["wavelengths"].attrs.create("units", b"\xb5m", dtype=h5py.string_dtype())
    cube = read(path)
    assert cube.metadata["units"] == "W/m²/sr/µm"
    assert "taken to be" not in " ".join(cube.notes)


def test_several_cubes_are_not_guessed_between(hdf5_file):
    path = hdf5_file({"a/vnir": pixels(12, 14, 31), "a/swir": pixels(12, 14, 9)})
    with pytest.raises(AmbiguousError, match="--dataset") as caught:
        read(path)
    assert sorted(caught.value.candidates) == ["a/swir", "a/vnir"]
    assert read(path, dataset="a/swir").bands == 9
    assert read(path, dataset="/a/swir").bands == 9
    assert read(path, dataset="vnir").bands == 31


def test_maps_masks_and_pictures_are_not_taken_for_the_cube(hdf5_file):
    image = pixels(12, 14, 31)
    beside = {
        "labels": np.ones((12, 14, 9)),
        "quality_mask": np.ones((12, 14, 31)),
        "photo": pixels(12, 14, 3),
        "lat": np.ones((12, 14)),
    }
    same(read(hdf5_file({"hsi": image, **beside})), image.transpose(2, 0, 1))


def test_an_array_that_would_not_be_proposed_opens_by_its_name(hdf5_file):
    path = hdf5_file({"hsi": pixels(12, 14, 31), "quality_mask": pixels(12, 14, 8)})
    assert read(path, dataset="quality_mask").bands == 8


@pytest.mark.parametrize("dataset", ["map", "text", "complex"])
def test_an_array_that_is_no_cube_is_asked_for_in_vain(hdf5_file, dataset):
    beside = {"map": np.ones((3, 4)), "text": "words", "complex": np.ones((3, 4, 5)) * 1j}
    path = hdf5_file({"hsi": pixels(12, 14, 31), **beside})
    with pytest.raises(FormatError, match="a cube (of|holds) real numbers"):
        read(path, dataset=dataset)


def test_a_dataset_that_is_not_there_is_refused_with_what_is(hdf5_file):
    with pytest.raises(FormatError, match=r"no array 'xs', only 'hsi' \(12 × 14 × 31\)"):
        read(hdf5_file({"hsi": pixels(12, 14, 31)}), dataset="xs")


@pytest.mark.parametrize("arrays", [{}, {"image": np.ones((9, 8))}, {"words": "nothing"}])
def test_a_file_without_a_cube_is_refused_with_what_it_holds(hdf5_file, arrays):
    with pytest.raises(FormatError, match="holds no cube of three axes, only"):
        read(hdf5_file(arrays))


def test_what_a_file_holds_is_told_with_what_its_axes_would_be(hdf5_file):
    path = hdf5_file({"vnir": pixels(12, 14, 31), "swir": pixels(9, 12, 14), "w": WAVELENGTHS})
    by_name = {candidate.name: candidate for candidate in contents(path)}
    assert by_name["vnir"].shape == (12, 14, 31)
    assert by_name["vnir"].axes == "yxb"
    assert by_name["vnir"].dtype == "uint16"
    for name, candidate in by_name.items():
        assert candidate.bands == read(path, dataset=name).bands
        assert candidate.reason.endswith(".")


def test_a_huge_file_opens_without_being_read(tmp_path):
    path = tmp_path / "huge.h5"
    with h5py.File(path, "w") as file:
        shape, chunks = (20_000, 20_000, 400), (64, 64, 400)
        file.create_dataset("cube", shape, "f4", chunks=chunks, fillvalue=7)[0, 0, 0] = 7
    cube = read(path, large=True)
    assert cube.shape == (400, 20_000, 20_000)
    np.testing.assert_array_equal(cube.data[:, 3, 5], np.full(400, 7))
    np.testing.assert_array_equal(cube.data[2, :3, -2:], np.full((3, 2), 7))


@pytest.mark.parametrize("options", [{}, {"chunks": (5, 6, 7), "compression": "gzip"}])
@pytest.mark.parametrize("dtype", [">f4", "<u2", "f8", "u1"])
def test_any_slice_of_the_pixels_is_that_of_the_whole(hdf5_file, options, dtype):
    image = pixels(12, 14, 31).astype(dtype)
    data = read(hdf5_file({"hsi": image}, **options)).data
    whole = image.transpose(2, 0, 1)
    for key in (
        np.s_[3],
        np.s_[:, 4, 5],
        np.s_[::3, 1:-1:2, ::-1],
        np.s_[..., 2],
        np.s_[-1, -2:, :0],
        np.s_[[4, 1, 30], :2],
    ):
        np.testing.assert_array_equal(np.asarray(data[key]), whole[key])


def test_pixels_in_one_piece_behind_another_programs_block_are_found(tmp_path):
    image = pixels(12, 14, 31)
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=1024) as file:
        file["hsi"] = image
    same(read(tmp_path / "a.h5"), image.transpose(2, 0, 1))


def test_several_threads_may_read_at_once(hdf5_file):
    image = pixels(31, 40, 50)
    path = hdf5_file({"hsi": image}, chunks=(8, 8, 8), compression="gzip")
    data = read(path, axes="byx").data
    wrong = []

    def look(band):
        if not np.array_equal(np.asarray(data[band]), image[band]):
            wrong.append(band)

    threads = [threading.Thread(target=look, args=(band,)) for band in range(31)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_file_is_closed_between_two_looks(hdf5_file):
    path = hdf5_file({"hsi": pixels(31, 12, 14)}, chunks=(8, 8, 8))
    cube = read(path)
    np.asarray(cube.data[0])
    with h5py.File(path, "a") as file:  # HDF5 refuses to write into a file that is open to be read
        file["more"] = 1


@pytest.mark.parametrize("options", [{}, {"chunks": (8, 8, 8)}])
def test_pixels_of_a_file_that_was_replaced_are_refused(hdf5_file, options):
    cube = read(hdf5_file({"hsi": pixels(31, 12, 14)}, **options))
    hdf5_file({"hsi": pixels(31, 12, 15)}, **options)
    with pytest.raises(FormatError, match="has changed since it was opened"):
        np.asarray(cube.data)


def test_pixels_of_another_cube_of_the_same_shape_are_never_taken_for_those_of_a_replaced_one(
    tmp_path,
):
    path = write(HyperCube(np.ones((5, 40, 30))), tmp_path / "a.h5")
    cube = read(path)
    write(HyperCube(np.zeros((5, 40, 30))), path, overwrite=True)
    with pytest.raises(FormatError, match="has changed since it was opened"):
        np.asarray(cube.data)


def test_pixels_of_a_file_that_is_gone_are_refused(hdf5_file):
    path = hdf5_file({"hsi": pixels(31, 12, 14)})
    cube = read(path)
    path.unlink()
    with pytest.raises(FormatError, match="No such file"):
        np.asarray(cube.data)


@pytest.mark.parametrize("compressed", ["hsi", "wavelengths"])
def test_a_compression_that_is_not_known_is_no_damage(tmp_path, compressed):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="earliest") as file:
        for name, values in (("hsi", pixels(12, 14, 31)), ("wavelengths", WAVELENGTHS)):
            file.create_dataset(
                name, data=values, chunks=True, compression="gzip" if name == compressed else None
            )
    # Filter 1, called "deflate" in 8 bytes, becomes 32001, as a plugin of HDF5 has it.
    deflate = (1).to_bytes(2, "little") + b"\x08\0\x01\0\x01\0deflate\0"
    blosc = (32001).to_bytes(2, "little") + b"\x08\0\x01\0\x01\0blosc\0\0\0"
    path.write_bytes(path.read_bytes().replace(deflate, blosc))
    with pytest.raises(FormatError, match=f"'{compressed}' is compressed with blosc"):
        np.asarray(read(path).data)


def test_damage_to_the_pixels_is_told_when_they_are_read(hdf5_file):
    path = hdf5_file({"hsi": RNG.random((31, 64, 64))}, chunks=(31, 64, 64), compression="gzip")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(FormatError, match="'hsi' cannot be read"):
        np.asarray(read(path).data)


@pytest.mark.parametrize("name", ["a.h5", "a.nc"])
@pytest.mark.parametrize("content", [b"nonsense", b"\x89HDF\r\n\x1a\nnonsense"])
def test_a_file_that_only_looks_like_hdf5_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match="damaged or not an HDF5 file"):
        read(tmp_path / name)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(hdf5_file, share):
    path = hdf5_file({"hsi": pixels(31, 12, 14), "wavelength": WAVELENGTHS})
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(FormatError, match="damaged"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [("a.nc", b"CDF\x01rest", "nccopy"), ("a.h5", b"\x0e\x03\x13\x01rest", "h4toh5")],
)
def test_older_formats_are_refused_with_what_converts_them(tmp_path, name, content, advice):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=advice):
        read(tmp_path / name)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(draw=st.data())
def test_a_cube_that_is_written_and_read_is_the_same_cube(
    tmp_path, any_cube, assert_same_cube, draw
):
    cube = draw.draw(any_cube)
    back = read(write(cube, tmp_path / "cube.h5", overwrite=True))
    assert_same_cube(back, cube)
    assert back.data.dtype == cube.data.dtype


def test_whole_numbers_are_written_compressed_and_chunked(tmp_path):
    cube = HyperCube(np.zeros((31, 300, 200), np.int16))
    path = write(cube, tmp_path / "a.h5")
    with h5py.File(path) as file:
        assert file["cube"].chunks == (16, 128, 128)
        assert [axis.label for axis in file["cube"].dims] == ["band", "y", "x"]
    assert path.stat().st_size < cube.data.nbytes / 50


def test_what_is_written_explains_itself_to_other_software(tmp_path):
    cube = HyperCube(pixels(5, 4, 3), wavelengths=[500, 510, 520, 530, 540], fwhm=[9] * 5)
    path = write(cube, tmp_path / "a.hdf5")
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["wavelengths"], cube.wavelengths)
        assert file["wavelengths"].attrs["units"] == "nm"
        np.testing.assert_array_equal(file["fwhm"], cube.fwhm)


def test_what_is_written_reads_like_any_file_without_our_description(tmp_path):
    cube = HyperCube(pixels(5, 4, 3), wavelengths=[500, 510, 520, 530, 540], fwhm=[9] * 5)
    path = write(cube, tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["napari_dodn"]
    back = read(path)
    same(back, cube.data)
    np.testing.assert_array_equal(back.wavelengths, cube.wavelengths)
    np.testing.assert_array_equal(back.fwhm, cube.fwhm)


@pytest.mark.parametrize("description", ["nonsense", '{"napari_dodn": {}}', "5"])
def test_a_damaged_description_is_refused(tmp_path, description):
    path = write(HyperCube(pixels(5, 4, 3)), tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["napari_dodn"]
        file["napari_dodn"] = description
    with pytest.raises(FormatError, match="is damaged"):
        read(path)


def test_a_cube_of_many_blocks_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_dodn.formats.pixels.blocks.BLOCK_BYTES", 2**16)
    image = pixels(3, 300, 290)
    same(read(write(HyperCube(image), tmp_path / "a.h5")), image)


def test_a_cube_may_replace_the_file_that_it_is_read_from(tmp_path):
    image = pixels(5, 40, 30)
    path = write(HyperCube(image), tmp_path / "a.h5")
    cube = read(path)
    write(cube.derive(history=["Again."]), path, overwrite=True)
    same(cube, image)
    assert read(path).history == ("Again.",)


def test_a_file_that_is_there_stays(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("mine")
    with pytest.raises(FormatError, match="already exists"):
        write(HyperCube(pixels(5, 4, 3)), path)
    assert path.read_text() == "mine"


def test_a_cube_that_cannot_be_read_leaves_no_file_behind(tmp_path, hdf5_file):
    path = hdf5_file({"hsi": pixels(31, 12, 14)})
    cube = read(path)
    path.unlink()
    with pytest.raises(FormatError):
        write(cube, tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


def test_matlab_keeps_its_own_hdf5_files(tmp_path):
    image = pixels(31, 12, 14)
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["cube"] = image.transpose(0, 2, 1)
    with (tmp_path / "a.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    same(read((tmp_path / "a.mat").rename(tmp_path / "a")), image)


@pytest.fixture
def half_written(tmp_path):
    """Return a function that makes a file of six chunks, of which some were written."""

    def make(*chunks, name="scene.h5", fill=None):
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            item = file.create_dataset("a", (6, 9, 8), "f4", chunks=(1, 9, 8), fillvalue=fill)
            for chunk in chunks:
                item[chunk] = 1.0
        return path

    return make


@pytest.mark.parametrize("name", ["scene.h5", "scene.nc", "scene.mat"])
def test_chunks_that_were_never_written_are_counted_in_a_note(half_written, name):
    path = half_written(0, 2, 3, 5, name=name, fill=-1.0)
    note = "2 of the 6 chunks of 'a' are not there; their pixels are read as -1.0."
    assert note in read(path).notes
    assert not any("chunks" in note for note in read(half_written(*range(6), name=name)).notes)


@pytest.mark.parametrize("name", ["scene.h5", "scene.mat"])
def test_a_file_of_which_no_chunk_was_written_is_refused(half_written, name):
    with pytest.raises(FormatError, match=r"none of the 6 chunks of 'a' is there\.$"):
        read(half_written(name=name))


def test_a_file_in_one_piece_that_was_never_written_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (6, 9, 8), "f4")
    with pytest.raises(FormatError, match=r"nothing of 'a' is there\.$"):
        read(tmp_path / "a.h5")


def test_a_cube_of_our_own_holds_all_chunks_and_is_refused_where_some_are_gone(tmp_path):
    cube = HyperCube(np.zeros((3, 200, 300), "f4"))
    path = write(cube, tmp_path / "a.h5")
    assert not any("chunks" in note for note in read(path).notes)
    with h5py.File(path, "r+") as file:
        old = file["cube"]
        chunks, labels = old.chunks, [axis.label for axis in old.dims]
        del file["cube"]
        item = file.create_dataset("cube", cube.shape, "f4", chunks=chunks)
        for axis, label in zip(item.dims, labels, strict=True):
            axis.label = label
        item[:, :5, :5] = 1
    with pytest.raises(FormatError, match=r"chunks of 'cube' are missing.*again\.$"):
        read(path)
