"""Files that appear whole or not at all: written under another name, renamed when complete.

One file takes the place of another in one step. Several files, or a folder, take several steps: a
journal beside them names these, and whoever opens or writes there next finishes what was
interrupted, or takes it back.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from napari_dodn.claims import LOCKED_BYTE, lock

UNFINISHED, OLD, JOURNAL = ".part", ".old", ".napari-dodn-journal"
"""Endings of what is not finished, of what is being replaced, and of the journal."""

RESUMABLE = "0" * 8
"""Stands in a name where that of others is random."""

PROGRESS = ".progress"
"""Ending of a journal of what is done of something unfinished."""

LONGEST_JOURNAL = LOCKED_BYTE

HIDDEN = re.compile(rf"\.(.+)\.[0-9a-f]{{8}}({re.escape(UNFINISHED)}|{re.escape(OLD)})", re.DOTALL)
"""Names of what is not finished or is being replaced, with that of the output in them."""

PROGRESSED = re.compile(
    rf"(\..+\.{RESUMABLE})(\.[^.]+)?{re.escape(PROGRESS)}({re.escape(UNFINISHED)})?", re.DOTALL
)
"""Names of journals of what is done, with that of what is unfinished but for its ending."""


def unfinished_name(path: Path) -> Path:
    """Return a hidden name beside a path that nobody else uses, for what is not finished."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}{UNFINISHED}")


def output_of(path: Path) -> Path | None:
    """Return what something under a hidden name was to become, or was; None for other names."""
    found = HIDDEN.fullmatch(path.name)
    return path.with_name(found[1]) if found and "\0" not in found[1] else None


def is_predecessor(path: Path) -> bool:
    """Tell whether something under a hidden name waited to be replaced."""
    return path.suffix == OLD


def remove(path: Path) -> None:
    """Remove a file or folder that may be there; what cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)


def resumable_name(path: Path) -> Path:
    """Return the hidden name beside a path of what is not finished, and may be continued.

    It is always the same, so whoever writes there must have claimed the path.
    """
    return path.with_name(f".{path.name}.{RESUMABLE}{UNFINISHED}")


def is_resumable_name(path: Path) -> bool:
    """Tell whether a name is one of `resumable_name`."""
    return path.name.endswith(f".{RESUMABLE}{UNFINISHED}") and output_of(path) is not None


def progress_of(unfinished: Path) -> list[Path]:
    """Return the journals of what is done of something unfinished; see `resumable_name`."""
    stem = f"{unfinished.stem}."
    return [
        path
        for path in sorted(unfinished.parent.iterdir())
        if path.name.startswith(stem) and path.name.endswith(PROGRESS)
    ]


def unfinished_of(journal: Path) -> Path | None:
    """Return of what a journal, or one in the making, tells what is done; None for other names."""
    found = PROGRESSED.fullmatch(journal.name)
    return journal.with_name(f"{found[1]}{UNFINISHED}") if found else None


def is_unfinished(path: Path) -> bool:
    """Tell whether a name is one of `unfinished_name` or `resumable_name`."""
    return path.suffix == UNFINISHED and output_of(path) is not None


@contextmanager
def replacing(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """Give a file its name, in place of one that is there, when it is complete.

    Parameters
    ----------
    path : Path
        The name.
    alone : bool
        Whether nobody else writes this file. Then the other name is always the same, and what a
        killed process left under it is written over.

    Yields
    ------
    Path
        The name to write to. Nothing is left there when writing fails.
    """
    unfinished = path.with_name(f"{path.name}{UNFINISHED}") if alone else unfinished_name(path)
    try:
        yield unfinished
        put_in_place((unfinished, path))
    finally:
        with suppress(OSError):  # of Windows, while somebody has it open
            unfinished.unlink(missing_ok=True)


def replace_text(path: Path, text: str, *, alone: bool = False, newline: str | None = None) -> None:
    """Write a text file, UTF-8, that appears whole or not at all; see `replacing`.

    Names of files that are no UTF-8 stand in it as they are shown.
    """
    with replacing(path, alone=alone) as unfinished:
        unfinished.write_text(text, encoding="utf-8", errors="backslashreplace", newline=newline)


def replace_bytes(path: Path, content: bytes | bytearray | memoryview) -> None:
    """Write a file that appears whole or not at all.

    Of libraries that write to a path some do not say that the disk is full.
    """
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def put_in_place(*renames: tuple[Path, Path]) -> None:
    """Give new files or folders their names, all of them or none; what has these names is removed.

    At no moment does the last one, such as a header, stand beside files that are not its own: its
    predecessor goes first and it comes last.

    Parameters
    ----------
    *renames : tuple of Path
        A new file or folder under its `unfinished_name`, and the name that it is to have.

    Raises
    ------
    OSError
        If a file cannot be renamed, or would take the name of a folder. Then everything is as it
        was before.
    """
    for new, name in renames:
        if name.is_dir() and not new.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(name))
    last = renames[-1][1]
    if len(renames) == 1 and not last.is_dir():
        ((new, name),) = renames
        synchronise(new)
        new.replace(name)
        synchronise_folder(name.parent)
        return
    finish_replacements(last)
    moves = [_Move.of(new, name) for new, name in renames]
    journal = last.with_name(f".{last.name}{JOURNAL}")
    with _new_journal(journal) as file:
        try:
            file.write(json.dumps([[m.new.name, m.name.name, m.replaces] for m in moves]).encode())
            for path in (*(move.new for move in moves), journal):
                synchronise(path)
            synchronise_folder(journal.parent)
            _complete(moves)
        except BaseException:
            _take_back(moves)  # where this fails, the journal stays
            _close(journal, file)
            raise
        _clear(moves)
        _close(journal, file)


def finish_replacements(path: Path) -> None:
    """Finish or take back what killed processes were replacing beside a path, or in a folder.

    Parameters
    ----------
    path : Path
        What is going to be opened or written.

    Raises
    ------
    OSError
        If the path itself is half replaced, and its folder cannot be written.
    """
    for folder in (path.parent, path):
        try:
            names = [name for name in os.listdir(folder) if name.endswith(JOURNAL)]  # noqa: PTH208
        except (OSError, ValueError):  # no folder, or one that whoever opens it is told about
            continue
        for journal in map(folder.joinpath, names):
            if journal.is_symlink() or not journal.is_file():
                continue
            try:
                _finish(journal)
            except OSError as error:
                if _is_half_replaced(path, journal):
                    raise OSError(
                        error.errno,
                        f"a process was killed while replacing it, and this cannot be finished"
                        f" here ({error.strerror or error})",
                        str(path),
                    ) from error


@dataclass(frozen=True)
class _Move:
    """A new file or folder on the way to its name; `old` is where its predecessor waits."""

    new: Path
    name: Path
    replaces: bool

    @classmethod
    def of(cls, new: Path, name: Path) -> _Move:
        return cls(new, name, _is_there(name))

    @property
    def old(self) -> Path:
        return self.new.with_suffix(OLD)

    @property
    def is_ours(self) -> bool:
        """Whether these are names that `unfinished_name` gives, whoever wrote the journal."""
        return self.new.suffix == UNFINISHED and output_of(self.new) == self.name

    @property
    def is_begun(self) -> bool:
        return not _is_there(self.new) or _is_there(self.old)

    @property
    def is_done(self) -> bool:
        """Whether the new one has the name, and its predecessor still waits if it had one."""
        aside = not self.replaces or _is_there(self.old)
        return not _is_there(self.new) and _is_there(self.name) and aside

    @property
    def is_disturbed(self) -> bool:
        """Whether somebody else has taken the name since."""
        aside = not self.replaces or _is_there(self.old)
        return _is_there(self.new) and _is_there(self.name) and aside


def _complete(moves: list[_Move]) -> None:
    """Do all renames, or those that are still to be done."""
    for move in reversed(moves):
        if move.replaces and _is_there(move.new) and not _is_there(move.old):
            move.name.rename(move.old)
    for move in moves:
        if _is_there(move.new):
            move.new.rename(move.name)
    synchronise_folder(moves[0].name.parent)


def _take_back(moves: list[_Move]) -> None:
    """Undo the renames that were done."""
    for move in reversed(moves):
        if move.is_done:
            move.name.rename(move.new)
    for move in moves:
        if _is_there(move.old) and not _is_there(move.name):
            move.old.rename(move.name)
    synchronise_folder(moves[0].name.parent)


def _clear(moves: list[_Move]) -> None:
    for move in moves:
        remove(move.old)


def _finish(journal: Path) -> None:
    with journal.open("r+b", buffering=0) as file:
        if not lock(file, journal):  # its process is alive
            return
        moves = _moves_of(journal, file.read(LONGEST_JOURNAL))
        if not any(move.is_begun for move in moves):
            unwanted = [move.new for move in moves]
        elif any(move.is_disturbed for move in moves):
            unwanted = []
        elif _is_settled(moves) or all(_is_there(move.new) or move.is_done for move in moves):
            _complete(moves)
            _clear(moves)
            unwanted = []
        else:
            _take_back(moves)
            unwanted = [move.new for move in moves]
        _close(journal, file)  # first: without all of its files it would mislead
    for path in unwanted:
        if not is_resumable_name(path):
            remove(path)


def _is_half_replaced(path: Path, journal: Path) -> bool:
    try:
        moves = _moves_of(journal, journal.read_bytes()[:LONGEST_JOURNAL])
    except OSError:
        return not _is_there(path)
    half = any(move.is_begun for move in moves) and not _is_settled(moves)
    return half and path.name in [move.name.name for move in moves]


def _is_settled(moves: list[_Move]) -> bool:
    """Tell whether nothing is left to rename."""
    return all(_is_there(move.name) and not _is_there(move.new) for move in moves)


def _moves_of(journal: Path, content: bytes) -> list[_Move]:
    """Return what a journal says; nothing where it was cut off or names other files than ours."""
    try:
        moves = [
            _Move(journal.with_name(new), journal.with_name(name), bool(replaces))
            for new, name, replaces in json.loads(content)
        ]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return []
    return moves if all(move.is_ours for move in moves) else []


@contextmanager
def _new_journal(journal: Path) -> Iterator[IO[bytes]]:
    """Give a journal to write, locked until it is closed."""
    busy = OSError(errno.EBUSY, "another process is replacing it at this moment", str(journal))
    try:
        file = journal.open("xb", buffering=0)
    except FileExistsError:
        raise busy from None
    with file:
        try:
            free = lock(file, journal)
        except OSError:  # of file systems without locks
            free = True
        if not free:
            raise busy
        yield file


def _close(journal: Path, file: IO[bytes]) -> None:
    """Remove a journal; where the system allows it, before anybody else can lock it."""
    if sys.platform == "win32":
        file.close()
    journal.unlink(missing_ok=True)


def synchronise(path: Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk."""
    if path.is_dir():
        for child in path.iterdir():
            synchronise(child)
        synchronise_folder(path)
        return
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def synchronise_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if sys.platform == "win32":  # which opens no folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # of file systems that cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)
