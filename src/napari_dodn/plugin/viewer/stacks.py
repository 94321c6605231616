"""Any stack of images in a viewer as a cube: what its axes are likely to be; making it one.

A cube whose axes were misunderstood is such a stack too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_dodn.cube import HyperCube
from napari_dodn.formats.axes import in_a_sentence, letters_of, spectral_axis, usual_axis
from napari_dodn.plugin.viewer.layers import cube_from_layer, describe_layer, is_cube

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

LABELS = {
    "b": {"b", "band", "bands", "c", "channel", "channels", "wavelength", "lambda", "spectral"},
    "y": {"y", "row", "rows", "line", "lines"},
    "x": {"x", "column", "columns", "sample", "samples"},
}
"""What the axes of a layer are called, in lower case."""

AS_LAYER = "byx"
"""The axes that the layer of a cube has."""

NO_UNIT = "pixel"


def is_stack(layer: Layer) -> bool:
    """Tell whether a layer is a cube, or could be made one."""
    single = isinstance(layer, Image) and not layer.multiscale
    return single and layer.ndim == 3 and not layer.rgb and len(layer.data.shape) == 3


def stacks(layers: Iterable[Layer]) -> list[Layer]:
    """Return the layers that are cubes or could be made one, the topmost first."""
    return [layer for layer in reversed(list(layers)) if is_stack(layer)]


def likely_axes(layer: Layer) -> tuple[str, str]:
    """Return the likely meaning of the axes of a stack, and why, as one sentence."""
    if is_cube(layer):
        return AS_LAYER, "The layer is a cube with these axes."
    labels = [str(label).casefold() for label in layer.axis_labels]
    letters = "".join(
        next((letter for letter, names in LABELS.items() if label in names), "?")
        for label in labels
    )
    if sorted(letters) == sorted(AS_LAYER):
        return letters, f"The layer calls its axes {', '.join(layer.axis_labels)}."
    shape = tuple(layer.data.shape)
    axis, why = spectral_axis(shape, otherwise=usual_axis(shape))
    return letters_of(axis), in_a_sentence(letters_of(axis), why)


def cube_of_stack(layer: Layer, axes: str) -> HyperCube:
    """Return the cube that a stack is with its axes understood so, without copying pixels.

    What is known of the layer's bands and places is kept as far as it is still true.

    Raises
    ------
    UserError
        If the pixels cannot be those of a cube.
    """
    order = _order(axes)
    known = cube_from_layer(layer) if is_cube(layer) else None
    data = _transposed(layer.data, order)
    if known is None:
        return HyperCube(data, name=layer.name, **_pixel_size(layer, order))
    if axes == AS_LAYER:
        return known
    if order[0] == 0:  # rows and columns are exchanged
        size = None if known.pixel_size is None else known.pixel_size[::-1]
        return known.derive(data, pixel_size=size, map_info=())
    kept = ("name", "nodata", "quantity", "source", "notes", "history", "metadata")
    return HyperCube(data, **{key: getattr(known, key) for key in kept})


def make_cube(layer: Layer, cube: HyperCube, axes: str, limits: tuple[float, float]) -> None:
    """Make a stack the layer of a cube, in place.

    Parameters
    ----------
    layer : Layer
        The stack.
    cube : HyperCube
        What `cube_of_stack` gave, maybe with another description.
    axes : str
        What it was given.
    limits : tuple of float
        Contrast limits, for a layer that is a cube no longer in the same way, or of other pixels.
    """
    order, was_cube = _order(axes), is_cube(layer)
    if was_cube and axes == AS_LAYER:
        if cube.data is not layer.data:  # reflectance of raw numbers
            layer.data = cube.data
            layer.contrast_limits_range = layer.contrast_limits = limits
        describe_layer(layer, cube)
        return
    scale, translate = layer.scale[order], layer.translate[order]
    units = [str(layer.units[place]) for place in order]
    if cube.data is not layer.data:
        layer.data = cube.data
    if axes != AS_LAYER:
        layer.rotate, layer.shear, layer.affine = np.eye(3), np.zeros(3), np.eye(4)
    describe_layer(layer, cube)
    # Bands have no place in the world: see the wavelength in the corner of the canvas.
    layer.scale, layer.translate = (1.0, *scale[1:]), (0.0, *translate[1:])
    layer.units, layer.axis_labels = (NO_UNIT, *units[1:]), ("band", "y", "x")
    layer.contrast_limits = limits


def _order(axes: str) -> list[int]:
    return [axes.index(axis) for axis in AS_LAYER]


def _transposed(data: Any, order: list[int]) -> Any:
    if order == sorted(order):
        return data
    if not hasattr(data, "transpose"):  # Zarr and HDF5 arrays
        import dask.array

        data = dask.array.from_array(data)
    return data.transpose(order)


def _pixel_size(layer: Layer, order: list[int]) -> dict[str, Any]:
    size = tuple(float(abs(layer.scale[place])) for place in order[1:])
    units = {str(layer.units[place]) for place in order[1:]}
    if len(units) > 1 or (units == {NO_UNIT} and size == (1.0, 1.0)):
        return {}
    return {"pixel_size": size, "pixel_unit": units.pop()}
