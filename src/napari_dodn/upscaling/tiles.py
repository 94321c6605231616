"""Cutting a cube into pieces that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from napari_dodn.cube import Region

SMALLEST_TILE = 8
"""Below this side, in LR pixels, nearly all of a tile's work is its halo."""

LARGEST_TILE = 512


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


def largest_side(budget: int, bytes_per_pixel: int) -> int:
    """Return the side of the largest square of pixels that fits a budget of bytes."""
    return int((budget / bytes_per_pixel) ** 0.5)
