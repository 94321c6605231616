"""What is drawn of a curve: the axis that it lies over, and what is done to its values. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from napari_dodn.plugin.profiles.store import Curve
from napari_dodn.spectra.library import Spectrum, resample
from napari_dodn.spectra.transforms import (
    Similarity,
    continuum,
    convert_axis,
    first_derivative,
    normalise_area,
    normalise_max,
    similarity,
)

BAND = "band"

UNITS = {
    "nm": "Wavelength (nm)",
    "µm": "Wavelength (µm)",
    "cm-1": "Wavenumber (cm⁻¹)",
    BAND: "Band",
}
"""Units of the axis as `convert_axis` takes them, with the axis's title."""


def unit_text(unit: str) -> str:
    """Return what a unit of the axis is called on screen."""
    return unit.replace("cm-1", "cm⁻¹")


class Treatment(Enum):
    """What is done to the values; the value is what to call it on screen."""

    NONE = "as measured"
    MAX = "maximum = 1"
    AREA = "area = 1"
    CONTINUUM = "continuum removed"
    DERIVATIVE = "first derivative"
    DIFFERENCE = "minus the chosen spectrum"


@dataclass(frozen=True, eq=False)
class Drawn:
    """Lines to draw, all of shape (bands,), in rising order of x, NaN at gaps."""

    x: np.ndarray
    y: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None


def unit_for(curves: Iterable[Curve], wanted: str) -> str:
    """Return the wanted unit, or band numbers where no curve has wavelengths."""
    curves = list(curves)
    return BAND if curves and all(curve.x is None for curve in curves) else wanted


def axis(wavelengths: np.ndarray | None, bands: int, unit: str) -> np.ndarray | None:
    """Return the places of bands on an axis, None where they have none."""
    if unit == BAND:
        return np.arange(1.0, bands + 1)
    return None if wavelengths is None else convert_axis(wavelengths, unit)


def drawn(curve: Curve, unit: str, treatment: Treatment, chosen: Curve | None) -> Drawn | None:
    """Return what to draw of a curve.

    Parameters
    ----------
    curve : Curve
        The curve.
    unit : str
        One of `UNITS`.
    treatment : Treatment
        What to do to its values.
    chosen : Curve or None
        What a difference is taken to.

    Returns
    -------
    Drawn or None
        None where the curve has no place on the axis, or no bands in common with the chosen one.
    """
    x = axis(curve.x, curve.y.size, unit)
    if x is None:
        return None
    lines = [curve.usable]
    if curve.spread is not None:
        lines += [np.where(np.isfinite(lines[0]), edge, np.nan) for edge in curve.spread]
    treated = _treated(np.array(lines), curve, treatment, chosen)
    if treated is None:
        return None
    order = np.argsort(x, kind="stable")
    return Drawn(x[order], *treated[:, order])


def _treated(
    lines: np.ndarray, curve: Curve, treatment: Treatment, chosen: Curve | None
) -> np.ndarray | None:
    """Treat values (first row) and the edges of their spread alike."""
    values = lines[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        match treatment:
            case Treatment.MAX:
                return lines * _factor(normalise_max(values), values)
            case Treatment.AREA:
                return lines * _factor(normalise_area(values, curve.x), values)
            case Treatment.CONTINUUM:
                hull = continuum(curve.x, values)
                return lines / np.where(hull > 0, hull, np.nan)
            case Treatment.DERIVATIVE:
                return first_derivative(curve.x, lines[:1])
            case Treatment.DIFFERENCE if chosen is not None:
                other = on_bands_of(curve, chosen)
                return None if other is None else lines - other
    return lines


def _factor(scaled: np.ndarray, values: np.ndarray) -> float:
    """Return the number by which values were multiplied."""
    largest = np.argmax(np.nan_to_num(np.abs(values)))
    return float(scaled[largest] / values[largest])


def on_bands_of(curve: Curve, other: Curve) -> np.ndarray | None:
    """Return another curve's usable values at the bands of a curve.

    Returns
    -------
    numpy.ndarray or None
        Shape (bands,), NaN where the other does not reach; None where one of them has no
        wavelengths and the numbers of bands differ.
    """
    if _same_bands(curve, other):
        return other.usable
    if curve.x is None or other.x is None:
        return None
    spectrum = Spectrum(other.label, other.usable, other.x, fwhm=other.fwhm)
    return resample(spectrum, curve.x, curve.fwhm).values


def likeness(curve: Curve, chosen: Curve | None) -> Similarity | None:
    """Return how alike a curve is to the chosen one, None where that cannot be told."""
    if chosen is None or chosen.id == curve.id:
        return None
    other = on_bands_of(curve, chosen)
    return None if other is None else similarity(curve.usable, other)


def likeness_text(alike: Similarity) -> str:
    """Return figures of likeness for a legend."""
    return f"{alike.angle:.2f}°, r {alike.correlation:.3f}, RMSE {alike.rmse:.3g}"


def _same_bands(curve: Curve, other: Curve) -> bool:
    if curve.y.size != other.y.size:
        return False
    if curve.x is None or other.x is None:
        return True
    return curve.x is other.x or np.array_equal(curve.x, other.x, equal_nan=True)
