"""Which cubes there are in a viewer, and which of them a person has in mind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dodn.plugin.viewer.layers import cube_made_of, is_cube, picture_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

NO_CUBE = "Open a hyperspectral cube first: File > Open, or File > Open Sample."


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
