"""Large files, made block by block: the room on the disk and the copying."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from napari_dodn.formats.errors import FormatError
from napari_dodn.wording import size_in_words

BLOCK_BYTES = 2**26
"""How much of a cube is in memory at once while it is copied into a file."""

ZEROS = bytes(2**20)

CHUNK = (16, 128, 128)
"""Bands, rows, columns of a chunk of the files that we write: good for bands and for spectra."""


def check_free_space(target: Path, needed: int) -> None:
    """Raise FormatError where a disk has no room for a file.

    Parameters
    ----------
    target : Path
        The file.
    needed : int
        Its size in bytes.
    """
    if (free := shutil.disk_usage(target.parent).free) < needed:
        raise FormatError(
            f"{target} cannot be written: it needs {size_in_words(needed)}, but only"
            f" {size_in_words(free)} are free there."
        )


def take_room(file: IO[bytes], size: int) -> None:
    """Make a file as large as it is going to be, with room on the disk for all of it.

    Under a memory map a disk that fills up kills the process.

    Raises
    ------
    OSError
        If there is not so much room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for start in range(file.seek(0, os.SEEK_END), size, len(ZEROS)):
        file.write(ZEROS[: size - start])
    file.flush()


def chunks_for(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the chunks in which a cube of a shape is written."""
    bands, height, width = (min(s, c) for s, c in zip(shape, CHUNK, strict=True))
    return bands, height, width


def blocks_of(shape: tuple[int, int, int], itemsize: int) -> Iterator[tuple[slice, slice, slice]]:
    """Yield parts of a cube that hold whole chunks, and no more of them than memory should.

    Parameters
    ----------
    shape : tuple of int
        Bands, rows, columns.
    itemsize : int
        Bytes of a value.
    """
    bands, height, width = shape
    _, rows, columns = CHUNK
    wide = columns * max(1, BLOCK_BYTES // (bands * rows * columns * itemsize))
    high = rows * max(1, BLOCK_BYTES // (bands * rows * min(wide, width) * itemsize))
    for y in range(0, height, high):
        for x in range(0, width, wide):
            yield slice(None), slice(y, y + high), slice(x, x + wide)


def copy_pixels(source: Any, target: np.ndarray) -> None:
    """Copy pixels (bands, y, x) into a memory map without holding all of them in memory."""
    if hasattr(source, "dask"):
        source.store(target)  # chunk by chunk, each decompressed once
        return
    for place in blocks_of(target.shape, target.itemsize):
        target[place] = np.asarray(source[place])
