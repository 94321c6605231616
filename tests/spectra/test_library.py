"""Single spectra, and how bands elsewhere would see them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spectral import BandResampler

from napari_dodn.spectra.library import (
    BY_FWHM,
    BY_INTERPOLATION,
    RESAMPLED,
    LibraryError,
    SpectralLibrary,
    Spectrum,
    resample,
)

FINE = np.arange(400.0, 901.0)
CENTRES = np.linspace(420.0, 880.0, 24)
PER_FWHM = 2 * np.sqrt(2 * np.log(2))


def absorption(wavelengths, sigma, depth=0.5):
    return 1 - depth * np.exp(-0.5 * ((wavelengths - 650) / sigma) ** 2)


# Spectra


@pytest.mark.parametrize("again", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_library_can_be_copied_and_pickled(again):
    spectrum = Spectrum("a", [1, 2], [400, 500], color="#ff8800", metadata={"site": "x"})
    same = again(SpectralLibrary((spectrum,), "all", notes=("Found.",), metadata={"by": "y"}))
    assert (same.name, same.notes, same.metadata) == ("all", ("Found.",), {"by": "y"})
    assert same[0].values.tolist() == [1, 2]
    assert (same[0].color, same[0].metadata) == ("#ff8800", {"site": "x"})


def test_a_spectrum_cannot_be_changed_behind_ones_back():
    values = np.array([1.0, 2.0])
    spectrum = Spectrum("a", values, [400, 500])
    values[0] = 9
    assert spectrum.values.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        spectrum.values[0] = 9


def test_bad_bands_and_infinities_are_no_values():
    spectrum = Spectrum("a", [1, np.inf, 3], good_bands=[False, True, True])
    np.testing.assert_array_equal(spectrum.values, [1, np.nan, 3])
    np.testing.assert_array_equal(spectrum.valid_values, [np.nan, np.nan, 3])


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"values": []}, "needs a list of values"),
        ({"values": [[1, 2]]}, "needs a list of values"),
        ({"values": [1, 2], "wavelengths": [400]}, "has 2 values, but its wavelengths"),
        ({"values": [1, 2], "good_bands": [1, 1, 1]}, "has 2 values, but its good bands"),
    ],
)
def test_a_spectrum_that_cannot_be_gets_one_sentence(attributes, fault):
    with pytest.raises(LibraryError, match=rf"The spectrum 'oak' {fault}.*\.$"):
        Spectrum("oak", **attributes)


def test_a_library_is_a_sequence_of_spectra():
    library = SpectralLibrary([Spectrum("a", [1]), Spectrum("b", [2])])
    assert library.names == ("a", "b")
    assert len(library) == 2
    assert [spectrum.name for spectrum in library] == ["a", "b"]
    assert library[1].values[0] == 2


# Other bands


@given(st.floats(2, 80), st.floats(-2, 2), st.floats(-0.02, 0.02))
def test_a_straight_line_stays_one_at_any_width(fwhm, base, slope):
    line = Spectrum("line", base + slope * FINE, FINE)
    found = resample(line, CENTRES[6:-6], np.full(12, fwhm))
    np.testing.assert_allclose(found.values, base + slope * CENTRES[6:-6], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("fwhm", [5.0, 20.0, 47.0])
def test_a_gaussian_absorption_widens_as_a_convolution_says(fwhm):
    found = resample(Spectrum("x", absorption(FINE, 20), FINE), CENTRES, np.full(24, fwhm))
    sigma = np.hypot(20, fwhm / PER_FWHM)
    expected = absorption(CENTRES, sigma, 0.5 * 20 / sigma)
    inside = (400 + fwhm < CENTRES) & (900 - fwhm > CENTRES)
    np.testing.assert_allclose(found.values[inside], expected[inside], atol=1e-3)
    assert found.metadata[RESAMPLED] == BY_FWHM


def test_the_width_that_a_spectrum_has_already_is_not_added_again():
    own = 12.0
    spectrum = Spectrum("x", absorption(FINE, 20), FINE, fwhm=np.full(FINE.size, own))
    found = resample(spectrum, CENTRES[3:-3], np.full(18, 20.0))
    sigma = np.sqrt(20**2 + (20**2 - own**2) / PER_FWHM**2)
    expected = absorption(CENTRES[3:-3], sigma, 0.5 * 20 / sigma)
    np.testing.assert_allclose(found.values, expected, atol=1e-3)


def test_a_smooth_spectrum_is_seen_as_spectral_python_sees_it():
    smooth = 0.4 + 0.1 * np.sin(FINE / 120)
    widths = np.full(18, 15.0)
    expected = BandResampler(FINE, CENTRES[3:-3], None, widths)(smooth)
    found = resample(Spectrum("x", smooth, FINE), CENTRES[3:-3], widths)
    np.testing.assert_allclose(found.values, expected, atol=5e-4)


@pytest.mark.parametrize(
    ("own", "fwhm"),
    [
        (None, None),  # nothing is known of the new bands
        (np.full(FINE.size, 10.0), np.full(24, 8.0)),  # the spectrum is coarser
        (None, np.full(24, 0.5)),  # its sampling is coarser
        (None, np.full(24, np.nan)),
        (None, np.full(24, np.inf)),
        (np.full(FINE.size, np.inf), np.full(24, np.inf)),
    ],
)
def test_where_widths_say_nothing_it_is_linear_interpolation(own, fwhm):
    values = np.random.default_rng(0).random(FINE.size)
    found = resample(Spectrum("x", values, FINE, fwhm=own), CENTRES + 0.3, fwhm)
    np.testing.assert_allclose(found.values, np.interp(CENTRES + 0.3, FINE, values))
    assert found.metadata[RESAMPLED] == BY_INTERPOLATION


def test_a_mixture_of_both_ways_says_how_many_bands_went_each_way():
    widths = np.where(np.arange(24) < 10, 20.0, np.nan)
    found = resample(Spectrum("x", np.ones(FINE.size), FINE), CENTRES, widths)
    assert found.metadata[RESAMPLED] == f"10 bands {BY_FWHM}, 14 {BY_INTERPOLATION}"


def test_bands_outside_of_a_spectrum_have_no_value():
    centres = np.array([300, 399.9, 400, 900, 900.1])
    found = resample(Spectrum("x", np.ones(FINE.size), FINE), centres)
    np.testing.assert_array_equal(found.values, [np.nan, np.nan, 1, 1, np.nan])
    wide = resample(Spectrum("x", np.ones(FINE.size), FINE), [400, 425, 875, 900], np.full(4, 40.0))
    np.testing.assert_array_equal(wide.values, [np.nan, 1, 1, np.nan])


def test_gaps_of_a_spectrum_are_not_bridged():
    spectrum = Spectrum("x", [1, np.nan, 3, 4, 5], np.arange(5.0), good_bands=[1, 1, 1, 0, 1])
    found = resample(spectrum, [0, 0.5, 2, 2.5, 3, 4])
    np.testing.assert_array_equal(found.values, [1, np.nan, 3, np.nan, np.nan, 5])


@given(st.randoms(use_true_random=False))
def test_the_order_of_a_spectrums_bands_does_not_matter(random):
    order = list(range(FINE.size))
    random.shuffle(order)
    values = absorption(FINE, 20)
    expected = resample(Spectrum("x", values, FINE), CENTRES, np.full(24, 10.0)).values
    found = resample(Spectrum("x", values[order], FINE[order]), CENTRES, np.full(24, 10.0)).values
    np.testing.assert_allclose(found, expected)


def test_a_spectrum_on_its_own_bands_is_unchanged():
    spectrum = Spectrum("x", absorption(FINE, 5), FINE, fwhm=np.full(FINE.size, 2.0))
    found = resample(spectrum, FINE, np.full(FINE.size, 2.0))
    np.testing.assert_array_equal(found.values, spectrum.values)


def test_resampling_keeps_what_is_known_of_a_spectrum():
    spectrum = Spectrum("oak", [1, 2], [400, 500], color="#fff", quantity="reflectance")
    found = resample(spectrum.derive(metadata={"place": "hill"}), [450.0])
    assert (found.name, found.color, found.quantity) == ("oak", "#fff", "reflectance")
    assert found.metadata["place"] == "hill"
    assert found.wavelengths.tolist() == [450]


def test_a_spectrum_of_one_band_is_seen_only_there():
    found = resample(Spectrum("x", [3.0], [500.0]), [499.0, 500.0], [10.0, 10.0])
    np.testing.assert_array_equal(found.values, [np.nan, 3])


def test_a_spectrum_without_wavelengths_cannot_be_resampled():
    with pytest.raises(LibraryError, match=r"'oak' has no wavelengths.*\.$"):
        resample(Spectrum("oak", [1, 2]), [400.0])


def test_widths_of_another_number_are_refused_in_one_sentence():
    with pytest.raises(LibraryError, match=r"do not fit each other\.$"):
        resample(Spectrum("oak", [1, 2], [400, 500]), [400.0, 500.0], [10.0])
