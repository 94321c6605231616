"""Spectra of the ECOSTRESS (and ASTER) spectral library: fields, then two columns of numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from napari_dodn.formats.envi.header import decoded
from napari_dodn.formats.errors import FormatError
from napari_dodn.spectra.library import SpectralLibrary, Spectrum
from napari_dodn.spectra.units import find_wavelengths

NAME = "ECOSTRESS"
SUFFIXES = (".txt",)

BEGINNING = re.compile(r"Name:.*?^(Type|Class|Sample No\.):", re.DOTALL | re.MULTILINE)


def recognises(head: bytes) -> bool:
    """Tell whether a file begins as those of the library do."""
    return BEGINNING.match(decoded(head).lstrip()) is not None


def read(path: Path) -> SpectralLibrary:
    """Read a spectrum under the name of its sample.

    Raises
    ------
    FormatError
        If it holds no spectrum.
    """
    said: dict[str, str] = {}
    pairs: list[list[float]] = []
    for line in decoded(path.read_bytes()).splitlines():
        key, colon, value = line.partition(":")
        if colon:
            said[key.strip()] = value.strip()
            continue
        try:
            pair = [float(number) for number in line.split()]
        except ValueError:
            continue  # the rest of a description
        if len(pair) == 2:
            pairs.append(pair)
    if len(pairs) < 2:
        raise FormatError(f"{path} holds no spectrum: there are no two columns of numbers.")
    centres, values = np.array(pairs).T
    x_unit, y_unit = said.get("X Units", ""), said.get("Y Units", "").casefold()
    unit = re.search(r"\(([^)]*)\)", x_unit)
    wavelengths, _, note = find_wavelengths(centres, unit[1] if unit else x_unit)
    if "percent" in y_unit or "%" in y_unit:
        values = values / 100
    name = " ".join(filter(None, (said.get("Name"), said.get("Sample No.")))) or path.stem
    spectrum = Spectrum(
        name,
        values,
        wavelengths,
        quantity="reflectance" if "reflect" in y_unit else "",
        metadata={key: value for key, value in said.items() if value},
    )
    return SpectralLibrary((spectrum,), path.stem, str(path), tuple(filter(None, [note])))
