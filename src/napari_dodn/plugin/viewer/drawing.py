"""The widget in which a viewer is drawn, and what becomes of the drawings of a layer that goes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.qt import QtViewer
from qtpy.QtWidgets import QApplication

from napari_dodn.errors import UserError
from napari_dodn.plugin.kit.session import real_viewer
from napari_dodn.plugin.viewer.once import once_a_viewer

if TYPE_CHECKING:
    from napari import Viewer


def view_of(viewer: Viewer) -> QtViewer:
    """Return the widget in which a viewer is drawn.

    Raises
    ------
    UserError
        If the viewer has no window.
    """
    own = real_viewer(viewer)
    for window in QApplication.topLevelWidgets():
        for view in window.findChildren(QtViewer):
            if view.viewer is own:
                return view
    raise UserError("The viewer has no window.")


@once_a_viewer
def draw_in_own_context(viewer: Viewer) -> None:
    """Have napari delete what it drew a layer with where it made it; twice changes nothing.

    When a layer goes, napari sends OpenGL commands to whatever context is current, mostly the one
    in which Qt puts the window together. Mesa's software drivers, which keep shaders by context,
    then take away a shader in use, and end the process where only one thing is left to draw. So
    the context of the canvas is made the current one before.
    """
    watched = ref(viewer)

    def on_removing(_: Any) -> None:
        there = watched()
        with suppress(UserError):  # without a window nothing is drawn
            if there is not None:
                view_of(there).canvas.native.makeCurrent()

    viewer.layers.events.removing.connect(on_removing)
