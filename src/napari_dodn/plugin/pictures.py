"""Keeps the picture of a cube layer as it was last asked for, and the window free meanwhile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import psygnal
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_dodn.errors import UserError
from napari_dodn.plugin.layers import (
    PICTURE_PIXELS,
    cube_from_layer,
    laid_over,
    picture_name,
    picture_of,
    tie_picture,
)
from napari_dodn.plugin.session import sentence
from napari_dodn.plugin.worker import Failure, Job
from napari_dodn.spectra.colour import Rendering, render_steps, shown, thinning

if TYPE_CHECKING:
    from napari import Viewer

PATIENCE_MS = 120
"""How long to wait for the next change before a picture is made."""


class Painter:
    """Makes pictures of cube layers in a thread; of several wishes the last one counts.

    The picture of a cube is changed in place; where there is none it is added over the cube.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.

    Notes
    -----
    `painted` gives the picture's layer, `failed` a sentence.
    """

    painted = psygnal.Signal(object)
    failed = psygnal.Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._wish: tuple[Layer, Rendering] | None = None
        self._at_work: tuple[Layer, Rendering] | None = None
        self._job: Job | None = None
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(PATIENCE_MS)
        self._timer.timeout.connect(self._begin)

    @property
    def busy(self) -> bool:
        """Whether a picture is waited for."""
        return self._wish is not None or self._job is not None

    def paint(self, layer: Layer, rendering: Rendering) -> None:
        """Ask for a picture of a cube layer."""
        self._wish = layer, rendering
        self._timer.start()

    def close(self) -> None:
        """Stop, and change nothing any more."""
        self._timer.stop()
        self._wish = None
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def _begin(self) -> None:
        if self._wish is None:
            return
        if self._job is not None:  # when it has stopped the wish is looked at again
            self._job.cancel()
            return
        (layer, rendering), self._wish = self._wish, None
        try:
            cube = cube_from_layer(layer)
            shown(cube, rendering)
        except UserError as error:
            self.failed.emit(str(error))
            return
        self._at_work = layer, rendering
        steps = partial(render_steps, cube, PICTURE_PIXELS, rendering)
        self._job = Job(lambda cancelled: steps(cancelled=cancelled), f"Colours of {layer.name}")
        self._job.ended.connect(self._on_ended)

    def _on_ended(self, outcome: Any) -> None:
        assert self._at_work is not None
        (layer, rendering), self._job, self._at_work = self._at_work, None, None
        if self._wish is not None:
            self._begin()
        elif isinstance(outcome, Failure):
            self.failed.emit(sentence(outcome.error, f"The picture of '{layer.name}'"))
        elif outcome is not None and layer in self._viewer.layers:
            self.painted.emit(self._show(layer, rendering, outcome.result))

    def _show(self, layer: Layer, rendering: Rendering, rgb: Any) -> Layer:
        step = thinning(layer.data.shape[1:], PICTURE_PIXELS)
        attributes = {
            "name": picture_name(layer.name),
            "rgb": True,
            "scale": (float(step), float(step)),
            "axis_labels": tuple(layer.axis_labels)[1:],
        }
        cube_itself = (layer.data, {"scale": (1.0, 1.0, 1.0)}, "image")
        _, (_, placed, kind) = laid_over([cube_itself, (rgb, attributes, "image")], layer, 1)
        picture = picture_of(layer, self._viewer.layers)
        if picture is None:
            picture = Layer.create(rgb, placed, kind)
            self._viewer.layers.insert(self._viewer.layers.index(layer) + 1, picture)
        else:
            picture.data = rgb
            for name in ("scale", "translate", "rotate", "shear", "affine"):
                setattr(picture, name, placed[name])
        tie_picture(picture, layer, rendering.plain())
        return picture
