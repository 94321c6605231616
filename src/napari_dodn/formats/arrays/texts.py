"""Numbers that files of named arrays hold as text: lists of wavelengths, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.model import Array, Store
from napari_dodn.formats.description import OWN
from napari_dodn.formats.named_wavelengths import is_said_per_band, numbers_in

DEEPEST = 5
"""How deep objects of JSON are looked into."""


def with_numbers_in_texts(store: Store) -> Store:
    """Return what a file holds, with the numbers in its texts beside them."""
    arrays = {name: _with_numbers(array) for name, array in store.arrays.items()}
    attributes: dict[str, dict[str, Any]] = {}
    for name, said in store.attributes.items():
        attributes.setdefault(name, {}).update(said)
        for key, text in said.items():
            if not isinstance(text, str) or key == OWN:
                continue
            if is_said_per_band(key) and (values := numbers_in(text)) is not None:
                attributes[name][key] = values
            for place, found in _in_json(f"{name}/{key}".strip("/"), text):
                attributes.setdefault(place, {}).update(found)
    for name, array in store.arrays.items():
        if isinstance(array.values, str) and name != OWN:
            for place, found in _in_json(name, array.values):
                attributes.setdefault(place, {}).update(found)
    return replace(store, arrays=arrays, attributes=attributes)


def _with_numbers(array: Array) -> Array:
    text = array.values
    if not isinstance(text, str) or not is_said_per_band(array.name.rpartition("/")[2]):
        return array
    values = numbers_in(text)
    return array if values is None else replace(array, values=values)


def _in_json(name: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the content of each object in a text that is JSON."""
    if not text.lstrip().startswith("{"):
        return
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _in_object(name, content, 0)


def _in_object(
    name: str, content: Mapping[str, Any], depth: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from _in_object(f"{name}/{key}", value, depth + 1)
        elif isinstance(value, list) and is_said_per_band(key):
            numbers = numbers_in(" ".join(map(str, value)))
            if numbers is not None:
                found[key] = numbers
        elif isinstance(value, str) and is_said_per_band(key) and "unit" not in key.casefold():
            numbers = numbers_in(value)
            found[key] = value if numbers is None else numbers
        elif isinstance(value, (str, int, float)):
            found[key] = value
    unit = next((found[key] for key in ("units", "unit") if isinstance(found.get(key), str)), None)
    vectors = [key for key, value in found.items() if isinstance(value, np.ndarray)]
    if unit is not None:
        found.update({f"{key}_units": unit for key in vectors if f"{key}_units" not in found})
    if vectors:
        yield name, found
