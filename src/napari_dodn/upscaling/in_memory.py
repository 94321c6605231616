"""A result in memory, which is filled as one in a file is."""

from __future__ import annotations

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.pixels.writer import BANDS_AT_ONCE
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.wording import size_in_words


class InMemory:
    """A result in memory, filled like a `formats.Writer`.

    Parameters
    ----------
    shape : tuple of int
        Bands, rows, columns.
    """

    side = 1
    depth = BANDS_AT_ONCE

    def __init__(self, shape: tuple[int, int, int]) -> None:
        try:
            self.pixels = np.empty(shape, np.float32)
        except MemoryError as error:
            size = np.prod(shape, dtype=float) * 4
            raise UpscaleError(
                f"The result needs {size_in_words(size)} of memory, which is not available; write"
                " it to a file, or choose a region."
            ) from error

    def room(self, place: tuple[slice, slice, slice]) -> np.ndarray:
        """Return the room for the values of a place."""
        return self.pixels[place]

    def put(self, place: tuple[slice, slice, slice], values: np.ndarray) -> None:
        """Do nothing: the values were written where they belong."""

    def finish(self, cube: HyperCube) -> HyperCube:
        """Return the result, described by a cube."""
        return cube.derive(self.pixels)
