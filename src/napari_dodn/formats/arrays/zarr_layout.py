"""How our own Zarr stores are laid out: arrays, chunks, shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.cubes import CUBE, DIMENSIONS
from napari_dodn.formats.pixels.blocks import chunks_for

COMPLETE = "complete"
"""Name of an empty file beside the chunks of an array of which all were written.

An attribute would be copied by programs that read the array, change it, and write it as an array of
their own, in which empty chunks are left out.
"""

WHOLE = {"write_empty_chunks": True}
"""All chunks are written, so that one that is missing is one that was lost."""

SHARD_SIDES = (512, 256, 128)
SHARD_BANDS = 64
SIDE_BYTES = 2**29
"""Rows and columns of a shard: as many as keep all bands of so much of the image in memory."""


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


def make_array(
    group: Any,
    name: str,
    shape: tuple[int, int, int],
    dtype: np.dtype,
    *,
    attributes: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> Any:
    """Make an empty array of a cube in a group."""
    from zarr.codecs import BloscCodec, Crc32cCodec

    chunks, shards = chunks_for(shape), shards_for(shape, dtype.itemsize)
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards=None if shards == chunks else shards,
        # Blosc follows what is damaged out of its memory, so the checksum is looked at first.
        compressors=(BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"), Crc32cCodec()),
        dimension_names=DIMENSIONS,
        attributes=attributes,
        overwrite=overwrite,
        config=WHOLE,
    )


def reopened(path: Path, name: str) -> Any:
    """Open an array of a store to write more of it."""
    import zarr

    # `open_array` takes a `config` and forgets it, and chunks of zeros would be removed.
    with zarr.config.set({f"array.{option}": value for option, value in WHOLE.items()}):
        return zarr.open_array(path, path=name, mode="r+")


def level_name(factor: int) -> str:
    """Return the name of the cube, or of a copy that takes so many pixels along y and x for one."""
    return CUBE if factor == 1 else f"{CUBE}_{factor}"


def writable_dtype(dtype: np.dtype) -> np.dtype:
    """Return the native type, since Zarr has no longer floats than these."""
    longest = np.dtype(np.float64)
    return longest if dtype.kind == "f" and dtype.itemsize > 8 else dtype.newbyteorder("=")
