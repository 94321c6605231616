"""The panel *Super-resolve a folder*: every cube in a folder, one after the other, and a report."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, Container, FileEdit, PushButton, Table
from qtpy.QtWidgets import QFileDialog

from napari_dodn.batch import (
    Figures,
    Row,
    batch_steps,
    csv_text,
    headings,
    in_words,
    tasks_of,
)
from napari_dodn.cube import HyperCube
from napari_dodn.formats import is_resumable, written_formats
from napari_dodn.formats.finding import find_cubes
from napari_dodn.jobs import Steps
from napari_dodn.plugin.kit.copying import COMMAND, CopyButton, NothingToCopyError
from napari_dodn.plugin.kit.forms import LinedUp
from napari_dodn.plugin.kit.job import Cancelled, Failure
from napari_dodn.plugin.kit.lifetime import Lifetime
from napari_dodn.plugin.kit.models import ScaleBox, models
from napari_dodn.plugin.kit.runner import Runner
from napari_dodn.plugin.kit.scrolling import scroll_where_low
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.replacing import replace_text

if TYPE_CHECKING:
    import napari

NAMES = "{stem}-x{scale}"


@dataclass(frozen=True)
class Request:
    """What the panel is set to."""

    source: Path
    target: Path
    scale: int
    suffix: str


def super_resolve_all(
    request: Request, rows: list[Row], cancelled: Callable[[], bool]
) -> Steps[list[Row]]:
    """Super-resolve every cube in a folder; `rows` gets the report as it comes."""
    from napari_dodn.upscaling import UpscaleOptions, upscale_steps

    options = UpscaleOptions(scale=request.scale)

    def work(cube: HyperCube, output: Path) -> Steps[Figures]:
        resume = True if is_resumable(output) else None
        steps = upscale_steps(cube, options, output=output, resume=resume, cancelled=cancelled)
        done = yield from steps
        return {"remarks": " ".join(done.remarks)}

    names, fields = NAMES + request.suffix, {"scale": request.scale}
    items = tasks_of(find_cubes([request.source]), request.target, names, fields, work)
    return (yield from batch_steps(items, rows))


class SuperResolveFolder(Container):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer in which it lies; napari fills it in. Nothing is added to it.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        self._rows: list[Row] = []
        formats = [(name, suffixes[0]) for name, suffixes in written_formats(by_tiles=True).items()]
        folder = FileDialogMode.EXISTING_DIRECTORY
        self.source = FileEdit(
            label="Folder",
            mode=folder,
            nullable=True,
            tooltip="All cubes in this folder and its subfolders are sharpened.",
        )
        self.target = FileEdit(
            label="Results",
            mode=folder,
            nullable=True,
            tooltip="The folder for the results. Results that already exist are skipped.",
        )
        self.scale = ScaleBox("Pixels along y and x for each pixel of a cube.")
        self.format = ComboBox(
            label="Format", choices=formats, tooltip="The file format of the results."
        )
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
        form: Container = Container(widgets=[self.source, self.target, self.scale, self.format])
        form.margins = (0, 0, 0, 0)
        super().__init__(widgets=[form, *self._runner.widgets, self.report], labels=False)
        LinedUp(scroll_where_low(self.native))
        for asked in (self.source, self.target, self.scale, self.format):
            asked.changed.connect(self._on_asked)
        self.run_button.clicked.connect(self.run)
        self.report_button.clicked.connect(self.save_report)
        self._runner.ended.connect(self._on_ended)
        models.changed.connect(self.scale.list_again)
        self._lifetime = Lifetime(self.native, napari_viewer, self._going_on)
        self._lifetime.then(
            self._runner.abandon, lambda: models.changed.disconnect(self.scale.list_again)
        )
        self._on_asked()

    def _on_asked(self, _: Any = None) -> None:
        chosen = None not in (self.source.value, self.target.value)
        self._runner.judge(self._fault(), is_hint=not chosen)

    def _fault(self) -> str:
        """Return what keeps the panel from running, in one sentence; nothing where nothing does."""
        if self.source.value is None or self.target.value is None:
            return "Choose a folder of cubes and a folder for the results."
        source, target = Path(str(self.source.value)), Path(str(self.target.value))
        if not source.is_dir():
            return f"There is no folder {source}."
        if target.resolve() == source.resolve():
            return "Choose another folder for the results, so that they do not mix with the cubes."
        return "" if self.scale.value is not None else "There is no model."

    def _as_command(self) -> str:
        if fault := self._fault():
            raise NothingToCopyError(fault)
        folders = str(self.source.value), str(self.target.value)
        options = ["--scale", str(self.scale.value), "--names", NAMES + self.format.value]
        return shlex.join(["napari-dodn", "upscale", *folders, *options])

    def _on_copied(self, sentence: str) -> None:
        self._runner.say(sentence)

    def run(self) -> None:
        """Start what is asked for, unless something is going on."""
        if self._runner.busy or self._fault():
            return
        rows: list[Row] = []
        self._rows = rows
        request = Request(
            Path(str(self.source.value)),
            Path(str(self.target.value)),
            self.scale.value,
            self.format.value,
        )
        self._runner.start(
            lambda cancelled: super_resolve_all(request, rows, cancelled), "Super-resolve a folder"
        )

    def _on_ended(self, outcome: list[Row] | Failure | Cancelled) -> None:
        rows = self._rows
        if isinstance(outcome, Failure):
            self._runner.say(sentence(outcome.error, "Super-resolving the folder"), is_fault=True)
        else:
            said = "No cube was found." if not rows else in_words(rows)
            stopped = "Cancelled. Press Run to continue. " if isinstance(outcome, Cancelled) else ""
            self._runner.say(stopped + said)
        columns = [name for name in headings(rows) if name != "seconds"]
        texts = [[str(row.columns().get(name, "")) for name in columns] for row in rows]
        self.report.value = {"data": texts, "columns": columns} if rows else {}
        self.report.visible = self.report_button.enabled = bool(rows)

    def save_report(self) -> None:
        """Ask for a file and write the report there."""
        name, _ = QFileDialog.getSaveFileName(self.native, "Save report", "report.csv", "*.csv")
        if not name:
            return
        try:
            replace_text(Path(name), csv_text(self._rows))
        except OSError as error:
            self._runner.say(sentence(error, "Saving the report"), is_fault=True)

    def _going_on(self) -> str:
        return "A folder is being super-resolved." if self._runner.busy else ""
