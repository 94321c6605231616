"""MATLAB files: v5 (and v4) through SciPy, v7.3 through h5py; written as v5."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.cubes import CUBE, candidates_of, cube_of
from napari_dodn.formats.arrays.hdf5_dataset import StoredDataset, elsewhere
from napari_dodn.formats.arrays.hdf5_file import opened
from napari_dodn.formats.arrays.matlab_check import check_v4, check_v5
from napari_dodn.formats.arrays.model import LONGEST, SHORT, Array, Store
from napari_dodn.formats.arrays.three_axes import with_axes
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.errors import (
    FormatError,
    damage_as_sentence,
    file_faults_as_sentences,
)
from napari_dodn.formats.format import Format
from napari_dodn.formats.named_wavelengths import is_said_per_band
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.blocks import check_free_space
from napari_dodn.replacing import replacing

SUFFIX = ".mat"

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
MATLAB_SIGNATURE = b"MATLAB "

LARGEST_V5_VARIABLE = 2**31 - 1024
"""Bytes; MATLAB v5 counts them in 31 bits."""

LONGEST_TEXT = 10**7
"""Letters up to which a text is looked into."""

MOST_PLACES = 1000
"""Places of a cell or an array of structures that are looked into."""

DEEPEST = 20
"""How deep structures and cells lie in each other at most."""

NUMBER_TYPES = {"double": "float64", "single": "float32"}
NUMBER_CLASSES = ("double", "single", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))

OWN = "napari_dodn"
"""Variable of the files that `write` makes: JSON with the attributes that are no vectors."""

VECTORS = ("wavelengths", "fwhm", "good_bands")
"""Attributes of a cube that `write` makes variables of, so that other software finds them."""

OWN_ATTRIBUTES = tuple(
    field.name
    for field in fields(HyperCube)
    if field.name not in ("data", "name", "source", *VECTORS)
)
"""All others but those that come from the file."""

NAMES_OF_VECTORS = dict(zip(VECTORS, ("wavelengths", "fwhm", "bbl"), strict=True))


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
        store = _store(path, options)
        asked_for_own = options.axes is None and options.dataset in (None, CUBE)
        if asked_for_own and OWN in store.arrays:
            return options.applied(_own_cube(store))
        return cube_of(store, options)


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
    rest = {key: description.get(key) for key in OWN_ATTRIBUTES}
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


def _own_cube(store: Store) -> HyperCube:
    """Read back what `write` wrote, to the letter."""
    try:
        described = json.loads(str(store.arrays[OWN].values))
        attributes = {key: described[key] for key in OWN_ATTRIBUTES}
        cube = store.arrays[CUBE].load()
    except (KeyError, ValueError) as error:
        raise FormatError(
            f"{store.path} is damaged: its variable '{OWN}' makes no sense."
        ) from error
    for attribute, name in NAMES_OF_VECTORS.items():
        if name in store.arrays:
            attributes[attribute] = np.ravel(store.arrays[name].load())
    cube = cube.reshape(cube.shape + (1,) * (3 - cube.ndim))  # MATLAB drops a last axis of 1
    name, source = store.path.stem, str(store.path)
    return HyperCube(cube.transpose(2, 0, 1), name=name, source=source, **attributes)


@dataclass(frozen=True)
class _Variable:
    """A variable of a v5 file, which is read as a whole when it is first sliced."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    options: ReadOptions
    chunks: None = None

    @cached_property
    def _values(self) -> np.ndarray:
        size = math.prod(self.shape) * self.dtype.itemsize
        self.options.check_packed(self.path, size)
        values = _load_v5(self.path, self.name)
        if values.dtype.kind == "c":
            raise FormatError(
                f"{self.path}: '{self.name}' holds complex numbers; a cube holds real numbers."
            )
        return np.asarray(values)

    def __getitem__(self, key: Any) -> np.ndarray:
        return self._values[key]


def _store(path: Path, options: ReadOptions = AS_STORED) -> Store:
    """Return what a file holds, without the pixels where they can be left in it."""
    with path.open("rb") as file:
        head = file.read(1024)
    is_v73 = HDF5_SIGNATURE in (head[:8], head[512:520])
    with damage_as_sentence(f"{path} is damaged or not a MATLAB file."):
        found = _variables_of_v73(path) if is_v73 else _variables_of_v5(path, options)
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


def _variables_of_v5(path: Path, options: ReadOptions) -> Iterator[Array]:
    from scipy.io import whosmat
    from scipy.io.matlab import matfile_version

    major, _ = matfile_version(path, appendmat=False)
    if major:
        check_v5(path, options)
    else:
        check_v4(path)
    for name, shape, matlab_class in whosmat(path, appendmat=False):
        size = math.prod(shape)
        is_large = size > (LONGEST_TEXT if matlab_class == "char" else SHORT)
        if matlab_class in NUMBER_CLASSES and is_large:
            dtype = np.dtype(NUMBER_TYPES.get(matlab_class, matlab_class))
            yield Array(name, _Variable(path, name, tuple(shape), dtype, options), at_once=True)
        elif is_large and matlab_class not in ("struct", "cell"):
            yield Array(name, np.broadcast_to(False, shape))  # it only has to be named
        elif matlab_class == "logical":
            yield _array(name, _load_v5(path, name).astype(bool))
        else:
            yield from _parts_of(name, _load_v5(path, name))


def _load_v5(path: Path, name: str) -> Any:
    from scipy.io import loadmat

    with damage_as_sentence(f"{path} is damaged: its variable '{name}' cannot be read."):
        return loadmat(path, appendmat=False, variable_names=[name])[name]


def _parts_of(name: str, value: Any, depth: int = 0) -> Iterator[Array]:
    """Go through structures and cells and what is in them, named as MATLAB does.

    Of several, the places count from 1 down the columns: `scenes(2).img`, `data{2}`. What is one
    number in each of them is one vector as well.
    """
    if not isinstance(value, np.ndarray) or depth > DEEPEST:
        return
    items = value.ravel(order="F")[:MOST_PLACES]
    if value.dtype.names:
        for place, item in enumerate(items, 1):
            called = name if value.size == 1 else f"{name}({place})"
            for key in value.dtype.names:
                yield from _parts_of(f"{called}.{key}", item[key], depth + 1)
        for key in value.dtype.names if value.size > 1 else ():
            yield from _together(f"{name}.{key}", [item[key] for item in items])
    elif value.dtype.kind == "O":
        yield from _together(name, list(items))
        for place, item in enumerate(items, 1):
            yield from _parts_of(f"{name}{{{place}}}", item, depth + 1)
    else:
        yield _array(name, value)


def _together(name: str, items: Sequence[Any]) -> Iterator[Array]:
    """Yield the items of a cell, or of an array of structures, as one text or vector."""
    arrays = [_array(name, item) for item in items if isinstance(item, np.ndarray)]
    if len(arrays) < len(items):
        return
    values = [array.values for array in arrays]
    if all(isinstance(text, str) for text in values):
        yield _array(name, np.array("\n".join(map(str, values))))
    elif len(arrays) > 1 and all(array.is_numeric and array.size == 1 for array in arrays):
        yield _array(name, np.concatenate([np.ravel(array.load()) for array in arrays]))


def _array(name: str, value: np.ndarray) -> Array:
    """Return an array that is in memory."""
    if value.dtype.kind == "U":
        text = "\n".join(str(line) for line in value.ravel())
        return Array(name, np.array(text), values=text)
    return Array(name, value, values=_short_vector(value.shape, value.dtype, lambda: value))


def _short_vector(
    shape: Sequence[int], dtype: np.dtype, load: Callable[[], Any]
) -> np.ndarray | None:
    """Return what is in a number or a short vector."""
    size = math.prod(shape)
    if dtype.kind not in "iufb" or not 1 <= size <= SHORT or size != max(shape, default=1):
        return None
    return np.asarray(load(), np.float64).ravel()


def _variables_of_v73(path: Path) -> list[Array]:
    import h5py

    variables: list[Array] = []
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
        if len(found) == item.size and all(isinstance(x, h5py.Dataset) for x in found):
            small = [x for x in found if x.shape is not None and x.dtype != "O" and _is_short(x)]
            if len(small) == item.size:
                variables.extend(_together(name, [_loaded_v73(x) for x in small]))
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


def _variable_of_v73(path: Path, name: str, item: Any) -> Array:
    """Return a dataset with MATLAB's axes: its first changes fastest, HDF5's last."""
    kind = _class_of(item)
    is_short = _is_short(item)
    if kind == "char" and is_short:
        return _array(name, _loaded_v73(item))
    if kind in ("char", "logical") and not is_short:
        return Array(name, np.broadcast_to(False, item.shape[::-1]))
    dataset = StoredDataset.of(path, item)
    stored = with_axes(dataset, range(item.ndim)[::-1])
    values = _short_vector(item.shape, item.dtype, lambda: item[()]) if is_short else None
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
