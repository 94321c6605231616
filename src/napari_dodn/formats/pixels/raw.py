"""Pixels that lie in a file in one piece, read where they are sliced.

No memory map: where a file shrinks under a map the system ends the process, which no Python code
can prevent. Here a short read is an error with a sentence, and so is a file that was changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from napari_dodn.formats.errors import file_faults_as_sentences
from napari_dodn.formats.pixels.open_files import OpenFile, Stamp, cut_off

GAP = 2**14
"""Bytes between two runs of values that are read along rather than leapt over."""

PIECE = 2**25
"""Bytes that are read at once where only some of them are wanted."""


class RawPixels(NDArrayOperatorsMixin):
    """An array in a file, of any strides. It takes the indices of numpy.

    It holds its file open, so that its values stay what they were when another file takes the
    name.

    Parameters
    ----------
    path : Path
        The file.
    dtype : dtype
        Of the values as stored.
    offset : int
        Bytes before the first value.
    shape : sequence of int
        Lengths of the axes.
    order : str
        "C" or "F", as in numpy.

    Raises
    ------
    FormatError
        If the file cannot be opened or is too short.
    """

    def __init__(
        self,
        path: Path,
        dtype: np.dtype,
        offset: int,
        shape: Sequence[int],
        order: str = "C",
    ) -> None:
        self.filename = Path(path).absolute()
        self.dtype = np.dtype(dtype)
        self.shape = tuple(int(length) for length in shape)
        self._offset = int(offset)
        steps = [self.dtype.itemsize]
        for length in self.shape[:0:-1] if order == "C" else self.shape[:-1]:
            steps.append(steps[-1] * length)
        self.strides = tuple(steps[::-1] if order == "C" else steps)[: len(self.shape)]
        self._file = OpenFile(self.filename)
        end = self._offset + math.prod(self.shape) * self.dtype.itemsize
        if end > self._file.stamp.size:
            raise cut_off(self.filename)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of a value."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return self.size * self.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def transpose(self, order: Sequence[int]) -> RawPixels:
        """Return the array with its axes in another order; nothing is read."""
        return self._view(
            self._offset, [self.shape[a] for a in order], [self.strides[a] for a in order]
        )

    def reshape(self, shape: Sequence[int]) -> RawPixels:
        """Return the array with axes of length 1 more or fewer; nothing is read.

        Raises
        ------
        ValueError
            If other axes would change.
        """
        long = [(n, stride) for n, stride in zip(self.shape, self.strides, strict=True) if n != 1]
        if [n for n, _ in long] != [n for n in shape if n != 1]:
            raise ValueError(f"{self.shape} cannot be reshaped into {tuple(shape)}.")
        strides = iter(stride for _, stride in long)
        return self._view(self._offset, shape, [0 if n == 1 else next(strides) for n in shape])

    def part(self, key: Any) -> RawPixels:
        """Return a part as numpy's basic indices take it; nothing is read."""
        offset, shape, strides = self._offset, [], []
        axes = iter(zip(self.shape, self.strides, strict=True))
        for index in self._whole(key):
            if index is None:
                shape.append(1)
                strides.append(0)
                continue
            length, stride = next(axes)
            if isinstance(index, slice):
                start, stop, step = index.indices(length)
                shape.append(len(range(start, stop, step)))
                strides.append(stride * step)
                offset += start * stride if shape[-1] else 0
            else:
                place = int(index) + (length if index < 0 else 0)
                if not 0 <= place < length:
                    raise IndexError(f"Index {index} is out of range for an axis of {length}.")
                offset += place * stride
        return self._view(offset, shape, strides)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if all(isinstance(i, (slice, int, np.integer)) or i is None or i is ... for i in keys):
            return self.part(key)._read()
        return self._picked(tuple(each for index in keys for each in _without_masks(index)))

    def _picked(self, keys: tuple[Any, ...]) -> np.ndarray:
        """Read what lists of places take.

        Of one list only what is near its places is read, such as a few of many bands; of several
        what lies around all of their places.
        """
        keys = self._whole(keys)
        if any(index is None or np.ndim(index) > 1 for index in keys):
            return self._read()[keys]
        several = sum(np.ndim(index) for index in keys) > 1
        runs: list[list[slice]] = []
        inside: list[Any] = []
        for axis, index in enumerate(keys):
            if isinstance(index, slice):
                runs.append([index])
                inside.append(slice(None))
                continue
            places = _counted(index, self.shape[axis])
            gap = self.shape[axis] if several else GAP // max(1, abs(self.strides[axis]))
            runs.append(_runs(places, gap))
            read = np.concatenate([np.arange(run.start, run.stop) for run in runs[axis]])
            inside.append(np.searchsorted(read, places) if places.ndim else 0)
        return self._box(runs)[tuple(inside)]

    def _box(self, runs: list[list[slice]]) -> np.ndarray:
        """Read a part along each axis; along one of them there may be several, to be joined."""
        axis = max(range(self.ndim), key=lambda axis: len(runs[axis]))
        key = [run[0] for run in runs]
        parts = [self.part((*key[:axis], run, *key[axis + 1 :])) for run in runs[axis]]
        ends = np.cumsum([part.shape[axis] for part in parts])
        box = np.empty((*parts[0].shape[:axis], ends[-1], *parts[0].shape[axis + 1 :]), self.dtype)
        for part, room in zip(parts, np.split(box, ends[:-1], axis), strict=True):
            part._read_into(room)
        return box

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self._read()
        return values if dtype is None else values.astype(dtype, copy=False)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute with all values, as with an array in memory."""
        read = [np.asarray(x) if isinstance(x, RawPixels) else x for x in inputs]
        return getattr(function, method)(*read, **options)

    def astype(self, dtype: Any) -> np.ndarray:
        """Read all values as another type."""
        return self._read().astype(dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file anew elsewhere, where it must still be the same."""
        where = self._offset, self.shape, self.strides
        return _again, (self.filename, self.dtype, *where, self._file.stamp)

    def __repr__(self) -> str:
        return f"<{self.shape} {self.dtype} in {self.filename}>"

    def _whole(self, key: Any) -> tuple[Any, ...]:
        """Return an index with one entry for each axis."""
        keys = key if isinstance(key, tuple) else (key,)
        missing = self.ndim - sum(index is not None and index is not ... for index in keys)
        if missing < 0:
            raise IndexError(f"{len(keys)} indices are too many for {self.ndim} axes.")
        at = next((place for place, index in enumerate(keys) if index is ...), len(keys))
        return (*keys[:at], *(slice(None),) * missing, *keys[at + 1 :])

    def _view(self, offset: int, shape: Sequence[int], strides: Sequence[int]) -> RawPixels:
        view = object.__new__(RawPixels)
        view.filename, view.dtype, view._file = self.filename, self.dtype, self._file
        view._offset, view.shape, view.strides = offset, tuple(shape), tuple(strides)
        return view

    def _read(self) -> Any:
        """Read all values: an array, or a number where there is no axis."""
        values = np.empty(self.shape, self.dtype)
        self._read_into(values)
        return values if self.shape else values[()]

    def _read_into(self, values: np.ndarray) -> None:
        """Read all values into an array of this shape."""
        if values.size:
            # From the axis of the longest steps to that of the shortest, all going up.
            offset, turned, strides = self._offset, values, list(self.strides)
            for axis, (length, stride) in enumerate(zip(self.shape, strides, strict=True)):
                if stride < 0:
                    offset += (length - 1) * stride
                    turned = np.flip(turned, axis)
                    strides[axis] = -stride
            order = sorted(range(self.ndim), key=lambda axis: -strides[axis])
            with file_faults_as_sentences(self.filename, "read"), self._file.reading() as read:
                _fill(read, offset, turned.transpose(order), [strides[axis] for axis in order])


def _without_masks(index: Any) -> tuple[Any, ...]:
    """Return an index, or the lists of places that a mask takes, one for each of its axes."""
    if isinstance(index, slice) or index is None or index is ...:
        return (index,)
    values = np.asarray(index)
    return values.nonzero() if values.dtype == bool else (values if values.ndim else int(values),)


def _counted(index: Any, length: int) -> np.ndarray:
    """Return places along an axis, counted from its beginning."""
    places = np.asarray(index, np.intp)
    places = np.where(places < 0, places + length, places)
    if places.size and not 0 <= places.min() <= places.max() < length:
        raise IndexError(f"Index {index} is out of range for an axis of {length}.")
    return places


def _runs(places: np.ndarray, gap: int) -> list[slice]:
    """Return slices that hold all places; those not further apart than a gap share one."""
    if not places.size:
        return [slice(0, 0)]
    wanted = np.unique(places)
    parts = np.split(wanted, np.flatnonzero(np.diff(wanted) > max(1, gap)) + 1)
    return [slice(int(part[0]), int(part[-1]) + 1) for part in parts]


def _fill(read: Any, offset: int, values: np.ndarray, strides: list[int]) -> None:
    """Fill an array from a place in the file, in as few reads as are worth it."""
    item = values.dtype.itemsize
    spans = [item]  # bytes from the first to the last value, for the last axes
    near = True
    for length, stride in zip(values.shape[::-1], strides[::-1], strict=True):
        near = near and (length == 1 or stride - spans[-1] <= GAP)
        spans.append(spans[-1] + (length - 1) * stride)
    span = spans[-1]
    if near and span == values.nbytes and values.flags.c_contiguous:
        read(offset, values.reshape(-1).view(np.uint8))
        return
    if (near and span <= PIECE) or values.ndim == 0:
        room = np.empty(span, np.uint8)
        read(offset, room)
        values[...] = np.ndarray(values.shape, values.dtype, room.data, 0, strides)
        return
    inner = spans[-2]
    together = 1
    if strides[0] and strides[0] - inner <= GAP:
        together = max(1, (PIECE - inner) // strides[0])
    for first in range(0, len(values), together):
        part = values[first : first + together]
        if together == 1:
            _fill(read, offset + first * strides[0], part[0, ...], strides[1:])
        else:
            _fill(read, offset + first * strides[0], part, strides)


def _again(
    path: Path,
    dtype: np.dtype,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    stamp: Stamp,
) -> RawPixels:
    pixels = object.__new__(RawPixels)
    pixels.filename, pixels.dtype, pixels._file = path, dtype, OpenFile(path, stamp)
    pixels._offset, pixels.shape, pixels.strides = offset, shape, strides
    return pixels
