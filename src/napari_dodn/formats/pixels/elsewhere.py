"""Pixels that lie in other files than the one that is opened; people are told of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_dodn.wording import few_of

SHOWN = 4
"""How many files a note names."""


def elsewhere_in_words(path: Path, files: Iterable[str]) -> str:
    """Say in which other files the pixels of a file are; nothing where there are none.

    Parameters
    ----------
    path : Path
        The file that is opened.
    files : iterable of str
        The others, as it names them: relative to its folder, or absolute.
    """
    others = sorted({name for name in files if path.parent / name != path})
    if not others:
        return ""
    said = f"Pixels are read from other files: {_named(others)}."
    missing = [name for name in others if not (path.parent / name).is_file()]
    if missing:
        said += f" Not there: {_named(missing)}; such pixels have the fill value."
    return said


def _named(names: list[str]) -> str:
    return few_of(list(map(repr, names)), SHOWN)
