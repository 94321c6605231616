"""How blurred a cube is: an estimate of the sensor's point spread function from the cube alone.

Where little is seen, the estimate errs on the low side on purpose: too wide a function ruins the
network's result, too narrow a function only gains less. It needs neither PyTorch nor SciPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SIDES = (16, 8)
"""Sides of the patches, in LR pixels, that are looked at: the smaller ones only where there is no
larger one. A cube without any says nothing."""

STEP = 4
"""LR pixels between two patches where a cube is small."""

MOST = 400
"""Number of patches that are looked at where a cube is large."""

INVALID = 0.04
"""Share of invalid pixels that a patch may have."""

COMPONENTS = 3
"""Number of leading components that are looked at."""

LEAST = 0.15
"""Estimates below it are 0: such a blur cannot be told from clean decimation."""

UNMEASURED = 0.2
"""What is assumed of a cube that is too small: narrower than the function of nearly every sensor.
A cube without any blur gains less by it, and a blurred one that is told 0 loses more."""

LARGEST = 0.8
"""Widest function, in LR pixels, that the estimate has learnt."""

SAME = 1e-6
"""Share of the deviation by which equal rows or columns may differ after rounding."""

RESAMPLED = 0.05
"""Share of the rows or columns that may equal their neighbours."""

SMOOTH = 3e-7
"""Power of the finest structure, in that of white noise, below which no blur can be told."""

SPECTRUM = 16
"""Frequencies a side of the spectrum, to which that of smaller patches is interpolated."""

RINGS = (1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 12)
"""Borders of the rings of the spectrum, in cycles in 16 pixels. The last ring holds the corners."""

WEIGHTS = Path(__file__).resolve().parent / "weights" / "blur.safetensors"


@dataclass(frozen=True)
class BlurEstimate:
    """The estimated blur of a cube.

    Attributes
    ----------
    sigma : float
        Standard deviation of the sensor's Gaussian point spread function in LR pixels; 0 for clean
        decimation.
    reason : str
        Why nothing was measured, in one sentence; empty if the blur was measured.
    """

    sigma: float
    reason: str = ""

    @property
    def origin(self) -> str:
        """Where it is from: estimated, or assumed because nothing could be measured."""
        return "assumed" if self.reason else "estimated"


def estimate_blur(blocks: np.ndarray | Sequence[np.ndarray]) -> BlurEstimate:
    """Estimate the width of a sensor's point spread function, in doubt too low.

    Parameters
    ----------
    blocks : numpy.ndarray or sequence of numpy.ndarray
        The leading principal components of an LR cube, shape (components, y, x), in any units; or
        several blocks of their rows, each of at least 8 rows. Invalid pixels are NaN, components
        that do not exist are zero. Components beyond the third are not used.

    Returns
    -------
    BlurEstimate
        Sigma is 0, with a reason, if the cube is flat, very smooth or resampled, and `UNMEASURED`,
        with a reason, if it is too small.
    """
    blocks = [blocks] if isinstance(blocks, np.ndarray) else list(blocks)
    patches = largest_patches(blocks)
    side = patches.shape[-1]
    if not patches.shape[1]:
        return BlurEstimate(
            UNMEASURED,
            f"The cube has no block of {side} × {side} valid pixels to measure the blur on, so"
            f" {UNMEASURED:g} pixels are assumed.",
        )
    if not patches[0].std() > 0:
        return BlurEstimate(0.0, "The cube is flat, so its blur cannot be measured.")
    if too_smooth(patches[0]):
        return BlurEstimate(0.0, "The cube is so smooth that its blur cannot be measured.")
    if resampled([block[0] for block in blocks]):
        return BlurEstimate(
            0.0,
            "Neighbouring rows or columns of the cube are equal. It is resampled, so its blur"
            " cannot be measured.",
        )
    sigma = float(np.clip(_regression(features(patches), side), 0, LARGEST))
    return BlurEstimate(sigma if sigma >= LEAST else 0.0)


def largest_patches(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Return the patches of the largest of `SIDES` that has any, or none of the smallest."""
    for side in SIDES:
        if (patches := draw_patches(blocks, side)).shape[1]:
            break
    return patches


def draw_patches(blocks: Sequence[np.ndarray], side: int) -> np.ndarray:
    """Return at most `MOST` patches of the leading components, (components, n, side, side).

    Few invalid pixels in a patch are filled with the mean of their neighbours.
    """
    places = [(i, y, x) for i, block in enumerate(blocks) for y, x in _valid_places(block[0], side)]
    if len(places) > MOST:
        chosen = np.random.default_rng(0).choice(len(places), MOST, replace=False)
        places = [places[i] for i in sorted(chosen)]
    count = min(COMPONENTS, *(len(block) for block in blocks)) if blocks else 0
    patches = np.empty((count, len(places), side, side))
    for n, (i, y, x) in enumerate(places):
        patches[:, n] = blocks[i][:count, y : y + side, x : x + side]
    return _filled(patches)


def _valid_places(plane: np.ndarray, side: int) -> list[tuple[int, int]]:
    """Return the corners of the patches of a plane (y, x) with few invalid pixels."""
    if min(plane.shape) < side:
        return []
    rows, columns = (
        np.linspace(0, size - side, -(-(size - side) // STEP) + 1).round().astype(int)
        for size in plane.shape
    )
    invalid = ~np.isfinite(plane)
    sums = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1), np.int32)
    if invalid.any():
        np.cumsum(np.cumsum(invalid, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    top, left = np.meshgrid(rows, columns, indexing="ij")
    bottom, right = top + side, left + side
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    few = inside <= INVALID * side**2
    return list(zip(top[few].tolist(), left[few].tolist(), strict=True))


def _filled(patches: np.ndarray) -> np.ndarray:
    """Fill invalid pixels with the mean of the valid ones around them, or else of the patch."""
    invalid = ~np.isfinite(patches)
    if not invalid.any():
        return patches
    margins = [(0, 0), (0, 0), (1, 1), (1, 1)]
    known = np.where(invalid, np.nan, patches)
    around = sliding_window_view(
        np.pad(known, margins, constant_values=np.nan), (3, 3), axis=(2, 3)
    )[invalid]
    counts = np.isfinite(around).sum(axis=(1, 2))
    means = np.nansum(around, axis=(1, 2)) / np.maximum(counts, 1)
    whole = np.broadcast_to(np.nanmean(known, axis=(2, 3), keepdims=True), patches.shape)[invalid]
    known[invalid] = np.where(counts > 0, means, whole)
    return known


def too_smooth(patches: np.ndarray) -> bool:
    """Tell whether patches (n, y, x) have no structure that a sensor's blur could act on."""
    window, _ = _rings(patches.shape[-1])
    finest = _power(patches)[:, -1].mean()
    return bool(finest < SMOOTH * patches.var() * (window**2).sum())


def resampled(planes: Sequence[np.ndarray]) -> bool:
    """Tell whether many rows or columns of planes (y, x), flat ones apart, equal the next one."""
    planes = [plane for plane in planes if np.isfinite(plane).any()]
    deviation = max(float(np.nanstd(plane)) for plane in planes)
    for turned in (planes, [plane.T for plane in planes]):
        equal = textured = 0
        for plane in turned:
            steps = np.fmax.reduce(np.abs(np.diff(plane, axis=0)), axis=1)
            uneven = np.fmax.reduce(plane, axis=1) - np.fmin.reduce(plane, axis=1)
            there = uneven[1:] > SAME * deviation
            textured += int(there.sum())
            equal += int((there & (steps <= SAME * deviation)).sum())
        if equal > RESAMPLED * textured:
            return True
    return False


def features(patches: np.ndarray) -> np.ndarray:
    """Return what tells a blur from patches of components, (components, n, y, x).

    One row for each of `COMPONENTS`, NaN where there is none, and the number of patches beside.
    """
    rows = np.full((COMPONENTS, FEATURES), np.nan)
    strongest = float(patches[0].std())
    for row, plane in zip(rows, patches, strict=False):
        if plane.std() > SAME * strongest:
            row[:] = _features_of(plane / plane.std())
    return np.append(rows.ravel(), np.log(patches.shape[1]))


def _features_of(patches: np.ndarray) -> np.ndarray:
    """Return the features of the patches (n, y, x) of a component of unit deviation."""
    return np.concatenate([_spectrum(patches), _differences(patches), _edges(patches)])


@lru_cache
def _rings(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a patch's window, and the share of each frequency in each ring (pixels, rings)."""
    line = np.hanning(side + 2)[1:-1]
    frequency = np.fft.fftfreq(SPECTRUM) * SPECTRUM
    half = np.fft.rfftfreq(SPECTRUM) * SPECTRUM
    radius = np.hypot(frequency[:, None], half)
    twice = np.where((half > 0) & (half < SPECTRUM / 2), 2.0, 1.0) * np.ones_like(radius)
    rings = [twice * ((radius >= low) & (radius < high)) for low, high in pairwise(RINGS)]
    weights = np.stack([ring / ring.sum() for ring in rings])
    return np.outer(line, line), weights.reshape(len(rings), -1).T


def _power(patches: np.ndarray) -> np.ndarray:
    """Return the mean power of each patch (n, y, x) in each ring, (n, rings)."""
    window, rings = _rings(patches.shape[-1])
    centred = patches - patches.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2(centred * window, (SPECTRUM, SPECTRUM))) ** 2
    return power.reshape(len(patches), -1) @ rings


def _spectrum(patches: np.ndarray) -> np.ndarray:
    """Return how the power falls from ring to ring: over all, in most patches, in the sharpest."""
    power = _power(patches) + 1e-12
    total = np.log(power.mean(axis=0))
    typical = np.log(power).mean(axis=0)
    middle, high, corner = power[:, 1:3].sum(axis=1), power[:, 5:7].sum(axis=1), power[:, 7]
    lively = middle >= np.median(middle)
    sharpness = np.log(high / middle)[lively]
    quiet = np.log(np.quantile(corner, 0.1))
    return np.concatenate(
        [
            np.diff(total),
            np.diff(typical),
            np.quantile(sharpness, [0.1, 0.5, 0.9]),
            [total[0], typical[0], quiet, quiet - total[-1]],
        ]
    )


def _differences(patches: np.ndarray) -> np.ndarray:
    """Return ratios of structure functions, squared and absolute, and how rare large steps are."""

    def moments(y: int, x: int) -> tuple[float, float]:
        height, width = (size - lag for size, lag in zip(patches.shape[1:], (y, x), strict=True))
        ahead = patches[:, y:, x:] - patches[:, :height, :width]
        back = patches[:, y:, :width] - patches[:, :height, x:]
        squares = (ahead**2).mean() + (back**2).mean()
        return float(np.log(squares + 1e-12)), float(
            np.log(np.abs(ahead).mean() + np.abs(back).mean() + 1e-6)
        )

    lags = [(1, 0), (1, 1), (2, 0), (2, 2), (3, 0), (4, 0), (6, 0)]
    found = []
    for y, x in lags:
        if x:
            found.append(moments(y, x))
        else:
            found.append(tuple(np.mean([moments(y, 0), moments(0, y)], axis=0)))
    squares, sizes = np.array(found).T
    return np.concatenate([np.diff(squares), np.diff(sizes), [squares[0] - 2 * sizes[0]]])


def _edges(patches: np.ndarray) -> np.ndarray:
    """Return how steep the strongest edges are, and how narrow the strongest ridges."""
    turned = np.concatenate([patches, patches.transpose(0, 2, 1)])
    step = turned[:, :, 2:-1] - turned[:, :, 1:-2]
    rise = turned[:, :, 3:] - turned[:, :, :-3]
    inner = 2 * turned[:, :, 2:-2] - turned[:, :, 1:-3] - turned[:, :, 3:-1]
    outer = 2 * turned[:, :, 2:-2] - turned[:, :, :-4] - turned[:, :, 4:]
    return np.concatenate([_strongest(step, rise), _strongest(inner, np.where(outer, outer, 1e-9))])


def _strongest(narrow: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Return quantiles of narrow over wide where the wide one is large."""
    size = np.abs(wide).ravel()
    found = []
    for share in (0.1, 0.02):
        limit = max(float(np.quantile(size, 1 - share)), 1e-9)
        large = size >= limit
        ratio = (narrow.ravel()[large] / wide.ravel()[large]) if large.any() else np.zeros(1)
        found.append(np.quantile(ratio.clip(-1, 3), [0.1, 0.25, 0.5, 0.75, 0.9]))
    return np.concatenate(found)


FEATURES = 2 * (len(RINGS) - 2) + 7 + 13 + 20
"""Number of features of a component."""

CLIP = 4.0
"""Deviations beyond which a feature says no more: another sensor's are not what was learnt from."""


def inputs(found: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Turn features (…, n) into what the regression sees, about unit deviation, no NaN."""
    missing = np.isnan(found[..., : COMPONENTS * FEATURES : FEATURES])
    scaled = np.nan_to_num(((found - centre) / spread).clip(-CLIP, CLIP))
    return np.concatenate([scaled, missing[..., 1:]], axis=-1)


@lru_cache
def _parameters(side: int) -> dict[str, np.ndarray]:
    """Return the regression's parameters for patches of a size, as shipped."""
    from safetensors.numpy import load_file

    own = f"{side}."
    return {
        key.removeprefix(own): value.astype(np.float64)
        for key, value in load_file(WEIGHTS).items()
        if key.startswith(own)
    }


def _regression(found: np.ndarray, side: int) -> float:
    """Return sigma for features (n,), in doubt too low: the mean of several networks."""
    p = _parameters(side)
    x = inputs(found, p["centre"], p["spread"])
    hidden = np.maximum(np.einsum("nij,j->ni", p["0.weight"], x) + p["0.bias"], 0)
    hidden = np.maximum(np.einsum("nij,nj->ni", p["1.weight"], hidden) + p["1.bias"], 0)
    answers = np.einsum("nij,nj->ni", p["2.weight"], hidden) + p["2.bias"]
    return float(answers.mean())
