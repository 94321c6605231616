"""The button for files: spectra out and in by file or clipboard, and pictures of the plot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton

from napari_dodn.errors import UserError
from napari_dodn.formats import read_library, write_library
from napari_dodn.formats.registry import ALL_FILES, dialog_filter
from napari_dodn.formats.tables import csv_library
from napari_dodn.formats.tables.libraries import (
    LIBRARY_NAMES,
    LIBRARY_SUFFIXES,
    WRITTEN,
    WRITTEN_NAMES,
)
from napari_dodn.plugin.kit.asking import ask_where
from napari_dodn.plugin.kit.clipboard import copied_text, copy_text
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.profiles import files
from napari_dodn.plugin.profiles.cubes import Cubes
from napari_dodn.plugin.profiles.plot import SpectrumPlot
from napari_dodn.plugin.profiles.store import CurveStore
from napari_dodn.spectra.library import SpectralLibrary

EXPORTS = ";;".join(dialog_filter(kind.name, kind.suffixes[0]) for kind in WRITTEN)
IMPORTS = f"{dialog_filter('Spectral libraries', *LIBRARY_SUFFIXES)};;{ALL_FILES}"
PICTURES = "PNG (*.png);;SVG (*.svg)"


class FileMenu(QPushButton):
    """The button with its menu.

    `told` is emitted with a sentence about what was done, and `scales_differ` after it where
    references are on another scale than the other spectra.

    Parameters
    ----------
    store : CurveStore
        What is exported, and where references go.
    cubes : Cubes
        The bands of the current one are those of imported references.
    plot : SpectrumPlot
        What pictures are made of.
    """

    told = Signal(str)
    scales_differ = Signal()

    def __init__(self, store: CurveStore, cubes: Cubes, plot: SpectrumPlot) -> None:
        super().__init__("Files")
        self._store, self._cubes, self._plot = store, cubes, plot
        menu = QMenu(self)
        menu.addAction(f"Export spectra ({WRITTEN_NAMES}) …", self._ask_export)
        menu.addAction("Copy spectra", self.copy)
        menu.addSeparator()
        menu.addAction(f"Import library ({LIBRARY_NAMES}) …", self._ask_import)
        menu.addAction("Paste spectra", self.paste)
        menu.addSeparator()
        menu.addAction("Save picture of the plot (PNG, SVG) …", self._ask_picture)
        self.setMenu(menu)
        self.setToolTip("Exports hold the ticked spectra as measured, with their description.")

    def export(self, path: Path) -> None:
        """Write the visible spectra as measured; an existing file is replaced."""

        def write() -> str:
            library = files.library_of(self._store)
            write_library(library, path, overwrite=True)
            return f"{_count(library)} written to {path}."

        self._do(write, f"Writing {path}")

    def copy(self) -> None:
        """Copy the visible spectra as CSV text."""

        def copy() -> str:
            library = files.library_of(self._store)
            copy_text(csv_library.text_of(library))
            return f"{_count(library)} copied."

        self._do(copy, "Copying")

    def import_library(self, path: Path) -> None:
        """Add the spectra of a library as references, at the bands of the current cube."""
        self._do(lambda: self._add(read_library(path), path.name), f"Reading {path}")
        self._look_at_scales()

    def paste(self) -> None:
        """Add the spectra that were copied as CSV text."""
        text = copied_text()
        self._do(lambda: self._add(files.library_from_text(text), "the clipboard"), "Pasting")
        self._look_at_scales()

    def save_picture(self, path: Path) -> None:
        """Write the plot as PNG or SVG."""

        def save() -> str:
            self._plot.save(path)
            return f"The plot was written to {path}."

        self._do(save, f"Writing {path}")

    def _add(self, library: SpectralLibrary, source: str) -> str:
        layer = self._cubes.current()
        cube = None if layer is None else self._cubes.cube(layer)
        return files.add_references(library, source, cube, self._store)

    def _look_at_scales(self) -> None:
        if files.scales_differ(self._store):
            self.scales_differ.emit()

    def _do(self, act: Callable[[], str], doing: str) -> None:
        """Do something and say what came of it; faults are shown as notifications too."""
        try:
            text = act()
        except (UserError, OSError, MemoryError) as error:
            text = sentence(error, doing)
            show_error(text)
        self.told.emit(text)

    def _ask_export(self) -> None:
        if (path := ask_where(self, "Export spectra", "spectra.csv", EXPORTS)) is not None:
            self.export(path)

    def _ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import library", "", IMPORTS)
        if path:
            self.import_library(Path(path))

    def _ask_picture(self) -> None:
        if (path := ask_where(self, "Save picture", "spectra.png", PICTURES)) is not None:
            self.save_picture(path)


def _count(library: SpectralLibrary) -> str:
    return f"{len(library)} spectr{'a' if len(library) != 1 else 'um'}"
