"""What killed processes left unfinished in a folder, and removing it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_dodn.claims import CLAIM, is_claimed
from napari_dodn.formats.arrays.zarr import foreign_entry
from napari_dodn.formats.errors import FormatError, file_faults_as_sentences
from napari_dodn.formats.registry import writer_of
from napari_dodn.replacing import (
    finish_replacements,
    is_predecessor,
    is_resumable_name,
    output_of,
    progress_of,
    remove,
)

QUIET = 600
"""Seconds without a change after which nobody can be writing a file that nobody has a claim on."""

LEAST_GB = 10**8
"""Bytes that are told in gigabytes."""

BEING_WRITTEN = "it is being written"


@dataclass(frozen=True)
class Leftover:
    """A file or folder under the name of what is not finished.

    Attributes
    ----------
    path : Path
        Where it is.
    size : int
        Bytes in it.
    kept : str
        Why it is not to be removed; empty where it is.
    """

    path: Path
    size: int
    kept: str = ""


def leftovers(folder: Path) -> list[Leftover]:
    """List what is unfinished in a folder, in the order of the names.

    Raises
    ------
    FormatError
        If there is no such folder, or it cannot be looked into.
    """
    with file_faults_as_sentences(folder, "read"):
        finish_replacements(folder / "any")
        found = [
            Leftover(path, sum(s.st_size for s in _files(path)), _reason(path, output))
            for path in sorted(folder.iterdir())
            if (output := output_of(path)) is not None and not path.is_symlink()
        ]
    return [item for item in found if item.kept != BEING_WRITTEN]


def remove_leftovers(folder: Path) -> list[Leftover]:
    """Remove what killed processes left in a folder.

    Returns
    -------
    list of Leftover
        All that was there; what has a reason under `kept` still is.

    Raises
    ------
    FormatError
        If there is no such folder, or something cannot be removed.
    """
    found = leftovers(folder)
    with file_faults_as_sentences(folder, "read"):
        for item in found:
            if not item.kept:
                remove(item.path)
            if not item.kept and item.path.exists():
                raise FormatError(f"{item.path} cannot be removed.")
        for mark in folder.glob(f".*{CLAIM}"):
            output = mark.with_name(mark.name[1 : -len(CLAIM)])
            if mark.is_file() and not mark.is_symlink() and is_claimed(output) is False:
                mark.unlink(missing_ok=True)
    return found


def leftovers_in_words(folder: Path) -> str:
    """Say what could be removed from a folder; nothing where nothing can, or it is not there."""
    try:
        found = [item for item in leftovers(folder) if not item.kept]
    except FormatError:  # which whoever writes there is told
        return ""
    if not found:
        return ""
    size = sum(item.size for item in found)
    said = f"{size / 1e9:.1f} GB" if size >= LEAST_GB else f"{size / 1e6:.1f} MB"
    things = "an unfinished file" if len(found) == 1 else f"{len(found)} unfinished files"
    return (
        f"{folder} holds {things} of {said} that killed processes left;"
        f" 'napari-dodn clean {folder}' removes them."
    )


def _reason(path: Path, output: Path) -> str:
    """Return why something unfinished is not to be removed."""
    try:
        entry = writer_of(output).targets(output)[0]
    except FormatError:  # of a kind that is not claimed, such as a model
        entry = output
    claimed = is_claimed(entry)
    fresh = time.time() - max((s.st_mtime for s in _files(path)), default=0) < QUIET
    if claimed or (claimed is None and fresh):
        return BEING_WRITTEN
    if path.is_dir() and (name := foreign_entry(path)):
        return f"'{name}' in it is not part of a cube"
    if is_predecessor(path) and not output.exists():
        return f"nothing else is left of {output.name}; give it that name to have it back"
    if is_resumable_name(path) and progress_of(path):
        return "its run goes on with --resume, or begins anew with --overwrite"
    return ""


def _files(path: Path) -> Iterator[os.stat_result]:
    """Yield the status of a file or folder, and of all in it."""
    yield path.lstat()
    if path.is_dir() and not path.is_symlink():
        for child in path.rglob("*"):
            yield child.lstat()
