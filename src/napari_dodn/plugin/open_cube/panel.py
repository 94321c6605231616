"""The Open panel: which cube, how its axes are understood, and which wavelengths it has.

It only asks and shows. Files are read in a job's thread; the last thing asked for counts.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_dodn.cube import HyperCube
from napari_dodn.formats import Candidate
from napari_dodn.plugin.open_cube.latest import PATIENCE_MS, Latest
from napari_dodn.plugin.open_cube.sources import (
    Choice,
    Fault,
    Field,
    FileSource,
    Preview,
    Source,
    Thumbnail,
    layer_steps,
    listing_steps,
    order_in_words,
    orders,
    preview_steps,
    thumbnail_steps,
)
from napari_dodn.plugin.open_cube.widgets import (
    PREVIEW,
    CandidateList,
    PathLine,
    Sentence,
    WavelengthLine,
    narrow,
    pixmap,
)
from napari_dodn.plugin.worker import Departure

if TYPE_CHECKING:
    import napari

WARNING_ON_LIGHT = "#b00020"
"""napari's yellow for warnings cannot be read on its light theme, its red not on the dark one."""


class OpenCube(QWidget):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers go; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._source: Source | None = None
        self._candidates: list[Candidate] = []
        self._preview: Preview | None = None
        self._listing, self._thumbnails = Latest(), Latest()
        self._previewing, self._opening = Latest(), Latest()
        self._jobs = (self._listing, self._thumbnails, self._previewing, self._opening)
        self._build()
        self._connect()
        self._departure: Departure | None = Departure(self, self._leave)
        self._on_theme()
        self._clear()

    @property
    def busy(self) -> bool:
        """Whether something is read that was asked for."""
        return any(job.busy for job in self._jobs)

    # Building

    def _build(self) -> None:
        self.path = PathLine()
        self.list = CandidateList()
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setFixedHeight(PREVIEW)
        self.axes = QComboBox()
        self.axes.setToolTip("What the stored axes are, in their order.")
        narrow(self.axes)
        self.wavelengths = WavelengthLine(self._wavelengths_of_layers)
        self.open_button = QPushButton("Open")
        self.faults = {field: Sentence() for field in Field}
        self.hint, self.reason, self.facts, self.status = (Sentence() for _ in range(4))

        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, field in (
            ("Path", self.path),
            ("", self.faults[Field.SOURCE]),
            ("Cubes", self.list),
            ("", self.hint),
            ("", self.picture),
            ("Axes", self.axes),
            ("", self.reason),
            ("", self.faults[Field.AXES]),
            ("Wavelengths", self.wavelengths),
            ("", self.facts),
            ("", self.faults[Field.WAVELENGTHS]),
        ):
            self.form.addRow(name, field)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(6, 6, 6, 6)
        whole.addLayout(self.form)
        whole.addWidget(self.open_button)
        whole.addWidget(self.status)
        self.setAcceptDrops(True)

    def _connect(self) -> None:
        self.path.chosen.connect(self._on_path)
        self.list.chosen.connect(self._on_candidate)
        self.axes.currentIndexChanged.connect(self._on_axes)
        self.wavelengths.changed.connect(self._on_wavelengths)
        self.open_button.clicked.connect(self.open)
        self._listing.finished.connect(self._on_listed)
        self._thumbnails.progressed.connect(self._on_thumbnail)
        self._previewing.finished.connect(self._on_previewed)
        self._opening.finished.connect(self._on_layers_made)
        for job in self._jobs:
            job.failed.connect(self._on_failed)
        self._viewer.events.theme.connect(self._on_theme)

    # Which source

    def open_path(self, path: str | Path) -> None:
        """Look into a file or folder, as if a person had chosen it."""
        self.path.choose(str(path))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take what comes from a file manager."""
        if event.mimeData().hasUrls() and event.mimeData().urls()[0].isLocalFile():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Look into the first file or folder that is dropped."""
        event.acceptProposedAction()
        self.open_path(event.mimeData().urls()[0].toLocalFile())

    def _on_path(self, path: str) -> None:
        self._look_into(FileSource(Path(path).expanduser()))

    def _look_into(self, source: Source) -> None:
        self._clear()
        self._source = source
        self.hint.say("Looking into it …")
        self._listing.ask(lambda _: listing_steps(source), f"Looking into {source.name}")

    def _clear(self) -> None:
        """Forget what was found in the source before."""
        for job in self._jobs:
            job.drop()
        self._source, self._candidates = None, []
        self.list.show_candidates([])
        for label in (self.hint, self.status):
            label.say("")
        self._forget_candidate()

    def _forget_candidate(self) -> None:
        self._preview = None
        self.picture.hide()
        self.axes.blockSignals(True)
        self.axes.clear()
        self.axes.blockSignals(False)
        for label in (self.reason, self.facts, *self.faults.values()):
            label.say("")
        for name in ("axes", "wavelengths", "open_button"):
            getattr(self, name).setEnabled(False)

    # Which cube

    def _on_listed(self, found: list[Candidate] | Fault) -> None:
        self.hint.say("")
        if isinstance(found, Fault):
            self._show_fault(found)
            return
        self._candidates = found
        self.list.show_candidates(found)
        if len(found) > 1:
            self.hint.say(f"There are {len(found)}; choose one.")
            assert self._source is not None
            steps = partial(thumbnail_steps, self._source, found)
            self._thumbnails.ask(steps, f"Pictures of {self._source.name}")

    def _on_thumbnail(self, event: Thumbnail) -> None:
        self.list.show_picture(event.place, event.picture)

    @property
    def candidate(self) -> Candidate | None:
        """The cube that is chosen."""
        place = self.list.currentRow()
        return self._candidates[place] if 0 <= place < len(self._candidates) else None

    def _on_candidate(self, place: int) -> None:
        candidate = self._candidates[place]
        self._forget_candidate()
        self.hint.say("")
        self.status.say("")
        self.axes.blockSignals(True)
        for axes in orders(candidate):
            self.axes.addItem(order_in_words(candidate, axes), axes)
        self.axes.blockSignals(False)
        self.axes.setEnabled(self.axes.count() > 1)
        self.wavelengths.setEnabled(True)
        self.reason.say(candidate.reason)
        self._ask_preview(0)

    # How it is understood

    @property
    def choice(self) -> Choice | None:
        """All that is chosen."""
        if self._source is None or self.candidate is None:
            return None
        choice = Choice(
            self._source,
            self.candidate,
            str(self.axes.currentData()),
            self.wavelengths.text,
            self.wavelengths.unit_name,
            name_tells=len(self._candidates) > 1,
        )
        known = self._preview
        if known and (known.choice.candidate, known.choice.axes) == (choice.candidate, choice.axes):
            return replace(choice, stored=known.stored)
        return choice

    def _on_axes(self, _: int) -> None:
        candidate, axes = self.candidate, self.axes.currentData()
        if candidate is None:
            return
        proposed = order_in_words(candidate, candidate.axes)
        self.reason.say(candidate.reason if axes == candidate.axes else f"Proposed: {proposed}.")
        self._ask_preview(0)

    def _on_wavelengths(self) -> None:
        if self.candidate is not None:
            self._ask_preview(PATIENCE_MS)

    def _ask_preview(self, patience_ms: int) -> None:
        choice = self.choice
        assert choice is not None
        self.open_button.setEnabled(False)
        for label in self.faults.values():
            label.say("")
        steps = partial(preview_steps, choice)
        self._previewing.ask(steps, f"Reading {choice.source.name}", patience_ms)

    def _on_previewed(self, found: Preview | Fault) -> None:
        if isinstance(found, Fault):
            self._preview = None
            self.picture.hide()
            self.facts.say("")
            self._show_fault(found)
            return
        self._preview = found
        self.picture.setPixmap(pixmap(found.picture, PREVIEW))
        self.picture.show()
        self.list.show_picture(self.list.currentRow(), found.picture)
        self.facts.say(_facts(found.cube))
        self.facts.setToolTip("\n".join(found.cube.notes))
        self.wavelengths.line.setPlaceholderText(
            "none" if found.stored.wavelengths is None else "as they are"
        )
        if found.fault is not None:
            self._show_fault(found.fault)
        self.open_button.setEnabled(found.fault is None)

    def _wavelengths_of_layers(self) -> dict[str, np.ndarray]:
        """Return the wavelengths of the open cubes that have as many bands as this one."""
        from napari_dodn.plugin.forms import cube_choices
        from napari_dodn.plugin.layers import cube_from_layer

        bands = 0 if self._preview is None else self._preview.cube.bands
        cubes = {name: cube_from_layer(layer) for name, layer in cube_choices(self._viewer)}
        return {
            name: cube.wavelengths
            for name, cube in cubes.items()
            if cube.wavelengths is not None and cube.bands == bands
        }

    # Opening

    def open(self) -> None:
        """Add the layers of the chosen cube; they are made in a thread."""
        if self._preview is None or not self.open_button.isEnabled():
            return
        self.open_button.setEnabled(False)
        cube = self._preview.cube
        self.status.say("Opening …")
        self._opening.ask(lambda _: layer_steps(cube), f"Opening {cube.name}")

    def _on_layers_made(self, layers: list[Any]) -> None:
        from napari_dodn.plugin.wavelength_label import label_wavelengths

        for layer in layers:
            self._viewer.add_layer(Layer.create(*layer))
        label_wavelengths(self._viewer)
        self.open_button.setEnabled(self._preview is not None)
        notes = self._preview.cube.notes if self._preview is not None else ()
        self.status.say(" ".join((f"Opened as '{self._viewer.layers[-2].name}'.", *notes)))

    # Showing

    def _show_fault(self, fault: Fault) -> None:
        self.faults[fault.field].say(fault.sentence)

    def _on_failed(self, sentence: str) -> None:
        self.hint.say("")
        self.status.say("")
        self.faults[Field.SOURCE].say(sentence)
        self.open_button.setEnabled(False)

    def _on_theme(self, _: Any = None) -> None:
        theme = get_theme(self._viewer.theme)
        colour = theme.warning.as_hex("long") if theme.type == "dark" else WARNING_ON_LIGHT
        for label in self.faults.values():
            label.setStyleSheet(f"color: {colour}")

    def _leave(self) -> None:
        """Let go of the viewer, because the dock was closed or its window was."""
        if self._departure is None:
            return
        self._departure = None
        for job in self._jobs:
            job.close()
        self._viewer.events.theme.disconnect(self._on_theme)


def _facts(cube: HyperCube) -> str:
    """Return what a cube comes to, in one line."""
    bands, height, width = cube.shape
    known = cube.wavelengths
    if known is None:
        spectrum = "without wavelengths"
    else:
        spectrum = f"of {np.nanmin(known):.4g} – {np.nanmax(known):.4g} nm"
    size = f"{height} × {width} pixels ({cube.data.dtype})"
    return f"{bands} band{'s' * (bands != 1)} {spectrum}, {size}."
