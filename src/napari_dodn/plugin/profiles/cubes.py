"""The cubes of a viewer as the dock sees them: which there are, and which pixel lies where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.plugin.profiles.store import PALETTE
from napari_dodn.plugin.viewer.layers import LayerError, cube_from_layer, description_of, is_cube
from napari_dodn.plugin.viewer.overlap import pixel_at

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


class Pixel(NamedTuple):
    """A pixel of a cube layer."""

    layer: Layer
    cube: HyperCube
    y: int
    x: int


class Cubes:
    """Looks cubes up, and remembers what it has made of a layer as long as that stays the same.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._known: WeakKeyDictionary[Layer, tuple[Any, Any, HyperCube]]
        self._known = WeakKeyDictionary()
        self._numbers: WeakKeyDictionary[Layer, int] = WeakKeyDictionary()

    def layers(self) -> list[Layer]:
        """Return the layers of cubes, from the bottom up."""
        return [layer for layer in self._viewer.layers if self.cube(layer) is not None]

    def visible(self) -> list[Layer]:
        """Return those that are not switched off."""
        return [layer for layer in self.layers() if layer.visible]

    def current(self) -> Layer | None:
        """Return the cube that is selected, or the topmost that is not switched off."""
        active, visible = self._viewer.layers.selection.active, self.visible()
        return active if active in visible else visible[-1] if visible else None

    def cube(self, layer: Layer) -> HyperCube | None:
        """Return the cube of a layer, None where it is none or no longer fits its description."""
        if not is_cube(layer):
            return None
        # A description is replaced, never changed: by its identity it is known. napari fills the
        # same dict of metadata anew.
        data, description = layer.data, description_of(layer)
        if (known := self._known.get(layer)) is not None:
            seen, described, cube = known
            if seen is data and described is description and cube.name == layer.name:
                return cube
        try:
            cube = cube_from_layer(layer)
        except LayerError:
            return None
        self._known[layer] = data, description, cube
        return cube

    def at(self, world: Sequence[float]) -> list[Pixel]:
        """Return the pixels of all visible cubes at a place of the world.

        Parameters
        ----------
        world : sequence of float
            As of napari's cursor; only the last two coordinates count.
        """
        pixels = []
        for layer in self.visible():
            cube = self.cube(layer)
            if cube is not None and (place := pixel_within(layer, world)) is not None:
                pixels.append(Pixel(layer, cube, *place))
        return pixels

    def name(self, layer: Layer) -> str:
        """Return what tells a layer's curves from those of other cubes; empty where it is alone."""
        return layer.name if len(self.layers()) > 1 else ""

    def number(self, layer: Layer) -> int:
        """Return a small number that stays the layer's own as long as it lives."""
        if layer not in self._numbers:
            taken = set(self._numbers.values())
            self._numbers[layer] = next(n for n in range(len(taken) + 1) if n not in taken)
        return self._numbers[layer]

    def colour(self, layer: Layer) -> str:
        """Return the colour of a cube."""
        return PALETTE[self.number(layer) % len(PALETTE)]


def pixel_within(layer: Layer, world: Sequence[float]) -> tuple[int, int] | None:
    """Return the row and column of a cube layer at a place of the world, None outside of it."""
    if not np.isfinite(world[-2:]).all():
        return None
    y, x = pixel_at(layer, world)
    height, width = layer.data.shape[1:]
    return (y, x) if 0 <= y < height and 0 <= x < width else None
