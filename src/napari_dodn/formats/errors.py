"""What goes wrong with files, in one sentence for the person at the screen."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_dodn.cube import CubeError
from napari_dodn.errors import UserError, reason_of
from napari_dodn.wording import size_in_words

WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class FormatError(UserError):
    """A file that cannot be read or written; the message names it."""


class UnknownKindError(FormatError):
    """A file of a kind that is not read."""


class AmbiguousError(FormatError):
    """Several candidates where one is needed.

    Attributes
    ----------
    candidates : list of str
        What there is to choose from: values for the option `dataset`.
    """

    def __init__(self, message: str, candidates: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.candidates = list(candidates)


class LargeError(FormatError):
    """A file that holds far more than its size tells, as a trap would, or much of one value.

    Attributes
    ----------
    question : str
        What the person at the window is asked.
    """

    def __init__(self, path: Path, needed: int, packed: int) -> None:
        said = f"{path} needs {size_in_words(needed)}, packed in {size_in_words(packed)}"
        super().__init__(f"{said}; the option 'large' (--large) opens it all the same.")
        self.question = f"{said}. Open it all the same?"


@contextmanager
def file_faults_as_sentences(path: Path, doing: str) -> Iterator[None]:
    """Turn what the operating system and HyperCube refuse into a FormatError.

    Parameters
    ----------
    path : Path
        The file at work.
    doing : str
        "read" or "written".
    """
    try:
        yield
    except OSError as error:
        place = path if doing == "written" else error.filename or path
        raise FormatError(f"{place} cannot be {doing}: {_reason(error)}.") from error
    except CubeError as error:
        raise FormatError(f"{path} cannot be {doing}: {error}") from error
    except MemoryError as error:
        raise FormatError(f"{path} cannot be {doing}: there is not enough memory.") from error


def _reason(error: OSError) -> str:
    """Return what the operating system said, also where HDF5 tells it in a text of its own."""
    number = re.search(r"errno = (\d+)", str(error))
    if number:
        error = OSError(int(number[1]), os.strerror(int(number[1])))
    return reason_of(error)


@contextmanager
def damage_as_sentence(message: str) -> Iterator[None]:
    """Replace what a library lets through on a damaged file; the system's errors pass."""
    try:
        yield
    except (FormatError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise FormatError(message) from error


@contextmanager
def any_damage_as_sentence(path: Path) -> Iterator[None]:
    """Turn whatever a reader has not foreseen of a damaged file into a FormatError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise FormatError(
            f"{path} cannot be read: it is damaged, or of a kind that is not known."
        ) from error


def changed_since(path: Path) -> FormatError:
    """Return the error about a file that is not what was opened."""
    return FormatError(f"{path} has changed since it was opened; open it again.")


def already_there(target: Path) -> FormatError:
    """Return the error about a target that must stay."""
    return FormatError(
        f"{target} already exists; choose another name or allow overwriting it (--overwrite on"
        " the command line)."
    )


def check_new_file(target: Path, *, overwrite: bool) -> None:
    """Raise FormatError where a file cannot be made, or would replace one that must stay."""
    if target.is_dir():
        raise FormatError(f"{target} cannot be written: there is a folder of that name.")
    if target.exists():
        if not overwrite:
            raise already_there(target)
        if not target.is_file():
            raise FormatError(f"{target} cannot be written: what is there is not a file.")
        check_not_read_only(target)
    if not target.parent.is_dir():
        raise FormatError(f"{target} cannot be written: its folder does not exist.")


def check_not_read_only(target: Path) -> None:
    """Raise FormatError where a file or folder is protected, since renaming does not ask.

    The administrator may write everything, so the mode counts too.
    """
    if not (target.stat().st_mode & WRITABLE and os.access(target, os.W_OK)):
        raise FormatError(f"{target} cannot be written: it is read-only.")


def check_file_or_folder(path: Path) -> None:
    """Raise FormatError where nothing is at a path, or a pipe or device, which may never end."""
    if not path.exists():
        raise FormatError(f"{path} does not exist.")
    if not (path.is_file() or path.is_dir()):
        raise FormatError(f"{path} is neither a file nor a folder.")
