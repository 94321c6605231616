"""Cutting a cube into pieces that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator

from napari_dodn.cube import Region

SMALLEST_TILE = 8
"""Below this side, in LR pixels, nearly all of a tile's work is its halo."""

LARGEST_TILE = 512

BAND_GROUP = 64
"""Bands that go through the network at once; more are done in groups with a halo of bands."""


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


def band_groups(bands: int, halo: int | None) -> Iterator[tuple[slice, slice]]:
    """Cut bands into groups; yield for each what to read and which part of that to keep.

    Without a limit to the halo, all bands are one group.
    """
    if halo is None:
        yield slice(0, bands), slice(0, bands)
        return
    count = max(1, -(-bands // BAND_GROUP))
    for i in range(count):
        first, last = bands * i // count, bands * (i + 1) // count
        low, high = max(0, first - halo), min(bands, last + halo)
        yield slice(low, high), slice(first - low, last - low)


def largest_side(budget: int, bytes_per_pixel: int) -> int:
    """Return the side of the largest square of pixels that fits a budget of bytes."""
    return int((budget / bytes_per_pixel) ** 0.5)


def bands_together(bands: int, halo: int | None) -> int:
    """Return how many bands the largest of the groups reads at most."""
    return bands if halo is None else min(bands, BAND_GROUP + 2 * halo)
