"""Which cubes there are in a viewer, which a person has in mind, and which is selected.

After layers of ours have come that is the cube, and not its picture: what a person does next with a
cube, saving above all, napari does with the selected layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QTimer

from napari_dodn.plugin.viewer.layers import cube_made_of, cube_of, is_cube, is_picture, picture_of
from napari_dodn.plugin.viewer.once import once_a_viewer

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

NO_CUBE = "Choose or open a cube first."
"""How to, the panels say above, with buttons."""


def cube_choices(viewer: Viewer) -> list[tuple[str, Layer]]:
    """Return the cubes of a viewer with their names, from the bottom up."""
    return [(layer.name, layer) for layer in viewer.layers if is_cube(layer)]


def selected_cube(viewer: Viewer) -> Layer | None:
    """Return the cube that is selected in the layer list, or whose picture or stack is."""
    active = viewer.layers.selection.active
    if active is None:
        return None
    cubes = [layer for _, layer in cube_choices(viewer)]
    pictured = (x for x in cubes if active in (x, picture_of(x, viewer.layers)))
    return next(pictured, cube_made_of(active, viewer.layers))


def cube_in_mind(viewer: Viewer) -> Layer | None:
    """Return the selected cube, else the topmost that can be seen, else any."""
    cubes = [layer for _, layer in reversed(cube_choices(viewer))]
    visible = [layer for layer in cubes if layer.visible]
    return selected_cube(viewer) or next(iter(visible + cubes), None)


@once_a_viewer
def select_cubes(viewer: Viewer) -> _Selector:
    """Select a cube when it has come with its picture; asking twice changes nothing."""
    return _Selector(viewer)


class _Selector:
    """Watches a viewer, without keeping it alive.

    napari selects each layer right after it has told of it, so the choice is made a moment later.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self._newest: Layer | None = None
        self._wanted: Layer | None = None
        viewer.layers.events.inserted.connect(self._on_inserted)

    def _on_inserted(self, event: Any) -> None:
        viewer, layer = self._viewer(), event.value
        if viewer is None or not (is_cube(layer) or is_picture(layer)):
            return
        selected = viewer.layers.selection.active
        if self._wanted is not None and selected is self._newest:
            selected = self._wanted
        wanted = cube_of(layer, viewer.layers) if is_picture(layer) else None
        if wanted is None and not layer.visible:
            wanted = selected  # what comes hidden is not what a person is about to work with
        self._newest, self._wanted = (None, None) if wanted is None else (layer, wanted)
        if wanted is not None:
            QTimer.singleShot(0, self._select)

    def _select(self) -> None:
        viewer, newest, wanted = self._viewer(), self._newest, self._wanted
        self._newest = self._wanted = None
        if viewer is None or wanted is None or wanted not in viewer.layers:
            return
        if viewer.layers.selection.active is newest:  # and nobody has selected another one
            viewer.layers.selection.active = wanted
