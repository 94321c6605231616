"""Large files whose bands lie scattered: copied band by band, so that the slider can follow.

To show one band of a BIL or BIP file the system has to bring all of the file from the disk. The
copy lies on the disk, in a file without a name that goes when nobody shows it any more.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_dodn.formats.pixels.raw import RawPixels
from napari_dodn.jobs import Progress, Steps, stop_if

LARGE = 2**28
"""Bytes of a file; the bands of a smaller one are there soon enough."""

BLOCK_BYTES = 2**25
"""How much of the file is in memory while it is copied."""

ROOM_LEFT = 2**31
"""Bytes that a copy leaves free on the disk."""


def scattered(data: Any) -> bool:
    """Tell whether pixels (bands, y, x) are a large file that has no band in one piece."""
    stored = isinstance(data, RawPixels) and data.nbytes >= LARGE
    return stored and data.strides[0] < max(data.strides[1:])


def by_band_steps(data: RawPixels, cancelled: Callable[[], bool]) -> Steps[np.memmap | None]:
    """Copy the pixels of a file so that each band is in one piece.

    Parameters
    ----------
    data : RawPixels
        Shape (bands, y, x).
    cancelled : callable
        Asked between blocks of rows; where it says true, the job raises `CancelledError`.

    Yields
    ------
    Progress
        After each block.

    Returns
    -------
    numpy.memmap or None
        The copy; None where the disk has no room for it.
    """
    from platformdirs import user_cache_path

    bands, height, width = data.shape
    folder = user_cache_path("napari-dodn", appauthor=False, ensure_exists=True)
    if shutil.disk_usage(folder).free < data.nbytes + ROOM_LEFT:
        return None
    row_bytes = width * data.itemsize
    rows = math.ceil(BLOCK_BYTES / (bands * row_bytes))
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(data.nbytes)
        block = np.empty((bands, rows, width), data.dtype)
        for top in range(0, height, rows):
            stop_if(cancelled)
            part = data[:, top : top + rows]
            for row in range(part.shape[1]):  # of which each fits into the processor's cache
                block[:, row] = part[:, row]
            for band in range(bands):
                file.seek((band * height + top) * row_bytes)
                file.write(block[band, : part.shape[1]].data)
            yield Progress(top, height, "Copying band by band")
        file.flush()
        copy = np.memmap(file, data.dtype, "r", shape=data.shape)
    copy.filename = str(data.filename)  # whose pixels they are
    return copy
