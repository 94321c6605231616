"""MATLAB files: v5 (and v4) through SciPy, v7.3 through h5py; written as v5."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.belonging import Named, vectors_of
from napari_dodn.formats.arrays.hdf5_dataset import StoredDataset, elsewhere
from napari_dodn.formats.arrays.hdf5_file import opened
from napari_dodn.formats.arrays.matlab_check import check_v4, check_v5
from napari_dodn.formats.arrays.matlab_variables import (
    FoundCube,
    Variable,
    find_cube,
    list_cubes,
    with_three_axes,
)
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.errors import (
    FormatError,
    damage_as_sentence,
    file_faults_as_sentences,
)
from napari_dodn.formats.format import Format
from napari_dodn.formats.named_wavelengths import is_said_per_band, numbers_in
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.blocks import check_free_space
from napari_dodn.formats.pixels.lazy import lazy_pixels
from napari_dodn.replacing import replacing
from napari_dodn.spectra.units import widths_to_nanometres

SUFFIX = ".mat"

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
MATLAB_SIGNATURE = b"MATLAB "

LARGEST_V5_VARIABLE = 2**31 - 1024
"""Bytes; MATLAB v5 counts them in 31 bits."""

SMALL = 10_000
"""Values up to which a v7.3 variable is read at once instead of lazily."""

MOST_PLACES = 1000
"""Places of a cell or an array of structures that are looked into."""

DEEPEST = 20
"""How deep structures and cells lie in each other at most."""

KINDS_OF_CLASS = {"char": "text", "logical": "logical"}
NUMBER_TYPES = {"double": "float64", "single": "float32"}
NUMBER_CLASSES = ("double", "single", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))

OWN = "napari_dodn"
"""Variable of the files that `write` makes: JSON with the attributes that are no vectors."""

OWN_ATTRIBUTES = (
    "nodata",
    "gain",
    "offset",
    "scaled",
    "quantity",
    "pixel_size",
    "pixel_unit",
    "map_info",
    "default_bands",
    "rgb_picture",
    "notes",
    "history",
    "metadata",
)

BYTES = {
    "float64": 8,
    "float32": 4,
    **{f"{u}int{bits}": bits // 8 for u in ("", "u") for bits in (8, 16, 32, 64)},
}

GOOD_BAND_NAMES = ("bbl", "good_bands", "goodbands")


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
    path = Path(path)
    with file_faults_as_sentences(path, "read"):
        variables = _variables(path, options)
        attributes: dict[str, Any]
        asked_for_own = options.axes is None and options.dataset in (None, "cube")
        if asked_for_own and OWN in (v.name for v in variables):
            found, attributes = _read_own(path, variables)
        else:
            found = find_cube(path, variables, options)
            attributes = _attributes_beside(found, variables)
            attributes["notes"] = tuple(found.notes)
        variable = found.variable
        if variable.stored is None:
            size = math.prod(variable.shape) * BYTES.get(variable.dtype, 1)
            options.check_packed(path, size)
        cube = HyperCube(_pixels(path, found), name=path.stem, source=str(path), **attributes)
        return options.applied(cube)


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
    path = Path(path)
    with file_faults_as_sentences(path, "read"):
        variables = _variables(path)
        if OWN in (variable.name for variable in variables):
            found, _ = _read_own(path, variables)
            found.reason = "napari-dodn wrote the file so."
            cubes = [found]
        else:
            cubes = list_cubes(path, variables)
    return [
        Candidate(v.name, v.shape, v.dtype, cube.axes, cube.reason, fixed="p" in cube.axes)
        for cube in cubes
        for v in [cube.variable]
    ]


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
        If the cube is too large for the format, the file is there already or cannot be written.
    """
    from scipy.io import savemat

    dtype = _writable_dtype(np.dtype(cube.data.dtype))
    check_size(path, cube.shape, dtype)
    description = cube.description()
    rest = {key: description.get(key) for key in OWN_ATTRIBUTES}
    variables: dict[str, Any] = {OWN: json.dumps(rest, default=str)}
    for name, values in (
        ("wavelengths", cube.wavelengths),
        ("fwhm", cube.fwhm),
        ("bbl", cube.good_bands),
    ):
        if values is not None:
            variables[name] = values.astype(np.uint8 if name == "bbl" else np.float64)
    variables["cube"] = np.asarray(cube.data).transpose(1, 2, 0).astype(dtype, copy=False)
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


def _read_own(path: Path, variables: list[Variable]) -> tuple[FoundCube, dict[str, Any]]:
    """Read back what `write` wrote, to the letter."""
    by_name = {variable.name: variable for variable in variables}
    try:
        attributes = json.loads(str(by_name[OWN].load()))
        attributes = {key: attributes[key] for key in OWN_ATTRIBUTES}
        cube = by_name["cube"]
    except (KeyError, ValueError) as error:
        raise FormatError(f"{path} is damaged: its variable '{OWN}' makes no sense.") from error
    for name, key in (("wavelengths", "wavelengths"), ("fwhm", "fwhm"), ("bbl", "good_bands")):
        if name in by_name:
            attributes[key] = np.asarray(by_name[name].load()).ravel()
    return FoundCube(cube, "yxb"), attributes


def _attributes_beside(found: FoundCube, variables: list[Variable]) -> dict[str, Any]:
    """Return wavelengths, FWHM and good bands that stand beside a cube."""
    attributes: dict[str, Any] = {"wavelengths": found.wavelengths}
    cubes = [Named(v.name, v.shape) for v in variables if len(v.shape) == 3]
    cube = Named(found.variable.name, found.variable.shape)
    for variable in variables:
        if variable.kind not in ("number", "logical"):
            continue
        if np.prod(variable.shape, dtype=object) != found.bands:
            continue
        if not vectors_of(cube, cubes, [Named(variable.name, (found.bands,))])[0]:
            continue  # it belongs to another cube
        name = variable.name.rpartition(".")[2].casefold()
        if name in GOOD_BAND_NAMES:
            attributes["good_bands"] = np.asarray(variable.load()).ravel() > 0
        elif name == "fwhm" and found.centres is not None:
            widths = np.asarray(variable.load(), dtype=np.float64).ravel()
            try:
                attributes["fwhm"] = widths_to_nanometres(found.centres, widths, found.unit)
            except ValueError as error:
                found.notes.append(f"The widths of the bands are left out: {error}")
    return attributes


def _pixels(path: Path, found: FoundCube) -> Any:
    """Return the pixels of the found variable as (bands, y, x), without copying them."""
    if found.variable.kind == "complex":
        raise FormatError(
            f"{path}: {found.variable} holds complex numbers; a cube holds real numbers."
        )
    stored = found.variable.stored
    if stored is not None and len(stored.shape) == 3:
        return lazy_pixels(stored, found.axes[::-1])
    array = found.variable.load()
    if array.dtype.kind == "c":
        raise FormatError(
            f"{path}: {found.variable} holds complex numbers; a cube holds real numbers."
        )
    if "p" not in found.axes:
        array = array.reshape(
            array.shape + (1,) * (3 - array.ndim)
        )  # MATLAB drops a last axis of 1
        return array.transpose([found.axes.index(axis) for axis in "byx"])
    rows, columns = found.image_size
    pixels = array.T if found.axes == "bp" else array
    # MATLAB numbers pixels down the columns.
    return pixels.reshape(columns, rows, found.bands).transpose(2, 1, 0)


def _variables(path: Path, options: ReadOptions = AS_STORED) -> list[Variable]:
    with path.open("rb") as file:
        head = file.read(1024)
    is_v73 = HDF5_SIGNATURE in (head[:8], head[512:520])
    with damage_as_sentence(f"{path} is damaged or not a MATLAB file."):
        found = _variables_of_v73(path) if is_v73 else _variables_of_v5(path, options)
        return [_with_numbers(with_three_axes(variable)) for variable in found]


def _variables_of_v5(path: Path, options: ReadOptions) -> Iterator[Variable]:
    from scipy.io import whosmat
    from scipy.io.matlab import matfile_version

    major, _ = matfile_version(path, appendmat=False)
    if major:
        check_v5(path, options)
    else:
        check_v4(path)
    for name, shape, matlab_class in whosmat(path, appendmat=False):
        if matlab_class in ("struct", "object", "cell"):
            yield from _parts_of(name, _load_v5(path, name))
            continue
        kind = "number" if matlab_class in NUMBER_CLASSES else "other"
        kind = KINDS_OF_CLASS.get(matlab_class, kind)
        load = _load_v5_text if kind == "text" else _load_v5
        dtype = NUMBER_TYPES.get(matlab_class, matlab_class)
        yield Variable(name, tuple(shape), kind, partial(load, path, name), dtype=dtype)


def _load_v5(path: Path, name: str) -> Any:
    from scipy.io import loadmat

    with damage_as_sentence(f"{path} is damaged: its variable '{name}' cannot be read."):
        return loadmat(path, appendmat=False, variable_names=[name])[name]


def _load_v5_text(path: Path, name: str) -> str:
    return _text(_load_v5(path, name))


def _text(value: np.ndarray) -> str:
    return " ".join(str(line) for line in value.ravel())


def _parts_of(name: str, value: Any, depth: int = 0) -> Iterator[Variable]:
    """Go through structures and cells and what is in them, named as MATLAB does.

    Of several, the places count from 1 down the columns: `scenes(2).img`, `data{2}`.
    """
    if not isinstance(value, np.ndarray) or depth > DEEPEST:
        return
    items = value.ravel(order="F")[:MOST_PLACES]
    if value.dtype.names:
        for place, item in enumerate(items, 1):
            called = name if value.size == 1 else f"{name}({place})"
            for key in value.dtype.names:
                yield from _parts_of(f"{called}.{key}", item[key], depth + 1)
    elif value.dtype.kind == "O":
        texts = [_text(item) for item in items if isinstance(item, np.ndarray) and _is_text(item)]
        if len(texts) == value.size:
            yield Variable(name, (len(texts),), "text", partial(" ".join, texts))
            return
        for place, item in enumerate(items, 1):
            yield from _parts_of(f"{name}{{{place}}}", item, depth + 1)
    else:
        kinds = {"U": "text", "b": "logical", "c": "complex", "i": "number", "u": "number"}
        kind = {**kinds, "f": "number"}.get(value.dtype.kind, "other")
        load = partial(_text if kind == "text" else np.asarray, value)
        yield Variable(name, value.shape, kind, load, dtype=value.dtype.name)


def _is_text(value: np.ndarray) -> bool:
    return value.dtype.kind == "U"


def _with_numbers(variable: Variable) -> Variable:
    """Return a text of wavelengths or widths as the numbers in it; others as they are."""
    if not (variable.is_text and is_said_per_band(variable.name)):
        return variable
    values = numbers_in(str(variable.load()))
    if values is None:
        return variable
    return replace(variable, shape=values.shape, kind="number", load=lambda: values, stored=None)


def _variables_of_v73(path: Path) -> list[Variable]:
    import h5py

    variables: list[Variable] = []
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
        if h5py.check_ref_dtype(item.dtype) is h5py.Reference:
            if is_new(item):
                add_referred(name, item, depth)
            return
        variables.append(_variable_of_v73(path, name, item))

    def add_referred(name: str, item: Any, depth: int) -> None:
        is_cell = _class_of(item) == "cell"
        found = [item.file[ref] for ref in np.ravel(item[()])[:MOST_PLACES] if ref]
        if is_cell and len(found) == item.size and all(_class_of(x) == "char" for x in found):
            texts = [str(_variable_of_v73(path, name, text).load()) for text in found]
            variables.append(Variable(name, (len(texts),), "text", partial(" ".join, texts)))
            return
        structure, _, field = name.rpartition(".")
        for place, value in enumerate(found, 1):
            called = f"{name}{{{place}}}" if is_cell else f"{structure}({place}).{field}"
            add(called, value, depth + 1)

    with opened(path) as file:
        add("", file)
    return variables


def _class_of(item: Any) -> str:
    stated = item.attrs.get("MATLAB_class")
    return stated.decode() if isinstance(stated, bytes) else ""


def _variable_of_v73(path: Path, name: str, item: Any) -> Variable:
    kind = KINDS_OF_CLASS.get(_class_of(item), "")
    if item.dtype.names:
        kind = "complex" if set(item.dtype.names) == {"real", "imag"} else "other"
    kind = kind or ("number" if item.dtype.kind in "iuf" else "other")
    stored = StoredDataset.of(path, item)
    return Variable(
        name,
        item.shape[::-1],  # MATLAB's first axis changes fastest, HDF5's last
        kind,
        partial(_load_v73, stored, kind),
        by_matlab=bool(_class_of(item)),
        dtype=item.dtype.name,
        stored=stored,
        note=elsewhere(path, item),
    )


def _load_v73(stored: StoredDataset, kind: str) -> Any:
    if kind == "text":
        rows = np.atleast_2d(stored[()].T)
        return " ".join("".join(chr(code) for code in row) for row in rows)
    if math.prod(stored.shape) <= SMALL:
        return stored[()].T
    import dask.array

    return dask.array.from_array(stored, name=False).T


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
