"""The named arrays of a file such as HDF5, NetCDF-4 or Zarr: which is the cube, and its axes.

Everything here works on names, shapes, attributes and short vectors; no pixel is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from napari_dodn.formats.arrays import per_column
from napari_dodn.formats.arrays.belonging import FoundWavelengths, Named, wavelengths_of, words_in
from napari_dodn.formats.arrays.three_axes import WithoutAxes, kept_axes, note_of
from napari_dodn.formats.axes import (
    checked_axes,
    in_a_sentence,
    letters_of,
    spectral_axis,
    usual_axis,
)
from napari_dodn.formats.contents import LEAST_BANDS, NOT_A_CUBE, Candidate, no_cube
from napari_dodn.formats.errors import AmbiguousError, FormatError
from napari_dodn.formats.named_wavelengths import NamedWavelengths, all_wavelengths
from napari_dodn.formats.options import ReadOptions
from napari_dodn.formats.pixels.cache import Stored
from napari_dodn.formats.pixels.lazy import lazy_pixels

SHORT = 10_000
"""Values up to which a vector is read together with the file's structure."""

LONGEST = 2**24
"""Bytes up to which anything is read together with the file's structure; a chunk is read whole."""

MOST_CUBES = 100
"""Cubes along an axis such as time that are offered one by one."""

LONGEST_LINK = 80
"""Characters of a text that may name another array; longer ones are prose."""

NOT_WAVELENGTHS = re.compile(r"good|bad|flag|valid|mask|uncert|err|width|number", re.IGNORECASE)
"""Names of what is said about wavelengths, band by band."""

AXIS_NAMES = {
    "b": "b band bands wavelength wavelengths wl wvl lambda channel channels spectral wavenumber",
    "y": "y row rows line lines lat latitude northing downtrack alongtrack height ypixel",
    "x": "x col cols column columns sample samples lon longitude easting crosstrack acrosstrack "
    "width xpixel",
}
AXIS_OF_NAME = {name: axis for axis, names in AXIS_NAMES.items() for name in names.split()}


@dataclass(frozen=True)
class Array:
    """An array of a file.

    Attributes
    ----------
    name : str
        Its path in the file.
    stored : Stored or numpy.ndarray
        The array itself, which is read where it is sliced.
    dimensions : tuple of str
        Names of its axes; empty where there are none.
    values : numpy.ndarray, str or None
        What is in it, of texts and short vectors.
    note : str
        What was done to see three axes, and in which other files the numbers are, in sentences.
    check : callable
        Looks whether all of it is there, once it is the cube; returns a sentence on what is not,
        or raises FormatError.
    """

    name: str
    stored: Stored | np.ndarray
    dimensions: tuple[str, ...] = ()
    values: np.ndarray | str | None = None
    note: str = ""
    check: Callable[[], str] = str

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self.stored.shape)

    @property
    def is_numeric(self) -> bool:
        """Whether it holds real numbers."""
        return self.stored.dtype.kind in "iuf"

    def load(self) -> np.ndarray:
        """Return all that is in it."""
        return np.asarray(self.stored[(slice(None),) * len(self.shape)])

    def __str__(self) -> str:
        return f"'{self.name}' ({' × '.join(map(str, self.shape))})"


@dataclass(frozen=True)
class Store:
    """What a file holds.

    Attributes
    ----------
    path : Path
        The file.
    arrays : mapping
        By their paths.
    attributes : mapping
        Those of groups and arrays, by their paths: numbers, vectors of numbers, and texts. That of
        the whole file is "".
    copies : frozenset of str
        Paths of arrays that are offered only where there are no others, such as the smaller
        levels of a pyramid.
    """

    path: Path
    arrays: Mapping[str, Array]
    attributes: Mapping[str, Mapping[str, Any]]
    copies: frozenset[str] = frozenset()

    def vectors(self, folder: str = "") -> dict[str, np.ndarray]:
        """Return the vectors of numbers in a folder and below, attributes or arrays.

        Their names have dots for slashes, since wavelengths are known by the last part.
        """
        found = {
            name.replace("/", "."): array.values
            for name, array in self.arrays.items()
            if _inside(name, folder) and isinstance(array.values, np.ndarray)
        }
        for name, attributes in self.attributes.items():
            for key, value in attributes.items() if _inside(name, folder) else ():
                if isinstance(value, np.ndarray) and value.size > 1:
                    found.setdefault(f"{name}.{key}".replace("/", "."), value)
        return found

    def units(self) -> dict[str, str]:
        """Return what the file says of its vectors' units, by the same names."""
        found = {}
        for name, attributes in self.attributes.items():
            texts = {key: text for key, text in attributes.items() if isinstance(text, str)}
            for key, text in texts.items():
                stem, _, rest = key.casefold().rpartition("unit")
                if rest not in ("", "s"):
                    continue
                if not stem:
                    found[name.replace("/", ".")] = text
                for other in attributes:
                    if stem and other.casefold() == stem.strip("_ "):
                        found[f"{name}.{other}".replace("/", ".")] = text
        return found


@dataclass
class Reading:
    """One way to read a cube out of a file.

    Attributes
    ----------
    name : str
        What the option `dataset` calls it.
    parts : tuple of Array
        The array, or several of the same image, one after the other along the bands.
    axes : str
        What their axes mean: y, x and b in their order.
    reason : str
        Why, as the end of a sentence.
    bands : numpy.ndarray or None
        Which of the stored bands are taken, in their order; None for all.
    named : NamedWavelengths or None
        The wavelengths that were found beside the array.
    attributes : dict
        Of the HyperCube, where the layout of a product says them.
    notes : list of str
        What was found out.
    """

    name: str
    parts: tuple[Array, ...]
    axes: str
    reason: str
    bands: np.ndarray | None = None
    named: NamedWavelengths | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes as they are stored, with the bands that are taken of all parts."""
        shape = list(self.parts[0].shape)
        taken = self.stored_bands if self.bands is None else self.bands.size
        shape[self.axes.index("b")] = taken
        return tuple(shape)

    @property
    def stored_bands(self) -> int:
        """Number of bands in the file."""
        return sum(part.shape[self.axes.index("b")] for part in self.parts)

    def pixels(self) -> Any:
        """Return a dask array of shape (bands, y, x) that nothing has been read of yet."""
        import dask.array

        arrays = [lazy_pixels(part.stored, self.axes) for part in self.parts]
        pixels = arrays[0] if len(arrays) == 1 else dask.array.concatenate(arrays)
        if self.bands is None:
            return pixels
        first, last = int(self.bands[0]), int(self.bands[-1])
        if np.array_equal(self.bands, np.arange(first, last + 1)):
            return pixels[first : last + 1]
        return pixels[self.bands]

    def candidate(self) -> Candidate:
        """Return what the panel shows of it."""
        reason = in_a_sentence(self.axes, self.reason)
        dtype = self.parts[0].stored.dtype.name
        return Candidate(self.name, self.shape, dtype, self.axes, reason)


def with_three_axes(store: Store) -> Store:
    """Return what a file holds with its arrays of more axes without those of length 1."""
    arrays: dict[str, Array] = {}
    attributes = dict(store.attributes)
    copies = set(store.copies)
    for name, array in store.arrays.items():
        arrays[name] = _with_three_axes(array)
        for part in _one_by_one(arrays[name]) if name not in store.copies else ():
            copies.add(part.name)  # an array of three axes goes first
            arrays[part.name] = part
            attributes[part.name] = store.attributes.get(name, {})
    return replace(store, arrays=arrays, attributes=attributes, copies=frozenset(copies))


def _one_by_one(array: Array) -> Iterator[Array]:
    """Yield the cubes along the one axis of an array whose name is none of a cube's axes."""
    meanings = [_axis_of(name) for name in array.dimensions]
    if len(meanings) != 4 or meanings.count(None) != 1 or "b" not in meanings:
        return
    axis = meanings.index(None)
    kept = tuple(other for other in range(4) if other != axis)
    for place in range(array.shape[axis] if array.shape[axis] <= MOST_CUBES else 0):
        yield Array(
            f"{array.name} {array.dimensions[axis]} {place + 1}",
            WithoutAxes(array.stored, kept, axis, place),
            tuple(array.dimensions[other] for other in kept),
            note=array.note,
            check=array.check,
        )


def _with_three_axes(array: Array) -> Array:
    names = array.dimensions
    kept = kept_axes(array.shape, [_axis_of(name) for name in names])
    if kept is None or 0 in array.shape:
        return array
    return replace(
        array,
        stored=WithoutAxes(array.stored, kept),
        dimensions=tuple(names[axis] for axis in kept) if names else (),
        note=" ".join(filter(None, (array.note, note_of(array, len(array.shape) - len(kept))))),
    )


def _axis_of(name: str) -> str | None:
    return AXIS_OF_NAME.get(re.sub(r"[^a-z]", "", name.casefold()))


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
    cubes = [
        array
        for array in store.arrays.values()
        if len(array.shape) == 3 and 0 not in array.shape and array.is_numeric
    ]
    cubes = [array for array in cubes if array.name not in store.copies] or cubes
    beside = [array for array in cubes if NOT_A_CUBE.search(array.name.rpartition("/")[2])]
    cubes = [array for array in cubes if array not in beside] or cubes
    pictures = [array for array in cubes if min(array.shape[::2]) < LEAST_BANDS]
    if len(pictures) < len(cubes):
        cubes = [array for array in cubes if array not in pictures]
    if not cubes:
        raise no_cube(store.path, _held(store), (x.shape for x in store.arrays.values()))
    return [understood(store, array, options) for array in cubes]


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
            _of_any_array(store, array, options)
            for array in _called(options.dataset, list(store.arrays.values()))
        ]
    if not found:
        raise FormatError(f"{store.path} has no array '{options.dataset}', only {_held(store)}.")
    if len(found) == 1:
        return found[0]
    shown = ", ".join(f"'{r.name}' ({' × '.join(map(str, r.shape))})" for r in found)
    raise AmbiguousError(
        f"{store.path} holds several cubes: {shown}; the option 'dataset' (--dataset) decides.",
        [reading.name for reading in found],
    )


def _called(name: str, among: list[_Named]) -> list[_Named]:
    """Return what has a path, or, where nothing has it, what has it as its path's last part."""
    path = name.strip("/")
    exact = [item for item in among if item.name == path]
    last = [item for item in among if item.name.rpartition("/")[2] == path]
    return exact or last or [item for item in among if item.name.endswith(f" {path}")]


def _of_any_array(store: Store, array: Array, options: ReadOptions) -> Reading:
    if len(array.shape) != 3 or 0 in array.shape or not array.is_numeric:
        raise FormatError(f"{store.path}: the array {array} is not a cube of real numbers.")
    return understood(store, array, options)


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
    if axes is None:
        count = options.wavelength_count or (named.values.size if named else found.count)
        maps = [
            a.shape
            for a in store.arrays.values()
            if len(a.shape) == 2
            and min(a.shape) > 1
            and not per_column.is_per_column(a.name.rpartition("/")[2])
        ]
        spectral, why = spectral_axis(
            array.shape, count, maps=maps, otherwise=usual_axis(array.shape)
        )
        axes = letters_of(spectral)
    note = f"The cube is {array}, read with the axes '{axes}' {why}"
    note = f"{note}; the option 'axes' (--axes) decides."
    notes = list(filter(None, (array.note, note, found.note)))
    return Reading(array.name, (array,), axes, why, named=named, notes=notes)


def axes_of_names(names: tuple[str, ...]) -> str | None:
    """Return what axes mean by their names, None where these do not say which is the bands'."""
    letters = [_axis_of(name) for name in names]
    if len(letters) != 3 or letters.count("b") != 1:
        return None
    others = [letter for letter in letters if letter != "b"]
    if others == ["x", "y"]:
        return "".join(letter or "" for letter in letters)
    return letters_of(letters.index("b"))


def ancestors(name: str) -> Iterator[str]:
    """Yield the path of an array, of the group that it is in, and so on, "" last."""
    while name:
        yield name
        name = name.rpartition("/")[0]
    yield ""


def as_named(store: Store, name: str, sizes: tuple[int, ...]) -> Named:
    """Return what may tie an array, or a vector among the attributes, to others."""
    array = store.arrays.get(name)
    dimensions = () if array is None else array.dimensions
    said = store.attributes.get(name, {})
    texts = [
        text
        for key, text in said.items()
        if isinstance(text, str) and len(text) <= LONGEST_LINK and "unit" not in key.casefold()
    ]
    mentioned = {
        link.strip("/").replace("/", ".") for text in texts for link in re.split(r"[\s,;]+", text)
    }
    words = frozenset[str]().union(*map(words_in, texts))
    return Named(name.replace("/", "."), sizes, frozenset(dimensions) | mentioned, words)


def cubes_named(store: Store) -> list[Named]:
    """Return what may tie others to the arrays of numbers with three axes."""
    return [
        as_named(store, array.name, array.shape)
        for array in store.arrays.values()
        if len(array.shape) == 3 and array.is_numeric
    ]


def means_over_columns(store: Store, array: Array, lengths: set[int]) -> dict[str, np.ndarray]:
    """Return the means of matrices with a value for each band and column, by dotted names."""
    found = {}
    for name, matrix in store.arrays.items():
        if len(matrix.shape) != 2 or not matrix.is_numeric:
            continue
        if not per_column.is_per_column(name.rpartition("/")[2]):
            continue
        mean = per_column.mean_over_columns(matrix.shape, array.shape, lengths, matrix.load)
        if mean is not None:
            found[name.replace("/", ".")] = mean
    return found


def _wavelengths_of(store: Store, array: Array, lengths: set[int]) -> FoundWavelengths:
    """Return the wavelengths that belong to an array; those of another length at last."""
    means = means_over_columns(store, array, lengths)
    vectors = {
        name: values
        for name, values in {**store.vectors(), **means}.items()
        if np.isfinite(values).all() and not NOT_WAVELENGTHS.search(name.rpartition(".")[2])
    }
    found = [
        replace(item, note=f"{per_column.note_of(item.name)} {item.note}".strip())
        if item.name in means
        else item
        for item in all_wavelengths(vectors, {}, store.units())
    ]
    paths = {name.replace("/", "."): name for name in store.arrays}
    named = [
        (as_named(store, paths.get(item.name, ""), (item.values.size,)), item) for item in found
    ]
    named = [(replace(tie, name=item.name), item) for tie, item in named]
    own = as_named(store, array.name, array.shape)
    return wavelengths_of(own, cubes_named(store), named, lengths)


def _held(store: Store) -> str:
    shown = [str(array) for array in store.arrays.values() if array.is_numeric and array.shape]
    more = len(shown) - 8
    return ", ".join(shown[:8]) + (f" and {more} more" * (more > 0)) or "nothing of numbers"


def _inside(name: str, folder: str) -> bool:
    return not folder or name == folder or name.startswith(f"{folder}/")
