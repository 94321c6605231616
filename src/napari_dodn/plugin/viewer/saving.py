"""A cube layer on its way into a file: the question where to, and the writing in a thread."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psygnal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.formats import (
    check_not_source,
    check_target,
    with_suffix,
    write,
    written_files,
    written_formats,
)
from napari_dodn.formats.registry import dialog_filter
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job, without_progress
from napari_dodn.plugin.kit.session import may_replace, sentence
from napari_dodn.plugin.kit.settings import settings_of
from napari_dodn.plugin.viewer.layers import cube_from_layer
from napari_dodn.plugin.viewer.selection import cube_choices

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

TITLE = "Save the cube"


def file_name(layer_name: str) -> str:
    """Return a name for the file of a layer that every system and command line takes."""
    without_number = re.sub(r"\s*\[\d+\]$", "", layer_name)  # which napari gives to namesakes
    plain = re.sub(r"[^\w.+-]+", "_", without_number.replace("×", "x")).strip("._")
    return plain or "cube"


class Saver:
    """Asks where a cube is to go, and writes it while the window goes on.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose cubes are read from files that must not be written over.
    parent : QWidget
        Over which the questions are asked.

    Notes
    -----
    `said` gives a sentence: that the cube is being saved, then where it was, or why it was not.
    """

    said = psygnal.Signal(str)

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        self._viewer, self._parent = viewer, parent
        self._job: Job[Path] | None = None
        self._target = Path()

    @property
    def busy(self) -> bool:
        """Whether a file is being written."""
        return self._job is not None

    def save(self, layer: Layer) -> None:
        """Ask for a file, and write the cube of a layer into it."""
        if self._job is not None:
            return
        try:
            cube = cube_from_layer(layer)
            target = self._ask(cube)
            if target is None:
                return
            present = self._check(cube, target)
        except UserError as error:
            self.said.emit(str(error))
            return
        if present and not may_replace(self._parent, TITLE, present):
            return
        self._target = target
        writing = partial(write, cube, target, overwrite=bool(present))
        self._job = Job(without_progress(writing), f"Saving {cube.name}")
        self._job.then(self._on_ended)
        self.said.emit(f"Saving {target} …")

    def close(self) -> None:
        """Tell nobody any more; what is being written is finished all the same."""
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def _ask(self, cube: HyperCube) -> Path | None:
        settings, formats = settings_of("saving"), written_formats()
        names = {dialog_filter(name, *suffixes): name for name, suffixes in formats.items()}
        of_old = next((text for text in names if names[text] == settings.value("format")), "")
        beside = Path(cube.source).parent if cube.source else Path.home()
        folder = Path(str(settings.value("folder") or beside))
        path, chosen = QFileDialog.getSaveFileName(
            self._parent,
            TITLE,
            str((folder if folder.is_dir() else Path.home()) / file_name(cube.name)),
            ";;".join(names),
            of_old,
            # It would ask about this one name, and not about what belongs to it.
            QFileDialog.Option.DontConfirmOverwrite,
        )
        if not path:
            return None
        name = names.get(chosen, next(iter(formats)))
        settings.setValue("format", name)
        settings.setValue("folder", str(Path(path).parent))
        return with_suffix(Path(path), name)

    def _check(self, cube: HyperCube, target: Path) -> list[Path]:
        """Return what is to be replaced; raise UserError where it must not be."""
        check_target(target, overwrite=True, shape=cube.shape, dtype=cube.data.dtype)
        for name, layer in cube_choices(self._viewer):
            source = ""
            with suppress(UserError):  # its pixels fit its description no longer
                source = cube_from_layer(layer).source
            if source:
                check_not_source(target, source, f"cube '{name}'")
        return [path for path in written_files(target) if path.exists()]

    def _on_ended(self, outcome: Path | Failure | Cancelled) -> None:
        self._job = None
        if isinstance(outcome, Failure):
            self.said.emit(sentence(outcome.error, f"Saving {self._target}"))
        elif not isinstance(outcome, Cancelled):
            self.said.emit(f"Saved as {outcome}.")
