"""Spectra without a cube: single ones, libraries of them, and how they look in other bands.

Files of them are read and written by `napari_dodn.formats`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from napari_dodn.errors import UserError
from napari_dodn.plain_types import remade
from napari_dodn.spectra.units import FWHM_IN_SIGMAS, GAUSSIAN_REACH

RESAMPLED = "resampled"
"""Key of a spectrum's metadata under which it says how it came to its bands."""

BY_FWHM = "by Gaussian bands of the FWHM given"
BY_INTERPOLATION = "by linear interpolation"

NODES = (61, 2001)
"""Fewest and most places over that reach at which a spectrum is looked at."""

FLAT = 10.0
"""How many times higher spectra must be for others to lie flat below them in a plot."""

LEAST_KNOWN = 0.75
"""Share of what a band sees that must be known: what lies within its FWHM is 0.76."""


class LibraryError(UserError):
    """A spectrum or a library that cannot be; the message is one sentence."""


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
        For a plot, such as "#ff8800"; empty if none is chosen.
    quantity : str
        "reflectance", "radiance" or "" if unknown.
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
        """Return a spectrum with some attributes replaced."""
        return replace(self, **changes)

    def __reduce__(self) -> tuple[Any, ...]:
        return remade(self)


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
        What the reader worked out, one sentence each.
    metadata : mapping
        Everything else that the file says about all of them.
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

    def __reduce__(self) -> tuple[Any, ...]:
        return remade(self)

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
    """Return a spectrum as the bands of another sensor would see it.

    A band whose FWHM is known, and is wider than the spectrum's own bands and their spacing, sees
    the spectrum through a Gaussian. The squares of the Gaussian's width and of the own width add up
    to that of the FWHM. Any other band is interpolated linearly. Bad bands and NaN of the spectrum
    are gaps.

    Parameters
    ----------
    spectrum : Spectrum
        A spectrum with wavelengths, in any order.
    wavelengths : array-like
        Centres of the new bands in nanometres, shape (bands,).
    fwhm : array-like, optional
        Their widths in nanometres, shape (bands,); not finite if unknown.

    Returns
    -------
    Spectrum
        NaN in bands of which more than a quarter lies outside of the spectrum or in a gap.
        `metadata["resampled"]` says how it was made.

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
    order = order[np.isfinite(spectrum.wavelengths[order])]
    x, y = spectrum.wavelengths[order], spectrum.valid_values[order]
    own = None if spectrum.fwhm is None else spectrum.fwhm[order]
    sigmas = _missing_blur(x, own, centres, widths)
    reach = _nodes(x, sigmas)
    seen = _interpolated(x, y, centres[:, None] + sigmas[:, None] * reach)
    known = np.isfinite(seen)
    weights = np.where(known, np.exp(-0.5 * reach**2), 0)
    share = weights.sum(axis=1) / np.exp(-0.5 * reach**2).sum()
    enough = share >= LEAST_KNOWN
    total = (np.where(known, seen, 0) * weights).sum(axis=1)
    values = np.where(enough, total / np.where(enough, weights.sum(axis=1), 1), np.nan)
    return Spectrum(
        spectrum.name,
        values,
        centres,
        None if fwhm is None else widths,
        color=spectrum.color,
        quantity=spectrum.quantity,
        metadata={**spectrum.metadata, RESAMPLED: _account(sigmas > 0, enough)},
    )


def _missing_blur(
    x: np.ndarray, own: np.ndarray | None, centres: np.ndarray, widths: np.ndarray
) -> np.ndarray:
    """Return the σ by which bands are wider than those of a spectrum; 0 means to interpolate."""
    if x.size < 2:
        return np.zeros(centres.shape)
    nearest = np.abs(x - centres[:, None]).argmin(axis=1)
    spacing = np.gradient(x)[nearest]
    narrower = np.zeros(centres.shape) if own is None else np.nan_to_num(own[nearest], posinf=0)
    wider = np.isfinite(widths) & (widths > np.maximum(narrower, spacing))
    squares = np.where(wider, widths**2 - narrower**2, 0)
    return np.sqrt(squares) / FWHM_IN_SIGMAS


def _nodes(x: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return the places to look at, in σ from the centre, so close that no value is missed."""
    steps = np.diff(x)
    steps = steps[steps > 0]
    if not steps.size or not sigmas.any():
        return np.zeros(1)
    needed = 2 * np.ceil(GAUSSIAN_REACH * sigmas.max() / steps.min()) + 1
    return GAUSSIAN_REACH * np.linspace(-1, 1, int(np.clip(needed, *NODES)))


def _interpolated(x: np.ndarray, y: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolate linearly, with NaN outside and between values of which one is NaN."""
    if not x.size:
        return np.full(places.shape, np.nan)
    right = np.clip(np.searchsorted(x, places), 0, x.size - 1)
    left = np.clip(right - 1, 0, None)
    step = x[right] - x[left]
    share = (places - x[left]) / np.where(step > 0, step, 1)
    values = np.where(places == x[right], y[right], y[left] + share * (y[right] - y[left]))
    return np.where((places >= x[0]) & (places <= x[-1]), values, np.nan)


def _account(by_fwhm: np.ndarray, known: np.ndarray) -> str:
    """Say how the bands came to their values."""
    gaussian, linear = int((by_fwhm & known).sum()), int((~by_fwhm & known).sum())
    if gaussian and linear:
        return f"{gaussian} bands {BY_FWHM}, {linear} {BY_INTERPOLATION}"
    return BY_FWHM if gaussian else BY_INTERPOLATION


def _frozen(values: npt.ArrayLike, kind: type) -> np.ndarray:
    array: np.ndarray = np.array(values, dtype=kind)
    array.flags.writeable = False
    return array


def on_different_scales(some: npt.ArrayLike, others: npt.ArrayLike) -> bool:
    """Tell whether some spectra, or others, lie flat at the foot of a plot of both."""
    tops = [_top(np.abs(np.asarray(values, np.float64))) for values in (some, others)]
    return min(tops) > 0 and max(tops) > FLAT * min(tops)


def _top(values: np.ndarray) -> float:
    return float(values.max(initial=0.0, where=np.isfinite(values)))
