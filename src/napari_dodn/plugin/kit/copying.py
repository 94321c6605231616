"""The button that copies what a panel is set to, to be done again elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import psygnal
from magicgui.widgets import PushButton
from qtpy.QtWidgets import QMenu

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.formats.registry import written_suffixes
from napari_dodn.plugin.kit.clipboard import copy_text


class NothingToCopyError(UserError):
    """What is set is not complete, or cannot be said in this form."""


PYTHON, COMMAND = "Copy as Python", "Copy as command line"


def file_of(cube: HyperCube) -> str:
    """Return the path of a cube, or one that stands for it where it has no file."""
    return cube.source or f"{cube.name or 'cube'}{written_suffixes()[0]}"


class CopyButton(PushButton):
    """A button with a menu of forms in which the settings are copied.

    Parameters
    ----------
    forms : mapping
        What an entry is called, with a function that returns the text, or raises a `UserError`
        that says why there is none.

    Notes
    -----
    `said` gives a sentence about what was copied, or why nothing was.
    """

    said = psygnal.Signal(str)

    def __init__(self, forms: Mapping[str, Callable[[], str]]) -> None:
        super().__init__(text="Copy", tooltip="Copy these settings as Python or as a command line.")
        menu = QMenu(self.native)
        for title, text_of in forms.items():
            menu.addAction(title).triggered.connect(partial(self._on_chosen, text_of))
        self.native.setMenu(menu)

    def copy(self, text_of: Callable[[], str]) -> None:
        """Put a text into the clipboard."""
        try:
            text = text_of()
        except UserError as error:
            self.said.emit(str(error))
            return
        copy_text(text)
        self.said.emit(f"Copied: {text.strip().splitlines()[-1]}")

    def _on_chosen(self, text_of: Callable[[], str], _checked: bool = False) -> None:
        self.copy(text_of)
