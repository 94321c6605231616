"""Which bands of two cubes belong together, by their wavelengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.cube_checks import OF_EACH_BAND
from napari_dodn.errors import UserError
from napari_dodn.wording import span

NOTABLE = 0.1
"""Part of the distance between bands by which wavelengths may differ without a word."""

LEAST_HALF_GAP = 0.5
"""Nanometres by which bands may differ in any case, since detectors may overlap."""


def in_bands_of(
    result: HyperCube, reference: HyperCube, error: type[UserError]
) -> tuple[HyperCube, tuple[str, ...]]:
    """Return a reference with the bands of a result, in their order.

    Bands belong together where each is the nearest of the other cube, by less than half of the
    distance to the next one.

    Parameters
    ----------
    result, reference : HyperCube
        The reference may have more bands. Where either has no wavelengths, or the reference has
        fewer bands, it is returned as it is.
    error : type
        What to raise where wavelengths do not agree.

    Returns
    -------
    reference : HyperCube
        Its pixels are read when they are sliced.
    remarks : tuple of str
        What was done.
    """
    ours, theirs = result.wavelengths, reference.wavelengths
    if ours is None or theirs is None or len(ours) > len(theirs):
        return reference, ()
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return reference, ()
    half = _half_gap(theirs)
    same_place = len(ours) == len(theirs) and bool((np.abs(ours - theirs) < half).all())
    if same_place:
        order = np.arange(len(ours))
    else:
        order = np.array([int(np.abs(theirs - wavelength).argmin()) for wavelength in ours])
    apart = float(np.abs(ours - theirs[order]).max())
    if len(set(order.tolist())) < len(order) or not apart < half:
        if len(ours) < len(theirs):  # the shapes say it, too
            return reference, ()
        raise error(
            f"The wavelengths of '{result.name}', {_span(ours)}, and of '{reference.name}',"
            f" {_span(theirs)}, do not agree, so that their bands cannot be compared."
        )
    remarks = []
    if apart > 2 * half * NOTABLE:
        remarks.append(
            f"The wavelengths of '{result.name}' and '{reference.name}' differ by up to"
            f" {apart:.3g} nm."
        )
    if same_place:
        return reference, tuple(remarks)
    remarks.insert(0, f"The bands of '{reference.name}' are matched by their wavelengths.")
    chosen = {
        key: getattr(reference, key)[order]
        for key in OF_EACH_BAND
        if getattr(reference, key) is not None
    }
    data = _ChosenBands(reference.data, order)
    return reference.derive(data, default_bands=(), **chosen), tuple(remarks)


def good_in_both(result: HyperCube, reference: HyperCube, error: type[UserError]) -> np.ndarray:
    """Return which bands are good in two cubes with the same bands, bool, shape (bands,).

    Raises
    ------
    UserError
        Of the given type, where none is.
    """
    good = result.usable_bands & reference.usable_bands
    if not good.any():
        raise error(f"No band is good in both '{result.name}' and '{reference.name}'.")
    return good


class _ChosenBands:
    """Some bands of an array in another order, read when they are sliced."""

    def __init__(self, data: Any, order: np.ndarray) -> None:
        self._data, self._order = data, order
        self.shape = (len(order), *data.shape[1:])
        self.dtype = data.dtype
        self.ndim = 3

    def __getitem__(self, key: Any) -> np.ndarray:
        bands, *place = key if isinstance(key, tuple) else (key,)
        order = self._order[bands]
        if order.ndim == 0:
            return np.asarray(self._data[(int(order), *place)])
        return np.stack([np.asarray(self._data[(int(band), *place)]) for band in order])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self[:]
        return values if dtype is None else values.astype(dtype, copy=False)


def _half_gap(wavelengths: np.ndarray) -> float:
    """Return half of the smallest distance between bands, but not less than `LEAST_HALF_GAP`."""
    gaps = np.diff(np.unique(wavelengths))
    return max(float(gaps.min()) / 2 if gaps.size else 0.0, LEAST_HALF_GAP)


def _span(wavelengths: np.ndarray) -> str:
    return f"{span(wavelengths.min(), wavelengths.max())} nm"
