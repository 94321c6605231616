"""Wavelengths from a file beside a cube: a list, a column of a table, .npy, an ENVI header."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from napari_dodn.errors import UserError
from napari_dodn.formats.envi import header as envi_header
from napari_dodn.formats.envi.field_reader import FieldReader
from napari_dodn.formats.errors import FormatError, damage_as_sentence, file_faults_as_sentences
from napari_dodn.formats.tables import csv_library
from napari_dodn.formats.tables.csv_library import cells_of
from napari_dodn.formats.wavelengths.named import looks_like_wavelengths, wavelengths_among
from napari_dodn.formats.wavelengths.spelt import numbers_in
from napari_dodn.paths import expanded
from napari_dodn.spectra.units import NANOMETRES_PER_UNIT, canonical_unit, find_wavelengths
from napari_dodn.spectra.wavelength_text import checked_wavelengths, parse_wavelengths

ARRAY = ".npy"
SUFFIXES = (ARRAY, *csv_library.SUFFIXES, ".hdr")
"""Usual suffixes of files of wavelengths, in the order in which they are looked for."""

BANDS = "bands"
NAMES_BESIDE = ("wavelengths", "wavelength", BANDS)
"""What a file of wavelengths is called where it is not called after a cube."""

LARGEST = 10_000_000
"""Bytes; a larger file is no list of wavelengths."""

_BEGINS_AS_A_NUMBER = re.compile(r"[-+]?\.?\d|$")


def read_wavelengths(text: str, bands: int | None, unit: str | None = None) -> np.ndarray:
    """Return the wavelengths that a text names, or the file that it is the path of.

    Parameters
    ----------
    text : str
        As in `parse_wavelengths`, or the path of a table, a list, an array or an ENVI header.
    bands : int or None
        How many they must be; None where any number will do.
    unit : str, optional
        Their unit where text or file does not say it. Left out, it is nanometres for a text, and
        for a file what the size of the numbers tells.

    Returns
    -------
    numpy.ndarray
        Nanometres, shape (bands,).

    Raises
    ------
    WavelengthError, FormatError
        One sentence that says what is wrong.
    """
    text = text.strip()
    path = expanded(text)
    if not _is_file(path):
        if _BEGINS_AS_A_NUMBER.match(text):
            return parse_wavelengths(text, bands, unit or "nm")
        raise FormatError(f"'{text}' is neither a list of wavelengths nor an existing file.")
    with file_faults_as_sentences(path, "read"):
        if path.stat().st_size > LARGEST:
            raise FormatError(f"{path} is too large for a list of wavelengths.")
        values, stated = _values_of(path, bands)
    return checked_wavelengths(values, bands, stated or unit or _likely_unit(values), path.name)


def wavelengths_beside(
    path: Path, lengths: Collection[int], notes: list[str]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and, in nanometres, the values of wavelengths in a file beside a cube.

    Parameters
    ----------
    path : Path
        The cube; the file is called after it, or like wavelengths.
    lengths : collection of int
        Possible numbers of bands, by which a file that is not called after the cube is known.
    notes : list of str
        Gets a sentence where such a file cannot be read.
    """
    for stem in (f"{path.stem}_wavelengths", f"{path.stem}_wavelength", *NAMES_BESIDE):
        for file in (path.with_name(stem + ending) for ending in SUFFIXES):
            if file == path or not file.is_file():
                continue
            try:
                found = read_wavelengths(str(file), None)
            except UserError as error:
                if "wave" in stem:  # others are there for something else
                    notes.append(f"{file.name} beside the cube is left out: {error}")
                continue
            if stem == BANDS and not looks_like_wavelengths(found / NANOMETRES_PER_UNIT["µm"]):
                continue  # numbers of bands, of which those of larger steps could be micrometres
            if found.size in lengths or stem not in NAMES_BESIDE:
                yield stem, found
                return


def wavelengths_of_bands_beside(path: Path, bands: int, notes: list[str]) -> np.ndarray | None:
    """Return the wavelengths in a file beside a cube whose number of bands is known, with a note.

    Parameters
    ----------
    path, notes
        As in `wavelengths_beside`.
    bands : int
        Number of bands.

    Returns
    -------
    numpy.ndarray or None
        In nanometres; None where there is no such file.
    """
    for name, values in wavelengths_beside(path, {bands}, notes):
        if values.size == bands:
            notes.append(f"The wavelengths are those in '{name}'.")
            return values
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a long list of numbers is no name that a file could have
        return False


def _values_of(path: Path, bands: int | None) -> tuple[np.ndarray, str | None]:
    """Return the wavelengths as a file has them, and the unit that it states, if it does."""
    if path.suffix.lower() == ARRAY:
        return _array(path), None
    text = envi_header.decoded(path.read_bytes())
    if text.lstrip().startswith("ENVI"):
        return _of_header(path, bands)
    return _of_lines(path, text) or _of_table(path, text, bands)


def _array(path: Path) -> np.ndarray:
    with damage_as_sentence(f"{path} is damaged or not a NumPy file of numbers."):
        values = np.load(path, allow_pickle=False)
    if values.dtype.kind not in "iuf" or values.size != max(values.shape, default=0):
        raise FormatError(f"{path} is not a list of numbers: its shape is {values.shape}.")
    return values.ravel()


def _of_header(path: Path, bands: int | None) -> tuple[np.ndarray, str | None]:
    reader = FieldReader(envi_header.read_header(path))
    text = reader.text("wavelength", ",") or reader.text("wavelengths", ",")
    if not text:
        raise FormatError(f"{path} has no wavelengths.")
    numbers = numbers_in(text, bands)
    if numbers is None or not numbers.values.size:
        raise FormatError(f"{path} has wavelengths that are not numbers.")
    return numbers.values, numbers.unit or canonical_unit(reader.text("wavelength units"))


def _of_lines(path: Path, text: str) -> tuple[np.ndarray, str | None] | None:
    """Return the numbers of a file with one in each line; None for other files.

    Raises
    ------
    FormatError
        If the lines may just as well be two columns of whole numbers.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    heading = lines.pop(0) if lines and not _BEGINS_AS_A_NUMBER.match(lines[0]) else ""
    numbers = numbers_in("\n".join(lines), len(lines), ordered=False)
    has_columns = re.search(r"[,;\t]", heading)
    if has_columns or not lines or numbers is None or numbers.values.size != len(lines):
        return None
    whole, _, decimals = zip(*(line.partition(",") for line in lines), strict=True)
    if not heading and all(re.fullmatch("[1-9][0-9]*", part) for part in (*whole, *decimals)):
        if np.all(np.diff(np.array(whole, int)) == 1):
            return None  # numbers of bands in front of whole wavelengths
        if len(set(whole)) == len(whole):
            raise FormatError(
                f"{path}: its commas may be decimal, or may separate two columns; write points, or"
                " a heading above each column."
            )
    return numbers.values, numbers.unit or _unit_in(heading)


def _of_table(path: Path, text: str, bands: int | None) -> tuple[np.ndarray, str | None]:
    """Return the column of wavelengths: the one that is called so, or the first that can be."""
    rows, decimal = cells_of(text)
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if len(rows) <= 2 < max(map(len, rows), default=0):
        rows = [list(column) for column in zip(*rows, strict=False)]
    columns: dict[str, np.ndarray] = {}
    has_heading = len(rows) > 1 and not all(_number(cell, decimal) is not None for cell in rows[0])
    for place in range(max(map(len, rows), default=0)):
        cells = [row[place] if place < len(row) else "" for row in rows]
        heading = cells.pop(0).strip() if has_heading else ""
        while cells and not cells[-1].strip():
            cells.pop()
        numbers = [_number(cell, decimal) for cell in cells]
        if numbers and None not in numbers:
            columns[heading if heading not in columns else f"{heading} {place}"] = np.array(
                numbers, np.float64
            )
    if not columns:
        raise FormatError(f"{path} has no column of numbers, one for each band.")
    if named := wavelengths_among(columns, {}, {bands} if bands else set()):
        return named.values, named.unit
    for heading, values in columns.items():
        if len(columns) == 1 or find_wavelengths(values)[0] is not None:
            return values, _unit_in(heading)
    raise FormatError(f"{path} has no column that can be wavelengths.")


def _number(cell: str, decimal: str) -> float | None:
    try:
        return float(cell.strip().replace(decimal, "."))
    except ValueError:
        return None


def _unit_in(heading: str) -> str | None:
    """Return the unit among the words of a column's heading."""
    units = map(canonical_unit, re.split(r"[\s_()\[\],]+", heading))
    return next((unit for unit in units if unit is not None), None)


def _likely_unit(values: np.ndarray) -> str:
    return find_wavelengths(values)[1] or "nm"
