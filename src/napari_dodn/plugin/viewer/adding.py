"""Adds a cube and its picture to a viewer without holding the window for both at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_dodn.plugin.kit.session import real_viewer

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dodn.plugin.viewer.placing import LayerData


def add_in_turns(
    viewer: Viewer, layers: list[LayerData], then: Callable[[Layer | None], object]
) -> None:
    """Add the picture of a cube, let the window draw it, and add the cube below it.

    napari takes a fifth of a second for a layer and its controls. The picture comes first, since
    the cube alone would be seen in grey for a moment. Where others fail at what they are told of
    the layers, the cube comes all the same.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they are added.
    layers : list of LayerData
        The cube's and its picture's, as `layer_data_from_cube` gives them.
    then : callable
        Called with the layer of the cube; None where none could be made.
    """
    cube, picture = layers
    try:
        cover = Layer.create(*picture)
    except BaseException:
        then(None)
        raise

    def add_cube() -> None:
        place = viewer.layers.index(cover) if cover in viewer.layers else len(viewer.layers)
        layer = None
        try:
            layer = Layer.create(*cube)
            viewer.layers.insert(place, layer)
        finally:
            then(layer)
            if layer is None and cover in viewer.layers:
                viewer.layers.remove(cover)  # it is of no cube

    soon = QTimer(real_viewer(viewer).window._qt_window)  # with which it goes
    soon.setSingleShot(True)
    soon.timeout.connect(add_cube)
    soon.timeout.connect(soon.deleteLater)
    soon.start(0)
    viewer.add_layer(cover)
