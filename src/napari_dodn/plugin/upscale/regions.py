"""Which part of a layer a person means: all, what is on the screen, or a rectangle drawn on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer, Shapes

from napari_dodn.cube import Region
from napari_dodn.errors import UserError

if TYPE_CHECKING:
    from napari import Viewer

WHOLE, VIEW, SHAPE = "whole layer", "current view", "drawn rectangle"
CHOICES = (WHOLE, VIEW, SHAPE)


LAYER, OUTLINE, OUTLINES_A_SIDE = "region", "#ffd400", 150
"""Name of the layer that is made to draw in, the colour of its outline, and its thinness."""


class RegionError(UserError):
    """A region that means nothing."""


def region_of(choice: str, viewer: Viewer, source: Layer) -> Region | None:
    """Return a choice as pixels of a cube layer, None where it is the whole.

    Raises
    ------
    RegionError
        If nothing is drawn, or no part of the source is meant.
    """
    if choice == WHOLE:
        return None
    region = _in_view(viewer, source) if choice == VIEW else _drawn(viewer, source)
    region = region.within(*source.data.shape[1:])
    if 0 in region.shape:
        where = "current view" if choice == VIEW else "rectangle"
        raise RegionError(f"No part of '{source.name}' is in the {where}.")
    return region


def offer_rectangle(viewer: Viewer, source: Layer) -> None:
    """Make a layer to draw the region in, its tool in hand, unless a shape already exists."""
    if any(isinstance(x, Shapes) and x.visible and x.nshapes for x in viewer.layers):
        return
    empty = [x for x in viewer.layers if isinstance(x, Shapes) and x.name == LAYER]
    axes = slice(1, 3)
    layer = empty[0] if empty else Shapes(ndim=2, name=LAYER)
    layer.scale, layer.translate = source.scale[axes], source.translate[axes]
    layer.units = tuple(source.units)[axes]
    layer.axis_labels = tuple(source.axis_labels)[axes]
    layer.current_edge_color, layer.current_face_color = OUTLINE, "transparent"
    layer.current_edge_width = max(source.data.shape[1:]) / OUTLINES_A_SIDE
    if not empty:
        viewer.add_layer(layer)
    layer.visible = True
    layer.mode = "add_rectangle"
    viewer.layers.selection.active = layer


def lay_rectangle_on_top(viewer: Viewer) -> None:
    """Bring the outline of the region over a result, which would leave stray lines of it."""
    layers = viewer.layers
    drawn = next((x for x in layers if isinstance(x, Shapes) and x.name == LAYER), None)
    if drawn is not None:
        layers.move(layers.index(drawn), len(layers))


def _in_view(viewer: Viewer, source: Layer) -> Region:
    if tuple(viewer.dims.displayed) != (viewer.dims.ndim - 2, viewer.dims.ndim - 1):
        raise RegionError("The current view can be a region only while y and x are on the screen.")
    (y0, x0), (y1, x1) = source.corner_pixels[:, -2:].tolist()
    if y0 == y1 or x0 == x1:  # napari moves corners that lie outside onto the layer's edge
        return Region(0, 0, 0, 0)
    return Region(y0, y1 + 1, x0, x1 + 1)


def _drawn(viewer: Viewer, source: Layer) -> Region:
    """Return the rectangle around the selected shape, or around the one drawn last."""
    drawn = [x for x in viewer.layers if isinstance(x, Shapes) and x.visible and x.nshapes]
    if not any(isinstance(x, Shapes) and x.visible for x in viewer.layers):
        raise RegionError(f"There is no layer to draw in; choose '{SHAPE}' again.")
    if not drawn:
        raise RegionError("Draw a rectangle on the image: press, drag, release.")
    active = viewer.layers.selection.active
    shapes = active if active in drawn else drawn[-1]
    corners = _in_pixels_of(source, shapes, _chosen(shapes))
    # Every pixel that is touched; napari counts from pixel centres.
    y0, x0 = np.floor(corners.min(axis=0) + 0.5).astype(int).tolist()
    y1, x1 = np.ceil(corners.max(axis=0) + 0.5).astype(int).tolist()
    return Region(y0, max(y1, y0 + 1), x0, max(x1, x0 + 1))


def _chosen(shapes: Shapes) -> np.ndarray:
    selected = sorted(shapes.selected_data)
    return shapes.data[selected[-1] if selected else -1]


def _in_pixels_of(source: Layer, shapes: Shapes, vertices: np.ndarray) -> np.ndarray:
    """Return the (n, 2) positions of a shape's vertices in (y, x) pixels of the source."""
    positions = []
    for vertex in vertices:
        y, x = shapes.data_to_world(vertex)[-2:]
        positions.append(source.world_to_data((0.0, y, x))[-2:])
    return np.array(positions)


def numbered(layers: list[Any], present: Iterable[Layer]) -> list[Any]:
    """Return the layers of a region's result with a number that no other region's has."""
    name = layers[0][1]["name"]
    names, number = {layer.name for layer in present}, 1
    while names & set(called := [_of_region(own["name"], name, number) for _, own, _ in layers]):
        number += 1
    return [
        (data, {**own, "name": new}, kind)
        for (data, own, kind), new in zip(layers, called, strict=True)
    ]


def _of_region(layer: str, cube: str, number: int) -> str:
    return layer.replace(cube, f"{cube} · region {number}", 1)
