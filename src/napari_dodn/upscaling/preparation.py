"""Making pixels fit for the network: invalid values filled, bad bands bridged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import uniform_filter

from napari_dodn.cube import HyperCube, Region

FILL_RADIUS = 4
"""How far, in LR pixels, a valid value is carried into invalid ones."""

BLOCK_VALUES = 4 * 2**20
"""Values that are read at once to measure a cube."""

MOST_VALUES = 16 * 2**20
"""Values that are read at once so that a chunk is decoded once; of larger ones it is not."""


def blocks_of(cube: HyperCube) -> Iterator[np.ndarray]:
    """Yield the whole cube in blocks, as `HyperCube.pixels` gives them.

    A block is some rows; of a dask array all bands of a chunk, so that each is decoded once, or as
    many rows of them as memory should hold.
    """
    bands, height, width = cube.shape
    rows, columns = max(1, BLOCK_VALUES // (bands * width)), width
    if hasattr(cube.data, "dask"):
        _, rows, columns = cube.data.chunksize
        rows = max(1, min(rows, MOST_VALUES // (bands * columns)))
    for y0 in range(0, height, rows):
        for x0 in range(0, width, columns):
            yield cube.pixels(Region(y0, y0 + rows, x0, x0 + columns).within(height, width))


def fill_invalid(pixels: np.ndarray) -> np.ndarray:
    """Replace NaN in normalised (bands, y, x) pixels by means of valid neighbours in the band.

    The valid area grows by a pixel at a time, at most `FILL_RADIUS` times, so that a value depends
    on nothing farther away; what is still empty becomes 0, the band's mean.
    """
    valid = np.isfinite(pixels)
    if valid.all():
        return pixels
    filled = np.where(valid, pixels, 0.0)
    window = (1, 3, 3)
    for _ in range(FILL_RADIUS):
        if valid.all():
            break
        share = uniform_filter(valid.astype(np.float64), window, mode="constant")
        total = uniform_filter(filled, window, mode="constant")
        reached = ~valid & (share > 0.5 / 9)
        filled[reached] = (total[reached] / share[reached]).astype(filled.dtype)
        valid |= reached
    return filled


def bridge_bands(pixels: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Replace unusable bands of (bands, y, x) pixels by the line between usable neighbours."""
    if usable.all() or not usable.any():
        return pixels
    bands = np.arange(len(usable))
    good = bands[usable]
    right = np.clip(np.searchsorted(good, bands), 0, len(good) - 1)
    left = np.clip(right - 1, 0, None)
    low, high = good[left], good[right]
    weight = np.clip((bands - low) / np.maximum(high - low, 1), 0, 1)
    bridged = pixels.copy()
    for band in bands[~usable]:
        share = weight[band]
        bridged[band] = (1 - share) * pixels[low[band]] + share * pixels[high[band]]
    return bridged
