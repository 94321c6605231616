"""Layers that did not come from our readers: which axis is spectral, and the cube they become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.axes import letters_of
from napari_dodn.plugin.viewer.layers import remember_axis, remembered_axis, said_elsewhere
from napari_dodn.plugin.viewer.stacks import LABELS, cube_of_stack, is_stack, likely_axes, make_cube
from napari_dodn.spectra.units import WAVENUMBER, infer_unit, to_nanometres

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Layer

WAVELENGTH_KEYS = ("wavelengths", "wavelength", "lambda", "wavenumbers", "wavenumber")
"""Under which other plugins keep the band centres in a layer's metadata."""


def proposed_axis(layer: Image) -> tuple[int, str]:
    """Return which axis of a layer may be spectral, and why, as a sentence."""
    said = remembered_axis(layer)
    if said is not None and said < layer.ndim:
        return said, f"Axis {said + 1} was chosen before."
    if is_stack(layer):
        axes, why = likely_axes(layer)
        return axes.index("b"), why
    for axis, label in enumerate(layer.axis_labels):
        if label.casefold() in LABELS["b"]:
            return axis, f"Axis {axis + 1} is called '{label}'."
    return layer.ndim - 3, f"Axis {layer.ndim - 2} comes before rows and columns."


def shape_of(layer: Image) -> tuple[int, ...]:
    """Return the lengths of a layer's axes, of the finest level where there are several."""
    return tuple(_pixels(layer).shape)


def adopt(viewer: Viewer, layer: Image, axis: int) -> Layer:
    """Make the layer of a cube from somebody else's, and select it.

    A layer with three axes becomes one itself. With more axes, or several levels of resolution,
    what is on the screen along the others is taken, at the finest level, for a new layer; the
    pixels are shared, and the old layer is switched off.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is.
    layer : napari.layers.Image
        At least three-dimensional.
    axis : int
        The spectral one.

    Raises
    ------
    UserError
        If its pixels cannot be a cube.
    """
    if is_stack(layer):
        made, spectral = layer, axis
    else:
        kept = sorted([axis, *[other for other in range(layer.ndim) if other != axis][-2:]])
        made, spectral = _on_screen(viewer, layer, kept), kept.index(axis)
    axes = letters_of(spectral)
    cube = _with_wavelengths(cube_of_stack(made, axes), layer)
    note = f"Axis {axis + 1} of the layer '{layer.name}' was chosen as the spectral axis."
    low, high = made.contrast_limits
    make_cube(made, cube.derive(notes=(*cube.notes, note)), axes, (low, high))
    if made is not layer:
        remember_axis(layer, axis, made)
        viewer.layers.insert(viewer.layers.index(layer) + 1, made)
        layer.visible = False
    viewer.dims.order = tuple(range(viewer.dims.ndim))
    viewer.layers.selection.active = made
    return made


def _pixels(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _on_screen(viewer: Viewer, layer: Image, kept: Sequence[int]) -> Image:
    """Return a layer of three axes of another one, at the place of the sliders along the rest."""
    from napari.layers import Image

    place = np.rint(layer.world_to_data(viewer.dims.point[-layer.ndim :])).astype(int)
    place = np.clip(place, 0, np.array(shape_of(layer)) - 1)
    corner = np.where(np.isin(np.arange(layer.ndim), kept), 0, place)
    index = tuple(slice(None) if axis in kept else int(place[axis]) for axis in range(layer.ndim))
    pixels = _pixels(layer)
    if not isinstance(pixels, np.ndarray):  # slicing must not read them
        import dask.array as da

        pixels = da.asarray(pixels)
    origin = np.asarray(layer.data_to_world(corner))
    steps = np.eye(layer.ndim)[kept]
    world = np.array([layer.data_to_world(corner + step) - origin for step in steps]).T[kept]
    straight = np.allclose(world, np.diag(np.diag(world)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = world, origin[kept]
    return Image(
        pixels[index],
        name=f"{layer.name} (cube)",
        rgb=False,
        contrast_limits=layer.contrast_limits,
        colormap=layer.colormap,
        units=[layer.units[axis] for axis in kept],
        axis_labels=[layer.axis_labels[axis] for axis in kept],
        **(
            {"scale": np.diag(world), "translate": origin[kept]} if straight else {"affine": affine}
        ),
    )


def _with_wavelengths(cube: HyperCube, layer: Layer) -> HyperCube:
    """Return a cube with the wavelengths that a layer's metadata have, if any, in nanometres."""
    found = {key.casefold(): value for key, value in said_elsewhere(layer).items()}
    for key in WAVELENGTH_KEYS:
        try:
            centres = np.asarray(found.get(key), dtype=np.float64)
        except (TypeError, ValueError):
            continue
        unit = infer_unit(centres) if centres.shape == (cube.bands,) else None
        if unit is not None:
            unit = WAVENUMBER if key.startswith("wavenumber") else unit
            return cube.derive(wavelengths=to_nanometres(centres, unit))
    return cube
