"""Matrices of bands and pixels, as MATLAB users keep images: found by the size of the image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isqrt, prod

from napari_dodn.formats.arrays import per_column
from napari_dodn.formats.arrays.model import Array, Reading, Store
from napari_dodn.formats.contents import LEAST_BANDS, NOT_A_CUBE, Explanation

LEAST_LENGTH = 10
"""A matrix with no image size beside it is bands × pixels only if it is this much longer."""

FLAT_AXES = ("bp", "pb")
"""A matrix of bands × pixels, or of pixels × bands."""

ROW_NAMES = {"row", "rows", "h", "height", "line", "lines", "r", "y", "ysize"}
COLUMN_NAMES = {"col", "cols", "column", "columns", "w", "width", "sample", "samples", "c", "x"}
BAND_NAMES = {"band", "bands", "channel", "channels", "l", "b", "z"}


def flat_readings(store: Store, only: Array | None = None) -> list[Reading]:
    """Return the matrices of bands × pixels, those of the stated image size first of all.

    Parameters
    ----------
    store : Store
        What there is.
    only : Array, optional
        The one that is asked for.
    """
    stated = list(dict.fromkeys((*image_sizes(store), *_of_pictures(store))))
    counts = {vector.size for vector in store.vectors().values()}
    counts |= {int(n) for name, n in store.scalars().items() if _bare(name) in BAND_NAMES}
    sized, square = [], []
    for array in store.arrays.values() if only is None else [only]:
        if len(array.shape) != 2 or not array.is_numeric or min(array.shape) < 2:
            continue
        if only is None and (NOT_A_CUBE.search(array.name) or per_column.is_per_column(array.name)):
            continue
        for axes in FLAT_AXES:
            bands, pixels = (array.shape[axes.index(axis)] for axis in "bp")
            sized += [_reading(array, axes, size) for size in stated if pixels == prod(size)]
            side = isqrt(pixels)
            long_enough = pixels >= LEAST_LENGTH * bands or (pixels > bands and bands in counts)
            if side * side == pixels and bands >= LEAST_BANDS and long_enough:
                square.append(_reading(array, axes, (side, side)))
    found = sized or square
    return [reading for reading in found if reading.stored_bands in counts] or found


def image_sizes(store: Store) -> list[tuple[int, int]]:
    """Return the numbers of rows and columns that stand beside a matrix."""
    scalars = store.scalars()
    rows = [int(value) for name, value in scalars.items() if _bare(name) in ROW_NAMES]
    columns = [int(value) for name, value in scalars.items() if _bare(name) in COLUMN_NAMES]
    sizes = [(r, c) for r in rows for c in columns]
    for name, vector in store.vectors().items():
        if vector.size in (2, 3) and re.search("size|dim|shape", name, re.IGNORECASE):
            sizes.append((int(vector[0]), int(vector[1])))
    return [size for size in sizes if min(size) > 0]


def _of_pictures(store: Store) -> Iterator[tuple[int, int]]:
    for array in store.arrays.values():
        if len(array.shape) == 3 and array.shape[2] < LEAST_BANDS:
            yield array.shape[0], array.shape[1]


def _reading(array: Array, axes: str, size: tuple[int, int]) -> Reading:
    rows, columns = size
    note = Explanation(
        f"The cube is {array}, read as bands and pixels ('{axes}') of {rows} rows and {columns}"
        " columns."
    )
    reason = f"It is a matrix for {rows} rows and {columns} columns of pixels."
    return Reading(array.name, (array,), axes, reason, image_size=size, notes=[note])


def _bare(name: str) -> str:
    """Return a name without structure, case, and what says that it counts: nRow, num_cols."""
    letters = re.sub(r"[^a-z]", "", name.rpartition(".")[2].casefold())
    for prefix in ("numberof", "numof", "num", "no", "n", "im", "img", "image"):
        if letters.startswith(prefix) and letters[len(prefix) :] in (
            ROW_NAMES | COLUMN_NAMES | BAND_NAMES
        ):
            return letters[len(prefix) :]
    return letters
