"""Strings and tables of MATLAB, which its files keep apart from the variables that they are.

A variable holds a reference only. What it refers to lies in the "subsystem" of the file, which
MathWorks does not describe: a vector of bytes with names, classes and properties, and a cell with
the values of the properties. The layout is that which the projects mat-io and MatFiles found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

REFERENCE = 0xDD000000
"""Begins the numbers of a reference: its axes, their lengths, numbers of objects and a class."""

FIELDS = ("s0", "s1", "s2", "arr")
"""Fields in which SciPy keeps a reference; the last one has its numbers."""

NAMES = 40
"""Byte at which the names begin, behind a version, their number, and where regions begin."""

BEFORE_VALUES = 2
"""Items of the cell before those of the properties."""

MOST_STRINGS = 100_000

STRING, TABLE = "string", "table"
IS_VALUE = 1
"""Kind of a property whose number is that of an item of the cell."""


def is_object(value: np.ndarray) -> bool:
    """Tell whether an array is a reference to an object, as SciPy keeps it."""
    return value.dtype.names == FIELDS


class Objects:
    """The objects of a file.

    Parameters
    ----------
    cell : sequence of numpy.ndarray
        The cell of the subsystem, whose first item is the vector of bytes.
    order : str
        Byte order, "<" or ">".
    """

    def __init__(self, cell: Sequence[Any], order: str) -> None:
        content = np.ascontiguousarray(np.ravel(cell[0]), np.uint8).tobytes()
        words = np.frombuffer(content[: len(content) // 4 * 4], f"{order}u4").astype(np.int64)
        begin = words[2:10]
        self._order = order
        self._values = cell[BEFORE_VALUES:]
        self._names = [n.decode("ascii", "replace") for n in content[NAMES : begin[0]].split(b"\0")]
        regions = [words[begin[i] // 4 : begin[i + 1] // 4] for i in range(4)]
        self._classes, self._objects = regions[0].reshape(-1, 4), regions[2].reshape(-1, 6)
        self._saved, self._normal = regions[1], regions[3]

    def value_of(self, reference: np.ndarray) -> Any:
        """Return a string as an array of text, a table as its columns by name; None for others."""
        try:
            return self._value_of(reference)
        except (IndexError, ValueError, KeyError, TypeError, AttributeError, UnicodeError):
            return None  # of a kind that is not known, or damaged

    def _value_of(self, reference: np.ndarray) -> Any:
        numbers = reference["arr"].ravel()[0] if is_object(reference) else reference
        numbers = np.ravel(numbers).astype(np.int64)
        axes = int(numbers[1])
        if numbers[0] != REFERENCE or np.prod(numbers[2 : 2 + axes]) != 1:
            return None
        kind, _, _, saved, normal, _ = self._objects[numbers[2 + axes]]
        properties = self._properties(self._saved if saved else self._normal, saved or normal)
        name = self._names[self._classes[kind][1] - 1]
        if name == STRING:
            return self._texts(properties["any"])
        if name == TABLE:
            columns = zip(properties["varnames"].ravel(), properties["data"].ravel(), strict=False)
            return {_text(called): self._column(column) for called, column in columns}
        return None

    def _properties(self, region: np.ndarray, number: int) -> dict[str, Any]:
        """Return the properties of an object by their names."""
        place = 0
        for _ in range(int(number)):
            place += 1 + 3 * int(region[place])
            place += place % 2
        count = int(region[place])
        records = region[place + 1 : place + 1 + 3 * count].reshape(count, 3)
        return {
            self._names[name - 1]: self._values[value]
            for name, kind, value in records
            if kind == IS_VALUE
        }

    def _column(self, column: Any) -> Any:
        is_reference = column.dtype == np.uint32 and column.size > 2
        if is_reference and column.ravel()[0] == REFERENCE:
            return self._value_of(column)
        return column

    def _texts(self, packed: np.ndarray) -> np.ndarray:
        """Return the texts of a string array, which are packed behind their lengths."""
        numbers = np.ravel(packed).astype(np.uint64)
        axes = int(numbers[1])
        count = int(np.prod(numbers[2 : 2 + axes]))
        if count > MOST_STRINGS:
            raise ValueError("There are too many strings.")
        lengths = numbers[2 + axes : 2 + axes + count].astype(np.int64)
        codec = "utf-16-le" if self._order == "<" else "utf-16-be"
        letters = numbers[2 + axes + count :].astype(f"{self._order}u8").tobytes()
        ends = 2 * np.cumsum(np.maximum(lengths, 0))  # a missing string has a length of -1
        return np.array(
            [
                letters[end - 2 * max(length, 0) : end].decode(codec)
                for length, end in zip(lengths, ends, strict=True)
            ]
        )


def _text(value: Any) -> str:
    """Return a text that SciPy may have left as an array of letters."""
    return "".join(map(str, np.ravel(value)))
