"""Wavelengths as a person writes them: "400:700:10", "450, 550, 650", "0.4:2.5 µm"."""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt

from napari_dodn.errors import UserError
from napari_dodn.spectra.decimal_commas import with_points
from napari_dodn.spectra.units import OPTICAL_RANGE, canonical_unit, to_nanometres
from napari_dodn.wording import counted, rounded

HOW = "write a range with a step, such as '400:700:10', or a list, such as '450, 550, 650'"

MOST_VALUES = 100_000
"""More bands than any imager has; a range with more has a mistyped step."""

_UNIT_AT_END = re.compile(r"(?<=[\d\s.])(?:[a-zµμå]+|1/cm|/cm|cm\^?[-−]1|cm⁻¹)\s*$", re.IGNORECASE)


class WavelengthError(UserError):
    """Wavelengths that make no sense, or are not as many as the bands."""


def parse_wavelengths(text: str, bands: int | None, unit: str = "nm") -> np.ndarray:
    """Return the wavelengths that a text names.

    Parameters
    ----------
    text : str
        Numbers and ranges between commas, semicolons or blanks. "400:700:10" is first, last and
        step, the last included; "400:700" is spread evenly over the bands. The text may end with
        a unit. A comma between two digits may be decimal: it is where the text makes no sense
        otherwise, as in "450,5; 460,5".
    bands : int or None
        How many they must be; None where any number will do.
    unit : str
        Their unit where the text ends with none: see `napari_dodn.spectra.units.canonical_unit`.

    Returns
    -------
    numpy.ndarray
        Nanometres, shape (bands,), in the order of the text.

    Raises
    ------
    WavelengthError
        One sentence that says what is wrong with the text.
    """
    body = text.strip()
    if (found := _UNIT_AT_END.search(body)) and canonical_unit(found[0]):
        body, unit = body[: found.start()], found[0]
    readings = [body]
    if decimal := with_points(body):
        readings.insert(1 if _is_in_order(body, bands) else 0, decimal)
    faults = []
    for reading in readings:
        try:
            return checked_wavelengths(_numbers(reading, bands), bands, unit, f"'{_short(text)}'")
        except WavelengthError as fault:
            faults.append(fault)
    raise faults[0]


def checked_wavelengths(
    values: npt.ArrayLike, bands: int | None, unit: str, called: str
) -> np.ndarray:
    """Return band centres in nanometres, where they can be those of a cube.

    Parameters
    ----------
    values : array-like
        Band centres in `unit`.
    bands : int or None
        How many they must be; None where any number will do.
    unit : str
        As in `napari_dodn.spectra.units.to_nanometres`.
    called : str
        What the message calls them, such as a file's name.

    Raises
    ------
    WavelengthError
        If they are too few or too many, or are no wavelengths.
    """
    values = np.asarray(values, np.float64).ravel()
    if bands is not None and values.size != bands:
        raise WavelengthError(
            f"{called} has {counted(values.size, 'wavelength')}, "
            f"but the cube has {counted(bands, 'band')}."
        )
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise WavelengthError(f"{called} has values that are not numbers above 0.")
    try:
        wavelengths = to_nanometres(values, unit)
    except ValueError as error:
        raise WavelengthError(f"{called} cannot be used: {error}") from error
    if wavelengths.min() < OPTICAL_RANGE[0] or wavelengths.max() > OPTICAL_RANGE[1]:
        raise WavelengthError(
            f"{called} would be {rounded(wavelengths.min())} to {rounded(wavelengths.max())} nm,"
            f" which no spectral imager has; is '{canonical_unit(unit)}' their unit?"
        )
    return wavelengths


def _numbers(text: str, bands: int | None) -> list[float]:
    parts = [part for part in re.split(r"[,;\s]+", re.sub(r"\s*:\s*", ":", text.strip())) if part]
    if not parts:
        raise WavelengthError(f"There are no wavelengths; {HOW}.")
    return [value for part in parts for value in _values(part, bands, alone=len(parts) == 1)]


def _is_in_order(text: str, bands: int | None) -> bool:
    """Tell whether numbers rise or fall all along, which they do not if commas are decimal."""
    try:
        steps = np.diff(_numbers(text, bands))
    except WavelengthError:
        return False
    return bool((steps > 0).all() or (steps < 0).all())


def _values(part: str, bands: int | None, alone: bool) -> list[float]:
    """Return the numbers that one number or range stands for."""
    try:
        numbers = [float(number) for number in part.split(":")]
    except ValueError:
        raise WavelengthError(f"'{_short(part)}' is not a wavelength; {HOW}.") from None
    if not all(map(math.isfinite, numbers)) or len(numbers) > 3:
        raise WavelengthError(f"'{_short(part)}' is not a wavelength; {HOW}.")
    if len(numbers) == 1:
        return numbers
    first, last = numbers[:2]
    if len(numbers) == 2:
        if bands is None or not alone:
            raise WavelengthError(f"'{part}' has no step; write '{part}:10', for example.")
        return [float(value) for value in np.linspace(first, last, bands)]
    step = math.copysign(numbers[2], last - first)  # a falling range may be written either way
    if step == 0 or (last - first) / step > MOST_VALUES:
        raise WavelengthError(f"'{part}' has a step that is too small.")
    steps = math.floor((last - first) / step + 1e-6)
    return [first + i * step for i in range(steps + 1)]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 30 else f"{text[:29]}…"
