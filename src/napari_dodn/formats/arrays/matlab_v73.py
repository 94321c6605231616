"""The variables of MATLAB files of version 7.3, which are HDF5."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.hdf5_dataset import StoredDataset, elsewhere
from napari_dodn.formats.arrays.hdf5_file import opened
from napari_dodn.formats.arrays.matlab_objects import Objects
from napari_dodn.formats.arrays.matlab_values import (
    DEEPEST,
    MOST_PLACES,
    array_of,
    parts_of_object,
    short_vector,
    together,
)
from napari_dodn.formats.arrays.model import LONGEST, SHORT, Array
from napari_dodn.formats.arrays.three_axes import with_axes

OBJECT_MARK = "MATLAB_object_decode"
"""Attribute of what is a reference to a string, a table or another object."""

SUBSYSTEM = "#subsystem#/MCOS"


def variables_of_v73(path: Path) -> list[Array]:
    """Return the variables of a file, those that are large without being read."""
    import h5py

    variables: list[Array] = []
    objects: list[Objects | None] = []
    seen: set[int] = set()

    def is_new(item: Any) -> bool:
        """Tell whether a group or a cell is met for the first time; damaged ones go in circles."""
        place = h5py.h5o.get_info(item.id).addr
        is_known = place in seen
        seen.add(place)
        return not is_known

    def add(name: str, item: Any, depth: int = 0) -> None:
        if depth > DEEPEST:
            return
        if isinstance(item, h5py.Group):
            for key in item if is_new(item) else ():
                if key.startswith("#"):  # what MATLAB keeps for itself
                    continue
                if isinstance(item.get(key, getlink=True), h5py.HardLink):
                    add(f"{name}.{key}" if name else key, item[key], depth + 1)
            return
        if item.shape is None or "MATLAB_empty" in item.attrs:
            return
        if OBJECT_MARK in item.attrs:
            if not objects:
                objects.append(_objects_of(item.file))
            if objects[0] is not None and _is_short(item):
                variables.extend(parts_of_object(name, objects[0].value_of(item[()])))
            return
        if h5py.check_ref_dtype(item.dtype) is h5py.Reference:
            if is_new(item):
                add_referred(name, item, depth)
            return
        variables.append(_variable_of_v73(path, name, item))

    def add_referred(name: str, item: Any, depth: int) -> None:
        is_cell = _class_of(item) == "cell"
        found = [item.file[ref] for ref in np.ravel(item[()])[:MOST_PLACES] if ref]
        if len(found) == item.size and all(isinstance(x, h5py.Dataset) for x in found):
            small = [x for x in found if x.shape is not None and x.dtype != "O" and _is_short(x)]
            if len(small) == item.size:
                variables.extend(together(name, [_loaded_v73(x) for x in small]))
        structure, _, field = name.rpartition(".")
        for place, value in enumerate(found, 1):
            called = f"{name}{{{place}}}" if is_cell else f"{structure}({place}).{field}"
            add(called, value, depth + 1)

    with opened(path) as file:
        add("", file)
    return variables


def _objects_of(file: Any) -> Objects | None:
    """Return the strings and tables of a file; None where there are none, or cannot be read."""
    import h5py

    cell = file.get(SUBSYSTEM)
    if not isinstance(cell, h5py.Dataset) or h5py.check_ref_dtype(cell.dtype) is not h5py.Reference:
        return None
    with suppress(KeyError, IndexError, ValueError, TypeError):
        return Objects([_whole(file[ref]) for ref in np.ravel(cell[()])[:MOST_PLACES]], "<")
    return None


def _whole(item: Any, depth: int = 0) -> Any:
    """Return what is in a dataset or a cell, as SciPy would; None for what is large or a group."""
    import h5py

    if not isinstance(item, h5py.Dataset) or item.shape is None or depth > DEEPEST:
        return None
    if "MATLAB_empty" in item.attrs or not _is_short(item):
        return np.empty((0, 0))
    if h5py.check_ref_dtype(item.dtype) is not h5py.Reference:
        return _loaded_v73(item)
    references = np.ravel(item[()])
    held = np.empty(len(references), object)
    for place, reference in enumerate(references):
        held[place] = _whole(item.file[reference], depth + 1)
    return held


def _class_of(item: Any) -> str:
    stated = item.attrs.get("MATLAB_class")
    return stated.decode() if isinstance(stated, bytes) else ""


def _variable_of_v73(path: Path, name: str, item: Any) -> Array:
    """Return a dataset with MATLAB's axes: its first changes fastest, HDF5's last."""
    kind = _class_of(item)
    is_short = _is_short(item)
    if kind == "char" and is_short:
        return array_of(name, _loaded_v73(item))
    if kind in ("char", "logical") and not is_short:
        return Array(name, np.broadcast_to(False, item.shape[::-1]))
    dataset = StoredDataset.of(path, item)
    stored = with_axes(dataset, range(item.ndim)[::-1])
    values = short_vector(item.shape, item.dtype, lambda: item[()]) if is_short else None
    if kind == "logical":
        stored = _loaded_v73(item)
    note = elsewhere(path, item)
    return Array(name, stored, values=values, note=note, in_c_order=not kind, check=dataset.check)


def _is_short(item: Any) -> bool:
    """Tell whether a dataset can be read together with the structure of the file."""
    piece = math.prod(item.chunks or item.shape) * item.dtype.itemsize
    return item.size <= SHORT and piece <= LONGEST and not (item.external or item.is_virtual)


def _loaded_v73(item: Any) -> np.ndarray:
    """Return what is in a dataset, as SciPy would return it of a v5 file."""
    kind = _class_of(item)
    if kind != "char":
        return np.asarray(item[()]).T.astype(bool if kind == "logical" else item.dtype)
    rows = np.atleast_2d(item[()].T)
    return np.array(["".join(chr(code) for code in row) for row in rows])
