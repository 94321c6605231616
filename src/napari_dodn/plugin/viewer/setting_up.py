"""What every viewer with cubes in it gets, whoever brings the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dodn.plugin.kit.session import real_viewer
from napari_dodn.plugin.viewer.bands import follow_bands
from napari_dodn.plugin.viewer.drawing import draw_in_own_context
from napari_dodn.plugin.viewer.memory import let_go_with_layers
from napari_dodn.plugin.viewer.scale_bar import show_scale
from napari_dodn.plugin.viewer.selection import select_cubes
from napari_dodn.plugin.viewer.status_line import describe_pixels
from napari_dodn.plugin.viewer.thumbnails import give_thumbnails
from napari_dodn.plugin.viewer.warming import warm_shapes_up
from napari_dodn.plugin.viewer.wavelength_label import label_wavelengths

if TYPE_CHECKING:
    from napari import Viewer


def set_up(viewer: Viewer) -> None:
    """Let a viewer say wavelengths, lengths and values, show bands on demand, and so on."""
    viewer = real_viewer(viewer)
    follow_bands(viewer)
    label_wavelengths(viewer)
    show_scale(viewer)
    select_cubes(viewer)
    describe_pixels(viewer)
    give_thumbnails(viewer)
    let_go_with_layers(viewer)
    draw_in_own_context(viewer)
    warm_shapes_up()
