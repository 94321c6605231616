"""Several no-data values, or some for each band, for which a HyperCube has no attribute."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_dodn.bad_values import equals_no_data
from napari_dodn.formats.pixels.lazy import READ_AT_ONCE


def with_nan(pixels: Any, nodata: np.ndarray) -> Any:
    """Return pixels that have NaN where a band has a no-data value; they are read when sliced.

    Parameters
    ----------
    pixels : array-like
        Shape (bands, y, x).
    nodata : numpy.ndarray
        The values of each band, shape (bands, n).

    Returns
    -------
    dask.array.Array
        Floating point that holds all other values exactly, but for integers beyond 2**53.
    """
    import dask.array

    dtype = np.result_type(pixels.dtype, np.float32).newbyteorder("=")
    meta = np.empty((0, 0, 0), pixels.dtype)
    stored = pixels
    if not isinstance(pixels, dask.array.Array):
        stored = dask.array.from_array(pixels, chunks=READ_AT_ONCE, name=False, meta=meta)
    values = dask.array.from_array(nodata[:, :, None], chunks=(stored.chunks[0], -1, 1))
    return dask.array.map_blocks(_with_nan, stored, values, dtype=dtype, meta=meta.astype(dtype))


def _with_nan(block: np.ndarray, nodata: np.ndarray) -> np.ndarray:
    values = block.astype(np.result_type(block.dtype, np.float32).newbyteorder("="))
    for band, stored, missing in zip(values, block, nodata[:, :, 0], strict=True):
        for value in missing:
            band[equals_no_data(stored, float(value))] = np.nan
    return values
