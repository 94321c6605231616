"""What is taken off a cube before the network and put back after, so that units do not matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

RELATIVE_FLOOR = 1e-6
"""A cube whose deviation is below this share of its largest mean counts as flat."""


@dataclass(frozen=True)
class Normalisation:
    """Mean spectrum and deviation of the valid pixels of one whole LR cube.

    Attributes
    ----------
    mean : numpy.ndarray
        Mean spectrum, float64, shape (bands,), in the cube's units; NaN in a band without a
        valid value.
    deviation : float
        Root mean square of the good bands' differences from the mean spectrum; never zero.
    """

    mean: np.ndarray
    deviation: float

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Return (bands, y, x) pixels as the network sees them, in float32."""
        centred = pixels.astype(np.float64) - self.mean[:, None, None]
        return (centred / self.deviation).astype(np.float32)

    def undo(self, pixels: np.ndarray) -> np.ndarray:
        """Return normalised (bands, y, x) pixels in the cube's units, as float32.

        They are computed in float64, a band at a time: a copy of all in float64 would be the
        largest array of a run.
        """
        result = np.empty(pixels.shape, np.float32)
        for band, mean, place in zip(pixels, self.mean, result, strict=True):
            place[:] = band.astype(np.float64) * self.deviation + mean
        return result


def normalisation_of(
    blocks: Iterable[np.ndarray], bands: int, good_bands: np.ndarray | None = None
) -> Normalisation:
    """Compute the normalisation of a cube that comes in blocks.

    Parameters
    ----------
    blocks : iterable of numpy.ndarray
        Parts of the cube, float64, shape (bands, ...), NaN where a value is invalid.
    bands : int
        Number of bands of every block.
    good_bands : numpy.ndarray of bool, optional
        Bands that count for the deviation; all where left out.

    Notes
    -----
    The moments of the blocks are merged by the pairwise update of Chan, Golub and LeVeque (1979),
    which stays exact where the mean is far larger than the deviation.
    """
    count = np.zeros(bands)
    mean = np.zeros(bands)
    squares = np.zeros(bands)
    for block in blocks:
        values = block.reshape(bands, -1)
        valid = np.isfinite(values)
        block_count = valid.sum(axis=1)
        total = np.maximum(count + block_count, 1)
        divisor = np.maximum(block_count, 1)
        block_mean = np.where(valid, values, 0).sum(axis=1) / divisor
        centred = np.where(valid, values - block_mean[:, None], 0)
        shift = np.where(block_count > 0, block_mean - mean, 0)
        squares += (centred**2).sum(axis=1) + shift**2 * count * block_count / total
        mean += shift * block_count / total
        count += block_count
    counted = count > 0
    mean[~counted] = np.nan
    if good_bands is not None:
        counted &= good_bands
    deviation = float(np.sqrt(squares[counted].sum() / max(count[counted].sum(), 1)))
    largest = float(np.abs(mean[counted]).max(initial=0))
    if deviation <= RELATIVE_FLOOR * largest or deviation == 0:
        deviation = largest or 1.0
    return Normalisation(mean, deviation)
