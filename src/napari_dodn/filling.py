"""Filling: what the network sees where a value is invalid."""

from __future__ import annotations

import numpy as np

FILL_RADIUS = 4
"""How far, in LR pixels, a valid value is carried into invalid ones."""

LARGEST_FIT = 20.0
"""Deviations of a component that a fit goes to at most; few valid bands may ask for any."""

PIXELS_AT_ONCE = 4096
"""Pixels that are fitted at once, which bounds the memory."""


def fill(
    pixels: np.ndarray, valid: np.ndarray, components: np.ndarray, deviations: np.ndarray
) -> np.ndarray:
    """Replace the invalid values of a centred cube.

    A value that has valid ones of its band within `FILL_RADIUS` becomes their mean, carried on a
    pixel at a time. Farther away, the valid bands of its pixel are fitted by the components
    with damped least squares. A pixel without a valid band becomes 0, the mean spectrum.

    Parameters
    ----------
    pixels : numpy.ndarray
        Differences from the mean spectrum, floating point, shape (bands, y, x). What stands at
        invalid places does not matter.
    valid : numpy.ndarray of bool
        Shape (bands, y, x).
    components : numpy.ndarray
        Orthonormal columns or zero, shape (bands, components).
    deviations : numpy.ndarray
        Deviation of each component, shape (components,), in the units of the pixels; zero for one
        that does not exist. They tell the damping which components are large.

    Returns
    -------
    numpy.ndarray
        Filled pixels; the same array where all are valid.

    Notes
    -----
    A filled value depends on nothing farther away than `FILL_RADIUS`, so that tiles with that much
    of a margin are filled as the whole cube is.
    """
    if valid.all():
        return pixels
    filled, reached = fill_from_neighbours(pixels, valid)
    rows, columns = np.nonzero(~reached.all(axis=0) & valid.any(axis=0))
    for start in range(0, len(rows), PIXELS_AT_ONCE):
        place = (slice(None), rows[start:][:PIXELS_AT_ONCE], columns[start:][:PIXELS_AT_ONCE])
        known = valid[place].T
        spectra = np.where(known, pixels[place].T, 0).astype(np.float64)
        fitted = _fitted(spectra, known, components, deviations)
        filled[place] = np.where(reached[place], filled[place], fitted.T)
    return filled


def fill_from_neighbours(pixels: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carry valid values into invalid neighbours of their band, as far as `FILL_RADIUS`.

    Parameters
    ----------
    pixels, valid : numpy.ndarray
        Shape (bands, y, x); see `fill`.

    Returns
    -------
    filled : numpy.ndarray
        Pixels with 0 where nothing was reached.
    reached : numpy.ndarray of bool
        Where a value is valid or was carried to.
    """
    border = ((0, 0), (1, 1), (1, 1))
    inside = (slice(None), slice(1, -1), slice(1, -1))
    filled = np.pad(np.where(valid, pixels, 0), border)
    reached = np.pad(valid, border)
    values, known = filled.reshape(-1), reached.reshape(-1)
    width = filled.shape[2]
    around = [dy * width + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    missing = np.flatnonzero(np.pad(~valid, border))
    for _ in range(FILL_RADIUS):
        if not missing.size:
            break
        count = np.zeros(missing.size, np.int8)
        for step in around:
            count += known[missing + step]
        beside = missing[count > 0]
        total = np.zeros(beside.size)
        for step in around:
            total += values[beside + step]
        values[beside] = total / count[count > 0]
        known[beside] = True
        missing = missing[count == 0]
    return filled[inside].copy(), reached[inside].copy()


def _fitted(
    spectra: np.ndarray, known: np.ndarray, components: np.ndarray, deviations: np.ndarray
) -> np.ndarray:
    """Fit the known bands of (n, bands) spectra by components, and return all bands.

    The result is the most likely spectrum where the components are normally distributed and what
    lies outside of them is as large as the last one.
    """
    exists = components.any(axis=0) & (deviations > 0)
    kept, size = components[:, exists].astype(np.float64), deviations[exists].astype(np.float64)
    count = len(size)
    damping = np.diag((size.min(initial=np.inf) / size) ** 2)
    products = (kept[:, :, None] * kept[:, None, :]).reshape(len(kept), count * count)
    normal = (known.astype(np.float64) @ products).reshape(len(known), count, count) + damping
    amounts = np.linalg.solve(normal, (spectra @ kept)[..., None])[..., 0]
    return np.clip(amounts, -LARGEST_FIT * size, LARGEST_FIT * size) @ kept.T
