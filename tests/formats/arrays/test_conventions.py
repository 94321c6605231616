"""Our own HDF5 and Zarr files in the terms of the CF conventions, and after others changed them."""

from __future__ import annotations

from contextlib import contextmanager

import h5py
import numpy as np
import pytest
import zarr

from napari_dodn import HyperCube
from napari_dodn.formats import read, write

STORED = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
MAP_INFO = ("UTM", "1", "1", "500000", "4000000", "30", "30", "33", "North", "WGS-84")
CUBE = HyperCube(
    STORED,
    np.linspace(400, 800, 5),
    gain=1e-4,
    offset=-0.1,
    nodata=7,
    quantity="reflectance",
    map_info=MAP_INFO,
    history=("made up",),
)
SUFFIXES = pytest.mark.parametrize("suffix", [".h5", ".zarr"])


@contextmanager
def opened(path, mode="r"):
    """Open a file of either format."""
    if path.suffix == ".h5":
        with h5py.File(path, "r+" if mode == "a" else mode) as file:
            yield file
    else:
        yield zarr.open_group(path, mode=mode)


@SUFFIXES
def test_gain_offset_and_no_data_are_those_of_the_conventions(tmp_path, suffix):
    with opened(write(CUBE, tmp_path / f"a{suffix}")) as file:
        said = dict(file["cube"].attrs)
        assert (said["scale_factor"], said["add_offset"], said["_FillValue"]) == (1e-4, -0.1, 7)
        assert (said["coordinates"], said["long_name"]) == ("wavelengths", "reflectance")
        assert file.attrs["Conventions"].startswith("CF-")
        if suffix == ".h5":
            assert said["_FillValue"].dtype == np.int16


@SUFFIXES
def test_gains_that_differ_stand_beside_the_cube(tmp_path, suffix):
    gain = [1, 2, 3, 4, 5]
    path = write(CUBE.derive(gain=gain), tmp_path / f"a{suffix}")
    with opened(path) as file:
        assert "scale_factor" not in file["cube"].attrs
        np.testing.assert_array_equal(file["gain"][:], gain)
    np.testing.assert_array_equal(read(path).gain, gain)


@SUFFIXES
def test_pixels_that_are_scaled_already_are_not_scaled_again(tmp_path, suffix):
    path = write(CUBE.derive(scaled=True), tmp_path / f"a{suffix}")
    with opened(path) as file:
        assert "scale_factor" not in file["cube"].attrs
    cube = read(path)
    assert cube.scaled
    assert cube.notes == ()


@SUFFIXES
@pytest.mark.parametrize("nodata", [-1e20, 0.5, np.inf])
def test_a_no_data_value_that_the_type_cannot_hold_is_not_written_for_others(
    tmp_path, suffix, nodata
):
    path = write(CUBE.derive(nodata=nodata), tmp_path / f"a{suffix}")
    with opened(path) as file:
        assert "_FillValue" not in file["cube"].attrs
    assert read(path).nodata == nodata


@pytest.mark.parametrize("nodata", [-9999.5, np.nan])
def test_the_no_data_value_of_a_store_is_packed_as_by_xarray(tmp_path, nodata):
    cube = CUBE.derive(STORED.astype(np.float32), nodata=nodata)
    group = zarr.open_group(write(cube, tmp_path / "a.zarr"), mode="a")
    assert isinstance(group["cube"].attrs["_FillValue"], str)
    del group.attrs["napari_dodn"]
    assert read(tmp_path / "a.zarr").nodata == pytest.approx(nodata, nan_ok=True)


def test_every_axis_has_a_scale_and_every_array_of_a_store_names_its_axes(tmp_path):
    with h5py.File(write(CUBE, tmp_path / "a.h5")) as file:
        assert [axis[0].name for axis in file["cube"].dims] == ["/band", "/y", "/x"]
        assert file["wavelengths"].dims[0][0].name == "/band"
    group = zarr.open_group(write(CUBE, tmp_path / "a.zarr"), mode="r")
    named = {name: array.metadata.dimension_names for name, array in group.arrays()}
    assert named == {
        "cube": ("band", "y", "x"),
        "wavelengths": ("band",),
        "x": ("x",),
        "y": ("y",),
        "spatial_ref": None,
    }


@SUFFIXES
def test_what_is_written_reads_like_any_file_without_our_description(tmp_path, suffix):
    path = write(CUBE, tmp_path / f"a{suffix}")
    with opened(path, "a") as file:
        if suffix == ".h5":
            del file["napari_dodn"]
        else:
            del file.attrs["napari_dodn"]
    cube = read(path)
    for name in ("wavelengths", "gain", "offset", "nodata", "quantity"):
        np.testing.assert_array_equal(getattr(cube, name), getattr(CUBE, name))
    assert cube.map_info[:-1] == MAP_INFO


def test_a_store_with_a_place_is_replaced_by_another(tmp_path):
    path = write(CUBE.derive(gain=[1, 2, 3, 4, 5]), tmp_path / "a.zarr")
    write(CUBE, path, overwrite=True)
    assert sorted(zarr.open_group(path).array_keys()) == [
        "cube",
        "spatial_ref",
        "wavelengths",
        "x",
        "y",
    ]


def with_pixels(path, pixels, **said):
    """Write other pixels, and other attributes with them, into one of our HDF5 files."""
    with h5py.File(path, "a") as file:
        del file["cube"]
        file["cube"] = pixels
        file["cube"].attrs.update(said)


@pytest.mark.parametrize("said", [{"coordinates": "wavelengths"}, {}])
def test_pixels_that_others_have_scaled_lose_their_gain(tmp_path, said):
    path = write(CUBE, tmp_path / "a.h5")
    with_pixels(path, STORED * 1e-4 - 0.1, _FillValue=np.nan, **said)
    cube = read(path)
    assert (cube.gain, cube.offset, cube.nodata) == (None, None, None)
    assert cube.history == CUBE.history
    (note,) = cube.notes
    assert note.startswith("Other software has changed 'gain', 'offset' and 'nodata' since")


def test_pixels_that_others_have_packed_get_their_gain(tmp_path):
    path = write(CUBE.derive(STORED.astype(np.float32), scaled=True), tmp_path / "a.h5")
    with_pixels(path, STORED, scale_factor=0.5, _FillValue=np.int16(7), coordinates="wavelengths")
    cube = read(path)
    assert not cube.scaled
    np.testing.assert_array_equal(cube.gain, [0.5] * 5)


def test_pixels_that_are_written_again_by_h5py_keep_their_gain(tmp_path):
    path = write(CUBE, tmp_path / "a.h5")
    with_pixels(path, STORED + 1)
    np.testing.assert_array_equal(read(path).gain, CUBE.gain)


def test_a_file_of_before_the_conventions_keeps_its_gain(tmp_path):
    path = write(CUBE, tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        text = file["napari_dodn"].asstr()[()]
        start, end = text.index('"attributes"'), text.index('"wavelengths" :')
        del file["napari_dodn"]
        file["napari_dodn"] = text[:start] + text[end:]
        for name in list(file["cube"].attrs):
            del file["cube"].attrs[name]
    cube = read(path)
    np.testing.assert_array_equal(cube.gain, CUBE.gain)
    assert cube.notes == ()


@SUFFIXES
def test_rows_that_others_have_sorted_the_other_way_are_found_by_their_coordinates(
    tmp_path, suffix
):
    path = write(CUBE, tmp_path / f"a{suffix}")
    with opened(path, "a") as file:
        file["cube"][...] = STORED[:, ::-1]
        file["y"][...] = file["y"][:][::-1]
    cube = read(path)
    np.testing.assert_array_equal(cube.data, STORED)
    assert cube.map_info[:-1] == MAP_INFO
    assert "other software has changed the file" in cube.notes[0]


@SUFFIXES
def test_a_cube_that_others_have_moved_has_its_new_place(tmp_path, suffix):
    path = write(CUBE, tmp_path / f"a{suffix}")
    with opened(path, "a") as file:
        file["x"][...] = file["x"][:] + 3000
    cube = read(path)
    assert cube.map_info[3] == "503000"
    np.testing.assert_array_equal(cube.gain, CUBE.gain)


def test_axes_that_xarray_has_moved_are_named_by_their_scales(tmp_path):
    path = write(CUBE, tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        labels = file["cube"].attrs["DIMENSION_LABELS"]
        del file["cube"]
        cube = file.create_dataset("cube", data=STORED.transpose(1, 2, 0))
        for dimension, name in zip(cube.dims, ("y", "x", "band"), strict=True):
            dimension.attach_scale(file[name])
        cube.attrs.update({"DIMENSION_LABELS": labels, "_Netcdf4Dimid": 0})
        cube.attrs["grid_mapping"] = "spatial_ref"
    cube = read(path)
    np.testing.assert_array_equal(cube.data, STORED)
    np.testing.assert_array_equal(cube.wavelengths, CUBE.wavelengths)
    assert cube.map_info[:-1] == MAP_INFO


@pytest.mark.parametrize("factor", [0, [0, 0, 0, 0, 0]])
def test_a_scale_factor_of_0_is_left_out_and_said(tmp_path, factor):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cube"], file["wavelengths"] = STORED, CUBE.wavelengths
        file["cube"].attrs["scale_factor"] = factor
    cube = read(tmp_path / "a.h5")
    assert cube.gain is None
    assert "The attribute 'scale_factor' is left out, since it is 0." in cube.notes
