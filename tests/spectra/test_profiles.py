"""Spectra of points and regions, and what is done to them, against naive formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull
from spectral import remove_continuum

from napari_dodn import HyperCube
from napari_dodn.jobs import CancelledError, follow, result_of
from napari_dodn.spectra import profiles, steps
from napari_dodn.spectra.profiles import point_spectrum, region_statistics_steps
from napari_dodn.spectra.transforms import (
    ProfileError,
    continuum,
    continuum_removed,
    convert_axis,
    difference,
    first_derivative,
    normalise_area,
    normalise_max,
    similarity,
)
from napari_dodn.spectra.units import to_nanometres

WAVELENGTHS = np.array([400.0, 410.0, 425.0, 430.0, 470.0])


@pytest.fixture
def cube():
    data = np.random.default_rng(0).normal(5, 1, (4, 9, 11))
    data[2, 3:5, 3:5] = np.nan
    return HyperCube(data, name="scene")


def spectra(least_bands=2):
    values = st.floats(0.015625, 1000, width=32)
    return arrays(np.float64, st.integers(least_bands, 12), elements=values)


@st.composite
def curves(draw):
    """Return rising wavelengths and a spectrum on them."""
    spectrum = draw(spectra(3))
    gaps = draw(arrays(np.float64, spectrum.size, elements=st.integers(1, 50)))
    return 400 + gaps.cumsum(), spectrum


# Points


def test_the_spectrum_of_a_point_is_that_pixel(cube):
    np.testing.assert_array_equal(point_spectrum(cube, 5, 7), cube.data[:, 5, 7])


def test_a_point_is_in_the_quantity_that_gain_and_offset_lead_to():
    cube = HyperCube(np.array([10, 20], "u2")[:, None, None], gain=[0.1, 0.2], offset=[0, 1])
    np.testing.assert_allclose(point_spectrum(cube, 0, 0), [1, 5])
    np.testing.assert_allclose(point_spectrum(cube.derive(scaled=True), 0, 0), [10, 20])


def test_no_data_in_a_point_is_nan_and_bad_bands_stay():
    data = np.array([3, -1, 7], "i2")[:, None, None]
    cube = HyperCube(data, nodata=-1, good_bands=[True, True, False])
    np.testing.assert_array_equal(point_spectrum(cube, 0, 0), [3, np.nan, 7])


def test_a_point_reads_one_pixel_and_no_more():
    class Watched:
        shape, dtype = (5, 100, 100), np.dtype("f4")
        read = 0

        def __getitem__(self, index):
            part = np.zeros(self.shape, self.dtype)[index]
            self.read += part.size
            return part

    watched = Watched()
    point_spectrum(HyperCube(watched), 99, 99)
    assert watched.read == 5


@pytest.mark.parametrize(("y", "x"), [(-1, 0), (0, -1), (9, 0), (0, 11)])
def test_a_point_outside_of_the_cube_is_refused_in_one_sentence(cube, y, x):
    with pytest.raises(ProfileError, match=rf"Row {y}, column {x} lies outside of 'scene'.*\.$"):
        point_spectrum(cube, y, x)


# Regions


@pytest.mark.parametrize("block", [1, 200, 10**6])
def test_a_region_has_numpys_mean_deviation_and_quartiles(cube, block, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_VALUES", block)
    mask = np.random.default_rng(1).random((9, 11)) > 0.4
    mask[3, 3] = True
    found = result_of(region_statistics_steps(cube, mask, quartiles=True))
    values = cube.data[:, mask]
    np.testing.assert_array_equal(found.count, np.isfinite(values).sum(axis=1))
    np.testing.assert_allclose(found.mean, np.nanmean(values, axis=1))
    np.testing.assert_allclose(found.deviation, np.nanstd(values, axis=1))
    expected = np.nanpercentile(values, (25, 50, 75), axis=1)
    np.testing.assert_allclose([found.lower, found.median, found.upper], expected)


def test_a_region_can_be_given_by_its_pixels(cube):
    mask = np.zeros((9, 11), bool)
    mask[[1, 8, 4], [2, 10, 0]] = True
    pixels = [(8, 10), (1, 2), (4, 0), (1, 2), (-1, 3), (9, 3), (2, 11)]
    found, expected = (
        result_of(region_statistics_steps(cube, pixels)),
        result_of(region_statistics_steps(cube, mask)),
    )
    np.testing.assert_array_equal(found.count, [3, 3, 3, 3])
    np.testing.assert_allclose(found.mean, expected.mean)


def test_quartiles_are_left_out_unless_asked_for(cube):
    found = result_of(region_statistics_steps(cube, np.ones((9, 11), bool)))
    assert found.median is found.lower is found.upper is None


def test_deviations_keep_their_digits_on_a_high_base():
    data = np.random.default_rng(0).normal(0, 1, (1, 40, 40)) + 1e9
    found = result_of(region_statistics_steps(HyperCube(data), np.ones((40, 40), bool)))
    assert found.deviation[0] == pytest.approx(data.std(), rel=1e-6)


def test_a_band_without_values_has_no_statistics():
    data = np.ones((2, 3, 3))
    data[1] = np.nan
    found = result_of(
        region_statistics_steps(HyperCube(data), np.ones((3, 3), bool), quartiles=True)
    )
    assert found.count.tolist() == [9, 0]
    for values in (found.mean, found.deviation, found.median, found.lower, found.upper):
        assert np.isfinite(values).tolist() == [True, False]


def test_quartiles_of_a_large_region_are_those_of_a_fair_choice(monkeypatch):
    monkeypatch.setattr(profiles, "QUARTILE_PIXELS", 2000)
    data = np.random.default_rng(0).random((1, 300, 300))
    found = result_of(
        region_statistics_steps(HyperCube(data), np.ones((300, 300), bool), quartiles=True)
    )
    quartiles = [found.lower[0], found.median[0], found.upper[0]]
    np.testing.assert_allclose(quartiles, [0.25, 0.5, 0.75], atol=0.04)
    assert found.count[0] == 90_000


def test_a_region_reads_only_where_it_lies(monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_VALUES", 1)
    data = np.full((2, 50, 50), np.nan)
    data[:, [10, 40], [20, 30]] = 1

    class Watched:
        shape, dtype = data.shape, data.dtype
        read = 0

        def __getitem__(self, index):
            self.read += data[index].size
            return data[index]

    watched = Watched()
    found = result_of(region_statistics_steps(HyperCube(watched), [(10, 20), (40, 30)]))
    assert watched.read == 4
    assert found.mean.tolist() == [1, 1]


def test_a_region_tells_how_far_it_is_and_ends_with_its_statistics(cube, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_VALUES", 4 * 11)
    events = []
    found = follow(region_statistics_steps(cube, np.ones((9, 11), bool)), events.append)
    assert [event.done for event in events] == list(range(10))
    assert {event.total for event in events} == {9}
    assert found.count.max() == 99


def test_a_region_that_is_cancelled_ends_without_a_result(cube, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_VALUES", 1)
    events, answers = [], iter([False, False, True])
    whole = np.ones((9, 11), bool)
    with pytest.raises(CancelledError):
        follow(region_statistics_steps(cube, whole, cancelled=lambda: next(answers)), events.append)
    assert len(events) == 3


@pytest.mark.parametrize(
    ("region", "fault"),
    [
        (np.ones((9, 10), bool), "The mask has shape"),
        (np.zeros((9, 11), bool), "holds no pixel of 'scene'"),
        (np.empty((0, 2), int), "holds no pixel of 'scene'"),
        ([], "holds no pixel of 'scene'"),
        ([(20, 20)], "holds no pixel of 'scene'"),
        ([(0.5, 1.5)], "a mask of the cube's size or a list of rows and columns"),
        (np.ones((3, 3), int), "a mask of the cube's size or a list of rows and columns"),
    ],
)
def test_what_is_no_region_is_refused_in_one_sentence(cube, region, fault):
    with pytest.raises(ProfileError, match=rf"{fault}.*\.$"):
        result_of(region_statistics_steps(cube, region))


# Normalising


@given(spectra(), st.floats(0.125, 8, width=32))
def test_normalised_spectra_do_not_know_their_brightness(spectrum, factor):
    for normalise in (normalise_max, normalise_area):
        np.testing.assert_allclose(normalise(factor * spectrum), normalise(spectrum), rtol=1e-9)


@given(curves())
def test_a_normalised_spectrum_has_maximum_or_area_one(curve):
    wavelengths, spectrum = curve
    assert normalise_max(spectrum).max() == 1
    area = np.trapezoid(normalise_area(spectrum, wavelengths), wavelengths)
    assert area == pytest.approx(1)


def test_gaps_stay_gaps_and_do_not_count_in_normalising():
    spectrum = np.array([1.0, np.nan, 3.0, 2.0])
    np.testing.assert_allclose(normalise_max(spectrum), [1 / 3, np.nan, 1, 2 / 3])
    np.testing.assert_allclose(normalise_area(spectrum), spectrum / 6.5)


def test_many_spectra_are_normalised_one_by_one():
    many = np.random.default_rng(0).random((3, 2, 5))
    for normalise in (
        normalise_max,
        lambda s: normalise_area(s, WAVELENGTHS),
        lambda s: continuum_removed(WAVELENGTHS, s),
        lambda s: first_derivative(WAVELENGTHS, s),
    ):
        np.testing.assert_allclose(normalise(many)[2, 1], normalise(many[2, 1]))


@pytest.mark.parametrize("spectrum", [np.zeros(4), np.full(4, np.nan)])
def test_a_spectrum_without_brightness_has_no_normalised_one(spectrum):
    assert np.isnan(normalise_max(spectrum)).all()
    assert np.isnan(normalise_area(spectrum)).all()
    assert np.isnan(continuum_removed(None, spectrum)).all()


# Continuum


@given(curves())
def test_the_continuum_lies_on_or_above_the_spectrum_and_is_concave(curve):
    wavelengths, spectrum = curve
    hull = continuum(wavelengths, spectrum)
    assert (hull >= spectrum * (1 - 1e-12)).all()
    slopes = np.diff(hull) / np.diff(wavelengths)
    assert (np.diff(slopes) <= 1e-9 * np.abs(slopes).max()).all()
    assert hull[0] == spectrum[0]
    assert hull[-1] == spectrum[-1]


def test_the_continuum_is_the_upper_hull_of_scipy():
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.uniform(400, 2500, 200)), rng.random(200)
    corners = np.sort(ConvexHull(np.stack([x, y], axis=1)).vertices)
    chord = y[0] + (y[-1] - y[0]) * (x - x[0]) / (x[-1] - x[0])
    upper = corners[y[corners] >= chord[corners]]
    np.testing.assert_allclose(continuum(x, y), np.interp(x, x[upper], y[upper]))


def test_the_continuum_is_removed_as_spectral_python_does():
    x = np.linspace(400, 2500, 120)
    y = 0.5 + 0.1 * np.sin(x / 150) + 1e-4 * x
    np.testing.assert_allclose(continuum_removed(x, y), remove_continuum(y, x))


def test_the_continuum_passes_over_gaps_and_leaves_them():
    spectrum = np.array([1.0, np.nan, 0.5, 9.0, 1.0])
    spectrum[3] = np.nan
    np.testing.assert_allclose(
        continuum_removed(np.arange(5.0), spectrum), [1, np.nan, 0.5, np.nan, 1]
    )


@given(curves(), st.randoms(use_true_random=False))
def test_the_order_of_bands_does_not_matter(curve, random):
    wavelengths, spectrum = curve
    order = list(range(spectrum.size))
    random.shuffle(order)
    for transform in (continuum_removed, first_derivative):
        expected = transform(wavelengths, spectrum)[order]
        found = transform(wavelengths[order], spectrum[order])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    expected = normalise_area(spectrum, wavelengths)[order]
    np.testing.assert_allclose(normalise_area(spectrum[order], wavelengths[order]), expected)


def test_where_the_continuum_is_not_above_zero_there_is_no_quotient():
    assert np.isnan(continuum_removed(None, np.array([-1.0, -2.0, -1.0]))).all()


def test_of_two_values_at_one_wavelength_the_higher_one_is_on_the_continuum():
    wavelengths = np.array([400.0, 500.0, 500.0, 600.0])
    hull = continuum(wavelengths, np.array([1.0, 2.0, 3.0, 1.0]))
    np.testing.assert_allclose(hull, [1, 3, 3, 1])


# Derivative


@given(curves())
def test_the_derivative_is_numpys_inside_and_one_sided_at_the_ends(curve):
    wavelengths, spectrum = curve
    expected = np.gradient(spectrum, wavelengths)
    np.testing.assert_allclose(
        first_derivative(wavelengths, spectrum), expected, rtol=1e-9, atol=1e-9
    )


def test_beside_a_gap_the_derivative_is_one_sided():
    spectrum = np.array([0.0, 1.0, np.nan, 5.0, 9.0])
    found = first_derivative(np.arange(5.0), spectrum)
    np.testing.assert_allclose(found, [1, 1, np.nan, 4, 4])


def test_a_band_alone_between_gaps_has_no_derivative():
    assert np.isnan(first_derivative(None, np.array([np.nan, 1.0, np.nan]))).all()
    assert np.isnan(first_derivative(None, np.array([1.0]))).all()


def test_two_bands_at_one_wavelength_have_no_slope_between_them():
    found = first_derivative(np.array([400.0, 410.0, 410.0, 420.0]), np.array([0.0, 1, 5, 6]))
    np.testing.assert_allclose(found, [0.1, 0.1, 0.1, 0.1])


# Comparing


def test_a_difference_keeps_gaps():
    found = difference([[1.0, np.nan], [3.0, 4.0]], [1.0, 1.0])
    np.testing.assert_array_equal(found, [[0, np.nan], [2, 3]])


@given(spectra(), st.floats(0.125, 8, width=32))
def test_a_spectrum_is_like_its_multiple_in_angle(spectrum, factor):
    found = similarity(factor * spectrum, spectrum)
    assert found.angle == pytest.approx(0, abs=1e-5)
    assert found.rmse == pytest.approx(abs(factor - 1) * np.sqrt(np.mean(spectrum**2)))


def test_similarity_follows_its_formulas_over_the_bands_valid_in_both():
    a, b = np.random.default_rng(0).random((2, 8))
    a[0], b[3] = np.nan, np.nan
    found = similarity(a, b)
    a, b = (s[[1, 2, 4, 5, 6, 7]] for s in (a, b))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert found.angle == pytest.approx(np.degrees(np.arccos(cosine)))
    assert found.correlation == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert found.rmse == pytest.approx(np.sqrt(np.mean((a - b) ** 2)))


def test_what_cannot_be_compared_is_nan():
    assert np.isnan(similarity(np.full(3, np.nan), np.ones(3)).rmse)
    flat = similarity(np.ones(3), np.array([1.0, 2, 3]))
    assert np.isnan(flat.correlation)
    assert flat.rmse > 0
    assert np.isnan(similarity(np.zeros(3), np.ones(3)).angle)


@pytest.mark.parametrize("compare", [difference, similarity])
def test_spectra_of_other_bands_are_refused_in_one_sentence(compare):
    with pytest.raises(ProfileError, match=r"has 3 bands and the one to compare with 4.*\.$"):
        compare(np.ones(3), np.ones(4))


def test_wavelengths_of_another_number_are_refused_in_one_sentence():
    with pytest.raises(ProfileError, match=r"There are 2 wavelengths for a spectrum of 3 bands\."):
        first_derivative([1.0, 2.0], np.ones(3))


# The spectral axis


@given(st.sampled_from(["nm", "µm", "cm-1", "Å"]), spectra())
def test_an_axis_in_another_unit_leads_back_to_nanometres(unit, wavelengths):
    back = to_nanometres(convert_axis(wavelengths, unit), unit)
    np.testing.assert_allclose(back, wavelengths, rtol=1e-12)


def test_an_axis_of_bands_counts_from_one():
    assert convert_axis(WAVELENGTHS, "band").tolist() == [1, 2, 3, 4, 5]


def test_an_axis_in_an_unknown_unit_is_refused_in_one_sentence():
    with pytest.raises(ProfileError, match=r"'furlong' is not a unit of the spectral axis.*\.$"):
        convert_axis(WAVELENGTHS, "furlong")
