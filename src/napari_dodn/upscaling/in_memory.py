"""A result in memory, which is filled as one in a file is."""

from __future__ import annotations

import math

import numpy as np
import psutil

from napari_dodn.cube import HyperCube
from napari_dodn.formats.pixels.writer import BANDS_AT_ONCE
from napari_dodn.formats.registry import by_tiles_in_words
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.wording import size_in_words


class InMemory:
    """A result in memory, filled like a `formats.Writer`.

    Parameters
    ----------
    shape : tuple of int
        Bands, rows, columns.

    Raises
    ------
    UpscaleError
        If it is larger than the memory that is free.
    """

    side = 1
    depth = BANDS_AT_ONCE

    def __init__(self, shape: tuple[int, int, int]) -> None:
        # Linux gives memory that it does not have, and ends the process when that is filled.
        size, free = math.prod(shape) * 4, psutil.virtual_memory().available
        if size > free:
            raise UpscaleError(
                f"The result needs {size_in_words(size)} of memory, of which"
                f" {size_in_words(free)} are free; write it to a file, {by_tiles_in_words()}, or"
                " choose a region."
            )
        self.pixels = np.empty(shape, np.float32)

    def room(self, place: tuple[slice, slice, slice]) -> np.ndarray:
        """Return the room for the values of a place."""
        return self.pixels[place]

    def put(self, place: tuple[slice, slice, slice], values: np.ndarray) -> None:
        """Do nothing: the values were written where they belong."""

    def finish(self, cube: HyperCube) -> HyperCube:
        """Return the result, described by a cube."""
        return cube.derive(self.pixels)
