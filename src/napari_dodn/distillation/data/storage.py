"""Room for the pixels of a run: memory as far as it goes, and then files that nobody has to clear.

All scenes draw on one budget, so that many small ones fill the memory no more than a large one.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt
import psutil

from napari_dodn.formats.pixels.blocks import take_room

MEMORY_SHARE = 0.5
"""Share of the free memory that all pixels of a run may take together."""


class Storage:
    """Gives out arrays, in memory until the budget is spent and in files from then on.

    Parameters
    ----------
    folder : Path, optional
        Where files are made; the system's folder for temporary files where left out. They have no
        name where the system can do without, and go with the last use of them elsewhere.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        neighbours = int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # torchrun's, on this machine
        self.left = int(MEMORY_SHARE * psutil.virtual_memory().available / neighbours)

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
        """Return an array of any values.

        Raises
        ------
        OSError
            If there is no room for its file.
        """
        size = np.dtype(dtype).itemsize * int(np.prod(shape))
        if size <= self.left:
            self.left -= size
            return np.empty(shape, dtype)
        with TemporaryFile(dir=self.folder) as file:
            take_room(file, size)
            return np.memmap(file, dtype, "r+", shape=shape)
