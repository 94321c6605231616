"""napari-dodn gui: napari with the super-resolution panel and the files of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari


def launch(paths: Sequence[str]) -> None:
    """Open napari with the panel and some cubes; block until the window is closed.

    Parameters
    ----------
    paths : sequence of str
        Files and folders of any name; a fault of one is shown as a notification.
    """
    # PyTorch first: after Qt it may not find its DLLs on Windows, and loading it stops the window.
    import_module("torch")

    import napari
    from qtpy.QtCore import QTimer

    from napari_dodn.plugin.kit.panels import open_panel

    viewer = napari.Viewer()
    open_panel(viewer, "Super-resolution")
    # From within the event loop, so that questions and faults are shown.
    QTimer.singleShot(0, partial(add_cubes, viewer, paths))
    napari.run()


def add_cubes(viewer: napari.Viewer, paths: Sequence[str]) -> None:
    """Add the layers of cubes to a viewer, one by one; faults are shown as notifications."""
    from napari.layers import Layer

    from napari_dodn.plugin.manifest.readers import NOTHING, read_for_user

    for path in paths:
        layers = read_for_user(path)
        for layer in () if layers is NOTHING else layers:
            viewer.add_layer(Layer.create(*layer))
