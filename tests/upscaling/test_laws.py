"""What must hold for every result, whatever the weights are (design: "What must hold")."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_dodn import HyperCube
from napari_dodn.cube import Region
from napari_dodn.upscaling import bicubic

same_fixture = settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("bands", [1, 3, 31, 150])
def test_any_number_of_bands_is_upscaled(upscale, bands):
    cube = HyperCube(np.random.default_rng(1).random((bands, 6, 5), np.float32))
    assert upscale(cube).shape == (bands, 12, 10)


@same_fixture
@given(factor=st.floats(1e-6, 1e6))
def test_units_do_not_matter(upscale, cube, factor):
    expected = upscale(cube).data * factor
    result = upscale(cube.derive(cube.data.astype(np.float64) * factor)).data
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-5 * np.ptp(expected))


@same_fixture
@given(side=st.integers(1, 40))
def test_tiles_of_any_size_give_what_the_whole_gives(upscale, cube, side):
    whole = upscale(cube, tile=1000).data
    tiled = upscale(cube, tile=side).data
    np.testing.assert_allclose(tiled, whole, atol=1e-5 * np.ptp(whole))


def test_tiles_are_exact_beside_invalid_pixels_too(upscale, cube):
    data = cube.data.copy()
    data[:, 5:17, 8:20] = np.nan
    data[2, 3, 3] = np.nan
    holed = cube.derive(data)
    whole = upscale(holed, tile=1000).data
    np.testing.assert_allclose(upscale(holed, tile=5).data, whole, atol=1e-5 * np.nanmax(whole))


def test_band_groups_give_what_all_bands_at_once_give(upscale, monkeypatch):
    cube = HyperCube(np.random.default_rng(1).random((40, 8, 9), np.float32))
    whole = upscale(cube).data
    monkeypatch.setattr("napari_dodn.upscaling.tiles.BAND_GROUP", 7)
    np.testing.assert_allclose(upscale(cube).data, whole, atol=1e-5 * np.ptp(whole))


@pytest.mark.parametrize(
    "region", [Region(0, 24, 0, 30), Region(3, 11, 7, 20), Region(20, 24, 0, 1)]
)
def test_a_region_equals_its_place_in_the_whole(upscale, cube, region):
    whole = upscale(cube).data[(slice(None), *region.scaled(2).slices)]
    part = upscale(cube, region=region).data
    np.testing.assert_allclose(part, whole, atol=1e-5 * np.ptp(whole))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float64, ">u2"])
def test_every_real_type_gives_float32(upscale, dtype):
    values = np.random.default_rng(0).integers(0, 200, (3, 6, 7))
    result = upscale(HyperCube(values.astype(dtype))).data
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, upscale(HyperCube(values.astype(np.float32))).data)


@pytest.mark.parametrize("nodata", [None, -9999.0])
def test_invalid_pixels_stay_invalid_and_change_only_their_surroundings(upscale, cube, nodata):
    data = cube.data.copy()
    data[:, 10:12, 10:12] = np.nan if nodata is None else nodata
    result = upscale(cube.derive(data, nodata=nodata))
    block = result.data[:, 20:24, 20:24]
    assert np.isnan(block).all() if nodata is None else (block == nodata).all()
    assert np.isfinite(result.pixels()).sum() == result.data.size - block.size
    assert result.nodata == nodata


def test_an_invalid_value_leaves_the_other_bands_of_its_pixel_valid(upscale, cube):
    data = cube.data.copy()
    data[3, 10, 10] = np.nan
    result = upscale(cube.derive(data)).data
    assert np.isnan(result[3, 20:22, 20:22]).all()
    assert np.isfinite(np.delete(result, 3, axis=0)).all()


def test_values_under_no_data_never_reach_the_result(upscale, cube):
    low, high = (cube.data.copy() for _ in range(2))
    low[:, 4:20, 4:20], high[:, 4:20, 4:20] = -1e4, 1e4
    a = upscale(cube.derive(low, nodata=-1e4)).pixels()
    b = upscale(cube.derive(high, nodata=1e4)).pixels()
    np.testing.assert_array_equal(a, b)


def test_a_band_without_any_valid_value_does_not_disturb_the_others(upscale, cube):
    data = cube.data.copy()
    data[3] = np.nan
    result = upscale(cube.derive(data)).data
    assert np.isnan(result[3]).all()
    assert np.isfinite(np.delete(result, 3, axis=0)).all()


def test_an_entirely_invalid_cube_comes_back_invalid(upscale):
    assert np.isnan(upscale(HyperCube(np.full((2, 6, 6), np.nan))).data).all()


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_a_constant_cube_stays_constant(upscale, level):
    cube = HyperCube(np.full((3, 6, 6), level))
    expected = bicubic(cube, 2).data
    np.testing.assert_allclose(expected, level, atol=1e-6)
    assert np.isfinite(upscale(cube).data).all()


def test_bad_bands_are_bicubic_and_do_not_disturb_the_good_ones(upscale, cube):
    good = np.array([True, True, False, True, True, True, False])
    noisy = cube.data.copy()
    noisy[~good] = 1e6 * np.random.default_rng(3).standard_normal(noisy[~good].shape)
    result = upscale(cube.derive(noisy, good_bands=good))
    calm = upscale(cube.derive(good_bands=good))
    np.testing.assert_allclose(result.data[good], calm.data[good], rtol=1e-5)
    baseline = bicubic(cube.derive(noisy, good_bands=good), 2).data[~good]
    np.testing.assert_allclose(result.data[~good], baseline, rtol=1e-4, atol=1)


def test_a_mask_that_calls_every_band_bad_is_ignored(upscale, cube):
    result = upscale(cube.derive(good_bands=np.zeros(7, bool))).data
    np.testing.assert_array_equal(result, upscale(cube).data)
