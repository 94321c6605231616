"""Arrays with axes of length 1 beside the three of a cube."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io
import zarr

from napari_dodn.formats import AmbiguousError, FormatError, contents, read

IMAGE = np.random.default_rng(7).random((10, 12, 9), dtype=np.float32)
CENTRES = 400.0 + 10 * np.arange(10)


def check(cube, image=IMAGE):
    np.testing.assert_array_equal(np.asarray(cube.data), image)
    np.testing.assert_array_equal(np.asarray(cube.data[3, 2:5, 4]), image[3, 2:5, 4])
    assert any("of length 1" in note for note in cube.notes)


@pytest.mark.parametrize("options", [{}, {"chunks": True}])
@pytest.mark.parametrize("places", [(0,), (1,), (3,), (0, 1), (0, 2)])
def test_axes_of_length_1_are_dropped_in_hdf5(tmp_path, places, options):
    path = tmp_path / "scene.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=np.expand_dims(IMAGE, places), **options)
        file["wavelength"] = CENTRES
    cube = read(path)
    check(cube)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert contents(path)[0].shape == IMAGE.shape


def netcdf(path, names, image):
    with h5py.File(path, "w") as file:
        file["reflectance"] = image
        for axis, (name, length) in enumerate(zip(names, image.shape, strict=True)):
            file[name] = CENTRES if name == "wavelength" else np.arange(length, dtype=float)
            file[name].make_scale(name)
            file["reflectance"].dims[axis].attach_scale(file[name])
    return path


def test_the_axis_of_time_is_dropped_in_netcdf_and_names_tell_the_others(tmp_path):
    names = ("time", "y", "wavelength", "x")
    path = netcdf(tmp_path / "scene.nc", names, IMAGE.transpose(1, 0, 2)[None])
    cube = read(path)
    check(cube)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


def test_of_several_axes_of_length_1_those_of_a_cube_stay(tmp_path):
    names = ("y", "time", "wavelength", "x")
    path = netcdf(tmp_path / "scene.nc", names, IMAGE[None, None, :, 0])
    cube = read(path)
    assert cube.shape == (10, 1, 9)


def test_two_axes_more_than_those_of_a_cube_are_refused(tmp_path):
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["data"] = np.zeros((2, 3, 10, 12, 9))
    with pytest.raises(FormatError, match="no cube of three axes"):
        read(tmp_path / "scene.h5")


def hdf5_file(path, image, centres):
    with h5py.File(path, "w") as file:
        file["cube"] = image
        if centres is not None:
            file["wavelength"] = centres
    return path


def npz_file(path, image, centres):
    beside = {} if centres is None else {"wavelengths": centres}
    np.savez(path, cube=image, **beside)
    return path


def npy_file(path, image, centres):
    np.save(path, image)
    if centres is not None:
        np.savetxt(path.with_name("wavelengths.txt"), centres)
    return path


def matlab_file(path, image, centres):
    scipy.io.savemat(path, {"cube": image} | ({} if centres is None else {"wavelength": centres}))
    return path


MAKERS = {"cube.h5": hdf5_file, "cube.npz": npz_file, "cube.npy": npy_file, "cube.mat": matlab_file}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("axis", [0, 3])
def test_cubes_along_an_axis_without_a_name_are_asked_for_by_number(tmp_path, name, axis):
    image = IMAGE if axis == 0 else IMAGE.transpose(1, 2, 0)
    path = MAKERS[name](tmp_path / name, np.stack([image, image + 1], axis), CENTRES)
    with pytest.raises(AmbiguousError, match="cube 1.*cube 2") as caught:
        read(path)
    assert caught.value.candidates == ["cube 1", "cube 2"]
    cube = read(path, dataset="cube 2")
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE + 1)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


@pytest.mark.parametrize("shape", [(2, 10, 12, 12), (2, 12, 12, 10), (12, 12, 10, 2)])
def test_two_axes_of_one_length_tell_which_axis_numbers_the_cubes(tmp_path, shape):
    path = hdf5_file(tmp_path / "cube.h5", np.zeros(shape), None)
    assert [candidate.bands for candidate in contents(path)] == [10, 10]


@pytest.mark.parametrize("name", MAKERS)
def test_bands_are_the_first_of_three_axes_behind_one_of_length_1(tmp_path, name):
    cube = read(MAKERS[name](tmp_path / name, IMAGE[None], None))
    check(cube)
    assert any("another axis stood in front" in note for note in cube.notes)


def test_an_array_whose_axes_are_none_of_bands_is_no_cube_beside_a_stack(tmp_path):
    path = netcdf(tmp_path / "scene.nc", ("time", "wavelength", "y", "x"), np.stack([IMAGE] * 2))
    with h5py.File(path, "a") as file:
        file["angle"] = IMAGE[:2]
        for axis, name in enumerate(("time", "y", "x")):
            file["angle"].dims[axis].label = name
    assert [found.name for found in contents(path)] == ["reflectance time 1", "reflectance time 2"]


@pytest.mark.parametrize("version", [2, 3])
def test_axes_of_length_1_are_dropped_in_zarr(tmp_path, version):
    group = zarr.create_group(tmp_path / "scene.zarr", zarr_format=version)
    group.create_array("data", data=IMAGE[None])
    group.create_array("wavelength", data=CENTRES)
    check(read(tmp_path / "scene.zarr"))


@pytest.mark.parametrize("version", [2, 3])
def test_the_first_level_of_an_ome_zarr_is_the_cube(tmp_path, version):
    path = tmp_path / "image.zarr"
    group = zarr.create_group(path, zarr_format=version)
    group.create_array("0", data=IMAGE[None, :, None])
    group.create_array("1", data=IMAGE[None, :, None, ::2, ::2])
    kinds = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
    axes = [{"name": name, "type": kind} for name, kind in kinds.items()]
    said = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}]}
    group.attrs.update(said if version == 2 else {"ome": said})
    check(read(path))
    check(read(path, dataset="1"), IMAGE[:, ::2, ::2])


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1)])
def test_axes_of_length_1_are_dropped_in_matlab(tmp_path, places):
    path = tmp_path / "scene.mat"
    image = np.expand_dims(IMAGE.transpose(1, 2, 0), places)
    scipy.io.savemat(path, {"cube": image, "wavelength": CENTRES})
    check(read(path))


@pytest.mark.parametrize("places", [(0,), (1,), (0, 1)])
def test_axes_of_length_1_are_dropped_in_matlab_of_version_7_3(tmp_path, places):
    path = tmp_path / "scene.mat"
    image = np.expand_dims(IMAGE.transpose(1, 2, 0), places)
    with h5py.File(path, "w", userblock_size=512) as file:
        file["cube"] = image.T
        file["cube"].attrs["MATLAB_class"] = np.bytes_("single")
        file["wavelength"] = CENTRES[:, None]
        file["wavelength"].attrs["MATLAB_class"] = np.bytes_("double")
    check(read(path))


@pytest.mark.parametrize("names", [("time", "wavelength", "y", "x"), ("wavelength", "z", "y", "x")])
def test_cubes_along_another_axis_are_asked_for_one_by_one(tmp_path, names):
    axis = 0 if names[0] == "time" else 1
    stack = np.stack([IMAGE, IMAGE + 1, IMAGE + 2], axis)
    path = netcdf(tmp_path / "scene.nc", names, stack)
    with pytest.raises(AmbiguousError, match=f"reflectance {names[axis]} 1"):
        read(path)
    cube = read(path, dataset=f"{names[axis]} 3")
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE + 2)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_array_equal(np.asarray(cube.data[2, 3]), IMAGE[2, 3] + 2)


def test_the_attributes_of_a_stack_are_those_of_each_cube(tmp_path):
    path = netcdf(tmp_path / "scene.nc", ("time", "wavelength", "y", "x"), np.stack([IMAGE] * 2))
    with h5py.File(path, "a") as file:
        file["reflectance"].attrs["_FillValue"] = -1.0
    assert read(path, dataset="reflectance time 2").nodata == -1


def test_a_cube_of_three_axes_goes_before_a_stack(tmp_path):
    path = netcdf(tmp_path / "scene.nc", ("time", "wavelength", "y", "x"), np.stack([IMAGE] * 2))
    with h5py.File(path, "a") as file:
        file["mean"] = IMAGE
    assert [candidate.name for candidate in contents(path)] == ["mean"]
