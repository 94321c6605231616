"""Which pixels of one cube layer lie where on another one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dodn.cube import CROPPED, Region
from napari_dodn.errors import UserError
from napari_dodn.map_info import place_on_map
from napari_dodn.plugin.viewer.layers import description_in, description_of, is_cube
from napari_dodn.plugin.viewer.placing import LayerData, in_unit_of, laid_over
from napari_dodn.spectra.reduction import INTERPOLATED, SUPER_RESOLVED

if TYPE_CHECKING:
    from napari.layers import Layer

FINER = re.compile(rf"(?:{SUPER_RESOLVED}|{INTERPOLATED})(\d+)\b")
"""The step of a history that made a finer cube."""

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

    Map coordinates decide where both have them, else the place in the world; where the latter
    fits nothing, it is the sizes that do, if one is a multiple of the other.

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
    whole = Region.whole(rows, columns)
    region = _place_on(result, source)
    scale = None if region is None else _multiple((height, width), region)
    if region is None or scale is None or region.within(rows, columns) != region:
        on_map = _between(description_of(result), description_of(source), (0.0, 0.0)) is not None
        region, scale = whole, None if on_map else _multiple((height, width), whole)
    if scale is None:
        raise OverlapError(
            f"'{result.name}' is not a finer version of '{source.name}'; choose a result and the"
            " cube that it was made from."
        )
    return scale, None if region == whole else region


def _place_on(result: Layer, source: Layer) -> Region | None:
    """Return the pixels of the source that a result lies on; None where it lies between them."""
    corners = ((0.0, 0.0), result.data.shape[-2:])
    described = (description_of(result), description_of(source))
    by_map = [_between(*described, corner) for corner in corners]
    on_source = np.array(
        [_in_world(result, source, corner) for corner in corners] if None in by_map else by_map
    )
    (y0, x0), (y1, x1) = edges = np.rint(on_source).astype(int)
    if np.abs(edges - on_source).max() > TOLERANCE:
        return None
    return Region(int(y0), int(y1), int(x0), int(x1))


def _in_world(layer: Layer, other: Layer, corner: tuple[float, float]) -> np.ndarray:
    """Return where a corner between pixels of a layer lies between those of another one."""
    world = layer.data_to_world((0.0, *np.subtract(corner, 0.5)))
    return np.add(other.world_to_data(world)[-2:], 0.5)


def _between(
    here: Mapping[str, Any], there: Mapping[str, Any], corner: tuple[float, float]
) -> tuple[float, float] | None:
    own, other = (described.get("map_info") or () for described in (here, there))
    return place_on_map(own, other, corner)


def placed(layers: list[LayerData], others: Iterable[Layer]) -> list[LayerData]:
    """Return the layers of a cube that is opened, laid over a cube that they belong on, if any.

    They take on the unit of length of what is there. Where they lie map coordinates decide; without
    them a result lies on the cube that it was made from, as its history tells.

    Parameters
    ----------
    layers : list of LayerData
        As `layer_data_from_cube` gives them.
    others : iterable of Layer
        What is there.
    """
    there = list(others)
    layers = in_unit_of(layers, there)
    others = [layer for layer in there if is_cube(layer)]
    if len(description_in(layers).get("map_info") or ()):
        return _placed_by_map(layers, others)
    for other in reversed(others):
        made = _made_from(layers, other)
        if made is not None:
            return laid_over(layers, other, *made)
    return layers


def _made_from(layers: list[LayerData], source: Layer) -> tuple[int, Region | None] | None:
    """Return scale and part with which a cube was made from a layer, by its history; else None."""
    (pixels, _, _), *_ = layers
    history = [str(step) for step in description_in(layers).get("history") or ()]
    before = [str(step) for step in description_of(source).get("history") or ()]
    if history[: len(before)] != before or not 1 <= len(history) - len(before) <= 2:
        return None
    *cut, last = history[len(before) :]
    finer, region = FINER.match(last), None
    if finer is None:
        return None
    if cut:
        part = CROPPED.match(cut[0])
        if part is None:
            return None
        y0, y1, x0, x1 = map(int, part.groups())
        region = Region(y0, y1 + 1, x0, x1 + 1)
    bands, height, width = source.data.shape
    scale, inside = int(finer[1]), (region or Region.whole(height, width)).within(height, width)
    rows, columns = inside.shape
    fits = tuple(pixels.shape) == (bands, rows * scale, columns * scale)
    return (scale, region) if fits and inside == (region or inside) else None


def _placed_by_map(layers: list[LayerData], others: Iterable[Layer]) -> list[LayerData]:
    """Return layers laid over the first cube whose map info is of the same frame, if any."""
    (_, own, _), *_ = layers
    for other in others:
        here, there = description_in(layers), description_of(other)
        corner = _between(here, there, (0.0, 0.0))
        if corner is not None and here.get("pixel_unit") == there.get("pixel_unit"):
            world = other.data_to_world((0.0, *np.subtract(corner, 0.5)))[-2:]
            shift = np.add(world, np.multiply(own["scale"][-2:], 0.5)) - own["translate"][-2:]
            return [(data, _moved(attributes, shift), kind) for data, attributes, kind in layers]
    return layers


def _moved(attributes: dict[str, Any], shift: np.ndarray) -> dict[str, Any]:
    place = np.array(attributes["translate"], float)
    place[-2:] += shift[: len(place)]
    return {**attributes, "translate": tuple(place)}


def _multiple(shape: tuple[int, int], region: Region) -> int | None:
    """Return how many times as large as a region an image is; None where it is not, or once."""
    scale = shape[0] // max(region.shape[0], 1)
    exact = shape == (region.shape[0] * scale, region.shape[1] * scale)
    return scale if scale >= 2 and exact else None
