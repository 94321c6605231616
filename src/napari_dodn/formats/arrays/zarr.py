"""Zarr, a folder or ZIP file with chunks: any layout is read, our own is written (version 3).

A chunk that is not there counts as empty, so that half of a store looks whole. Therefore our own
are written with all of theirs, and those of others are counted.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import stat
import struct
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.cubes import (
    CUBE,
    DIMENSIONS,
    candidates_of,
    cube_of,
    vectors_beside,
)
from napari_dodn.formats.arrays.model import LONGEST, SHORT, Array, Store
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.description import OWN, description_text, is_description
from napari_dodn.formats.errors import (
    FormatError,
    already_there,
    check_not_read_only,
    damage_as_sentence,
    file_faults_as_sentences,
)
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.blocks import chunks_for
from napari_dodn.formats.pixels.writer import Writer
from napari_dodn.replacing import put_in_place, synchronise, synchronise_folder

SUFFIX = ".zarr"
ZIPPED = ".zip"
MARKS = ("zarr.json", ".zgroup", ".zarray")
"""Files of which one lies in every store: version 3, and version 2's groups and arrays."""

_VECTORS = "(wavelengths|fwhm|good_bands)"
OWN_FOLDERS = re.compile(rf"cube(/c(/\d+(/\d+)?)?)?|{_VECTORS}(/c)?")
_BEFORE_ITS_NAME = r"(\.[0-9a-f]{32}\.partial)?"
"""What a killed process leaves of a file, since Zarr renames each when it is complete."""
OWN_FILES = re.compile(
    rf"(cube/|{_VECTORS}/)?zarr(\.json|{_BEFORE_ITS_NAME})"
    rf"|(cube/c/\d+/\d+/\d+|{_VECTORS}/c/\d+){_BEFORE_ITS_NAME}"
)
"""All that lies in a store that `FileWriter` made, by the paths in it."""

COMPLETE = "napari_dodn_complete"
"""Attribute of a cube of which all chunks were written."""

CHUNK_KEY = re.compile(r"(?:c[./])?(\d+(?:[./]\d+)*)")
"""Path of a chunk's file in its array's folder: "c/0/1/2", in version 2 "0.1.2" or "0/1/2"."""

BLOSC = struct.Struct("<4x3I")
"""Begins a chunk: bytes of it, of a block and of what it is compressed to."""

MOST_WIDENED = 8
"""How much longer a filter may make numbers."""

WHOLE = {"write_empty_chunks": True}

UNFINISHED_MARK = "napari_dodn_unfinished"
"""Attribute of a store that is still being filled."""

SHARD_SIDES = (512, 256, 128)
SHARD_BANDS = 64
SIDE_BYTES = 2**29
"""Rows and columns of a shard: as many as keep all bands of so much of the image in memory."""

OME_UNITS = {"m": "meter", "um": "micrometer", "mm": "millimeter", "nm": "nanometer"}

TRIES, PAUSE = 50, 0.1
"""How often, and after how many seconds, a folder is looked at that should be gone."""

DIMENSIONS_OF_V2 = "_ARRAY_DIMENSIONS"
"""Attribute by which xarray names the axes in version 2."""


def sniff(path: Path) -> bool:
    """Tell whether a folder or a ZIP file is a Zarr store, or a folder is called one."""
    if path.is_dir():
        return path.suffix.lower() == SUFFIX or _is_store(path)
    return path.suffix.lower() == ZIPPED and _root_in_zip(path) is not None


def read(path: Path, options: ReadOptions = AS_STORED) -> HyperCube:
    """Open the cube of a Zarr store without reading its pixels.

    Parameters
    ----------
    path : Path
        The folder, or a ZIP file of one.
    options : ReadOptions
        `dataset` is the path of the array in the store.

    Returns
    -------
    HyperCube
        `notes` tells which array it is and how its axes were understood.

    Raises
    ------
    AmbiguousError
        If several arrays may be the cube.
    FormatError
        If the store is damaged or holds no cube.
    """
    path = Path(path)
    with file_faults_as_sentences(path, "read"):
        return cube_of(_store(path), options)


def contents(path: Path) -> list[Candidate]:
    """List the arrays that may be the cube.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    FormatError
        If the store is damaged or holds no cube.
    """
    path = Path(path)
    with file_faults_as_sentences(path, "read"):
        return candidates_of(_store(path))


class FileWriter(Writer):
    """A Zarr store of version 3 in the making."""

    resumable = shareable = True
    _group: Any

    @property
    def side(self) -> int:
        """Rows and columns of a shard, in which no two pieces should meet."""
        return max(shards_for(self.shape, self.dtype.itemsize)[1:])

    def _begin(self) -> Any:
        import zarr
        from zarr.codecs import BloscCodec, Crc32cCodec

        self._group = zarr.create_group(
            self.unfinished, zarr_format=3, attributes={UNFINISHED_MARK: True}
        )
        chunks, shards = chunks_for(self.shape), shards_for(self.shape, self.dtype.itemsize)
        return self._group.create_array(
            CUBE,
            shape=self.shape,
            dtype=_writable_dtype(self.dtype),
            chunks=chunks,
            shards=None if shards == chunks else shards,
            # Blosc follows what is damaged out of its memory, so the checksum is looked at first.
            compressors=(BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"), Crc32cCodec()),
            dimension_names=DIMENSIONS,
            config=WHOLE,
        )

    def _reopen(self) -> Any:
        import zarr

        with damage_as_sentence(f"{self.unfinished} is damaged: it cannot be continued."):
            self._group = zarr.open_group(self.unfinished, mode="r+")
            pixels = zarr.open_array(self.unfinished, path=CUBE, mode="r+", config=WHOLE)
        if pixels.shape != self.shape:
            raise FormatError(f"{self.unfinished} is damaged: it has another shape than it had.")
        return pixels

    def _synchronise(self, place: tuple[slice, slice, slice]) -> None:
        folders = set()
        for file in _files_of(self.unfinished / CUBE, self.pixels, place):
            synchronise(file)
            folders |= {file.parent, file.parent.parent}
        for folder in folders:
            synchronise_folder(folder)

    def _describe(self, cube: HyperCube) -> None:
        for name, values, attributes in vectors_beside(cube):
            array = self._group.create_array(name, data=values, config=WHOLE, overwrite=True)
            array.attrs.update(attributes)
        if not _missing(_keys_in_folder(self.unfinished / CUBE), self.pixels):
            self.pixels.attrs[COMPLETE] = True
        self._group.attrs.put({OWN: description_text(cube), "ome": ome_image(cube)})
        put_in_place((self.unfinished, self.path))

    def _read(self) -> HyperCube:
        return read(self.path.absolute())

    def _discard(self) -> None:
        # Chunks that were being written when another one failed may still appear.
        for _ in range(TRIES):
            if not self.unfinished.exists():
                return
            shutil.rmtree(self.unfinished, ignore_errors=True)
            time.sleep(PAUSE)


def shards_for(shape: tuple[int, int, int], itemsize: int) -> tuple[int, int, int]:
    """Return the shards in which a cube of a shape is written: files of whole chunks.

    None holds all bands of many, so that a look at one band reads little.
    """
    chunks = chunks_for(shape)
    rows = next(
        (side for side in SHARD_SIDES if shape[0] * side**2 * itemsize <= SIDE_BYTES),
        SHARD_SIDES[-1],
    )
    bands = min(SHARD_BANDS, -(-shape[0] // 2))
    wanted = (bands, rows, rows)
    lengths = (
        chunk * max(1, min(most, -(-length // chunk) * chunk) // chunk)
        for most, length, chunk in zip(wanted, shape, chunks, strict=True)
    )
    bands, height, width = lengths
    return bands, height, width


def ome_image(cube: HyperCube) -> dict[str, Any]:
    """Return what OME-NGFF 0.5 says of the axes of a cube and the size of its pixels."""
    unit = {"unit": OME_UNITS[cube.pixel_unit]} if cube.pixel_unit in OME_UNITS else {}
    axes = [{"name": DIMENSIONS[0], "type": "channel"}]
    axes += [{"name": name, "type": "space", **unit} for name in DIMENSIONS[1:]]
    scale = {"type": "scale", "scale": [1.0, *(cube.pixel_size or (1.0, 1.0))]}
    level = {"path": CUBE, "coordinateTransformations": [scale]}
    return {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise FormatError where `write` would refuse a path."""
    if path.exists():
        if not overwrite:
            raise already_there(path)
        if not (path.is_dir() and _is_store(path)):
            raise FormatError(f"{path} cannot be written: what is there is no Zarr store.")
        _check_own_store(path)
        check_not_read_only(path)
    if not path.parent.is_dir():
        raise FormatError(f"{path} cannot be written: its folder does not exist.")


@dataclass(frozen=True)
class _StoredArray:
    """An array of a store, opened where it is sliced.

    `state` is the time of its description when the store was opened, and `complete` tells whether
    all of its chunks should be there.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: tuple[int, ...]
    state: int | None
    complete: bool

    def __getitem__(self, key: Any) -> Any:
        import zarr

        with (
            file_faults_as_sentences(self.path, "read"),
            damage_as_sentence(
                f"{self.path} is damaged: '{self.name or self.path.stem}' cannot be read."
            ),
        ):
            if self.state != _state(self.path, self.name):
                raise FormatError(f"{self.path} has changed since it was opened; open it again.")
            with _storage(self.path) as (storage, root):
                array = zarr.open_array(storage, path=f"{root}{self.name}", mode="r")
                in_folder = self.path.is_dir()  # a ZIP file has sums of its own
                files = list(_files_of(self.path / self.name, array, key)) if in_folder else []
                _check_blosc(array, files)
                values = array[key]
            if self.complete and not all(file.exists() for file in files):
                raise FormatError(f"{self.path} is damaged: chunks of it are gone.")
            return values


def _files_of(folder: Path, array: Any, key: Any) -> Iterator[Path]:
    """Yield the files of an array, in its folder, that a part touches."""
    keys = key if isinstance(key, tuple) else (key,)
    touched = []
    for axis, (length, size) in enumerate(
        zip(array.shape, array.shards or array.chunks, strict=True)
    ):
        index = keys[axis] if axis < len(keys) else slice(None)
        places = range(length)[index] if isinstance(index, slice) else [int(index) % length]
        touched.append(sorted({place // size for place in places}))
    for place in product(*touched):
        yield folder / array.metadata.encode_chunk_key(place)


def _check_blosc(array: Any, files: Iterable[Path]) -> None:
    """Raise where a chunk is not as long as it says: Blosc believes it, and leaves its memory."""
    compressors = array.compressors
    if not compressors or "blosc" not in type(compressors[-1]).__name__.casefold():
        return
    size = math.prod(array.chunks) * array.dtype.itemsize
    for file in files:
        if array.shards or not file.is_file():
            continue
        with file.open("rb") as content:
            head = content.read(BLOSC.size)
        if len(head) < BLOSC.size:
            raise ValueError(f"{file} is cut off.")
        whole, _, packed = BLOSC.unpack(head)
        if whole > MOST_WIDENED * size or packed > file.stat().st_size:
            raise ValueError(f"{file} is damaged.")


def _store(path: Path) -> Store:
    """Return what a store holds, without the pixels."""
    import zarr

    if path.is_dir() and not _is_store(path):
        raise FormatError(f"{path} is not a Zarr store: it has no {MARKS[0]}.")
    with (
        damage_as_sentence(f"{path} is damaged or not a Zarr store."),
        _storage(path) as (storage, place_of_root),
    ):
        root = zarr.open(storage, path=place_of_root.strip("/"), mode="r")
        members = [("", root)]
        if isinstance(root, zarr.Group):
            members += sorted(root.members(max_depth=None))
        attributes = {name: dict(_attributes(member)) for name, member in members}
        arrays = {
            name or path.stem: _array(path, name, member)
            for name, member in members
            if isinstance(member, zarr.Array)
        }
        copies: set[str] = set()
        for name, member in members:
            for level, (place, dimensions) in enumerate(_levels(member)):
                place = f"{name}/{place}".strip("/")
                if place in arrays:
                    arrays[place] = replace(arrays[place], dimensions=dimensions)
                    copies |= {place} if level else set()
    if UNFINISHED_MARK in attributes[""]:
        raise FormatError(f"{path} is not finished: the run that fills it was interrupted.")
    if isinstance(root, zarr.Array):
        attributes[path.stem] = attributes[""]
    return Store(path, arrays, attributes, frozenset(copies))


def _levels(member: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield path and axes of the levels of an OME-Zarr image, the full one first.

    By "Next-generation file formats (NGFF)", versions 0.4 and 0.5.
    """
    said = member.attrs.asdict()
    images = said.get("ome", said).get("multiscales") or ()
    for image in images:
        axes = [
            axis if isinstance(axis, dict) else {"name": axis} for axis in image.get("axes", ())
        ]
        names = tuple(
            "channel" if axis.get("type") == "channel" or axis.get("name") == "c" else axis["name"]
            for axis in axes
        )
        for level in image["datasets"]:
            yield level["path"], names


def _array(path: Path, name: str, member: Any) -> Array:
    if 0 in (*member.chunks, *(member.shards or ())):
        raise FormatError(f"{path} is damaged: the chunks of '{name or path.stem}' hold nothing.")
    state = _state(path, name)
    complete = member.attrs.get(COMPLETE) is True and path.is_dir()
    dtype = np.dtype(member.dtype)
    stored = _StoredArray(path, name, member.shape, dtype, member.chunks, state, complete)
    check = partial(_check_chunks, path, name, member)
    values = _values(path / name if path.is_dir() else None, member)
    return Array(name or path.stem, stored, _dimensions(member), values, check=check)


def _check_chunks(path: Path, name: str, array: Any) -> str:
    """Return a sentence on chunks that are not there.

    Raises
    ------
    FormatError
        If none is, or if all were written.
    """
    keys = _keys_in_folder(path / name) if path.is_dir() else _keys_in_zip(path, name)
    missing, total = _missing(keys, array), math.prod(_grid(array))
    if not missing:
        return ""
    name = name or path.stem
    if missing == total:
        raise FormatError(f"{path} is damaged: none of the {total:,} chunks of '{name}' is there.")
    counted = f"{missing:,} of the {total:,} chunks of '{name}'"
    if array.attrs.get(COMPLETE) is True:
        raise FormatError(
            f"{path} is damaged: {counted} are missing, though all were written; copy it again."
        )
    return f"{counted} are not there; their pixels are read as {array.fill_value}."


def _missing(keys: Iterable[str], array: Any) -> int:
    """Return how many chunks of an array have no file among the keys of a folder."""
    grid = _grid(array)
    found = 0
    for name in keys:
        if key := CHUNK_KEY.fullmatch(name):
            place = [int(index) for index in re.split("[./]", key[1])]
            found += len(place) == len(grid) and all(map(int.__lt__, place, grid))
    return math.prod(grid) - found


def _keys_in_folder(folder: Path) -> Iterator[str]:
    prefixes = [""]
    while prefixes:
        prefix = prefixes.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                if entry.is_dir():
                    prefixes.append(f"{prefix}{entry.name}/")
                else:
                    yield prefix + entry.name


def _keys_in_zip(path: Path, name: str) -> Iterator[str]:
    folder = f"{_root_in_zip(path)}{name}/".removeprefix("/")
    with zipfile.ZipFile(path) as archive:
        for key in archive.namelist():
            if key.startswith(folder):
                yield key.removeprefix(folder)


@contextmanager
def _storage(path: Path) -> Iterator[tuple[Any, str]]:
    """Open a store; yield what Zarr takes for it, and the folder of the store in that."""
    if path.is_dir():
        yield path, ""
        return
    from zarr.storage import ZipStore

    storage = ZipStore(path, mode="r")
    try:
        yield storage, _root_in_zip(path) or ""
    finally:
        storage.close()


def _root_in_zip(path: Path) -> str | None:
    """Return the folder of the store in a ZIP file, "" or with a "/" behind; None without one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return None
    roots = [name.removesuffix(mark) for name in names for mark in MARKS if name.endswith(mark)]
    roots = [root for root in roots if root.count("/") < 2 and (not root or root.endswith("/"))]
    return min(roots, key=len, default=None)


def _grid(array: Any) -> tuple[int, ...]:
    """Return the numbers of chunks, each in a file, along the axes."""
    chunks = array.shards or array.chunks
    return tuple(-(-length // chunk) for length, chunk in zip(array.shape, chunks, strict=True))


def _is_store(path: Path) -> bool:
    return any((path / mark).is_file() for mark in MARKS)


def _check_own_store(path: Path) -> None:
    """Raise FormatError where more would be lost with a folder than a cube of our own."""
    if path.is_symlink() or not _is_own(path / MARKS[0]):
        raise FormatError(
            f"{path} cannot be written: only a store that napari-dodn wrote is replaced."
        )
    if name := foreign_entry(path):
        raise FormatError(
            f"{path} cannot be written: '{name}' in it is not part of the cube that would "
            f"be replaced."
        )


def foreign_entry(path: Path) -> str:
    """Return what in a folder is no part of a store that `FileWriter` made; empty for nothing."""
    folders = [path]
    while folders:
        for entry in sorted(folders.pop().iterdir()):
            name, mode = entry.relative_to(path).as_posix(), entry.lstat().st_mode
            if stat.S_ISDIR(mode) and OWN_FOLDERS.fullmatch(name):
                folders.append(entry)
            elif not (stat.S_ISREG(mode) and OWN_FILES.fullmatch(name)):
                return name
    return ""


def _is_own(mark: Path) -> bool:
    """Tell whether a file is the description of a store that `FileWriter` made."""
    try:
        return is_description(json.loads(mark.read_bytes())["attributes"][OWN])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _state(path: Path, name: str) -> int | None:
    """Return when a group or array was described; None where there is none."""
    if path.is_file():
        return path.stat().st_mtime_ns
    marks = (path / name / mark for mark in MARKS)
    return next((mark.stat().st_mtime_ns for mark in marks if mark.is_file()), None)


def _attributes(member: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that are numbers, vectors of numbers or texts."""
    for key, value in member.attrs.asdict().items():
        if isinstance(value, (str, int, float)):
            yield key, value
        elif isinstance(value, list) and all(isinstance(item, (int, float)) for item in value):
            yield key, np.array(value, dtype=np.float64)
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            yield key, ", ".join(value)
        elif isinstance(value, dict):
            yield key, json.dumps(value)


def _dimensions(array: Any) -> tuple[str, ...]:
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get(DIMENSIONS_OF_V2)
    return tuple(names) if names and all(isinstance(name, str) for name in names) else ()


def _values(folder: Path | None, array: Any) -> np.ndarray | None:
    """Return what is in a short vector."""
    if math.prod(array.shards or array.chunks) * array.dtype.itemsize > LONGEST:
        return None
    if array.dtype.kind in "iufb" and 1 < array.size <= SHORT and array.size == max(array.shape):
        _check_blosc(array, _files_of(folder, array, slice(None)) if folder else ())
        return np.asarray(array[...], dtype=np.float64).ravel()
    return None


def _writable_dtype(dtype: np.dtype) -> np.dtype:
    """Return the native type, since Zarr has no longer floats than these."""
    longest = np.dtype(np.float64)
    return longest if dtype.kind == "f" and dtype.itemsize > 8 else dtype.newbyteorder("=")


ZARR = Format(
    name="Zarr",
    opened="a Zarr store",
    sniff=sniff,
    read=read,
    contents=contents,
    suffixes=(SUFFIX,),
    written=(SUFFIX,),
    writer=FileWriter,
    check_target=check_target,
)
