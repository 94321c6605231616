"""Large files, made block by block: the room on the disk and the copying."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.errors import FormatError

BLOCK_BYTES = 2**26
"""How much of a cube is in memory at once while it is copied into a file."""


def check_free_space(target: Path, needed: int) -> None:
    """Raise FormatError where a disk has no room for a file.

    A memory map that runs out of disk kills the process instead of raising an error.

    Parameters
    ----------
    target : Path
        The file.
    needed : int
        Its size in bytes.
    """
    if (free := shutil.disk_usage(target.parent).free) < needed:
        raise FormatError(
            f"{target} cannot be written: it needs {needed / 1e9:.3g} GB, but only "
            f"{free / 1e9:.3g} GB are free there."
        )


def copy_pixels(source: Any, target: np.ndarray) -> None:
    """Copy pixels (bands, y, x) without holding all of them in memory."""
    if hasattr(source, "dask"):
        source.store(target)  # chunk by chunk, each decompressed once
        return
    bands, height, width = target.shape
    rows = max(1, BLOCK_BYTES // (bands * width * target.itemsize))
    for y in range(0, height, rows):
        target[:, y : y + rows] = source[:, y : y + rows]
