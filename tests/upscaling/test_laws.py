"""What must hold for every result, whatever the weights are (design: "What must hold")."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import napari_dodn
from napari_dodn import HyperCube
from napari_dodn.cube import Region
from napari_dodn.network.linear import linear_upsample
from napari_dodn.upscaling import bicubic
from tests.upscaling.conftest import texture

same_fixture = settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(params=["random", "shipped"])
def upscale(request, model_path):
    """Return `napari_dodn.upscale` with random weights, and with those that are shipped."""
    model = model_path if request.param == "random" else "dodn-x2"
    options = {"device": "cpu", "precision": "float32", "blur": 0.0}
    return lambda cube, **more: napari_dodn.upscale(cube, 2, model, **options | more)


def linear(pixels):
    """Return bilinear upsampling by 2."""
    return linear_upsample(torch.from_numpy(pixels)[None], 2)[0].numpy()


@pytest.mark.parametrize("bands", [1, 3, 31, 150])
def test_any_number_of_bands_is_upscaled(upscale, bands):
    cube = HyperCube(texture((bands, 16, 15)))
    result = upscale(cube)
    assert result.shape == (bands, 32, 30)
    assert np.abs(result.data - linear(cube.data)).max() > 0.01  # the network was asked


@same_fixture
@given(factor=st.floats(1e-6, 1e6))
def test_units_do_not_matter(upscale, cube, factor):
    expected = upscale(cube).data * factor
    result = upscale(cube.derive(cube.data.astype(np.float64) * factor)).data
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-5 * np.ptp(expected))


@same_fixture
@given(side=st.integers(4, 40))
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


def test_a_result_put_together_in_blocks_of_bands_is_the_same(upscale, monkeypatch):
    cube = HyperCube(texture((40, 18, 19)))
    whole = upscale(cube).data
    monkeypatch.setattr("napari_dodn.upscaling.results.BLOCK_BYTES", 4 * 36 * 38 * 7)
    np.testing.assert_allclose(upscale(cube).data, whole, atol=1e-5)


@pytest.mark.parametrize(
    "region", [Region(0, 24, 0, 30), Region(3, 11, 7, 20), Region(20, 24, 0, 1)]
)
def test_a_region_equals_its_place_in_the_whole(upscale, cube, region):
    whole = upscale(cube).data[(slice(None), *region.scaled(2).slices)]
    part = upscale(cube, region=region).data
    np.testing.assert_allclose(part, whole, atol=1e-5 * np.ptp(whole))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float64, ">u2"])
def test_every_real_type_gives_float32(upscale, dtype):
    values = (100 + 30 * texture((3, 16, 17))).round().clip(0, 255)
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


def with_dark_half(factor=100):
    """Return a cube of strong edges between 0 and much: sharpened, they undershoot."""
    data = factor * np.abs(texture((6, 24, 30)))
    data[:, :, ::5] = 0
    return HyperCube(data.astype(np.float32))


def test_what_is_nowhere_negative_is_not_made_so(upscale, monkeypatch):
    cube = with_dark_half()
    assert upscale(cube).data.min() == 0
    monkeypatch.setattr("napari_dodn.upscaling.statistics.LOW_ROOM", np.inf)
    freely = upscale(cube.derive(cube.data - 50)).data + 50
    assert freely.min() < -0.1  # it would undershoot


def test_values_around_zero_are_sharpened_as_elsewhere(upscale):
    cube = with_dark_half(1)
    cube = cube.derive(cube.data.astype(np.float64) - cube.data.mean())
    raised = upscale(cube.derive(cube.data + 100)).data - 100
    np.testing.assert_allclose(upscale(cube).data, raised, atol=1e-4)


def test_a_dark_result_is_not_taken_for_no_data(upscale):
    cube = with_dark_half()
    data = np.where(cube.data == 0, np.float32(1e-3), cube.data)
    data[:, 10:12, 10:12] = 0
    result = upscale(cube.derive(data, nodata=0))
    expected = np.zeros(result.shape[1:], bool)
    expected[20:24, 20:24] = True
    np.testing.assert_array_equal(np.isnan(result.pixels()[0]), expected)


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


def test_bad_bands_are_upsampled_linearly_and_do_not_disturb_the_good_ones(upscale, cube):
    good = np.array([True, True, False, True, True, True, False])
    noisy = cube.data.copy()
    noisy[~good] = 1e6 * np.random.default_rng(3).standard_normal(noisy[~good].shape)
    result = upscale(cube.derive(noisy, good_bands=good))
    calm = upscale(cube.derive(good_bands=good))
    np.testing.assert_allclose(result.data[good], calm.data[good], rtol=1e-5)
    baseline = linear(noisy[~good])
    np.testing.assert_allclose(result.data[~good], baseline, rtol=1e-4, atol=1)


def test_a_mask_that_calls_every_band_bad_is_ignored(upscale, cube):
    result = upscale(cube.derive(good_bands=np.zeros(7, bool))).data
    np.testing.assert_array_equal(result, upscale(cube).data)


def with_weights(deviations, shape=(31, 24, 26), seed=0):
    """Return a cube (bands, y, x) of as many smooth components as there are deviations."""
    planes = texture((len(deviations), *shape[1:]), seed)
    flat = planes.reshape(len(planes), -1) - planes.mean(axis=(1, 2))[:, None]
    white = np.linalg.svd(flat, full_matrices=False)[2] * flat.shape[1] ** 0.5
    rng = np.random.default_rng(seed + 1)
    spectra = np.linalg.qr(rng.standard_normal((shape[0], len(deviations))))[0]
    cube = spectra @ (np.array(deviations)[:, None] * white)
    return HyperCube(cube.reshape(shape) / cube.std())


@pytest.mark.parametrize(
    "deviations",
    [[1], [1, 0.5, 0.2], list(0.8 ** np.arange(31.0)), [1, 1, 0.3], [1, 0.4, 0.4, 0.1]],
)
@pytest.mark.parametrize("noise", [1e-5, 1e-4, 1e-3])
def test_a_little_noise_changes_the_result_a_little(upscale, deviations, noise):
    cube = with_weights(deviations)
    added = noise * np.random.default_rng(5).standard_normal(cube.shape)
    change = upscale(cube.derive(cube.data + added)).data - upscale(cube).data
    assert np.sqrt(np.mean(change**2)) < 10 * noise


@pytest.mark.parametrize("level", [0, 1e3, 1e6])
def test_a_texture_is_one_on_any_level(upscale, level):
    data = with_weights([1, 0.5, 0.2]).data
    expected = upscale(HyperCube(data)).data
    result = upscale(HyperCube(data + level)).data - level
    assert np.abs(expected - linear(data.astype(np.float32))).max() > 0.1
    np.testing.assert_allclose(result, expected, atol=max(2e-4, level * 2e-7))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
def test_rounding_is_no_texture(upscale, dtype):
    chance = np.random.default_rng(0)
    flat = np.full((5, 20, 20), 1000, dtype)
    steps = chance.integers(0, 2, flat.shape)
    step = 1 if np.dtype(dtype).kind == "u" else np.spacing(dtype(1000))
    result = upscale(HyperCube((flat + steps * step).astype(dtype))).data
    assert result.min() >= 1000 - 1e-4
    assert result.max() <= 1000 + max(step, 1e-4)


def test_the_order_of_the_bands_does_not_matter(upscale):
    cube = with_weights([1, 0.5, 0.2, 0.1])
    order = np.random.default_rng(0).permutation(31)
    expected = upscale(cube).data[order]
    np.testing.assert_allclose(upscale(cube.derive(cube.data[order])).data, expected, atol=1e-4)


@pytest.mark.parametrize("value", [1e6, -1e6, 1e30])
def test_one_value_far_outside_leaves_the_rest_as_good_as_without(upscale, value):
    cube = with_weights([1, 0.5, 0.2, 0.1], (31, 40, 40))
    spoilt = cube.data.copy()
    spoilt[7, 20, 20] = value
    expected, result = upscale(cube).data, upscale(cube.derive(spoilt)).data
    assert (result[7, 40:42, 40:42] == np.float32(value)).all()
    change = result - expected
    change[7, 40:42, 40:42] = 0
    assert np.sqrt(np.mean(change**2)) < 0.01
    assert np.abs(change[:, :20, :20]).max() < 0.02


def test_a_customary_fill_value_is_taken_for_no_data(upscale):
    cube = with_weights([1, 0.5, 0.2, 0.1], (31, 40, 40))
    spoilt = cube.data.copy() + 5
    spoilt[:, :, :6] = -9999
    result = upscale(cube.derive(spoilt)).data
    assert (result[:, :, :12] == -9999).all()
    stated = upscale(cube.derive(spoilt, nodata=-9999.0)).data
    np.testing.assert_allclose(result, stated, atol=1e-4)


def test_a_stripe_in_one_band_leaves_the_others(upscale):
    cube = with_weights([1, 0.5, 0.2, 0.1], (31, 40, 40))
    striped = cube.data.copy()
    striped[3, :, 10:30] = np.nan
    expected, result = upscale(cube).data, upscale(cube.derive(striped)).data
    others = np.delete(result - expected, 3, axis=0)
    assert np.sqrt(np.mean(others**2)) < 0.05
    assert np.isnan(result[3, :, 20:60]).all()
    assert np.isfinite(result[3, :, :20]).all()
