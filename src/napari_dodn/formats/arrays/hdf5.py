"""HDF5 (.h5, .hdf5, .he5) and NetCDF-4 (.nc): any layout is read, our own is written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.conventions import (
    CONVENTIONS,
    FILL,
    ONLY_A_DIMENSION,
    arrays_beside,
    as_told,
    attributes_of_cube,
)
from napari_dodn.formats.arrays.cubes import (
    CUBE,
    DIMENSIONS,
    candidates_of,
    cube_of,
)
from napari_dodn.formats.arrays.hdf5_dataset import StoredDataset, check_filters, elsewhere
from napari_dodn.formats.arrays.hdf5_file import opened
from napari_dodn.formats.arrays.model import LONGEST, SHORT, Array, Store
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.description import OWN, description_text
from napari_dodn.formats.envi.header import decoded
from napari_dodn.formats.errors import FormatError, damage_as_sentence
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.blocks import chunks_for
from napari_dodn.formats.pixels.writer import Writer
from napari_dodn.formats.wavelengths.named import is_names_of_bands, is_said_per_band
from napari_dodn.replacing import put_in_place

SUFFIXES = (".h5", ".hdf5", ".he5", ".nc")
WRITTEN_SUFFIXES = (".h5", ".hdf5")

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SIGNATURE_PLACES = (0, *(512 << power for power in range(12)))
"""Bytes before the signature: other software may keep a block of its own there, up to 1 MB."""

OLDER_FORMATS = {
    b"CDF": "a NetCDF classic file; convert it to NetCDF-4, for example with 'nccopy -k nc4'",
    b"\x0e\x03\x13\x01": "an HDF4 file; convert it to HDF5, for example with 'h4toh5convert'",
}

LABELS = "DIMENSION_LABELS"
SCALES = "DIMENSION_LIST"
NETCDF = "_Netcdf4Dimid"
"""Attribute of the arrays of NetCDF, whose software copies labels like any other attribute."""
SCALES_FROM_THE_OTHER_END = "REFERENCE_LIST"
"""Attributes by which HDF5 ties axes to names and to the arrays of their coordinates."""

COMPRESSION = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
"""Of whole numbers. Results in floating point shrink by a quarter at most, for which gzip takes
14 s of the processor a GB, often longer than computing them; quicker codecs are not in every HDF5.
"""


def sniff(path: Path) -> bool:
    """Tell whether a file is HDF5, or is called so."""
    return path.is_file() and (path.suffix.lower() in SUFFIXES or _has_signature(path))


def read(path: Path, options: ReadOptions = AS_STORED) -> HyperCube:
    """Open the cube of an HDF5 or NetCDF-4 file without reading its pixels.

    Parameters
    ----------
    path : Path
        The file.
    options : ReadOptions
        `dataset` is the path of the dataset in the file, such as
        "SITE/Reflectance/Reflectance_Data"; its last part is enough where it is clear.

    Returns
    -------
    HyperCube
        The file is open only while pixels are read. `notes` tells which dataset it is and how its
        axes were understood.

    Raises
    ------
    AmbiguousError
        If several datasets may be the cube.
    FormatError
        If the file is damaged or holds no cube.
    """
    return cube_of(_store(path), options)


def contents(path: Path) -> list[Candidate]:
    """List the datasets that may be the cube.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the file is damaged or holds no cube.
    """
    return candidates_of(_store(path))


class FileWriter(Writer):
    """An HDF5 file in the making, in compressed chunks."""

    _file: Any = None

    def _begin(self) -> Any:
        import h5py

        compression = COMPRESSION if self.dtype.kind in "iub" else {}
        # HDF5 does not survive a full disk with pixels in its cache.
        self._file = h5py.File(self.unfinished, "w", rdcc_nbytes=0)
        pixels = self._file.create_dataset(
            CUBE, self.shape, self.dtype, chunks=chunks_for(self.shape), **compression
        )
        for axis, name in zip(pixels.dims, DIMENSIONS, strict=True):
            axis.label = name
        return pixels

    def _describe(self, cube: HyperCube) -> None:
        attributes = attributes_of_cube(cube, self.dtype)
        fill = {FILL: self.dtype.type(attributes[FILL])} if FILL in attributes else {}
        self.pixels.attrs.update(attributes | fill)
        along = {name: [self.pixels.dims[axis]] for axis, name in enumerate(DIMENSIONS)}
        for name, values, said, axis in arrays_beside(cube):
            array = self._file.create_dataset(name, data=values)
            array.attrs.update(said)
            if axis not in ("", name):
                along[axis].append(array.dims[0])
        for (name, dimensions), length in zip(along.items(), self.shape, strict=True):
            called = name
            if name not in self._file:
                self._file.create_dataset(name, (length,), ">f4")
                called = f"{ONLY_A_DIMENSION} but not a netCDF variable. {length:>9}"
            self._file[name].make_scale(called)
            for dimension in dimensions:
                dimension.attach_scale(self._file[name])
        self._file.attrs.update(CONVENTIONS)
        self._file[OWN] = description_text(cube, as_told(attributes, self.dtype))
        self._file.close()
        put_in_place((self.unfinished, self.path))

    def _read(self) -> HyperCube:
        return read(self.path.absolute())

    def _discard(self) -> None:
        if self._file is not None:
            with suppress(OSError, RuntimeError):  # of a full disk
                self._file.close()
        with suppress(OSError):
            self.unfinished.unlink(missing_ok=True)


def _store(path: Path) -> Store:
    """Return what a file holds, without the pixels."""
    import h5py

    _check_signature(path)
    arrays: dict[str, Array] = {}
    attributes: dict[str, dict[str, Any]] = {}

    def visit(name: str, item: Any) -> None:
        if name.startswith("#"):  # what MATLAB keeps for itself
            return
        attributes[name] = dict(_attributes(item))
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            stored = StoredDataset.of(path, item)
            arrays[name] = Array(
                name,
                stored,
                _dimensions(item),
                _values(path, item),
                elsewhere(path, item),
                check=stored.check,
            )
            for field, column in _columns(path, item):
                place = f"{name}/{field}"
                arrays[place] = Array(place, np.asarray(column), values=column)

    damaged = f"{path} is damaged or not an HDF5 file."
    with damage_as_sentence(damaged), opened(path) as file:
        attributes[""] = dict(_attributes(file))
        file.visititems(visit)
    return Store(path, arrays, attributes)


def _has_signature(path: Path) -> bool:
    with path.open("rb") as file:
        size = path.stat().st_size
        for place in SIGNATURE_PLACES:
            if place > size:
                break
            file.seek(place)
            if file.read(len(SIGNATURE)) == SIGNATURE:
                return True
    return False


def _check_signature(path: Path) -> None:
    if _has_signature(path):
        return
    with path.open("rb") as file:
        head = file.read(4)
    for signature, what in OLDER_FORMATS.items():
        if head.startswith(signature):
            raise FormatError(f"{path} is {what}.")
    raise FormatError(f"{path} is damaged or not an HDF5 file.")


def _attributes(item: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that are numbers, vectors of numbers or texts."""
    for key in item.attrs:
        if key in (SCALES, SCALES_FROM_THE_OTHER_END) or not isinstance(key, str):
            continue
        try:
            value = _plain(item.attrs[key])
        except (OSError, TypeError, ValueError, KeyError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno:  # of the system, or damage
                raise
            continue  # of a type that h5py does not know
        if value is not None:
            yield key, value


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.size == 1:
            return _plain(value.ravel()[0])
        if value.dtype.kind in "OSU" and 1 < value.size <= SHORT:
            texts = [_plain(item) for item in value.ravel()]
            return ", ".join(texts) if all(isinstance(text, str) for text in texts) else None
        numeric = value.dtype.kind in "iufb" and value.size == max(value.shape, default=0)
        return value.ravel().astype(np.float64) if numeric else None
    if isinstance(value, str):  # in which h5py keeps bytes that are no UTF-8 as half characters
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        return decoded(value).rstrip("\0")
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (str, int, float)) else None


def _dimensions(item: Any) -> tuple[str, ...]:
    """Return the names of two or more axes: their labels, or the scales of NetCDF.

    Not by h5py's `dims`: the library below it dies of damaged files.
    """
    if item.ndim < 2:
        return ()
    names: list[str] = []
    if LABELS in item.attrs and not (NETCDF in item.attrs and SCALES in item.attrs):
        names = [_plain(label) or "" for label in np.ravel(item.attrs[LABELS])]
    if not any(names) and SCALES in item.attrs:
        scales = [item.file[found[0]] for found in item.attrs[SCALES] if len(found)]
        names = [scale.name.rpartition("/")[2] for scale in scales]
    return tuple(names) if len(names) == item.ndim and all(names) else ()


def _values(path: Path, item: Any) -> np.ndarray | str | None:
    """Return what is in a text or in a short vector, but for those in other files."""
    if item.external or item.is_virtual:
        return None
    if math.prod(item.chunks or item.shape) * item.dtype.itemsize > LONGEST:
        return None
    if item.size == 1 and item.dtype.kind in "OS":
        text = _plain(item[()])
        return text if isinstance(text, str) else None
    is_of_bands = _is_of_bands(item.name.rpartition("/")[2])
    if item.dtype.kind in "OS" and 1 < item.size <= SHORT and is_of_bands:
        check_filters(path, item)
        text = _plain(item[()])
        return text if isinstance(text, str) else None
    longest = max(item.shape, default=1)
    if item.dtype.kind in "iufb" and 0 < item.size <= SHORT and item.size == longest:
        check_filters(path, item)
        return np.asarray(item[()], dtype=np.float64).ravel()
    return None


def _columns(path: Path, item: Any) -> Iterator[tuple[str, np.ndarray | str]]:
    """Yield the columns of a short table: of numbers, and of texts about bands."""
    if (
        not item.dtype.names
        or item.size != max(item.shape, default=0)
        or not 1 < item.size <= SHORT
    ):
        return
    if math.prod(item.chunks or item.shape) * item.dtype.itemsize > LONGEST:
        return
    if not any(item.dtype[field].kind in "iufbOS" for field in item.dtype.names):
        return
    check_filters(path, item)
    table = item[()].ravel()
    for field in item.dtype.names:
        if table.dtype[field].kind in "iufb" and table[field].ndim == 1:
            yield field, table[field].astype(np.float64)
        elif table.dtype[field].kind in "OS" and _is_of_bands(field):
            text = _plain(table[field])
            if isinstance(text, str):
                yield field, text


def _is_of_bands(name: str) -> bool:
    """Tell whether texts of a name may say something of each band."""
    return is_said_per_band(name) or is_names_of_bands(name)


HDF5 = Format(
    name="HDF5",
    opened="an HDF5 or NetCDF-4 file",
    sniff=sniff,
    read=read,
    contents=contents,
    suffixes=SUFFIXES,
    offered=True,
    written=WRITTEN_SUFFIXES,
    writer=FileWriter,
)
