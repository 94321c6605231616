"""File > IO Utilities > Open a cube: any file or folder, and what decides between candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.types import FileDialogMode
from magicgui.widgets import Container, FileEdit, LineEdit, PushButton, RadioButtons
from napari.layers import Layer

from napari_dodn.plugin.readers import NOTHING, read_for_user

if TYPE_CHECKING:
    import napari

FILE, FOLDER = "file", "folder of band images"


class OpenCube(Container):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers go; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        self._viewer = napari_viewer
        self.kind = RadioButtons(label="Open a", choices=(FILE, FOLDER))
        self.kind.value = FILE
        self.path = FileEdit(label="Path", mode=FileDialogMode.EXISTING_FILE, nullable=True)
        self.dataset = LineEdit(
            label="Variable", tooltip="Its name, where a file holds several that could be the cube."
        )
        self.axes = LineEdit(
            label="Axes", tooltip="Order of the stored axes where it is not clear, for example yxb."
        )
        self.open_button = PushButton(text="Open")
        super().__init__(widgets=[self.kind, self.path, self.dataset, self.axes, self.open_button])
        self.kind.changed.connect(self._on_kind)
        self.open_button.clicked.connect(self.open)

    def _on_kind(self, kind: str) -> None:
        existing = FileDialogMode.EXISTING_DIRECTORY, FileDialogMode.EXISTING_FILE
        self.path.mode = existing[kind == FILE]

    def open(self) -> None:
        """Add the layers of the chosen cube."""
        if self.path.value is not None:
            options = {"dataset": self.dataset.value or None, "axes": self.axes.value or None}
            add_cube(self._viewer, str(self.path.value), **options)


def add_cube(viewer: napari.Viewer, path: str, **options: str | None) -> None:
    """Add the layers of a cube to a viewer; a fault is shown as a notification."""
    layers = read_for_user(path, **options)
    if layers is not NOTHING:
        for layer in layers:
            viewer.add_layer(Layer.create(*layer))
