"""Thumbnails of layers that come hidden, which napari leaves black until they are shown."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dodn.plugin.viewer.layers import cube_from_layer, is_cube, is_draft, is_picture
from napari_dodn.plugin.viewer.once import once_a_viewer
from napari_dodn.spectra.shown_bands import first_band

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

SIDE = 32
"""Pixels of napari's thumbnails."""


@once_a_viewer
def give_thumbnails(viewer: Viewer) -> None:
    """Give each cube and picture that comes hidden a thumbnail; asking twice changes nothing."""
    viewer.layers.events.inserted.connect(_on_inserted)


def _on_inserted(event: Any) -> None:
    layer: Layer = event.value
    is_ours = is_cube(layer) or (is_picture(layer) and not is_draft(layer))
    # The pixels of a file are left alone: they may take long to read.
    if is_ours and not layer.visible and type(layer.data) is np.ndarray:
        layer.thumbnail = _thumbnail(layer)


def _thumbnail(layer: Layer) -> np.ndarray:
    """Return an image as uint8 of shape (y, x, 4): the picture, or a band in its contrast."""
    image = layer.data if layer.rgb else layer.data[first_band(cube_from_layer(layer))]
    scale = max(image.shape[:2]) / SIDE
    rows, columns = (np.arange(ceil(side / scale)) * scale for side in image.shape[:2])
    image = image[rows.astype(int)[:, None], columns.astype(int)]
    if not layer.rgb:
        low, high = layer.contrast_limits
        grey = np.clip((image.astype(float) - low) / (high - low), 0, 1)
        image = np.repeat(np.nan_to_num(255 * grey)[..., None], 3, axis=2)
    opaque = np.full((*image.shape[:2], 1), 255)
    return np.concatenate([image[..., :3], opaque], axis=2).astype(np.uint8)
