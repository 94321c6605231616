"""The pyramid of a Zarr store of our own: coarser copies of its cube, for programs that show it.

Each copy has half the rows and columns of the one before. It is a second pass over a finished
store, which leaves the cube itself as it is and can be interrupted at any moment: the store tells
of its copies when all of them are complete.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.bad_values import equals_no_data
from napari_dodn.claims import claim
from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.cubes import CUBE
from napari_dodn.formats.arrays.ome_zarr import OME, ome_image
from napari_dodn.formats.arrays.zarr_chunks import files_of_part, pieces_of, relative_to
from napari_dodn.formats.arrays.zarr_layout import COMPLETE, level_name, make_array, reopened
from napari_dodn.formats.arrays.zarr_stores import MARKS, is_own, remove_partial_files
from napari_dodn.formats.errors import (
    FormatError,
    check_not_read_only,
    damage_as_sentence,
    file_faults_as_sentences,
)
from napari_dodn.formats.pixels.blocks import CHUNK
from napari_dodn.jobs import Progress, Steps, stop_if
from napari_dodn.replacing import synchronise, synchronise_folder

TOP = 512
"""Rows and columns at most of the coarsest copy."""

PIECES = "napari_dodn_pieces"
"""Attribute of a copy in the making: how many of its pieces are on the disk."""

ADDING = "Adding a pyramid"


def factors_of(shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Return how many pixels each copy of a cube takes for one along y and x, such as 2, 4, 8."""
    doublings = max(0, math.ceil(math.log2(max(shape[1:]) / TOP)))
    return tuple(2**n for n in range(1, doublings + 1))


def has_pyramid(path: Path, cube: HyperCube) -> bool:
    """Tell whether a store has all that `add_pyramid` adds; the parameters are the same."""
    import zarr

    with damage_as_sentence(f"{path} is damaged."):
        group = zarr.open_group(path, mode="r")
    return bool(group.attrs.get(OME) == ome_image(cube, factors_of(cube.shape)))


def add_pyramid(
    path: Path, cube: HyperCube, cancelled: Callable[[], bool]
) -> Steps[tuple[int, ...]]:
    """Add to a store what `factors_of` names, or go on where that was interrupted.

    Parameters
    ----------
    path : Path
        The store.
    cube : HyperCube
        As it was read from there.
    cancelled : callable
        Asked between pieces; where it says true, the job raises `CancelledError`.

    Raises
    ------
    FormatError
        If it is no store of our own, is damaged, or cannot be written.
    """
    import zarr

    with file_faults_as_sentences(path, "written"):
        if path.is_symlink() or not is_own(path / MARKS[0]):
            raise FormatError(
                f"{path} gets no pyramid: only a Zarr store that napari-dodn wrote does."
            )
        check_not_read_only(path)
        with claim(path):
            factors = factors_of(cube.shape)
            wanted = ome_image(cube, factors)
            with damage_as_sentence(f"{path} is damaged: it gets no pyramid."):
                group = zarr.open_group(path, mode="r+")
            if group.attrs.get(OME) == wanted:
                return factors
            total = sum(math.prod(_shape_at(cube.shape, factor)) for factor in factors)
            done = 0
            finer: Any = group[CUBE]
            for factor in factors:
                level = _level(path, group, factor, cube.shape, finer.dtype)
                for size in _fill(path / level_name(factor), level, finer, cube):
                    done += size
                    yield Progress(done, total, ADDING)
                    stop_if(cancelled)
                finer = level
            remove_partial_files(path)
            group.attrs[OME] = wanted
            synchronise(path / MARKS[0])
            return factors


def _shape_at(shape: tuple[int, int, int], factor: int) -> tuple[int, int, int]:
    return shape[0], -(-shape[1] // factor), -(-shape[2] // factor)


def _level(
    path: Path, group: Any, factor: int, shape: tuple[int, int, int], dtype: np.dtype
) -> Any:
    """Open a copy that was begun, or begin it."""
    name, shape = level_name(factor), _shape_at(shape, factor)
    if name in group:
        level = reopened(path, name)
        if level.shape == shape and PIECES in level.attrs:
            return level
    return make_array(group, name, shape, dtype, attributes={PIECES: 0}, overwrite=True)


def _fill(folder: Path, level: Any, finer: Any, cube: HyperCube) -> Iterator[int]:
    """Fill a copy from the next finer one, a shard at a time; yield the sizes of the pieces."""
    shards = level.shards or level.chunks
    ready = level.attrs[PIECES]
    pieces = list(pieces_of(tuple(slice(0, size) for size in level.shape), shards))
    for number, piece in enumerate(pieces):
        size = math.prod(side.stop - side.start for side in piece)
        if number >= ready:
            with damage_as_sentence(f"{folder.parent} is damaged: '{finer.basename}' in it."):
                level[piece] = _halved(finer, piece, cube)
            for file in files_of_part(folder, level, piece):
                synchronise(file)
                synchronise_folder(file.parent)
            level.attrs[PIECES] = number + 1
            synchronise(folder / MARKS[0])
        yield size
    (folder / COMPLETE).touch()


def _halved(finer: Any, piece: tuple[slice, ...], cube: HyperCube) -> np.ndarray:
    """Return the pixels of a piece: means of the valid ones of each 2 × 2 of the finer copy."""
    result = np.empty([side.stop - side.start for side in piece], finer.dtype)
    for part in pieces_of(piece, CHUNK):
        bands, *sides = part
        fine = [
            slice(2 * side.start, min(2 * side.stop, size))
            for side, size in zip(sides, finer.shape[1:], strict=True)
        ]
        pixels = cube.as_pixels(finer[(bands, *fine)])
        odd = [(0, 0), *((0, size % 2) for size in pixels.shape[1:])]
        pixels = np.pad(pixels, odd, constant_values=np.nan)
        count, height, width = pixels.shape
        fours = pixels.reshape(count, height // 2, 2, width // 2, 2)
        valid = np.isfinite(fours)
        total, number = np.where(valid, fours, 0).sum(axis=(2, 4)), valid.sum(axis=(2, 4))
        mean = total / np.maximum(number, 1)
        stored = (mean if result.dtype.kind == "f" else np.rint(mean)).astype(result.dtype)
        if cube.nodata is not None and (met := equals_no_data(stored, cube.nodata)).any():
            # The mean of valid values would read as none: the one that is nearest to it stands.
            met &= number > 0
            some = np.moveaxis(fours, 2, 3)[met].reshape(-1, 4)
            nearest = np.nanargmin(np.abs(some - mean[met, None]), axis=1)
            stored[met] = some[np.arange(len(some)), nearest]
        if (empty := number == 0).any():
            stored[empty] = np.nan if cube.nodata is None else cube.nodata
        result[relative_to(part, piece)] = stored
    return result
