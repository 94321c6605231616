"""Spectra in the files of libraries and spectrometers."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from napari_dodn.formats import FormatError, read_library, write_library

CENTRES = 350.0 + 10 * np.arange(12)
VALUES = np.linspace(0.1, 0.6, 12)


def usgs_text(title, values):
    lines = [f" splib07a Record=88: {title}  ", *(f" {value:.7E} " for value in values)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def usgs(tmp_path):
    """Return the path of a spectrum in the folders of the USGS library."""
    chapter = tmp_path / "ASCIIdata_splib07a" / "ChapterM_Minerals"
    chapter.mkdir(parents=True)
    axes = chapter.parent
    for name, values in (
        ("Wavelengths_BECK_Beckman_0.2-3.0_microns", CENTRES / 1000 + 1),
        ("Wavelengths_ASD_0.35-2.5_microns_2151_ch", CENTRES / 1000),
        ("Bandpass_(FWHM)_ASDFR_StandardResolution", np.full(12, 0.005)),
        ("Wavenumber_ASD", 1e7 / CENTRES),
    ):
        title = name.replace("_", " ")
        (axes / f"splib07a_{name}.txt").write_text(usgs_text(title, values))
    values = VALUES.copy()
    values[3] = -1.23e34
    path = chapter / "splib07a_Actinolite_HS116.1B_ASDFRb_AREF.txt"
    path.write_text(usgs_text("Actinolite HS116.1B  ASDFRb AREF", values))
    return path


def test_a_usgs_spectrum_has_the_wavelengths_of_its_spectrometer(usgs):
    (spectrum,) = read_library(usgs)
    np.testing.assert_allclose(spectrum.wavelengths, CENTRES)
    np.testing.assert_allclose(spectrum.fwhm, 5)
    np.testing.assert_array_equal(np.isnan(spectrum.values), np.arange(12) == 3)
    np.testing.assert_allclose(np.delete(spectrum.values, 3), np.delete(VALUES, 3))
    assert (spectrum.name, spectrum.quantity) == ("Actinolite HS116.1B  ASDFRb AREF", "reflectance")


def test_a_usgs_spectrum_without_its_wavelengths_is_refused(usgs):
    for file in usgs.parent.parent.glob("*.txt"):
        file.unlink()
    with pytest.raises(FormatError, match="no file of 12 wavelengths"):
        read_library(usgs)


def test_the_wavelengths_of_usgs_spectra_are_no_spectrum(usgs):
    path = next(usgs.parent.parent.glob("*Wavelengths_ASD*"))
    with pytest.raises(FormatError, match="not a spectrum"):
        read_library(path)


def ecostress_text(
    x_unit="Wavelength (micrometers)", y_unit="Reflectance (percent)", falling=False
):
    order = slice(None, None, -1) if falling else slice(None)
    rows = zip(CENTRES[order] / 1000, 100 * VALUES[order], strict=True)
    return "\n".join(
        [
            "Name: Acer rubrum",
            "Type: Vegetation",
            "Class: Tree",
            "Particle Size: Unknown",
            "Sample No.: JPL120",
            "Description: A leaf,",
            "of May 12: green.",
            f"X Units: {x_unit}",
            f"Y Units: {y_unit}",
            "Additional Information: none.ancillary.txt",
            "",
            *(f"{centre:.5f}\t{value:.4f}" for centre, value in rows),
        ]
    )


@pytest.mark.parametrize("falling", [False, True])
def test_an_ecostress_spectrum_is_called_like_its_sample(tmp_path, falling):
    path = tmp_path / "vegetation.tree.spectrum.txt"
    path.write_text(ecostress_text(falling=falling))
    (spectrum,) = read_library(path)
    order = slice(None, None, -1) if falling else slice(None)
    np.testing.assert_allclose(spectrum.wavelengths, CENTRES[order])
    np.testing.assert_allclose(spectrum.values, VALUES[order], atol=1e-6)
    assert (spectrum.name, spectrum.quantity) == ("Acer rubrum JPL120", "reflectance")
    assert spectrum.metadata["Class"] == "Tree"


SED = """Comment:
Version: 2.2 [1.2.6250C]
File Name: C:\\data\\leaf_00001.sed
Instrument: PSR+3500_SN1234567 [3]
Measurement: REFLECTANCE
Date: 06/14/2021,06/14/2021
Units: W/m^2/sr/nm
Columns [4]:
Data:
Wvl\tRad. (Ref.)\tRad. (Target)\tReflect. %
"""
SIG = """/*** Spectra Vista SIG Data ***/
name= gr_0001.sig
instrument= HI: 1192021 (HR-1024i)
integration= 20.0, 20.0, 40.0, 20.0, 20.0, 40.0
time= 6/14/2021 11:01:02AM, 6/14/2021 11:02:03AM
units= Radiance, Radiance
data=
"""


@pytest.mark.parametrize(
    ("name", "head", "called"),
    [("leaf.sed", SED, "leaf_00001.sed"), ("gr_0001.sig", SIG, "gr_0001.sig")],
)
def test_a_spectrometers_text_gives_reflectance_as_a_share(tmp_path, name, head, called):
    rows = (
        f"{c:.1f}\t1000.0\t{1000 * v:.2f}\t{100 * v:.4f}\n"
        for c, v in zip(CENTRES, VALUES, strict=True)
    )
    path = tmp_path / name
    path.write_text(head + "".join(rows))
    (spectrum,) = read_library(path)
    np.testing.assert_allclose(spectrum.wavelengths, CENTRES)
    np.testing.assert_allclose(spectrum.values, VALUES, atol=1e-6)
    assert (spectrum.name, spectrum.quantity) == (called, "reflectance")
    assert any("nstrument" in key for key in spectrum.metadata)


def test_a_spectrometers_text_without_reflectance_gives_the_target(tmp_path):
    head = SED.replace("\tReflect. %", "")
    rows = (f"{c:.1f}\t1000\t{v:.3f}\n" for c, v in zip(CENTRES, VALUES, strict=True))
    (tmp_path / "leaf.sed").write_text(head + "".join(rows))
    (spectrum,) = read_library(tmp_path / "leaf.sed")
    np.testing.assert_allclose(spectrum.values, VALUES, atol=1e-3)
    assert spectrum.quantity == "radiance"


def asd_bytes(version=b"as7", code=2, kind=1, reference=True):
    dtype = {0: "<f4", 1: "<i4", 2: "<f8"}[code]
    white = np.full(12, 20_000).astype(dtype)
    head = bytearray(484)
    head[:3] = version
    head[3:3] = b""
    head[3:12] = b"green lea"
    head[186] = kind
    struct.pack_into("<ff", head, 191, CENTRES[0], 10)
    head[199] = code
    struct.pack_into("<H", head, 204, 12)
    spectrum = VALUES if not reference else VALUES * 20_000
    tail = struct.pack("<hddH", -1, 0.0, 0.0, 5) + b"words" + white.tobytes() if reference else b""
    return bytes(head) + spectrum.astype(dtype).tobytes() + tail


@pytest.mark.parametrize("code", [0, 1, 2])
@pytest.mark.parametrize("name", ["leaf.asd", "leaf.000"])
def test_an_asd_spectrum_is_divided_by_its_white_reference(tmp_path, code, name):
    (tmp_path / name).write_bytes(asd_bytes(code=code))
    (spectrum,) = read_library(tmp_path / name)
    np.testing.assert_allclose(spectrum.wavelengths, CENTRES)
    np.testing.assert_allclose(spectrum.values, VALUES, atol=1e-4)
    assert (spectrum.name, spectrum.quantity) == ("leaf", "reflectance")
    assert spectrum.metadata["comment"] == "green lea"


def test_an_asd_spectrum_of_version_1_is_as_it_stands(tmp_path):
    (tmp_path / "leaf.asd").write_bytes(asd_bytes(b"ASD", reference=False))
    np.testing.assert_allclose(read_library(tmp_path / "leaf.asd")[0].values, VALUES)


@pytest.mark.parametrize("keep", [3, 200, 490])
def test_an_asd_file_that_is_cut_off_is_refused(tmp_path, keep):
    (tmp_path / "leaf.asd").write_bytes(asd_bytes()[:keep])
    with pytest.raises(FormatError, match=r"leaf\.asd"):
        read_library(tmp_path / "leaf.asd")


def test_an_asd_text_is_a_table(tmp_path):
    rows = [f"{centre:.0f}\t{value:.4f}" for centre, value in zip(CENTRES, VALUES, strict=True)]
    lines = ["Text conversion of header file leaf.asd", "---------", "Wavelength\tleaf.asd", *rows]
    (tmp_path / "leaf.txt").write_text("\n".join(lines))
    (spectrum,) = read_library(tmp_path / "leaf.txt")
    np.testing.assert_allclose(spectrum.wavelengths, CENTRES)
    np.testing.assert_allclose(spectrum.values, VALUES, atol=1e-4)
    assert spectrum.name == "leaf.asd"


def test_an_ecosis_table_has_a_spectrum_in_each_row_behind_its_description(tmp_path):
    head = ["Latin Genus", "Spectra_ID", "Leaf mass", *(f"{centre:.0f}" for centre in CENTRES)]
    rows = [
        ["Acer", "a_1", "0.5", *(f"{value:.4f}" for value in VALUES)],
        ["Quercus", "q_1", "", *(f"{2 * value:.4f}" for value in VALUES)],
    ]
    (tmp_path / "leaves.csv").write_text("\n".join(",".join(row) for row in [head, *rows]))
    first, second = read_library(tmp_path / "leaves.csv")
    assert (first.name, second.name) == ("a_1", "q_1")
    assert first.metadata["Latin Genus"] == "Acer"
    for spectrum, factor in ((first, 1), (second, 2)):
        np.testing.assert_allclose(spectrum.wavelengths, CENTRES)
        np.testing.assert_allclose(spectrum.values, factor * VALUES, atol=1e-4)


def test_a_specchio_table_has_rows_of_descriptions_above_the_numbers(tmp_path):
    rows = [
        ["File Name", "a.sed", "b.sed"],
        ["Acquisition Time", "2021-06-14", "2021-06-15"],
        ["Wavelength", "", ""],
        *([f"{c:.1f}", f"{v:.4f}", f"{2 * v:.4f}"] for c, v in zip(CENTRES, VALUES, strict=True)),
    ]
    (tmp_path / "export.csv").write_text("\n".join(",".join(row) for row in rows))
    first, second = read_library(tmp_path / "export.csv")
    assert (first.name, second.name) == ("a.sed", "b.sed")
    assert second.metadata["Acquisition Time"] == "2021-06-15"
    np.testing.assert_allclose(second.values, 2 * VALUES, atol=1e-4)
    np.testing.assert_allclose(first.wavelengths, CENTRES)


def test_spectra_of_others_are_written_as_ours(tmp_path):
    (tmp_path / "leaf.asd").write_bytes(asd_bytes())
    library = read_library(tmp_path / "leaf.asd")
    back = read_library(write_library(library, tmp_path / "leaf.csv"))
    np.testing.assert_array_equal(back[0].values, library[0].values)
    with pytest.raises(FormatError, match="not that of a spectral library"):
        write_library(library, tmp_path / "new.asd")


@pytest.mark.parametrize("name", ["a.sed", "a.sig", "a.asd", "a.txt"])
@pytest.mark.parametrize(
    "content", [b"words", b"data=\n1 2\n", b"as7" + bytes(600), b"Name: a\nType: b\n"]
)
def test_a_file_without_a_spectrum_gets_one_sentence(tmp_path, name, content):
    if name == "a.txt":
        content = content.replace(b"1 2", b"1 words")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.\w+"):
        read_library(tmp_path / name)


@pytest.mark.parametrize(
    "heading", ["{:.1f} nm", "{:.1f}nm", "X{:.1f}", "Wave_{:.1f}", "R{:.1f}", "wl {:.1f} nm"]
)
def test_headings_may_have_a_letter_or_a_unit_beside_the_wavelength(tmp_path, heading):
    centres = np.array([350.0, 400.5, 451.0, 500.0, 600.0])
    head = ["site", "spectra_id", *(heading.format(centre) for centre in centres)]
    rows = [head, ["x", "a", "1", "2", "3", "4", "5"], ["y", "b", "5", "4", "3", "2", "1"]]
    for described in (1, 0):  # a column that describes the spectra, or names alone
        text = "\n".join(",".join(row[1 - described :]) for row in rows)
        (tmp_path / "leaves.csv").write_text(text)
        first, second = read_library(tmp_path / "leaves.csv")
        assert (first.name, second.name) == ("a", "b")
        np.testing.assert_allclose(first.wavelengths, centres)
        np.testing.assert_array_equal(second.values, [5, 4, 3, 2, 1])
        assert first.metadata == ({"site": "x", "spectra_id": "a"} if described else {})


def test_numbered_spectra_are_no_wavelengths(tmp_path):
    text = "wavelength,X1,X2,X3,X4\n450,1,2,3,4\n550,2,3,4,5\n650,3,4,5,6\n"
    (tmp_path / "leaves.csv").write_text(text)
    library = read_library(tmp_path / "leaves.csv")
    assert [spectrum.name for spectrum in library] == ["X1", "X2", "X3", "X4"]
    np.testing.assert_array_equal(library[3].values, [4, 5, 6])


def test_the_name_of_a_file_goes_before_a_number_as_name(tmp_path):
    head = "spectrum_id,File Name,350,400,450,500,550"
    (tmp_path / "a.csv").write_text(f"{head}\n101,leaf.asd,1,2,3,4,5\n102,bark.asd,1,2,3,4,5\n")
    assert [s.name for s in read_library(tmp_path / "a.csv")] == ["leaf.asd", "bark.asd"]


def test_numbers_of_channels_are_not_the_wavelengths_of_a_spectrometer(tmp_path):
    rows = "".join(f"{n}\t{450 + n}\t1.0\t0.5\t50\n" for n in range(1, 5))
    head = "Chan.#\tWvl\tRad. (Ref.)\tRad. (Target)\tReflect. %\n"
    (tmp_path / "leaf.sed").write_text(f"Comment: x\nData:\n{head}{rows}")
    (spectrum,) = read_library(tmp_path / "leaf.sed")
    np.testing.assert_array_equal(spectrum.wavelengths, [451, 452, 453, 454])
    np.testing.assert_array_equal(spectrum.values, 0.5)
