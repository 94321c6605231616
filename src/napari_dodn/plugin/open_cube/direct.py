"""A cube straight into a viewer, with one question at most: what `napari-dodn gui FILE` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Layer

from napari_dodn.plugin.readers import NOTHING, read_for_user

if TYPE_CHECKING:
    import napari


def add_cube(viewer: napari.Viewer, path: str, **options: str | None) -> None:
    """Add the layers of a cube to a viewer; a fault is shown as a notification."""
    layers = read_for_user(path, **options)
    if layers is not NOTHING:
        for layer in layers:
            viewer.add_layer(Layer.create(*layer))
