"""Where a cube's layers lie: on the grid of its pixels, and over the layer it was made from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_dodn.cube import HyperCube, Region

if TYPE_CHECKING:
    from napari.layers import Layer

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]
"""A layer as napari's readers and writers pass it: pixels, attributes, type."""

PLACEMENT = ("scale", "translate", "rotate", "shear", "affine", "units")
"""Attributes of a layer that say where it lies."""


def grid_of(cube: HyperCube) -> tuple[tuple[float, float], str]:
    """Return the size of a pixel (y, x) and a unit that napari understands."""
    if cube.pixel_size is None or not cube.pixel_unit:
        return cube.pixel_size or (1.0, 1.0), "pixel"
    import pint

    y, x = (abs(float(side)) or 1.0 for side in cube.pixel_size)
    try:
        unit = pint.get_application_registry().parse_units(cube.pixel_unit)
        known = any(unit.is_compatible_with(kind) for kind in ("meter", "degree", "pixel"))
    except (pint.PintError, ValueError, TypeError):
        known = False
    # In a unit that nobody knows only the shape of a pixel means something.
    return ((y, x), str(unit)) if known else ((y / x, 1.0), "pixel")


def in_unit_of(layers: list[LayerData], others: Iterable[Layer]) -> list[LayerData]:
    """Return layers of a cube in the unit of length of other layers, if it can be converted.

    napari draws layers in several units on one scale, but takes a place in it for one in the unit
    of each layer, so that a click would land on another pixel.
    """
    import pint

    parse = pint.get_application_registry().parse_units
    unit = parse(layers[0][1]["units"][-1])
    there = (parse(str(other.units[-1])) for other in others)
    common = next((x for x in there if x.is_compatible_with(unit)), unit)
    if common == unit:
        return layers
    factor = (1.0 * unit).to(common).magnitude
    converted = []
    for data, attributes, kind in layers:
        factors = (1.0, factor, factor)[-len(attributes["scale"]) :]
        own = {key: tuple(np.multiply(attributes[key], factors)) for key in ("scale", "translate")}
        own["units"] = (*attributes["units"][:-2], str(common), str(common))
        converted.append((data, {**attributes, **own}, kind))
    return converted


def laid_over(
    layers: list[LayerData], source: Layer, scale: int, region: Region | None = None
) -> list[LayerData]:
    """Return layers of a cube on a finer grid, placed exactly over the layer that it came from.

    Parameters
    ----------
    layers : list of LayerData
        What `layer_data_from_cube` gives for the finer cube.
    source : Layer
        The layer that it was made from, wherever that has been moved, scaled or turned to.
    scale : int
        Pixels along y and x for each pixel of the source.
    region : Region, optional
        The part of the source, in its pixels, that the finer cube covers.
    """
    cube_scale = layers[0][1]["scale"]
    return [_over(layer, cube_scale, source, scale, region) for layer in layers]


def image_over(
    image: LayerData, source: Layer, scale: int, region: Region | None = None
) -> LayerData:
    """Return an image placed as `laid_over` does it.

    Its own scale is the size of its pixels in those of the finer cube.
    """
    return _over(image, (1.0, 1.0), source, scale, region)


def _over(
    layer: LayerData,
    cube_scale: tuple[float, ...],
    source: Layer,
    scale: int,
    region: Region | None,
) -> LayerData:
    from napari.utils.transforms import Affine

    data, attributes, kind = layer
    shear, affine = np.asarray(source.shear), source.affine.affine_matrix
    world = Affine(
        scale=source.scale, rotate=source.rotate, shear=shear, translate=source.translate
    )
    origin = (0, 0) if region is None else (region.y0, region.x0)
    own_scale = attributes["scale"]
    axes = slice(3 - len(own_scale), 3)
    # In pixels of the source; those of a thinned picture are several of the finer cube's.
    step = np.divide(own_scale[-2:], cube_scale[-2:]) / scale
    # napari counts from pixel centres, and the finer grid's corner lies on the source's.
    first_centre = world(np.array([0.0, *(origin - (1 - step) / 2)]))
    over = {
        "scale": tuple((source.scale * [1.0, *step])[axes]),
        "translate": tuple(first_centre[axes]),
        "rotate": source.rotate[axes, axes],
        "shear": shear[axes, axes] if shear.ndim == 2 else shear[-1:] if axes.start else shear,
        "affine": affine[axes.start :, axes.start :],
        "units": tuple(source.units)[axes],
    }
    return data, {**attributes, **over}, kind
