"""Which pixels of one cube layer lie where on another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_dodn.cube import Region
from napari_dodn.errors import UserError

if TYPE_CHECKING:
    from napari.layers import Layer

TOLERANCE = 0.45
"""How far, in pixels of the source, the corners of a result may be off."""


class OverlapError(UserError):
    """Two layers of which one cannot have been made from the other."""


def pixel_at(layer: Layer, world: Sequence[float]) -> tuple[int, int]:
    """Return row and column of a cube layer's pixel at a place of the world, maybe outside of it.

    Parameters
    ----------
    layer : napari.layers.Layer
        Of a cube.
    world : sequence of float
        As of napari's cursor; only the last two coordinates count.
    """
    y, x = layer.world_to_data((0.0, *world[-2:]))[-2:]
    return int(np.floor(y + 0.5)), int(np.floor(x + 0.5))


def grid_on(result: Layer, source: Layer) -> tuple[int, Region | None]:
    """Return how many pixels a result has for each of its source, and the part that it covers.

    The place in the world decides; where that fits nothing, it is the sizes that do, if one is a
    multiple of the other.

    Returns
    -------
    scale : int
        At least 2.
    region : Region or None
        Of the source, in its pixels; None is all of it.

    Raises
    ------
    OverlapError
        If the result is no finer version of the source or of a part of it.
    """
    (height, width), (rows, columns) = result.data.shape[-2:], source.data.shape[-2:]
    whole = Region(0, rows, 0, columns)
    region = _place_on(result, source)
    scale = None if region is None else _multiple((height, width), region)
    if region is None or scale is None or region.within(rows, columns) != region:
        region, scale = whole, _multiple((height, width), whole)
    if scale is None:
        raise OverlapError(
            f"'{result.name}' is no finer version of '{source.name}'; choose a result and the cube"
            " that it was made from."
        )
    return scale, None if region == whole else region


def _place_on(result: Layer, source: Layer) -> Region | None:
    """Return the pixels of the source that a result lies on; None where it lies between them."""
    corners = np.array([(0.0, 0.0), result.data.shape[-2:]])
    on_source = np.array(
        [
            np.add(source.world_to_data(result.data_to_world((0.0, *(corner - 0.5))))[-2:], 0.5)
            for corner in corners
        ]
    )
    (y0, x0), (y1, x1) = edges = np.rint(on_source).astype(int)
    if np.abs(edges - on_source).max() > TOLERANCE:
        return None
    return Region(int(y0), int(y1), int(x0), int(x1))


def _multiple(shape: tuple[int, int], region: Region) -> int | None:
    """Return how many times as large as a region an image is; None where it is not, or once."""
    scale = shape[0] // max(region.shape[0], 1)
    exact = shape == (region.shape[0] * scale, region.shape[1] * scale)
    return scale if scale >= 2 and exact else None
