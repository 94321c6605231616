"""The line in the corner of the canvas that says which wavelength is on the screen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari_dodn.plugin.viewer.bands import COLOURS_KEY, cube_on_screen
from napari_dodn.plugin.viewer.layers import description_of, is_map, is_picture
from napari_dodn.wording import rounded

if TYPE_CHECKING:
    from napari import Viewer
    from napari.components import ViewerModel
    from napari.components.overlays import TextOverlay
    from napari.layers import Layer

POSITION = "top_left"


def label_wavelengths(viewer: Viewer) -> None:
    """Keep the wavelength of the current band on a canvas; asked again, it is written anew."""
    if viewer in _labels:
        _labels[viewer].update()
    else:
        _labels[viewer] = WavelengthLabel(viewer)


def wavelength_line(viewer: Viewer) -> str:
    """Return what to say of the cube on the screen; empty where none is shown band by band."""
    layer = cube_on_screen(viewer)
    if layer is None or viewer.dims.ndim - 3 in viewer.dims.displayed:
        return ""
    bands = layer.data.shape[0]
    band = round(float(layer.world_to_data(viewer.dims.point[-3:])[0]))
    if not 0 <= band < bands:
        return ""
    wavelength, number = wavelength_of(layer, band), f"band {band + 1} of {bands}"
    shown = number if wavelength is None else f"{rounded(wavelength)} nm"
    above = list(viewer.layers)[viewer.layers.index(layer) + 1 :]  # a slice is a slow new LayerList
    covering = [x for x in above if x.visible and x.opacity == 1 and (is_picture(x) or is_map(x))]
    if covering and is_map(covering[-1]):
        return str(covering[-1].name)
    if covering:
        # As short as it can be: where views stand side by side there is little room.
        return f"colours · {COLOURS_KEY.replace('-', '+')}: {shown}"
    return number if wavelength is None else f"{shown} · {number}"


class WavelengthLabel:
    """Watches a viewer, without keeping it alive, and writes its text overlay."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self._written = ""
        for events in (
            viewer.dims.events.point,
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
            viewer.layers.events.inserted,
            viewer.layers.events.removed,
            viewer.layers.events.reordered,
            viewer.layers.selection.events.changed,
        ):
            events.connect(self.update)
        # Not to each layer: napari's status bar connects to layers in another thread meanwhile.
        viewer.layers.events.connect(self._on_layer)
        self.update()

    def _on_layer(self, event: Any) -> None:
        if event.type in ("visible", "opacity"):
            self.update()

    def update(self, event: Any = None) -> None:
        """Write the line anew; a text that somebody else has put there is left alone."""
        viewer = self._viewer()
        if viewer is None:
            return
        overlay, line = text_overlay(viewer), wavelength_line(viewer)
        if overlay.text in ("", self._written):
            overlay.text, overlay.position, overlay.visible = line, POSITION, bool(line)
            self._written = line


def text_overlay(viewer: Viewer | ViewerModel) -> TextOverlay:
    """Return the text over a viewer's canvas."""
    canvas = getattr(viewer, "canvas", None)  # napari 0.9 moved the overlays there
    return viewer.text_overlay if canvas is None else canvas.overlays.text


def wavelength_of(layer: Layer, band: int) -> float | None:
    """Return the wavelength of a cube layer's band in nanometres, None where it is not known."""
    wavelengths = description_of(layer).get("wavelengths")
    if not wavelengths or not 0 <= band < len(wavelengths):
        return None
    wavelength = float(wavelengths[band])
    return wavelength if math.isfinite(wavelength) else None


_labels: WeakKeyDictionary[Viewer, WavelengthLabel] = WeakKeyDictionary()
