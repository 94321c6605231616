"""Spectral response functions: what a sensor of few bands would have seen of a cube."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_dodn.errors import UserError, reason_of
from napari_dodn.paths import expanded
from napari_dodn.spectra.colorimetry import colour_matching
from napari_dodn.spectra.units import FWHM_IN_SIGMAS, GAUSSIAN_REACH
from napari_dodn.wording import counted, rounded, span

if TYPE_CHECKING:
    from colour import MultiSpectralDistributions

CIE_RANGE = (360.0, 830.0)
"""Nanometres for which the CIE tabulates its observers."""

CIE_1964_OBSERVER = "CIE 1964 10 Degree Standard Observer"

CIE_NAMES = ("x̄", "ȳ", "z̄")

SEEN = 0.01
"""A response sees a band where it is above this share of its largest sensitivity."""

NOISE = 0.05
"""Measured curves fall below zero by noise; by more than this share they are no sensitivities."""

BAND_SAMPLES = np.linspace(-GAUSSIAN_REACH, GAUSSIAN_REACH, 31)
"""Where, in sigmas from its centre, a curve is looked at for a band that has a width."""


class ResponseError(UserError):
    """Response functions that cannot be had, or that see nothing of a cube."""


@dataclass(frozen=True, eq=False)
class ResponseFunctions:
    """The sensitivities of a sensor's bands.

    Attributes
    ----------
    name : str
        Of the sensor, for the person at the screen.
    wavelengths : numpy.ndarray
        Nanometres, rising, shape (K,). Outside of them nothing is seen.
    sensitivities : numpy.ndarray
        In any unit, shape (K, M); straight lines lie between the samples.
    band_names : tuple of str
        M names.

    Raises
    ------
    ResponseError
        If these are no sensitivities.
    """

    name: str
    wavelengths: np.ndarray
    sensitivities: np.ndarray
    band_names: tuple[str, ...]

    def __post_init__(self) -> None:
        axis = np.array(self.wavelengths, np.float64)
        curves = np.array(self.sensitivities, np.float64)
        if curves.shape != (axis.size, len(self.band_names)) or 0 in curves.shape:
            raise ResponseError(
                f"{self.name} has {axis.size} wavelengths and {len(self.band_names)} bands, but"
                f" sensitivities of shape {curves.shape}."
            )
        if not (np.isfinite(axis).all() and (np.diff(axis) > 0).all()):
            raise ResponseError(f"The wavelengths of {self.name} must be numbers that rise.")
        for band, curve in zip(self.band_names, curves.T, strict=True):
            if not np.isfinite(curve).all():
                raise ResponseError(f"The band '{band}' of {self.name} has a value missing.")
            if not curve.max() > 0:
                raise ResponseError(
                    f"The band '{band}' of {self.name} has no sensitivity at any wavelength."
                )
            if curve.min() < -NOISE * curve.max():
                raise ResponseError(
                    f"The band '{band}' of {self.name} has negative sensitivities, which no sensor"
                    " has."
                )
        curves = np.maximum(curves, 0)
        axis.flags.writeable = curves.flags.writeable = False
        object.__setattr__(self, "wavelengths", axis)
        object.__setattr__(self, "sensitivities", curves)

    @property
    def bands(self) -> int:
        """Number of the sensor's bands, M."""
        return len(self.band_names)

    def weights(
        self, wavelengths: npt.ArrayLike | None, fwhm: npt.ArrayLike | None = None
    ) -> np.ndarray:
        """Return how much each band of a cube counts for each band of the sensor.

        Parameters
        ----------
        wavelengths : array-like or None
            Band centres of the cube in nanometres, in any order, shape (B,).
        fwhm : array-like, optional
            Widths of the cube's bands at half maximum, in nanometres, shape (B,). With it a curve
            is averaged over each band's Gaussian profile; without, and where it is NaN or 0, it is
            taken at the centre.

        Returns
        -------
        numpy.ndarray
            Shape (M, B), float64, not negative; every row sums to 1. Bands count by the spacing to
            their neighbours, so that the sum is the integral over a cube with uneven bands. A band
            without a wavelength counts nothing.

        Raises
        ------
        ResponseError
            If the cube has no wavelengths, or a band of the sensor sees none of them.
        """
        centres = np.array([] if wavelengths is None else wavelengths, np.float64)
        known = np.flatnonzero(np.isfinite(centres))
        if not known.size:
            raise ResponseError(
                f"The cube has no wavelengths, which {self.name} needs; give it some, or choose"
                " another multispectral image."
            )
        widths = np.zeros(known.size) if fwhm is None else np.asarray(fwhm, np.float64)[known]
        sampled = self._at(centres[known], np.where(np.isfinite(widths), widths, 0.0))
        for band, values, curve in zip(self.band_names, sampled, self.sensitivities.T, strict=True):
            if values.max() < SEEN * curve.max():
                low, high = centres[known].min(), centres[known].max()
                raise ResponseError(
                    f"The band '{band}' of {self.name} sees none of the cube's wavelengths, which"
                    f" are {span(low, high)} nm; choose another multispectral image."
                )
        weights = np.zeros((self.bands, centres.size))
        weights[:, known] = sampled * _spacing(centres[known])
        return weights / weights.sum(axis=1, keepdims=True)

    def _at(self, centres: np.ndarray, widths: np.ndarray) -> np.ndarray:
        """Return the curves as bands of a cube see them, shape (M, bands)."""
        profile = np.exp(-0.5 * BAND_SAMPLES**2)
        places = centres[:, None] + BAND_SAMPLES * widths[:, None] / FWHM_IN_SIGMAS
        curves = [
            np.interp(places, self.wavelengths, curve, left=0.0, right=0.0)
            for curve in self.sensitivities.T
        ]
        return np.stack(curves) @ (profile / profile.sum())


def _spacing(centres: np.ndarray) -> np.ndarray:
    """Return the width that each band stands for: half the way to both neighbours."""
    spacing = np.ones(centres.size)
    if np.ptp(centres) > 0:
        order = np.argsort(centres, kind="stable")
        spacing[order] = np.gradient(centres[order])
    return spacing


def cie_1931() -> ResponseFunctions:
    """Return the eye of the CIE 1931 2° standard observer."""
    axis = np.arange(CIE_RANGE[0], CIE_RANGE[1] + 1)
    return ResponseFunctions("CIE 1931", axis, colour_matching(axis).T, CIE_NAMES)


def cie_1964() -> ResponseFunctions:
    """Return the eye of the CIE 1964 10° standard observer.

    With it the NTIRE 2020 challenge on spectral reconstruction made its "clean" RGB pictures
    (B. Arad et al., CVPR Workshops 2020).
    """
    with _colour_in_silence():
        from colour.colorimetry import MSDS_CMFS

    return _from_colour("CIE 1964", MSDS_CMFS[CIE_1964_OBSERVER], CIE_NAMES)


def cameras() -> list[str]:
    """Return the names of the cameras whose measured sensitivities are known."""
    return sorted(_camera_curves())


def camera(name: str) -> ResponseFunctions:
    """Return the measured sensitivities of a camera, as colour-science ships them.

    Parameters
    ----------
    name : str
        One of `cameras`.

    Raises
    ------
    ResponseError
        If it is none of them.
    """
    known = _camera_curves()
    if name not in known:
        raise ResponseError(
            f"'{name}' is not a known camera; choose one of {', '.join(cameras())}."
        )
    return _from_colour(name, known[name], tuple(str(label) for label in known[name].labels))


def _camera_curves() -> dict[str, MultiSpectralDistributions]:
    with _colour_in_silence():
        from colour.characterisation import MSDS_CAMERA_SENSITIVITIES

    return dict(MSDS_CAMERA_SENSITIVITIES)


@contextmanager
def _colour_in_silence() -> Iterator[None]:
    """Import colour-science without its warning that plots, which nobody asks for, are missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _from_colour(
    name: str, curves: MultiSpectralDistributions, band_names: tuple[str, ...]
) -> ResponseFunctions:
    return ResponseFunctions(name, curves.wavelengths, curves.values, band_names)


def gaussian_bands(low_nm: float, high_nm: float, bands: int) -> ResponseFunctions:
    """Return Gaussian bands, evenly spread, that overlap at half maximum.

    Parameters
    ----------
    low_nm, high_nm : float
        The range: the first band is at half maximum at its lower end, the last at its upper.
    bands : int
        How many.

    Raises
    ------
    ResponseError
        If the range is empty or there are no bands.
    """
    if not (np.isfinite([low_nm, high_nm]).all() and low_nm < high_nm and bands >= 1):
        raise ResponseError(
            f"{bands} Gaussian bands cannot be spread over {low_nm:g}–{high_nm:g} nm; there must be"
            " at least one, and the range must rise."
        )
    width = (high_nm - low_nm) / bands
    centres = low_nm + (np.arange(bands) + 0.5) * width
    sigma = width / FWHM_IN_SIGMAS
    edge = GAUSSIAN_REACH * sigma
    axis = np.linspace(centres[0] - edge, centres[-1] + edge, 60 * bands + 1)
    curves = np.exp(-0.5 * ((axis[:, None] - centres) / sigma) ** 2)
    name = f"{counted(bands, 'Gaussian band')} over {span(low_nm, high_nm)} nm"
    return ResponseFunctions(
        name, axis, curves, tuple(f"{rounded(centre)} nm" for centre in centres)
    )


def from_table(path: Path) -> ResponseFunctions:
    """Read response functions from a CSV file.

    Parameters
    ----------
    path : pathlib.Path
        Nanometres in the first column, in any order, one column of sensitivities for each band;
        commas, semicolons, tabs or blanks between them. A first line that is no numbers names the
        bands; lines that begin with # are left out.

    Raises
    ------
    ResponseError
        If the file cannot be read or is no such table.
    """
    path = expanded(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ResponseError(f"{path} cannot be read: {reason_of(error)}.") from error
    except UnicodeDecodeError:
        raise ResponseError(f"{path} is not a text table; save it as CSV in UTF-8.") from None
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if _is_row(line)]
    rows = [(number, _cells(line)) for number, line in lines]
    names: tuple[str, ...] = ()
    if rows and _numbers(rows[0][1]) is None:
        names = tuple(cell.strip() for cell in rows.pop(0)[1][1:])
    if not rows or len(rows[0][1]) < 2:
        raise ResponseError(
            f"{path} holds no response functions: it needs wavelengths in nm in its first column,"
            " and a column of sensitivities for each band."
        )
    width = len(rows[0][1])
    if names and len(names) != width - 1:
        raise ResponseError(
            f"{path} names {len(names)} bands in its first line, but has {width - 1} columns of"
            " sensitivities."
        )
    values = np.empty((len(rows), width))
    for index, (number, cells) in enumerate(rows):
        if len(cells) != width:
            raise ResponseError(
                f"{path} has {len(cells)} columns in line {number}, but {width} before it."
            )
        numbers = _numbers(cells)
        if numbers is None or not np.isfinite(numbers).all():
            raise ResponseError(f"{path} has something in line {number} that is not a number.")
        values[index] = numbers
    values = values[np.argsort(values[:, 0], kind="stable")]
    axis = values[:, 0]
    if (np.diff(axis) <= 0).any():
        double = axis[:-1][np.diff(axis) <= 0][0]
        raise ResponseError(f"{path} has two lines for the wavelength {double:g} nm.")
    if axis[-1] < 100:
        raise ResponseError(
            f"{path} has wavelengths of {axis[0]:g}–{axis[-1]:g} in its first column, which are"
            " not nanometres; multiply micrometres by 1000."
        )
    names = names or tuple(f"band {band + 1}" for band in range(width - 1))
    return ResponseFunctions(path.name, axis, values[:, 1:], names)


def _is_row(line: str) -> bool:
    return bool(line.strip(" \t,;")) and not line.lstrip(' "').startswith("#")


def _cells(line: str) -> list[str]:
    """Return the cells of a line, with a point in numbers that have a decimal comma."""
    mark = next((mark for mark in "\t;" if mark in line), None)
    if mark is None:
        return next(csv.reader([line], skipinitialspace=True)) if "," in line else line.split()
    return [cell.replace(",", ".") for cell in next(csv.reader([line], delimiter=mark))]


def _numbers(cells: list[str]) -> list[float] | None:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None
