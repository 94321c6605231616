"""Whole numbers without a sign that NetCDF keeps in a type with one, and marks by an attribute.

(https://docs.unidata.ucar.edu/nug/current/best_practices.html, "Unsigned Data")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.attributes import NODATA_NAMES, numbers
from napari_dodn.formats.arrays.model import Store
from napari_dodn.formats.pixels.cache import Stored
from napari_dodn.formats.wavelengths.named import letters

MARK = "_Unsigned"


def with_unsigned(store: Store) -> Store:
    """Return what a file holds, with the arrays that are marked so, and their no-data values."""
    arrays, attributes = dict(store.arrays), dict(store.attributes)
    for name, array in store.arrays.items():
        said = store.attributes.get(name, {})
        if array.stored.dtype.kind != "i" or str(said.get(MARK, "")).casefold() != "true":
            continue
        stored = _WithoutSign(array.stored)
        arrays[name] = replace(array, stored=stored)
        attributes[name] = _of_unsigned(said, 2 ** (8 * stored.dtype.itemsize))
    return replace(store, arrays=arrays, attributes=attributes)


def _of_unsigned(said: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return the attributes of an array whose type holds a `count` of numbers."""
    changed = dict(said)
    for key in said:
        values = numbers(said[key]) if letters(key) in NODATA_NAMES else None
        if values is not None and (values < 0).any():
            changed[key] = np.where(values < 0, values + count, values)
    return changed


@dataclass(frozen=True)
class _WithoutSign:
    """An array whose bits are taken for numbers without a sign."""

    stored: Stored | np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.stored.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.stored.dtype.str.replace("i", "u"))

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return getattr(self.stored, "chunks", None)

    def __getitem__(self, key: Any) -> np.ndarray:
        values = np.asarray(self.stored[key])
        return values.view(values.dtype.str.replace("i", "u"))
