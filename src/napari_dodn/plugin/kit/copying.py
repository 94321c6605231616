"""The button that copies what a panel is set to, to be done again elsewhere."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import psygnal
from magicgui.widgets import PushButton
from qtpy.QtWidgets import QMenu

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.formats.registry import written_suffixes
from napari_dodn.network.model_file import is_bundled
from napari_dodn.plugin.kit.clipboard import copy_text

if TYPE_CHECKING:
    from napari_dodn.network.model_file import ModelCard


class NothingToCopyError(UserError):
    """What is set is not complete, or cannot be said in this form."""


PYTHON, COMMAND = "Copy as Python", "Copy as command line"


USUAL = {
    "device": "auto",
    "precision": "auto",
    "tile": "auto",
    "self_ensemble": False,
    "blur": "auto",
}
"""What `upscale` takes where nothing is said, by the names of its options in Python."""


def options_of(card: ModelCard, **told: Any) -> dict[str, Any]:
    """Return a model and the options of `upscale` that are not `USUAL`, by their names in Python.

    Parameters
    ----------
    card : ModelCard
        The model.
    **told
        What the other options are set to.
    """
    is_ours = is_bundled(card)
    chosen = {"scale": card.scale, "model": card.name if is_ours else str(card.path), **told}
    return {name: value for name, value in chosen.items() if USUAL.get(name) != value}


def words_of(options: Mapping[str, Any]) -> list[str]:
    """Return options as the command line takes them."""
    words: list[str] = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, str(value)]
    return words


def command_line(words: Sequence[str]) -> str:
    """Return the words of a command as the shell of this system takes them."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def read_in_python(cube: HyperCube) -> str:
    """Return the call that opens a cube."""
    path, options = reading_of(cube)
    words = [repr(path), *(f"{name}={value!r}" for name, value in options.items())]
    said = "" if options or path == cube.source else "  # save the cube under this name first"
    return f"read({', '.join(words)}){said}"


def words_of_reading(options: Mapping[str, Any]) -> list[str]:
    """Return options of `read` as the command line takes them."""
    listed = {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in options.items()
    }
    return words_of(listed)


def reading_of(cube: HyperCube) -> tuple[str, dict[str, Any]]:
    """Return the path of a cube and what `read` is to be told.

    Where no file holds the cube as it is, the path stands for one that it is to be saved as.
    """
    options = cube.options_of_read
    if options is None:
        return f"{cube.name or 'cube'}{written_suffixes()[0]}", {}
    if "wavelengths" in options:
        options["wavelengths"] = [float(f"{place:.6g}") for place in options["wavelengths"]]
    return cube.source, options


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
