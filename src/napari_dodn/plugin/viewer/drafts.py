"""Finishes cubes that were just opened, so that opening need not wait for it.

The picture is made, and a large file whose bands lie scattered is copied band by band.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

from napari.utils.notifications import show_warning

from napari_dodn.cube import HyperCube
from napari_dodn.jobs import Progress, Steps
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.viewer.by_band import by_band_steps, scattered
from napari_dodn.plugin.viewer.contrast import contrast_limits
from napari_dodn.plugin.viewer.layers import cube_from_layer, cube_of, is_draft, rendering_of
from napari_dodn.plugin.viewer.memory import let_go
from napari_dodn.plugin.viewer.once import once_a_viewer
from napari_dodn.plugin.viewer.pictures import Preview, picture_steps, show_picture
from napari_dodn.spectra.colour import Rendered, Rendering

if TYPE_CHECKING:
    import numpy as np
    from napari import Viewer
    from napari.layers import Layer


Copied: TypeAlias = "tuple[np.memmap, np.memmap]"
"""The pixels of a file, and their copy band by band."""


@once_a_viewer
def finish_drafts(viewer: Viewer) -> _Finisher:
    """Finish the pictures that come to a viewer as drafts; asking twice changes nothing."""
    return _Finisher(viewer)


class _Finisher:
    """Watches a viewer, without keeping it alive."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self._at_work: set[_Draft] = set()
        viewer.layers.events.inserted.connect(self._on_inserted)

    def _on_inserted(self, event: Any) -> None:
        viewer = self._viewer()
        if viewer is None or not is_draft(event.value):
            return
        cube = cube_of(event.value, viewer.layers)
        if cube is not None:
            self._at_work = {draft for draft in self._at_work if draft.job is not None}
            self._at_work.add(_Draft(viewer, cube, event.value))


class _Draft:
    """One cube and its picture on their way."""

    def __init__(self, viewer: Viewer, layer: Layer, picture: Layer) -> None:
        self._viewer, self._layer, self._picture = ref(viewer), ref(layer), ref(picture)
        self._first_limits = tuple(layer.contrast_limits)
        steps = partial(_finished, cube_from_layer(layer))
        self.job: Job[Rendered] | Job[Copied | None] | None = None
        self.job = Job(steps, f"Colours of {layer.name}")
        self.job.progressed.connect(self._on_progress)
        self.job.then(self._on_ended)

    @property
    def _is_there(self) -> bool:
        """Whether the cube is still in its viewer."""
        viewer, layer = self._viewer(), self._layer()
        return viewer is not None and layer is not None and layer in viewer.layers

    def _on_progress(self, event: Progress) -> None:
        if not self._is_there:
            if self.job is not None:
                self.job.cancel()
        elif isinstance(event, _Limits):
            layer = self._layer()
            if layer is not None and tuple(layer.contrast_limits) == self._first_limits:
                layer.contrast_limits = event.limits
        elif isinstance(event, Preview):
            self._show(event.rendered, event.step)

    def _on_ended(self, outcome: Rendered | Failure | Cancelled) -> None:
        self.job = None
        if not self._is_there:
            let_go()  # what the job has read since its layer was removed
        if isinstance(outcome, Failure):
            show_warning(sentence(outcome.error, "The picture of the cube"))
        elif not isinstance(outcome, Cancelled):
            self._show(outcome)
        layer = self._layer()
        if layer is not None and self._is_there and scattered(layer.data):
            self.job = Job(partial(_by_band, cube_from_layer(layer)), f"Bands of {layer.name}")
            self.job.progressed.connect(self._on_progress)
            self.job.then(self._on_copied)

    def _on_copied(self, outcome: Copied | Failure | Cancelled | None) -> None:
        self.job = None
        layer = self._layer()
        if isinstance(outcome, Failure):
            show_warning(sentence(outcome.error, "Copying the bands of the cube"))
        if layer is None:
            return
        if isinstance(outcome, tuple):
            source, copy = outcome
            if layer.data is source:
                layer.data = copy
        layer.visible = True

    def _show(self, rendered: Rendered, step: int | None = None) -> None:
        viewer, layer, picture = self._viewer(), self._layer(), self._picture()
        if viewer is None or layer is None or picture is None:
            return
        untouched = rendering_of(picture) == Rendering().plain()
        if untouched and layer in viewer.layers and picture in viewer.layers:
            fresh = is_draft(picture)
            show_picture(viewer, layer, Rendering(), rendered, step)
            picture.visible |= fresh


@dataclass(frozen=True)
class _Limits(Progress):
    """Contrast limits from more than the one band that opening has looked at."""

    limits: tuple[float, float]


def _finished(cube: HyperCube, cancelled: Callable[[], bool]) -> Steps[Rendered]:
    if not scattered(cube.data):
        yield _Limits(0, cube.shape[1], "Reading", contrast_limits(cube))
    return (yield from picture_steps(cube, Rendering(), cancelled))


def _by_band(cube: HyperCube, cancelled: Callable[[], bool]) -> Steps[Copied | None]:
    """Yield progress and contrast limits; return the pixels and a copy of them, if any."""
    copy = yield from by_band_steps(cube.data, cancelled)
    if copy is None:
        return None
    yield _Limits(0, cube.shape[1], "Reading", contrast_limits(cube.derive(copy)))
    return cube.data, copy
