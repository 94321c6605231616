"""Arrays in files, and the chunks of them that were decoded last, kept for the next look at them.

Whoever follows the pointer with a spectrum, or steps through the bands, looks again and again into
the same chunks; decoding them takes far longer than all the rest.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from numbers import Integral
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

import numpy as np

CACHE_BYTES = 2**30
"""How much is kept of one array; a slice whose chunks are more than half of it is only read.

The chunks of a band of 5000 × 5000 pixels hold 800 MB, if 16 bands of 2 bytes are stored together.
"""

PIECE = 2**25
"""Bytes of chunks that are read at once where only every n-th value of them is wanted."""

K = TypeVar("K", bound=Hashable)

Box = tuple[tuple[int, int], ...]
"""First place and the place after the last, for each axis."""


class Stored(Protocol):
    """An array in a file: slicing it, with steps above 0, reads just that part."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Lengths of the pieces in which it is stored; None where it is one."""

    def __getitem__(self, key: Any) -> Any: ...


class LastUsed(Generic[K]):
    """The arrays that were used last, up to `CACHE_BYTES`, for several threads at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, np.ndarray] = OrderedDict()
        with _all_lock:
            _all.add(self)

    def find(self, fits: Callable[[K], bool]) -> tuple[K, np.ndarray] | None:
        """Return an array with its key, by what the key is to be like; None where none is kept."""
        with self._lock:
            for key in self._kept:
                if fits(key):
                    self._kept.move_to_end(key)
                    return key, self._kept[key]
        return None

    def keep(self, key: K, values: np.ndarray) -> None:
        """Keep an array, and no longer those that were used the longest ago."""
        with self._lock:
            self._kept[key] = values
            while sum(x.nbytes for x in self._kept.values()) > CACHE_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)

    def forget(self) -> None:
        """Keep nothing of what was kept so far."""
        with self._lock:
            self._kept.clear()


_all: WeakSet[LastUsed[Any]] = WeakSet()
_all_lock = threading.Lock()


def forget_kept() -> None:
    """Let go of what is kept of all arrays, where one of them is no longer needed.

    Python may find out only much later that nobody has an array any more. The others read again.
    """
    with _all_lock:
        everything = list(_all)
    for kept in everything:
        kept.forget()


class KeptChunks:
    """A stored array in chunks, which may be sliced in several threads at a time.

    Parameters
    ----------
    stored : Stored
        The array; its chunks are not None.
    """

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self.shape = stored.shape
        self.dtype = stored.dtype
        self.chunks = stored.chunks
        self._kept: LastUsed[Box] = LastUsed()

    def __reduce__(self) -> tuple[Any, ...]:
        """Begin anew elsewhere, as a lock cannot be pickled."""
        return KeptChunks, (self._stored,)

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        """Return what the array would, for numbers and slices with a step above 0."""
        chunks = self.chunks or self.shape
        box = tuple(_around(*axis) for axis in zip(key, self.shape, chunks, strict=True))
        size = math.prod(stop - start for start, stop in box) * self.dtype.itemsize
        if not 0 < size <= CACHE_BYTES // 2:
            return self._thinned(key, box, chunks) if _is_thin(key, chunks) else self._stored[key]
        (box, values) = self._found(box) or self._read(box)
        # A copy: a view would hold all of the chunks as long as somebody holds it.
        inside = tuple(_within(*axis) for axis in zip(key, box, self.shape, strict=True))
        return np.array(values[inside])

    def _thinned(self, key: tuple[Any, ...], box: Box, chunks: tuple[int, ...]) -> np.ndarray:
        """Read a few values out of all chunks, of some at a time: HDF5 is slow at picking them."""
        size = math.prod(stop - start for start, stop in box) * self.dtype.itemsize
        counts = [(stop - start) / chunk for (start, stop), chunk in zip(box, chunks, strict=True)]
        axis = max(range(len(key)), key=counts.__getitem__)
        if size <= PIECE or counts[axis] <= 1:
            values = np.asarray(self._stored[tuple(slice(*ends) for ends in box)])
            return values[tuple(_within(*at) for at in zip(key, box, self.shape, strict=True))]
        middle = box[axis][0] + math.ceil(counts[axis] / 2) * chunks[axis]
        places = range(self.shape[axis])[key[axis]]
        first = len(range(places.start, middle, places.step))
        halves = []
        for half in (places[:first], places[first:]):
            index = slice(half.start, half.stop, half.step)
            around = _around(index, self.shape[axis], chunks[axis])
            part = (*key[:axis], index, *key[axis + 1 :])
            halves.append(self._thinned(part, (*box[:axis], around, *box[axis + 1 :]), chunks))
        return np.concatenate(halves, sum(isinstance(at, slice) for at in key[:axis]))

    def _found(self, wanted: Box) -> tuple[Box, np.ndarray] | None:
        def holds(box: Box) -> bool:
            return all(b[0] <= w[0] and w[1] <= b[1] for b, w in zip(box, wanted, strict=True))

        return self._kept.find(holds)

    def _read(self, box: Box) -> tuple[Box, np.ndarray]:
        values = np.asarray(self._stored[tuple(slice(*ends) for ends in box)])
        self._kept.keep(box, values)
        return box, values


def _is_thin(key: tuple[Any, ...], chunks: tuple[int, ...]) -> bool:
    """Tell whether an index takes a few values of each chunk on its way."""
    steps = [1 if isinstance(at, Integral) else at.step or 1 for at in key]
    return max(steps) > 1 and all(map(int.__le__, steps, chunks))


def _around(index: Any, length: int, chunk: int) -> tuple[int, int]:
    """Return where the chunks begin and end that an index touches along an axis."""
    if isinstance(index, Integral):
        places = range(length)[int(index) : int(index) + 1 or None]
    else:
        places = range(length)[index]
    if not places:
        return 0, 0
    return places[0] // chunk * chunk, min((places[-1] // chunk + 1) * chunk, length)


def _within(index: Any, ends: tuple[int, int], length: int) -> Any:
    """Return an index into the piece between two places, for one into the whole."""
    if isinstance(index, Integral):
        return int(index) % length - ends[0]
    start, stop, step = index.indices(length)
    return slice(start - ends[0], stop - ends[0], step)
