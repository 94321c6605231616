"""The files of the chunks of a Zarr array: which a part touches, which are missing or damaged."""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

CHUNK_KEY = re.compile(r"(?:c[./])?(\d+(?:[./]\d+)*)")
"""Path of a chunk's file in its array's folder: "c/0/1/2", in version 2 "0.1.2" or "0/1/2"."""

BLOSC = struct.Struct("<4x3I")
"""Begins a chunk: bytes of it, of a block and of what it is compressed to."""

MOST_WIDENED = 8
"""How much longer a filter may make numbers."""


def files_of_part(folder: Path, array: Any, key: Any) -> Iterator[Path]:
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


def pieces_of(
    place: tuple[slice, ...], lengths: Sequence[int]
) -> Iterator[tuple[slice, slice, slice]]:
    """Cut a place in a cube at the multiples of a length of each axis."""
    cut = []
    for side, length in zip(place, lengths, strict=True):
        edges = range(side.start // length * length + length, side.stop, length)
        cut.append([slice(*pair) for pair in pairwise([side.start, *edges, side.stop])])
    bands, rows, columns = cut
    yield from product(bands, rows, columns)


def relative_to(piece: tuple[slice, ...], place: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return where a piece lies in a place of which it is a part."""
    return tuple(
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(piece, place, strict=True)
    )


def check_blosc(array: Any, files: Iterable[Path]) -> None:
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


def count_missing(keys: Iterable[str], array: Any) -> int:
    """Return how many chunks of an array have no file among the keys of a folder."""
    grid = grid_of(array)
    found = 0
    for name in keys:
        if key := CHUNK_KEY.fullmatch(name):
            place = [int(index) for index in re.split("[./]", key[1])]
            found += len(place) == len(grid) and all(map(int.__lt__, place, grid))
    return math.prod(grid) - found


def keys_in_folder(folder: Path) -> Iterator[str]:
    """Yield the paths of all files in a folder, as Zarr writes them."""
    prefixes = [""]
    while prefixes:
        prefix = prefixes.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                if entry.is_dir():
                    prefixes.append(f"{prefix}{entry.name}/")
                else:
                    yield prefix + entry.name


def grid_of(array: Any) -> tuple[int, ...]:
    """Return the numbers of chunks, each in a file, along the axes."""
    chunks = array.shards or array.chunks
    return tuple(-(-length // chunk) for length, chunk in zip(array.shape, chunks, strict=True))
