"""Spectra of field spectrometers as text: Spectral Evolution (.sed) and Spectra Vista (.sig)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from napari_dodn.formats.envi.header import decoded
from napari_dodn.formats.errors import FormatError
from napari_dodn.spectra.library import SpectralLibrary, Spectrum

NAME = "Spectral Evolution, SVC"
SUFFIXES = (".sed", ".sig")

DATA = re.compile(r"data\s*[:=]\s*$", re.IGNORECASE)
"""The line above the numbers."""

SVC_COLUMNS = ("Wvl", "Ref.", "Target", "Reflect. %")
"""Columns of a .sig file, which has no headings."""


CENTRES = ("wvl", "wave")
"""Beginnings of the heading of wavelengths; numbers of channels may stand in front of them."""


def read(path: Path) -> SpectralLibrary:
    """Read the spectrum of a file: reflectance, or else what was measured of the target.

    Raises
    ------
    FormatError
        If it holds no spectrum.
    """
    said: dict[str, str] = {}
    lines = iter(decoded(path.read_bytes()).splitlines())
    for line in lines:
        if DATA.match(line.strip()):
            break
        key, mark, value = (
            re.split(r"([:=])", line, maxsplit=1) if re.search("[:=]", line) else (line, "", "")
        )
        if mark:
            said[key.strip()] = value.strip()
    rows = [line for line in lines if line.strip()]
    headings = list(SVC_COLUMNS)
    if rows and not _is_number(rows[0].split()[0]):
        headings = [heading.strip() for heading in re.split(r"\t|\s{2,}", rows.pop(0).strip())]
    try:
        table = np.array([row.replace(",", ".").split() for row in rows], np.float64)
    except ValueError as error:
        raise FormatError(f"{path} is damaged: its table is not only numbers.") from error
    if table.ndim != 2 or table.shape[1] < 2 or len(table) < 2:
        raise FormatError(f"{path} holds no spectrum: there is no table below 'Data:' or 'data='.")
    headings = headings[: table.shape[1]]
    place, quantity = _column(headings, said)
    centres = next((i for i, h in enumerate(headings) if h.casefold().startswith(CENTRES)), 0)
    values = table[:, place] / (100 if "%" in headings[place] else 1)
    name = said.get("name") or said.get("File Name") or path.stem
    spectrum = Spectrum(
        re.split(r"[\\/]", name)[-1].strip(),
        values,
        table[:, centres],
        quantity=quantity,
        metadata={key: value for key, value in said.items() if value},
    )
    return SpectralLibrary((spectrum,), path.stem, str(path))


def _column(headings: list[str], said: Mapping[str, str]) -> tuple[int, str]:
    """Return which column is the spectrum, and what it is."""
    for place, heading in enumerate(headings):
        if place and heading.casefold().startswith("reflect"):
            return place, "reflectance"
    places = [place for place, heading in enumerate(headings) if "target" in heading.casefold()]
    place = places[0] if places else len(headings) - 1
    is_radiance = "rad" in f"{headings[place]} {said.get('units', '')}".casefold()
    return place, "radiance" if is_radiance else ""


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
