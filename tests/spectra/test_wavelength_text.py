"""Wavelengths as they are typed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dodn.spectra.wavelength_text import WavelengthError, parse_wavelengths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("400:700:100", [400, 500, 600, 700]),
        (" 400 : 700 : 100 ", [400, 500, 600, 700]),
        ("400:690:100", [400, 500, 600]),
        ("700:500:100", [700, 600, 500]),
        ("700:500:-100", [700, 600, 500]),
        ("450, 550, 650", [450, 550, 650]),
        ("450 550;650\n", [450, 550, 650]),
        ("450, 550:650:50", [450, 550, 600, 650]),
        ("0.4:0.6:0.1 um", [400, 500, 600]),
        ("0.4:0.6:0.1µm", [400, 500, 600]),
        ("450, 550 nm", [450, 550]),
        ("4000:5000:1000 cm-1", [2500, 2000]),
        ("550", [550]),
    ],
)
def test_text_becomes_nanometres(text, expected):
    assert parse_wavelengths(text, None) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("450,5; 460,25", [450.5, 460.25]),
        ("450,5 460,25", [450.5, 460.25]),
        ("450,5, 460,25", [450.5, 460.25]),
        ("450,5\n460,25\n", [450.5, 460.25]),
        ("450; 460,5", [450, 460.5]),
        ("450,500;460,750;", [450.5, 460.75]),
        ("0,4505; 0,4605 µm", [450.5, 460.5]),
        ("400,5:402,5:0,5", [400.5, 401, 401.5, 402, 402.5]),
        ("0,4:0,5:0,1 µm", [400, 500]),
        ("450,5", [450.5]),
    ],
)
def test_a_comma_may_be_decimal(text, expected):
    assert parse_wavelengths(text, len(expected)) == pytest.approx(expected)
    assert parse_wavelengths(text, None) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("450,550", [450, 550]),
        ("450,550,650", [450, 550, 650]),
        ("450,550,", [450, 550]),
        ("450,550 650", [450, 550, 650]),
        ("400:420:10,430", [400, 410, 420, 430]),
        ("650,450,550", [650, 450, 550]),
    ],
)
def test_a_comma_separates_where_that_makes_sense(text, expected):
    assert parse_wavelengths(text, len(expected)) == pytest.approx(expected)
    assert parse_wavelengths(text, None) == pytest.approx(expected)


def test_a_range_with_decimal_commas_is_spread_over_the_bands():
    assert parse_wavelengths("400,5:700,5", 4) == pytest.approx([400.5, 500.5, 600.5, 700.5])


def test_the_unit_that_is_chosen_counts_where_the_text_has_none():
    assert parse_wavelengths("0.4, 0.5", 2, "µm") == pytest.approx([400, 500])
    assert parse_wavelengths("400, 500 nm", 2, "µm") == pytest.approx([400, 500])


def test_a_range_without_a_step_is_spread_over_the_bands():
    assert parse_wavelengths("400:700", 4) == pytest.approx([400, 500, 600, 700])


@given(
    first=st.integers(1000, 20_000),
    step=st.integers(1, 500),
    bands=st.integers(1, 400),
)
def test_a_range_has_its_last_value_whatever_the_step(first, step, bands):
    first, step = first / 10, step / 10
    last = round(first + step * (bands - 1), 1)
    values = parse_wavelengths(f"{first}:{last}:{step}", bands)
    assert np.allclose(values, first + step * np.arange(bands))


@pytest.mark.parametrize(
    ("text", "bands", "message"),
    [
        ("", 3, "There are no wavelengths; write a range"),
        ("400:700:10", 224, "has 31 wavelengths, but the cube has 224 bands"),
        ("550", 1000, "has 1 wavelength, but"),
        ("400, abc", None, "'abc' is not a wavelength"),
        ("400:500:600:700", None, "'400:500:600:700' is not a wavelength"),
        ("400:inf:1", None, "is not a wavelength"),
        ("400:700", None, "'400:700' has no step"),
        ("400:700, 800", 4, "'400:700' has no step"),
        ("400:700:0", None, "a step that is too small"),
        ("400:700:1e-9", None, "a step that is too small"),
        ("450,5; 460,5", 3, "has 2 wavelengths, but the cube has 3 bands"),
        ("450, 550,650", 4, "has 3 wavelengths, but the cube has 4 bands"),
        ("1.000,5; 1.010,5", None, "'1.000,5; 1.010,5' would be 1 to 5 nm"),
        ("0, 400", None, "not numbers above 0"),
        ("nan, 400", None, "is not a wavelength"),
        ("0.4:0.7:0.1", None, "would be 0.4 to 0.7 nm, which no spectral imager has; is 'nm'"),
        ("400, 500 furlongs", None, "'furlongs' is not a wavelength"),
        ("1, 2, 3 bands", None, "'bands' is not a unit"),
    ],
)
def test_what_is_wrong_is_one_sentence(text, bands, message):
    with pytest.raises(WavelengthError, match=message) as raised:
        parse_wavelengths(text, bands)
    assert "\n" not in str(raised.value)
