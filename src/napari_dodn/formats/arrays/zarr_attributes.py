"""What the attributes of groups and arrays of a Zarr store say, also in xarray's spelling."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.conventions import FILL

DIMENSIONS_OF_V2 = "_ARRAY_DIMENSIONS"
"""Attribute by which xarray names the axes in version 2."""


def attributes_of(member: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that are numbers, vectors of numbers or texts."""
    said = member.attrs.asdict()
    yield from _no_data_of_xarray(member, said)
    for key, value in said.items():
        if isinstance(value, (str, int, float)):
            yield key, _decoded(value) if key == FILL else value
        elif isinstance(value, list) and all(isinstance(item, (int, float)) for item in value):
            yield key, np.array(value, dtype=np.float64)
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            yield key, ", ".join(value)
        elif isinstance(value, dict) or _are_objects(value):
            yield key, json.dumps(value)


def dimensions_of(array: Any) -> tuple[str, ...]:
    """Return the names of the axes; empty where there are none."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get(DIMENSIONS_OF_V2)
    return tuple(names) if names and all(isinstance(name, str) for name in names) else ()


def _no_data_of_xarray(member: Any, said: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the no-data value that xarray keeps as the fill value of version 2.

    A fill value of 0 says nothing: it is everybody else's, too.
    """
    if DIMENSIONS_OF_V2 in said and FILL not in said:
        with suppress(AttributeError, TypeError, ValueError):  # of a group, none, or a text
            value = float(member.metadata.fill_value)
            if value and np.isfinite(value):
                yield FILL, value


def packed_fill(value: float) -> str | int:
    """Return a no-data value as xarray packs it in version 3, which `attributes_of` reads."""
    return value if isinstance(value, int) else base64.b64encode(struct.pack("<d", value)).decode()


def _decoded(value: str | float) -> str | float:
    """Return a number where xarray has packed one into a text, as it does in version 3."""
    if isinstance(value, str):
        with suppress(ValueError, struct.error):
            return float(struct.unpack("<d", base64.b64decode(value, validate=True))[0])
    return value


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
