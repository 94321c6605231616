"""Work over a whole cube as a job, a block of rows at a time.

The pixels come in the cube's own quantity: its gain and offset are applied where they are not yet.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.jobs import Progress, Steps, stop_if

BLOCK_VALUES = 4 * 2**20
"""Values that are read at once."""


def quantity_of(
    cube: HyperCube, region: Region | None = None, bands: slice = slice(None)
) -> np.ndarray:
    """Return pixels as the quantity that they stand for, float64, NaN where invalid.

    Parameters
    ----------
    cube : HyperCube
        Its gain and offset are applied, unless `scaled` says that they are.
    region : Region, optional
        The part to read, and nothing beside it; the whole cube where left out.
    bands : slice
        The bands to read, and no others; all where left out.
    """
    place = (slice(None), slice(None)) if region is None else region.slices
    pixels = HyperCube(cube.data[(bands, *place)], nodata=cube.nodata).pixels()
    if not cube.scaled and cube.gain is not None:
        pixels *= cube.gain[bands, None, None]
    if not cube.scaled and cube.offset is not None:
        pixels += cube.offset[bands, None, None]
    return pixels


def each_block(
    shape: tuple[int, int, int],
    work: Callable[[Region], None],
    message: str,
    cancelled: Callable[[], bool],
    *,
    region: Region | None = None,
) -> Steps[None]:
    """Do something with each block of rows, yielding progress.

    Parameters
    ----------
    shape : tuple of int
        Bands, rows and columns; bands and columns decide how many rows are a block.
    work : callable
        Given a block's place.
    message : str
        For the progress.
    cancelled : callable
        Asked before each block; where it says true, the job raises `CancelledError`.
    region : Region, optional
        The part that the blocks fill; all rows and columns where left out.
    """
    bands, height, width = shape
    area = Region.whole(height, width) if region is None else region
    total, columns = area.shape
    rows = max(1, BLOCK_VALUES // (bands * columns))
    yield Progress(0, total, message)
    for y0 in range(area.y0, area.y1, rows):
        stop_if(cancelled)
        y1 = min(y0 + rows, area.y1)
        work(Region(y0, y1, area.x0, area.x1))
        yield Progress(y1 - area.y0, total, message)
