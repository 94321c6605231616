"""Map coordinates of an image, as ENVI's map info gives them, and what else is true of one grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

PLACES = frozenset({"geo points", "rpc info", "modeltransformation", "modeltiepoint"})
"""Fields of ENVI headers and tags of GeoTIFF without which an image has no place on the map."""

SPATIAL_FIELDS = PLACES | {"x start", "y start", "pixel size"}
"""Those, and others that are true of one pixel grid only."""


def place_on_map(
    map_info: Sequence[str], other: Sequence[str], corner: tuple[float, float]
) -> tuple[float, float] | None:
    """Return where a corner of one image lies in another one, by their ENVI map infos.

    Parameters
    ----------
    map_info, other : sequence of str
        The map infos of the two images; see `HyperCube.map_info`.
    corner : tuple of float
        Row and column in the first image, 0 being the upper or left edge of its first pixel.

    Returns
    -------
    tuple of float or None
        Row and column in the other image, counted in the same way; None if the map infos have
        different frames or are rotated.
    """
    if not map_info or not other:
        return None
    frame = (map_info[0], *map_info[7:])
    place, grid = coordinates_of(map_info, corner), _grid(other)
    if place is None or grid is None or frame != (other[0], *other[7:]):
        return None
    x, y, east, north, wide, high = grid
    return (north - place[1]) / high + y - 1, (place[0] - east) / wide + x - 1


def coordinates_of(
    map_info: Sequence[str], corner: tuple[float, float]
) -> tuple[float, float] | None:
    """Return easting and northing of a corner of an image, by its ENVI map info.

    Parameters
    ----------
    map_info : sequence of str
        See `HyperCube.map_info`.
    corner : tuple of float
        Row and column, 0 being the upper or left edge of the first pixel.

    Returns
    -------
    tuple of float or None
        None if the map info gives no position or is rotated.
    """
    grid = _grid(map_info)
    if grid is None or any("rotation" in part.lower() for part in map_info):
        return None
    x, y, east, north, wide, high = grid
    return east + (corner[1] + 1 - x) * wide, north - (corner[0] + 1 - y) * high


def _grid(map_info: Sequence[str]) -> tuple[float, ...] | None:
    """Return reference pixel, its coordinates and pixel size, (x, y) each, if all are there."""
    try:
        grid = tuple(float(text) for text in map_info[1:7])
    except ValueError:
        return None
    return grid if len(grid) == 6 and all(map(isfinite, grid)) and all(grid[4:]) else None


def _reference_point(map_info: Sequence[str]) -> tuple[float, float] | None:
    try:
        return float(map_info[1]), float(map_info[2])
    except (IndexError, ValueError):
        return None


def moved(map_info: tuple[str, ...], rows: int, columns: int) -> tuple[str, ...]:
    """Move ENVI's reference pixel with the origin of the image."""
    point = _reference_point(map_info)
    if point is None:
        return map_info
    return (map_info[0], f"{point[0] - columns:.12g}", f"{point[1] - rows:.12g}", *map_info[3:])


def refined(map_info: tuple[str, ...], scale: int) -> tuple[str, ...]:
    """Adapt ENVI's reference pixel and pixel size to `scale` times as many pixels."""
    point = _reference_point(map_info)
    if point is None or len(map_info) < 7:
        return map_info
    x, y = ((value - 1) * scale + 1 for value in point)
    try:
        sizes = [f"{float(size) / scale:.12g}" for size in map_info[5:7]]
    except ValueError:
        return map_info
    return (map_info[0], f"{x:.12g}", f"{y:.12g}", *map_info[3:5], *sizes, *map_info[7:])


def of_any_grid(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that stay true of an image on another pixel grid."""
    return {key: value for key, value in metadata.items() if key.lower() not in SPATIAL_FIELDS}


def left_out_on_another_grid(metadata: Iterable[str]) -> list[str]:
    """Say which fields that tell the place of the pixels are not kept there, if any."""
    gone = [key for key in metadata if key.lower() in PLACES]
    return [f"Left out, since the grid of pixels is another: {', '.join(gone)}."] * bool(gone)
