"""Files of spectra: there and back exactly, and those that other software wrote."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spectral.io import envi

from napari_dodn.cube import HyperCube
from napari_dodn.formats import FormatError, read, read_library, write, write_library
from napari_dodn.spectra.library import SpectralLibrary, Spectrum
from napari_dodn.spectra.profiles import point_spectrum

ANY = st.floats(allow_infinity=False)
NAMES = st.text(max_size=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
METADATA = st.dictionaries(st.text(max_size=8), PLAIN, max_size=3)
there_and_back = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def libraries(draw, *, same_bands):
    """Return libraries of one to four spectra that use all that a spectrum can say."""

    def axis():
        bands = draw(st.integers(1, 6))
        return bands, draw(st.none() | st.lists(ANY, min_size=bands, max_size=bands))

    common = axis()
    spectra = []
    for _ in range(draw(st.integers(1, 4))):
        bands, wavelengths = common if same_bands or draw(st.booleans()) else axis()

        def listed(elements, bands=bands):
            return draw(st.lists(elements, min_size=bands, max_size=bands))

        spectra.append(
            Spectrum(
                draw(NAMES),
                listed(ANY),
                wavelengths,
                draw(st.none() | st.just("fwhm")) and listed(ANY),
                draw(st.none() | st.just("good")) and listed(st.booleans()),
                draw(st.sampled_from(["", "#12ab34"])),
                draw(st.sampled_from(["", "reflectance"])),
                draw(METADATA),
            )
        )
    return SpectralLibrary(tuple(spectra), metadata=draw(METADATA))


def assert_same(found, expected):
    assert len(found) == len(expected)
    assert dict(found.metadata) == dict(expected.metadata)
    for a, b in zip(found, expected, strict=True):
        assert (a.name, a.color, a.quantity) == (b.name, b.color, b.quantity)
        assert dict(a.metadata) == dict(b.metadata)
        for key in ("values", "wavelengths", "fwhm", "good_bands"):
            one, other = getattr(a, key), getattr(b, key)
            assert (one is None) == (other is None), key
            if one is not None:
                np.testing.assert_array_equal(one, other, err_msg=key)


@pytest.fixture
def library():
    wavelengths = np.linspace(400, 700, 4)
    return SpectralLibrary(
        (
            Spectrum("oak, old", [0.1, 0.2, np.nan, 1 / 3], wavelengths, color="#0a0"),
            Spectrum("grass", [1.0, 2.0, 3.0, 4.0], wavelengths, quantity="reflectance"),
        )
    )


# There and back


@there_and_back
@given(libraries(same_bands=False))
def test_what_is_written_as_csv_comes_back_exactly(tmp_path, library):
    path = write_library(library, tmp_path / "a.csv", overwrite=True)
    assert_same(read_library(path), library)


@there_and_back
@given(libraries(same_bands=True))
def test_what_is_written_as_sli_comes_back_exactly(tmp_path, library):
    path = write_library(library, tmp_path / "a.sli", overwrite=True)
    assert_same(read_library(path), library)
    assert_same(read_library(path.with_suffix(".hdr")), library)


def test_a_csv_is_a_table_that_people_can_read(tmp_path, library):
    text = write_library(library, tmp_path / "a.csv").read_text(encoding="utf-8")
    assert text.splitlines()[2:4] == ['wavelength (nm),"oak, old",grass', "400.0,0.1,1.0"]


def test_a_spectrum_renamed_in_the_table_has_its_new_name(tmp_path, library):
    path = write_library(library, tmp_path / "a.csv")
    path.write_text(path.read_text(encoding="utf-8").replace(",grass", ",meadow"), encoding="utf-8")
    assert read_library(path).names == ("oak, old", "meadow")


def test_spectra_of_other_bands_stand_beside_each_other_in_a_csv(tmp_path, library):
    mixed = SpectralLibrary((*library, Spectrum("sand", [5.0], [1000.0])))
    text = write_library(mixed, tmp_path / "a.csv").read_text(encoding="utf-8")
    assert text.splitlines()[3:5] == ["400.0,0.1,1.0,1000.0,5.0", "500.0,0.2,2.0,,"]


def test_spectra_of_other_bands_are_refused_for_sli(tmp_path, library):
    mixed = SpectralLibrary((*library, Spectrum("sand", [5.0], [1000.0])))
    with pytest.raises(FormatError, match=r"all have the same bands; write a \.csv file.*\.$"):
        write_library(mixed, tmp_path / "a.sli")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.csv", "a.sli", "a.hdr"])
def test_a_library_that_is_there_is_not_overwritten_unasked(tmp_path, library, name):
    path = write_library(library, tmp_path / name)
    before = path.read_bytes()
    with pytest.raises(FormatError, match="already exists"):
        write_library(SpectralLibrary((library[0],)), tmp_path / name)
    assert path.read_bytes() == before
    write_library(SpectralLibrary((library[0],)), tmp_path / name, overwrite=True)
    assert len(read_library(path)) == 1


@pytest.mark.parametrize("refused", ["a.hdr", "a.sli"])
def test_a_library_that_cannot_be_replaced_stays_as_it_was(
    tmp_path, library, forbid_renaming, refused
):
    path = write_library(library, tmp_path / "a.sli")
    with forbid_renaming(refused, "target"), pytest.raises(FormatError, match="cannot be written"):
        write_library(SpectralLibrary((library[0],)), path, overwrite=True)
    assert_same(read_library(path), library)
    assert {file.name for file in tmp_path.iterdir()} == {"a.hdr", "a.sli"}


def test_the_header_of_a_cube_is_never_taken_by_a_library(tmp_path, library):
    write(HyperCube(np.zeros((2, 2, 2))), tmp_path / "a.img")
    with pytest.raises(FormatError, match=r"already belongs to a\.img"):
        write_library(library, tmp_path / "a.sli", overwrite=True)


def test_a_library_of_another_header_is_never_taken_from_it(tmp_path, library):
    write_library(library, tmp_path / "a.sli.hdr")
    with pytest.raises(FormatError, match=r"already belongs to the header a\.sli\.hdr"):
        write_library(library, tmp_path / "a.hdr", overwrite=True)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a.xlsx", "is not that of a spectral library"),
        ("a.txt", r"a table of spectra ends in \.csv"),
        ("no/a.csv", "its folder does not exist"),
    ],
)
def test_what_cannot_be_written_gets_one_sentence(tmp_path, library, name, fault):
    with pytest.raises(FormatError, match=rf"{fault}.*\.$"):
        write_library(library, tmp_path / name)


def test_an_empty_library_is_not_written(tmp_path):
    with pytest.raises(FormatError, match="there is no spectrum to write"):
        write_library(SpectralLibrary(()), tmp_path / "a.csv")


@pytest.mark.parametrize("suffix", [".csv", ".sli"])
def test_a_spectrum_of_a_real_cube_comes_back_exactly(shared_data, tmp_path, suffix):
    cube = read(shared_data / "formats/envi_bil_aviris_ng/ang20170323t202244_rdn_7000-7010.hdr")
    spectrum = Spectrum(
        "pixel", point_spectrum(cube, 3, 4), cube.wavelengths, cube.fwhm, cube.usable_bands
    )
    library = SpectralLibrary((spectrum, spectrum.derive(name="again")))
    assert_same(read_library(write_library(library, tmp_path / f"a{suffix}")), library)


# ENVI libraries of other software


def test_spectral_python_reads_our_library(tmp_path, library):
    write_library(library, tmp_path / "a.sli")
    theirs = envi.open(str(tmp_path / "a.hdr"))
    np.testing.assert_array_equal(theirs.spectra, [s.values for s in library])
    assert theirs.names == ["oak; old", "grass"]
    assert theirs.bands.centers == library[0].wavelengths.tolist()


def test_we_read_the_library_of_spectral_python(tmp_path):
    data = np.random.default_rng(0).random((2, 3)).astype("f4")
    header = {
        "wavelength": [0.4, 0.5, 0.6],
        "fwhm": [0.01, 0.02, 0.03],
        "wavelength units": "Micrometers",
        "spectra names": ["oak", "ash"],
    }
    envi.SpectralLibrary(data, header).save(str(tmp_path / "theirs"), "by SPy")
    found = read_library(tmp_path / "theirs.sli")
    assert found.names == ("oak", "ash")
    assert found.name == "theirs"
    np.testing.assert_array_equal([s.values for s in found], data)
    np.testing.assert_allclose(found[0].wavelengths, [400, 500, 600])
    np.testing.assert_allclose(found[1].fwhm, [10, 20, 30])
    assert found.metadata["description"] == "by SPy"


def foreign_library(folder, rows, dtype="<f4", name="old.sli", **fields):
    codes = {"f4": 4, "f8": 5, "i2": 2}
    header = {
        "samples": rows.shape[1],
        "lines": rows.shape[0],
        "bands": 1,
        "file type": "ENVI Spectral Library",
        "data type": codes[dtype[1:]],
        "byte order": int(dtype[0] == ">"),
        "interleave": "bsq",
        **fields,
    }
    rows.astype(dtype).tofile(folder / name)
    text = "".join(f"{key} = {value}\n" for key, value in header.items())
    (folder / "old.hdr").write_text("ENVI\n" + text)
    return folder / "old.hdr"


def test_byte_order_scale_and_no_data_of_a_library_are_minded(tmp_path):
    rows = np.array([[1000, -1, 3000], [4000, 5000, 6000]])
    fields = {
        "reflectance scale factor": 10000,
        "data ignore value": -1,
        "bbl": "{1, 1, 0}",
        "spectra names": "{a, b}",
    }
    found = read_library(foreign_library(tmp_path, rows, ">i2", **fields))
    np.testing.assert_allclose(found[0].values, [0.1, np.nan, 0.3])
    assert found[1].quantity == "reflectance"
    assert found[1].good_bands.tolist() == [True, True, False]


def test_a_library_without_names_and_units_says_what_was_found_out(tmp_path):
    header = foreign_library(tmp_path, np.ones((2, 3)), wavelength="{0.4, 0.5, 0.6}")
    found = read_library(header)
    assert found.names == ("Spectrum 1", "Spectrum 2")
    np.testing.assert_allclose(found[0].wavelengths, [400, 500, 600])
    assert any("taken to be in µm" in note for note in found.notes)
    assert any("0 spectra names for 2 spectra" in note for note in found.notes)


def test_a_library_whose_data_file_has_no_suffix_is_found(tmp_path):
    header = foreign_library(tmp_path, np.ones((2, 3)), name="old")
    assert len(read_library(header)) == 2


def test_a_damaged_field_of_ours_leaves_what_envi_says(tmp_path, library):
    write_library(library, tmp_path / "a.sli")
    header = tmp_path / "a.hdr"
    header.write_text(header.read_text().replace('spectra\\": [', 'spectra\\": [['))
    found = read_library(header)
    assert found.names == ("oak; old", "grass")
    np.testing.assert_array_equal(found[0].values, library[0].values)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"file type": "ENVI Standard"}, "does not describe a spectral library"),
        ({"bands": 2}, "a library has 1"),
        ({"lines": 3}, "does not fit its header"),
        ({"samples": 0}, "must be at least 1"),
        ({"data type": 6}, "complex numbers"),
    ],
)
def test_an_envi_library_that_cannot_be_read_gets_one_sentence(tmp_path, fields, fault):
    header = foreign_library(tmp_path, np.ones((2, 3)), **fields)
    with pytest.raises(FormatError, match=rf"{fault}.*\.$"):
        read_library(header)


def test_a_library_needs_both_of_its_files(tmp_path):
    header = foreign_library(tmp_path, np.ones((2, 3)))
    header.unlink()
    with pytest.raises(FormatError, match=r"has no ENVI header beside it.*\.$"):
        read_library(tmp_path / "old.sli")
    header = foreign_library(tmp_path, np.ones((2, 3)))
    (tmp_path / "old.sli").unlink()
    with pytest.raises(FormatError, match=r"has no data file beside it.*\.$"):
        read_library(header)
    with pytest.raises(FormatError, match=r"does not exist\.$"):
        read_library(tmp_path / "nothing.csv")


# Tables of other software


@pytest.mark.parametrize(
    ("text", "wavelengths", "names", "first"),
    [
        ("wavelength_um,a,b\n0.4,1,2\n0.5,3,4\n", [400, 500], ("a", "b"), [1, 3]),
        ("Wavelength [nm];a\n400,5;1,5\n500,5;2,5\n", [400.5, 500.5], ("a",), [1.5, 2.5]),
        ("nm\ta\n400\t1\n500\t\n", [400, 500], ("a",), [1, np.nan]),
        ("400 1\n500 2\n", [400, 500], ("Spectrum 1",), [1, 2]),
        ("name,400,500\noak,1,2\nash,3,4\n", [400, 500], ("oak", "ash"), [1, 2]),
        ("# by me\nUSGS\n\nwave,a\n400,1\n500,NA\n", [400, 500], ("a",), [1, np.nan]),
        ("wavenumber (cm-1),a\n20000,1\n25000,2\n", [500, 400], ("a",), [1, 2]),
        ("band,a\n1,5\n2,6\n", None, ("a",), [5, 6]),
        ("wave,\n400,1\n500,2\n", [400, 500], ("Spectrum 1",), [1, 2]),
        ("wave;a;\n400;1;\n500;2;\n", [400, 500], ("a",), [1, 2]),
    ],
)
def test_tables_of_many_kinds_are_understood(tmp_path, text, wavelengths, names, first):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    found = read_library(tmp_path / "t.csv")
    assert found.names == names
    np.testing.assert_array_equal(found[0].values, first)
    if wavelengths is None:
        assert found[0].wavelengths is None
    else:
        np.testing.assert_allclose(found[0].wavelengths, wavelengths)


def test_a_table_that_a_spreadsheet_saved_again_keeps_its_numbers(tmp_path, library):
    path = write_library(library, tmp_path / "a.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[0], lines[1] = lines[0] + ",,", '"# {""columns"": [""wavelengths"""'
    path.write_text("\r\n".join(lines), encoding="utf-8")
    found = read_library(path)
    assert found.names == ("oak, old", "grass")
    np.testing.assert_array_equal(found[0].values, library[0].values)
    assert any("colours and metadata are left out" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "holds no spectra"),
        ("\x00\x01\x02", "holds no spectra"),
        ("a,b\n", "only headings"),
        ("wave,\n400,\n500,\n", "nothing beside its first column"),
        ("wave\n400\n500\n", "a column of wavelengths and one for each spectrum"),
        ("wave,a\n400,x\n", "has 'x' in column 'a' where a number should be"),
        ("wave,a\nNA,1\nNA,2\n", "its first column has no wavelengths"),
    ],
)
def test_a_table_that_holds_no_spectra_gets_one_sentence(tmp_path, text, fault):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(FormatError, match=rf"{fault}.*\.$"):
        read_library(tmp_path / "t.csv")


@there_and_back
@given(st.text(max_size=60) | st.text(alphabet="1.5,;\t\nabc# ", max_size=60))
def test_no_text_at_all_leads_to_anything_but_spectra_or_one_sentence(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    fault = "."
    try:
        found = read_library(tmp_path / "t.csv")
    except FormatError as error:
        fault = str(error)
    else:
        assert len(found)
    assert fault.endswith(".")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no files")
@pytest.mark.parametrize("name", ["spectra.csv", "spectra.sli"])
def test_where_a_library_has_no_room_the_old_one_stays(tmp_path, name):
    import resource

    def library(value):
        return SpectralLibrary((Spectrum("s", np.full(500, value), np.arange(400.0, 900.0)),))

    path = write_library(library(1.0), tmp_path / name)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(FormatError, match=r"cannot be written: File too large\.$"):
            write_library(library(2.0), path, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
