"""The Super-resolution panel: a cube layer in, a sharper one over it.

It only asks and shows. What is asked is a `Request`, which checks itself; a `Runner` does it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import PushButton
from napari.layers import Layer
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMessageBox

from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress
from napari_dodn.plugin.kit.blur import AUTO
from napari_dodn.plugin.kit.copying import COMMAND, PYTHON, CopyButton
from napari_dodn.plugin.kit.forms import sentence_row
from napari_dodn.plugin.kit.job import Cancelled, Failure
from napari_dodn.plugin.kit.runner import Runner
from napari_dodn.plugin.kit.session import may_continue, may_replace, sentence
from napari_dodn.plugin.upscale.figures import FigureTable
from napari_dodn.plugin.upscale.form import PANEL, SuperResolutionForm
from napari_dodn.plugin.upscale.recipe import as_command, as_python
from napari_dodn.plugin.upscale.regions import SHAPE, lay_rectangle_on_top, numbered
from napari_dodn.plugin.upscale.run import Outcome, Ready, Request, super_resolve
from napari_dodn.plugin.upscale.speed import note_speed
from napari_dodn.plugin.viewer.adding import add_in_turns
from napari_dodn.plugin.viewer.layers import is_cube, picture_name, picture_of
from napari_dodn.plugin.viewer.placing import laid_over
from napari_dodn.plugin.viewer.saving import Saver
from napari_dodn.plugin.viewer.setting_up import set_up
from napari_dodn.plugin.views.bar import CompareBar

if TYPE_CHECKING:
    import napari


@dataclass
class _Run:
    """What is going on, and over which layer its result belongs."""

    request: Request
    source: Layer
    replaced: tuple[Layer, ...]
    is_drawn: bool
    """Whether a drawn region is done."""

    began: tuple[float, int] | None = None
    """When the first tile was begun, and how many pixels a run before had done."""

    shown: bool = False
    adding: bool = False
    """Whether the layers of the result are on their way."""

    ended: Outcome | Failure | Cancelled | None = None
    """How it ended, while that must wait for the layers."""

    is_orphan: bool = False


class SuperResolution(SuperResolutionForm):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose cubes it works on; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, self._going_on)
        self._run: _Run | None = None
        self._result: Layer | None = None
        self._not_compared = ""
        self._build()
        self._saver = Saver(napari_viewer, self.native)
        self.run_button.clicked.connect(self.run)
        self.save_button.clicked.connect(self.save)
        self._runner.progressed.connect(self._on_progress)
        self._runner.ended.connect(self._on_ended)
        self._saver.said.connect(self._on_saved)
        self.compare.failed.connect(self._on_not_compared)
        self._lifetime.then(self.compare.close_down, self._saver.close, self._abandon)
        set_up(napari_viewer)
        self.listen()

    def _build(self) -> None:
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
        self.compare = CompareBar(self._viewer)
        buttons, *standing = self._runner.widgets
        self.lay_out(
            *(self.form, self.advanced, buttons, self.compare),
            *(*standing, self.saved, self.figures),
        )
        self.compare.refresh()

    # What it follows

    def _on_source(self, _: Any = None) -> None:
        super()._on_source()
        self.saved.visible = False  # what was said of another cube's result

    def _on_layers(self, _: Any = None) -> None:
        super()._on_layers()
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

    def _show_fault(self, request: Request | None, fault: str) -> None:
        self._runner.set_fault(fault, is_hint=request is None)

    # A run

    def run(self) -> None:
        """Start what is asked for, unless something is going on."""
        if self._run is not None:
            show_info("A super-resolution is running already; wait for it to end, or cancel it.")
            return
        request, fault = self._asked()
        source = self.cube.value
        try:
            if request is not None and not fault:
                request = self._with_leave(request)
                if request is None:
                    return
        except UserError as error:
            fault = str(error)
        if request is None or fault:
            self._runner.set_fault(fault)
            show_warning(self.status.value)
            return
        replaced = self._replaced(request)
        if replaced is None:
            return
        self.figures.visible = False
        self._run = _Run(request, source, replaced, self.region.value == SHAPE)
        work = partial(super_resolve, request)
        self._runner.start(work, f"Super-resolution of {source.name}")

    def _with_leave(self, request: Request) -> Request | None:
        """Ask about files in the way, and what is unfinished; None where a person wants nothing.

        Raises
        ------
        UserError
            If what is there must stay.
        """
        if present := [path for path in request.written() if path.exists()]:
            request.check_replacing()
            if not may_replace(self.native, "Super-resolution", present):
                return None
            request = replace(request, overwrite=True)
        if (output := request.begun()) is not None:
            goes_on = may_continue(self.native, "Super-resolution", output)
            if goes_on is None:
                return None
            request = replace(request, resume=goes_on, start_over=not goes_on)
        return request

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
        from napari_dodn.upscaling.tiles import UPSCALING  # loads PyTorch, which the run has done

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
        run = self._run
        assert run is not None
        if run.adding:
            run.ended = outcome
            return
        self._run = None
        if isinstance(outcome, Failure):
            self._runner.say(sentence(outcome.error, "The super-resolution"), is_fault=True)
            show_error(self.status.value)
        elif isinstance(outcome, Cancelled) and run.request.resume:
            self._runner.say("Cancelled. Press Run to continue.")
        elif isinstance(outcome, Cancelled) and run.request.start_over:
            self._runner.say("Cancelled; the unfinished result was removed.")
        elif isinstance(outcome, Outcome):
            name = outcome.cube.name if self._result is None else self._result.name
            cube = str(outcome.cube.derive(name=name)).removeprefix("HyperCube ")
            self._runner.say(" ".join((f"Done: {cube}.", *outcome.remarks)))
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
        layers = laid_over(outcome.layers, run.source, run.request.model.scale, run.request.region)
        if run.request.region is not None and run.request.output is None:
            layers = numbered(layers, self._viewer.layers)
        run.adding = True
        add_in_turns(self._viewer, layers, partial(self._on_added, run))

    def _on_added(self, run: _Run, result: Layer | None) -> None:
        run.adding = False
        if result is not None and run.replaced:
            self._replace(run, result)
        if run is not self._run:  # the panel was closed meanwhile
            return
        self._result = result
        if run.is_drawn:
            lay_rectangle_on_top(self._viewer)
        self.saved.visible = False
        self._on_saving()
        if run.ended is not None:
            self._on_ended(run.ended)

    def _replace(self, run: _Run, result: Layer) -> None:
        """Remove the older result, whose name is free for the new one then."""
        layers = self._viewer.layers
        for layer in run.replaced:
            if layer in layers:
                layers.remove(layer)
        picture = picture_of(result, layers)
        result.name = run.request.result_name()
        if picture is not None:
            picture.name = picture_name(result.name)

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
        self.saved.visible = bool(sentence)
        self._on_saving()

    def _on_not_compared(self, fault: str) -> None:
        """Say why nothing can be compared, and no longer when something can."""
        if fault or self.saved.value == self._not_compared:
            self._on_saved(fault)
        self._not_compared = fault

    def _abandon(self) -> None:
        self._runner.abandon()
        self._run = None

    def _going_on(self) -> str:
        return "" if self._run is None else f"'{self._run.source.name}' is being sharpened."
