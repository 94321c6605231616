"""napari-dodn gui: napari with the super-resolution panel and the files of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module


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

    from napari_dodn.plugin.open_cube import add_cube

    viewer = napari.Viewer()
    viewer.window.add_plugin_dock_widget("napari-dodn", "Super-resolution")
    for path in paths:  # from within the event loop, so that questions and faults are shown
        QTimer.singleShot(0, partial(add_cube, viewer, path))
    napari.run()
