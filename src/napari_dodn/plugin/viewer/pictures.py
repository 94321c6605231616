"""Keeps the picture of a cube layer as it was last asked for, and the window free meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import psygnal
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress, Steps, result_of, stop_if
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.viewer.layers import (
    PICTURE_PIXELS,
    cube_from_layer,
    laid_over,
    picture_name,
    picture_of,
    tell_apart,
    tie_picture,
)
from napari_dodn.spectra.colour import Rendering, render_steps, shown, thinning

if TYPE_CHECKING:
    from napari import Viewer

PATIENCE_MS = 50
"""How long changes are gathered before a picture is made."""

PREVIEW_PIXELS = 256 * 256
"""Of a larger picture one of about this many pixels is shown first."""


@dataclass(frozen=True)
class Preview(Progress):
    """A thinned picture, on the way to the one that is asked for.

    Attributes
    ----------
    rgb : numpy.ndarray
        uint8, shape (y, x, 3).
    step : int
        Every how many pixels of the cube it has one.
    """

    rgb: np.ndarray
    step: int


def picture_steps(
    cube: HyperCube, rendering: Rendering, cancelled: Callable[[], bool]
) -> Steps[np.ndarray]:
    """Make the picture of a cube layer; yield progress, and a `Preview` of a large one."""
    step = thinning(cube.shape[1:], PREVIEW_PIXELS)
    if step > thinning(cube.shape[1:], PICTURE_PIXELS):
        thinned = result_of(render_steps(cube, PREVIEW_PIXELS, rendering, cancelled=cancelled))
        yield Preview(0, cube.shape[1], "Reading", thinned, step)
        stop_if(cancelled)
    return (yield from render_steps(cube, PICTURE_PIXELS, rendering, cancelled=cancelled))


def show_picture(
    viewer: Viewer, layer: Layer, rendering: Rendering, rgb: np.ndarray, step: int | None = None
) -> Layer:
    """Make an RGB image the picture of a cube layer: in place, or over the cube where none is.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    layer : Layer
        Of the cube.
    rendering : Rendering
        How the picture was made.
    rgb : numpy.ndarray
        uint8, shape (y, x, 3).
    step : int, optional
        Every how many pixels of the cube it has one; that of a finished picture where left out.
    """
    step = step or thinning(layer.data.shape[1:], PICTURE_PIXELS)
    attributes = {
        "name": picture_name(layer.name),
        "rgb": True,
        "scale": (float(step), float(step)),
        "axis_labels": tuple(layer.axis_labels)[1:],
    }
    cube_itself = (layer.data, {"scale": (1.0, 1.0, 1.0)}, "image")
    _, (_, placed, kind) = laid_over([cube_itself, (rgb, attributes, "image")], layer, 1)
    picture = picture_of(layer, viewer.layers)
    if picture is None:
        tell_apart(layer, viewer.layers)
        picture = Layer.create(rgb, placed, kind)
        tie_picture(picture, layer, rendering.plain())
        viewer.layers.insert(viewer.layers.index(layer) + 1, picture)
        return picture
    picture.data = rgb
    there = {name: getattr(picture, name) for name in ("scale", "translate", "rotate", "shear")}
    for name, value in (there | {"affine": picture.affine.affine_matrix}).items():
        if not np.array_equal(value, placed[name]):  # each one makes napari draw everything anew
            setattr(picture, name, placed[name])
    tie_picture(picture, layer, rendering.plain())
    return picture


class Painter:
    """Makes pictures of cube layers in a thread; of several wishes the last one counts.

    The picture of a cube is changed in place; where there is none it is added over the cube. While
    wishes come faster than pictures, some on the way are shown too, so that a drag can be watched.

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
        self._job: Job[np.ndarray] | None = None
        self._something_seen = False
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
        if not self._timer.isActive():
            self._timer.start()

    def close(self) -> None:
        """Stop, and change nothing any more."""
        self._timer.stop()
        self._timer.timeout.disconnect(self._begin)  # which would keep this alive
        self._wish = None
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def _begin(self) -> None:
        if self._wish is None:
            return
        if self._job is not None:  # when it has stopped the wish is looked at again
            if self._something_seen:
                self._job.cancel()
            return
        (layer, rendering), self._wish = self._wish, None
        try:
            cube = cube_from_layer(layer)
            shown(cube, rendering)
        except UserError as error:
            self.failed.emit(str(error))
            return
        self._at_work, self._something_seen = (layer, rendering), False
        self._job = Job(partial(picture_steps, cube, rendering), f"Colours of {layer.name}")
        self._job.progressed.connect(self._on_progress)
        self._job.then(self._on_ended)

    def _on_progress(self, event: Progress) -> None:
        if isinstance(event, Preview):
            self._show(event.rgb, event.step)
            self._something_seen = True
            if self._wish is not None and self._job is not None:
                self._job.cancel()

    def _on_ended(self, outcome: np.ndarray | Failure | Cancelled) -> None:
        self._job = None
        if isinstance(outcome, Failure):
            assert self._at_work is not None
            doing = f"The picture of '{self._at_work[0].name}'"
            self.failed.emit(sentence(outcome.error, doing))
        elif not isinstance(outcome, Cancelled):
            self._show(outcome)
        if not self._timer.isActive():
            self._begin()

    def _show(self, rgb: np.ndarray, step: int | None = None) -> None:
        assert self._at_work is not None
        layer, rendering = self._at_work
        if layer in self._viewer.layers:
            self.painted.emit(show_picture(self._viewer, layer, rendering, rgb, step))
