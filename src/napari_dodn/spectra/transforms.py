"""What is done to a spectrum before it is plotted or compared: scaling, hull, slope, difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_dodn.errors import UserError
from napari_dodn.spectra.angle import spectral_angle
from napari_dodn.spectra.units import BAND_NUMBER, NANOMETRES_PER_UNIT, WAVENUMBER, canonical_unit


class ProfileError(UserError):
    """A spectrum that cannot be read or computed; the message is one sentence."""


@dataclass(frozen=True)
class Similarity:
    """How alike two spectra are, over the bands that are valid in both.

    Attributes
    ----------
    angle : float
        Spectral angle in degrees; NaN where a spectrum is all zero.
    correlation : float
        Pearson's; NaN where a spectrum is flat.
    rmse : float
        Root mean square difference.
    """

    angle: float
    correlation: float
    rmse: float


def normalise_max(spectrum: npt.ArrayLike) -> np.ndarray:
    """Divide spectra (…, bands) by their largest absolute value; NaN where that is 0."""
    spectrum = np.asarray(spectrum, np.float64)
    largest = np.nan_to_num(np.abs(spectrum)).max(axis=-1, keepdims=True)
    return _divided(spectrum, largest)


def normalise_area(spectrum: npt.ArrayLike, wavelengths: npt.ArrayLike | None = None) -> np.ndarray:
    """Divide spectra by the area between their absolute values and 0.

    Parameters
    ----------
    spectrum : array-like
        Shape (…, bands). NaN are bridged by straight lines.
    wavelengths : array-like, optional
        Shape (bands,), in any unit and order; by default band numbers.

    Returns
    -------
    numpy.ndarray
        Same shape; NaN where the area is 0.
    """
    spectrum = np.asarray(spectrum, np.float64)
    axis = _axis(wavelengths, spectrum)
    order = np.argsort(axis, kind="stable")
    flat = np.abs(spectrum).reshape(-1, spectrum.shape[-1])[:, order]
    areas = np.zeros(len(flat))
    for row, values in enumerate(flat):
        valid = np.isfinite(values) & np.isfinite(axis[order])
        x, y = axis[order][valid], values[valid]
        areas[row] = (np.diff(x) * (y[1:] + y[:-1]) / 2).sum()
    return _divided(spectrum, areas.reshape(*spectrum.shape[:-1], 1))


def continuum(wavelengths: npt.ArrayLike | None, spectrum: npt.ArrayLike) -> np.ndarray:
    """Return the upper convex hull of spectra, as straight lines between the points that touch it.

    R. N. Clark and T. L. Roush, "Reflectance spectroscopy: quantitative analysis techniques for
    remote sensing applications", J. Geophys. Res. 89 (1984).

    Parameters
    ----------
    wavelengths : array-like or None
        Shape (bands,), in any unit and order; band numbers where None.
    spectrum : array-like
        Shape (…, bands); NaN are left out, and stay NaN.

    Returns
    -------
    numpy.ndarray
        float64, same shape.
    """
    spectrum = np.asarray(spectrum, np.float64)
    axis = _axis(wavelengths, spectrum)
    hull = np.full(spectrum.shape, np.nan)
    for index in np.ndindex(spectrum.shape[:-1]):
        valid = np.flatnonzero(np.isfinite(spectrum[index]) & np.isfinite(axis))
        # By wavelength, the higher of two values at the same one last.
        valid = valid[np.lexsort((spectrum[index][valid], axis[valid]))]
        x, y = axis[valid], spectrum[index][valid]
        corners = _upper_hull(x, y)
        if corners:
            hull[(*index, valid)] = np.interp(x, x[corners], y[corners])
    return hull


def continuum_removed(wavelengths: npt.ArrayLike | None, spectrum: npt.ArrayLike) -> np.ndarray:
    """Divide spectra by their `continuum`; at most 1, and NaN where the continuum is not above 0.

    Parameters
    ----------
    wavelengths, spectrum
        As in `continuum`.
    """
    hull = continuum(wavelengths, spectrum)
    return _divided(np.asarray(spectrum, np.float64), np.where(hull > 0, hull, np.nan))


def _upper_hull(x: np.ndarray, y: np.ndarray) -> list[int]:
    """Return the corners of the upper hull of points sorted by x (Andrew's monotone chain)."""
    corners: list[int] = []
    for i in range(len(x)):
        if corners and x[corners[-1]] == x[i]:
            corners.pop()
        while len(corners) > 1:
            a, b = corners[-2:]
            if (y[b] - y[a]) * (x[i] - x[a]) > (y[i] - y[a]) * (x[b] - x[a]):
                break
            corners.pop()
        corners.append(i)
    return corners


def first_derivative(wavelengths: npt.ArrayLike | None, spectrum: npt.ArrayLike) -> np.ndarray:
    """Return the slope of spectra at each band, second order in the spacing.

    At the ends, and beside an invalid value, it is the slope to the one neighbour that is valid;
    NaN where none is.

    Parameters
    ----------
    wavelengths : array-like or None
        Shape (bands,), in any order; band numbers where None.
    spectrum : array-like
        Shape (…, bands).

    Returns
    -------
    numpy.ndarray
        Same shape, per unit of the wavelengths.
    """
    spectrum = np.asarray(spectrum, np.float64)
    axis = _axis(wavelengths, spectrum)
    order = np.argsort(axis, kind="stable")
    step = np.diff(axis[order])
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.diff(spectrum[..., order], axis=-1) / np.where(step > 0, step, np.nan)
    gap = np.full((*spectrum.shape[:-1], 1), np.nan)
    before = np.concatenate([gap, slopes], axis=-1)
    after = np.concatenate([slopes, gap], axis=-1)
    left, right = np.append(np.nan, step), np.append(step, np.nan)
    both = (before * right + after * left) / (left + right)
    one = np.where(np.isnan(before), after, before)
    derivative = np.empty_like(spectrum)
    derivative[..., order] = np.where(np.isnan(both), one, both)
    return derivative


def difference(spectrum: npt.ArrayLike, reference: npt.ArrayLike) -> np.ndarray:
    """Return spectra (…, bands) minus a reference (bands,).

    Raises
    ------
    ProfileError
        If they do not have the same number of bands.
    """
    spectrum, reference = _same_bands(spectrum, reference)
    return spectrum - reference


def similarity(spectrum: npt.ArrayLike, reference: npt.ArrayLike) -> Similarity:
    """Compare two spectra of shape (bands,) over the bands that are valid in both.

    Raises
    ------
    ProfileError
        If they do not have the same number of bands.
    """
    a, b = _same_bands(spectrum, reference)
    valid = np.isfinite(a) & np.isfinite(b)
    a, b = a[valid], b[valid]
    if not a.size:
        return Similarity(np.nan, np.nan, np.nan)
    flat = np.ptp(a) == 0 or np.ptp(b) == 0
    return Similarity(
        angle=float(spectral_angle(a, b)),
        correlation=np.nan if flat else float(np.corrcoef(a, b)[0, 1]),
        rmse=float(np.sqrt(np.mean((a - b) ** 2))),
    )


def convert_axis(wavelengths: npt.ArrayLike, unit: str) -> np.ndarray:
    """Return what to plot the bands over.

    Parameters
    ----------
    wavelengths : array-like
        Nanometres, shape (bands,).
    unit : str
        "nm", "µm", "cm-1" (wavenumber), or "band" for numbers from 1, and their other names:
        see `units.canonical_unit`.

    Returns
    -------
    numpy.ndarray
        float64, shape (bands,), in that unit.

    Raises
    ------
    ProfileError
        If the unit is none of them.
    """
    wavelengths = np.asarray(wavelengths, np.float64)
    known = canonical_unit(unit)
    if known == BAND_NUMBER:
        return np.arange(1.0, wavelengths.size + 1)
    if known == WAVENUMBER:
        return _divided(np.full(wavelengths.shape, 1e7), wavelengths)
    if known in NANOMETRES_PER_UNIT:
        return wavelengths / NANOMETRES_PER_UNIT[known]
    raise ProfileError(f"'{unit}' is not a unit of the spectral axis; use nm, µm, cm-1 or band.")


def _axis(wavelengths: npt.ArrayLike | None, spectrum: np.ndarray) -> np.ndarray:
    if wavelengths is None:
        return np.arange(spectrum.shape[-1], dtype=np.float64)
    axis = np.asarray(wavelengths, np.float64)
    if axis.shape != spectrum.shape[-1:]:
        raise ProfileError(
            f"There are {axis.size} wavelengths for a spectrum of {spectrum.shape[-1]} bands."
        )
    return axis


def _same_bands(spectrum: npt.ArrayLike, reference: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(spectrum, np.float64), np.asarray(reference, np.float64)
    if a.shape[-1:] != b.shape:
        raise ProfileError(
            f"The spectrum has {a.shape[-1]} bands and the one to compare with {b.size};"
            " resample one of them."
        )
    return a, b


def _divided(values: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    """Divide, with NaN where the divisor is 0."""
    with np.errstate(invalid="ignore"):
        return values / np.where(divisor == 0, np.nan, divisor)
