"""Whether a MATLAB v4 or v5 file holds together, asked before SciPy reads it.

SciPy takes the numbers in such a file at their word: those of a damaged one lead it out of its
memory, which ends the process, or round in circles. Layouts by "MAT-File Format" (MathWorks).
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from napari_dodn.formats.options import AS_STORED, ReadOptions

MATRIX, COMPRESSED = 14, 15
TEXT_TYPES = {1, 2, 4, 16, 17, 18}
BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Types of numbers, and bytes of a value."""
INT8, INT32, UINT32, UTF8 = 1, 5, 6, 16

CELL, STRUCT, OBJECT, CHAR, SPARSE = 1, 2, 3, 4, 5
NUMBERS = range(6, 16)
FUNCTION, OPAQUE = 16, 17
"""Classes of variables."""

COMPLEX, LOGICAL = 1 << 11, 1 << 9

HEAD = 128
"""Bytes before the first variable."""

OPAQUE_CLASS, LOGICAL_CLASS = "opaque", "logical"
_OF_WHOLE_NUMBERS = (f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u"))
CLASSES = {
    **dict(zip(NUMBERS, ("double", "single", *_OF_WHOLE_NUMBERS), strict=True)),
    CELL: "cell",
    STRUCT: "struct",
    OBJECT: "object",
    CHAR: "char",
    SPARSE: "sparse",
    FUNCTION: "function",
}
"""What MATLAB calls the classes of variables."""

BYTES_OF_V4 = (8, 4, 4, 2, 2, 1)
SPARSE_V4 = 2

LONGEST_NAME = 2**12
MOST_AXES = 32
DEEPEST = 50
"""How deep cells and structures lie in each other; SciPy calls itself for each."""

MOST_INFLATED = 1040
"""How many bytes zlib makes of one, at most."""

PIECE = 2**16


class DamagedError(Exception):
    """The file is not what it should be; readers put it into a sentence."""


class Element(NamedTuple):
    """A variable of a file: its name, class and axes, and which bytes it has."""

    name: str
    matlab_class: str
    shape: tuple[int, ...]
    start: int
    size: int


def check_v5(path: Path, options: ReadOptions = AS_STORED) -> list[Element]:
    """Return the variables of a MATLAB v5 file.

    Pixels are not looked at.

    Raises
    ------
    DamagedError
        If SciPy had better not read it.
    LargeError
        If cells or structures, which SciPy reads as a whole, hold far more than the file.
    """
    with path.open("rb") as file:
        return _walked(file, path.stat().st_size, partial(options.check_packed, path))


def check_content(content: bytes) -> None:
    """Do what `check_v5` does with the content of a file.

    Raises
    ------
    DamagedError
        If SciPy had better not read it.
    """
    _walked(io.BytesIO(content), len(content), lambda size: None)


def _walked(file: IO[bytes], size: int, limit: Callable[[int], None]) -> list[Element]:
    found = []
    order = "<" if file.read(HEAD)[126:] == b"IM" else ">"
    position = HEAD
    while position < size:
        file.seek(position)
        kind, count = struct.unpack(f"{order}II", _exactly(file, 8))
        start, position = position, position + 8 + count
        if not count > 0 or position > size:
            raise DamagedError
        if kind == COMPRESSED:
            stream: _Stream = _Inflated(file, count, limit)
            kind, count = struct.unpack(f"{order}II", stream.read(8))
        else:
            stream = _Plain(file, count)
        if kind != MATRIX:
            raise DamagedError
        walk = _Matrices(stream, order)
        walk.check_one(0)
        found.append(Element(*walk.first, start, position - start))
    return found


def check_v4(path: Path) -> None:
    """Raise `DamagedError` where SciPy had better not read a MATLAB v4 file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
        order = "<" if 0 <= int.from_bytes(head, "little", signed=True) <= 5000 else ">"
        position = 0
        while position < size:
            file.seek(position)
            kind, rows, columns, imaginary, name = struct.unpack(f"{order}5i", _exactly(file, 20))
            precision = kind // 10 % 10
            if min(kind, rows, columns, name) < 0 or name > LONGEST_NAME or precision > 5:
                raise DamagedError
            parts = 2 if imaginary and kind % 10 != SPARSE_V4 else 1
            position += 20 + name + rows * columns * BYTES_OF_V4[precision] * parts
        if position > size:
            raise DamagedError


class _Stream(Protocol):
    """What the elements of a file are read from, one after the other."""

    def read(self, count: int) -> bytes:
        """Return that many bytes."""

    def skip(self, count: int) -> None:
        """Leave out as many bytes; there may be fewer when nothing is read after them."""

    def check_holds(self, count: int) -> None:
        """Raise where so many bytes cannot follow."""


class _Plain:
    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, count: int) -> bytes:
        self.check_holds(count)
        self._left -= count
        return _exactly(self._file, count)

    def skip(self, count: int) -> None:
        count = min(count, self._left)  # the last element may lack what fills it up
        self._left -= count
        self._file.seek(count, 1)

    def check_holds(self, count: int) -> None:
        if count > self._left:
            raise DamagedError


class _Inflated:
    def __init__(self, file: IO[bytes], size: int, limit: Callable[[int], None]) -> None:
        self._file, self._left, self._size, self._limit = file, size, size, limit
        self._inflate, self._ready, self._skipped = zlib.decompressobj(), b"", 0
        self._done = 0

    def read(self, count: int) -> bytes:
        self._done += self._skipped + count
        self._limit(self._done)
        skipped, self._skipped = self._skipped, 0
        while skipped:
            piece = self._more(min(skipped, PIECE))
            skipped -= len(piece)
        parts = []
        while count:
            parts.append(self._more(count))
            count -= len(parts[-1])
        return b"".join(parts)

    def skip(self, count: int) -> None:
        self._skipped += count  # what nobody reads need not be inflated

    def check_holds(self, count: int) -> None:
        if count > self._size * MOST_INFLATED:
            raise DamagedError

    def _more(self, most: int) -> bytes:
        """Return some bytes, at least one."""
        while not self._ready:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._file.read(min(PIECE, self._left))
                self._left -= len(packed)
                if not packed:
                    raise DamagedError
            try:
                self._ready = self._inflate.decompress(packed, PIECE)
            except zlib.error as error:
                raise DamagedError from error
        piece, self._ready = self._ready[:most], self._ready[most:]
        return piece


class _Matrices:
    """A variable, with all that lies in it, walked through without its numbers."""

    def __init__(self, stream: _Stream, order: str) -> None:
        self._stream, self._order = stream, order
        self.first: tuple[str, str, tuple[int, ...]] = ("", "", ())

    def check_next(self, depth: int) -> None:
        """Walk through a matrix that begins with its tag."""
        kind, count = self._unpack("II", 8)
        if kind != MATRIX or depth > DEEPEST:
            raise DamagedError
        if count:
            self._stream.check_holds(count)
            self.check_one(depth)

    def check_one(self, depth: int) -> None:
        """Walk through a matrix after its tag."""
        _, _, flags, _ = self._unpack("IIII", 16)
        kind, parts = flags & 0xFF, 2 if flags & COMPLEX else 1
        if kind == OPAQUE:
            name = self._read({INT8, UTF8}, LONGEST_NAME)
            if not depth:
                self.first = name.decode("utf-8", "replace"), OPAQUE_CLASS, ()
            for _ in range(2):
                self._text()
            self.check_next(depth + 1)
            return
        shape = self._integers(MOST_AXES)
        if not shape or min(shape) < 0:
            raise DamagedError
        name = self._read({INT8, UTF8}, LONGEST_NAME)
        if not depth:
            called = LOGICAL_CLASS if flags & LOGICAL else CLASSES.get(kind, "")
            self.first = name.decode("utf-8", "replace"), called, shape
        size = math.prod(shape)
        if kind in NUMBERS:
            for _ in range(parts):
                self._skip_numbers(size)
        elif kind == CHAR:
            self._skip(TEXT_TYPES)
        elif kind == SPARSE:
            for _ in range(2 + parts):
                self._skip_numbers()
        elif kind == CELL:
            self._check_many(size, depth)
        elif kind in (STRUCT, OBJECT):
            if kind == OBJECT:
                self._text()
            (length,) = self._integers(1) or (0,)
            names = self._text(None)
            if not 0 < length <= LONGEST_NAME or names % length:
                raise DamagedError
            self._check_many(size * (names // length), depth)
        elif kind == FUNCTION:
            self.check_next(depth + 1)
        else:
            raise DamagedError

    def _check_many(self, count: int, depth: int) -> None:
        self._stream.check_holds(count * 8)  # each has a tag, if nothing else
        for _ in range(count):
            self.check_next(depth + 1)

    def _unpack(self, form: str, size: int) -> tuple[int, ...]:
        return struct.unpack(self._order + form, self._stream.read(size))

    def _tag(self) -> tuple[int, int, bytes | None]:
        """Return type, bytes, and the content where it lies within the tag itself."""
        raw = self._stream.read(8)
        kind, count = struct.unpack(self._order + "II", raw)
        if kind >> 16 == 0:
            return kind, count, None
        kind, count = kind & 0xFFFF, kind >> 16
        if count > 4:
            raise DamagedError
        return kind, count, raw[4 : 4 + count]

    def _read(self, kinds: set[int], most: int) -> bytes:
        kind, count, content = self._tag()
        if kind not in kinds or count > most:
            raise DamagedError
        if content is None:
            content = self._stream.read(count)
            self._stream.skip(-count % 8)
        return content

    def _integers(self, most: int) -> tuple[int, ...]:
        content = self._read({INT32, UINT32}, most * 4)
        if len(content) % 4:
            raise DamagedError
        return struct.unpack(f"{self._order}{len(content) // 4}i", content)

    def _text(self, most: int | None = LONGEST_NAME) -> int:
        """Walk over a text and return its length."""
        return self._skip({INT8, UTF8}, most)[1]

    def _skip(self, kinds: set[int], most: int | None = None) -> tuple[int, int]:
        kind, count, content = self._tag()
        if kind not in kinds or (most is not None and count > most):
            raise DamagedError
        if content is None:
            self._stream.check_holds(count)
            self._stream.skip(count + -count % 8)
        return kind, count

    def _skip_numbers(self, size: int | None = None) -> None:
        kind, count = self._skip(set(BYTES_OF_TYPE))
        if size is not None and count != size * BYTES_OF_TYPE[kind]:
            raise DamagedError


def _exactly(file: IO[bytes], count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise DamagedError
    return content
