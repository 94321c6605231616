"""Chunks of an array that are not there: a note, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_dodn.formats.errors import FormatError


def missing_in_words(
    path: Path, name: str, missing: int, total: int, fill: Any, *, complete: bool
) -> str:
    """Return a sentence on chunks that are not there; nothing where all are.

    Parameters
    ----------
    path, name : Path, str
        The file or store, and the array in it.
    missing, total : int
        Numbers of chunks.
    fill : object
        What is read in their place.
    complete : bool
        Whether all were written.

    Raises
    ------
    FormatError
        If none is there, or if all were written.
    """
    if not missing:
        return ""
    if missing == total:
        what = f"none of the {total:,} chunks" if total > 1 else "nothing"
        raise FormatError(f"{path} is damaged: {what} of '{name}' is there.")
    counted = f"{missing:,} of the {total:,} chunks of '{name}'"
    if complete:
        raise FormatError(
            f"{path} is damaged: {counted} are missing, though all were written; copy it again."
        )
    return f"{counted} are not there; their pixels are read as {fill}."
