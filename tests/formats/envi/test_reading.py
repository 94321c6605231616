from __future__ import annotations

import gzip
import os

import numpy as np
import pytest

from napari_dodn import HyperCube
from napari_dodn.formats import AmbiguousError, FormatError, check_not_source, contents, read, write
from napari_dodn.formats.pixels.raw import RawPixels


@pytest.mark.parametrize("interleave", ["bsq", "BSQ", "bil", "BIL", "Bil", "bip", "BIP"])
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<f4", ">f8", "<u2", ">u4", "<i8", ">u8"])
def test_every_interleave_type_and_byte_order_gives_the_same_pixels(
    envi_file, cube_of, interleave, dtype
):
    data = cube_of(dtype=dtype)
    cube = read(envi_file(data, interleave=interleave, offset=7))
    np.testing.assert_array_equal(cube.data, data)
    assert np.dtype(cube.data.dtype) == data.dtype


def test_pixels_stay_in_the_file(envi_file, cube_of):
    cube = read(envi_file(cube_of(), interleave="bip"))
    assert isinstance(cube.data, RawPixels)


def test_a_header_without_byte_order_is_read_as_little_endian(envi_file, cube_of):
    cube = read(envi_file(cube_of(dtype="<i2"), without=("byte order",)))
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any("little-endian" in note for note in cube.notes)


def test_a_header_without_interleave_is_read_as_bsq_and_says_so(envi_file, cube_of):
    cube = read(envi_file(cube_of(), without=("interleave", "header offset")))
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any("BSQ" in note for note in cube.notes)


@pytest.mark.parametrize(
    ("header", "image"),
    [
        ("a.hdr", "a"),
        ("a.hdr", "a.dat"),
        ("a.hdr", "a.IMG"),
        ("A.HDR", "A.img"),
        ("a.hdr", "a.raw"),
        ("a.hdr", "a.bil"),
        ("a.hdr", "a.whatever"),
        ("a.raw.hdr", "a.raw"),
        ("a.b.c.hdr", "a.b.c"),
        ("a.b.c.hdr", "a.b.c.dat"),
    ],
)
def test_header_and_data_file_find_each_other(envi_file, cube_of, header, image):
    path = envi_file(cube_of(), header=header, image=image)
    for opened in (path, path.with_name(image)):
        np.testing.assert_array_equal(read(opened).data, cube_of())


def test_pictures_and_texts_beside_a_header_are_not_its_data(envi_file, cube_of):
    path = envi_file(cube_of(), image="scene.dat")
    for suffix in (".png", ".txt", ".xml"):
        path.with_suffix(suffix).write_bytes(b"x")
    np.testing.assert_array_equal(read(path).data, cube_of())


def test_of_several_data_files_the_one_of_the_right_size_is_taken_and_said(envi_file, cube_of):
    path = envi_file(cube_of(), image="scene.img")
    path.with_suffix(".dat").write_bytes(b"too short")
    cube = read(path)
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any("scene.img" in note for note in cube.notes)


def test_two_data_files_of_the_right_size_are_not_guessed_between(envi_file, cube_of):
    path = envi_file(cube_of(), image="scene.img")
    path.with_suffix(".dat").write_bytes(path.with_suffix(".img").read_bytes())
    with pytest.raises(AmbiguousError, match="open the one") as caught:
        read(path)
    assert caught.value.candidates == ["scene.dat", "scene.img"]
    np.testing.assert_array_equal(read(path, dataset="scene.dat").data, cube_of())
    with pytest.raises(FormatError, match=r"only scene\.dat, scene\.img"):
        read(path, dataset="scene.raw")
    np.testing.assert_array_equal(read(path.with_suffix(".dat")).data, cube_of())


def test_a_data_file_with_a_header_of_its_own_is_not_another_headers(envi_file, cube_of):
    envi_file(cube_of() + 100, header="scene.raw.hdr", image="scene.raw")
    path = envi_file(cube_of(), header="scene.hdr", image="scene.img")
    np.testing.assert_array_equal(read(path).data, cube_of())
    np.testing.assert_array_equal(read(path.with_name("scene.raw")).data, cube_of() + 100)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["wavelength = {450, 550, 650}", "wavelength units = Nanometers"], [450, 550, 650]),
        (["Wavelength = {0.45,0.55,0.65}", "Wavelength Units = Micrometers"], [450, 550, 650]),
        (["wavelength = {0.45,0.55,0.65}"], [450, 550, 650]),
        (["wavelength = {0.45,0.55,0.65}", "wavelength units = Unknown"], [450, 550, 650]),
        (["wavelength = {25000, 20000, 10000}", "wavelength units = Wavenumber"], [400, 500, 1000]),
        (["wavelength = {599584.916, 499654.097}"], None),
        (["wavelength = {1, 2, 3}", "wavelength units = Index"], None),
        (["wavelength = {1, 2, 3}"], None),
        (["wavelength = {red, green, blue}"], None),
        (["wavelength ="], None),
        ([], None),
        (["wavelength = {", "450,", "; a remark", "550,", "650", "}"], [450, 550, 650]),
        (["wavelength =", "{450, 550,", " 650}"], [450, 550, 650]),
        (["wavelength = 450, 550, 650"], [450, 550, 650]),
        (["wavelength = {650, 450, 450}", "wavelength units = nm"], [650, 450, 450]),
    ],
)
def test_wavelengths_come_in_nanometres_and_in_the_order_of_the_file(
    envi_file, cube_of, lines, expected
):
    cube = read(envi_file(cube_of(3), *lines))
    if expected is None:
        assert cube.wavelengths is None
    else:
        np.testing.assert_allclose(cube.wavelengths, expected)


def test_wavelengths_in_gigahertz_are_converted_with_their_widths(envi_file, cube_of):
    lines = ["wavelength = {599584.916}", "fwhm = {1199.169832}", "wavelength units = GHz"]
    cube = read(envi_file(cube_of(1), *lines))
    np.testing.assert_allclose(cube.wavelengths, [500])
    np.testing.assert_allclose(cube.fwhm, [1.0], rtol=1e-5)


@pytest.mark.parametrize("unit", ["Micrometers", "Nanometers", "Unknown"])
def test_widths_in_nanometres_beside_wavelengths_in_micrometres_are_said(envi_file, cube_of, unit):
    lines = ["wavelength = {0.45, 0.55, 0.65}", f"wavelength units = {unit}", "fwhm = {5, 6, 7}"]
    cube = read(envi_file(cube_of(3), *lines))
    np.testing.assert_allclose(cube.fwhm, [5, 6, 7])
    assert "The widths of the bands, 5 to 7, are taken to be in nm, not in µm." in cube.notes


def test_wavelengths_that_are_too_few_are_left_out_and_said(envi_file, cube_of):
    cube = read(envi_file(cube_of(3), "wavelength = {450, 550}"))
    assert cube.wavelengths is None
    assert any("2 values for 3 bands" in note for note in cube.notes)


@pytest.mark.parametrize(
    ("text", "word"), [("{450, 450, 650}", "repeated"), ("{450, 650, 550}", "not sorted")]
)
def test_wavelengths_out_of_order_are_said(envi_file, cube_of, text, word):
    cube = read(envi_file(cube_of(3), f"wavelength = {text}", "wavelength units = nm"))
    assert any(word in note for note in cube.notes)


def test_given_wavelengths_replace_those_of_the_header(envi_file, cube_of):
    path = envi_file(cube_of(3), "wavelength = {450, 550, 650}", "wavelength units = nm")
    given = [401, 402, 403]
    np.testing.assert_array_equal(read(path, wavelengths=given).wavelengths, given)
    with pytest.raises(FormatError, match="has 2 values"):
        read(path, wavelengths=[400, 500])
    with pytest.raises(FormatError, match=r"would be 0\.4 to 0\.6 nm.* is 'nm' their unit\?"):
        read(path, wavelengths=[0.4, 0.5, 0.6])


def test_all_that_a_header_says_about_the_bands_is_kept(envi_file, cube_of):
    cube = read(
        envi_file(
            cube_of(3),
            "wavelength = {0.45, 0.55, 0.65}",
            "fwhm = {0.01, 0.02, 0.03}",
            "wavelength units = Micrometers",
            "bbl = {1, 0, 1.0}",
            "default bands = {3, 2, 1}",
            "data ignore value = -9999",
        )
    )
    np.testing.assert_allclose(cube.fwhm, [10, 20, 30])
    np.testing.assert_array_equal(cube.good_bands, [True, False, True])
    assert cube.default_bands == (2, 1, 0)
    assert cube.nodata == -9999


def test_a_reflectance_scale_factor_becomes_a_gain_that_is_not_yet_applied(envi_file, cube_of):
    cube = read(envi_file(cube_of(3), "reflectance scale factor = 10000.0"))
    np.testing.assert_allclose(cube.gain, [1e-4] * 3)
    assert (cube.quantity, cube.scaled) == ("reflectance", False)


def test_gains_and_offsets_are_kept_per_band_without_a_claim_of_what_they_lead_to(
    envi_file, cube_of
):
    lines = ["data gain values = {1, 2, 3}", "data offset values = {0.5, 0, -1}"]
    cube = read(envi_file(cube_of(3), *lines))
    np.testing.assert_array_equal(cube.gain, [1, 2, 3])
    np.testing.assert_array_equal(cube.offset, [0.5, 0, -1])
    assert cube.quantity == ""


@pytest.mark.parametrize(
    ("text", "size", "unit"),
    [
        (
            "{UTM, 1, 1, 500000, 4000000, 20.0, 30.0, 11, North, WGS-84, units=Meters}",
            (30, 20),
            "m",
        ),
        ("{UTM, 1, 1, 500000, 4000000, 20, 30, 11, North}", (30, 20), "m"),
        ("{Geographic Lat/Lon, 1, 1, 8.5, 50.1, 0.1, 0.2, WGS-84}", (0.2, 0.1), "degree"),
        ("{Arbitrary, 1, 1, 0, 0, 1, 2, units=Micrometers}", (2, 1), "um"),
        ("{Arbitrary, 1, 1, 0, 0, 1, 2}", (2, 1), "pixel"),
        ("{Arbitrary, 1, 1}", None, "pixel"),
    ],
)
def test_map_info_tells_the_size_of_a_pixel(envi_file, cube_of, text, size, unit):
    cube = read(envi_file(cube_of(), f"map info = {text}"))
    assert cube.pixel_size == size
    assert cube.pixel_unit == unit
    assert cube.map_info == tuple(part.strip() for part in text.strip("{}").split(","))


def test_unknown_fields_stay_in_the_metadata_as_they_are_spelt(envi_file, cube_of):
    cube = read(
        envi_file(
            cube_of(),
            "Sensor  Type = Camera X",
            "AcquisitionDate = 2021-03-04",
            "band names = {first, second, third}",
            "description = {",
            "two lines, with a comma",
            "; and a semicolon}",
        )
    )
    assert dict(cube.metadata) == {
        "Sensor Type": "Camera X",
        "AcquisitionDate": "2021-03-04",
        "band names": ["first", "second", "third"],
        "description": "two lines, with a comma\n; and a semicolon",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_headers_of_any_encoding_and_line_ending_are_read(envi_file, cube_of, encoding, newline):
    lines = ["wavelength = {0.45, 0.55, 0.65}", "wavelength units = µm", "place = Köln"]
    path = envi_file(cube_of(3), *lines)
    path.write_bytes(path.read_text("utf-8").replace("\n", newline).encode(encoding))
    cube = read(path)
    np.testing.assert_allclose(cube.wavelengths, [450, 550, 650])
    assert cube.metadata["place"] == "Köln"
    assert not cube.notes


def test_a_cube_of_one_band_or_one_line_is_a_cube(envi_file, cube_of):
    assert read(envi_file(cube_of(1))).shape == (1, 4, 5)
    assert read(envi_file(cube_of(3, 1))).shape == (3, 1, 5)


@pytest.mark.parametrize(
    ("replaced", "word"),
    [
        ({"bands": -3}, "-3 as bands"),
        ({"samples": "many"}, "not a whole number"),
        ({"samples": "{many,\n of them}"}, "has 'many, of them' as samples"),
        ({"samples": ""}, "'samples'"),
        ({"lines": 10**12}, "cut off"),
        ({"bands": 10**30}, "cut off"),
        ({"data_type": 6}, "complex"),
        ({"data_type": 9}, "complex"),
        ({"data_type": 7}, "data type"),
        ({"interleave": "bxq"}, "interleave"),
        ({"byte_order": 3}, "byte order"),
        ({"header_offset": -1}, "header offset"),
        ({"file_type": "ENVI Spectral Library"}, "spectral library"),
        ({"file_type": "ENVI Classification"}, "classification"),
        ({"major_frame_offsets": "{4, 0}"}, "major frame offsets"),
    ],
)
def test_a_header_that_cannot_be_is_refused_in_one_sentence(envi_file, cube_of, replaced, word):
    data = cube_of(3)
    path = envi_file(data)
    text = path.read_text()
    for name, value in replaced.items():
        name = name.replace("_", " ")
        kept = [line for line in text.splitlines() if not line.startswith(f"{name} =")]
        text = "\n".join([*kept, f"{name} = {value}"])
    path.write_text(text)
    with pytest.raises(FormatError, match=word) as caught:
        read(path)
    assert "scene" in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("field", ["samples", "bands", "data type"])
def test_a_header_without_a_needed_field_is_refused(envi_file, cube_of, field):
    with pytest.raises(FormatError, match=field):
        read(envi_file(cube_of(), without=(field,)))


def test_truncated_data_are_refused(envi_file, cube_of):
    path = envi_file(cube_of())
    os.truncate(path.with_suffix(".img"), 17)
    with pytest.raises(FormatError, match="has 17 bytes"):
        read(path)


def test_a_few_bytes_too_many_are_left_alone_and_said(envi_file, cube_of):
    path = envi_file(cube_of())
    with path.with_suffix(".img").open("ab") as file:
        file.write(b"end")
    cube = read(path)
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any("last 3 bytes" in note for note in cube.notes)


def test_a_list_that_is_never_closed_ends_with_the_header(envi_file, cube_of):
    cube = read(envi_file(cube_of(), "wavelength units = nm", "wavelength = {410, 420, 430,"))
    np.testing.assert_array_equal(cube.wavelengths, [410, 420, 430])
    assert "The header's 'wavelength' has no closing brace; it ends with the header." in cube.notes


def test_a_header_alone_and_data_alone_are_refused(envi_file, cube_of):
    path = envi_file(cube_of())
    path.with_suffix(".img").rename(path.with_name("other.img"))
    with pytest.raises(FormatError, match="no data file"):
        read(path)
    with pytest.raises(FormatError, match="cannot be opened"):
        read(path.with_name("other.img"))


def test_another_kind_of_header_is_refused(tmp_path):
    path = tmp_path / "brain.hdr"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(FormatError, match="not an ENVI header"):
        read(path)


def test_options_without_meaning_are_refused(envi_file, cube_of):
    path = envi_file(cube_of())
    with pytest.raises(FormatError, match="'axes' has no meaning"):
        read(path, axes="yxb")
    with pytest.raises(FormatError, match="'dataset' has no meaning"):
        read(path.with_suffix(".img"), dataset="cube")


@pytest.mark.parametrize(
    ("name", "shape", "ends"),
    [
        ("envi_bil_aviris_ng/ang20170323t202244_rdn_7000-7010", (425, 10, 10), (376.86, 2500.54)),
        ("envi_bil_no_byte_order/corn-kernel-hyperspectral.raw", (580, 31, 43), (366.551, 1047.9)),
    ],
)
def test_real_files_open_with_the_right_shape_and_wavelengths(shared_data, name, shape, ends):
    cube = read(shared_data / "formats" / name)
    assert cube.shape == shape
    np.testing.assert_allclose(cube.wavelengths[[0, -1]], ends, atol=1)
    assert np.isfinite(np.asarray(cube.data)).all()


def test_a_real_file_is_read_as_spectral_reads_it(shared_data):
    envi = pytest.importorskip("spectral.io.envi")
    path = shared_data / "formats/envi_bil_aviris_ng/ang20170323t202244_rdn_7000-7010.hdr"
    expected = np.asarray(envi.open(str(path)).load()).transpose(2, 0, 1)
    np.testing.assert_array_equal(read(path).data, expected)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("history", value) for value in ("5", "null", '"Done."', "[1]", "[[]]")),
        pytest.param("history", "[" * 10_000, id="history-deep"),
        *(("notes", value) for value in ("true", "[null]", "Seen.")),
        *((name, value) for name in ("rgb_picture", "quantity") for value in ("1", "[]", "null")),
        *(("scaled", value) for value in ("1", '"yes"', "[true]")),
        *(
            (name, value)
            for name in ("gain", "offset")
            for value in ("2", '"high"', '["a", "b"]', "[1]", "[1, null]", "[1, true]", "[[1], 2]")
        ),
        pytest.param("gain", f"[1, 1{'0' * 400}]", id="gain-huge"),
    ],
)
def test_a_damaged_field_of_ours_is_left_out_and_said(envi_file, cube_of, field, value):
    lines = [] if field == "scaled" else ["napari-dodn scaled = {true}"]
    cube = read(envi_file(cube_of(2), *lines, f"napari-dodn {field} = {{{value}}}"))
    assert f"The header's 'napari-dodn {field}' is left out: it is damaged." in cube.notes
    assert getattr(cube, field) == getattr(HyperCube(cube_of(2)), field) or field == "notes"


def test_a_gain_that_is_applied_already_is_not_applied_again_by_a_damaged_field(envi_file, cube_of):
    lines = "napari-dodn scaled = {tru}", "napari-dodn gain = {[2, 2]}"
    cube = read(envi_file(cube_of(2), *lines))
    assert not cube.scaled
    assert cube.gain is None


WAVES = "wavelength = {450, 550, 650}"
DECIDING = ("interleave = bil", "byte order = 1")


@pytest.mark.parametrize(
    "lines",
    [
        ["description = {field day} v2", *DECIDING, WAVES],
        ["description = {two", "lines} and more", *DECIDING, WAVES],
        ["band names = {a, b, c} = letters", *DECIDING, WAVES],
        ["wavelength = {450, 550, 650} nm", *DECIDING],
        ["wavelength = {", "450, 550, 650", "}}", *DECIDING],
        ["description = {one {two} three}", *DECIDING, WAVES],
        ["description = {never closed", *DECIDING, WAVES],
        ["description = {never closed", *DECIDING],
        ["band names = {a, b, c", *DECIDING, WAVES],
        ["band names = {a, b, c,", *DECIDING, WAVES],
        ["fwhm = {", "5, 5, 5", "; a remark", *DECIDING, WAVES],
        ["description = {lines = 3", "interleave = bsq, said the sensor}", *DECIDING, WAVES],
        ["byte_order = 1.0 ; big", "Interleave = 'BIL' # by line", WAVES],
    ],
)
def test_no_field_swallows_what_decides_about_the_pixels(envi_file, cube_of, lines):
    data = cube_of(dtype=">i2")
    without = ("interleave", "byte order")
    cube = read(envi_file(data, *lines, interleave="bil", without=without))
    np.testing.assert_array_equal(cube.data, data)
    if "byte_order" not in lines[0] and "}}" not in lines and "said" not in "".join(lines):
        assert any("brace" in note for note in cube.notes)


@pytest.mark.parametrize(
    "lines",
    [
        ["description = {field day} interleave = bil", "byte order = 1"],
        ["description = {interleave = bil}", "byte order = 1"],
        ["description = {", "interleave = bil", "}", "byte order = 1"],
        ["interleave: bil", "byte order = 1"],
        ["; interleave = bil", "byte order = 1"],
        ["interleave = bil", "note = {byte order = 1}"],
        ["interleave = bil", "byteorder = 1"],
        ["interleave = bil", "byte order = 1", "interleave = bsq"],
    ],
)
def test_the_order_of_pixels_is_not_guessed_where_the_text_mentions_it(envi_file, cube_of, lines):
    data = cube_of(dtype=">i2")
    path = envi_file(data, *lines, interleave="bil", without=("interleave", "byte order"))
    with pytest.raises(FormatError, match=r"'interleave'|'byte order'"):
        read(path)


@pytest.mark.parametrize("text", ["3.0", "3.", "3 ; three", "3 # three", '"3"', "{3}"])
def test_a_number_of_bands_is_read_however_it_is_written(envi_file, cube_of, text):
    np.testing.assert_array_equal(read(envi_file(cube_of(3), bands=text)).data, cube_of(3))


def test_a_field_that_is_there_twice_keeps_both_values(envi_file, cube_of):
    cube = read(envi_file(cube_of(), "place = here", "Place = there", "place = here"))
    assert dict(cube.metadata) == {"place": "here", "Place (2)": "there"}
    assert any("'Place' more than once" in note for note in cube.notes)


LIMIT = float(np.finfo(np.float32).max)


@pytest.mark.parametrize(
    ("dtype", "text", "stored"),
    [
        ("f4", "-3.40282e+38", -LIMIT),
        ("f4", "-3.4e38", -LIMIT),
        ("f4", "3.403e+38", LIMIT),
        ("f4", "-1.79769e+308", -LIMIT),
        ("f4", "9.96921e+36", 9.969209968386869e36),
        ("f4", "1e20", 1e20),
        ("f4", "-9999.9", -9999.9),
        ("f8", "-3.40282e+38", -LIMIT),
        ("f8", "-3.4028234663852886e+38", -LIMIT),
        ("f8", "-1.79769e+308", -np.finfo(np.float64).max),
        ("f8", "-9999.9", float(np.float32(-9999.9))),
        ("f8", "0.1", float(np.float32(0.1))),
        ("f8", "-9999.9", -9999.9),
        ("f8", "-1.70141e+38", -1.7014118346046923e38),
        ("i4", "-2.14748e+09", -2147483648),
        ("i4", "-2147483648", -2147483648),
        ("u4", "4.29497e+09", 4294967295),
        ("i2", "-9999.0", -9999),
        ("i2", "-9999 ; nothing there", -9999),
        ("f4", "{-9999, -9999, -9999}", -9999),
        ("f4", "{-9999}", -9999),
        ("f4", "[-9999. -9999. -9999.]", -9999),
        ("f4", "{-3.40282e+38, -3.40282e+38, -3.40282e+38}", -LIMIT),
    ],
)
def test_the_no_data_value_is_found_however_it_is_written(envi_file, cube_of, dtype, text, stored):
    data = cube_of(3, dtype="i2").astype(dtype)
    data[:, 1, 2] = stored
    pixels = read(envi_file(data, f"data ignore value = {text}")).pixels()
    assert np.isnan(pixels[:, 1, 2]).all()
    assert np.count_nonzero(np.isnan(pixels)) == 3


@pytest.mark.parametrize(
    ("dtype", "text", "values"),
    [
        ("f4", "{-1, -2, -3}", [-1, -2, -3]),
        ("f8", "{-9999, -3.40282e+38, 1e20}", [-9999, -LIMIT, 1e20]),
        ("i2", "{-1, -2, -3}", [-1, -2, -3]),
        ("u1", "{200, 201, 255}", [200, 201, 255]),
        (">i4", "{-1, -2, -2.14748e+09}", [-1, -2, -2147483648]),
        ("f4", "{-9999, nan, -9999}", [-9999, np.nan, -9999]),
    ],
)
def test_no_data_values_of_bands_are_each_bands_own(envi_file, cube_of, dtype, text, values):
    data = cube_of(3, dtype="i2").astype(dtype)
    data[:, 1, 2] = values
    data[:, 0, 0] = [5, values[0] if dtype == "u1" else 5, 5]  # the no-data value of another band
    cube = read(envi_file(data, f"data ignore value = {text}"))
    expected = data.astype("f8")
    expected[:, 1, 2] = np.nan
    np.testing.assert_array_equal(cube.pixels(), expected)
    assert any("band to band" in note for note in cube.notes)


@pytest.mark.parametrize("text", ["{-1, -2}", "none", "-9999,5", "{-1, -2, -3, -4}"])
def test_a_no_data_value_that_cannot_be_read_is_said(envi_file, cube_of, text):
    cube = read(envi_file(cube_of(3), f"data ignore value = {text}"))
    assert cube.nodata is None
    assert any("'data ignore value' is left out" in note for note in cube.notes)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_values_near_the_no_data_value_are_measurements(envi_file, cube_of, dtype):
    data = cube_of(3, dtype="i2").astype(dtype)
    data[:, 1, 2] = -9998
    data[:, 1, 3] = 2147000000
    for text in ("-9999", "-9999.9", "2.14748e+09", "-2.147e+09"):
        cube = read(envi_file(data, f"data ignore value = {text}"))
        np.testing.assert_array_equal(cube.pixels(), data.astype("f8"))


@pytest.mark.parametrize(
    ("text", "gain"),
    [
        ("0.0001", 1e-4),
        ("1e-4 ; multiply", 1e-4),
        ("0.5", 0.5),
        ("1", 1),
        ("100", 0.01),
        ("{10000, 10000, 10000}", 1e-4),
    ],
)
def test_a_reflectance_factor_below_1_multiplies_and_is_said(envi_file, cube_of, text, gain):
    cube = read(envi_file(cube_of(3), f"reflectance scale factor = {text}"))
    np.testing.assert_allclose(cube.gain, gain)
    said = any("multiplied" in note for note in cube.notes)
    assert said == (text[:2] in ("0.", "1e"))


def test_a_gain_above_1_of_reflectance_survives_writing(tmp_path, cube_of):
    cube = HyperCube(cube_of(), gain=2.0, quantity="reflectance")
    again = read(write(cube, tmp_path / "a.hdr"))
    np.testing.assert_array_equal(again.gain, cube.gain)
    assert again.quantity == "reflectance"


@pytest.mark.parametrize(
    "lines",
    [
        ["wavelengths = {450.5, 550.5, 650.5}"],
        ["Wavelengths (nm) = {450.5, 550.5, 650.5}"],
        ["wavelength_um = {0.4505, 0.5505, 0.6505}"],
        ["center wavelengths = {450.5, 550.5, 650.5}"],
        ["wavelenght = {450.5, 550.5, 650.5}"],
        ["wavelength = [450.5, 550.5, 650.5]"],
        ["wavelength = [450.5,", " 550.5,", " 650.5]"],
        ["wavelength = [450.5 550.5", " 650.5]"],
        ["wavelength = (450.5, 550.5, 650.5)"],
        ["wavelength = array([450.5, 550.5, 650.5])"],
        ["wavelength = [np.float64(450.5), np.float64(550.5), np.float64(650.5)]"],
        ["wavelength = {array([450.5, 550.5, 650.5], dtype=float32)}"],
        ["wavelength = {'450.5', '550.5', '650.5'}"],
        ["wavelength = {450.5 550.5 650.5}"],
        ["wavelength = {", "450.5", "550.5", "650.5", "}"],
        ["wavelength = 450.5,", "550.5,", "650.5"],
        ["wavelength = {450.5; 550.5; 650.5}"],
        ["wavelength = {450.5 nm, 550.5 nm, 650.5 nm}"],
        ["wavelength = {0.4505um, 0.5505um, 0.6505um}"],
        ["wavelength = {450.5 nm, 550.5 nm, 650.5 nm}", "wavelength units = Micrometers"],
        ["wavelength = {450,5, 550,5, 650,5}"],
        ["wavelength = {450,5; 550,5; 650,5}"],
        ["wavelength = {450,5 550,5 650,5}"],
        ["wavelength = {450.5, 550.5, 650.5} ; measured in May"],
        ["wavelength = {450.5, ; blue", "550.5, ; green, of course", "650.5 ; 3rd", "}"],
        ["wavelength = {450.5, 550.5, 650.5}", "wavelength units = nm ; as ever"],
        ["wavelength = {450.5, 550.5, 650.5}", "wavelength = {1, 2, 3}"],
        ["wavelength = {1, 2, 3}", "Wavelength = {450.5, 550.5, 650.5}"],
        ["wavelength = {a, b, c}", "wavelength = {450.5, 550.5, 650.5}"],
        ["band names = {Band 1 (450.5 nm), Band 2 (550.5 nm), Band 3 (650.5 nm)}"],
        ["band names = {band 1 (0.4505 Micrometers), band 2 (0.5505 Micrometers), b (0.6505 um)}"],
        ["band names = {450.5nm, 550.5nm, 650.5nm}"],
        ["band names = {B1_450.5_nm, B2_550.5_nm, B3_650.5_nm}"],
        ["band names = {450.5, 550.5, 650.5}"],
        ["band names = {Band 1 (450.5), Band 2 (550.5), Band 3 (650.5)}"],
        ["wavelength = {1, 2, 3}", "band names = {450.5 nm, 550.5 nm, 650.5 nm}"],
        ["wavelength = {4.505D+02, 5.505d2, 650.5f}"],
        ["wavelength = {450.5|550.5|650.5}"],
        ["band wavelengths = {450.5, 550.5, 650.5}"],
        ["wavelength units = Index", "wavelength = {450.5, 550.5, 650.5}"],
        ["band names = {nm450.5, nm550.5, nm650.5}"],
        ["band names = {450.5 nm FWHM 5.5 nm, 550.5 nm (width 6 nm), 650.5 nm fwhm=5nm}"],
    ],
)
def test_wavelengths_are_read_in_every_spelling(envi_file, cube_of, lines):
    cube = read(envi_file(cube_of(3), *lines))
    np.testing.assert_allclose(cube.wavelengths, [450.5, 550.5, 650.5])
    np.testing.assert_array_equal(read(envi_file(cube_of(3), *lines)).data, cube_of(3))


@pytest.mark.parametrize("names", ["{450, 550, 650}", "{R450, R550, R650}"])
def test_names_that_are_whole_numbers_and_rise_are_wavelengths(envi_file, cube_of, names):
    cube = read(envi_file(cube_of(3), f"band names = {names}"))
    np.testing.assert_array_equal(cube.wavelengths, [450, 550, 650])
    assert any("those in the band names" in note for note in cube.notes)


@pytest.mark.parametrize("first", ["\n \nENVI", "envi", " Envi"])
def test_the_first_word_of_a_header_may_be_in_any_case_after_blank_lines(envi_file, cube_of, first):
    path = envi_file(cube_of())
    path.write_text(path.read_text().replace("ENVI", first, 1))
    np.testing.assert_array_equal(read(path).data, cube_of())


@pytest.mark.parametrize("text", ["big endian", "Big-Endian", "1.0", "1,"])
def test_a_byte_order_is_read_however_it_is_written(envi_file, cube_of, text):
    path = envi_file(cube_of(dtype=">i2"), f"byte order = {text}", without=("byte order",))
    np.testing.assert_array_equal(read(path).data, cube_of())


def test_a_header_that_says_no_number_of_lines_has_those_of_its_data(envi_file, cube_of):
    cube = read(envi_file(cube_of(), interleave="bil", without=("lines",)))
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any("says no number" in note for note in cube.notes)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (["wavelength = {450, 550, 650, 750, 850, 950}"], "6 values for 3 bands"),
        (["wavelength = {red, green, blue}"], "not only numbers"),
        (["wavelength = {450 nm, 0.55 um, 650 nm}"], "not only numbers"),
        (["wavelength = {450 ... 650}"], "not only numbers"),
        (["wavelength = {450-460, 550-560, 650-660}"], "6 values for 3 bands"),
        (["band names = {450 nm, 550 nm, panchromatic}"], "band names cannot be read"),
        (["band names = {450 nm, 0.55 um, 650 nm}"], "band names cannot be read"),
        (["wavelength = {1, 2, 3}"], "band numbers"),
    ],
)
def test_wavelengths_that_cannot_be_read_are_said(envi_file, cube_of, lines, word):
    cube = read(envi_file(cube_of(3), *lines))
    assert cube.wavelengths is None
    assert any(word in note for note in cube.notes)


@pytest.mark.parametrize(
    "names",
    [
        "{2001, 2002, 2003}",
        "{1990, 2000, 2010}",
        "{B400, B410, B420}",
        "{400, 401, 402}",
        "{PC 1, PC 2, PC 3}",
        "{a 1.5, b 1.2, c 1.3}",
        "{1 m, x, y}",
    ],
)
def test_other_names_of_bands_are_no_wavelengths(envi_file, cube_of, names):
    assert read(envi_file(cube_of(3), f"band names = {names}")).wavelengths is None


@pytest.mark.parametrize("text", ["{5,5; 5,6; 5,5}", "{5.5 nm, 5.6 nm, 5.5 nm}", "[5.5 5.6 5.5]"])
def test_widths_are_read_in_the_spellings_of_wavelengths(envi_file, cube_of, text):
    lines = ["wavelength = {450, 550, 650}", "wavelength units = nm", f"fwhm = {text}"]
    np.testing.assert_allclose(read(envi_file(cube_of(3), *lines)).fwhm, [5.5, 5.6, 5.5])


@pytest.mark.parametrize("interleave", ["bil", "bip"])
@pytest.mark.parametrize(("said", "extra"), [(9, 0), (9, 7), (3, 0), (0, 0), (0, 7), (1, 0)])
def test_the_whole_lines_that_are_there_are_read_and_said(
    envi_file, cube_of, interleave, said, extra
):
    path = envi_file(cube_of(3, 4), interleave=interleave, offset=5, lines=said)
    with path.with_suffix(".img").open("ab") as file:
        file.write(bytes(extra))
    cube = read(path)
    np.testing.assert_array_equal(cube.data, cube_of(3, 4))
    said = f"not the {said} of its header" if said else "and its header says no number"
    assert f"The data file has 4 whole lines, {said}." in cube.notes
    assert contents(path)[0].shape[STORED[interleave].index("y")] == 4


STORED = {"bil": "ybx", "bip": "yxb"}


@pytest.mark.parametrize("interleave", ["bil", "bip", "bsq"])
@pytest.mark.parametrize("extra", [1, 7, 31, 1001])
def test_bytes_behind_the_pixels_are_left_alone_and_said(envi_file, cube_of, interleave, extra):
    path = envi_file(cube_of(), interleave=interleave, offset=5)
    with path.with_suffix(".img").open("ab") as file:
        file.write(bytes(extra))
    cube = read(path)
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any(f"last {extra:,} bytes" in note for note in cube.notes)


def test_a_file_of_whole_bands_whose_header_says_0_lines_is_read(envi_file, cube_of):
    np.testing.assert_array_equal(read(envi_file(cube_of(), lines=0)).data, cube_of())


@pytest.mark.parametrize(("lines", "size"), [(13, None), (0, 100), (4, 39), (0, 5)])
def test_whole_bands_of_unclear_length_are_refused(envi_file, cube_of, lines, size):
    path = envi_file(cube_of(), lines=lines)
    if size is not None:
        os.truncate(path.with_suffix(".img"), size)
    with pytest.raises(FormatError, match="header"):
        read(path)


def test_whole_lines_behind_the_last_band_are_left_alone_and_said(envi_file, cube_of):
    path = envi_file(cube_of())
    with path.with_suffix(".img").open("ab") as file:
        file.write(bytes(3 * 5 * 2))
    cube = read(path)
    np.testing.assert_array_equal(cube.data, cube_of())
    assert any("last 30 bytes" in note for note in cube.notes)


@pytest.mark.parametrize(
    ("missing", "incomplete"), [(1, 1), (10, 1), (39, 1), (40, 1), (41, 2), (75, 2), (80, 2)]
)
@pytest.mark.parametrize("dtype", ["<i2", ">u2"])
def test_whole_bands_that_end_early_are_read_and_the_last_are_bad(
    envi_file, cube_of, missing, incomplete, dtype
):
    data = cube_of(dtype=dtype)
    path = envi_file(data, "bbl = {0, 1, 1}", offset=5)
    image = path.with_suffix(".img")
    os.truncate(image, image.stat().st_size - missing)
    lost = np.zeros(data.size, bool)
    lost[data.size - -(-missing // 10) * 5 :] = True  # whole lines of five pixels
    cube = read(path)
    np.testing.assert_array_equal(cube.data, np.where(lost.reshape(data.shape), 0, data))
    assert list(cube.good_bands) == [False, incomplete < 2, False]
    assert any("cut off" in note and "bad" in note for note in cube.notes)
    assert contents(path)[0].shape == (3, 4, 5)


def test_less_than_one_line_is_refused(envi_file, cube_of):
    path = envi_file(cube_of(), interleave="bil")
    os.truncate(path.with_suffix(".img"), 29)
    with pytest.raises(FormatError, match="cut off"):
        read(path)


def test_a_header_is_opened_though_its_data_have_another_one(envi_file, cube_of):
    path = envi_file(cube_of(), header="both.hdr", image="both.img", interleave="bil")
    exact = path.with_name("both.img.hdr")
    exact.write_bytes(path.read_bytes())
    for opened in (path, exact, path.with_suffix(".img")):
        np.testing.assert_array_equal(read(opened).data, cube_of())
    assert any("both.img.hdr" in note for note in read(path).notes)
    assert not read(exact).notes
    assert contents(path)[0].name == "both.img"
    with pytest.raises(FormatError, match="is the file that"):
        check_not_source(path.with_suffix(".img"), path)


@pytest.mark.parametrize("suffix", [".img", ".raw", ""])
def test_files_that_differ_in_letter_case_only_are_told_apart(envi_file, cube_of, suffix):
    for number, name in enumerate(("scene", "Scene", "SCENE")):
        envi_file(cube_of() + 100 * number, header=f"{name}.hdr", image=f"{name}{suffix}")
    folder = envi_file(cube_of(), header="scene.hdr", image=f"scene{suffix}").parent
    if len(list(folder.iterdir())) < 6:
        pytest.skip("the file system knows no letter case")
    for number, name in enumerate(("scene", "Scene", "SCENE")):
        for file in (f"{name}.hdr", f"{name}{suffix}"):
            np.testing.assert_array_equal(read(folder / file).data, cube_of() + 100 * number)


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("offset", [0, 7])
def test_data_that_are_compressed_by_gzip_are_read(envi_file, cube_of, interleave, offset):
    path = envi_file(cube_of(), "file compression = 1", interleave=interleave, offset=offset)
    image = path.with_suffix(".img")
    image.write_bytes(gzip.compress(image.read_bytes()))
    np.testing.assert_array_equal(np.asarray(read(path).data), cube_of())
    assert contents(path)[0].name == "scene.img"


def test_compressed_data_that_are_cut_off_are_refused(envi_file, cube_of):
    path = envi_file(cube_of(), "file compression = 1")
    image = path.with_suffix(".img")
    whole = image.read_bytes()
    for content in (gzip.compress(whole)[:-12], gzip.compress(whole[:-1])):
        image.write_bytes(content)
        with pytest.raises(FormatError, match="damaged|cut off"):
            read(path)


def test_gains_of_0_are_left_out_and_said(envi_file, cube_of):
    data = cube_of()
    gains = ", ".join("0" * len(data))
    cube = read(envi_file(data, f"data gain values = {{{gains}}}"))
    assert cube.gain is None
    assert "The header's 'data gain values' are left out, since they are 0." in cube.notes
