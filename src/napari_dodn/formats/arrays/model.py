"""The named arrays of a file such as HDF5, NetCDF-4 or Zarr: which is the cube, and its axes.

Everything here works on names, shapes, attributes and short vectors; no pixel is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from napari_dodn.formats.axes import (
    checked_axes,
    in_a_sentence,
    letters_of,
    spectral_axis,
    usual_axis,
)
from napari_dodn.formats.contents import LEAST_BANDS, NOT_A_CUBE, Candidate, no_cube
from napari_dodn.formats.errors import AmbiguousError, FormatError
from napari_dodn.formats.named_wavelengths import NamedWavelengths, wavelengths_among
from napari_dodn.formats.options import ReadOptions
from napari_dodn.formats.pixels.cache import Stored
from napari_dodn.formats.pixels.lazy import lazy_pixels

SHORT = 10_000
"""Values up to which a vector is read together with the file's structure."""

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
    """

    name: str
    stored: Stored | np.ndarray
    dimensions: tuple[str, ...] = ()
    values: np.ndarray | str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self.stored.shape)

    @property
    def is_numeric(self) -> bool:
        """Whether it holds real numbers."""
        return self.stored.dtype.kind in "iuf"

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
    """

    path: Path
    arrays: Mapping[str, Array]
    attributes: Mapping[str, Mapping[str, Any]]

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
    return exact or [item for item in among if item.name.rpartition("/")[2] == path]


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
    named = _wavelengths_of(store, array, lengths)
    if axes is None:
        count = options.wavelength_count or (named.values.size if named else None)
        maps = [a.shape for a in store.arrays.values() if len(a.shape) == 2 and min(a.shape) > 1]
        spectral, why = spectral_axis(
            array.shape, count, maps=maps, otherwise=usual_axis(array.shape)
        )
        axes = letters_of(spectral)
    note = f"The cube is {array}, read with the axes '{axes}' {why}"
    note = f"{note}; the option 'axes' (--axes) decides."
    return Reading(array.name, (array,), axes, why, named=named, notes=[note])


def axes_of_names(names: tuple[str, ...]) -> str | None:
    """Return what axes mean by their names, None where these do not say which is the bands'."""
    letters = [AXIS_OF_NAME.get(re.sub(r"[^a-z]", "", name.casefold())) for name in names]
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


def _wavelengths_of(store: Store, array: Array, lengths: set[int]) -> NamedWavelengths | None:
    """Return the wavelengths that stand closest to an array; those of another length at last."""
    units, found = store.units(), None
    for folder in ancestors(array.name):
        vectors = {
            name: values
            for name, values in store.vectors(folder).items()
            if np.isfinite(values).all() and not NOT_WAVELENGTHS.search(name.rpartition(".")[2])
        }
        found = wavelengths_among(vectors, {}, lengths, units)
        if found is not None and found.values.size in lengths:
            break
    return found


def _held(store: Store) -> str:
    shown = [str(array) for array in store.arrays.values() if array.is_numeric and array.shape]
    more = len(shown) - 8
    return ", ".join(shown[:8]) + (f" and {more} more" * (more > 0)) or "nothing of numbers"


def _inside(name: str, folder: str) -> bool:
    return not folder or name == folder or name.startswith(f"{folder}/")
