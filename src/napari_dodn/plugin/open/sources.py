"""Where a cube may come from, a file or an open layer. Nothing here knows widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from napari.layers import Layer

from napari_dodn.cube import HyperCube
from napari_dodn.formats import Candidate, contents, read
from napari_dodn.plugin.viewer.contrast import contrast_limits
from napari_dodn.plugin.viewer.layers import is_cube, layer_data_from_cube, picture_of
from napari_dodn.plugin.viewer.overlap import placed
from napari_dodn.plugin.viewer.pictures import Painter, rendering_alike
from napari_dodn.plugin.viewer.placing import PLACEMENT
from napari_dodn.plugin.viewer.stacks import cube_of_stack, likely_axes, make_cube
from napari_dodn.wording import counted, rounded

if TYPE_CHECKING:
    from napari import Viewer

Put = Callable[["Viewer", Painter], str]
"""Shows a cube in a viewer, and returns a sentence about it."""

READ_FROM_LAYER = ("scale", "units", "axis_labels")
"""Properties of a layer, beside its pixels and metadata, that a cube is read from."""

WORDS = {"y": "rows", "x": "columns", "b": "bands", "p": "pixels"}


class Field(StrEnum):
    """What is asked; a fault is shown where its field is."""

    SOURCE = "source"
    AXES = "axes"
    WAVELENGTHS = "wavelengths"
    NO_DATA = "no data"
    REFERENCES = "references"


@dataclass(frozen=True)
class Fault:
    """Why something cannot be had, and which field has to change."""

    field: Field
    sentence: str


class Source(Protocol):
    """What cubes can be had from."""

    @property
    def name(self) -> str:
        """What to call it on screen."""

    def contents(self) -> list[Candidate]:
        """Return what may be the cube; raise UserError where nothing may."""

    def read(self, candidate: Candidate, axes: str) -> HyperCube:
        """Return the cube with the axes understood so; raise UserError where that cannot be."""

    def prepare(self, cube: HyperCube, axes: str) -> Put:
        """Do what takes time to show a cube; what is left is for the window's thread."""


@dataclass(frozen=True)
class FileSource:
    """A file or a folder."""

    path: Path

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.path.name

    def contents(self) -> list[Candidate]:
        """Return what is in it."""
        return contents(self.path)

    def read(self, candidate: Candidate, axes: str) -> HyperCube:
        """Open one of the cubes in it."""
        chosen = None if axes == candidate.axes else axes
        return read(self.path, dataset=candidate.name, axes=chosen)

    def prepare(self, cube: HyperCube, axes: str) -> Put:
        """Make new layers, for which their first bands are read."""
        made = layer_data_from_cube(cube)
        layers = [Layer.create(*data) for data in made]

        def put(viewer: Viewer, painter: Painter) -> str:
            laid = placed(made, viewer.layers)
            for layer, (_, attributes, _) in zip(layers, laid, strict=True):
                for name in PLACEMENT:
                    if name in attributes:
                        setattr(layer, name, attributes[name])
                viewer.add_layer(layer)
            layer = layers[0]
            return f"Opened as '{layer.name}'."

        return put


@dataclass(frozen=True)
class LayerSource:
    """A stack of images in the viewer, which becomes a cube in place."""

    layer: Layer

    @property
    def name(self) -> str:
        """That of the layer."""
        return str(self.layer.name)

    def contents(self) -> list[Candidate]:
        """Return the layer."""
        axes, reason = likely_axes(self.layer)
        data = self.layer.data
        return [Candidate(self.name, tuple(data.shape), str(data.dtype), axes, reason)]

    def read(self, candidate: Candidate, axes: str) -> HyperCube:
        """Return the layer as a cube."""
        return cube_of_stack(self.layer, axes)

    def prepare(self, cube: HyperCube, axes: str) -> Put:
        """Choose the contrast; the painter makes the picture."""
        limits = contrast_limits(cube)

        def put(viewer: Viewer, painter: Painter) -> str:
            if self.layer not in viewer.layers:
                return f"The layer '{self.name}' no longer exists."
            picture = picture_of(self.layer, viewer.layers) if is_cube(self.layer) else None
            is_calibrated = cube.data.dtype != self.layer.data.dtype
            make_cube(self.layer, cube, axes, limits)
            painter.paint(self.layer, replace(rendering_alike(cube, picture), levels=()))
            now = " is reflectance now and" if is_calibrated else " now"
            return f"'{self.name}'{now} has these axes and wavelengths."

        return put


def orders(candidate: Candidate) -> list[str]:
    """Return the axis orders that a candidate may have, the proposed one first."""
    if candidate.fixed or sorted(candidate.axes) != ["b", "x", "y"]:
        return [candidate.axes]
    others = ("".join(order) for order in permutations("yxb"))
    return list(dict.fromkeys((candidate.axes, *others)))


def order_in_words(candidate: Candidate, axes: str) -> str:
    """Return a text such as "100 rows, 90 columns, 31 bands"."""
    return ", ".join(
        f"{length} {WORDS[axis]}" for length, axis in zip(candidate.shape, axes, strict=True)
    )


def cube_in_words(cube: HyperCube) -> str:
    """Return bands, wavelengths and size of a cube as a sentence."""
    bands, height, width = cube.shape
    known = cube.wavelengths
    if known is None:
        spectrum = "without wavelengths"
    else:
        spectrum = f"of {rounded(np.nanmin(known))} – {rounded(np.nanmax(known))} nm"
    size = f"{height} × {width} pixels ({cube.data.dtype})"
    return f"{counted(bands, 'band')} {spectrum}, {size}."
