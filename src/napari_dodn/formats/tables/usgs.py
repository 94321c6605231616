"""Spectra of the USGS Spectral Library Version 7 as text; their wavelengths lie in other files.

By "USGS Spectral Library Version 7" (Data Series 1035): the first line is a title, and each one
after it a value; -1.23e34 marks a channel that was deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_dodn.formats.envi.header import decoded
from napari_dodn.formats.errors import FormatError
from napari_dodn.spectra.library import SpectralLibrary, Spectrum
from napari_dodn.spectra.units import find_wavelengths

NAME = "USGS splib07"
SUFFIXES = (".txt",)

TITLE = re.compile(r"\s*s(?:plib)?\d\d\w* Record=(\d+):\s*(.+?)\s*$", re.IGNORECASE)
"""First line, as in "splib07a Record=88: Actinolite HS116.1B  ASDFRb AREF"."""

DELETED = -1.23e34
AXES = re.compile(r"wavelengths|bandpass|wavenumber", re.IGNORECASE)
REFLECTANCE = re.compile(r"\b(AREF|RREF|RTGC)\b")
LEVELS = 3
"""Folders above a spectrum in which its wavelengths may lie, its own included."""


def recognises(head: bytes) -> bool:
    """Tell whether a file begins as those of the library do."""
    return TITLE.match(decoded(head).partition("\n")[0]) is not None


def read(path: Path) -> SpectralLibrary:
    """Read a spectrum, with wavelengths and widths of the files beside it or above.

    Raises
    ------
    FormatError
        If it holds no spectrum, or its wavelengths are not there.
    """
    title, values = _title_and_values(path)
    if AXES.search(title):
        raise FormatError(f"{path} holds the wavelengths of spectra, not a spectrum.")
    axes = list(_axes_beside(path, values.size))
    # Wavelengths are those of the spectrometer: "ASD" of a spectrum by ASDFRb.
    called = tuple(word[:3].casefold() for word in title.split()[-2:])
    own = [axis for axis in axes if any(word.startswith(called) for word in axis[0].split())]
    found = {kind: numbers for _, kind, numbers in reversed(own or axes)}
    if "wavelengths" not in found:
        raise FormatError(
            f"{path} has no file of {values.size:,} wavelengths beside it, such as "
            "splib07a_Wavelengths_ASD_0.35-2.5_microns_2151_ch.txt."
        )
    wavelengths, _, note = find_wavelengths(found["wavelengths"], "micrometers")
    widths = found.get("bandpass")
    spectrum = Spectrum(
        title,
        np.where(np.isclose(values, DELETED, rtol=1e-3), np.nan, values),
        wavelengths,
        fwhm=None if widths is None else widths * 1000,
        quantity="reflectance" if REFLECTANCE.search(title) else "",
    )
    return SpectralLibrary((spectrum,), path.stem, str(path), tuple(filter(None, [note])))


def _title_and_values(path: Path) -> tuple[str, np.ndarray]:
    first, _, rest = decoded(path.read_bytes()).partition("\n")
    match = TITLE.match(first)
    if match is None:
        raise FormatError(f"{path} is not a spectrum of the USGS library.")
    try:
        return match[2], np.array(rest.split(), np.float64)
    except ValueError as error:
        raise FormatError(f"{path} has something that is not a number below its title.") from error


def _axes_beside(path: Path, count: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield title, kind and values of the files that describe as many channels."""
    for folder in list(path.absolute().parents)[:LEVELS]:
        for file in sorted(folder.glob("*.txt")):
            kind = AXES.search(file.name)
            if kind is None:
                continue
            try:
                title, values = _title_and_values(file)
            except FormatError:
                continue
            if values.size == count and "wavenumber" not in title.casefold():
                yield (
                    title.casefold().replace("wavelengths", "").strip(),
                    kind[0].casefold(),
                    values,
                )
