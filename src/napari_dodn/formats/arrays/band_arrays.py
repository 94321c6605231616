"""Arrays of one band each, such as `Lt_443`, `Lt_490` and so on, seen as one cube."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.model import Array, Store
from napari_dodn.formats.arrays.three_axes import with_axes
from napari_dodn.formats.contents import LEAST_BANDS
from napari_dodn.formats.pixels.cache import Stored
from napari_dodn.formats.wavelengths.named import (
    LEAST_INTEGER_WAVELENGTH,
    is_called_wavelengths,
    is_said_per_band,
)
from napari_dodn.formats.wavelengths.spelt import numbers_in_texts

NUMBER_IN_NAME = re.compile(r"(\d+(?:[._p]\d+)?)(?!.*\d)")
"""The last number of a name; a point in it may be written as a line below or a p."""


@dataclass(frozen=True)
class BandByBand:
    """Images of single bands as one array (bands, y, x) that is read where it is sliced."""

    bands: tuple[Stored | np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Bands, y, x."""
        return (len(self.bands), *self.bands[0].shape)

    @property
    def dtype(self) -> np.dtype:
        """Type that holds the numbers of all bands."""
        return np.result_type(*(band.dtype for band in self.bands))

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Lengths of the pieces in which it is stored; None where each band is one."""
        chunks = getattr(self.bands[0], "chunks", None)
        return None if chunks is None else (1, *chunks)

    def __getitem__(self, key: Any) -> np.ndarray:
        band, *place = key
        if not isinstance(band, slice):
            return np.asarray(self.bands[band][tuple(place)], self.dtype)
        images = [np.asarray(band[tuple(place)]) for band in self.bands[band]]
        shape = np.empty(self.shape[1:], bool)[tuple(place)].shape
        return np.stack(images).astype(self.dtype) if images else np.empty((0, *shape), self.dtype)


def with_band_arrays(store: Store) -> Store:
    """Return what a file holds, with one cube more for each series of arrays of one band."""
    series: dict[tuple[str, str, tuple[int, ...]], dict[float, Array]] = defaultdict(dict)
    for name, array in store.arrays.items():
        number = NUMBER_IN_NAME.search(name.rpartition("/")[2])
        array = _as_image(array)
        if number is None or len(array.shape) != 2 or min(array.shape) < 2 or not array.is_numeric:
            continue
        before = name[: len(name) - len(name.rpartition("/")[2]) + number.start()]
        key = before, name[len(before) + len(number[0]) :], array.shape
        series[key][float(re.sub("[_p]", ".", number[1]))] = array
    arrays, attributes, copies = dict(store.arrays), dict(store.attributes), set(store.copies)
    for (before, after, _), numbered in series.items():
        if len(numbered) < LEAST_BANDS or (name := f"{before}*{after}") in arrays:
            continue
        numbers = sorted(numbered)
        bands = [numbered[number] for number in numbers]
        first = bands[0].dimensions or ("y", "x")
        note = f"The bands of '{name}' are {len(bands)} arrays, in the order of their numbers."
        stored = BandByBand(tuple(band.stored for band in bands))
        at_once = all(band.at_once for band in bands)
        arrays[name] = Array(name, stored, ("band", *first), note=note, at_once=at_once)
        said = [store.attributes.get(band.name, {}) for band in bands]
        attributes[name] = dict(_of_all(said, numbers))
        copies.add(name)
    return replace(store, arrays=arrays, attributes=attributes, copies=frozenset(copies))


def _as_image(array: Array) -> Array:
    """Return an array of rows and columns without axes of length 1, such as that of time."""
    kept = [axis for axis, length in enumerate(array.shape) if length != 1]
    if len(kept) != 2 or len(array.shape) == 2:
        return array
    names = array.dimensions
    dimensions = tuple(names[axis] for axis in kept) if names else ()
    return replace(array, stored=with_axes(array.stored, kept), dimensions=dimensions)


def _of_all(said: Sequence[Mapping[str, Any]], numbers: list[float]) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that all bands have: one value, or a vector where they differ."""
    has_wavelengths = False
    for key in said[0]:
        values = [attributes.get(key) for attributes in said]
        if all(isinstance(value, (int, float)) for value in values):
            is_of_bands = is_said_per_band(key)
            has_wavelengths |= is_called_wavelengths(key)
            differ = is_of_bands or len(set(values)) > 1
            yield key, np.array(values, np.float64) if differ else values[0]
        elif not all(isinstance(value, str) for value in values):
            continue
        elif named := numbers_in_texts(key, [*map(str, values)]):
            has_wavelengths = True
            yield "wavelengths", named.values
            if named.unit is not None:
                yield "wavelengths_units", named.unit
        elif len(set(values)) == 1:
            yield key, values[0]
    if not has_wavelengths and numbers[0] >= LEAST_INTEGER_WAVELENGTH:
        yield "wavelengths", np.array(numbers)
