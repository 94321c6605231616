"""The named arrays of a file such as HDF5, Zarr or MATLAB: which is the cube, and its axes.

Everything here works on names, shapes, attributes and short vectors; no pixel is looked at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.belonging import Named, words_in
from napari_dodn.formats.arrays.three_axes import (
    AXES_OF_A_CUBE,
    axis_of_cubes,
    kept_axes,
    note_of,
    with_axes,
)
from napari_dodn.formats.axes import in_a_sentence
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.pixels.cache import Stored
from napari_dodn.formats.pixels.lazy import lazy_pixels
from napari_dodn.formats.pixels.no_data import with_nan
from napari_dodn.formats.wavelengths.named import NamedWavelengths, all_wavelengths

SHORT = 10_000
"""Values up to which a vector is read together with the file's structure."""

LONGEST = 2**24
"""Bytes up to which anything is read together with the file's structure; a chunk is read whole."""

MOST_CUBES = 1000
"""Cubes along an axis such as time that are offered one by one."""

GUESSED = "_guessed_wavelengths"
"""Attribute of what wavelengths were taken out of by a rule, such as names of bands."""

LONGEST_LINK = 80
"""Characters of a text that may name another array; longer ones are prose."""

AXIS_NAMES = {
    "b": "b band bands wavelength wavelengths wl wvl lambda channel channels spectral wavenumber "
    "wavelen wave nbands bandnumber bandindex numberofbands spectralband spectralbands",
    "y": "y row rows line lines lat latitude northing downtrack alongtrack height ypixel "
    "numberoflines numberofscans scans",
    "x": "x col cols column columns sample samples lon longitude easting crosstrack acrosstrack "
    "width xpixel pixelsperline numberofpixels ccdpixels",
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
    at_once : bool
        Whether it can only be read as a whole.
    in_c_order : bool
        Whether software that counts axes the other way round than the file's own wrote it.
    follows : bool
        Whether an axis in front of the others was taken away.
    pixel_size, pixel_unit : tuple of float or None, str
        Of the image, as of HyperCube, where the format ties them to the array.
    check : callable
        Looks whether all of it is there, once it is the cube; returns a sentence on what is not,
        or raises FormatError.
    """

    name: str
    stored: Stored | np.ndarray
    dimensions: tuple[str, ...] = ()
    values: np.ndarray | str | None = None
    note: str = ""
    at_once: bool = False
    in_c_order: bool = False
    follows: bool = False
    pixel_size: tuple[float, float] | None = None
    pixel_unit: str = ""
    check: Callable[[], str] = str

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self.stored.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def is_numeric(self) -> bool:
        """Whether it holds real numbers."""
        return self.stored.dtype.kind in "iuf"

    @property
    def is_complex(self) -> bool:
        """Whether it holds complex numbers, also as HDF5 and MATLAB store them."""
        parts = {name[0] for name in self.stored.dtype.names or ()}
        return self.stored.dtype.kind == "c" or parts == {"r", "i"}

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
    by_columns : bool
        Whether axes are those of MATLAB: rows, columns and bands as a rule, and matrices of bands
        and pixels may be cubes.
    """

    path: Path
    arrays: Mapping[str, Array]
    attributes: Mapping[str, Mapping[str, Any]]
    copies: frozenset[str] = frozenset()
    by_columns: bool = False

    def vectors(self, folder: str = "") -> dict[str, np.ndarray]:
        """Return the vectors of numbers in a folder and below, attributes or arrays.

        Their names have dots for slashes, since wavelengths are known by the last part.
        """
        found = {
            as_dotted(name): array.values
            for name, array in self.arrays.items()
            if _inside(name, folder)
            and isinstance(array.values, np.ndarray)
            and array.values.size > 1
        }
        for name, attributes in self.attributes.items():
            for key, value in attributes.items() if _inside(name, folder) else ():
                if isinstance(value, np.ndarray) and value.size > 1:
                    found.setdefault(f"{name}.{key}".replace("/", "."), value)
        return found

    def scalars(self) -> dict[str, float]:
        """Return the arrays that are one number, by their names."""
        return {
            name: float(array.values[0])
            for name, array in self.arrays.items()
            if isinstance(array.values, np.ndarray) and array.values.size == 1
        }

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
                    found[as_dotted(name)] = text
                for other in attributes:
                    if stem and other.casefold().rstrip("s") == stem.strip("_ ").rstrip("s"):
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
        What their axes mean: y, x and b in their order; "bp" or "pb" for a matrix of bands and
        pixels.
    reason : str
        Why, as the end of a sentence; of a matrix as a sentence.
    bands : numpy.ndarray or None
        Which of the stored bands are taken, in their order; None for all.
    named : NamedWavelengths or None
        The wavelengths that were found beside the array.
    attributes : dict
        Of the HyperCube, where the layout of a product says them.
    notes : list of str
        What was found out.
    image_size : tuple of int or None
        Rows and columns of a matrix of pixels.
    no_data : numpy.ndarray or None
        Several no-data values for each stored band, shape (bands, n), which are read as NaN.
    mirrored : str
        Those of the axes y and x along which pixels are read from the last to the first.
    """

    name: str
    parts: tuple[Array, ...]
    axes: str
    reason: str
    bands: np.ndarray | None = None
    named: NamedWavelengths | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    image_size: tuple[int, int] | None = None
    no_data: np.ndarray | None = None
    mirrored: str = ""

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
        """Return an array of shape (bands, y, x), of which nothing is read where that can be."""
        import dask.array

        if self.no_data is not None:
            return with_nan(replace(self, no_data=None).pixels(), self.no_data)
        if self.image_size is not None:
            return self._flat_pixels(*self.image_size)
        arrays = [
            lazy_pixels(part.load() if part.at_once else part.stored, self.axes, self.mirrored)
            for part in self.parts
        ]
        pixels = arrays[0] if len(arrays) == 1 else dask.array.concatenate(arrays)
        if self.bands is None:
            return pixels
        first, last = int(self.bands[0]), int(self.bands[-1])
        if np.array_equal(self.bands, np.arange(first, last + 1)):
            return pixels[first : last + 1]
        return pixels[self.bands]

    def _flat_pixels(self, rows: int, columns: int) -> Any:
        """Return a matrix as (bands, y, x); MATLAB numbers pixels down the columns."""
        import dask.array

        (part,) = self.parts
        stored = part.load() if part.at_once else dask.array.from_array(part.stored, name=False)
        pixels = stored.T if self.axes == "bp" else stored
        return pixels.reshape(columns, rows, pixels.shape[1]).transpose(2, 1, 0)

    def candidate(self) -> Candidate:
        """Return what the panel shows of it."""
        is_flat = self.image_size is not None
        reason = self.reason if is_flat else in_a_sentence(self.axes, self.reason)
        dtype = self.parts[0].stored.dtype.name
        return Candidate(self.name, self.shape, dtype, self.axes, reason, fixed=is_flat)


def with_three_axes(store: Store) -> Store:
    """Return what a file holds with its arrays of more axes without those of length 1.

    An array that still has four axes is there once more for each cube in it.
    """
    arrays: dict[str, Array] = {}
    attributes = dict(store.attributes)
    parts: dict[str, Array] = {}
    for name, array in store.arrays.items():
        arrays[name] = _without_ones(array)
        if name in store.copies or len(arrays[name].shape) != AXES_OF_A_CUBE + 1:
            continue
        for part in _one_by_one(store, arrays[name]):
            parts[part.name] = part
            attributes[part.name] = store.attributes.get(name, {})
    # A cube of three axes goes first.
    copies = store.copies | frozenset(parts)
    return replace(store, arrays={**arrays, **parts}, attributes=attributes, copies=copies)


def _one_by_one(store: Store, array: Array) -> Iterator[Array]:
    """Yield the cubes along the axis of an array that is none of a cube's."""
    if not array.is_numeric or 0 in array.shape:
        return
    meanings = [axis_of(name) for name in array.dimensions] or [None] * len(array.shape)
    counts = {named.values.size for named in all_wavelengths(store.vectors(), {}, store.units())}
    axis = axis_of_cubes(array.shape, meanings, counts, at_the_end=store.by_columns)
    if axis is None or array.shape[axis] > MOST_CUBES:
        return
    order = [other for other in range(len(array.shape)) if other != axis]
    called = f"{array.name} {array.dimensions[axis]}" if array.dimensions else array.name
    for place in range(array.shape[axis]):
        yield replace(
            array,
            name=f"{called} {place + 1}",
            stored=with_axes(array.stored, order, axis, place),
            dimensions=tuple(array.dimensions[other] for other in order if array.dimensions),
            follows=array.follows or axis == 0,
        )


def _without_ones(array: Array) -> Array:
    names = array.dimensions
    kept = kept_axes(array.shape, [axis_of(name) for name in names])
    if kept is None or 0 in array.shape:
        return array
    return replace(
        array,
        stored=with_axes(array.stored, kept),
        dimensions=tuple(names[axis] for axis in kept) if names else (),
        note=" ".join(filter(None, (array.note, note_of(array, len(array.shape) - len(kept))))),
        follows=0 not in kept,
    )


def axis_of(name: str) -> str | None:
    """Return what an axis means by its name: "y", "x" or "b"; None where it is none of these."""
    return AXIS_OF_NAME.get(re.sub(r"[^a-z]", "", name.casefold()))


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
    return Named(as_dotted(name), sizes, frozenset(dimensions) | mentioned, words)


def cubes_named(store: Store) -> list[Named]:
    """Return what may tie others to the arrays of numbers with three axes."""
    return [
        as_named(store, array.name, array.shape)
        for array in store.arrays.values()
        if len(array.shape) == 3 and array.is_numeric
    ]


def as_dotted(name: str) -> str:
    """Return a path as the name of a vector, of which the last part counts."""
    return name.replace("/", ".")


def _inside(name: str, folder: str) -> bool:
    return not folder or name == folder or name.startswith(f"{folder}/")
