"""Which of the named arrays of a file is the cube, what its axes mean, and its wavelengths."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from napari_dodn.formats.arrays import per_column
from napari_dodn.formats.arrays.belonging import FoundWavelengths, wavelengths_of
from napari_dodn.formats.arrays.columns import means_over_columns, note_of_mean
from napari_dodn.formats.arrays.conventions import ONLY_A_DIMENSION
from napari_dodn.formats.arrays.flat import FLAT_AXES, flat_readings, image_sizes
from napari_dodn.formats.arrays.model import (
    Array,
    Reading,
    Store,
    as_dotted,
    as_named,
    axis_of,
    cubes_named,
)
from napari_dodn.formats.arrays.three_axes import AXES_OF_A_CUBE
from napari_dodn.formats.axes import checked_axes, letters_of, spectral_axis, usual_axis
from napari_dodn.formats.contents import LEAST_BANDS, NOT_A_CUBE, Explanation, no_cube
from napari_dodn.formats.errors import AmbiguousError, FormatError
from napari_dodn.formats.options import ReadOptions
from napari_dodn.formats.wavelengths.named import (
    CLEAR_NAMES,
    FWHM_NAMES,
    NOT_WAVELENGTHS,
    all_wavelengths,
    is_called_wavelengths,
    letters,
)
from napari_dodn.spectra.units import find_wavelengths
from napari_dodn.wording import few_of

MOST_NAMES = 8
"""How many of several cubes or arrays are named."""

_Named = TypeVar("_Named", Array, Reading)


def find_readings(store: Store, options: ReadOptions) -> list[Reading]:
    """Return all arrays of a file that may be the cube.

    Parameters
    ----------
    store : Store
        What there is.
    options : ReadOptions
        What the caller decided.

    Raises
    ------
    FormatError
        If there are none.
    """
    cubes = [array for array in store.arrays.values() if _may_be_cube(array)]
    proper = [array for array in cubes if not _is_said_of_a_cube(array.name.rpartition("/")[2])]
    pictures = [array for array in proper if min(array.shape[::2]) < LEAST_BANDS]
    proper = [array for array in proper if array not in pictures]
    matrices = flat_readings(store) if store.by_columns and not proper else []
    if any("b" in map(axis_of, array.dimensions) for array in proper):
        with_bands = [a for a in proper if not a.dimensions or "b" in map(axis_of, a.dimensions)]
        proper = with_bands
    first = [array for array in proper if array.name not in store.copies]
    cubes = first or proper or pictures or ([] if matrices else cubes)
    if options.axes in FLAT_AXES:
        cubes, matrices = [], [found for found in matrices if found.axes == options.axes]
    if not cubes and not matrices:
        for array in store.arrays.values():
            if len(array.shape) == AXES_OF_A_CUBE and array.is_complex:
                raise _holds_complex(store, array)
        raise no_cube(store.path, _held(store), (x.shape for x in store.arrays.values()))
    flat = [_with_wavelengths(store, reading) for reading in matrices]
    return flat + [understood(store, array, options) for array in cubes]


def choose(store: Store, readings: list[Reading], options: ReadOptions) -> Reading:
    """Return the one reading, or that which the option `dataset` names.

    Any array of three axes can be named, also one that would not be proposed.

    Raises
    ------
    AmbiguousError
        If there are several and no option decides.
    FormatError
        If there is nothing of that name.
    """
    if options.dataset is None:
        found = readings
    else:
        found = _called(options.dataset, readings) or [
            reading
            for array in _called(options.dataset, list(store.arrays.values()))
            for reading in _of_any_array(store, array, options)
        ]
    if not found:
        raise FormatError(f"{store.path} has no array '{options.dataset}', only {_held(store)}.")
    if len(found) == 1:
        return _fitting(store, found[0], options)
    several = [f"'{r.name}' ({' × '.join(map(str, r.shape))})" for r in found]
    raise AmbiguousError(
        f"{store.path} holds several cubes: {few_of(several, MOST_NAMES)}; the option"
        " 'dataset' (--dataset) decides.",
        list(dict.fromkeys(reading.name for reading in found)),
    )


def _called(name: str, among: list[_Named]) -> list[_Named]:
    """Return what has a path, or, where nothing has it, what has it as its path's last part."""
    path = name.strip("/")
    exact = [item for item in among if item.name == path]
    last = [item for item in among if item.name.rpartition("/")[2] == path]
    return exact or last or [item for item in among if item.name.endswith(f" {path}")]


def _may_be_cube(array: Array) -> bool:
    return len(array.shape) == AXES_OF_A_CUBE and 0 not in array.shape and array.is_numeric


def _is_said_of_a_cube(name: str) -> bool:
    """Tell whether an array is called like quality, noise or the wavelengths of each pixel."""
    return bool(NOT_A_CUBE.search(name)) or letters(name) in (*CLEAR_NAMES, *FWHM_NAMES)


def _of_any_array(store: Store, array: Array, options: ReadOptions) -> list[Reading]:
    if _may_be_cube(array):
        return [understood(store, array, options)]
    if array.is_complex:
        raise _holds_complex(store, array)
    flat = flat_readings(store, only=array) if store.by_columns else []
    if not flat:
        raise FormatError(f"{store.path}: the array {array} is not a cube of real numbers.")
    if options.axes in FLAT_AXES:
        flat = [reading for reading in flat if reading.axes == options.axes]
    return [_with_wavelengths(store, reading) for reading in flat]


def _fitting(store: Store, reading: Reading, options: ReadOptions) -> Reading:
    """Return a reading, where it can be understood as the option `axes` says."""
    if reading.image_size is not None and options.axes not in (None, reading.axes):
        raise FormatError(
            f"{store.path}: '{options.axes}' does not fit the array {reading.parts[0]}, which has "
            f"the axes '{reading.axes}' by the size of the image."
        )
    return reading


def _holds_complex(store: Store, array: Array) -> FormatError:
    return FormatError(f"{store.path}: {array} holds complex numbers; a cube holds real numbers.")


def _with_wavelengths(store: Store, reading: Reading) -> Reading:
    """Return the reading of a matrix with the wavelengths that go with it."""
    found = _wavelengths_of(store, reading.parts[0], {reading.stored_bands})
    notes = [*reading.notes, *filter(None, [found.note])]
    return replace(reading, named=found.named, notes=notes)


def understood(store: Store, array: Array, options: ReadOptions) -> Reading:
    """Return how to read an array as a cube: its axes, and the wavelengths that go with it."""
    axes, why = options.axes, "as asked for"
    if axes is not None:
        axes = checked_axes(axes, array)
    elif axes := axes_of_names(array.dimensions):
        why = f"since its axes are called {', '.join(array.dimensions)}"
    lengths = set(array.shape) if axes is None else {array.shape[axes.index("b")]}
    found = _wavelengths_of(store, array, lengths)
    named = found.named
    count = options.wavelength_count or (named.values.size if named else found.count)
    if axes is None:
        axes, why = _likely_axes(store, array, count)
    note = f"The cube is {array}, read with the axes '{axes}' {why}"
    note = f"{note}; the option 'axes' (--axes) decides."
    if options.axes is not None or "b" in map(axis_of, array.dimensions) or count in array.shape:
        note = Explanation(note)
    notes = list(filter(None, (array.note, note, found.note)))
    return Reading(array.name, (array,), axes, why, named=named, notes=notes)


def _likely_axes(store: Store, array: Array, count: int | None) -> tuple[str, str]:
    """Return the meaning of three axes without names, and why."""
    maps = [
        other.shape
        for other in store.arrays.values()
        if len(other.shape) == 2
        and min(other.shape) > 1
        and not per_column.is_per_column(other.name.rpartition("/")[2])
    ]
    otherwise = usual_axis(array.shape)
    if array.follows:
        otherwise = 0, "since another axis stood in front of it"
    elif store.by_columns:
        otherwise = 2, "as is usual in MATLAB"
    if store.by_columns:
        maps += image_sizes(store)
    spectral, why = spectral_axis(array.shape, count, maps=maps, otherwise=otherwise)
    axes = letters_of(spectral)
    if store.by_columns:
        rows, columns = (array.shape[axes.index(letter)] for letter in "yx")
        is_turned = (columns, rows) in maps or (array.in_c_order and spectral == 0)
        if (rows, columns) not in maps and is_turned:
            axes = axes.translate(str.maketrans("xy", "yx"))
    return axes, why


def axes_of_names(names: tuple[str, ...]) -> str | None:
    """Return what axes mean by their names, None where these do not say which is the bands'."""
    letters = [axis_of(name) for name in names]
    left = {"b", "y", "x"} - set(letters)
    if len(letters) == AXES_OF_A_CUBE and letters.count(None) == len(left) == 1:
        (only,) = left  # beside rows and columns the bands, beside columns and bands the rows
        letters = [letter or only for letter in letters]
        left = set()
    if len(letters) != AXES_OF_A_CUBE or letters.count("b") != 1:
        return None
    if not left:
        return "".join(letter or "" for letter in letters)
    return letters_of(letters.index("b"))


def _wavelengths_of(store: Store, array: Array, lengths: set[int]) -> FoundWavelengths:
    """Return the wavelengths that belong to an array; those of another length at last."""
    means = means_over_columns(store, array, lengths)
    vectors = {
        name: values
        for name, values in {**store.vectors(), **means}.items()
        if np.isfinite(values).all() and not NOT_WAVELENGTHS.search(name.rpartition(".")[2])
    }
    found = [
        replace(item, note=f"{note_of_mean(store, item.name)} {item.note}".strip())
        if item.name in means
        else item
        for item in all_wavelengths(vectors, {}, store.units())
    ]
    paths = {as_dotted(name): name for name in store.arrays}
    named = [
        (as_named(store, paths.get(item.name, ""), (item.values.size,)), item) for item in found
    ]
    named = [(replace(tie, name=item.name), item) for tie, item in named]
    own = as_named(store, array.name, array.shape)
    belonging = wavelengths_of(own, cubes_named(store), named, lengths)
    if belonging.note or (belonging.named and belonging.named.values.size in lengths):
        return belonging
    return _unusable_wavelengths(store, lengths) or belonging


def _unusable_wavelengths(store: Store, lengths: set[int]) -> FoundWavelengths | None:
    """Return why wavelengths of a fitting length are none; they still tell which axis is theirs."""
    only_dimensions = {
        as_dotted(name)
        for name, said in store.attributes.items()
        if str(said.get("NAME", "")).startswith(ONLY_A_DIMENSION)
    }
    for name, values in store.vectors().items():
        is_called_so = is_called_wavelengths(name) and not NOT_WAVELENGTHS.search(
            name.rpartition(".")[2]
        )
        if is_called_so and values.size in lengths and name not in only_dimensions:
            wavelengths, _, note = find_wavelengths(values, store.units().get(name))
            if wavelengths is None:
                note = note.replace("The wavelengths", f"The wavelengths in '{name}'", 1)
                return FoundWavelengths(None, values.size, note)
    return None


def _held(store: Store) -> str:
    arrays = [array for array in store.arrays.values() if array.shape or array.values is not None]
    shown = [str(array) for array in arrays if array.is_numeric] or list(map(str, arrays))
    return few_of(shown, MOST_NAMES) or "nothing of numbers"
