"""Matrices with a value for each band and column, as of sensors with smile, beside a cube."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_dodn.formats.wavelengths.named import is_called_wavelengths

NAMES = re.compile(
    r"fwhm|bandwidth|smile|(^|[^a-z])(gains?|darks?|offsets?|coeffs?|coefficients?|flat|"
    r"flatfield|calib\w*|rcc|nuc)([^a-z]|$)",
    re.IGNORECASE,
)
"""Names of what a sensor has for each band and column."""

MOST_VALUES = 4_000_000
"""Values up to which such a matrix is read."""


def is_per_column(name: str) -> bool:
    """Tell whether a matrix is called so that it is no map of the scene."""
    return bool(NAMES.search(name)) or is_called_wavelengths(name)


def mean_over_columns(
    stored: tuple[int, ...],
    cube: tuple[int, ...],
    lengths: set[int],
    load: Callable[[], Any],
) -> np.ndarray | None:
    """Return one value for each band, None where a matrix, or an array of all pixels, does not fit.

    Parameters
    ----------
    stored : tuple of int
        Lengths of the matrix's axes.
    cube : tuple of int
        Lengths of the cube's axes.
    lengths : set of int
        Possible numbers of bands.
    load : callable
        Returns the matrix.
    """
    left = list(cube)
    for length in stored:
        if length not in left:
            return None
        left.remove(length)
    if len(stored) not in (2, 3) or min(stored) < 2 or math.prod(stored) > MOST_VALUES:
        return None
    values = np.asarray(load(), dtype=np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns without any number
        axes = range(values.ndim)
        means = [np.nanmean(values, axis=tuple({*axes} - {axis})) for axis in axes]
    fitting = [mean for mean in means if mean.size in lengths and np.isfinite(mean).all()]
    # From band to band, a sensor's values change far more than from column to column.
    return max(fitting, key=np.std, default=None)


def note_of(name: str, axes: int) -> str:
    """Return what is said where the mean of an array of so many axes is taken."""
    if axes > 2:
        return f"'{name}' has a value for each band and pixel; its mean over the pixels is used."
    return f"'{name}' has a value for each band and column; its mean over the columns is used."
