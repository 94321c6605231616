"""The variables of a MATLAB file and what lies in them, as named arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.matlab_objects import Objects, is_object
from napari_dodn.formats.arrays.model import SHORT, Array

MOST_PLACES = 1000
"""Places of a cell or an array of structures that are looked into."""

DEEPEST = 20
"""How deep structures and cells lie in each other at most."""


def parts_of(
    name: str, value: Any, objects: Objects | None = None, depth: int = 0
) -> Iterator[Array]:
    """Go through structures and cells and what is in them, named as MATLAB does.

    Of several, the places count from 1 down the columns: `scenes(2).img`, `data{2}`. What is one
    number in each of them is one vector as well.
    """
    if not isinstance(value, np.ndarray) or depth > DEEPEST:
        return
    items = value.ravel(order="F")[:MOST_PLACES]
    if is_object(value):
        if objects is not None:
            yield from parts_of_object(name, objects.value_of(value))
    elif value.dtype.names:
        for place, item in enumerate(items, 1):
            called = name if value.size == 1 else f"{name}({place})"
            for key in value.dtype.names:
                yield from parts_of(f"{called}.{key}", item[key], objects, depth + 1)
        for key in value.dtype.names if value.size > 1 else ():
            yield from together(f"{name}.{key}", [item[key] for item in items])
    elif value.dtype.kind == "O":
        yield from together(name, list(items))
        yield from _columns(name, value)
        for place, item in enumerate(items, 1):
            yield from parts_of(f"{name}{{{place}}}", item, objects, depth + 1)
    else:
        yield array_of(name, value)


def parts_of_object(name: str, held: Any) -> Iterator[Array]:
    """Yield what an object holds: the texts of a string, or the columns of a table."""
    for key, column in held.items() if isinstance(held, dict) else ():
        yield from parts_of(f"{name}.{key}", column)
    yield from parts_of(name, held)


def _columns(name: str, value: np.ndarray) -> Iterator[Array]:
    """Yield the columns of a cell whose first row is their headings."""
    if value.ndim != 2 or min(value.shape) < 2:
        return
    for column in value.T:
        heading = column[0]
        if isinstance(heading, np.ndarray) and heading.dtype.kind == "U" and heading.size == 1:
            yield from together(f"{name}.{heading.item()}", list(column[1:]))


def together(name: str, items: Sequence[Any]) -> Iterator[Array]:
    """Yield the items of a cell, or of an array of structures, as one text or vector."""
    arrays = [array_of(name, item) for item in items if isinstance(item, np.ndarray)]
    if len(arrays) < len(items):
        return
    values = [array.values for array in arrays]
    if all(isinstance(text, str) for text in values):
        yield array_of(name, np.array("\n".join(map(str, values))))
    elif len(arrays) > 1 and all(array.is_numeric and array.size == 1 for array in arrays):
        yield array_of(name, np.concatenate([np.ravel(array.load()) for array in arrays]))


def array_of(name: str, value: np.ndarray) -> Array:
    """Return an array that is in memory."""
    if value.dtype.kind == "U":
        text = "\n".join(str(line) for line in value.ravel())
        return Array(name, np.array(text), values=text)
    return Array(name, value, values=short_vector(value.shape, value.dtype, lambda: value))


def short_vector(
    shape: Sequence[int], dtype: np.dtype, load: Callable[[], Any]
) -> np.ndarray | None:
    """Return what is in a number or a short vector."""
    size = math.prod(shape)
    if dtype.kind not in "iufb" or not 1 <= size <= SHORT or size != max(shape, default=1):
        return None
    return np.asarray(load(), np.float64).ravel()
