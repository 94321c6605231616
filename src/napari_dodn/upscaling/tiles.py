"""Cutting a cube into pieces that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator

from napari_dodn.cube import Region

SMALLEST_TILE = 8
"""Below this side, in LR pixels, nearly all of a tile's work is its halo."""

LARGEST_TILE = 512


def tiles_of(region: Region, side: int) -> Iterator[Region]:
    """Cut a region into tiles of at most side × side pixels, of nearly equal size."""
    rows, columns = (max(1, -(-length // side)) for length in region.shape)
    height, width = region.shape
    for i in range(rows):
        for j in range(columns):
            yield Region(
                region.y0 + height * i // rows,
                region.y0 + height * (i + 1) // rows,
                region.x0 + width * j // columns,
                region.x0 + width * (j + 1) // columns,
            )


def largest_side(budget: int, bytes_per_pixel: int) -> int:
    """Return the side of the largest square of pixels that fits a budget of bytes."""
    return int((budget / bytes_per_pixel) ** 0.5)
