"""Pixels that are read when they are sliced, seen as (bands, y, x) whatever way they are stored."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from numbers import Integral
from operator import truediv
from typing import Any

import numpy as np

from napari_dodn.cube import CubeError
from napari_dodn.formats.pixels.cache import KeptChunks, Stored
from napari_dodn.formats.pixels.raw import RawPixels
from napari_dodn.wording import size_in_words

READ_AT_ONCE = 2**24
"""Bytes of dask's chunks: napari reads whole ones to show a band."""

MOST_BYTES = 2**44
"""What claims to be larger is damaged; dask would fill the memory with its list of chunks."""

MOST_CHUNKS = 10**7
"""What claims to have more along an axis is damaged, too; dask has a list of these as well."""

MOST_BYTES_OF_CHUNK = 2**28
"""A chunk is read as a whole; larger ones than this are at most as large as their cube."""


class _Turned:
    """A stored array with its axes in another order; every slice goes down to the file.

    Those of `backwards`, in the old order, are read from the last to the first.
    """

    def __init__(self, stored: Stored, order: Sequence[int], backwards: Collection[int]) -> None:
        self._stored = stored
        self._order = order
        self._backwards = backwards
        self.shape = tuple(stored.shape[axis] for axis in order)
        self.dtype = stored.dtype
        self.ndim = len(order)
        self.chunks = None if stored.chunks is None else tuple(stored.chunks[a] for a in order)

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        at = {}
        for axis, index in zip(self._order, key, strict=True):
            length = self._stored.shape[axis]
            index = _from_the_end(index, length) if axis in self._backwards else index
            at[axis] = _downwards(index, length)
        values = np.asarray(self._stored[tuple(at[axis][0] for axis in range(self.ndim))])
        kept = [axis for axis in range(self.ndim) if not isinstance(at[axis][0], Integral)]
        for place, axis in enumerate(kept):
            if (wanted := at[axis][1]) is not None:
                values = values.take(wanted, place)
        return values.transpose([kept.index(axis) for axis in self._order if axis in kept])


def _from_the_end(index: Any, length: int) -> Any:
    """Return the number or slice that takes the same places of an axis turned round."""
    if isinstance(index, Integral):
        return -1 - index
    start, stop, step = index.indices(length)
    first, end = (length - 1 - place for place in (start, stop))
    return slice(first, end if end >= 0 else None, -step)


def _downwards(index: Any, length: int) -> tuple[Any, np.ndarray | None]:
    """Return a number or a slice with a step above 0, and what is to be taken out of that."""
    if isinstance(index, Integral) or (isinstance(index, slice) and (index.step or 1) > 0):
        return index, None
    wanted = np.arange(length)[index]
    if wanted.size == 0:
        return slice(0, 0), None
    first = int(wanted.min())
    return slice(first, int(wanted.max()) + 1), wanted - first


def lazy_pixels(
    stored: Stored | RawPixels | np.ndarray, axes: str, mirrored: Collection[str] = ()
) -> Any:
    """Return an array of shape (bands, y, x) that reads only what is taken from it.

    Parameters
    ----------
    stored : Stored
        Three axes. `RawPixels` and arrays of numpy are returned as a view; others through dask.
    axes : str
        Their meaning: the letters y, x and b in their order.
    mirrored : collection of str
        Those of them along which it is returned from the last to the first.

    Raises
    ------
    CubeError
        If it is larger than any file of these days, or its chunks are far larger than it, or
        countless.
    """
    order = [axes.index(axis) for axis in "byx"]
    if isinstance(stored, (np.ndarray, RawPixels)):
        view = stored.transpose(order)
        key = tuple(slice(None, None, -1 if axis in mirrored else 1) for axis in "byx")
        return view[key] if isinstance(view, np.ndarray) else view.part(key)

    if 0 in stored.shape:  # there is nothing to read
        return np.empty([stored.shape[axis] for axis in order], stored.dtype)

    import dask.array
    from dask.array.core import normalize_chunks

    if (size := math.prod(stored.shape) * stored.dtype.itemsize) > MOST_BYTES:
        raise CubeError(f"It would hold {size / 1e12:,.0f} TB, so it must be damaged.")
    if stored.chunks is not None:
        chunk = math.prod(stored.chunks) * stored.dtype.itemsize
        if chunk > max(MOST_BYTES_OF_CHUNK, 4 * size):
            raise CubeError(f"Each of its chunks would hold {size_in_words(chunk)}.")
        count = max(map(math.ceil, map(truediv, stored.shape, stored.chunks)))
        if count > MOST_CHUNKS:
            raise CubeError(f"It would have {count:,} chunks, so it must be damaged.")
    # Turned before dask sees it, and "fancy": else dask reads whole chunks, then slices them.
    backwards = [axes.index(axis) for axis in mirrored]
    source = stored if stored.chunks is None else KeptChunks(stored)
    turned = _Turned(source, order, backwards)
    meta = np.empty((0, 0, 0), turned.dtype)
    chunks: Any = f"{READ_AT_ONCE}B"
    if turned.chunks is not None:
        # No more bands than are stored together, and few rows: each is read once on the way down.
        depth, rows, _ = map(min, turned.chunks, turned.shape)
        rows *= max(1, READ_AT_ONCE // (depth * rows * turned.shape[2] * turned.dtype.itemsize))
        chunks = normalize_chunks(
            (depth, min(rows, turned.shape[1]), "auto"),
            turned.shape,
            READ_AT_ONCE,
            turned.dtype,
            turned.chunks,
        )
    return dask.array.from_array(turned, chunks=chunks, name=False, fancy=True, meta=meta)
