"""What killed processes left unfinished in a folder, and removing it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_dodn.claims import CLAIM, claim, is_claimed
from napari_dodn.errors import reason_of
from napari_dodn.formats.arrays.zarr_stores import foreign_entry
from napari_dodn.formats.errors import FormatError, file_faults_as_sentences
from napari_dodn.formats.registry import writer_of
from napari_dodn.replacing import (
    finish_replacements,
    is_predecessor,
    is_resumable_name,
    output_of,
    progress_of,
    remove,
    resumable_name,
    unfinished_of,
)
from napari_dodn.scratch import foreign_in_scratch, output_of_scratch
from napari_dodn.wording import size_in_words

QUIET = 600
"""Seconds without a change after which nobody can be writing a file that nobody has a claim on."""

BEING_WRITTEN = "it is being written"

RESUMABLE = "the same command with --resume continues it, with --overwrite starts over"


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
            if (output := _output_of(path)) is not None and not path.is_symlink()
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
    found = [item for item in leftovers(folder) if item.kept or _removed(item.path)]
    with file_faults_as_sentences(folder, "read"):
        for mark in folder.glob(f".*{CLAIM}"):
            output = mark.with_name(mark.name[1 : -len(CLAIM)])
            if mark.is_file() and not mark.is_symlink() and is_claimed(output) is False:
                with suppress(OSError), claim(output):  # whose end removes the mark
                    pass
    return found


def resumable_file(output: Path) -> Path:
    """Return under what name an output is written whose writing may be continued."""
    return resumable_name(writer_of(output).targets(output)[-1])


def is_begun(output: Path) -> bool:
    """Tell whether an interrupted run has left what can be continued of an output."""
    kind = writer_of(output)
    if kind.writer is None or not kind.writer.resumable or not output.parent.is_dir():
        return False
    unfinished = resumable_file(output)
    with file_faults_as_sentences(output, "written"):
        return unfinished.exists() and bool(progress_of(unfinished))


def discard(output: Path) -> None:
    """Remove what an interrupted run has left of an output.

    Raises
    ------
    FormatError
        If another process is at it, or it cannot be removed.
    """
    unfinished = resumable_file(output)
    with file_faults_as_sentences(output, "written"), claim(_entry(output)):
        journals = progress_of(unfinished)
        if busy := next(filter(is_claimed, journals), None):  # a part, which claims only that
            raise FormatError(f"{busy} is being written; wait until that part is done.")
        for path in (*journals, unfinished):
            remove(path)
            if path.exists():
                raise FormatError(f"{path} cannot be removed.")


def _removed(path: Path) -> bool:
    """Remove something unfinished, unless somebody has begun to write it meanwhile."""
    output = _output_of(path)
    assert output is not None
    try:
        with claim(_entry(output)):
            remove(path)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise FormatError(f"{path} cannot be removed: {reason_of(error)}.") from error
    if path.exists():
        raise FormatError(f"{path} cannot be removed.")
    return True


def leftovers_in_words(output: Path) -> str:
    """Say what is unfinished in the folder of an output, but for the output itself.

    Nothing is said where nothing can be removed or continued, or the folder is not there.
    """
    folder = output.parent
    try:
        found = leftovers(folder)
    except FormatError:  # which whoever writes there is told
        return ""
    said = []
    if removable := [item for item in found if not item.kept]:
        said.append(
            f"{folder} holds {_counted(removable)} that killed processes left;"
            f" 'napari-dodn clean {folder}' removes them."
        )
    entry = _entry(output)
    for item in found:
        of = _output_of(item.path)
        if item.kept == RESUMABLE and of is not None and _entry(of) != entry:
            said.append(
                f"{folder} holds an unfinished {of.name} ({size_in_words(item.size)}); the"
                " command that made it continues it with --resume."
            )
    return " ".join(said)


def _counted(found: Sequence[Leftover]) -> str:
    things = "an unfinished file" if len(found) == 1 else f"{len(found)} unfinished files"
    return f"{things} of {size_in_words(sum(item.size for item in found))}"


def _output_of(path: Path) -> Path | None:
    """Return of what output something is a leftover; None for other names.

    A journal is one where what it tells of is gone.
    """
    unfinished = unfinished_of(path)
    if unfinished is None:
        return output_of(path) or output_of_scratch(path)
    return None if unfinished.exists() else output_of(unfinished)


def _entry(output: Path) -> Path:
    """Return the path that whoever writes an output claims."""
    try:
        return writer_of(output).targets(output)[0]
    except FormatError:  # of a kind that is not claimed, such as a model
        return output


def _reason(path: Path, output: Path) -> str:
    """Return why something unfinished is not to be removed."""
    claimed = is_claimed(_entry(output))
    is_scratch = output_of_scratch(path) is not None
    always_claimed = is_scratch or is_resumable_name(path) or unfinished_of(path) is not None
    fresh = time.time() - max((s.st_mtime for s in _files(path)), default=0) < QUIET
    if claimed or is_claimed(path) or (claimed is None and fresh and not always_claimed):
        return BEING_WRITTEN
    foreign = foreign_in_scratch if is_scratch else foreign_entry
    if path.is_dir() and (name := foreign(path)):
        return f"'{name}' in it is not part of a cube"
    if is_predecessor(path) and not output.exists():
        return f"nothing else is left of {output.name}; give it that name to have it back"
    if is_resumable_name(path) and progress_of(path):
        return RESUMABLE
    return ""


def _files(path: Path) -> Iterator[os.stat_result]:
    """Yield the status of a file or folder, and of all in it that does not vanish meanwhile."""
    with suppress(FileNotFoundError):
        yield path.lstat()
        if path.is_dir() and not path.is_symlink():
            for child in path.rglob("*"):
                with suppress(FileNotFoundError):
                    yield child.lstat()
