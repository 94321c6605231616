"""Mean or median spectra of the regions of a Shapes or Labels layer, measured beside the window."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import psygnal
from napari.layers import Labels, Shapes
from qtpy.QtCore import QTimer

from napari_dodn.cube import HyperCube
from napari_dodn.jobs import Progress, Steps, retold, stop_if
from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.plugin.kit.timers import end_timer
from napari_dodn.plugin.profiles.cubes import Cubes
from napari_dodn.plugin.profiles.shapes import (
    MOST_REGIONS,
    Outline,
    labelled,
    name_shape,
    outlines,
    paint,
    pixels_in,
    regions_of_labels,
)
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source
from napari_dodn.spectra.profiles import RegionStatistics, region_statistics_steps
from napari_dodn.wording import counted

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

SETTLING_MS = 250
"""How long a drawing must rest before it is measured."""


@dataclass(frozen=True)
class _Task:
    """The pixels of a region in one cube."""

    id: str
    outline: Outline
    number: int
    layer: str
    cube: HyperCube
    pixels: np.ndarray


@dataclass(frozen=True)
class _Measured:
    """What has been measured: statistics of each task that has pixels."""

    found: list[tuple[_Task, RegionStatistics]]
    left_out: int


class RegionSpectra:
    """Keeps one curve for each region and visible cube.

    `told` is emitted with a sentence about how the measuring goes.
    """

    told = psygnal.Signal(str)

    def __init__(self, viewer: Viewer, cubes: Cubes, store: CurveStore) -> None:
        self._viewer, self._cubes, self._store = viewer, cubes, store
        self._layer: Shapes | Labels | None = None
        self._quartiles = False
        self._asked: object = None
        self._names: WeakKeyDictionary[Layer, dict[int, str]] = WeakKeyDictionary()
        self._job: Latest[_Measured] = Latest()
        self._job.progressed.connect(self._on_progress)
        self._job.failed.connect(self.told.emit)
        self._job.then(self._show)
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLING_MS)
        self._timer.timeout.connect(self.measure)
        self._said = ""
        self._marking = QTimer()
        self._marking.setSingleShot(True)
        self._marking.timeout.connect(self._on_marking)

    def close(self) -> None:
        """Measure no longer."""
        for timer, method in ((self._timer, self.measure), (self._marking, self._on_marking)):
            end_timer(timer, method)
        self._job.close()
        self._connect(None)

    def choices(self) -> list[Layer]:
        """Return the layers whose regions can be measured."""
        return [layer for layer in self._viewer.layers if isinstance(layer, Shapes | Labels)]

    def choose(self, layer: Shapes | Labels | None, quartiles: bool) -> None:
        """Measure the regions of this layer from now on, or of none; again only where that changes.

        Parameters
        ----------
        layer : napari.layers.Shapes, Labels or None
            Where the regions are.
        quartiles : bool
            Whether to show median and quartiles in place of mean and standard deviation.
        """
        if layer is not self._layer:
            self._connect(layer)
            if layer is not None:  # whose regions have not the colours and ticks of the others
                self._store.drop([curve.id for curve in self._store.of(Source.REGION)])
        self._quartiles = quartiles
        asked = layer and _place(layer), quartiles, self._what_is_seen()
        if asked != self._asked:
            self._asked = asked
            self.measure_soon()

    def rename(self, group: str, name: str) -> None:
        """Give a region another name: in the features of its shape, or for this label."""
        number = int(group.rpartition("/")[2])
        if isinstance(self._layer, Shapes):
            name_shape(self._layer, number, name)
        elif self._layer is not None:
            self._names.setdefault(self._layer, {})[number] = name
            self.measure_soon()

    def mark(self) -> None:
        """Give the shapes the colours and names of their curves."""
        curves = self._store.of(Source.REGION)
        if isinstance(self._layer, Shapes) and curves:
            paint({int(x.group.rpartition("/")[2]): x.colour for x in curves}, self._layer)

    def _what_is_seen(self) -> list[tuple[Any, ...]]:
        return [
            (id(self._cubes.cube(layer)), self._cubes.name(layer), _place(layer))
            for layer in self._cubes.visible()
        ]

    def measure_soon(self, _: Any = None) -> None:
        """Measure again when things have settled."""
        self._timer.start()

    def _connect(self, layer: Shapes | Labels | None) -> None:
        for event in _events(self._layer):
            event.disconnect(self.measure_soon)
        self._layer = layer
        for event in _events(layer):
            event.connect(self.measure_soon)

    def measure(self) -> None:
        """Start measuring; what was going on before is given up."""
        busy = self._job.busy
        self._job.drop()
        self._marking.stop()
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._connect(None)
        cubes = [
            (layer, cube)
            for layer in self._cubes.visible()
            if (cube := self._cubes.cube(layer)) is not None
        ]
        if self._layer is None or not cubes:
            shown = [curve.id for curve in self._store.of(Source.REGION)]
            self._store.drop(shown)
            if shown or busy:
                self.told.emit("")  # takes back what was said of them
            return
        steps = partial(_measured, self._tasks(self._layer, cubes), self._quartiles)
        self._job.ask(steps, f"Measuring the regions of {self._layer.name}")

    def _tasks(
        self, layer: Shapes | Labels, cubes: list[tuple[Layer, HyperCube]]
    ) -> Callable[[], Generator[_Task, None, None]]:
        named = [(self._cubes.number(layer), self._cubes.name(layer)) for layer, _ in cubes]
        drawn = outlines(layer) if isinstance(layer, Shapes) else []
        names = dict(self._names.get(layer, {}))

        def tasks() -> Generator[_Task, None, None]:
            for (cube_layer, cube), (number, name) in zip(cubes, named, strict=True):
                if isinstance(layer, Labels):
                    regions = regions_of_labels(labelled(layer, cube_layer), layer)
                else:
                    regions = ((outline, pixels_in(outline, cube_layer)) for outline in drawn)
                for outline, pixels in regions:
                    id_ = f"region/{outline.number}/{number}"
                    called = outline._replace(name=names.get(outline.number, outline.name))
                    yield _Task(id_, called, number, name, cube, pixels)

        return tasks

    def _on_progress(self, event: Progress) -> None:
        if event.total:
            self.told.emit(f"{event.message}: {100 * event.done / event.total:.0f} %")

    def _show(self, measured: _Measured) -> None:
        ids = {task.id for task, _ in measured.found}
        self._store.drop([x.id for x in self._store.of(Source.REGION) if x.id not in ids])
        colours: dict[str, str] = {}
        curves = []
        for task, statistics in measured.found:
            group = f"region/{task.outline.number}"
            old = self._store.get(task.id) or next(iter(self._store.in_group(group)), None)
            if group not in colours:
                free = task.outline.colour or self._store.free_colour(colours.values())
                colours[group] = free if old is None else old.colour
            curves.append(_curve(task, statistics, group, colours[group], old))
        self._store.put(curves)
        self._said = f"{counted(len(colours), 'region')} measured."
        if measured.left_out:
            self._said += f" {measured.left_out} more are not shown; the limit is {MOST_REGIONS}."
        self._marking.start(0)  # once the plot is drawn: napari draws its image again

    def _on_marking(self) -> None:
        self.mark()
        self.told.emit(self._said)


def _place(layer: Layer) -> tuple[Any, ...]:
    """Return a layer and where it lies, for comparison."""
    frame = np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim)])
    return id(layer), *np.ravel([layer.data_to_world(corner) for corner in frame]).tolist()


def _events(layer: Shapes | Labels | None) -> list[Any]:
    if isinstance(layer, Labels):
        return [layer.events.data, layer.events.paint, layer.events.labels_update]
    return [] if layer is None else [layer.events.data, layer.events.features]


def _measured(
    tasks: Callable[[], Generator[_Task, None, None]],
    quartiles: bool,
    cancelled: Callable[[], bool],
) -> Steps[_Measured]:
    found: list[tuple[_Task, RegionStatistics]] = []
    left_out = 0
    for task in tasks():
        stop_if(cancelled)
        if not len(task.pixels):
            continue
        if len(found) >= MOST_REGIONS:
            left_out += 1
            continue
        steps = region_statistics_steps(
            task.cube, task.pixels, quartiles=quartiles, cancelled=cancelled
        )
        named = partial(replace, message=f"Measuring {task.outline.name}")
        found.append((task, (yield from retold(steps, named))))
    stop_if(cancelled)
    return _Measured(found, left_out)


def _curve(
    task: _Task, statistics: RegionStatistics, group: str, colour: str, old: Curve | None
) -> Curve:
    if statistics.median is None:
        y, kind = statistics.mean, "mean ± standard deviation"
        spread = y - statistics.deviation, y + statistics.deviation
    else:
        assert statistics.lower is not None
        assert statistics.upper is not None
        y, kind = statistics.median, "median and quartiles"
        spread = statistics.lower, statistics.upper
    cube, pixels = task.cube, int(statistics.count.max())
    return Curve(
        id=task.id,
        name=task.outline.name,
        x=cube.wavelengths,
        y=y,
        colour=colour,
        source=Source.REGION,
        visible=old is None or old.id != task.id or old.visible,
        spread=spread,
        layer=task.layer,
        group=group,
        style=task.number,
        good_bands=cube.good_bands,
        fwhm=cube.fwhm,
        pixels=pixels,
        quantity=cube.quantity,
        origin=f"{kind} of {counted(pixels, 'pixel')} of {cube.name}",
    )
