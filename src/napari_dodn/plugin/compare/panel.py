"""The Compare and map panel: likeness to a spectrum, ratios of bands, and how far two cubes differ.

It only asks and shows. What is asked is a `Request`, which checks itself; a `Runner` does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

from magicgui.widgets import ComboBox, Container
from napari.layers import Layer
from napari.utils.notifications import show_error
from napari.utils.theme import get_theme

from napari_dodn.errors import UserError
from napari_dodn.plugin.compare.maps import (
    OF_A_SPECTRUM,
    OF_TWO_BANDS,
    OF_TWO_CUBES,
    Outcome,
    Request,
    Task,
)
from napari_dodn.plugin.compare.quality_view import QualityView
from napari_dodn.plugin.compare.recipe import as_command, as_python
from napari_dodn.plugin.compare.spectrum_choice import SpectrumChoice
from napari_dodn.plugin.compare.thresholds import Thresholds
from napari_dodn.plugin.kit.copying import COMMAND, PYTHON, CopyButton, NothingToCopyError
from napari_dodn.plugin.kit.forms import LayerBox
from napari_dodn.plugin.kit.job import Cancelled, Failure
from napari_dodn.plugin.kit.numbers import NumberBox
from napari_dodn.plugin.kit.runner import Runner
from napari_dodn.plugin.kit.session import real_viewer, sentence
from napari_dodn.plugin.kit.settings import remember, settings_of
from napari_dodn.plugin.viewer.cube_panel import CubePanel
from napari_dodn.plugin.viewer.layers import cube_from_layer, map_layer
from napari_dodn.plugin.viewer.maps import show_colour_bar
from napari_dodn.plugin.viewer.overlap import OverlapError, grid_on

if TYPE_CHECKING:
    import napari

NDVI = (860.0, 650.0)
"""Nanometres that a ratio or difference starts with: near infrared and red."""

PANEL, LIBRARY = "compare and map", "library"

SPECTRUM_RANGE = (100.0, 100_000.0)


@dataclass(frozen=True)
class _Run:
    """What is going on, and over which layers its maps belong."""

    request: Request
    cube: Layer
    other: Layer | None

    def needed(self) -> set[Layer]:
        """Return the layers without which its maps could not be shown."""
        over_other = self.other is not None and self.request.task is Task.CONSISTENCY
        return {self.cube, self.other} if over_other else {self.cube}


class CompareAndMap(CubePanel):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose cubes it works on; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, "The cube to compare or map.")
        self._run: _Run | None = None
        self._figures_of: tuple[Any, ...] | None = None
        self._build()
        for choice in (self.task, self.cube):
            choice.changed.connect(self._on_pair)
        for asked in (self.other, *self.bands):
            asked.changed.connect(self._on_asked)
        self.spectrum.changed.connect(self._on_asked)
        self.spectrum.failed.connect(self._on_failed)
        self.run_button.clicked.connect(self.run)
        self._runner.ended.connect(self._on_ended)
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_layers)
        self._watch.marked.connect(self._on_marked)
        self._lifetime.listen(napari_viewer.events.theme, self._on_theme)
        self._lifetime.then(self.spectrum.close, self._runner.abandon)
        self._on_theme()
        self._on_pair()

    def _build(self) -> None:
        self.task = ComboBox(label="Task", choices=[(task.value, task) for task in Task])
        self.other = LayerBox(label="Reference", choices=self._others)
        self.spectrum = SpectrumChoice(self._viewer)
        low, high = SPECTRUM_RANGE
        self.bands = [
            NumberBox(label=name, min=low, max=high, value=value, step=1, tooltip=tooltip)
            for name, value, tooltip in zip(
                ("Band a (nm)", "Band b (nm)"),
                NDVI,
                (
                    "The nearest usable band is used.",
                    "860 and 650 nm give NDVI; 860 and 1240 nm give NDWI.",
                ),
                strict=True,
            )
        ]
        self.copy_button = CopyButton(
            {
                PYTHON: lambda: as_python(self._request()),
                COMMAND: lambda: as_command(self._request()),
            }
        )
        self.copy_button.said.connect(self._on_copied)
        self._runner: Runner[Outcome] = Runner(self.copy_button)
        self.run_button, self.cancel_button = self._runner.run_button, self._runner.cancel_button
        self.status = self._runner.status
        self.thresholds = Thresholds(self._viewer)
        form: Container = Container(
            widgets=[
                *(self.task, self.cube, self.other),
                *(*self.spectrum.controls, *self.bands),
            ]
        )
        form.margins = (0, 0, 0, 0)
        self.quality = QualityView()
        self.lay_out(form, *self._runner.widgets, self.quality, self.thresholds)
        first, second = self.bands
        controls = {"task": self.task, "band a": first, "band b": second}
        remember(PANEL, {**controls, "side": self.thresholds.side, LIBRARY: self.spectrum.file})

    # What there is to choose from

    def _others(self, _: Any = None) -> list[tuple[str, Layer]]:
        return [(name, x) for name, x in self._cubes() if x is not self.cube.value]

    def _on_layers(self, _: Any = None) -> None:
        self.cube.reset_choices()
        self.spectrum.refresh()
        self.thresholds.refresh()
        self._on_asked()
        if self._run is not None and not self._run.needed() <= set(self._viewer.layers):
            self.cancel()

    def _on_marked(self, _: Any = None) -> None:
        self.spectrum.refresh()
        self._on_asked()

    # What is asked

    def _on_pair(self, _: Any = None) -> None:
        """Suggest another cube that fits the task and the cube, where there is one."""
        self._runner.forget()
        self._on_asked()
        task, cube = Task(self.task.value), self.cube.value
        if task in OF_TWO_CUBES and cube is not None and self._asked()[1]:
            fitting = [other for _, other in self._others() if _fits(task, cube, other)]
            if fitting:
                self.other.value = fitting[-1]

    def _on_asked(self, _: Any = None) -> None:
        """Follow a change: the fields that it needs, and whether it can be done."""
        task = Task(self.task.value)  # Qt makes it a plain string
        self.other.label = "Source" if task is Task.CONSISTENCY else "Reference"
        self.other.reset_choices()
        self.other.visible = task in OF_TWO_CUBES
        self.quality.setVisible(self._figures_of == _pair(task, self.cube.value, self.other.value))
        for control in self.spectrum.controls:
            control.visible = task in OF_A_SPECTRUM
        for band in self.bands:
            band.visible = task in OF_TWO_BANDS
        request, fault = self._asked()
        lacks_spectrum = task in OF_A_SPECTRUM and (request is None or request.spectrum is None)
        lacks = request is None or request.cube is None or lacks_spectrum
        self._runner.set_fault(fault, is_hint=lacks)

    def _asked(self) -> tuple[Request | None, str]:
        """Return what is asked for, and the sentence that says why it cannot be had."""
        layer, other, task = self.cube.value, self.other.value, Task(self.task.value)
        scale, region = 1, None
        try:
            cube = None if layer is None else cube_from_layer(layer)
            if cube is not None and other is not None and task is Task.CONSISTENCY:
                scale, region = grid_on(layer, other)
            asks_spectrum = cube is not None and task in OF_A_SPECTRUM
            request = Request(
                task,
                cube,
                other=None if other is None else cube_from_layer(other),
                spectrum=self.spectrum.of(layer) if asks_spectrum else None,
                wavelengths=(self.bands[0].value, self.bands[1].value),
                scale=scale,
                region=region,
            )
        except UserError as error:
            return None, str(error)
        return request, request.fault()

    def _request(self) -> Request:
        request, fault = self._asked()
        if request is None:
            raise NothingToCopyError(fault)
        return request

    def _on_copied(self, sentence: str) -> None:
        self._runner.say(sentence)

    # A run

    def run(self) -> None:
        """Start what is asked for, unless something is going on."""
        if self._run is not None:
            return
        request, fault = self._asked()
        if request is None or fault:
            self._runner.set_fault(fault)
            return
        self._run = _Run(request, self.cube.value, self.other.value)
        title = f"{request.task.value.capitalize()}: {self.cube.value.name}"
        self._runner.start(request.steps, title)

    def cancel(self) -> None:
        """Stop the run within a block of rows; the layers stay as they are."""
        self._runner.cancel()

    def _on_ended(self, outcome: Outcome | Failure | Cancelled) -> None:
        assert self._run is not None
        run, self._run = self._run, None
        if isinstance(outcome, Failure):
            self._runner.say(
                sentence(outcome.error, f"The task '{run.request.task}'"), is_fault=True
            )
            show_error(self.status.value)
        elif not isinstance(outcome, Cancelled):
            self._show(outcome, run)
        self._on_asked()

    def _show(self, outcome: Outcome, run: _Run) -> None:
        for made in outcome.maps:
            source = run.other if made.on_other else run.cube
            if source is None or source not in self._viewer.layers:
                continue
            region = run.request.region if made.on_other else None
            data = map_layer(made.values, source, made.attributes(), region)
            layer = Layer.create(*data)
            self._viewer.add_layer(layer)
            show_colour_bar(layer, real_viewer(self._viewer).layers)
            self.thresholds.map.value = layer
        self._runner.say(outcome.words)
        if outcome.figures:
            assert run.request.cube is not None
            self.quality.show_figures(outcome.figures, outcome.psnr, run.request.cube.wavelengths)
            self._figures_of = _pair(run.request.task, run.cube, run.other)

    def _on_failed(self, fault: str) -> None:
        """Tell of a library that cannot be read, until something else is asked; forget its file."""
        self._runner.set_fault(fault)
        settings_of(PANEL).remove(LIBRARY)

    def _on_theme(self, _: Any = None) -> None:
        self.quality.set_theme(get_theme(self._viewer.theme))


def _pair(task: Task, cube: Layer | None, other: Layer | None) -> tuple[Any, ...]:
    """Return what figures are of, without keeping the layers."""
    return task, *(None if layer is None else ref(layer) for layer in (cube, other))


def _fits(task: Task, cube: Layer, other: Layer) -> bool:
    if task is Task.COMPARE:
        return cube.data.shape == other.data.shape
    try:
        grid_on(cube, other)
    except OverlapError:
        return False
    return cube.data.shape[0] == other.data.shape[0]
