"""The variables of MATLAB files of version 5 (and 4), read by SciPy."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.matlab_check import (
    HEAD,
    LOGICAL_CLASS,
    OPAQUE_CLASS,
    DamagedError,
    Element,
    check_content,
    check_v4,
    check_v5,
)
from napari_dodn.formats.arrays.matlab_objects import Objects
from napari_dodn.formats.arrays.matlab_values import array_of, parts_of
from napari_dodn.formats.arrays.model import SHORT, Array
from napari_dodn.formats.errors import FormatError, damage_as_sentence
from napari_dodn.formats.options import ReadOptions

SUBSYSTEM = "__function_workspace__"
"""What SciPy calls the variable without a name."""

LARGEST_SUBSYSTEM = 10**8
"""Bytes up to which strings and tables are read."""

LONGEST_TEXT = 10**7
"""Letters up to which a text is looked into."""

NUMBER_TYPES = {"double": "float64", "single": "float32"}
NUMBER_CLASSES = ("double", "single", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))


@dataclass(frozen=True)
class _Variable:
    """A variable of a v5 file, which is read as a whole when it is first sliced."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    options: ReadOptions
    chunks: None = None

    @cached_property
    def _values(self) -> np.ndarray:
        size = math.prod(self.shape) * self.dtype.itemsize
        self.options.check_packed(self.path, size)
        values = _load_v5(self.path, self.name)
        if values.dtype.kind == "c":
            raise FormatError(
                f"{self.path}: '{self.name}' holds complex numbers; a cube holds real numbers."
            )
        return np.asarray(values)

    def __getitem__(self, key: Any) -> np.ndarray:
        return self._values[key]


def variables_of_v5(path: Path, options: ReadOptions) -> Iterator[Array]:
    """Yield the variables of a file, those that are large without being read."""
    from scipy.io import whosmat
    from scipy.io.matlab import matfile_version

    major, _ = matfile_version(path, appendmat=False)
    if not major:
        check_v4(path)
        for name, shape, matlab_class in whosmat(path, appendmat=False):
            yield from _arrays_of(path, Element(name, matlab_class, shape, 0, 0), options, None)
        return
    elements = check_v5(path, options)
    objects = _objects_of(path, elements)
    for element in elements:
        if element.matlab_class == OPAQUE_CLASS:
            found = _load_element(path, element).get("None")
            yield from parts_of(element.name, found, objects)
        elif element.name:
            yield from _arrays_of(path, element, options, objects)


def _arrays_of(
    path: Path, element: Element, options: ReadOptions, objects: Objects | None
) -> Iterator[Array]:
    name, matlab_class, shape, *_ = element
    size = math.prod(shape)
    is_large = size > (LONGEST_TEXT if matlab_class == "char" else SHORT)
    if matlab_class in NUMBER_CLASSES and is_large:
        dtype = np.dtype(NUMBER_TYPES.get(matlab_class, matlab_class))
        yield Array(name, _Variable(path, name, tuple(shape), dtype, options), at_once=True)
    elif is_large and matlab_class not in ("struct", "cell"):
        yield Array(name, np.broadcast_to(False, shape))  # it only has to be named
    elif matlab_class == LOGICAL_CLASS:
        yield array_of(name, _load_v5(path, name).astype(bool))
    else:
        yield from parts_of(name, _load_v5(path, name), objects)


def _objects_of(path: Path, elements: Sequence[Element]) -> Objects | None:
    """Return the strings and tables of a file; None where there are none, or cannot be read.

    They lie in a file within the file, whose bytes are those of a variable without a name.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    element = next((element for element in elements if not element.name), None)
    if element is None or math.prod(element.shape) > LARGEST_SUBSYSTEM:
        return None
    with suppress(DamagedError, MatReadError, KeyError, IndexError, ValueError, TypeError):
        found = _load_element(path, element)[SUBSYSTEM]
        content = np.asarray(found, np.uint8).tobytes()
        # A file has its version behind a text of 124 bytes, the one within begins with it.
        content = b" " * (HEAD - 4) + content[:4] + content[8:]
        check_content(content)
        held = loadmat(io.BytesIO(content))[SUBSYSTEM]
        cell = held["MCOS"][0, 0]["arr"].ravel()[0]
        return Objects(list(np.ravel(cell)), "<" if content[HEAD - 2 : HEAD] == b"IM" else ">")
    return None


def _load_element(path: Path, element: Element) -> dict[str, Any]:
    """Return what SciPy reads in a file with one variable alone.

    It knows objects by no name of their own, so that of several only the last would be left.
    """
    from scipy.io import loadmat

    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(element.start)
        content = file.read(element.size)
    with damage_as_sentence(f"{path} is damaged: its variable '{element.name}' cannot be read."):
        return dict(loadmat(io.BytesIO(head + content)))


def _load_v5(path: Path, name: str) -> Any:
    from scipy.io import loadmat

    with damage_as_sentence(f"{path} is damaged: its variable '{name}' cannot be read."):
        return loadmat(path, appendmat=False, variable_names=[name])[name]
