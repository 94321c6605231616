"""Zarr, a folder or ZIP file with chunks: any layout is read, our own is written (version 3).

A chunk that is not there counts as empty, so that half of a store looks whole. Therefore our own
are written with all of theirs, and those of others are counted.
"""

from __future__ import annotations

import math
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.conventions import (
    CONVENTIONS,
    FILL,
    arrays_beside,
    as_told,
    attributes_of_cube,
)
from napari_dodn.formats.arrays.cubes import (
    CUBE,
    candidates_of,
    cube_of,
)
from napari_dodn.formats.arrays.missing import missing_in_words
from napari_dodn.formats.arrays.model import LONGEST, SHORT, Array, Store
from napari_dodn.formats.arrays.ome_zarr import OME, is_of_labels, levels_of, ome_image
from napari_dodn.formats.arrays.zarr_attributes import attributes_of, dimensions_of, packed_fill
from napari_dodn.formats.arrays.zarr_chunks import (
    check_blosc,
    count_missing,
    files_of_part,
    grid_of,
    keys_in_folder,
    pieces_of,
    relative_to,
)
from napari_dodn.formats.arrays.zarr_layout import (
    COMPLETE,
    WHOLE,
    make_array,
    reopened,
    shards_for,
    writable_dtype,
)
from napari_dodn.formats.arrays.zarr_pyramid import add_pyramid, has_pyramid
from napari_dodn.formats.arrays.zarr_stores import (
    MARKS,
    check_target,
    is_store,
    members_of,
    remove_partial_files,
)
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.description import OWN, description_text
from napari_dodn.formats.errors import (
    FormatError,
    changed_since,
    damage_as_sentence,
    file_faults_as_sentences,
)
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.writer import Writer
from napari_dodn.replacing import put_in_place, synchronise, synchronise_folder

SUFFIX = ".zarr"
ZIPPED = ".zip"


UNFINISHED_MARK = "napari_dodn_unfinished"
"""Attribute of a store that is still being filled."""

TRIES, PAUSE = 50, 0.1
"""How often, and after how many seconds, a folder is looked at that should be gone."""


def sniff(path: Path) -> bool:
    """Tell whether a folder or a ZIP file is a Zarr store, or a folder is called one."""
    if path.is_dir():
        return path.suffix.lower() == SUFFIX or is_store(path)
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
    return candidates_of(_store(path))


class FileWriter(Writer):
    """A Zarr store of version 3 in the making."""

    resumable = shareable = True
    _group: Any

    @property
    def side(self) -> int:
        """Rows and columns of a shard, in which no two pieces should meet."""
        return max(shards_for(self.shape, self.dtype.itemsize)[1:])

    @property
    def depth(self) -> int:
        """Bands of a shard."""
        return shards_for(self.shape, self.dtype.itemsize)[0]

    def put(self, place: tuple[slice, slice, slice], values: Any) -> None:
        """Write a piece, a shard at a time: Zarr copies all that it is given, and packs it."""
        sides = zip(place, self.shape, strict=True)
        whole = tuple(slice(*side.indices(size)[:2]) for side, size in sides)
        for piece in pieces_of(whole, shards_for(self.shape, self.dtype.itemsize)):
            self._check_there()
            super().put(piece, values[relative_to(piece, whole)])

    def _check_there(self) -> None:
        """Raise FormatError where the store is gone: Zarr makes folders that are missing again."""
        if not is_store(self.unfinished):
            raise FormatError(
                f"{self.path} cannot be written: its folder was moved or removed meanwhile."
            )

    def _begin(self) -> Any:
        import zarr

        self._group = zarr.create_group(
            self.unfinished, zarr_format=3, attributes={UNFINISHED_MARK: True}
        )
        return make_array(self._group, CUBE, self.shape, writable_dtype(self.dtype))

    def _reopen(self) -> Any:
        import zarr

        with damage_as_sentence(f"{self.unfinished} is damaged: it cannot be continued."):
            self._group = zarr.open_group(self.unfinished, mode="r+")
            pixels = reopened(self.unfinished, CUBE)
        if pixels.shape != self.shape:
            raise FormatError(f"{self.unfinished} is damaged: it has another shape than it had.")
        return pixels

    def _synchronise(self, place: tuple[slice, slice, slice]) -> None:
        folders = set()
        for file in files_of_part(self.unfinished / CUBE, self.pixels, place):
            synchronise(file)
            folders |= {file.parent, file.parent.parent}
        for folder in folders:
            synchronise_folder(folder)

    def _describe(self, cube: HyperCube) -> None:
        self._check_there()
        for name, values, attributes, axis in arrays_beside(cube):
            self._group.create_array(
                name,
                data=values,
                dimension_names=(axis,) if axis else (),
                attributes=attributes,
                config=WHOLE,
                overwrite=True,
            )
        told = attributes_of_cube(cube, self.pixels.dtype)
        self.pixels.attrs.update(told | ({FILL: packed_fill(told[FILL])} if FILL in told else {}))
        folder = self.unfinished / CUBE
        if not count_missing(keys_in_folder(folder), self.pixels):
            (folder / COMPLETE).touch()
        text = description_text(cube, as_told(told, self.pixels.dtype))
        self._group.attrs.put({OWN: text, OME: ome_image(cube), **CONVENTIONS})
        remove_partial_files(self.unfinished)
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
                raise changed_since(self.path)
            with _storage(self.path) as (storage, root):
                array = zarr.open_array(storage, path=f"{root}{self.name}", mode="r")
                in_folder = self.path.is_dir()  # a ZIP file has sums of its own
                files = list(files_of_part(self.path / self.name, array, key)) if in_folder else []
                check_blosc(array, files)
                values = array[key]
            if self.complete and not all(file.exists() for file in files):
                raise FormatError(f"{self.path} is damaged: chunks of it are gone.")
            return values


def _store(path: Path) -> Store:
    """Return what a store holds, without the pixels."""
    import zarr

    if path.is_dir() and not is_store(path):
        raise FormatError(f"{path} is not a Zarr store: it has no {MARKS[0]}.")
    with (
        damage_as_sentence(f"{path} is damaged or not a Zarr store."),
        _storage(path) as (storage, place_of_root),
    ):
        root = zarr.open(storage, path=place_of_root.strip("/"), mode="r")
        members = [("", root)]
        if isinstance(root, zarr.Group):
            members += members_of(root, path, place_of_root)
        attributes = {name: dict(attributes_of(member)) for name, member in members}
        arrays = {
            name or path.stem: _array(path, name, member)
            for name, member in members
            if isinstance(member, zarr.Array)
        }
        copies: set[str] = set()
        for name, member in members:
            for number, level in enumerate(levels_of(member.attrs.asdict())):
                place = f"{name}/{level.path}".strip("/")
                if place in arrays:
                    fits = len(level.axes) == len(arrays[place].shape)
                    arrays[place] = replace(
                        arrays[place],
                        dimensions=level.axes if fits else (),
                        pixel_size=level.pixel_size,
                        pixel_unit=level.pixel_unit,
                    )
                    copies |= {place} if number else set(filter(is_of_labels, arrays))
    if UNFINISHED_MARK in attributes[""]:
        raise FormatError(f"{path} is not finished: the run that fills it was interrupted.")
    if isinstance(root, zarr.Array):
        attributes[path.stem] = attributes[""]
    return Store(path, arrays, attributes, frozenset(copies))


def _array(path: Path, name: str, member: Any) -> Array:
    if 0 in (*member.chunks, *(member.shards or ())):
        raise FormatError(f"{path} is damaged: the chunks of '{name or path.stem}' hold nothing.")
    state = _state(path, name)
    complete = (path / name / COMPLETE).is_file()
    dtype = np.dtype(member.dtype)
    stored = _StoredArray(path, name, member.shape, dtype, member.chunks, state, complete)
    check = partial(_check_chunks, path, name, member)
    values = _values(path / name if path.is_dir() else None, member)
    return Array(name or path.stem, stored, dimensions_of(member), values, check=check)


def _check_chunks(path: Path, name: str, array: Any) -> str:
    """Return a sentence on chunks that are not there.

    Raises
    ------
    FormatError
        If none is, or if all were written.
    """
    keys = set(keys_in_folder(path / name) if path.is_dir() else _keys_in_zip(path, name))
    missing, total = count_missing(keys, array), math.prod(grid_of(array))
    return missing_in_words(
        path, name or path.stem, missing, total, array.fill_value, complete=COMPLETE in keys
    )


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


def _state(path: Path, name: str) -> int | None:
    """Return when a group or array was described; None where there is none."""
    if path.is_file():
        return path.stat().st_mtime_ns
    marks = (path / name / mark for mark in MARKS)
    return next((mark.stat().st_mtime_ns for mark in marks if mark.is_file()), None)


def _values(folder: Path | None, array: Any) -> np.ndarray | None:
    """Return what is in a short vector."""
    if math.prod(array.shards or array.chunks) * array.dtype.itemsize > LONGEST:
        return None
    if array.dtype.kind in "iufb" and 1 < array.size <= SHORT and array.size == max(array.shape):
        check_blosc(array, files_of_part(folder, array, slice(None)) if folder else ())
        return np.asarray(array[...], dtype=np.float64).ravel()
    return None


ZARR = Format(
    name="Zarr",
    opened="a Zarr store",
    sniff=sniff,
    read=read,
    contents=contents,
    suffixes=(SUFFIX,),
    written=(SUFFIX,),
    writer=FileWriter,
    add_pyramid=add_pyramid,
    has_pyramid=has_pyramid,
    check_target=check_target,
)
