"""The demonstration in napari: the sample scene with its super-resolved version on it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError, reason_of
from napari_dodn.replacing import replace_bytes

if TYPE_CHECKING:
    import numpy as np
    from napari import Viewer

    from napari_dodn.sample import Sample

PICTURES = (".png", ".jpg", ".jpeg")

WINDOW = 1280, 720
SETTLING = 1.5
"""Seconds in which the window draws itself before its picture is taken."""


class ScreenshotError(UserError):
    """A picture of the window that could not be made."""


def show_demo(sample: Sample, result: HyperCube, screenshot: Path | None = None) -> None:
    """Open napari with a scene, its super-resolved version on it and their colours; block.

    Parameters
    ----------
    sample : Sample
        The scene.
    result : HyperCube
        Its low-resolution cube, super-resolved.
    screenshot : Path, optional
        Where to write a picture of the window, which is then closed. Without it the window stays
        until somebody closes it.

    Raises
    ------
    ScreenshotError
        If the picture cannot be written.
    """
    import napari

    from napari_dodn.plugin.kit.panels import open_panel

    if screenshot is not None and screenshot.suffix.lower() not in PICTURES:
        raise ScreenshotError(
            f"{screenshot} cannot be written: its name must end with .png or .jpg."
        )
    viewer = napari.Viewer(title="napari-dodn demo")
    _fill(viewer, sample, result)
    open_panel(viewer, "Super-resolution")
    viewer.window.resize(*WINDOW)
    if screenshot is None:
        napari.run()
        return
    _let_it_draw()
    picture = viewer.screenshot(canvas_only=False, flash=False)
    viewer.close()
    _write(picture, screenshot)


def _let_it_draw() -> None:
    from napari.qt import get_qapp

    until = time.monotonic() + SETTLING
    while time.monotonic() < until:
        get_qapp().processEvents()
        time.sleep(0.01)


def _fill(viewer: Viewer, sample: Sample, result: HyperCube) -> None:
    from napari.layers import Layer

    from napari_dodn.plugin.manifest.samples import layers_of_sample
    from napari_dodn.plugin.viewer.layers import layer_data_from_cube, picture_of
    from napari_dodn.plugin.viewer.pictures import rendering_alike
    from napari_dodn.plugin.viewer.placing import laid_over
    from napari_dodn.plugin.viewer.setting_up import set_up

    set_up(viewer)
    added = [viewer.add_layer(Layer.create(*layer)) for layer in layers_of_sample(sample)]
    low = next(layer for layer in added if layer.data is sample.lr.data)
    rendering = rendering_alike(sample.lr, picture_of(low, viewer.layers))
    for layer in laid_over(layer_data_from_cube(result, rendering=rendering), low, sample.scale):
        viewer.add_layer(Layer.create(*layer))
    viewer.reset_view()


def _write(picture: np.ndarray, path: Path) -> None:
    from imageio.v3 import imwrite

    try:
        replace_bytes(path, imwrite("<bytes>", picture, extension=path.suffix))
    except OSError as error:
        raise ScreenshotError(f"{path} cannot be written: {reason_of(error)}.") from error
