"""HDF5 files opened so that the library below h5py is not handed what it goes round in forever."""

from __future__ import annotations

import errno
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py

HEAP = b"GCOL"
HEAD = struct.Struct("<4sB3xQ")
OBJECT = struct.Struct("<H2x4xQ")
"""A global heap, where texts lie, and what stands before each object in it; by "HDF5 File Format
Specification", III.E."""

LENGTH = 8
"""Bytes of a length in nearly all files, and here."""


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file to read what is in it, but for the pixels.

    Raises
    ------
    OSError
        If it is no HDF5 file, or damaged. What is read later raises it too.
    """
    import h5py

    with _CheckedFile(path, "rb") as raw, h5py.File(raw, "r") as file:
        raw.is_checked = file.id.get_create_plist().get_sizes()[1] == LENGTH
        yield file


class _CheckedFile(io.FileIO):
    """A file whose global heaps are looked at before HDF5 gets them."""

    is_checked = False

    def readinto(self, buffer: Any, /) -> int:
        start = self.tell()
        count = super().readinto(buffer) or 0
        with memoryview(buffer).cast("B") as content:
            if self.is_checked and content[: len(HEAP)] == HEAP:
                self._check(start, bytes(content[:count]))
        return count

    def _check(self, start: int, content: bytes) -> None:
        """Raise where the objects of a heap do not follow each other.

        HDF5 goes from one to the next by their sizes, and stays where a size is 0.
        """
        if len(content) < HEAD.size:
            return
        _, _, size = HEAD.unpack_from(content)
        place = HEAD.size
        while place + OBJECT.size <= min(size, len(content)):
            index, length = OBJECT.unpack_from(content, place)
            # The last one, number 0, is all that is free, its own head included.
            step = OBJECT.size + length + -length % 8 if index else length
            if not OBJECT.size <= step <= size - place:
                raise OSError(errno.EIO, f"its texts at byte {start:,} are damaged", self.name)
            place += step
