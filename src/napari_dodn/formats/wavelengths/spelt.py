"""Wavelengths in the many ways in which the text of a header or an attribute spells them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from napari_dodn.formats.wavelengths.named import LEAST_INTEGER_WAVELENGTH, may_tell_wavelengths
from napari_dodn.spectra.decimal_commas import with_points
from napari_dodn.spectra.units import BAND_NUMBER, canonical_unit

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[ed][-+]?\d+)?", re.IGNORECASE)
WITH_UNIT = re.compile(r"(\d+\.?\d*|\.\d+)[\s_]*(cm\^?-1|1/cm|[^\W\d_]+)", re.IGNORECASE)
INVERSE = re.compile(r"cm(\^?[-−]1|⁻¹)|1/cm", re.IGNORECASE)
UNIT_IN_FRONT = re.compile(r"(?<![^\W_])([^\W\d_]+)[\s_]*(\d+\.?\d*)$")
RANGE = re.compile(
    r"(\d+\.?\d*|\.\d+)[\s_]*([^\W\d_]+)?[\s_]*(?:-|–|\bto\b)[\s_]*(\d+\.?\d*|\.\d+)"
    r"(?:[\s_]*([^\W\d_]+))?(?![^\W_])",
    re.IGNORECASE,
)
"""Both edges of a band, as in "450-515 nm"."""
WIDTH = re.compile(r"(?:fwhm|(?:band)?width)\W*\d+\.?\d*\s*[^\W\d_]*", re.IGNORECASE)
WHOLE_NUMBER = re.compile(r"R?(\d+)")
YEARS = (1900, 2100)
"""Bands whose names all lie between these are more likely those of a time series."""
COMMA_IN_NAME = re.compile(
    r"(?<![\d.,])(\d{3,}|\d{1,2}(?=,\d+[\s_]*(?:[uµμ]m|mic))),(?=\d)", re.IGNORECASE
)
"""A decimal comma of a wavelength, as in "450,5 nm" or "0,45 µm"."""

OF_PYTHON = re.compile(
    r"\b(?:np|numpy)\.|\b(?:u?int|float)\d+\b|dtype\s*=|\b(?:array|list|tuple)\b|[\[\](){}\"'|]|"
    r"(?<=[\d.])f\b"
)
"""What Python, numpy and C write around numbers."""


class Numbers(NamedTuple):
    """Numbers in a text, the unit that stands beside them, and what had to be found out."""

    values: np.ndarray
    unit: str | None
    note: str = ""


def numbers_in(text: str, count: int | None, *, ordered: bool = True) -> Numbers | None:
    """Return the numbers of a list, with units, comments and brackets left out.

    Parameters
    ----------
    text : str
        Items between commas, semicolons, blanks or lines.
    count : int or None
        How many there should be, where that is known. Commas may be decimal where it does not fit,
        or where it is not known and the numbers make no order.
    ordered : bool
        Whether numbers with decimal commas must rise or fall all along, as wavelengths do.

    Returns
    -------
    Numbers or None
        There may be more or fewer than `count`; None where the text holds other words.
    """
    text = OF_PYTHON.sub(" ", "\n".join(map(_without_comment, text.split("\n"))))
    text = re.sub(r"cm\^?[-−]1|1/cm", "cm⁻¹", text, flags=re.IGNORECASE)
    words = {word for word in re.split(r"[,;\s]+", NUMBER.sub(" ", text)) if word}
    units = {canonical_unit(word) for word in words}
    if len(units) > 1 or None in units or BAND_NUMBER in units:
        return None
    unit = units.pop() if units else None
    found = NUMBER.findall(text)
    values = np.array([float(number.lower().replace("d", "e")) for number in found])
    decimals = None
    if len(values) != count and (count is not None or not _is_ordered(values)):
        decimals = _with_decimal_commas(text, found, count)
    if decimals is not None and (_is_ordered(decimals) or not ordered):
        return Numbers(decimals, unit, "are read with decimal commas")
    return Numbers(values, unit)


def numbers_in_names(names: Sequence[str]) -> Numbers | None:
    """Return the wavelengths that stand in the names of bands, as in "Band 1 (0.4554 Micrometers)".

    Returns
    -------
    Numbers or None
        With NaN for each name without one. None where no name has a unit, and they neither all
        have a number with a point nor are all whole numbers that rise like wavelengths.
    """
    names = [COMMA_IN_NAME.sub(r"\1.", name) for name in names]
    if (ranges := ranges_in_names(names)) is not None:
        return ranges
    lengths = [list(_lengths_in(name)) for name in names]
    units = {unit for found in lengths for _, unit in found}
    for end in (-1, 0) if len(units) > 1 else ():  # another length may stand beside, as a pixel's
        alone = [found[end : end + 1 or None] for found in lengths]
        units_there = {unit for found in alone for _, unit in found}
        if len(units_there) == 1 and len({number for found in alone for number, _ in found}) > 1:
            lengths, units = alone, units_there
            break
    if len(units) > 1:
        return Numbers(np.full(len(names), np.nan), None)
    if units:
        ends = [[found[end][0] if found else np.nan for found in lengths] for end in (0, -1)]
        # A width may stand beside the wavelength; it is smaller, and perhaps the same in all.
        values = max(map(np.array, ends), key=lambda values: np.nansum(values))
        if len(values) > 1 and np.unique(values).size == 1:
            return None  # a length that is the same in all names is no wavelength
        return Numbers(values, units.pop())
    found = [re.findall(r"\d+\.\d+", name) for name in names]
    if all(found):
        values = np.array([float(numbers[-1]) for numbers in found])
        return Numbers(values, None) if _is_ordered(values) else None
    whole = [WHOLE_NUMBER.fullmatch(name.strip()) for name in names]
    values = np.array([float(number[1]) for number in whole if number])
    if values.size < len(names) or len(names) < 2 or values.min() < LEAST_INTEGER_WAVELENGTH:
        return None
    are_years = values.min() >= YEARS[0] and values.max() <= YEARS[1]
    # Names that count up by 1 may be numbers of bands.
    return Numbers(values, None) if np.diff(values).min() > 1 and not are_years else None


def ranges_in_names(names: Sequence[str]) -> Numbers | None:
    """Return the middles of bands whose names have both edges, as in "Blue (450-515 nm)".

    Returns
    -------
    Numbers or None
        None where a name has no edges, or where these may be other numbers: those of a unit all
        have it, others have a point. The upper edge is less than twice the lower one.
    """
    found = [RANGE.search(name) for name in names if not INVERSE.search(name)]
    matches = [match for match in found if match]
    units = {canonical_unit(unit) for match in matches for unit in (match[4], match[2] or match[4])}
    if not matches or len(matches) < len(names) or len(units) > 1 or BAND_NUMBER in units:
        return None
    unit = units.pop()
    low, high = np.array([[float(match[1]), float(match[3])] for match in matches]).T
    centres = (low + high) / 2
    if not ((low < high) & (high < 2 * low)).all() or (len(low) > 1 and np.unique(low).size == 1):
        return None
    have_points = all("." in match[1] and "." in match[3] for match in matches)
    return Numbers(centres, unit) if unit or (have_points and _is_ordered(centres)) else None


def numbers_in_texts(name: str, texts: Sequence[str]) -> Numbers | None:
    """Return the wavelengths in the texts of all bands, as `numbers_in_names` does.

    Parameters
    ----------
    name : str
        What the texts are called. Numbers without a unit count only in names of bands and in
        wavelengths: others are gains, versions and the like.
    texts : sequence of str
        One for each band.

    Returns
    -------
    Numbers or None
        None also where a text has none.
    """
    found = numbers_in_names(texts) if texts else None
    if found is None or not np.isfinite(found.values).all():
        return None
    return found if may_tell_wavelengths(name, with_unit=found.unit is not None) else None


def _lengths_in(name: str) -> Iterator[tuple[float, str]]:
    """Yield the numbers with units of wavelengths in a name, and their units."""
    name = WIDTH.sub("", name)
    pairs = WITH_UNIT.findall(name)
    pairs += [(number, word) for word, number in UNIT_IN_FRONT.findall(name)]
    for number, word in pairs:
        if (unit := canonical_unit(word)) not in (None, BAND_NUMBER):
            assert unit is not None
            yield float(number), unit


def _without_comment(line: str) -> str:
    """Cut off a comment; a semicolon before numbers and units is no beginning of one."""
    line = line.partition("#")[0]
    for mark in re.finditer(";", line):
        words = re.findall(r"[^\W\d_]+", NUMBER.sub(" ", line[mark.end() :]))
        if any(canonical_unit(word) in (None, BAND_NUMBER) for word in words if word != "cm"):
            return line[: mark.start()]
    return line


def _with_decimal_commas(text: str, found: list[str], count: int | None) -> np.ndarray | None:
    points = with_points(re.sub(r"cm⁻¹|[^\W\d_]{2,}", " ", text))  # without units
    values = [] if points is None else NUMBER.findall(points)
    if values and count in (None, len(values)):
        return np.array(values, np.float64)
    whole, decimals = found[::2], found[1::2]
    if count is None or len(found) != 2 * count or not all(map(str.isdecimal, found)):
        return None
    if _is_ordered(np.array(found, np.float64)):  # twice as many whole numbers
        return None
    return np.array([float(f"{a}.{b}") for a, b in zip(whole, decimals, strict=True)])


def _is_ordered(values: np.ndarray) -> bool:
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all())
