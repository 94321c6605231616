"""Arrays of more than three axes, seen as cubes: without axes of length 1, or one by one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_dodn.formats.pixels.cache import Stored
from napari_dodn.formats.pixels.raw import RawPixels

AXES_OF_A_CUBE = 3


@dataclass(frozen=True)
class SomeAxes:
    """A stored array with some of its axes in any order; slices go down to the file.

    Attributes
    ----------
    stored : Stored
        The array.
    order : tuple of int
        The axes that are seen, in the order in which they are seen. The array is taken at the
        first place of the others.
    axis, place : int
        One of the others that is taken at another place.
    """

    stored: Stored | np.ndarray
    order: tuple[int, ...]
    axis: int = 0
    place: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes that are seen."""
        return tuple(self.stored.shape[axis] for axis in self.order)

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""
        return self.stored.dtype

    @property
    def ndim(self) -> int:
        """Number of axes that are seen."""
        return len(self.order)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Lengths of the pieces in which it is stored; None where it is one."""
        chunks = getattr(self.stored, "chunks", None)
        return None if chunks is None else tuple(chunks[axis] for axis in self.order)

    def __getitem__(self, key: Any) -> np.ndarray:
        whole: list[Any] = [0] * len(self.stored.shape)
        whole[self.axis] = self.place
        for axis, index in zip(self.order, key, strict=True):
            whole[axis] = index
        values = np.asarray(self.stored[tuple(whole)])
        left = [axis for axis in self.order if isinstance(whole[axis], slice)]
        return values.transpose([sorted(left).index(axis) for axis in left])


def with_axes(
    stored: Stored | np.ndarray | RawPixels, order: Sequence[int], axis: int = 0, place: int = 0
) -> Any:
    """Return a stored array with some of its axes, as a view where it can be one.

    Parameters
    ----------
    stored, order, axis, place
        As of `SomeAxes`.
    """
    if not isinstance(stored, (np.ndarray, RawPixels)):
        return SomeAxes(stored, tuple(order), axis, place)
    key: list[Any] = [0] * stored.ndim
    key[axis] = place
    for seen in order:
        key[seen] = slice(None)
    part = stored.part(tuple(key)) if isinstance(stored, RawPixels) else stored[tuple(key)]
    return part.transpose([sorted(order).index(seen) for seen in order])


def kept_axes(shape: Sequence[int], names: Sequence[str | None] = ()) -> tuple[int, ...] | None:
    """Return which axes are left where those of length 1 go that are too many.

    Parameters
    ----------
    shape : sequence of int
        Lengths of the axes.
    names : sequence of str or None, optional
        What the axes mean in a cube, "y", "x" or "b"; None for another meaning.

    Returns
    -------
    tuple of int or None
        Three axes, or more where others are longer; None where none goes.
    """
    surplus = len(shape) - AXES_OF_A_CUBE
    single = [axis for axis, length in enumerate(shape) if length == 1]
    if surplus <= 0 or not single:
        return None
    if len(names) == len(shape):
        single.sort(key=lambda axis: names[axis] is not None)
    gone = set(single[:surplus])
    return tuple(axis for axis in range(len(shape)) if axis not in gone)


def axis_of_cubes(
    shape: Sequence[int],
    meanings: Sequence[str | None],
    counts: Collection[int],
    *,
    at_the_end: bool,
) -> int | None:
    """Return which of four axes numbers the cubes of an array of several.

    Parameters
    ----------
    shape : sequence of int
        Lengths of the axes.
    meanings : sequence of str or None
        "y", "x" or "b"; None for another or no meaning.
    counts : collection of int
        Numbers of wavelengths that the file holds.
    at_the_end : bool
        Whether it is usually the last axis, as in MATLAB, and not the first.

    Returns
    -------
    int or None
        None where all axes mean something else.
    """
    unknown = [axis for axis, meaning in enumerate(meanings) if meaning is None]
    if len(unknown) < len(shape):
        others = [axis for axis in unknown if "b" in meanings or shape[axis] not in counts]
        return next(iter(others or unknown), None)
    bands = [axis for axis in unknown if shape[axis] in counts]
    if len(bands) == 1:  # N × B × Y × X, Y × X × B × N, N × Y × X × B
        return (3 if at_the_end else 1, 0, 3, 0)[bands[0]]
    if shape[0] == shape[1] != shape[2] != shape[3]:
        return 3
    if shape[2] == shape[3] != shape[0] or shape[1] == shape[2] != shape[3]:
        return 0
    return 3 if at_the_end else 0


def note_of(called: object, surplus: int) -> str:
    """Return what is said where axes are dropped."""
    which = "An axis" if surplus == 1 else f"{surplus} axes"
    verb = "is" if surplus == 1 else "are"
    return f"{which} of length 1 of {called} {verb} dropped."
