"""Filling: from neighbours within a bounded radius, beyond by the components, else the mean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dodn.filling import FILL_RADIUS, LARGEST_FIT, fill

BANDS, SIDE, RANK = 12, 30, 3
DEVIATIONS = np.array([10.0, 3.0, 1.0])


def spectra(seed=0, noise=0.0):
    """Return centred pixels of known rank and their components."""
    random = np.random.default_rng(seed)
    components = np.linalg.qr(random.normal(size=(BANDS, RANK)))[0]
    amounts = random.normal(size=(RANK, SIDE, SIDE)) * DEVIATIONS[:, None, None]
    pixels = np.einsum("bk,kyx->byx", components, amounts)
    return pixels + noise * random.normal(size=pixels.shape), components


def test_pixels_that_are_all_valid_are_not_touched():
    pixels, components = spectra()
    assert fill(pixels, np.ones(pixels.shape, bool), components, DEVIATIONS) is pixels


def test_a_hole_is_filled_by_the_mean_of_its_neighbours():
    pixels, components = spectra()
    valid = np.ones(pixels.shape, bool)
    valid[2, 5, 5] = False
    expected = (pixels[2, 4:7, 4:7].sum() - pixels[2, 5, 5]) / 8
    pixels[2, 5, 5] = np.nan
    filled = fill(pixels, valid, components, DEVIATIONS)
    assert filled[2, 5, 5] == pytest.approx(expected)
    assert (filled == pixels)[valid].all()


@pytest.mark.parametrize("invalid", [np.nan, np.inf, 1e30])
def test_what_stands_at_invalid_places_does_not_matter(invalid):
    pixels, components = spectra()
    valid = np.random.default_rng(1).random(pixels.shape) > 0.7
    valid[::2, :, :15] = False
    clean = fill(pixels, valid, components, DEVIATIONS)
    filled = fill(np.where(valid, pixels, invalid), valid, components, DEVIATIONS)
    np.testing.assert_array_equal(filled, clean)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_from_neighbours_a_wide_stripe_is_filled_from_the_other_bands(dtype):
    pixels, components = spectra()
    pixels = pixels.astype(dtype)
    valid = np.ones(pixels.shape, bool)
    valid[::3, :, :20] = False
    filled = fill(np.where(valid, pixels, np.nan), valid, components, DEVIATIONS)
    far = np.s_[:, :, : 20 - FILL_RADIUS]
    error = np.sqrt(np.mean((filled - pixels)[far] ** 2))
    assert filled.dtype == dtype
    assert error < 0.05 * pixels.std()
    assert (filled == pixels)[valid].all()


def test_pixels_without_a_valid_band_far_from_others_become_the_mean():
    pixels, components = spectra()
    valid = np.ones(pixels.shape, bool)
    valid[:, :, :20] = False
    filled = fill(np.where(valid, pixels, np.nan), valid, components, DEVIATIONS)
    assert not filled[:, :, : 20 - FILL_RADIUS].any()
    assert filled[:, :, 20 - FILL_RADIUS :].all()


@given(st.integers(0, 99), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_few_valid_bands_do_not_blow_up(seed, count):
    random = np.random.default_rng(seed)
    pixels, components = spectra(seed, noise=0.3)
    pixels[:count] = 1000 * random.normal(size=(count, SIDE, SIDE))
    valid = np.zeros(pixels.shape, bool)
    valid[:count] = True
    filled = fill(np.where(valid, pixels, np.nan), valid, components, DEVIATIONS)
    bound = LARGEST_FIT * (np.abs(components) @ DEVIATIONS)
    assert np.isfinite(filled).all()
    assert (np.abs(filled[count:]) <= bound[count:, None, None] * (1 + 1e-9)).all()


def test_few_valid_bands_that_say_nothing_give_the_mean():
    pixels, components = spectra()
    components = components.copy()
    components[0] = 0
    valid = np.zeros(pixels.shape, bool)
    valid[0] = True
    pixels[0] = 5
    assert not fill(pixels, valid, components, DEVIATIONS)[1:].any()


def test_components_that_do_not_exist_have_no_say():
    pixels, components = spectra()
    valid = np.ones(pixels.shape, bool)
    valid[::3] = False
    more = np.hstack([components, np.zeros((BANDS, 2)), np.ones((BANDS, 1))])
    filled = fill(pixels, valid, more, np.append(DEVIATIONS, [0, 0, 0]))
    np.testing.assert_array_equal(filled, fill(pixels, valid, components, DEVIATIONS))
    none = fill(pixels, valid, np.zeros((BANDS, 2)), np.zeros(2))
    assert not none[::3].any()


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_a_tile_with_a_margin_is_filled_as_the_whole_is(y, x, seed):
    pixels, components = spectra(seed)
    valid = np.random.default_rng(seed).random(pixels.shape) > 0.6
    valid[:, 5:18, 3:20] = False
    valid[::2, 8:28] = False
    whole = fill(pixels, valid, components, DEVIATIONS)
    low, left = max(y - FILL_RADIUS, 0), max(x - FILL_RADIUS, 0)
    around = np.s_[:, low : y + 10 + FILL_RADIUS, left : x + 10 + FILL_RADIUS]
    tile = fill(pixels[around], valid[around], components, DEVIATIONS)
    inside = tile[:, y - low : y - low + 10, x - left : x - left + 10]
    np.testing.assert_allclose(inside, whole[:, y : y + 10, x : x + 10], rtol=1e-9, atol=1e-9)


def test_units_do_not_matter():
    pixels, components = spectra()
    valid = np.random.default_rng(0).random(pixels.shape) > 0.9
    filled = fill(pixels, valid, components, DEVIATIONS)
    scaled = fill(1e4 * pixels, valid, components, 1e4 * DEVIATIONS)
    np.testing.assert_allclose(scaled, 1e4 * filled, rtol=1e-9, atol=1e-6)


def test_the_input_is_left_as_it_is():
    pixels, components = spectra()
    valid = np.random.default_rng(0).random(pixels.shape) > 0.5
    before = pixels.copy(), valid.copy()
    fill(pixels, valid, components, DEVIATIONS)
    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(valid, before[1])
