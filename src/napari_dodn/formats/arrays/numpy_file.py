"""NumPy files: .npy, one array; .npz, several, written with the whole description.

No pickle is ever loaded: arrays of Python objects are refused.
"""

from __future__ import annotations

import math
import struct
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.conventions import arrays_beside
from napari_dodn.formats.arrays.cubes import CUBE, VECTORS, candidates_of, cube_of
from napari_dodn.formats.arrays.model import LONGEST, SHORT, Array, Store
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.description import OWN, description_text
from napari_dodn.formats.errors import FormatError, damage_as_sentence, file_faults_as_sentences
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels import blocks
from napari_dodn.formats.pixels.blocks import check_free_space
from napari_dodn.formats.pixels.raw import RawPixels
from napari_dodn.formats.tables.wavelength_files import wavelengths_beside
from napari_dodn.replacing import replacing

SUFFIXES = (".npy", ".npz")
WRITTEN_SUFFIX = ".npz"

NPY_SIGNATURE = b"\x93NUMPY"
ZIP_SIGNATURE = b"PK\x03\x04"
LONGEST_HEADER = 10_000
"""Characters of a header; NumPy refuses longer ones, but has read them by then."""

LOCAL_HEADER = struct.Struct("<26xHH")
"""Of a file in a ZIP archive: the lengths of its name and of what follows that."""


@dataclass(frozen=True)
class _Header:
    """What an .npy file says of its array."""

    shape: tuple[int, ...]
    dtype: np.dtype
    in_fortran_order: bool


def sniff(path: Path) -> bool:
    """Tell whether a file is a NumPy file, or is called one."""
    if not path.is_file():
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:
        return file.read(len(NPY_SIGNATURE)) == NPY_SIGNATURE


def read(path: Path, options: ReadOptions = AS_STORED) -> HyperCube:
    """Open the cube of a NumPy file.

    Parameters
    ----------
    path : Path
        The file. Beside an .npy file called NAME, wavelengths are looked for in NAME_wavelengths
        or wavelengths, as .npy, .txt, .csv or .tsv file or ENVI header.
    options : ReadOptions
        `dataset` is the name of the array, where an .npz file has several.

    Returns
    -------
    HyperCube
        Read where it is sliced; arrays of a compressed .npz file are read whole when they are first
        sliced.

    Raises
    ------
    AmbiguousError
        If several arrays may be the cube.
    FormatError
        If the file is damaged, holds Python objects or no cube.
    """
    notes: list[str] = []
    store = _store(path, notes)
    cube = cube_of(store, options)
    return cube.derive(notes=(*cube.notes, *notes)) if notes else cube


def contents(path: Path) -> list[Candidate]:
    """List the arrays that may be the cube.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the file is damaged or holds no cube.
    """
    return candidates_of(_store(path, []))


def write(cube: HyperCube, path: Path) -> None:
    """Write a cube as an .npz file, uncompressed, so that it can be read in parts.

    It has the arrays `cube` (bands, y, x), `wavelengths` and `fwhm` in nanometres, `good_bands`,
    and `napari_dodn`, JSON with the whole description.

    Parameters
    ----------
    cube : HyperCube
        What to write.
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the disk has no room for it.
    """
    dtype = np.dtype(cube.data.dtype)
    plane = cube.shape[1] * cube.shape[2] * dtype.itemsize
    check_size(path, cube.shape, dtype)
    with replacing(path) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
        arrays = {b.name: b.values for b in arrays_beside(cube) if b.name in VECTORS}
        arrays[OWN] = np.array(description_text(cube))
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, values, allow_pickle=False)
        with archive.open(f"{CUBE}.npy", "w", force_zip64=True) as file:
            header = {"shape": cube.shape, "fortran_order": False}
            descr = np.lib.format.dtype_to_descr(dtype)
            np.lib.format.write_array_header_1_0(file, {**header, "descr": descr})
            step = max(1, blocks.BLOCK_BYTES // plane)
            for band in range(0, cube.bands, step):
                file.write(np.asarray(cube.data[band : band + step]).tobytes())


def check_size(path: Path, shape: tuple[int, int, int], dtype: np.dtype) -> None:
    """Raise FormatError where `write` would refuse a cube for its size."""
    check_free_space(path, math.prod(shape) * dtype.itemsize)


def _store(path: Path, notes: list[str]) -> Store:
    """Return what a file holds, and the wavelengths beside it, without reading pixels."""
    with damage_as_sentence(f"{path} is damaged or not a NumPy file."):
        with path.open("rb") as file:
            signature = file.read(len(NPY_SIGNATURE))
        if signature.startswith(ZIP_SIGNATURE):
            return _store_of_archive(path)
        if signature != NPY_SIGNATURE:
            raise FormatError(f"{path} is damaged or not a NumPy file.")
        stored: Any = _stored(path, 0)
    if stored.dtype.kind not in "iuf":
        raise FormatError(f"{path} holds {stored.dtype} values; a cube holds real numbers.")
    arrays = {path.stem: Array(path.stem, stored)}
    attributes: dict[str, dict[str, Any]] = {}
    for name, values in wavelengths_beside(path, stored.shape, notes):
        arrays[name] = Array(name, values, values=values)
        attributes[name] = {"units": "nm"}
    return Store(path, arrays, attributes)


def _store_of_archive(path: Path) -> Store:
    arrays: dict[str, Array] = {}
    texts: dict[str, str] = {}
    scalars: dict[str, Any] = {}
    objects: list[str] = []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename:
                continue
            with archive.open(info) as file:
                header = _header(file)
            if header.dtype.hasobject:
                objects.append(name)
                continue
            size = int(np.prod(header.shape, dtype=object))
            values: Any = None
            if size * header.dtype.itemsize > LONGEST:
                pass
            elif header.dtype.kind in "US" and size == 1:
                values = texts[name] = str(_loaded(path, name).item())
            elif header.dtype.kind in "US" and size == max(header.shape) <= SHORT:
                values = "\n".join(_loaded(path, name).astype("U").ravel().tolist())
            elif header.dtype.kind in "biuf" and size <= SHORT and len(header.shape) < 3:
                values = _loaded(path, name)
                if size == 1:
                    scalars[name] = values.item()
                values = values.ravel() if max(header.shape, default=1) == size > 1 else None
            stored = _member(path, info, header)
            arrays[name] = Array(name, stored, values=values)
    if objects and not any(len(array.shape) == 3 for array in arrays.values()):
        raise _holds_objects(path)
    beside = {**texts, **scalars}
    beside.pop(OWN, None)
    attributes = {name: beside for name, array in arrays.items() if len(array.shape) == 3}
    for name, text in texts.items():
        quantity = name.casefold().partition("unit")[0].strip("_ ")
        for vector in arrays if "unit" in name.casefold() else ():
            if vector.casefold().rstrip("s") == quantity.rstrip("s"):
                attributes[vector] = {"units": text}
    return Store(path, arrays, attributes)


def _member(path: Path, info: zipfile.ZipInfo, header: _Header) -> Any:
    """Return an array of an archive, read in parts where it is not compressed."""
    if info.compress_type != zipfile.ZIP_STORED or 0 in header.shape or not header.shape:
        return _Compressed(path, info.filename.removesuffix(".npy"), header)
    with path.open("rb") as file:
        file.seek(info.header_offset)
        name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    start = info.header_offset + LOCAL_HEADER.size + name + extra
    return _stored(path, start)


def _stored(path: Path, start: int) -> np.ndarray | RawPixels:
    """Return the array of an .npy file that begins at a byte of another file."""
    with path.open("rb") as file:
        file.seek(start)
        header = _header(file)
        place = file.tell()
    if header.dtype.hasobject:
        raise _holds_objects(path)
    needed = place + int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    if needed > (size := path.stat().st_size):
        raise FormatError(f"{path} is cut off: it has {size:,} of {needed:,} bytes.")
    if 0 in header.shape or not header.shape:
        return np.empty(header.shape, header.dtype)
    order = "F" if header.in_fortran_order else "C"
    return RawPixels(path, header.dtype, place, header.shape, order)


def _header(file: Any) -> _Header:
    """Return what an .npy file says of its array; the file is left at the first value."""
    version = np.lib.format.read_magic(file)
    reader: Any = getattr(np.lib.format, f"read_array_header_{version[0]}_0", None)
    if reader is None:  # version 3.0 is 2.0 with names in UTF-8, which only structures have
        reader = np.lib.format.read_array_header_2_0
    start, width = file.tell(), 2 if version[0] == 1 else 4
    if int.from_bytes(file.read(width), "little") > LONGEST_HEADER:
        raise ValueError("the header is too long")
    file.seek(start)
    shape, in_fortran_order, dtype = reader(file)
    return _Header(tuple(shape), dtype, in_fortran_order)


def _holds_objects(path: Path) -> FormatError:
    return FormatError(
        f"{path} holds Python objects, which are never loaded since they can run code; save the "
        f"cube as an array of numbers."
    )


def _loaded(path: Path, name: str) -> np.ndarray:
    with (
        file_faults_as_sentences(path, "read"),
        damage_as_sentence(f"{path} is damaged: its array '{name}' cannot be read."),
        np.load(path, allow_pickle=False) as archive,
    ):
        return archive[name]


@dataclass(frozen=True)
class _Compressed:
    """An array of a compressed archive, read as a whole when it is first sliced."""

    path: Path
    name: str
    header: _Header
    chunks: None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.header.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""
        return self.header.dtype

    @cached_property
    def _values(self) -> np.ndarray:
        return _loaded(self.path, self.name)

    def __getitem__(self, key: Any) -> np.ndarray:
        return self._values[key]


NUMPY = Format(
    name="NumPy",
    opened="a NumPy .npy or .npz file",
    sniff=sniff,
    read=read,
    contents=contents,
    suffixes=SUFFIXES,
    written=(WRITTEN_SUFFIX,),
    write=write,
    check_size=check_size,
)
