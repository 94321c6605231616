"""Memory that a cube no longer needs once its layer is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dodn.formats.pixels.cache import forget_kept
from napari_dodn.plugin.viewer.layers import is_cube
from napari_dodn.plugin.viewer.once import once_a_viewer

if TYPE_CHECKING:
    from napari import Viewer


@once_a_viewer
def let_go_with_layers(viewer: Viewer) -> None:
    """Forget the pixels that are kept of files when a cube is removed; twice changes nothing."""

    def on_removed(event: Any) -> None:
        if is_cube(event.value):
            forget_kept()

    viewer.layers.events.removed.connect(on_removed)
