from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dodn.spectra.units import (
    canonical_unit,
    describe_order,
    find_wavelengths,
    find_widths,
    infer_unit,
    to_nanometres,
    widths_to_nanometres,
)

VISIBLE = np.array([450.0, 550.0, 650.0])


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Nanometers", "nm"),
        ("NM", "nm"),
        ("nanometre", "nm"),
        ("Micrometers", "µm"),
        ("um", "µm"),
        ("µm", "µm"),
        ("\u03bcm", "µm"),
        ("µm".encode().decode("latin-1"), "µm"),
        ("\u03bcm".encode().decode("latin-1"), "µm"),
        ("microns", "µm"),
        ("GHz", "GHz"),
        ("Wavenumber", "cm⁻¹"),
        ("cm-1", "cm⁻¹"),
        ("cm^{-1}", "cm⁻¹"),
        ("1/cm", "cm⁻¹"),
        ("Å", "Å"),
        ("Index", "band number"),
        ("Unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_a_unit_is_known_by_all_its_names(text, unit):
    assert canonical_unit(text) == unit


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (VISIBLE, "nm"),
        (VISIBLE / 1e3, "Micrometers"),
        (VISIBLE / 1e6, "mm"),
        (VISIBLE * 10, "Angstroms"),
        (1e7 / VISIBLE, "Wavenumber"),
        (299_792_458 / VISIBLE, "GHz"),
        (299_792.458 / VISIBLE, "THz"),
    ],
)
def test_every_unit_comes_out_in_nanometres(values, unit):
    np.testing.assert_allclose(to_nanometres(values, unit), VISIBLE, rtol=1e-12)


@pytest.mark.parametrize(("values", "unit"), [([1.0], "parsec"), ([1.0], "Index"), ([0.0], "nm")])
def test_what_cannot_be_converted_is_refused(values, unit):
    with pytest.raises(ValueError, match=r"\.$"):
        to_nanometres(values, unit)


@given(
    centre=st.floats(5_000, 30_000),
    width=st.floats(1, 1_000),
)
def test_widths_in_wavenumbers_go_through_the_edges_of_the_band(centre, width):
    expected = 1e7 / (centre - width / 2) - 1e7 / (centre + width / 2)
    got = widths_to_nanometres(np.array([centre]), np.array([width]), "cm-1")
    np.testing.assert_allclose(got, [expected], rtol=1e-9)


def test_widths_in_lengths_need_no_centres():
    np.testing.assert_allclose(widths_to_nanometres(None, [0.01], "µm"), [10.0])


@pytest.mark.parametrize(
    ("widths", "unit", "expected"),
    [
        (10.0, "µm", 10.0),
        (0.01, "nm", 10.0),
        (10.0, "nm", 10.0),
        (0.01, "µm", 10.0),
        (0.1, "nm", 0.1),
        (0.3, "µm", 300.0),
    ],
)
def test_widths_that_cannot_be_in_the_unit_of_the_wavelengths_are_said(widths, unit, expected):
    wavelengths = np.arange(400.0, 700, 10)
    found, note = find_widths(np.full(30, widths), unit, wavelengths=wavelengths)
    np.testing.assert_allclose(found, expected)
    factor = 1 if unit == "nm" else 1000
    assert (note == "") == (widths * factor == pytest.approx(expected))


def test_a_few_narrow_filters_keep_their_widths():
    wavelengths = np.array([630.2, 656.3, 854.2])
    assert find_widths(np.full(3, 0.02), "nm", wavelengths=wavelengths)[0][0] == 0.02


def test_widths_of_which_none_is_above_0_are_none():
    for unknown in (0.0, -9999.0, np.nan):
        with pytest.raises(ValueError, match="above 0"):
            find_widths(np.full(3, unknown), "nm")
    assert find_widths(np.array([0, 5.0]), "nm")[0].tolist() == [0, 5]


def test_widths_in_wavenumbers_need_centres():
    with pytest.raises(ValueError, match="without the band centres"):
        widths_to_nanometres(None, [10.0], "cm-1")


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([400, 2500], "nm"),
        ([0.4, 2.5], "µm"),
        ([8.0, 14.0], "µm"),
        ([25_000, 10_000], "cm⁻¹"),
        ([749_481, 119_917], "GHz"),
        ([4, 224], None),
        ([0, 400], None),
        ([1e9, 2e9], None),
    ],
)
def test_a_missing_unit_is_told_by_the_size_of_the_values(values, unit):
    assert infer_unit(values) == unit


@pytest.mark.parametrize("unit", [None, "", "Unknown", "nm", "Index", "Micrometers", "GHz"])
@pytest.mark.parametrize("first", [0, 1])
def test_band_numbers_are_no_wavelengths(unit, first):
    wavelengths, _, note = find_wavelengths(np.arange(first, first + 200), unit)
    assert wavelengths is None
    assert "band numbers" in note


def test_whole_micrometres_may_count_up_from_one():
    wavelengths, _, note = find_wavelengths([1, 2, 3], "Micrometers")
    np.testing.assert_array_equal(wavelengths, [1000, 2000, 3000])
    assert note == ""


def test_a_stated_unit_that_fits_is_taken_without_a_word():
    wavelengths, unit, note = find_wavelengths(VISIBLE, "Nanometers")
    np.testing.assert_array_equal(wavelengths, VISIBLE)
    assert (unit, note) == ("nm", "")


@pytest.mark.parametrize("unit", [None, "Unknown", "furlong"])
def test_an_inferred_unit_is_said(unit):
    wavelengths, _, note = find_wavelengths(VISIBLE / 1000, unit)
    np.testing.assert_allclose(wavelengths, VISIBLE)
    assert "taken to be in µm" in note


def test_a_stated_unit_that_cannot_be_is_corrected_and_said():
    wavelengths, _, note = find_wavelengths(VISIBLE, "Micrometers")
    np.testing.assert_array_equal(wavelengths, VISIBLE)
    assert "'Micrometers'" in note


@pytest.mark.parametrize("values", [[400, np.nan], [400, -1], [0, 400], [np.inf, 400]])
def test_values_that_are_no_wavelengths_are_left_out_and_said(values):
    wavelengths, _, note = find_wavelengths(np.array(values), "nm")
    assert wavelengths is None
    assert note


@pytest.mark.parametrize(
    ("values", "word"),
    [([1, 2, 3], ""), ([3, 2, 1], ""), ([1, 3, 2], "not sorted"), ([1, 2, 2], "repeated")],
)
def test_wavelengths_out_of_order_are_said(values, word):
    assert word in describe_order(np.array(values))
    assert bool(describe_order(np.array(values))) == bool(word)
