"""The spectral angle: how much two spectra differ in shape, whatever their brightness."""

from __future__ import annotations

import numpy as np


def spectral_angle(result: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the (y, x) map of angles in degrees between two cubes' spectra.

    The angle between unit vectors u and v is 2·atan2(|u − v|, |u + v|) (Kahan), exact for small
    angles where arccos is not. It is NaN where a spectrum is all zero or not finite.

    Parameters
    ----------
    result, reference : array-like
        Spectra along the first axis: cubes (bands, y, x), or single spectra (bands,).

    Returns
    -------
    numpy.ndarray
        Degrees, float64, shape (y, x), or a single number for single spectra.
    """
    u, v = (np.asarray(cube, np.float64) for cube in (result, reference))
    with np.errstate(divide="ignore", invalid="ignore"):
        u = u / np.linalg.norm(u, axis=0)
        v = v / np.linalg.norm(v, axis=0)
        angle = 2 * np.arctan2(np.linalg.norm(u - v, axis=0), np.linalg.norm(u + v, axis=0))
    return np.degrees(angle)
