"""The panel *Super-resolve a folder*: every cube in a folder, one after the other, and a report."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, Container, FileEdit, LineEdit, PushButton, Table
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMessageBox

from napari_dodn.batch import (
    BatchError,
    Figures,
    Row,
    batch_steps,
    check_names,
    csv_text,
    headings,
    in_words,
    tasks_of,
)
from napari_dodn.cube import HyperCube
from napari_dodn.errors import reason_of
from napari_dodn.formats import is_resumable, written_formats
from napari_dodn.formats.finding import find_cubes
from napari_dodn.formats.leftovers import discard
from napari_dodn.jobs import Steps
from napari_dodn.paths import expanded
from napari_dodn.plugin.kit.asking import ask_where
from napari_dodn.plugin.kit.blur import BlurBox
from napari_dodn.plugin.kit.box import Folded, tab_on
from napari_dodn.plugin.kit.computing import ClusterEdit, DeviceBox, cluster_at, fault_of_cluster
from napari_dodn.plugin.kit.copying import (
    COMMAND,
    CopyButton,
    NothingToCopyError,
    command_line,
    options_of,
    words_of,
)
from napari_dodn.plugin.kit.forms import LinedUp
from napari_dodn.plugin.kit.job import Cancelled, Failure
from napari_dodn.plugin.kit.lifetime import Lifetime
from napari_dodn.plugin.kit.model_choice import ModelChoice, no_model
from napari_dodn.plugin.kit.models import models
from napari_dodn.plugin.kit.runner import Runner
from napari_dodn.plugin.kit.scrolling import scroll_where_low
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.kit.settings import remember
from napari_dodn.replacing import replace_text
from napari_dodn.wording import few_of

if TYPE_CHECKING:
    import napari

    from napari_dodn.network.model_file import ModelCard

NAMES = "{stem}-x{scale}"
PANEL = "super-resolve a folder"

FEW = 3
"""Files that a question names."""


MOST_LETTERS = 40
"""Width of the widest column of the report, in letters."""


@dataclass(frozen=True)
class Request:
    """What the panel is set to.

    Attributes
    ----------
    source, target : Path
        The folders of the cubes and of the results.
    names : str
        Pattern for the names of the results, with its ending.
    model : ModelCard
        The network; it fixes the scale.
    device, blur : str, float or str
        As `napari_dodn.upscale` takes them.
    scheduler : str
        Address of the scheduler of a Dask cluster that does the tiles; empty for this machine.
    start_over : frozenset of Path
        Results of which nothing that is unfinished is continued.
    """

    source: Path
    target: Path
    names: str
    model: ModelCard
    device: str = "auto"
    blur: float | str = "auto"
    scheduler: str = ""
    start_over: frozenset[Path] = frozenset()

    @property
    def fields(self) -> dict[str, object]:
        """What the pattern may hold that is the same for all cubes."""
        return {"scale": self.model.scale, "model": self.model.name}

    def fault(self) -> str:
        """Return what keeps this from being done, in one sentence; nothing where nothing does."""
        if not self.source.is_dir():
            return f"There is no folder {self.source}."
        if self.target.resolve() == self.source.resolve():
            return "Choose another folder for the results, so that they do not mix with the cubes."
        try:
            check_names(self.names, self.fields)
        except BatchError as error:
            return str(error)
        return fault_of_cluster(Path(self.names)) if self.scheduler else ""


@dataclass
class Report:
    """What has come of a run so far.

    Attributes
    ----------
    rows : list of Row
        Of the cubes.
    begun_otherwise : list of Path
        Results that an earlier run with other settings has left unfinished.
    """

    rows: list[Row] = field(default_factory=list)
    begun_otherwise: list[Path] = field(default_factory=list)


def super_resolve_all(
    request: Request, report: Report, cancelled: Callable[[], bool]
) -> Steps[list[Row]]:
    """Super-resolve every cube in a folder; the report is filled as it goes on."""
    from napari_dodn.upscaling import UpscaleOptions, upscale_steps
    from napari_dodn.upscaling.restart import BegunOtherwiseError

    options = UpscaleOptions(
        scale=request.model.scale,
        model=request.model.path,
        device=request.device,
        blur=request.blur,
    )
    with cluster_at(request.scheduler) as crew:

        def work(cube: HyperCube, output: Path) -> Steps[Figures]:
            if output in request.start_over:
                discard(output)
            try:
                done = yield from upscale_steps(
                    cube,
                    options,
                    output=output,
                    resume=True if is_resumable(output) else None,
                    crew=crew,
                    cancelled=cancelled,
                )
            except BegunOtherwiseError as error:
                report.begun_otherwise.append(output)
                raise BatchError(error.in_window) from error
            return {"remarks": " ".join(done.remarks)}

        found = find_cubes([request.source])
        items = tasks_of(found, request.target, request.names, request.fields, work)
        together = 1 if crew is None else crew.results_at_a_time
        return (yield from batch_steps(items, report.rows, together))


class SuperResolveFolder(Container):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer in which it lies; napari fills it in. Nothing is added to it.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        self._request: Request | None = None
        self._report = Report()
        formats = [(name, suffixes[0]) for name, suffixes in written_formats(by_tiles=True).items()]
        folder = FileDialogMode.EXISTING_DIRECTORY
        self.source = FileEdit(
            label="Folder",
            mode=folder,
            nullable=True,
            tooltip="All cubes in this folder and in the folders in it are sharpened.",
        )
        self.target = FileEdit(
            label="Results",
            mode=folder,
            nullable=True,
            tooltip="The folder for the results. Results that already exist are skipped.",
        )
        self.choice = ModelChoice()
        self.scale, self.model = self.choice.scale, self.choice.model
        self.names = LineEdit(
            label="Names",
            value=NAMES,
            tooltip="Pattern for the names of the results: {stem} is the cube's name, {folder} that"
            " of its folder, {number} counts the cubes; {scale} and {model} are those chosen."
            " The format below adds the ending.",
        )
        self.format = ComboBox(
            label="Format", choices=formats, tooltip="The file format of the results."
        )
        self.blur = BlurBox(label="Sensor blur")
        self.device, self.cluster = DeviceBox(), ClusterEdit()
        self.report_button = PushButton(
            text="Save report…",
            enabled=False,
            tooltip="Save the list of results and failures as CSV.",
        )
        self.copy_button = CopyButton({COMMAND: self._as_command})
        self.copy_button.said.connect(self._on_copied)
        self._runner: Runner[list[Row]] = Runner(self.report_button, self.copy_button)
        self.run_button, self.cancel_button = self._runner.run_button, self._runner.cancel_button
        self.status = self._runner.status
        self.report = Table(visible=False)
        form: Container = Container()
        form.extend(
            [self.source, self.target, *self.choice.widgets, self.blur, self.names, self.format]
        )
        advanced: Container = Container(widgets=[self.device, self.cluster])
        for part in (form, advanced):
            part.margins = (0, 0, 0, 0)
        self.advanced = Folded("Advanced", advanced.native)
        self._advanced_form = advanced  # whose widgets go with it
        super().__init__(widgets=[form, *self._runner.widgets, self.report], labels=False)
        column = scroll_where_low(self.native)
        column.insertWidget(1, self.advanced)
        tab_on(self.format.native, [self.advanced])
        LinedUp(column)
        remember(PANEL, {"blur": self.blur, "device": self.device, "format": self.format})
        for asked in (
            *(self.source, self.target, self.scale, self.model, self.blur),
            *(self.names, self.format, self.device, self.cluster),
        ):
            asked.changed.connect(self._on_asked)
        self.run_button.clicked.connect(self.run)
        self.report_button.clicked.connect(self.save_report)
        self._runner.ended.connect(self._on_ended)
        models.changed.connect(self._on_models)
        self._lifetime = Lifetime(self.native, napari_viewer, self._going_on)
        self._lifetime.then(
            self._runner.abandon, lambda: models.changed.disconnect(self._on_models)
        )
        self.device.look(lambda: self._lifetime.is_open)
        self._on_asked()

    def reset_choices(self, *_: Any) -> None:
        """Look for choices anew, while the panel is open: napari also tells one that was closed."""
        if self._lifetime.is_open:
            super().reset_choices()

    def _on_models(self) -> None:
        self.choice.list_again()
        self._on_asked()

    def _on_asked(self, _: Any = None) -> None:
        self.choice.follow()
        request, fault = self._asked()
        self._runner.set_fault(fault, is_hint=request is None)

    def _asked(self) -> tuple[Request | None, str]:
        """Return what is asked for, and the sentence that says why it cannot be had."""
        if self.choice.card is None:
            return None, no_model()
        if self.source.value is None or self.target.value is None:
            return None, "Choose a folder of cubes and a folder for the results."
        request = Request(
            source=expanded(str(self.source.value)),
            target=expanded(str(self.target.value)),
            names=self.names.value + self.format.value,
            model=self.choice.card,
            device=self.device.value,
            blur=self.blur.blur,
            scheduler=self.cluster.address,
        )
        return request, request.fault()

    def _as_command(self) -> str:
        request, fault = self._asked()
        if request is None or fault:
            raise NothingToCopyError(fault)
        words = ["napari-dodn", "upscale", str(request.source), str(request.target)]
        words += words_of(options_of(request.model, device=request.device, blur=request.blur))
        if request.scheduler:
            words += ["--scheduler", request.scheduler]
        return command_line([*words, "--names", request.names])

    def _on_copied(self, sentence: str) -> None:
        self._runner.say(sentence)

    def run(self) -> None:
        """Start what is asked for, unless something is going on."""
        request, fault = self._asked()
        if self._runner.busy or request is None or fault:
            self._runner.set_fault(fault, is_hint=request is None)  # a folder may have gone
            return
        self._start(request)

    def _start(self, request: Request) -> None:
        self._request, self._report = request, Report()
        self.report.visible = self.report_button.enabled = False
        work = partial(super_resolve_all, request, self._report)
        self._runner.start(work, "Super-resolve a folder")

    def _on_ended(self, outcome: list[Row] | Failure | Cancelled) -> None:
        rows = self._report.rows
        if isinstance(outcome, Failure):
            self._runner.say(sentence(outcome.error, "Super-resolving the folder"), is_fault=True)
        else:
            said = "No cube was found." if not rows else in_words(rows)
            stopped = "Cancelled. Press Run to continue. " if isinstance(outcome, Cancelled) else ""
            self._runner.say(stopped + said)
        if rows:  # magicgui's table cannot be made empty
            self._show_report(rows)
        self.report.visible = self.report_button.enabled = bool(rows)
        self._on_asked()
        if self._report.begun_otherwise and not isinstance(outcome, Cancelled):
            QTimer.singleShot(0, self._offer_to_start_over)

    def _show_report(self, rows: list[Row]) -> None:
        """Fill the table; paths count from the two folders, and tooltips say all of them."""
        request, table = self._request, self.report.native
        assert request is not None
        columns = [name for name in headings(rows) if name != "seconds"]
        whole = [[str(row.columns().get(name, "")) for name in columns] for row in rows]
        folders = [f"{folder}{os.sep}" for folder in (request.source, request.target)]
        short = [[reduce(_without, folders, text) for text in texts] for texts in whole]
        self.report.value = {"data": short, "index": [], "columns": columns}
        self.report.read_only = True
        for place, text in np.ndenumerate(whole):
            table.item(*place).setToolTip(text)
        table.verticalHeader().hide()
        widest = MOST_LETTERS * table.fontMetrics().averageCharWidth()
        table.horizontalHeader().setMaximumSectionSize(widest)
        table.resizeColumnsToContents()
        table.resizeRowsToContents()

    def _offer_to_start_over(self) -> None:
        """Ask about results that were begun with other settings, and do them anew."""
        request, outputs = self._request, self._report.begun_otherwise
        if request is None or self._runner.busy or not self._lifetime.is_open:
            return
        names = few_of([output.name for output in outputs], FEW)
        question = (
            f"An interrupted run with other settings has left unfinished results: {names}."
            " Discard them and start over? What is finished stays."
        )
        answer = QMessageBox.question(self.native, "Super-resolve a folder", question)
        if answer == QMessageBox.StandardButton.Yes and not self._runner.busy:
            self._start(replace(request, start_over=frozenset(outputs)))

    def save_report(self) -> None:
        """Ask for a file and write the report there."""
        path = ask_where(self.native, "Save report", "report.csv", "CSV (*.csv)")
        if path is None:
            return
        try:
            replace_text(path, csv_text(self._report.rows))
        except OSError as error:
            self._runner.say(f"{path} cannot be written: {reason_of(error)}.", is_fault=True)
        else:
            self._runner.say(f"Saved as {path}.")

    def _going_on(self) -> str:
        return "A folder is being super-resolved." if self._runner.busy else ""


def _without(text: str, part: str) -> str:
    return text.replace(part, "")
