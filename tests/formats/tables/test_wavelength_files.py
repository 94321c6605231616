"""Wavelengths from files beside a cube."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dodn.errors import UserError
from napari_dodn.formats import read_wavelengths


@pytest.fixture
def text_file(tmp_path):
    """Write a text file and return its path as text."""

    def make(text, name="bands.txt"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return make


@pytest.mark.parametrize(
    "text",
    [
        "450\n550\n650\n",
        "450, 550, 650",
        "450 550 650",
        "wavelength\n450\n550\n650\n",
        "wavelength (um)\n0.45\n0.55\n0.65\n",
        "band,wavelength,fwhm\n1,450,10\n2,550,10\n3,650,10\n",
        "1\t450\t10\n2\t550\t10\n3\t650\t10\n",
        "band;lambda_nm\n1;450,0\n2;550,0\n3;650,0\n",
        "# measured in May\n450\n550\n650\n",
        "0.45\n0.55\n0.65\n",
        "450\n550\n650\n\n\n",
        "grass,wavelength\n0.1,450\n0.2,550\n0.3,650\n",
    ],
)
def test_a_list_or_the_column_of_a_table_is_found(text_file, text):
    assert read_wavelengths(text_file(text), 3) == pytest.approx([450, 550, 650])


@pytest.mark.parametrize(
    "text",
    [
        "450,5\n550\n650,25\n",
        "0,4505\n0,5500\n0,65025\n",
        "wavelength\n450,5\n550,0\n650,25\n",
        "wavelength (nm)\n450,50\n550,00\n650,25\n",
        "450,50\n550,00\n650,25\n",
        "band wavelength\n1 450,5\n2 550,0\n3 650,25\n",
        'band,wavelength\n1,"450,5"\n2,"550,0"\n3,"650,25"\n',
        "450,5 nm\n550 nm\n650,25 nm\n",
        "450.5 nm\n550 nm\n650.25 nm\n",
    ],
)
def test_commas_may_be_decimal_and_units_may_stand_behind(text_file, text):
    for bands in (3, None):
        assert read_wavelengths(text_file(text), bands) == pytest.approx([450.5, 550, 650.25])


def test_commas_between_numbers_of_bands_and_wavelengths_are_not_decimal(text_file):
    assert read_wavelengths(text_file("1,450\n2,550\n3,650\n"), 3) == pytest.approx([450, 550, 650])


def test_commas_that_may_be_decimal_or_separate_columns_are_refused(text_file):
    with pytest.raises(UserError, match="may be decimal, or may separate two columns; write"):
        read_wavelengths(text_file("450,5\n550,5\n650,5\n"), 3)
    table = text_file("wavelength,fwhm\n450,5\n550,5\n650,5\n")
    assert read_wavelengths(table, 3) == pytest.approx([450, 550, 650])


@pytest.mark.parametrize(
    "field",
    [
        "wavelength = {450,5; 550,0; 650,25}",
        "wavelengths = [450.5 550 650.25]",
        "Wavelength = {450.5, 550, 650.25,}",
        "wavelength_units = Micrometers\nwavelength = {0.4505, 0.55, 0.65025}",
        "wavelength = {450.5 nm, 550 nm, 650.25 nm}",
    ],
)
def test_a_header_may_spell_wavelengths_as_that_of_a_cube_may(text_file, field):
    header = text_file(f"ENVI\nbands = 3\n{field}\n", "other.hdr")
    assert read_wavelengths(header, 3) == pytest.approx([450.5, 550, 650.25])


def test_a_numpy_file_is_read(tmp_path):
    np.save(tmp_path / "bands.npy", np.array([[450.0], [550], [650]]))
    assert read_wavelengths(str(tmp_path / "bands.npy"), 3) == pytest.approx([450, 550, 650])


def test_an_envi_header_is_read_without_its_data(text_file):
    header = "ENVI\nbands = 2\nwavelength units = Micrometers\nwavelength = {0.45,\n 0.55}\n"
    assert read_wavelengths(text_file(header, "other.hdr"), 2) == pytest.approx([450, 550])


def test_a_unit_that_the_file_states_goes_before_the_chosen_one(text_file):
    table = text_file("wavelength (nm)\n450\n550\n")
    assert read_wavelengths(table, 2, "µm") == pytest.approx([450, 550])


def test_the_chosen_unit_goes_before_a_guess(text_file):
    assert read_wavelengths(text_file("5000\n4000\n"), 2, "cm-1") == pytest.approx([2000, 2500])


def test_what_is_no_file_is_taken_for_text():
    assert read_wavelengths("450:650:100", 3) == pytest.approx([450, 550, 650])
    many = ", ".join(str(400 + i) for i in range(900))
    assert read_wavelengths(many, 900).size == 900


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bands.txt", b"450\n550\n", "bands.txt has 2 wavelengths, but the cube has 3 bands"),
        ("bands.txt", b"red\ngreen\nblue\n", "no column of numbers"),
        ("bands.txt", b"", "no column of numbers"),
        ("bands.txt", b"a,b\n1,1\n2,2\n3,3\n", "no column that can be wavelengths"),
        ("bands.npy", b"not at all", "damaged or not a NumPy file"),
        ("bands.hdr", b"ENVI\nbands = 3\n", "has no wavelengths"),
        ("bands.hdr", b"ENVI\nwavelength = {a, b, c}\n", "that are not numbers"),
    ],
)
def test_a_file_without_wavelengths_is_refused_in_a_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_wavelengths(str(tmp_path / name), 3)


def test_a_file_that_is_missing_is_named():
    with pytest.raises(UserError, match=r"'no/such.txt' is neither a list of wavelengths nor"):
        read_wavelengths("no/such.txt", 3)
