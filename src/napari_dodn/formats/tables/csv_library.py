"""Tables of spectra: our own CSV, with everything in a header of comments, and those of others.

A table has a column of wavelengths and then one for each spectrum that has those bands. Spectra of
other bands follow to the right, with wavelengths of their own.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.envi.header import decoded
from napari_dodn.formats.errors import FormatError, check_new_file
from napari_dodn.formats.wavelengths.named import LEAST_INTEGER_WAVELENGTH
from napari_dodn.plain_types import plain
from napari_dodn.replacing import replace_text
from napari_dodn.spectra.library import SpectralLibrary, Spectrum
from napari_dodn.spectra.units import canonical_unit, describe_order, find_wavelengths

NAME = "CSV"
SUFFIXES = (".csv", ".tsv", ".txt")

FIRST_LINE = "# napari-dodn spectra 1"

WAVELENGTH, BAND, FWHM, GOOD = "wavelength (nm)", "band", "fwhm (nm)", "good band"
"""Headings of the columns that are no spectra."""

DAMAGED = "The description above the table is damaged; colours and metadata are left out."

DECIMAL_COMMA = re.compile(r"[-+]?\d+(?:,\d+)?")
QUOTED_DECIMAL = re.compile(r'"[-+]?\d+,\d+"')

GAPS = {"", "nan", "na", "n/a", "null", "none", "-", "#n/a"}
"""What stands in a table where a value is missing, in lower case."""

LEAST_BANDS = 4
"""Headings of a table that are numbers, from which on they are wavelengths."""

NAMES_OF_SPECTRA = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"file[ _]?name", r"spectr\w*[ _]?(id|name)?$|sample|^name|^id$")
)
"""What the names of spectra are called beside other descriptions, the clearest first."""

WAVELENGTH_IN_HEADING = re.compile(
    r"(?:x|r|wl|wvl|nm|wave|wavelength|refl(?:ectance)?)?[ _.]?(\d+(?:[.,]\d+)?)[ _]*"
    r"(nm|[uµμ]m|nanomet\w+|micromet\w+)?",
    re.IGNORECASE,
)
"""Headings such as "X350", "Wave_350.5" and "350 nm", as R and spreadsheets write them."""

Table = list[list[str]]


def read(path: Path) -> SpectralLibrary:
    """Read a table of spectra.

    Raises
    ------
    FormatError
        If it holds no spectra, or something that is no number where one should be.
    """
    return library_in(decoded(path.read_bytes()), path)


def library_in(text: str, path: Path) -> SpectralLibrary:
    """Return the spectra in the text of a table.

    Parameters
    ----------
    text : str
        The table.
    path : Path
        Where it is from, for the sentences.

    Raises
    ------
    FormatError
        As `read`.
    """
    if not text.startswith(FIRST_LINE):
        return _read_foreign(path, text)
    try:
        return _read_own(path, text)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        # A spreadsheet may have been at it.
        library = _read_foreign(path, text)
        return replace(library, notes=(*library.notes, DAMAGED))


def write(library: SpectralLibrary, path: Path, *, overwrite: bool = False) -> Path:
    """Write spectra as CSV, UTF-8, with a line of JSON above the table."""
    if path.suffix.lower() != SUFFIXES[0]:
        raise FormatError(f"{path} cannot be written: a table of spectra ends in {SUFFIXES[0]}.")
    check_new_file(path, overwrite=overwrite)
    replace_text(path, text_of(library), newline="")
    return path


def text_of(library: SpectralLibrary) -> str:
    """Return the table that `write` writes."""
    columns: list[list[str]] = []
    roles: list[str | int] = []
    for group in _groups(library):
        for role, heading, cells in _axis_columns(library[group[0]]):
            roles.append(role)
            columns.append([heading, *cells])
        for index in group:
            roles.append(index)
            columns.append([_heading(library[index].name), *_cells(library[index].values)])
    header = {
        "columns": roles,
        "spectra": [
            {
                "name": spectrum.name,
                "bands": spectrum.bands,
                "color": spectrum.color,
                "quantity": spectrum.quantity,
                "metadata": spectrum.metadata,
            }
            for spectrum in library
        ],
        "metadata": library.metadata,
    }
    text = io.StringIO()
    text.write(f"{FIRST_LINE}\n# {json.dumps(plain(header), default=str)}\n")
    length = max(len(column) for column in columns)
    padded = [column + [""] * (length - len(column)) for column in columns]
    csv.writer(text, lineterminator="\n").writerows(zip(*padded, strict=True))
    return text.getvalue()


def _groups(library: SpectralLibrary) -> list[list[int]]:
    """Return the spectra that share all of what describes their bands, by their numbers."""
    groups: dict[Any, list[int]] = {}
    for index, spectrum in enumerate(library):
        arrays = (spectrum.wavelengths, spectrum.fwhm, spectrum.good_bands)
        key = (spectrum.bands, *(None if a is None else a.tobytes() for a in arrays))
        groups.setdefault(key, []).append(index)
    return list(groups.values())


def _axis_columns(spectrum: Spectrum) -> list[tuple[str, str, list[str]]]:
    """Return role, heading and cells of the columns that describe the bands."""
    if spectrum.wavelengths is None:
        columns = [("band", BAND, [str(band + 1) for band in range(spectrum.bands)])]
    else:
        columns = [("wavelengths", WAVELENGTH, _cells(spectrum.wavelengths))]
    if spectrum.fwhm is not None:
        columns.append(("fwhm", FWHM, _cells(spectrum.fwhm)))
    if spectrum.good_bands is not None:
        columns.append(("good_bands", GOOD, [str(int(good)) for good in spectrum.good_bands]))
    return columns


def _heading(name: str) -> str:
    """Return a name on one line, as any reader of tables takes it."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def _cells(values: np.ndarray) -> list[str]:
    return ["" if np.isnan(value) else repr(float(value)) for value in values]


def _read_own(path: Path, text: str) -> SpectralLibrary:
    _, described, table = text.split("\n", 2) if text.count("\n") > 1 else ("", "", "")
    rows = list(csv.reader(io.StringIO(table, newline="")))
    header = json.loads(described.removeprefix("# "))
    roles, spectra = header["columns"], header["spectra"]
    if not rows or len(rows[0]) != len(roles):
        raise ValueError("The table has other columns than are described.")
    found: list[Any] = [None] * len(spectra)
    bands: dict[str, np.ndarray] = {}
    for place, role in enumerate(roles):
        if role in ("wavelengths", "band"):
            bands = {}
        if isinstance(role, str):
            if role != "band":
                bands[role] = _numbers(path, rows, place)
            continue
        description = dict(spectra[role])
        name, count = description.pop("name"), description.pop("bands")
        if rows[0][place] != _heading(name):  # somebody has given it another one
            name = rows[0][place]
        axis: dict[str, Any] = {key: values[:count] for key, values in bands.items()}
        if "good_bands" in axis:
            axis["good_bands"] = axis["good_bands"] > 0
        values = _numbers(path, rows, place)[:count]
        if values.size < count:
            raise ValueError("The table has fewer bands than are described.")
        found[role] = Spectrum(name, values, **axis, **description)
    return SpectralLibrary(tuple(found), path.stem, str(path), metadata=header["metadata"])


def _numbers(path: Path, rows: Table, place: int, decimal: str = ".") -> np.ndarray:
    """Return a column below its heading as numbers, NaN in gaps."""
    values = np.full(len(rows) - 1, np.nan)
    for index, row in enumerate(rows[1:]):
        cell = row[place].strip() if place < len(row) else ""
        if cell.lower() in GAPS:
            continue
        try:
            values[index] = float(cell.replace(decimal, "."))
        except ValueError:
            raise FormatError(
                f"{path} has '{cell[:40]}' in column '{rows[0][place]}' where a number should be."
            ) from None
    return values


def _read_foreign(path: Path, text: str) -> SpectralLibrary:
    rows, decimal = cells_of(text)
    rows, described = _with_spectra_in_columns(rows, decimal)
    if not described:
        rows, described = _with_described_columns(rows, decimal)
    rows, notes = _with_heading(path, rows, decimal)
    axis = _numbers(path, rows, 0, decimal)
    heading = rows[0][0]
    filled = np.isfinite(axis)
    if not filled.any():
        raise FormatError(f"{path} holds no spectra: its first column has no wavelengths.")
    unit = next((word for word in re.split(r"[\s_()\[\]]+", heading) if canonical_unit(word)), None)
    wavelengths, _, note = find_wavelengths(axis[filled], unit)
    if note:
        notes.append(note)
    if wavelengths is not None and (order := describe_order(wavelengths)):
        notes.append(order)
    spectra = []
    for place, name in enumerate(rows[0][1:], start=1):
        values = _numbers(path, rows, place, decimal)[filled]
        if name.strip() or np.isfinite(values).any():  # not where lines end with a comma
            said = described[place - 1] if place <= len(described) else {}
            called = name.strip() or f"Spectrum {place}"
            spectra.append(Spectrum(called, values, wavelengths, metadata=said))
    if not spectra:
        raise FormatError(f"{path} holds no spectra: there is nothing beside its first column.")
    return SpectralLibrary(tuple(spectra), path.stem, str(path), tuple(notes))


def _with_spectra_in_columns(rows: Table, decimal: str) -> tuple[Table, list[dict[str, str]]]:
    """Turn a table with a spectrum in each row behind columns that describe it, as of EcoSIS.

    Other tables come back as they are, without descriptions.
    """
    headings, unit = _numbers_of_headings(rows[0] if rows else [])
    numbered = [headings, *rows[1:]]
    places = [place for place, cell in enumerate(headings) if _is_number(cell, decimal)]
    others = [place for place in range(len(headings)) if place not in places]
    if len(places) < LEAST_BANDS or not others or len(rows) < 2:
        return rows, []
    if any(len(row) != len(headings) for row in rows[1:]):
        return rows, []
    if places[0] == 1 and len(others) == 1:  # a plain table in rows, of which only names are said
        return [[unit or headings[0], *headings[1:]], *rows[1:]], []
    described = [{headings[p].strip(): row[p].strip() for p in others} for row in rows[1:]]
    called = _place_of_names([headings[place] for place in others])
    called = others[called]
    turned = [[unit, *(row[called].strip() for row in rows[1:])]]
    turned += [[row[place] for row in numbered] for place in places]
    return turned, described


def _numbers_of_headings(headings: list[str]) -> tuple[list[str], str]:
    """Return headings with numbers for those that name a wavelength, and the unit of these."""
    found = {
        place: match
        for place, cell in enumerate(headings)
        if (match := WAVELENGTH_IN_HEADING.fullmatch(cell.strip()))
    }
    units = {match[2] or "" for match in found.values()}
    values = [float(match[1].replace(",", ".")) for match in found.values()]
    if len(found) < LEAST_BANDS or len(units) > 1:
        return headings, ""
    if units == {""} and min(values) < LEAST_INTEGER_WAVELENGTH:
        return headings, ""  # numbers of spectra
    plain = [found[place][1] if place in found else cell for place, cell in enumerate(headings)]
    return plain, units.pop()


def _place_of_names(headings: list[str]) -> int:
    """Return which of several descriptions has the names of the spectra; else the first."""
    for pattern in NAMES_OF_SPECTRA:
        for place, heading in enumerate(headings):
            if pattern.search(heading):
                return place
    return 0


def _with_described_columns(rows: Table, decimal: str) -> tuple[Table, list[dict[str, str]]]:
    """Take the rows out that describe the spectra above the numbers, as of SPECCHIO.

    Other tables come back as they are, without descriptions.
    """
    first = next((i for i, row in enumerate(rows) if row and _is_number(row[0], decimal)), 0)
    above = [row for row in rows[:first] if len(row) == len(rows[first])]
    if len(above) < 2 or first != len(above):
        return rows, []
    width = len(rows[first])
    heading = above[_place_of_names([row[0] for row in above])]
    unit = next((row[0] for row in above if "wavelength" in row[0].casefold()), "")
    described = [
        {
            row[0].strip(): row[place].strip()
            for row in above
            if row[0].strip() and row[place].strip()
        }
        for place in range(1, width)
    ]
    return [[unit, *heading[1:]], *rows[first:]], described


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.strip().replace(decimal, "."))
    except ValueError:
        return False
    return True


def cells_of(text: str) -> tuple[Table, str]:
    """Return the cells of a table, and the mark of its decimals."""
    lines = [
        line for line in text.splitlines() if line.strip() and not line.startswith(("#", '"#'))
    ]
    body = lines[-1] if lines else ""
    delimiter = next((mark for mark in "\t;" if mark in body), None)
    is_decimal = "," in body and "." not in body
    words = body.split()
    if delimiter is None and (
        "," not in body or (len(words) > 1 and all(map(DECIMAL_COMMA.fullmatch, words)))
    ):
        return [line.split() for line in lines], "," if is_decimal else "."
    decimal = "," if is_decimal and (delimiter or QUOTED_DECIMAL.search(body)) else "."
    return list(csv.reader(lines, delimiter=delimiter or ",", skipinitialspace=True)), decimal


def _with_heading(path: Path, rows: Table, decimal: str) -> tuple[Table, list[str]]:
    """Return a table with one row of headings, wavelengths in its first column, and notes."""

    def is_number(cell: str) -> bool:
        return _is_number(cell, decimal)

    width = len(rows[-1]) if rows else 0
    first = next((i for i, row in enumerate(rows) if len(row) == width), 0)
    notes = []
    if first:
        notes.append("Lines above the table, with another number of columns, are left out.")
    rows = rows[first:]
    if width < 2 or not rows:
        raise FormatError(
            f"{path} holds no spectra: it needs a column of wavelengths and one for each spectrum."
        )
    if len(rows) > 1 and all(map(is_number, rows[0][1:])) and not is_number(rows[1][0]):
        rows = [list(column) for column in zip(*rows, strict=False)]
    elif all(map(is_number, rows[0])):
        rows = [["", *(f"Spectrum {i + 1}" for i in range(width - 1))], *rows]
    if len(rows) < 2:
        raise FormatError(f"{path} holds no spectra, only headings.")
    return rows, notes
