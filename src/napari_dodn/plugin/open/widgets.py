"""The parts of the Open panel: a line for a path, a list of cubes with pictures, wavelengths."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_dodn.formats import Candidate
from napari_dodn.formats.registry import ALL_FILES, dialog_filter, files_of
from napari_dodn.formats.tables.wavelength_files import SUFFIXES as WAVELENGTH_SUFFIXES
from napari_dodn.paths import expanded
from napari_dodn.plugin.kit.dragging import dragged_files
from napari_dodn.plugin.kit.forms import side_by_side
from napari_dodn.plugin.kit.settings import settings_of

PANEL, FOLDER = "open", "folder"
"""Where the folder of the last file is remembered."""

THUMBNAIL = 48
PREVIEW = 168
"""Pixels of the screen."""

ROWS_SEEN = 3

UNITS = ("nm", "µm", "cm⁻¹")

WAVELENGTH_FILES = f"{dialog_filter('Wavelengths', *WAVELENGTH_SUFFIXES)};;{ALL_FILES}"


def dragged_file(event: QDropEvent) -> tuple[str, str]:
    """Return the first file or folder that is dragged, and a sentence on others that are not used.

    Both are empty where there is none. Files of the same cube are no others.
    """
    first, *more = dragged_files(event) or [Path()]
    if first == Path():
        return "", ""
    if not set(more) - set(files_of(first)):
        return str(first), ""
    return str(first), f"Only {first.name} is used; drop one file or folder at a time."


def pixmap(picture: np.ndarray, side: int) -> QPixmap:
    """Return a picture (y, x, 3) as large as fits into a square."""
    height, width = picture.shape[:2]
    image = QImage(
        np.ascontiguousarray(picture).tobytes(),
        width,
        height,
        3 * width,
        QImage.Format.Format_RGB888,
    )
    larger = max(height, width) < side  # whose pixels are to be seen as they are
    mode = (
        Qt.TransformationMode.FastTransformation
        if larger
        else Qt.TransformationMode.SmoothTransformation
    )
    scaled = image.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, mode)
    return QPixmap.fromImage(scaled)


class PathLine(QWidget):
    """A line for a path, with a button for a file and one for a folder.

    `chosen` is emitted with the path.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setPlaceholderText("drop a file or folder here")
        self.line.setAcceptDrops(False)  # the panel does, and the line would write "file://"
        self.line.setToolTip(
            "A file or a folder of band images. You can also drop it on the panel."
        )
        self.file_button = QPushButton("File…")
        self.folder_button = QPushButton("Folder…")
        side_by_side(self, self.line, self.file_button, self.folder_button)
        self._told = ""
        self._settings = settings_of(PANEL)
        self.line.returnPressed.connect(self._on_return)
        self.line.editingFinished.connect(self._on_edited)
        self.file_button.clicked.connect(self._ask_file)
        self.folder_button.clicked.connect(self._ask_folder)

    def choose(self, path: str) -> None:
        """Put a path into the line and tell of it, even where it is the same as before."""
        self._told = path.strip().strip('"')  # in which Windows copies a path
        self.line.setText(self._told)
        if self._told:
            with suppress(OSError):  # what is wrong with the path is told by who opens it
                if (folder := expanded(self._told).parent).is_dir():
                    self._settings.setValue(FOLDER, str(folder))
            self.chosen.emit(self._told)

    def _on_return(self) -> None:
        self.choose(self.line.text())

    def _on_edited(self) -> None:
        if self.line.text().strip() != self._told:
            self.choose(self.line.text())

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a hyperspectral cube", self._beginning())
        if path:
            self.choose(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self, "Open a folder of band images", self._beginning()
        )
        if path:
            self.choose(path)

    def _beginning(self) -> str:
        last = str(self._settings.value(FOLDER, ""))
        return str(expanded(self._told).parent) if self._told else last


class CandidateList(QListWidget):
    """The cubes of a source, each with its shape, type and picture.

    `chosen` is emitted with the number of the one that a person has chosen.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # Not the current row, which Qt makes the first one when the list is tabbed to.
        self.itemSelectionChanged.connect(self._on_selected)

    @property
    def place(self) -> int:
        """The number of the chosen cube, -1 where there is none."""
        chosen = self.selectedIndexes()
        return chosen[0].row() if chosen else -1

    def show_candidates(self, candidates: list[Candidate]) -> None:
        """List other cubes; the only one is chosen, one of several never is."""
        self.blockSignals(True)
        self.clear()
        blank = QPixmap(THUMBNAIL, THUMBNAIL)
        blank.fill(Qt.GlobalColor.transparent)
        for candidate in candidates:
            item = QListWidgetItem(_two_lines(candidate))
            item.setToolTip(item.text())
            item.setIcon(QIcon(blank))
            item.setSizeHint(QSize(10, THUMBNAIL + 6))
            self.addItem(item)
        self.setCurrentRow(-1)
        self.blockSignals(False)
        rows = min(max(len(candidates), 1), ROWS_SEEN)
        self.setFixedHeight(rows * (THUMBNAIL + 6) + 2 * self.frameWidth() + 2)
        if len(candidates) == 1:
            self.setCurrentRow(0)

    def show_type(self, candidate: Candidate) -> None:
        """Correct the type of the chosen cube, which MATLAB files tell only when they are read."""
        for item in self.selectedItems():
            item.setText(_two_lines(candidate))

    def show_picture(self, place: int, picture: np.ndarray) -> None:
        """Give one of the cubes its picture."""
        item = self.item(place)
        if item is not None:
            icon, thumbnail = QIcon(), pixmap(picture, THUMBNAIL)
            icon.addPixmap(thumbnail, QIcon.Mode.Normal)
            icon.addPixmap(thumbnail, QIcon.Mode.Selected)  # which Qt would tint
            item.setIcon(icon)

    def _on_selected(self) -> None:
        if self.place >= 0:
            self.chosen.emit(self.place)


def _two_lines(candidate: Candidate) -> str:
    size = " × ".join(str(length) for length in candidate.shape)
    return f"{candidate.name or 'no name'}\n{size}, {candidate.dtype}"


class WavelengthLine(QWidget):
    """A line for wavelengths, their unit, and a menu of where else they can come from.

    `changed` is emitted when text or unit are others, `said` with a sentence for the person. What
    `menu` offers is to be filled in by `offer` when it is about to be shown.
    """

    changed = Signal()
    said = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setToolTip(
            "A range with a step (400:700:10), a range (400:700), a list (450, 550, 650),\n"
            f"or a file: {', '.join(WAVELENGTH_SUFFIXES)}. Leave it empty to use those of the"
            " source."
        )
        self.line.setClearButtonEnabled(True)
        self.line.setAcceptDrops(False)
        self.setAcceptDrops(True)
        self.unit = QComboBox()
        self.unit.addItems(UNITS)
        self.unit.setToolTip(
            "The unit of these values, unless the text or the file states its own: nanometres,"
            " micrometres or wavenumbers."
        )
        self.more = QPushButton("From…")
        self.more.setToolTip("Use the wavelengths of a file or of another layer.")
        self.menu = QMenu(self.more)
        self.more.setMenu(self.menu)
        side_by_side(self, self.line, self.unit, self.more)
        self.line.textChanged.connect(self.changed)
        self.unit.currentIndexChanged.connect(self.changed)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a file of wavelengths."""
        if dragged_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take the wavelengths of the file that is dropped."""
        event.acceptProposedAction()
        path, left_out = dragged_file(event)
        self.line.setText(path)
        if left_out:
            self.said.emit(left_out)

    @property
    def text(self) -> str:
        """What is written."""
        return self.line.text()

    @property
    def unit_name(self) -> str:
        """The unit that is chosen."""
        return self.unit.currentText()

    def clear(self) -> None:
        """Forget what was written for another cube, and tell nobody."""
        self.blockSignals(True)
        self.line.clear()
        self.line.setPlaceholderText("")
        self.blockSignals(False)

    def offer(self, layers: dict[str, np.ndarray]) -> None:
        """Offer a file, and layers by their names with their wavelengths in nanometres."""
        self.menu.clear()
        self.menu.addAction("a file …", self._ask_file)
        if layers:
            self.menu.addSeparator()
        for name, wavelengths in layers.items():
            self.menu.addAction(f"layer {name}", partial(self.take, wavelengths))

    def take(self, wavelengths: np.ndarray) -> None:
        """Write down wavelengths in nanometres, to the last digit."""
        self.line.setText(", ".join(repr(float(value)) for value in wavelengths) + " nm")
        self.line.setCursorPosition(0)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Wavelengths", "", WAVELENGTH_FILES)
        if path:
            self.line.setText(path)
