"""Cutting a cube into tiles that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch

from napari_dodn.cube import Region
from napari_dodn.upscaling.devices import CPU_BUDGET, UpscaleError, memory_budget

UPSCALING = "Super-resolving"
"""What the progress over tiles is called."""

SMALLEST_TILE = 8
"""Below this side, in LR pixels, nearly all of a tile's work is its halo."""

LARGEST_TILE = 512

RESULT_BUDGET = 2**28
"""Bytes of some bands of a tile's result, which are put together and written at once."""

RESULT_BYTES = 4
"""Bytes for each value of a tile's result, in float32."""

PIXEL_BYTES = 7
"""Bytes for each value of a tile that the machine holds meanwhile: float32, and what is valid."""


def tiles_of(region: Region, side: int, unit: int = 1) -> Iterator[Region]:
    """Cut a region into tiles of at most side × side pixels, of nearly equal size.

    They meet at multiples of a unit from its corner, where the side is not less than that.
    """
    rows, columns = (_edges(length, side, unit) for length in region.shape)
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            yield Region(region.y0 + top, region.y0 + bottom, region.x0 + left, region.x0 + right)


def _edges(length: int, side: int, unit: int) -> list[int]:
    """Return where the tiles along an axis begin, and where the last one ends."""
    unit = unit if unit <= side else 1
    units = -(-length // unit)
    count = max(1, -(-units // (side // unit)))
    return [min(length, unit * (units * i // count)) for i in range(count + 1)]


def told_side(tile: int | str, unit: int = 1) -> int | None:
    """Return the given side of a tile; None if the best one is to be found.

    Raises
    ------
    UpscaleError
        If it is no side, or not a multiple of the unit.
    """
    if tile == "auto":
        return None
    if not isinstance(tile, (int, np.integer)) or tile < 1:
        raise UpscaleError(f"A tile is 'auto' or a number of pixels above 0, not {tile!r}.")
    if tile % unit:
        raise UpscaleError(
            f"With several processes the side of a tile is a multiple of {unit} pixels here, not"
            f" {tile}."
        )
    return int(tile)


def best_side(
    bands: int,
    depth: int,
    scale: int,
    halo: int,
    features: int,
    device: torch.device,
    unit: int = 1,
) -> int:
    """Return the side of the largest tile that fits the memory, in LR pixels.

    Parameters
    ----------
    bands, depth : int
        Those of the cube, and of the result that are in memory at once.
    scale, halo : int
        Upsampling factor, and LR pixels around a tile that are seen.
    features : int
        Bytes that a network needs for an LR pixel.
    device : torch.device
        Where the network runs.
    unit : int
        What the side is a multiple of, where it is not below.
    """
    pixels = bands * PIXEL_BYTES
    if device.type == "cpu":
        seen = _largest_side(CPU_BUDGET, pixels + features)
    else:
        seen = _largest_side(memory_budget(device), max(features, 1))
        seen = min(seen, _largest_side(CPU_BUDGET, pixels))
    side = _largest_side(RESULT_BUDGET, depth * RESULT_BYTES * scale**2)
    side = max(min(side, seen - 2 * halo, LARGEST_TILE), SMALLEST_TILE)
    return side - side % unit if side > unit else side


def _largest_side(budget: int, bytes_per_pixel: int) -> int:
    """Return the side of the largest square of pixels that fits a budget of bytes."""
    return int((budget / bytes_per_pixel) ** 0.5)
