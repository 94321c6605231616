"""The Super-resolution panel: a cube layer in, a sharper one over it.

It only asks and shows. What is asked is a `Request`, which judges itself; a `Runner` does it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, Container, FileEdit, PushButton
from napari.layers import Layer
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMessageBox

from napari_dodn.cube import Region
from napari_dodn.errors import UserError
from napari_dodn.formats.registry import by_tiles_filter, by_tiles_in_words
from napari_dodn.jobs import Progress
from napari_dodn.plugin.kit.blur import AUTO
from napari_dodn.plugin.kit.box import Folded
from napari_dodn.plugin.kit.computing import ClusterEdit, DeviceBox
from napari_dodn.plugin.kit.copying import COMMAND, PYTHON, CopyButton, NothingToCopyError
from napari_dodn.plugin.kit.forms import LayerBox, sentence_row
from napari_dodn.plugin.kit.job import Cancelled, Failure
from napari_dodn.plugin.kit.model_choice import ModelChoice, no_model
from napari_dodn.plugin.kit.models import models
from napari_dodn.plugin.kit.runner import Runner
from napari_dodn.plugin.kit.session import may_continue, may_replace, sentence
from napari_dodn.plugin.kit.settings import remember
from napari_dodn.plugin.upscale.blur import BlurRow
from napari_dodn.plugin.upscale.figures import FigureTable
from napari_dodn.plugin.upscale.preview import BlurPreview, middle_of
from napari_dodn.plugin.upscale.recipe import as_command, as_python
from napari_dodn.plugin.upscale.regions import (
    CHOICES,
    SHAPE,
    VIEW,
    numbered,
    offer_rectangle,
    region_of,
)
from napari_dodn.plugin.upscale.run import Outcome, Ready, Request, super_resolve
from napari_dodn.plugin.upscale.speed import expected_time, note_speed
from napari_dodn.plugin.viewer.cube_panel import CubePanel
from napari_dodn.plugin.viewer.layers import (
    cube_from_layer,
    description_of,
    is_cube,
    laid_over,
    picture_of,
)
from napari_dodn.plugin.viewer.saving import Saver
from napari_dodn.plugin.viewer.selection import NO_CUBE
from napari_dodn.plugin.viewer.setting_up import set_up
from napari_dodn.plugin.views.bar import CompareBar

if TYPE_CHECKING:
    import napari

PANEL = "super-resolution"
CUBE = "The cube to make sharper."
TILES = ("auto", 16, 32, 64, 128, 256)
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
"""As `upscaling.devices.PRECISIONS`, which loads PyTorch."""

TOLD = "dodn sensor blur"
"""In the metadata of every result: `upscaling.job.BLUR`, which loads PyTorch."""


@dataclass
class _Run:
    """What is going on, and over which layer its result belongs."""

    request: Request
    source: Layer
    replaced: tuple[Layer, ...]
    began: tuple[float, int] | None = None
    """When the first tile was begun, and how many pixels a run before had done."""

    shown: bool = False
    is_orphan: bool = False


class SuperResolution(CubePanel):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose cubes it works on; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, CUBE, self._going_on)
        self._run: _Run | None = None
        self._result: Layer | None = None
        self._preview: BlurPreview | None = None
        self._build()
        self._saver = Saver(napari_viewer, self.native)
        remember(
            PANEL,
            {"blur": self.blur, "device": self.device, "precision": self.precision},
        )
        self.cube.changed.connect(self._on_source)
        for asked in (
            *(self.cube, self.scale, self.model, self.region, self.reference, self.output),
            *(self.device, self.precision, self.self_ensemble, self.cluster),
        ):
            asked.changed.connect(self._on_asked)
        self.region.changed.connect(self._on_region)
        self.run_button.clicked.connect(self.run)
        self.save_button.clicked.connect(self.save)
        self.blur_row.preview_button.clicked.connect(self.preview_blur)
        self._runner.progressed.connect(self._on_progress)
        self._runner.ended.connect(self._on_ended)
        self._saver.said.connect(self._on_saved)
        self.compare.failed.connect(self._on_saved)
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_layers)
        self._watch.marked.connect(self._on_marked)
        models.changed.connect(self._on_models)
        self._lifetime.then(
            *(self.compare.close_down, self._saver.close, self._abandon, self._close_preview),
            lambda: models.changed.disconnect(self._on_models),
        )
        set_up(napari_viewer)
        self.device.look(lambda: self._lifetime.is_open)
        self._on_source()
        self._on_asked()

    def _build(self) -> None:
        self.choice = ModelChoice()
        self.scale, self.model = self.choice.scale, self.choice.model
        self.device = DeviceBox()
        self.tile = ComboBox(
            label="Tile",
            choices=TILES,
            tooltip="Side of the tiles, in pixels of the cube. Smaller tiles need less memory.",
        )
        self.precision = ComboBox(
            label="Precision",
            choices=PRECISIONS,
            tooltip="'auto' uses bfloat16 where the device supports it and the model loses no"
            " accuracy.",
        )
        self.self_ensemble = CheckBox(
            text="Mean of 8 views",
            tooltip="Self-ensemble: averages the results for the cube flipped and turned. It is a"
            " little better and takes eight times as long.",
        )
        self.cluster = ClusterEdit()
        self.blur_row = BlurRow()
        self.blur = self.blur_row.box
        self.region = ComboBox(
            label="Region", choices=CHOICES, tooltip="Choose a part to try a model quickly."
        )
        self.about_region = sentence_row()
        self.reference = LayerBox(
            label="Reference",
            choices=self._references,
            nullable=True,
            tooltip="A reference cube with as many pixels as the result, to measure the result"
            " against.",
        )
        self.output = FileEdit(
            label="Write to",
            mode=FileDialogMode.OPTIONAL_FILE,
            filter=by_tiles_filter(),
            nullable=True,
            tooltip=f"A file, {by_tiles_in_words()}, that is written tile by tile. Leave it empty"
            " to keep the result in memory.",
        )
        self.save_button = PushButton(
            text="Save…", enabled=False, tooltip="Save the result of the last run as a file."
        )
        self.copy_button = CopyButton(
            {
                PYTHON: lambda: as_python(self._request()),
                COMMAND: lambda: as_command(self._request()),
            }
        )
        self.copy_button.said.connect(self._on_saved)
        self._runner: Runner[Outcome] = Runner(self.save_button, self.copy_button)
        self.run_button, self.cancel_button = self._runner.run_button, self._runner.cancel_button
        self.status = self._runner.status
        self.saved = sentence_row()
        self.saved.visible = False
        self.figures = FigureTable()
        form: Container = Container()
        form.extend(
            [
                *(self.cube, *self.choice.widgets, self.blur_row),
                *(self.region, self.about_region, self.output),
            ]
        )
        advanced: Container = Container()
        advanced.extend(
            [
                *(self.reference, self.device, self.tile, self.precision),
                *(self.self_ensemble, self.cluster),
            ]
        )
        for part in (form, advanced):
            part.margins = (0, 0, 0, 0)
        self.advanced = Folded("Advanced", advanced.native)
        self._advanced_form = advanced  # whose widgets go with it
        self.compare = CompareBar(self._viewer)
        buttons, *standing = self._runner.widgets
        self.lay_out(
            form, self.advanced, buttons, self.compare, *standing, self.saved, self.figures
        )
        self.compare.refresh()

    # What there is to choose from

    def follows(self, layer: Layer) -> bool:
        """Follow neither a result nor a reference: to look at one is not to sharpen it."""
        is_result = TOLD in description_of(layer).get("metadata", {})
        return not is_result and all(layer is not other for _, other in self._references())

    def _references(self, _: Any = None) -> list[tuple[str, Layer]]:
        source, scale = self.cube.value, self.scale.value
        if source is None or scale is None:
            return []
        bands, height, width = source.data.shape
        wanted = bands, height * scale, width * scale
        return [(name, layer) for name, layer in self._cubes() if layer.data.shape == wanted]

    def _on_source(self, _: Any = None) -> None:
        self.blur.show_found(None)
        self.saved.visible = False  # what was said of another cube's result
        layer = self.cube.value
        notes = description_of(layer).get("notes", ()) if layer is not None else ()
        self.cube.tooltip = "\n".join((CUBE, *notes))

    def _on_layers(self, _: Any = None) -> None:
        self.reset_choices()
        self._on_asked()
        if self._run is not None and self._run.source not in self._viewer.layers:
            self._on_source_deleted()
        if self._result is not None and self._result not in self._viewer.layers:
            self._result = None
        self.compare.refresh()
        self._on_saving()

    def _on_source_deleted(self) -> None:
        """Ask once whether a run goes on whose cube was deleted."""
        run = self._run
        assert run is not None
        if run.shown or run.is_orphan or not self.cancel_button.enabled:
            return
        run.is_orphan = True
        # Not here: others hear of the deletion after this, and a question lets anything happen.
        QTimer.singleShot(0, partial(self._ask_to_stop, run))

    def _ask_to_stop(self, run: _Run) -> None:
        if self._run is not run or run.shown or not self.cancel_button.enabled:
            return
        question = f"'{run.source.name}' was deleted while it is being sharpened. Stop the run?"
        answer = QMessageBox.question(self.native, "Super-resolution", question)
        if answer != QMessageBox.StandardButton.No and self._run is run:
            self.cancel()

    def _on_marked(self, _: Any = None) -> None:
        if self.region.value == SHAPE:
            self._on_asked()

    def _on_region(self, _: Any = None) -> None:
        if self.region.value == SHAPE and self.cube.value is not None:
            offer_rectangle(self._viewer, self.cube.value)
            self._on_asked()

    def _on_models(self) -> None:
        self.choice.list_again()
        self._on_asked()

    def choose_model(self, path: Path) -> None:
        """Choose the model of a file, and its scale; nothing changes where it is not listed."""
        self.choice.choose(path)

    # What is asked

    def _on_asked(self, _: Any = None) -> None:
        """Follow a change: the choices that depend on it, and whether it can be done."""
        self.choice.follow()
        self.reference.reset_choices()
        request, fault = self._asked()
        self.about_region.value = "" if request is None or fault else self._size_of(request)
        self.blur_row.preview_button.enabled = request is not None
        self._runner.judge(fault or "", is_hint=request is None)

    def _asked(self) -> tuple[Request | None, str | None]:
        """Return what is asked for, and the sentence that says why it cannot be had."""
        source, reference, output = self.cube.value, self.reference.value, self.output.value
        if source is None:
            return None, NO_CUBE
        if self.choice.card is None:
            return None, no_model()
        try:
            request = Request(
                cube=cube_from_layer(source),
                model=self.choice.card,
                device=self.device.value,
                precision=self.precision.value,
                tile=self.tile.value,
                self_ensemble=self.self_ensemble.value,
                blur=self.blur.blur,
                region=region_of(self.region.value, self._viewer, source),
                reference=None if reference is None else cube_from_layer(reference),
                output=None if output is None else Path(str(output)),
                scheduler=self.cluster.address,
            )
        except UserError as error:
            return None, str(error)
        return request, request.fault()

    def _size_of(self, request: Request) -> str:
        """Return how many pixels are done, and how long that takes as far as it is known."""
        (height, width), (_, rows, columns) = request.size(), request.shape()
        text = f"{width} × {height} pixels become {columns} × {rows}"
        expected = expected_time(PANEL, request)
        return f"{text}; about {expected}." if expected else f"{text}."

    # A run

    def run(self) -> None:
        """Start what is asked for, unless something is going on."""
        if self._run is not None:
            show_info("A super-resolution is running already; wait for it to end, or cancel it.")
            return
        request, fault = self._asked()
        if request is not None and fault is None:
            present = [path for path in request.written() if path.exists()]
            fault = request.fault_of_replacing() if present else None
        if request is None or fault is not None:
            self._runner.judge(fault or "")
            show_warning(self.status.value)
            return
        if present:
            if not may_replace(self.native, "Super-resolution", present):
                return
            request = replace(request, overwrite=True)
        if (output := request.begun()) is not None:
            goes_on = may_continue(self.native, "Super-resolution", output)
            if goes_on is None:
                return
            request = replace(request, resume=goes_on, start_over=not goes_on)
        replaced = self._replaced(request)
        if replaced is None:
            return
        self.figures.visible = False
        source = self.cube.value
        self._run = _Run(request, source, replaced)
        work = partial(super_resolve, request)
        self._runner.start(work, f"Super-resolution of {source.name}")

    def _replaced(self, request: Request) -> tuple[Layer, ...] | None:
        """Return the layers of an older result that goes; None where nothing is to be done."""
        if request.region is not None or request.output is not None:
            return ()
        old = [x for x in self._viewer.layers if is_cube(x) and x.name == request.result_name()]
        if not old:
            return ()
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self.native,
            "Super-resolution",
            f"The result '{old[0].name}' already exists. Replace it? 'No' keeps both.",
            buttons.Yes | buttons.No | buttons.Cancel,
        )
        if answer == buttons.Cancel:
            return None
        picture = picture_of(old[0], self._viewer.layers)
        both = (old[0],) if picture is None else (old[0], picture)
        return both if answer == buttons.Yes else ()

    def cancel(self) -> None:
        """Stop the run within a tile; the layers stay as they are."""
        self._runner.cancel()

    def _on_progress(self, event: Progress) -> None:
        from napari_dodn.upscaling.job import UPSCALING  # loads PyTorch, which the run has done

        run = self._run
        if run is None:
            return
        if isinstance(event, Ready):
            if run.began is not None:
                began, done = run.began
                height, width = run.request.size()
                note_speed(PANEL, run.request, height * width - done, time.monotonic() - began)
            self._show(event.outcome, run)
        elif run.began is None and event.message == UPSCALING:
            run.began = time.monotonic(), event.done

    def _on_ended(self, outcome: Outcome | Failure | Cancelled) -> None:
        assert self._run is not None
        run, self._run = self._run, None
        if isinstance(outcome, Failure):
            self._runner.say(sentence(outcome.error, "The super-resolution"), is_fault=True)
            show_error(self.status.value)
        elif isinstance(outcome, Cancelled) and run.request.resume:
            self._runner.say("Cancelled. Press Run to continue.")
        elif isinstance(outcome, Cancelled) and run.request.start_over:
            self._runner.say("Cancelled; the unfinished result was removed.")
        elif isinstance(outcome, Outcome):
            done = f"Done: {str(outcome.cube).removeprefix('HyperCube ')}."
            self._runner.say(" ".join((done, *outcome.remarks)))
            if run.request.blur == AUTO and run.source is self.cube.value:
                self.blur.show_found(outcome.blur)
            if outcome.note:
                show_warning(outcome.note)
            if outcome.qualities:
                self.figures.show_figures(outcome.qualities)
        self._on_asked()

    def _show(self, outcome: Outcome, run: _Run) -> None:
        """Show the result over its source, which may have been deleted meanwhile."""
        run.shown = True
        for layer in run.replaced:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        layers = laid_over(outcome.layers, run.source, run.request.model.scale, run.request.region)
        if run.request.region is not None and run.request.output is None:
            layers = numbered(layers, self._viewer.layers)
        self._result, *_ = [self._viewer.add_layer(Layer.create(*layer)) for layer in layers]
        self.saved.visible = False
        self._on_saving()

    # A look before the run

    def preview_blur(self) -> BlurPreview | None:
        """Show what is on the screen at three numbers; one of them can be chosen there.

        An earlier preview closes.
        """
        self._close_preview()
        request, _ = self._asked()
        source = self.cube.value
        if request is None or source is None:
            return None
        try:
            seen = region_of(VIEW, self._viewer, source)
        except UserError:  # it is out of sight
            seen = None
        whole = Region(0, source.data.shape[1], 0, source.data.shape[2])
        preview = BlurPreview(self.native, request, middle_of(seen or whole))
        preview.chosen.connect(self._on_blur_chosen)
        preview.finished.connect(self._on_preview_closed)
        preview.show()
        self._preview = preview
        return preview

    def _close_preview(self) -> None:
        if self._preview is not None:
            self._preview.reject()

    def _on_preview_closed(self, _: int) -> None:
        self._preview = None

    def _on_blur_chosen(self, sigma: float) -> None:
        self.blur.value = sigma

    def _request(self) -> Request:
        request, fault = self._asked()
        if request is None:
            raise NothingToCopyError(fault or "")
        return request

    # The result as a file

    def save(self) -> None:
        """Ask for a file, and write the result of the last run into it."""
        if self._result is not None:
            self._saver.save(self._result)
        self._on_saving()

    def _on_saving(self) -> None:
        self.save_button.enabled = self._result is not None and not self._saver.busy

    def _on_saved(self, sentence: str) -> None:
        self.saved.value = self.saved.tooltip = sentence
        self.saved.visible = True
        self._on_saving()

    def _abandon(self) -> None:
        self._runner.abandon()
        self._run = None

    def _going_on(self) -> str:
        return "" if self._run is None else f"'{self._run.source.name}' is being sharpened."
