"""Keeps the picture of a cube layer as it was last asked for, and the window free meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import psygnal
from napari.layers import Layer

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress, Steps, result_of, retold, stop_if
from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.plugin.viewer.layers import (
    PICTURE_PIXELS,
    cube_from_layer,
    levels_in,
    picture_name,
    picture_of,
    rendering_of,
    tell_apart,
    tie_picture,
)
from napari_dodn.plugin.viewer.placing import image_over
from napari_dodn.spectra.colour import Rendered, Rendering, render_steps, shown, thinning

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
    rendered : Rendered
        The picture.
    step : int
        Every how many pixels of the cube it has one.
    """

    rendered: Rendered
    step: int


def picture_steps(
    cube: HyperCube, rendering: Rendering, cancelled: Callable[[], bool]
) -> Steps[Rendered]:
    """Make the picture of a cube layer; yield progress, and a `Preview` of a large one."""
    step = thinning(cube.shape[1:], PREVIEW_PIXELS)
    if step > thinning(cube.shape[1:], PICTURE_PIXELS):
        thinned = result_of(render_steps(cube, PREVIEW_PIXELS, rendering, cancelled=cancelled))
        yield Preview(0, cube.shape[1], "Reading", thinned, step)
        stop_if(cancelled)
    return (yield from render_steps(cube, PICTURE_PIXELS, rendering, cancelled=cancelled))


def rendering_with_levels(picture: Layer) -> Rendering:
    """Return how a picture was made, by which others become as bright."""
    return Rendering(**{**rendering_of(picture), "levels": levels_in(picture)})


def rendering_alike(cube: HyperCube, picture: Layer | None) -> Rendering:
    """Return the rendering of a cube's picture with its levels, if it can still be made so.

    What is shown by it can be compared with the picture.
    """
    if picture is not None:
        with suppress(UserError):
            rendering = rendering_with_levels(picture)
            shown(cube, rendering)
            return rendering
    return Rendering()


def show_picture(
    viewer: Viewer, layer: Layer, rendering: Rendering, rendered: Rendered, step: int | None = None
) -> Layer:
    """Make what was rendered the picture of a cube layer: in place, or over the cube where none is.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    layer : Layer
        Of the cube.
    rendering : Rendering
        How it was asked for.
    rendered : Rendered
        The picture.
    step : int, optional
        Every how many pixels of the cube it has one; that of a finished picture where left out.
    """
    step, rgb = step or thinning(layer.data.shape[1:], PICTURE_PIXELS), rendered.rgb
    attributes = {
        "name": picture_name(layer.name),
        "rgb": True,
        "scale": (float(step), float(step)),
        "axis_labels": tuple(layer.axis_labels)[1:],
    }
    _, placed, kind = image_over((rgb, attributes, "image"), layer, 1)
    picture = picture_of(layer, viewer.layers)
    if picture is None:
        tell_apart(layer, viewer.layers)
        picture = Layer.create(rgb, placed, kind)
        tie_picture(picture, layer, rendering, rendered.levels)
        viewer.layers.insert(viewer.layers.index(layer) + 1, picture)
        return picture
    picture.data = rgb
    there = {name: getattr(picture, name) for name in ("scale", "translate", "rotate", "shear")}
    for name, value in (there | {"affine": picture.affine.affine_matrix}).items():
        if not np.array_equal(value, placed[name]):  # each one makes napari draw everything anew
            setattr(picture, name, placed[name])
    tie_picture(picture, layer, rendering, rendered.levels)
    return picture


@dataclass(frozen=True, eq=False)
class _Picture:
    """A picture that has come."""

    layer: Layer
    rendering: Rendering
    rendered: Rendered
    step: int | None = None


@dataclass(frozen=True, eq=False)
class _Seen(Progress):
    """A thinned picture, on the way to the one that is asked for."""

    picture: _Picture


def _picture_of_layer(
    layer: Layer, rendering: Rendering, cube: HyperCube, cancelled: Callable[[], bool]
) -> Steps[_Picture]:
    def told(event: Progress) -> Progress:
        if not isinstance(event, Preview):
            return event
        picture = _Picture(layer, rendering, event.rendered, event.step)
        return _Seen(event.done, event.total, event.message, picture)

    rendered = yield from retold(picture_steps(cube, rendering, cancelled), told)
    return _Picture(layer, rendering, rendered)


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
    `painted` gives the picture's layer, `failed` a sentence as `Latest` does. `job` tells how it
    goes on.
    """

    painted = psygnal.Signal(object)
    failed = psygnal.Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._something_seen = False
        self.job: Latest[_Picture] = Latest()
        self.job.progressed.connect(self._on_progress)
        self.job.then(self._on_made)
        self.job.failed.connect(self._on_failed)

    @property
    def busy(self) -> bool:
        """Whether a picture is waited for."""
        return self.job.busy

    def paint(self, layer: Layer, rendering: Rendering) -> None:
        """Ask for a picture of a cube layer."""
        try:
            cube = cube_from_layer(layer)
            shown(cube, rendering)
        except UserError as error:
            self.job.drop()
            self.job.was_cancelled = False
            self.failed.emit(str(error))
            return
        work = partial(_picture_of_layer, layer, rendering, cube)
        self.job.ask(work, f"The picture of '{layer.name}'", PATIENCE_MS, interrupts=False)
        self._make_way()

    def close(self) -> None:
        """Stop, and change nothing any more."""
        self.job.close()

    def _make_way(self) -> None:
        """Let a newer wish begin once something is seen of the one before."""
        if self._something_seen and self.job.make_way():
            self._something_seen = False

    def _on_progress(self, event: Progress) -> None:
        if isinstance(event, _Seen):
            self._something_seen = True
            self._show(event.picture)
            self._make_way()

    def _on_failed(self, fault: str) -> None:
        self._something_seen = False
        self.failed.emit(fault)

    def _on_made(self, picture: _Picture) -> None:
        self._something_seen = False
        self._show(picture)

    def _show(self, picture: _Picture) -> None:
        if picture.layer in self._viewer.layers:
            made = show_picture(
                self._viewer, picture.layer, picture.rendering, picture.rendered, picture.step
            )
            self.painted.emit(made)
