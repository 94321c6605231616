"""Claims on outputs: whoever writes a file holds a lock beside it, which ends with the process.

Two runs into one output would both compute for hours before the later one is refused.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

CLAIM = ".napari-dodn-lock"
"""Ending of the hidden file that is locked."""

LOCKED_BYTE = 2**16
"""Windows locks a range of bytes, which nobody else can read then; this lies behind all content."""

TRIES = 100

PATIENCE, PAUSE = 0.2, 0.02
"""Seconds to wait for a lock, and between tries: who only asks, as `is_claimed`, has it shortly."""


def claim_file(path: Path) -> Path:
    """Return the file that is locked while an output is being written."""
    return path.with_name(f".{path.name}{CLAIM}")


@contextmanager
def claim(path: Path) -> Iterator[None]:
    """Keep others, in this process and in others, from writing to a path meanwhile.

    Parameters
    ----------
    path : Path
        The output; of several files that by which it is opened again.

    Raises
    ------
    OSError
        EBUSY if somebody else writes it, or why no file can be made there.
    """
    mark = claim_file(path)
    with _locked(mark, path):
        try:
            yield
        finally:
            if sys.platform != "win32":  # which removes no open file
                mark.unlink(missing_ok=True)
    if sys.platform == "win32":
        with suppress(OSError):  # while somebody else has it open
            mark.unlink(missing_ok=True)


def is_claimed(path: Path) -> bool | None:
    """Tell whether somebody writes to a path at this moment; None where nobody left a mark."""
    mark = claim_file(path)
    try:
        with mark.open("r+b", buffering=0) as file:
            return not lock(file, mark)
    except FileNotFoundError:
        return None
    except OSError:  # of file systems without locks, and of files that are not ours
        return True


def lock(file: IO[bytes], path: Path) -> bool:
    """Lock an open file until it is closed.

    Returns
    -------
    bool
        False where somebody else has locked it, or another file has its name by now.

    Raises
    ------
    OSError
        If the file system has no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            file.seek(0)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, PermissionError, FileNotFoundError):
        return False


@contextmanager
def _locked(mark: Path, path: Path) -> Iterator[None]:
    end = time.monotonic() + PATIENCE
    for _ in range(TRIES):
        if mark.is_symlink():  # whose target would be made, or locked
            break
        with mark.open("ab", buffering=0) as file:
            try:
                free = lock(file, mark)
            except OSError:  # of file systems without locks
                free = True
            if free:
                yield
                return
        if mark.exists():
            if time.monotonic() > end:
                break
            time.sleep(PAUSE)
        # Else the one before has just ended and removed it.
    raise OSError(errno.EBUSY, "another process is writing it at this moment", str(path))
