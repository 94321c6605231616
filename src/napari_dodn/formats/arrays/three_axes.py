"""Arrays of more than three axes, seen without their axes of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_dodn.formats.pixels.cache import Stored

AXES_OF_A_CUBE = 3


@dataclass(frozen=True)
class WithoutAxes:
    """A stored array at the first place of some of its axes; slices go down to the file.

    Attributes
    ----------
    stored : Stored
        The array.
    kept : tuple of int
        The axes that are left, in their order.
    axis, place : int
        An axis at another place than the first.
    """

    stored: Stored | np.ndarray
    kept: tuple[int, ...]
    axis: int = 0
    place: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes that are left."""
        return tuple(self.stored.shape[axis] for axis in self.kept)

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""
        return self.stored.dtype

    @property
    def ndim(self) -> int:
        """Number of axes that are left."""
        return len(self.kept)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Lengths of the pieces in which it is stored; None where it is one."""
        chunks = getattr(self.stored, "chunks", None)
        return None if chunks is None else tuple(chunks[axis] for axis in self.kept)

    def __getitem__(self, key: Any) -> np.ndarray:
        whole: list[Any] = [0] * len(self.stored.shape)
        whole[self.axis] = self.place
        for axis, index in zip(self.kept, key, strict=True):
            whole[axis] = index
        return np.asarray(self.stored[tuple(whole)])


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
        Three axes; None where there are three already, or more that are longer.
    """
    surplus = len(shape) - AXES_OF_A_CUBE
    single = [axis for axis, length in enumerate(shape) if length == 1]
    if surplus <= 0 or len(single) < surplus:
        return None
    if len(names) == len(shape):
        single.sort(key=lambda axis: names[axis] is not None)
    gone = set(single[:surplus])
    return tuple(axis for axis in range(len(shape)) if axis not in gone)


def note_of(called: object, surplus: int) -> str:
    """Return what is said where axes are dropped."""
    which = "An axis" if surplus == 1 else f"{surplus} axes"
    verb = "is" if surplus == 1 else "are"
    return f"{which} of length 1 of {called} {verb} dropped."
