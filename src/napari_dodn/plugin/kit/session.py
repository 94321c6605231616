"""What the plugin needs to know of the napari that it runs in, and how it speaks there."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from napari_dodn.errors import UserError, is_out_of_memory, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari import Viewer
    from qtpy.QtWidgets import QWidget

log = logging.getLogger(__name__)

OPTION = re.compile(r"the option '(dataset|axes|wavelengths)' \(--\w+\)")
"""How readers name what settles a question, which in the window is a field."""

CONVERT = re.compile(r"'convert --[^']*' makes reflectance")
"""How readers propose references, for which the window has fields."""

FIELDS = {"dataset": "Cubes", "axes": "Axes", "wavelengths": "Wavelengths"}
"""The fields of the panel *Open a cube* that stand for options of reading."""


def real_viewer(viewer: Viewer) -> Viewer:
    """Return a viewer itself where a plugin was given a proxy of it, which gives proxies of layers.

    Proxies are new at each look: nothing can be told by identity, or be kept weakly.
    """
    real: Viewer = getattr(viewer, "__wrapped__", viewer)
    return real


def camera_of(viewer: Any) -> Any:
    """Return the camera of a viewer, which napari 0.9 has moved into the scene."""
    return getattr(viewer, "scene", viewer).camera


def user_is_waiting() -> bool:
    """Tell whether a person at the window asked for this, and not a script."""
    from qtpy.QtCore import QCoreApplication

    app = QCoreApplication.instance()
    return app is not None and app.thread().loopLevel() > 0


def sentence(error: BaseException, doing: str) -> str:
    """Return what to tell the person at the screen about an error.

    Parameters
    ----------
    error : BaseException
        What was raised.
    doing : str
        What went on, as the sentence's subject: "Reading scene.hdr".
    """
    if isinstance(error, UserError):
        return in_window_words(error.in_window or str(error))
    if is_out_of_memory(error):
        return (
            f"{doing} needs more memory than is available; choose a smaller region or smaller"
            " tiles."
        )
    if isinstance(error, OSError | ImportError) and "DLL" in str(error):
        return (
            f"{doing} failed because PyTorch could not be loaded after napari; start napari with"
            " 'napari-dodn gui', which loads it first."
        )
    log.error("%s failed", doing, exc_info=error)
    said = reason_of(error) if isinstance(error, OSError) else str(error)
    text = said.strip().splitlines() or [type(error).__name__]
    return f"{doing} failed: {text[0].rstrip('.')}."


def in_window_words(text: str) -> str:
    """Return what a reader says with fields of the window in the place of its options."""
    text = CONVERT.sub("'White' and 'Dark' in 'Open a cube' make reflectance", text)
    return OPTION.sub(lambda found: f"the field '{FIELDS[found[1]]}' of 'Open a cube'", text)


def may_replace(parent: QWidget, title: str, files: Sequence[Path]) -> bool:
    """Ask the person at the window whether files that are there may be replaced."""
    from qtpy.QtWidgets import QMessageBox

    names = " and ".join(map(str, files))
    question = f"{names} {'exist. Replace them?' if files[1:] else 'exists. Replace it?'}"
    answer = QMessageBox.question(parent, title, question)
    return answer == QMessageBox.StandardButton.Yes


def may_continue(parent: QWidget, title: str, output: Path) -> bool | None:
    """Ask whether to continue what an interrupted run has left; False starts over, None stops."""
    from qtpy.QtWidgets import QMessageBox

    question = (
        f"An interrupted run has left an unfinished result for {output}. Continue it? 'No' starts"
        " over."
    )
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(
        parent, title, question, buttons.Yes | buttons.No | buttons.Cancel
    )
    return {buttons.Yes: True, buttons.No: False}.get(answer)


def agrees(question: str) -> bool:
    """Ask the person at the window a question that is answered by yes or no."""
    from qtpy.QtWidgets import QApplication, QMessageBox

    window = QApplication.activeWindow()
    answer = QMessageBox.question(window, "DODN hyperspectral", question)
    return answer == QMessageBox.StandardButton.Yes


def choose(question: str, candidates: Sequence[str]) -> str | None:
    """Ask the person at the window to choose; None where they close the question."""
    from qtpy.QtWidgets import QApplication, QInputDialog

    window = QApplication.activeWindow()
    choice, accepted = QInputDialog.getItem(
        window, "DODN hyperspectral", question, list(candidates), 0, False
    )
    return choice if accepted else None
