"""The sample of a cube that is measured, and what is bad in it. Without PyTorch, for panels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_dodn.bad_value_search import BadValueSearch
from napari_dodn.bad_values import BadCount
from napari_dodn.cube import HyperCube, Region
from napari_dodn.jobs import Progress, Steps, never, stop_if

SAMPLE_VALUES = 32 * 2**20
"""Values of a cube that are measured at most."""

SAMPLE_BLOCKS = 64
"""Blocks of rows that a sample is made of, spread evenly over the cube."""

LEAST_ROWS = 16
"""Rows of a block at least: what the estimate of the blur looks at."""

QUICK_VALUES = 4 * 2**20
"""Values of a cube at most that are looked at to say something of it at once."""


def sample_blocks(shape: tuple[int, int, int], most: int | None = None) -> list[Region]:
    """Return the blocks of a cube (bands, y, x) that are measured, fixed by its shape.

    The whole cube where it is small; else blocks of rows, or of parts of rows where these are very
    long, one at a random place in each of as many equal parts of the cube.

    Parameters
    ----------
    shape : tuple of int
        Bands, rows, columns.
    most : int, optional
        Values at most; `SAMPLE_VALUES` where left out.
    """
    most = SAMPLE_VALUES if most is None else most
    bands, height, width = shape
    if bands * height * width <= most:
        rows = max(LEAST_ROWS, -(-height // SAMPLE_BLOCKS))
        return [Region(y, min(y + rows, height), 0, width) for y in range(0, height, rows)]
    chance = np.random.default_rng((bands, height, width))
    pixels = max(1, most // bands)
    columns = min(width, max(LEAST_ROWS, pixels // (LEAST_ROWS * SAMPLE_BLOCKS)))
    columns = max(columns, min(width, 256))
    rows = min(height, LEAST_ROWS)
    count = max(1, min(SAMPLE_BLOCKS, pixels // (rows * columns), height // rows))
    rows = max(1, min(height // count, pixels // (count * columns)))
    blocks = []
    for i in range(count):
        first, last = height * i // count, height * (i + 1) // count - rows
        y, x = int(chance.integers(first, last + 1)), int(chance.integers(width - columns + 1))
        blocks.append(Region(y, y + rows, x, x + columns))
    return blocks


def remarks_on_values(
    cube: HyperCube, *, cancelled: Callable[[], bool] = never
) -> Steps[tuple[str, ...]]:
    """Look at a sample of a cube, and return what to know of its bad values, one sentence each.

    Parameters
    ----------
    cube : HyperCube
        At most `SAMPLE_VALUES` of its values are read, twice.
    cancelled : callable
        Asked between blocks; where it says true, the job raises `CancelledError`.
    """
    places = sample_blocks(cube.shape)
    search, count = BadValueSearch(cube.data.dtype), BadCount()
    for number, place in enumerate(places):
        yield Progress(number, 2 * len(places), f"Looking at {cube.name}")
        stop_if(cancelled)
        search.add(cube.pixels(place))
    found = search.result()
    for number, place in enumerate(places, start=len(places)):
        yield Progress(number, 2 * len(places), f"Looking at {cube.name}")
        stop_if(cancelled)
        count += found.count(cube.pixels(place))
    return found.sentences(count, bad_only=True)


def unstated_no_data(cube: HyperCube) -> tuple[str, ...]:
    """Say which values fill pixels without being the no-data value, one sentence each.

    Parameters
    ----------
    cube : HyperCube
        Of which at most `QUICK_VALUES` values are read.
    """
    search = BadValueSearch(cube.data.dtype)
    for place in sample_blocks(cube.shape, QUICK_VALUES):
        search.add(cube.pixels(place))
    stated = "no" if cube.nodata is None else "another"
    return tuple(
        f"{fill.in_words}, and {stated} no-data value is stated."
        for fill in search.result().fill_values
        if fill.kind != "told"
    )
