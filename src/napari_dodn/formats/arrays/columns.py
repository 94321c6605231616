"""Vectors of bands in matrices beside a cube: columns of tables, means over what is per column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_dodn.formats.arrays import per_column
from napari_dodn.formats.arrays.model import GUESSED, SHORT, Array, Store, as_dotted
from napari_dodn.formats.contents import LEAST_BANDS
from napari_dodn.formats.wavelengths.named import (
    is_called_wavelengths,
    is_said_per_band,
    looks_like_wavelengths,
)
from napari_dodn.spectra.units import find_wavelengths

MOST_COLUMNS = 4


def with_columns(store: Store) -> Store:
    """Return what a file holds, with the wavelengths in its matrices beside them."""
    found = {}
    attributes = dict(store.attributes)
    cubes = [set(array.shape) for array in store.arrays.values() if len(array.shape) == 3]
    for name, array in store.arrays.items():
        lengths = sorted(array.shape)
        if len(lengths) != 2 or not array.is_numeric or array.size > SHORT:
            continue
        is_table = 1 < lengths[0] <= MOST_COLUMNS and lengths[1] >= LEAST_BANDS
        # A matrix of two lengths of a cube has a value for each band and column.
        if not is_table or any(set(lengths) <= cube for cube in cubes):
            continue
        last = name.rpartition("/")[2].rpartition(".")[2]
        if is_said_per_band(last):
            table = np.asarray(array.load(), np.float64)
            centres = _wavelengths_in(table, is_vague=not is_called_wavelengths(last))
            if centres is not None:
                place = f"{name}/wavelength"
                found[place] = Array(place, centres, values=centres)
                attributes[name] = {**attributes.get(name, {}), GUESSED: True}
    return replace(store, arrays={**store.arrays, **found}, attributes=attributes)


def _wavelengths_in(table: np.ndarray, *, is_vague: bool) -> np.ndarray | None:
    """Return the column that rises or falls like wavelengths; of several the largest numbers."""
    columns = table if table.shape[0] < table.shape[1] else table.T
    fitting = []
    for column in columns:
        steps = np.diff(column)
        in_order = (steps > 0).all() or (steps < 0).all()
        if is_vague and not looks_like_wavelengths(column):
            continue
        if in_order and find_wavelengths(column)[0] is not None:
            fitting.append(column)
    return max(fitting, key=np.mean, default=None)


def means_over_columns(store: Store, array: Array, lengths: set[int]) -> dict[str, np.ndarray]:
    """Return the means of matrices with a value for each band and column, by dotted names."""
    found = {}
    for name, matrix in store.arrays.items():
        if len(matrix.shape) not in (2, 3) or not matrix.is_numeric or matrix is array:
            continue
        if not per_column.is_per_column(name.rpartition("/")[2]):
            continue
        mean = per_column.mean_over_columns(matrix.shape, array.shape, lengths, matrix.load)
        if mean is not None:
            found[as_dotted(name)] = mean
    return found


def note_of_mean(store: Store, dotted: str) -> str:
    """Return what is said where the mean of an array is taken, given the name with dots."""
    axes = [len(array.shape) for name, array in store.arrays.items() if as_dotted(name) == dotted]
    return per_column.note_of(dotted, max(axes))
