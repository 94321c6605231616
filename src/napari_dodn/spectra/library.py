"""Spectra that stand for themselves, without a cube: single ones, libraries of them, other bands.

`read_library` and `write_library` are those of `napari_dodn.formats`, loaded when first used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from napari_dodn.errors import UserError

RESAMPLED = "resampled"
"""Key of a spectrum's metadata under which it says how it came to its bands."""

BY_FWHM = "by Gaussian bands of the FWHM given"
BY_INTERPOLATION = "by linear interpolation"

SIGMAS_PER_FWHM = 1 / (2 * np.sqrt(2 * np.log(2)))

REACH_IN_SIGMAS = 3.0
"""How far from its centre a Gaussian band is taken to see."""


class LibraryError(UserError):
    """A spectrum or a library that cannot be; the message is one sentence."""


def __getattr__(name: str) -> Any:
    if name in ("read_library", "write_library"):
        return getattr(import_module("napari_dodn.formats"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One spectrum with its description.

    Attributes
    ----------
    name : str
        What to call it.
    values : numpy.ndarray
        float64, shape (bands,); NaN where nothing is known.
    wavelengths : numpy.ndarray or None
        Band centres in nanometres.
    fwhm : numpy.ndarray or None
        Full width at half maximum of each band, in nanometres.
    good_bands : numpy.ndarray of bool or None
        True for each band that can be used; None means all.
    color : str
        For a plot, such as "#ff8800"; empty where none is chosen.
    quantity : str
        "reflectance", "radiance" or "" where unknown.
    metadata : mapping
        Everything else that is known, in plain types.
    """

    name: str
    values: np.ndarray
    wavelengths: np.ndarray | None = None
    fwhm: np.ndarray | None = None
    good_bands: np.ndarray | None = None
    color: str = ""
    quantity: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = np.array(self.values, np.float64)
        values[~np.isfinite(values)] = np.nan
        values.flags.writeable = False
        if values.ndim != 1 or not values.size:
            raise LibraryError(
                f"The spectrum '{self.name}' needs a list of values, not shape {values.shape}."
            )
        object.__setattr__(self, "values", values)
        for key, kind in (("wavelengths", float), ("fwhm", float), ("good_bands", bool)):
            given = getattr(self, key)
            if given is None:
                continue
            given = _frozen(given, kind)
            if given.shape != values.shape:
                raise LibraryError(
                    f"The spectrum '{self.name}' has {values.size} values, but its"
                    f" {key.replace('_', ' ')} have shape {given.shape}."
                )
            object.__setattr__(self, key, given)
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self.values.size

    @property
    def valid_values(self) -> np.ndarray:
        """The values with NaN in bad bands."""
        return (
            self.values
            if self.good_bands is None
            else np.where(self.good_bands, self.values, np.nan)
        )

    def derive(self, **changes: Any) -> Spectrum:
        """Return a spectrum with other attributes, and all the rest kept."""
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class SpectralLibrary(Sequence[Spectrum]):
    """Several spectra, each with bands of its own.

    Attributes
    ----------
    spectra : tuple of Spectrum
        In their order; two may have the same name.
    name : str
        What to call the library.
    source : str
        Path that it was read from.
    notes : tuple of str
        What the reader had to find out for itself, one sentence each.
    metadata : mapping
        Everything else that the file says of all of them.
    """

    spectra: tuple[Spectrum, ...]
    name: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spectra", tuple(self.spectra))
        object.__setattr__(self, "notes", tuple(self.notes))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spectra."""
        return tuple(spectrum.name for spectrum in self.spectra)

    def __len__(self) -> int:
        return len(self.spectra)

    def __iter__(self) -> Iterator[Spectrum]:
        return iter(self.spectra)

    @overload
    def __getitem__(self, index: int) -> Spectrum: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Spectrum, ...]: ...

    def __getitem__(self, index: int | slice) -> Spectrum | tuple[Spectrum, ...]:
        return self.spectra[index]


def resample(
    spectrum: Spectrum, wavelengths: npt.ArrayLike, fwhm: npt.ArrayLike | None = None
) -> Spectrum:
    """Return a spectrum as bands elsewhere would see it.

    A band whose FWHM is known, and is wider than the spectrum's own bands and their spacing, is a
    Gaussian over them, as wide as makes both widths together the FWHM given; any other
    band is linear interpolation. Bad bands and NaN of the spectrum are gaps.

    Parameters
    ----------
    spectrum : Spectrum
        With wavelengths, in any order.
    wavelengths : array-like
        Centres of the new bands in nanometres, shape (bands,).
    fwhm : array-like, optional
        Their widths in nanometres; not finite where unknown.

    Returns
    -------
    Spectrum
        NaN in bands that reach outside of the spectrum or into a gap. `metadata["resampled"]` says
        how it was done.

    Raises
    ------
    LibraryError
        If the spectrum has no wavelengths, or widths and wavelengths differ in number.
    """
    if spectrum.wavelengths is None:
        raise LibraryError(
            f"The spectrum '{spectrum.name}' has no wavelengths, so it cannot be compared with"
            " bands elsewhere."
        )
    centres = np.asarray(wavelengths, np.float64)
    widths = np.full(centres.shape, np.nan) if fwhm is None else np.asarray(fwhm, np.float64)
    if centres.ndim != 1 or widths.shape != centres.shape:
        raise LibraryError(
            f"Bands with wavelengths of shape {centres.shape} and widths of shape {widths.shape}"
            " do not fit each other."
        )
    order = np.argsort(spectrum.wavelengths, kind="stable")
    x, y = spectrum.wavelengths[order], spectrum.valid_values[order]
    own = np.zeros(x.shape) if spectrum.fwhm is None else np.nan_to_num(spectrum.fwhm[order])
    values = _interpolated(x, y, centres)
    by_fwhm = np.zeros(centres.shape, bool)
    if x.size > 1:
        spacing = np.gradient(x)
        for band, (centre, width) in enumerate(zip(centres, widths, strict=True)):
            nearest = np.abs(x - centre).argmin()
            if width > max(own[nearest], spacing[nearest]):
                by_fwhm[band] = True
                added = np.sqrt(width**2 - own[nearest] ** 2)
                values[band] = _seen_by(x, y, spacing, centre, added * SIGMAS_PER_FWHM)
    metadata = {**spectrum.metadata, RESAMPLED: _account(by_fwhm)}
    return Spectrum(
        spectrum.name,
        values,
        centres,
        None if fwhm is None else widths,
        color=spectrum.color,
        quantity=spectrum.quantity,
        metadata=metadata,
    )


def _seen_by(
    x: np.ndarray, y: np.ndarray, spacing: np.ndarray, centre: float, sigma: float
) -> float:
    """Return the mean of a spectrum under a Gaussian, NaN where it is not known all over it."""
    near = np.abs(x - centre) <= max(REACH_IN_SIGMAS * sigma, spacing.max())
    return (
        float("nan")
        if not near.any()
        else float(
            np.average(
                y[near], weights=spacing[near] * np.exp(-0.5 * ((x[near] - centre) / sigma) ** 2)
            )
        )
    )


def _interpolated(x: np.ndarray, y: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Interpolate linearly, with NaN outside and between values of which one is NaN."""
    right = np.clip(np.searchsorted(x, centres), 0, x.size - 1)
    left = np.clip(right - 1, 0, None)
    share = (centres - x[left]) / np.maximum(x[right] - x[left], np.finfo(float).tiny)
    between = y[left] + share * (y[right] - y[left])
    values = np.where(centres == x[right], y[right], between)
    return np.where((centres >= x[0]) & (centres <= x[-1]), values, np.nan)


def _account(by_fwhm: np.ndarray) -> str:
    if by_fwhm.all() or not by_fwhm.any():
        return BY_FWHM if by_fwhm.any() else BY_INTERPOLATION
    return f"{BY_FWHM} in {by_fwhm.sum()} of {by_fwhm.size} bands, {BY_INTERPOLATION} in the others"


def _frozen(values: npt.ArrayLike, kind: type) -> np.ndarray:
    array: np.ndarray = np.array(values, dtype=kind)
    array.flags.writeable = False
    return array
