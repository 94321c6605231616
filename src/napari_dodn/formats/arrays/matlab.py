"""MATLAB files: v5 (and v4) through SciPy, v7.3 through h5py; written as v5."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.cubes import CUBE, VECTORS, candidates_of, cube_of
from napari_dodn.formats.arrays.matlab_v5 import variables_of_v5
from napari_dodn.formats.arrays.matlab_v73 import variables_of_v73
from napari_dodn.formats.arrays.model import Array, Store
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.description import LEFT_OUT, OF_THE_FILE
from napari_dodn.formats.errors import FormatError, damage_as_sentence
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.blocks import check_free_space
from napari_dodn.formats.wavelengths.named import is_said_per_band
from napari_dodn.replacing import replacing

SUFFIX = ".mat"

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
MATLAB_SIGNATURE = b"MATLAB "

LARGEST_V5_VARIABLE = 2**31 - 1024
"""Bytes; MATLAB v5 counts them in 31 bits."""

OWN = "napari_dodn"
"""Variable of the files that `write` makes: JSON with the attributes that are no vectors."""

OWN_ATTRIBUTES = tuple(
    field.name for field in fields(HyperCube) if field.name not in ("data", *OF_THE_FILE, *VECTORS)
)
"""All others but those that come from the file."""

NAMES_OF_VECTORS = dict(zip(VECTORS, ("wavelengths", "fwhm", "bbl"), strict=True))
"""Variables that `write` makes of attributes, so that other software finds them."""


def sniff(path: Path) -> bool:
    """Tell whether a file is a MATLAB file, or is called one."""
    if not path.is_file():
        return False
    if path.suffix.lower() == SUFFIX:
        return True
    with path.open("rb") as file:
        return file.read(len(MATLAB_SIGNATURE)) == MATLAB_SIGNATURE


def read(path: Path, options: ReadOptions = AS_STORED) -> HyperCube:
    """Open the cube of a MATLAB file.

    Parameters
    ----------
    path : Path
        The file.
    options : ReadOptions
        `dataset` is the name of the variable that is the cube, as MATLAB writes it: fields of
        structures as `structure.field` or `scenes(2).field`, cells as `data{2}`. `axes` are the
        variable's in MATLAB's order.

    Returns
    -------
    HyperCube
        Lazy for v7.3. `notes` tells which variable it is and how its axes were understood.

    Raises
    ------
    AmbiguousError
        If several variables may be the cube.
    FormatError
        If the file is damaged or holds no cube.
    """
    store = _store(path, options)
    asked_for_own = options.axes is None and options.dataset in (None, CUBE)
    if not asked_for_own or OWN not in store.arrays:
        return cube_of(store, options)
    if (cube := _own_cube(store)) is not None:
        return options.applied(cube)
    others = {name: array for name, array in store.arrays.items() if name != OWN}
    cube = cube_of(replace(store, arrays=others), options)
    return cube.derive(notes=(LEFT_OUT, *cube.notes))


def contents(path: Path) -> list[Candidate]:
    """List the variables that may be the cube.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the file is damaged or holds nothing of three axes.
    """
    return candidates_of(_store(path))


def write(cube: HyperCube, path: Path) -> None:
    """Write a cube as a MATLAB v5 file.

    The file has the variables `cube` (rows × columns × bands), `wavelengths` and `fwhm` in
    nanometres, `bbl` (1 for good bands), and `napari_dodn`, JSON with the rest of the description.

    Parameters
    ----------
    cube : HyperCube
        What to write; it is read into memory.
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the cube is too large for the format, the file already exists or cannot be written.
    """
    from scipy.io import savemat

    dtype = _writable_dtype(np.dtype(cube.data.dtype))
    check_size(path, cube.shape, dtype)
    description = cube.description()
    rest = {"shape": cube.shape, **{key: description.get(key) for key in OWN_ATTRIBUTES}}
    variables: dict[str, Any] = {OWN: json.dumps(rest, default=str)}
    for attribute, name in NAMES_OF_VECTORS.items():
        if (values := getattr(cube, attribute)) is not None:
            variables[name] = values.astype(np.uint8 if name == "bbl" else np.float64)
    variables[CUBE] = np.asarray(cube.data).transpose(1, 2, 0).astype(dtype, copy=False)
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        savemat(file, variables, oned_as="row")


def check_size(path: Path, shape: tuple[int, int, int], dtype: np.dtype) -> None:
    """Raise FormatError where `write` would refuse a cube for its size, or the disk is too full."""
    size = math.prod(shape) * _writable_dtype(dtype).itemsize
    if size > LARGEST_V5_VARIABLE:
        raise FormatError(
            f"{path} cannot be written: MATLAB v5 holds at most 2 GB in a variable; "
            f"write the cube as ENVI (.hdr) instead."
        )
    check_free_space(path, size)


def _writable_dtype(dtype: np.dtype) -> np.dtype:
    """Return the native type of MATLAB that holds all values of another type."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f":
        return np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)
    return dtype.newbyteorder("=")


def _own_cube(store: Store) -> HyperCube | None:
    """Read back what `write` wrote, to the letter; None where others have cropped the cube."""
    try:
        described = json.loads(str(store.arrays[OWN].values))
        attributes = {key: described[key] for key in OWN_ATTRIBUTES}
        cube = store.arrays[CUBE].load()
    except (KeyError, ValueError) as error:
        raise FormatError(
            f"{store.path} is damaged: its variable '{OWN}' makes no sense."
        ) from error
    cube = cube.reshape(cube.shape + (1,) * (3 - cube.ndim))  # MATLAB drops a last axis of 1
    cube = cube.transpose(2, 0, 1)
    if described.get("shape", list(cube.shape)) != list(cube.shape):
        return None
    for attribute, name in NAMES_OF_VECTORS.items():
        if name in store.arrays:
            attributes[attribute] = np.ravel(store.arrays[name].load())
    name, source = store.path.stem, str(store.path)
    return HyperCube(cube, name=name, source=source, **attributes)


def _store(path: Path, options: ReadOptions = AS_STORED) -> Store:
    """Return what a file holds, without the pixels where they can be left in it."""
    with path.open("rb") as file:
        head = file.read(1024)
    is_v73 = HDF5_SIGNATURE in (head[:8], head[512:520])
    with damage_as_sentence(f"{path} is damaged or not a MATLAB file."):
        found = variables_of_v73(path) if is_v73 else variables_of_v5(path, options)
        arrays = {array.name: array for array in found}
    return Store(path, arrays, _units(arrays), by_columns=True)


def _units(arrays: dict[str, Array]) -> dict[str, dict[str, Any]]:
    """Return the units of wavelengths, by the text that is called so, if there is one."""
    texts = {
        name: array.values
        for name, array in arrays.items()
        if isinstance(array.values, str) and "unit" in name.casefold()
    }
    of_waves = [text for name, text in texts.items() if "wave" in name.casefold()]
    unit = next(iter(of_waves or texts.values()), None)
    if unit is None:
        return {}
    return {name: {"units": unit} for name in arrays if is_said_per_band(name)}


MATLAB = Format(
    name="MATLAB",
    opened="a MATLAB .mat file",
    sniff=sniff,
    read=read,
    contents=contents,
    suffixes=(SUFFIX,),
    offered=True,
    written=(SUFFIX,),
    write=write,
    check_size=check_size,
)
