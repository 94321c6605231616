"""Headers whose fields say clearly what they mean, though not in ENVI's own words."""

from __future__ import annotations

import gzip
import unicodedata

import numpy as np
import pytest

from napari_dodn.cube import Region
from napari_dodn.formats import contents, read


@pytest.mark.parametrize(
    ("field", "text", "dtype"),
    [
        ("interleave", "bil (by line)", "<i2"),
        ("interleave", "Band Interleaved by Line", "<i2"),
        ("byte order", "1 (big endian)", ">i2"),
        ("byte order", "Host (Intel)", "<i2"),
        ("byte order", "Network (IEEE)", ">i2"),
        ("data type", "2 (int16)", "<i2"),
        ("data type", "uint16", "<u2"),
        ("data type", "Unsigned Integer", "<u2"),
        ("data type", "Floating  Point", "<f4"),
        ("bands", "3 bands", "<i2"),
        ("samples", "5e0", "<i2"),
        ("lines", "4.0 (of 9)", "<i2"),
    ],
)
def test_the_layout_of_the_pixels_is_read_in_words(envi_file, cube_of, field, text, dtype):
    path = envi_file(cube_of(dtype=dtype), f"{field} = {text}", interleave="bil", without=(field,))
    cube = read(path)
    np.testing.assert_array_equal(cube.data, cube_of(dtype=dtype))
    assert np.dtype(cube.data.dtype).kind == np.dtype(dtype).kind


@pytest.mark.parametrize("lines", ["-1", "unknown", "", "{}"])
@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_lines_that_are_no_number_are_those_of_the_data(envi_file, cube_of, interleave, lines):
    cube = read(envi_file(cube_of(), interleave=interleave, lines=lines))
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any("says no number" in note for note in cube.notes)


@pytest.mark.parametrize(
    "lines",
    [
        ["spectral bands = {450.5, 550.5, 650.5}"],
        ["bands nm = {450.5, 550.5, 650.5}"],
        ["wavelength =", "", "{", "450.5,", "550.5, 650.5", "}"],
        ["wavelength = {", "450.5, ; band 1", "550.5, ; band 2", "650.5 ; band 3", "}"],
        ["wavelength = {Band 1: 450.5, Band 2: 550.5, Band 3: 650.5}"],
        ["wavelength = {b1 450.5 nm, b2 550.5 nm, b3 650.5 nm}"],
        ["band names = {1: 450.5 nm (5.5 nm), 2: 550.5 nm (6 nm), 3: 650.5 nm (7 nm)}"],
        ["band names = {5 nm around 450.5 nm, 5 nm around 550.5 nm, 5 nm around 650.5 nm}"],
        ["band names = {450.5 nm; 550.5 nm; 650.5 nm}"],
        ["band names = {", "450.5 nm", "550.5 nm", "650.5 nm", "}"],
    ],
)
def test_wavelengths_are_read_in_rarer_spellings(envi_file, cube_of, lines):
    cube = read(envi_file(cube_of(3), *lines))
    np.testing.assert_allclose(cube.wavelengths, [450.5, 550.5, 650.5])
    np.testing.assert_array_equal(cube.data, cube_of(3))


@pytest.mark.parametrize(
    "names",
    [
        "Blue (440.5-460.5 nm), Green (540.5-560.5 nm), Red (640.5-660.5 nm)",
        "0.4405 - 0.4605 um, 0.5405 - 0.5605 um, 0.6405 - 0.6605 um",
        "440.5nm to 460.5nm, 540.5nm to 560.5nm, 640.5nm to 660.5nm",
        "Lambda 440.5–460.5, Lambda 540.5–560.5, Lambda 640.5–660.5",
        "s1-450.5 nm, s2-550.5 nm, s3-650.5 nm",
        "300-450.5 nm, 300-550.5 nm, 300-650.5 nm",
    ],
)
def test_the_middle_of_both_edges_in_the_names_is_the_wavelength(envi_file, cube_of, names):
    cube = read(envi_file(cube_of(3), f"band names = {{{names}}}"))
    np.testing.assert_allclose(cube.wavelengths, [450.5, 550.5, 650.5])


@pytest.mark.parametrize(
    "field",
    [
        "default bands = {300, 250, 201}",
        "good bands = {300, 301, 302}",
        "band gains = {300.5, 301.5, 302.5}",
        "band temperature = {300.5, 301.5, 302.5}",
        "bands to keep = {210, 220, 230}",
        "bandwidths = {0.5, 0.6, 0.7}",
        "number of bands = {3}",
    ],
)
def test_what_else_is_said_of_bands_is_no_wavelengths(envi_file, cube_of, field):
    assert read(envi_file(cube_of(3), field)).wavelengths is None


@pytest.mark.parametrize("name", ["bandwidth", "bandwidths", "Band Widths"])
def test_widths_under_another_name_are_read_and_said(envi_file, cube_of, name):
    lines = ["wavelength = {450, 550, 650}", "wavelength units = nm", f"{name} = {{5, 6, 7.5}}"]
    cube = read(envi_file(cube_of(3), *lines))
    np.testing.assert_allclose(cube.fwhm, [5, 6, 7.5])
    assert any(f"those of '{name.lower()}'" in note for note in cube.notes)


def test_a_single_width_is_that_of_all_bands_and_said(envi_file, cube_of):
    lines = ["wavelength = {0.45, 0.55, 0.65}", "wavelength units = um", "fwhm = 0.005"]
    cube = read(envi_file(cube_of(3), *lines))
    np.testing.assert_allclose(cube.fwhm, [5, 5, 5])
    assert any("taken for all bands" in note for note in cube.notes)


@pytest.mark.parametrize(
    "field",
    ["bbl = {True, False, TRUE}", "bbl = [1 0 1]", "bad band list = {1.0, 0.0, 1.0}"],
)
def test_good_bands_are_read_in_every_spelling(envi_file, cube_of, field):
    np.testing.assert_array_equal(read(envi_file(cube_of(3), field)).good_bands, [1, 0, 1])


@pytest.mark.parametrize(
    ("header", "image"),
    [
        ("scene.hdr", "scene.img.gz"),
        ("scene.hdr", "scene.raw.gz"),
        ("scene.hdr", "scene.GZ"),
        ("scene.hdr", "scene.img"),
        ("scene.img.hdr", "scene.img.gz"),
        ("scene.raw.gz.hdr", "scene.raw.gz"),
    ],
)
@pytest.mark.parametrize("is_said", [True, False])
def test_data_in_a_gzip_file_are_read(envi_file, cube_of, header, image, is_said):
    said = ["file compression = 1"] * is_said
    path = envi_file(cube_of(9), *said, header=header, image=image, interleave="bip")
    data = path.with_name(image)
    data.write_bytes(gzip.compress(data.read_bytes()))
    for opened in (path, data):
        cube = read(opened)
        np.testing.assert_array_equal(np.asarray(cube.data), cube_of(9))
        assert cube.name == "scene"
        assert any("does not say" in note for note in cube.notes) is not is_said
    assert contents(path)[0].name == image


def test_data_that_are_not_compressed_although_their_header_says_so_are_read(envi_file, cube_of):
    cube = read(envi_file(cube_of(), "file compression = 1"))
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any("is not compressed" in note for note in cube.notes)


def test_pixels_that_begin_like_a_gzip_file_are_pixels(envi_file, cube_of):
    pixels = cube_of(dtype="u1")
    pixels[0, 0, :3] = [0x1F, 0x8B, 0x08]
    np.testing.assert_array_equal(read(envi_file(pixels)).data, pixels)


def test_a_band_sequential_file_that_ends_early_has_no_bytes_left_over(envi_file, cube_of):
    path = envi_file(cube_of())
    data = path.with_suffix(".img")
    data.write_bytes(data.read_bytes()[:-3])
    assert not any("belong to no pixel" in note for note in read(path).notes)


def test_a_header_whose_name_has_its_accents_in_two_letters_has_its_data(envi_file, cube_of):
    name = unicodedata.normalize("NFD", "größe.hdr")
    path = envi_file(cube_of(), header=name, image="größe.img")
    np.testing.assert_array_equal(read(path).data, cube_of())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1.#IND", np.nan),
        ("1.#QNAN", np.nan),
        ("-1.#INF", -np.inf),
        ("1.#INF00", np.inf),
        ("-9999,0", -9999.0),
        ("-9999,00", -9999.0),
    ],
)
def test_no_data_values_of_windows_and_with_decimal_commas_are_read(
    envi_file, cube_of, text, value
):
    pixels = cube_of(dtype="f4")
    pixels[:, 1, 2] = value
    pixels[:, 0, 0] = [-1, 1, 0]  # which such a text begins with
    cube = read(envi_file(pixels, f"data ignore value = {text}"))
    missing = np.isnan(cube.pixels(Region(0, 4, 0, 5)))
    assert missing[:, 1, 2].all()
    assert missing.sum() == 3


@pytest.mark.parametrize(
    "name",
    ["nodata", "No Data Value", "missing_value", "fill value"],
)
def test_a_no_data_value_under_another_name_is_read_and_said(envi_file, cube_of, name):
    cube = read(envi_file(cube_of(), f"{name} = -9999"))
    assert cube.nodata == -9999
    said = name.lower().replace("_", " ")
    assert f"The no-data value is that of '{said}'." in cube.notes


def test_names_of_fields_may_have_lines_below_in_place_of_blanks(envi_file, cube_of):
    cube = read(
        envi_file(
            cube_of(3),
            *("wavelength = {0.45, 0.55, 0.65}", "wavelength_units = Micrometers"),
            *("data_ignore_value = -9999", "data_gain_values = {1, 2, 3}", "default_bands = {3}"),
        )
    )
    np.testing.assert_allclose(cube.wavelengths, [450, 550, 650])
    np.testing.assert_array_equal(cube.gain, [1, 2, 3])
    assert (cube.nodata, cube.default_bands, cube.notes, cube.metadata) == (-9999, (2,), (), {})


def test_numbers_of_bands_may_have_decimal_commas(envi_file, cube_of):
    cube = read(
        envi_file(
            cube_of(3),
            *("wavelength = {450; 550,5; 650}", "fwhm = {5,25; 5,25; 5,5}", "bbl = {1; 0; 1}"),
            *("data gain values = {0,01; 0,01; 0,02}", "data offset values = {0,5;0,5;0,5}"),
        )
    )
    np.testing.assert_allclose(cube.wavelengths, [450, 550.5, 650])
    np.testing.assert_allclose(cube.fwhm, [5.25, 5.25, 5.5])
    np.testing.assert_allclose(cube.gain, [0.01, 0.01, 0.02])
    np.testing.assert_allclose(cube.offset, [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(cube.good_bands, [True, False, True])


@pytest.mark.parametrize(
    ("text", "gain"), [("10000,0", 1e-4), ("0,0001", 1e-4), ("10000", 1e-4), ("1,5", 1 / 1.5)]
)
def test_a_scale_factor_may_have_a_decimal_comma(envi_file, cube_of, text, gain):
    cube = read(envi_file(cube_of(3), f"reflectance scale factor = {text}"))
    np.testing.assert_allclose(cube.gain, [gain] * 3)


@pytest.mark.parametrize(
    "field", ["data gain values = {1, 2, 1, 2, 1, 2}", "bbl = {1, 0, 1, 0, 1, 0}"]
)
def test_twice_as_many_whole_numbers_as_bands_are_not_decimals(envi_file, cube_of, field):
    cube = read(envi_file(cube_of(3), field))
    assert cube.gain is None
    assert cube.good_bands is None
    assert any("has 6 values for 3 bands" in note for note in cube.notes)


def test_two_no_data_values_without_braces_are_not_one(envi_file, cube_of):
    assert read(envi_file(cube_of(), "data ignore value = 255, 0")).nodata is None


@pytest.mark.parametrize(
    "names",
    [
        "450,5 nm, 550,5 nm, 650,7 nm",
        "450,5 nm; 550,5 nm; 650,7 nm",
        "B1 (0,4505 µm), B2 (0,5505 µm), B3 (0,6507 µm)",
    ],
)
def test_wavelengths_in_names_may_have_decimal_commas(envi_file, cube_of, names):
    cube = read(envi_file(cube_of(3), f"band names = {{{names}}}"))
    np.testing.assert_allclose(cube.wavelengths, [450.5, 550.5, 650.7])


def test_two_no_data_values_are_no_number_with_a_decimal_comma(envi_file, cube_of):
    cube = read(envi_file(cube_of(), "data ignore value = {-9999, 0}"))
    assert cube.nodata is None
    assert any("'data ignore value' is left out" in note for note in cube.notes)


@pytest.mark.parametrize(
    "name", ["{nm} nm ({um} um)", "{um} um ({nm} nm)", "{nm} nm; 10 m", "10 m {nm} nm"]
)
def test_lengths_in_another_unit_may_stand_beside_wavelengths(envi_file, cube_of, name):
    names = [name.format(nm=centre, um=centre / 1000) for centre in (450, 550, 650)]
    cube = read(envi_file(cube_of(), f"band names = {{{', '.join(names)}}}"))
    np.testing.assert_allclose(cube.wavelengths, [450, 550, 650])
