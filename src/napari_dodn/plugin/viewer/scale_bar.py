"""The bar that says how long a length is, for cubes whose pixels have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from napari_dodn.plugin.viewer.layers import is_cube
from napari_dodn.plugin.viewer.once import once_a_viewer

if TYPE_CHECKING:
    from napari import Viewer

NO_LENGTH = "pixel"


@once_a_viewer
def show_scale(viewer: Viewer) -> None:
    """Show the scale bar when a cube with a length comes; asking twice changes nothing."""
    watched = ref(viewer)

    def on_inserted(event: Any) -> None:
        there, layer = watched(), event.value
        if there is None or not is_cube(layer) or str(layer.units[-1]) == NO_LENGTH:
            return
        canvas = getattr(there, "canvas", None)  # napari 0.9 moved the overlays there
        bar = there.scale_bar if canvas is None else canvas.overlays.scale_bar
        first = sum(is_cube(other) for other in there.layers) == 1
        if first:  # whoever hides the bar does not want it back with each cube
            bar.visible = True

    viewer.layers.events.inserted.connect(on_inserted)
