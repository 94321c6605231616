"""Files that are held open for what is read of them later, and still are what they were then.

A file that was changed or cut off is an error with a sentence.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_dodn.formats.errors import FormatError, changed_since, file_faults_as_sentences

PIECE = 2**25
"""Bytes that are read at once; macOS refuses to read 2 GB."""

MOST_OPEN = 200
"""Files that are held open; systems allow a process a thousand or so."""


class Stamp(NamedTuple):
    """What tells whether a file is the same as before."""

    device: int
    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Return what the system says of a file."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


_open_files: OrderedDict[int, weakref.ReferenceType[OpenFile]] = OrderedDict()
_open_lock = threading.RLock()  # a file may be forgotten while another is opened


class OpenFile:
    """A file that is held open, unless very many are; then it is opened again when it is read."""

    def __init__(self, path: Path, stamp: Stamp | None = None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        with file_faults_as_sentences(path, "read"):
            self.stamp = stamp or Stamp.of(path.stat())
            self._opened()

    @contextmanager
    def reading(self) -> Iterator[Callable[[int, np.ndarray], None]]:
        """Yield what fills bytes from a place in the file, which is the same before and after."""
        with self._lock:
            self._opened()
            self.check()
            yield self._into
            self.check()

    def _opened(self) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            self.check()
        with _open_lock:
            _open_files[id(self)] = weakref.ref(self)
            _open_files.move_to_end(id(self))
            surplus = list(_open_files.values())[: max(0, len(_open_files) - MOST_OPEN)]
        for reference in surplus:
            if (file := reference()) is not None:
                file.close()

    def check(self) -> None:
        """Raise FormatError where the file is not what it was."""
        assert self._descriptor is not None
        now = Stamp.of(os.fstat(self._descriptor))
        if now != self.stamp:
            raise changed_since(self.path)

    def close(self) -> None:
        """Close the file if nobody is reading it."""
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        with _open_lock:
            _open_files.pop(id(self), None)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None:
            self._close()

    def _into(self, offset: int, room: np.ndarray) -> None:
        """Fill bytes from a place in the file."""
        descriptor, left = self._descriptor, room.data
        assert descriptor is not None
        while len(left):
            if hasattr(os, "preadv"):
                count = os.preadv(descriptor, [left[:PIECE]], offset)
            else:  # on Windows
                os.lseek(descriptor, offset, os.SEEK_SET)
                piece = os.read(descriptor, min(len(left), PIECE))
                count = len(piece)
                left[:count] = piece
            if count == 0:
                raise cut_off(self.path)
            left, offset = left[count:], offset + count


def cut_off(path: Path) -> FormatError:
    """Return the error of a file that is too short."""
    return FormatError(f"{path} is cut off: it ends before its last pixel.")
