"""Follows the layers of a viewer, so that panels need not each do it for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psygnal
from napari.layers import Image, Points, Shapes

from napari_dodn.plugin.viewer.layers import is_cube, is_picture, may_be_cube

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


class LayerWatch:
    """Tells when layers come, go, move or are changed.

    `listed` is emitted when the layer list is another one, or a name in it; `changed` with a layer
    whose metadata, or one of whose watched properties, are others, and with a cube, or what could
    be made one, that was given other pixels; `painted` with such a one that is the picture of a
    cube, which may be painted anew many times a second; `marked` with a layer of points or shapes
    whose places or features are others.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are followed.
    *properties : str
        Of layers, to be watched beside their metadata.
    """

    listed = psygnal.Signal()
    changed = psygnal.Signal(object)
    painted = psygnal.Signal(object)
    marked = psygnal.Signal(object)

    def __init__(self, viewer: Viewer, *properties: str) -> None:
        self._layers = viewer.layers
        self._properties = ("metadata", *properties)
        self._watched: set[Layer] = set()
        for event in self._list_events():
            event.connect(self._on_list)
        self._follow(set(self._layers))

    def close(self) -> None:
        """Follow no layer any more."""
        for event in self._list_events():
            event.disconnect(self._on_list)
        self._follow(set())

    def _list_events(self) -> list[Any]:
        events = self._layers.events
        return [events.inserted, events.removed, events.reordered, events.renamed]

    def _follow(self, layers: set[Layer]) -> None:
        for layer in layers - self._watched:
            for name in self._properties:
                getattr(layer.events, name).connect(self._on_layer)
            for event in _mark_events(layer):
                event.connect(self._on_marks)
            for event in _pixel_events(layer):
                event.connect(self._on_pixels)
        for layer in self._watched - layers:
            for name in self._properties:
                getattr(layer.events, name).disconnect(self._on_layer)
            for event in _mark_events(layer):
                event.disconnect(self._on_marks)
            for event in _pixel_events(layer):
                event.disconnect(self._on_pixels)
        self._watched = layers

    def _on_list(self, _: Any = None) -> None:
        self._follow(set(self._layers))
        self.listed.emit()

    def _on_layer(self, event: Any) -> None:
        layer = event.source
        (self.painted if is_picture(layer) else self.changed).emit(layer)

    def _on_pixels(self, event: Any) -> None:
        if is_cube(event.source) or may_be_cube(event.source):
            self.changed.emit(event.source)

    def _on_marks(self, event: Any) -> None:
        self.marked.emit(event.source)


def _mark_events(layer: Layer) -> list[Any]:
    marks = isinstance(layer, Points | Shapes)
    return [layer.events.data, layer.events.features] if marks else []


def _pixel_events(layer: Layer) -> list[Any]:
    return [layer.events.data] if isinstance(layer, Image) else []
