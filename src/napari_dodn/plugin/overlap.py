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

    Sizes decide where one is a multiple of the other; else it is the place in the world that does.

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
    scale = height // rows
    if scale >= 2 and (height, width) == (rows * scale, columns * scale):
        return scale, None
    corners = np.array([(0.0, 0.0), (height, width)])
    on_source = np.array(
        [
            np.add(source.world_to_data(result.data_to_world((0.0, *(corner - 0.5))))[-2:], 0.5)
            for corner in corners
        ]
    )
    (y0, x0), (y1, x1) = edges = np.rint(on_source).astype(int)
    region = Region(int(y0), int(y1), int(x0), int(x1))
    scale = height // max(region.shape[0], 1)
    fits = (
        scale >= 2
        and (height, width) == (region.shape[0] * scale, region.shape[1] * scale)
        and region.within(rows, columns) == region
        and np.abs(edges - on_source).max() <= TOLERANCE
    )
    if not fits:
        raise OverlapError(
            f"'{result.name}' is no finer version of '{source.name}'; choose a result and the cube"
            " that it was made from."
        )
    return scale, region
