"""Numbers that files of named arrays hold as text: lists of wavelengths, JSON, ENVI's headers."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.attributes import GAIN_NAMES, OFFSET_NAMES
from napari_dodn.formats.arrays.model import GUESSED, Array, Store
from napari_dodn.formats.contents import LEAST_BANDS
from napari_dodn.formats.description import OWN
from napari_dodn.formats.wavelengths.named import is_names_of_bands, is_said_per_band, letters
from napari_dodn.formats.wavelengths.spelt import Numbers, numbers_in, numbers_in_texts

NUMBERED = re.compile(r"(.*?\D)(\d+)")
"""Name and number of an attribute of one band."""

DEEPEST = 5
"""How deep objects of JSON are looked into."""

LABELS = ("label", "labels", "name", "names", "description")
"""What objects of JSON, one for each band, call them by."""

FIELD_OF_ENVI = re.compile(
    r"^\s*(wavelength|fwhm|wavelength units)\s*=\s*(\{[^}]*\}|.*)$", re.IGNORECASE | re.MULTILINE
)


def with_numbers_in_texts(store: Store) -> Store:
    """Return what a file holds, with the numbers in its texts beside them."""
    arrays = {name: _with_numbers(array) for name, array in store.arrays.items()}
    attributes: dict[str, dict[str, Any]] = {}
    for name, said in store.attributes.items():
        attributes.setdefault(name, {}).update({**_numbered(said), **said})
        for key, text in said.items():
            if not isinstance(text, str) or key == OWN:
                continue
            is_list = is_said_per_band(key) or letters(key) in (*GAIN_NAMES, *OFFSET_NAMES)
            if is_list and (found := _list_in(text)) is not None:
                attributes[name].update(_with_unit(key, found))
            for place, content in _in_text(f"{name}/{key}".strip("/"), text):
                attributes.setdefault(place, {}).update(content)
    for name, array in store.arrays.items():
        if isinstance(array.values, str) and name != OWN:
            if array is not arrays[name] and (found := _list_in(array.values)) and found.unit:
                attributes.setdefault(name, {}).setdefault("units", found.unit)
            for place, content in _in_text(name, array.values):
                attributes.setdefault(place, {}).update(content)
    return replace(store, arrays=arrays, attributes=attributes)


def _numbered(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what attributes such as `Band_1`, `Band_2` … or `wavelength_1` … say of all bands."""
    series: dict[str, dict[int, Any]] = defaultdict(dict)
    for key, value in said.items():
        if match := NUMBERED.fullmatch(key):
            series[match[1]][int(match[2])] = value
    found: dict[str, Any] = {}
    for stem, numbered in series.items():
        places = sorted(numbered)
        if len(places) < LEAST_BANDS or places != list(range(places[0], places[0] + len(places))):
            continue
        values = [numbered[place] for place in places]
        if is_said_per_band(stem) and all(isinstance(value, (int, float)) for value in values):
            found.setdefault(stem.strip("_ "), np.array(values, np.float64))
        elif all(isinstance(value, str) for value in values):
            found.update(_in_names(stem, values))
    return found


def _in_names(called: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the wavelengths in the names of all bands, given what the names are called."""
    named = numbers_in_texts(called, names)
    if named is None:
        return {}
    return {**_with_unit("wavelengths", named), GUESSED: True}


def _with_numbers(array: Array) -> Array:
    text = array.values
    if not isinstance(text, str) or not is_said_per_band(array.name.rpartition("/")[2]):
        return array
    found = _list_in(text)
    if found is None:
        return array
    return replace(array, stored=found.values, values=found.values)


def _list_in(text: str) -> Numbers | None:
    """Return the numbers of a text such as "[400, 410.5, 421]" or "400 nm; 410.5 nm"."""
    found = numbers_in(text, None)
    return None if found is None or found.values.size < 2 else found


def _with_unit(key: str, found: Numbers) -> dict[str, Any]:
    return {key: found.values} | ({} if found.unit is None else {f"{key}_units": found.unit})


def _in_text(name: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the content of all in a text that may say something of bands."""
    called = is_names_of_bands(name.rpartition("/")[2])
    items = re.split(r"\s*[\n,;]\s*", text.strip("[](){} \n")) if called else ()
    if said := _in_names(name, items):
        yield name, said
    if fields := FIELD_OF_ENVI.findall(text):
        said = {}
        for key, value in fields:
            found = _list_in(value)
            said |= {key: value.strip()} if found is None else _with_unit(key, found)
        yield name, said
    elif text.lstrip().startswith(("{", "[")):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return
        yield from _in_object(name, _as_object(content), 0)


def _with_own_units(content: Mapping[str, Any]) -> Numbers | None:
    """Return a list of values of which each has its unit beside it."""
    values = content.get("value", content.get("values"))
    units = content.get("unit", content.get("units", [""] * len(values or ())))
    if not isinstance(values, list) or not isinstance(units, list):
        return None
    pairs = zip(values, units, strict=False)
    return _list_in("; ".join(f"{value} {unit}" for value, unit in pairs))


def _as_object(content: Any) -> Mapping[str, Any]:
    """Return a list of objects, one for each band, as an object of lists."""
    if isinstance(content, dict):
        return content
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        return {}
    keys = [key for key in (content[0] if content else {}) if all(key in item for item in content)]
    return {key: [item[key] for item in content] for key in keys}


def _in_object(
    name: str, content: Mapping[str, Any], depth: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    found: dict[str, Any] = {}
    named: list[tuple[str, list[Any]]] = []
    for key, value in content.items():
        inner = _as_object(value) if isinstance(value, list) else {}
        if inner and is_said_per_band(key) and (numbers := _with_own_units(inner)) is not None:
            found.update(_with_unit(key, numbers))
        elif inner and depth < DEEPEST:
            yield from _in_object(f"{name}/{key}", inner, depth + 1)
        elif isinstance(value, dict) and depth < DEEPEST:
            yield from _in_object(f"{name}/{key}", value, depth + 1)
        elif isinstance(value, list) and is_said_per_band(key):
            numbers = _list_in(" ".join(map(str, value)))
            if numbers is not None:
                found.update(_with_unit(key, numbers))
        elif isinstance(value, list) and (key.casefold() in LABELS or is_names_of_bands(key)):
            named.append((key, value))
        elif isinstance(value, str) and is_said_per_band(key) and "unit" not in key.casefold():
            numbers = _list_in(value)
            found.update({key: value} if numbers is None else _with_unit(key, numbers))
        elif isinstance(value, (str, int, float)):
            found[key] = value
    if not any(isinstance(value, np.ndarray) for value in found.values()):
        for called, names in named:
            found.update(_in_names(called, list(map(str, names))))
    unit = next((found[key] for key in ("units", "unit") if isinstance(found.get(key), str)), None)
    vectors = [key for key, value in found.items() if isinstance(value, np.ndarray)]
    if unit is not None:
        found.update({f"{key}_units": unit for key in vectors if f"{key}_units" not in found})
    if vectors:
        yield name, found
