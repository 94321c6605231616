"""Matrices of values for each band and column, and arrays of quality, beside a cube."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from napari_dodn.formats import AmbiguousError, contents, read

IMAGE = np.random.default_rng(5).random((8, 20, 18), dtype=np.float32)
CENTRES = 400.0 + 10 * np.arange(8)
SMILE = CENTRES[:, None] + np.linspace(-1, 1, 18)


@pytest.fixture
def hdf5_file(tmp_path):
    def make(**arrays):
        path = tmp_path / "scene.h5"
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values
        return path

    return make


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (1, 0, 2)])
def test_wavelengths_for_each_band_and_column_tell_the_bands(hdf5_file, order, turned):
    path = hdf5_file(cube=IMAGE.transpose(order), wavelength=SMILE.T if turned else SMILE)
    cube = read(path)
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert any("mean over the columns" in note for note in cube.notes)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
def test_wavelengths_for_each_band_and_pixel_are_their_mean(hdf5_file, order):
    smile = np.repeat(SMILE[:, None], 20, axis=1)
    cube = read(hdf5_file(cube=IMAGE.transpose(order), wavelength=smile.transpose(order)))
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    assert any("mean over the pixels" in note for note in cube.notes)


def test_wavelengths_of_as_many_columns_as_bands_vary_along_the_bands(hdf5_file):
    image, smile = IMAGE[:, :, :8], SMILE[:, :8]
    cube = read(hdf5_file(cube=image, wavelength=smile.T), axes="byx")
    np.testing.assert_allclose(cube.wavelengths, smile.mean(axis=1))


def test_widths_for_each_band_and_column_are_their_mean(hdf5_file):
    cube = read(hdf5_file(cube=IMAGE, wavelength=CENTRES, fwhm=np.full((8, 18), 6.0)))
    np.testing.assert_allclose(cube.fwhm, 6)
    assert any("'fwhm' has a value for each band and column" in note for note in cube.notes)


@pytest.mark.parametrize("name", ["gain", "dark", "flat", "dark_offset", "calibration"])
def test_a_matrix_of_the_sensor_is_no_map(hdf5_file, name):
    cube = read(hdf5_file(**{"cube": IMAGE.transpose(1, 2, 0), name: np.ones((20, 8))}))
    assert cube.bands == 8


def test_a_column_without_numbers_is_left_out_of_the_mean(hdf5_file):
    smile = SMILE - SMILE.mean(axis=1, keepdims=True) + CENTRES[:, None]
    smile[:, 3] = np.nan
    cube = read(hdf5_file(cube=IMAGE, wavelength=smile))
    np.testing.assert_allclose(cube.wavelengths, np.nanmean(smile, axis=1))


def test_a_matlab_file_may_have_wavelengths_for_each_band_and_column(tmp_path):
    path = tmp_path / "scene.mat"
    scipy.io.savemat(path, {"cube": IMAGE.transpose(1, 2, 0), "wavelength": SMILE})
    cube = read(path)
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


QUALITY = [
    "radiance_uncertainty",
    "radiance_snr",
    "std",
    "std_dev",
    "quality_flags",
    "qual_l1b",
    "pixel_mask",
    "RadianceUncertainty",
    "error",
]


@pytest.mark.parametrize("name", QUALITY)
def test_an_array_of_quality_beside_the_cube_is_no_candidate(hdf5_file, name):
    path = hdf5_file(**{"radiance": IMAGE, name: IMAGE + 1})
    np.testing.assert_array_equal(
        np.asarray(read(path).data), np.asarray(read(path, dataset="radiance").data)
    )
    assert [candidate.name for candidate in contents(path)] == ["radiance"]
    assert read(path, dataset=name).shape == read(path).shape


@pytest.mark.parametrize("name", QUALITY)
def test_an_array_of_quality_alone_is_the_cube(hdf5_file, name):
    assert sorted(read(hdf5_file(**{name: IMAGE})).shape) == [8, 18, 20]


@pytest.mark.parametrize("name", ["standard", "qualified_reflectance", "stdio"])
def test_a_name_that_only_begins_alike_stays_a_candidate(hdf5_file, name):
    with pytest.raises(AmbiguousError):
        read(hdf5_file(**{"radiance": IMAGE, name: IMAGE}))


@pytest.mark.parametrize("name", ["uncertainty", "snr", "quality"])
def test_an_array_of_quality_in_a_matlab_file_is_no_candidate(tmp_path, name):
    path = tmp_path / "scene.mat"
    scipy.io.savemat(path, {"radiance": IMAGE.transpose(1, 2, 0), name: IMAGE.transpose(1, 2, 0)})
    assert [candidate.name for candidate in contents(path)] == ["radiance"]
