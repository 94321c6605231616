"""Which of a MATLAB file's variables is the cube, which its wavelengths, and what its axes mean.

Everything here works on names, shapes and short vectors; no pixel is looked at. Shapes and axes are
those that MATLAB shows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.arrays import per_column
from napari_dodn.formats.arrays.belonging import FoundWavelengths, Named, wavelengths_of
from napari_dodn.formats.arrays.three_axes import WithoutAxes, kept_axes, note_of
from napari_dodn.formats.axes import checked_axes, in_a_sentence, spectral_axis
from napari_dodn.formats.contents import LEAST_BANDS, NOT_A_CUBE, no_cube
from napari_dodn.formats.errors import AmbiguousError, FormatError
from napari_dodn.formats.named_wavelengths import (
    NamedWavelengths,
    all_wavelengths,
    is_called_wavelengths,
)
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.cache import Stored
from napari_dodn.spectra.units import describe_order

LEAST_LENGTH = 10
"""A matrix with no image size beside it is bands × pixels only if it is this much longer."""

FLAT_AXES = ("bp", "pb")
"""A matrix of bands × pixels, or of pixels × bands."""

ROW_NAMES = {"row", "rows", "h", "height", "line", "lines", "r", "y", "ysize"}
COLUMN_NAMES = {"col", "cols", "column", "columns", "w", "width", "sample", "samples", "c", "x"}
BAND_NAMES = {"band", "bands", "channel", "channels", "l", "b", "z"}


LONGEST_TEXT = 10**7
"""Letters up to which a text is looked into."""


@dataclass(frozen=True)
class Variable:
    """A variable of a MATLAB file.

    Attributes
    ----------
    name : str
        Fields of structures have dots in them.
    shape : tuple of int
        As MATLAB shows it.
    kind : str
        "number", "complex", "logical", "text" or "other".
    load : callable
        Returns the values with MATLAB's axes; those of a large array may be lazy.
    by_matlab : bool
        False for HDF5 files that lack MATLAB's marks, whose axes may be in C order.
    dtype : str
        Type of its numbers, as numpy calls it.
    stored : Stored or None
        The array of a v7.3 file itself; its axes are the other way round.
    note : str
        What was done to see three axes, and in which other files the numbers are, in sentences.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    load: Callable[[], Any]
    by_matlab: bool = True
    dtype: str = ""
    stored: Stored | None = None
    note: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is a text of a length that can be read to find something in it."""
        return self.kind == "text" and math.prod(self.shape) <= LONGEST_TEXT

    @property
    def size(self) -> str:
        """The shape as a text such as "100 × 100 × 31"."""
        return " × ".join(str(length) for length in self.shape)

    def __str__(self) -> str:
        return f"'{self.name}' ({self.size})"


def with_three_axes(variable: Variable) -> Variable:
    """Return a variable of more than three axes without those of length 1."""
    kept = kept_axes(variable.shape)
    if kept is None or 0 in variable.shape or variable.kind not in ("number", "complex"):
        return variable
    shape = tuple(variable.shape[axis] for axis in kept)
    stored = variable.stored
    if stored is not None:
        last = len(variable.shape) - 1
        stored = WithoutAxes(stored, tuple(sorted(last - axis for axis in kept)))
    return replace(
        variable,
        shape=shape,
        load=lambda: variable.load().reshape(shape),
        stored=stored,
        note=" ".join(
            filter(None, (variable.note, note_of(variable, len(variable.shape) - len(shape))))
        ),
    )


@dataclass
class FoundCube:
    """The variable that is the cube, and how to read it.

    Attributes
    ----------
    variable : Variable
        The cube.
    axes : str
        Three of y, x, b in the order of its axes; or "bp" or "pb" for a matrix of bands × pixels.
    image_size : tuple of int
        Rows and columns of a matrix of pixels.
    wavelengths : numpy.ndarray or None
        In nanometres.
    centres, unit : numpy.ndarray or None, str
        The same as they are stored.
    notes : list of str
        What was found out.
    reason : str
        Why these axes, as one sentence.
    """

    variable: Variable
    axes: str = ""
    image_size: tuple[int, int] = (0, 0)
    wavelengths: np.ndarray | None = None
    centres: np.ndarray | None = None
    unit: str = "nm"
    notes: list[str] = field(default_factory=list)
    reason: str = ""

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self.variable.shape[self.axes.index("b")]


def find_cube(
    path: Path, variables: Sequence[Variable], options: ReadOptions = AS_STORED
) -> FoundCube:
    """Find the cube among the variables of a file.

    Parameters
    ----------
    path : Path
        For messages.
    variables : sequence of Variable
        All that there is.
    options : ReadOptions
        What the caller decided.

    Raises
    ------
    AmbiguousError
        If several variables may be the cube.
    FormatError
        If none may, or the caller's choice does not fit.
    """
    scalars, vectors = _scalars_and_vectors(variables)
    axes = options.axes
    if options.dataset is not None:
        variable = _named(path, variables, options.dataset)
        if len(variable.shape) == 3:
            chosen = [FoundCube(variable)]
        else:
            chosen = _matrices(variables, scalars, vectors, only=variable)
            if not chosen:
                raise FormatError(f"{path}: the variable {variable} is not a cube.")
    else:
        chosen = _all_that_may_be(variables, scalars, vectors)
    if axes in FLAT_AXES:
        chosen = [found for found in chosen if found.axes in ("", axes)]
    if not chosen:
        raise _holds_no_cube(path, variables)
    if len(chosen) > 1:
        names = [found.variable.name for found in chosen]
        shown = ", ".join(str(found.variable) for found in chosen)
        raise AmbiguousError(
            f"{path} holds several cubes: {shown}; the option 'dataset' (--dataset) decides.", names
        )
    found = chosen[0]
    if found.axes and axes not in (None, found.axes):
        raise FormatError(
            f"{path}: '{axes}' does not fit the variable {found.variable}, which has the axes "
            f"'{found.axes}' by the size of the image."
        )
    _understand(found, variables, scalars, vectors, options)
    return found


def list_cubes(path: Path, variables: Sequence[Variable]) -> list[FoundCube]:
    """Return all that `find_cube` chooses from.

    Raises
    ------
    FormatError
        If there is no variable that can be a cube.
    """
    scalars, vectors = _scalars_and_vectors(variables)
    listed = _all_that_may_be(variables, scalars, vectors)
    if not listed:
        raise _holds_no_cube(path, variables)
    listed = list({found.variable.name: found for found in reversed(listed)}.values())[::-1]
    for found in listed:
        _understand(found, variables, scalars, vectors, AS_STORED)
    return listed


def _holds_no_cube(path: Path, variables: Sequence[Variable]) -> FormatError:
    held = ", ".join(str(v) for v in variables if v.kind != "other") or "nothing of numbers"
    return no_cube(path, held, (v.shape for v in variables if v.kind == "number"))


def _understand(
    found: FoundCube,
    variables: Sequence[Variable],
    scalars: dict[str, float],
    vectors: dict[str, np.ndarray],
    options: ReadOptions,
) -> None:
    """Fill in what is not known yet of a cube: its axes and wavelengths."""
    if found.axes:
        rows, columns = found.image_size
        found.reason = f"It is a matrix for {rows} rows and {columns} columns of pixels."
        found.notes.append(
            f"The cube is {found.variable}, read as bands and pixels ('{found.axes}') of "
            f"{rows} rows and {columns} columns."
        )
        lengths = {found.bands}
    else:
        lengths = set(found.variable.shape)
    found.notes += filter(None, [found.variable.note])
    texts = {v.name: str(v.load()) for v in variables if v.is_text}
    means = _means_over_columns(found, variables, lengths)
    named_vectors = all_wavelengths({**vectors, **means}, texts)
    owned = _wavelengths_of(found.variable, variables, named_vectors, lengths)
    named = owned.named
    if not found.axes:
        count = options.wavelength_count or (named.values.size if named else owned.count)
        found.axes, why = _axes_of(found.variable, variables, scalars, options.axes, count)
        found.reason = in_a_sentence(found.axes, why)
        found.notes.append(
            f"The cube is {found.variable}, read with the axes '{found.axes}' {why}; "
            f"the option 'axes' (--axes) decides."
        )
    found.notes += filter(None, [owned.note])
    if named is not None:
        _take_wavelengths(found, named)
        if named.name in means and found.wavelengths is not None:
            found.notes.append(per_column.note_of(named.name))


def _means_over_columns(
    found: FoundCube, variables: Sequence[Variable], lengths: set[int]
) -> dict[str, np.ndarray]:
    """Return the means of matrices of wavelengths for each band and column."""
    means = {}
    for variable in variables if not found.axes else ():
        if variable.kind == "number" and is_called_wavelengths(variable.name):
            mean = per_column.mean_over_columns(
                variable.shape, found.variable.shape, lengths, variable.load
            )
            if mean is not None:
                means[variable.name] = mean
    return means


def _wavelengths_of(
    cube: Variable,
    variables: Sequence[Variable],
    found: list[NamedWavelengths],
    lengths: set[int],
) -> FoundWavelengths:
    """Return the wavelengths that belong to a variable; those of another length at last."""
    others = [Named(v.name, v.shape) for v in variables if v.kind == "number" and len(v.shape) == 3]
    vectors = [(Named(item.name, (item.values.size,)), item) for item in found]
    return wavelengths_of(Named(cube.name, cube.shape), others, vectors, lengths)


def _scalars_and_vectors(
    variables: Sequence[Variable],
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    scalars, vectors = {}, {}
    for variable in variables:
        longest = max(variable.shape, default=1)
        size = int(np.prod(variable.shape))
        if variable.kind != "number" or size != longest or not 1 <= size <= 10_000:
            continue
        values = np.asarray(variable.load()).ravel()
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            continue
        if size == 1:
            scalars[variable.name] = float(values[0])
        else:
            vectors[variable.name] = values.astype(np.float64)
    return scalars, vectors


def _named(path: Path, variables: Sequence[Variable], dataset: str) -> Variable:
    for variable in variables:
        if variable.name == dataset:
            break
    else:
        names = ", ".join(str(variable) for variable in variables)
        raise FormatError(f"{path} has no variable '{dataset}', only {names}.")
    if variable.kind not in ("number", "complex") or len(variable.shape) not in (2, 3):
        raise FormatError(f"{path}: the variable {variable} is not a cube.")
    return variable


def _all_that_may_be(
    variables: Sequence[Variable], scalars: dict[str, float], vectors: dict[str, np.ndarray]
) -> list[FoundCube]:
    """Return what may be the cube; what is only called otherwise, such as 'gt', comes last."""
    found = _three_dimensional(variables) or _matrices(variables, scalars, vectors)
    return found or [
        FoundCube(v) for v in variables if v.kind == "number" and len(v.shape) == 3 and all(v.shape)
    ]


def _three_dimensional(variables: Sequence[Variable]) -> list[FoundCube]:
    cubes = [
        variable
        for variable in variables
        if len(variable.shape) == 3
        and 0 not in variable.shape
        and variable.kind in ("number", "complex")
        and not NOT_A_CUBE.search(variable.name)
    ]
    pictures = [variable for variable in cubes if min(variable.shape[::2]) < LEAST_BANDS]
    if len(pictures) < len(cubes):
        cubes = [variable for variable in cubes if variable not in pictures]
    return [FoundCube(variable) for variable in cubes]


def _matrices(
    variables: Sequence[Variable],
    scalars: dict[str, float],
    vectors: dict[str, np.ndarray],
    only: Variable | None = None,
) -> list[FoundCube]:
    """Return the matrices of bands × pixels, those of the stated image size first of all."""
    stated = _image_sizes(scalars, vectors)
    counts = {vector.size for vector in vectors.values()}
    counts |= {int(n) for name, n in scalars.items() if _bare(name) in BAND_NAMES}
    sized, square = [], []
    for variable in variables if only is None else [only]:
        usable = variable.kind in ("number", "complex") and len(variable.shape) == 2
        if not usable or min(variable.shape) < 2:
            continue
        name = variable.name
        if only is None and (NOT_A_CUBE.search(name) or per_column.is_per_column(name)):
            continue
        for axes in FLAT_AXES:
            bands, pixels = (variable.shape[axes.index(axis)] for axis in "bp")
            for rows, columns in stated:
                if pixels == rows * columns:
                    sized.append(FoundCube(variable, axes, (rows, columns)))
            side = isqrt(pixels)
            long_enough = pixels >= LEAST_LENGTH * bands or (pixels > bands and bands in counts)
            if side * side == pixels and bands >= LEAST_BANDS and long_enough:
                square.append(FoundCube(variable, axes, (side, side)))
    found = sized or square
    supported = [cube for cube in found if cube.bands in counts]
    return supported or found


def _image_sizes(
    scalars: dict[str, float], vectors: dict[str, np.ndarray]
) -> list[tuple[int, int]]:
    """Return the numbers of rows and columns that stand beside a matrix."""
    rows = [int(value) for name, value in scalars.items() if _bare(name) in ROW_NAMES]
    columns = [int(value) for name, value in scalars.items() if _bare(name) in COLUMN_NAMES]
    sizes = [(r, c) for r in rows for c in columns]
    for name, vector in vectors.items():
        if vector.size in (2, 3) and re.search("size|dim|shape", name, re.IGNORECASE):
            sizes.append((int(vector[0]), int(vector[1])))
    return list(dict.fromkeys(size for size in sizes if min(size) > 0))


def _bare(name: str) -> str:
    """Return a name without structure, case, and what says that it counts: nRow, num_cols."""
    letters = re.sub(r"[^a-z]", "", name.rpartition(".")[2].casefold())
    for prefix in ("numberof", "numof", "num", "no", "n", "im", "img", "image"):
        if letters.startswith(prefix) and letters[len(prefix) :] in (
            ROW_NAMES | COLUMN_NAMES | BAND_NAMES
        ):
            return letters[len(prefix) :]
    return letters


def _axes_of(
    variable: Variable,
    variables: Sequence[Variable],
    scalars: dict[str, float],
    axes: str | None,
    wavelength_count: int | None,
) -> tuple[str, str]:
    """Return the meaning of a variable's three axes, and why."""
    if axes is not None:
        return checked_axes(axes, variable), "as asked for"
    shape = variable.shape
    maps: list[tuple[int, ...]] = [
        v.shape
        for v in variables
        if len(v.shape) == 2 and min(v.shape) > 1 and not per_column.is_per_column(v.name)
    ]
    maps += _image_sizes(scalars, {})
    spectral, why = spectral_axis(
        shape, wavelength_count, maps=maps, otherwise=(2, "as is usual in MATLAB")
    )
    first, second = (axis for axis in range(3) if axis != spectral)
    upright = (shape[first], shape[second]) in maps
    turned = (shape[second], shape[first]) in maps
    in_c_order = not variable.by_matlab and spectral == 0
    if not upright and (turned or in_c_order):
        first, second = second, first
    letters = {spectral: "b", first: "y", second: "x"}
    return "".join(letters[axis] for axis in range(3)), why


def _take_wavelengths(found: FoundCube, named: NamedWavelengths) -> None:
    if named.values.size != found.bands:
        found.notes.append(
            f"The wavelengths in '{named.name}' are left out, since they are {named.values.size} "
            f"for {found.bands} bands."
        )
        return
    found.wavelengths, found.centres, found.unit = named.wavelengths, named.values, named.unit
    found.notes.append(f"The wavelengths are those in '{named.name}'.")
    found.notes += filter(None, (named.note, describe_order(named.wavelengths)))
