"""What may be the pixels and the description of a cube; what may not is a CubeError."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from napari_dodn.errors import CubeError

OF_EACH_BAND = ("wavelengths", "fwhm", "good_bands", "gain", "offset")
"""Attributes of a cube that have one value for each band, and go wherever the bands go."""


def as_pixels_of_cube(data: Any, called: str) -> Any:
    """Return what has three axes, real numbers and numpy's dtype: the data, or an array of them.

    Lists become an array, and so do arrays whose types are not numpy's, such as torch's.
    """
    try:
        np.dtype(data.dtype)
        _ = data.shape
    except (AttributeError, TypeError):
        try:
            data = np.asarray(data)
        except (TypeError, ValueError, RuntimeError) as error:
            reason = str(error).rstrip(".")
            raise CubeError(f"{called} cannot become a numpy array: {reason}.") from error
    lazy = getattr(data, "_meta", None)  # of a dask array, whose mask is not known yet
    if np.ma.is_masked(data) or np.ma.isMaskedArray(lazy):
        raise CubeError(
            f"{called} has masked values, and the mask would be lost; fill them, and"
            " pass the fill value as nodata."
        )
    shape, dtype = tuple(data.shape), np.dtype(data.dtype)
    if len(shape) != 3:
        raise CubeError(f"{called} has shape {shape}; a cube has three axes (bands, y, x).")
    if any(math.isnan(length) for length in shape):
        raise CubeError(f"{called} has shape {shape}; compute the sizes of its chunks first.")
    if 0 in shape:
        raise CubeError(f"{called} is empty: its shape is {shape}.")
    if dtype.kind not in "iufb":
        raise CubeError(f"{called} holds {dtype} values; a cube holds real numbers.")
    return data


def as_values_of_bands(value: Any, kind: type, bands: int, key: str, called: str) -> np.ndarray:
    """Return a read-only array with a value for each band; one gain or offset is that of all."""
    try:
        values: np.ndarray = np.array(value, dtype=kind)
    except (TypeError, ValueError):
        raise _refused(called, key, "numbers", value) from None
    if key in ("gain", "offset") and values.ndim == 0:
        values = np.full(bands, values)
    if values.shape != (bands,):
        raise CubeError(
            f"{called} has {bands} bands, but its {key.replace('_', ' ')} "
            f"{'has' if values.ndim == 0 else 'have'} shape {values.shape}."
        )
    values.flags.writeable = False
    return values


def as_tuple(value: Any, key: str, called: str) -> tuple[Any, ...]:
    """Return what several things are given as; a text would become its letters."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise _refused(called, key, "a list", value)
    return tuple(value)


def check_numbers(nodata: Any, pixel_size: tuple[Any, ...] | None, called: str) -> None:
    """Raise CubeError where these are no numbers."""
    if not isinstance(nodata, Real | None):
        raise _refused(called, "nodata", "a number", nodata)
    if pixel_size is not None and [isinstance(size, Real) for size in pixel_size] != [True, True]:
        raise _refused(called, "pixel_size", "two numbers, along y and x,", pixel_size)


def _refused(called: str, key: str, expected: str, given: object) -> CubeError:
    return CubeError(f"{called} needs {expected} as {key}, not {given!r}.")
