"""What is measured of a whole cube, once, before any part of it is super-resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from napari_dodn.bad_value_search import BadValueSearch
from napari_dodn.bad_values import LARGEST_FLOAT32, BadValues
from napari_dodn.blur import BlurEstimate, estimate_blur
from napari_dodn.cube import HyperCube
from napari_dodn.jobs import Preparation, Steps, never, stop_if
from napari_dodn.network.components import TIE, Components, components_from, leading, signed
from napari_dodn.sampling import sample_blocks
from napari_dodn.upscaling.devices import UpscaleError

FLAT_STEPS = 4
"""A cube in floating point is flat where its deviation is at most so many steps at its level."""

ROUNDING = 12**-0.5
"""Deviation of rounding to whole numbers; twice of it is no texture."""

WHITE = 0.75
"""Noise is a component whose neighbouring pixels differ by at least so much of what they would in
white noise, and that is not far above the last components.

Either alone would not do: sharp textures that a sensor has sampled coarsely are nearly white, too.
"""

NOISE = 2.0
"""How far the noise goes above the median of the smaller half of all components."""

LEAST_DIFFERENCES = 64
"""Fewer differences than these do not tell noise from texture."""

FLAT = "The cube is flat, so there is no blur to measure."

CONSTANT = 1e-12
"""Share of its mean below which the deviation of a band is a rounding error of the mean."""

COMPLETE_SHARE = 0.1
"""Share of the pixels that suffice for the covariance where all of their bands are valid."""

LOW_SHARE = 0.02
"""Where a smaller share of a band's values is negative, nothing of its result is."""

LOW_ROOM = 3.0
"""Where a larger share is, the result is above so many times the value that this share is below."""

LOW_PIXELS = 1024
"""Pixels, drawn at random, that tell which of the two it is."""

LARGEST_LEVEL = 1e36
"""Beyond it, values of a result could overflow float32."""

MEASURING = "Measuring the cube"


@dataclass(frozen=True, eq=False)
class Statistics:
    """Everything that super-resolution needs to know of the whole cube.

    Attributes
    ----------
    components : Components
        Mean spectrum, deviation and leading components.
    usable : numpy.ndarray of bool
        Bands that count for the components, shape (bands,).
    lowest : numpy.ndarray
        What no value of a result is below, in the cube's units, shape (bands,); see `lowest_of`.
    bad_values : BadValues
        Fill values that the source does not state, and glitches.
    blur : BlurEstimate or None
        The sensor's blur as estimated, in LR pixels; None where it was not asked for.
    """

    components: Components
    usable: np.ndarray
    lowest: np.ndarray
    bad_values: BadValues
    blur: BlurEstimate | None = None

    def valid(self, pixels: np.ndarray) -> np.ndarray:
        """Tell which of (bands, ...) pixels the network may see."""
        return np.isfinite(pixels) & ~self.bad_values.mask(pixels)

    @property
    def coarseness(self) -> str:
        """Say that a result in float32 is too coarse for the cube; empty where it is not."""
        levels = np.nan_to_num(np.abs(self.components.mean))
        varies = np.abs(self.components.back).max(axis=1) > CONSTANT * levels
        level = float(levels[self.usable & varies].max(initial=0))
        step, size = float(np.spacing(np.float32(level))), self.components.deviation
        if not self.components.weights.any() or size > FLAT_STEPS * step:
            return ""
        return (
            f"The values lie near {level:.3g}, where float32 has steps of {step:g}: too coarse for"
            f" differences of {size:.3g}; subtract a constant from the cube first."
        )

    def description(self) -> dict[str, Any]:
        """Return all of it in plain types, fit for JSON; see `described`."""
        return {
            "components": {
                "mean": self.components.mean.tolist(),
                "deviation": self.components.deviation,
                "basis": self.components.basis.tolist(),
                "weights": self.components.weights.tolist(),
            },
            "usable": self.usable.tolist(),
            "lowest": self.lowest.tolist(),
            "bad values": self.bad_values.description(),
            "blur": self.blur and asdict(self.blur),
        }

    @classmethod
    def described(cls, description: Mapping[str, Any]) -> Statistics:
        """Return what `description` was taken of."""
        found = description["components"]
        components = Components(
            np.array(found["mean"], float),
            float(found["deviation"]),
            np.array(found["basis"], float),
            np.array(found["weights"], float),
        )
        usable = np.array(description["usable"], bool)
        without = [-np.inf] * len(usable)  # as versions before this wrote it
        lowest = np.array(description.get("lowest", without), float)
        bad_values = BadValues.described(description["bad values"])
        blur = description["blur"] and BlurEstimate(**description["blur"])
        return cls(components, usable, lowest, bad_values, blur)


def measure_steps(
    cube: HyperCube,
    count: int,
    *,
    blur: bool = True,
    cancelled: Callable[[], bool] = never,
) -> Steps[Statistics]:
    """Measure a cube, of which it reads at most `SAMPLE_VALUES` values.

    Parameters
    ----------
    cube : HyperCube
        The LR cube.
    count : int
        Components to find.
    blur : bool
        Whether to estimate the sensor's blur.
    cancelled : callable
        Asked between blocks; where it says true, the job raises `CancelledError`.

    Yields
    ------
    Progress
        After each block that was read.

    Returns
    -------
    Statistics
        Of the whole cube.
    """
    places = sample_blocks(cube.shape)
    search, blocks = BadValueSearch(cube.data.dtype), []
    for number, place in enumerate(places):
        yield Preparation(number, len(places), MEASURING)
        stop_if(cancelled)
        blocks.append(cube.pixels(place))
        search.add(blocks[-1])
    bad_values = search.result()
    del search
    for block in blocks:
        _check_size(cube.name, block, bad_values)
    valid = []
    for block in blocks:
        seen = np.isfinite(block)
        seen &= ~bad_values.mask(block)
        valid.append(seen)
    yield Preparation(len(places), len(places), MEASURING)
    stop_if(cancelled)
    lowest = lowest_of(blocks, valid)
    mean = centre(blocks, valid)
    usable = cube.counted_bands & np.isfinite(mean)
    lowest[~usable] = -np.inf
    if cube.nodata == 0:  # which no valid value may look like
        lowest[lowest == 0] = np.finfo(np.float32).tiny
    covariance = covariance_of(blocks, valid, usable)
    variance, vectors = leading(covariance, count)
    yield Preparation(len(places), len(places), MEASURING)
    stop_if(cancelled)
    rounding, flat = rounding_of(cube.data.dtype, mean[usable], covariance.diagonal()[usable])
    components = components_from(mean, variance, vectors, count, rounding, int(usable.sum()))
    if components.deviation <= flat:
        level = components.deviation or float(np.abs(mean[usable]).max(initial=0)) or 1.0
        components = Components(mean, level, components.basis * 0, components.weights * 0)
        return Statistics(components, usable, lowest, bad_values, BlurEstimate(0.0, FLAT))
    planes = _planes(components, blocks, valid)
    if sum(plane[0].size for plane in planes) == cube.shape[1] * cube.shape[2]:
        planes = [np.concatenate(planes, axis=1)]
    yield Preparation(len(places), len(places), MEASURING)
    stop_if(cancelled)
    estimate = estimate_blur(planes) if blur else None
    sizes = np.sqrt(variance[len(mean) - int(usable.sum()) :].clip(0))
    noise = NOISE * float(np.median(sizes[: max(1, len(sizes) // 2)])) / components.deviation
    components = _without_noise(components, planes, noise)
    return Statistics(components, usable, lowest, bad_values, estimate)


def _planes(
    components: Components, blocks: list[np.ndarray], valid: list[np.ndarray]
) -> list[np.ndarray]:
    """Return the components (k, y, x) of centred blocks; NaN where a band that counts is not."""
    counts = np.asarray(components.basis.any(axis=1))
    forward = components.forward[:, counts]
    planes = []
    for block, seen in zip(blocks, valid, strict=True):
        plane = np.tensordot(forward, _some(block, counts), 1)
        plane[:, ~_some(seen, counts).all(axis=0)] = np.nan
        planes.append(plane)
    return planes


def _some(bands: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the chosen bands; no copy where these are all."""
    return bands if chosen.all() else bands[chosen]


def _check_size(name: str, pixels: np.ndarray, bad_values: BadValues) -> None:
    """Raise UpscaleError where most of a block, fill values apart, is too large for a result."""
    sizes = np.abs(pixels)
    if not (beyond := sizes > LARGEST_LEVEL).any():  # NaN is not
        return
    # The search, which is in float32, takes what is larger for one value.
    single = (sizes <= LARGEST_FLOAT32) | (sizes == np.finfo(float).max)
    kept = np.isfinite(sizes) & ~(bad_values.no_data(pixels) & single)
    beyond &= kept
    if 2 * np.count_nonzero(beyond) > np.count_nonzero(kept):
        raise UpscaleError(
            f"'{name}' holds values as large as {sizes[beyond].max():.3g}, which a result in"
            " float32 cannot hold; divide them by a power of ten first."
        )


def lowest_of(blocks: list[np.ndarray], valid: list[np.ndarray]) -> np.ndarray:
    """Return what no value of a result is below, for each band.

    It is zero for radiance, reflectance or counts, which sharpening must not make negative. Where
    more than `LOW_SHARE` of the values are negative by themselves, it is so far below these that
    only gross errors are: it moves with noise, and has no say in differences.
    """
    chance = np.random.default_rng(0)  # every nth pixel could be one and the same column
    share = min(1.0, LOW_PIXELS / sum(block[0].size for block in blocks))
    seen = []
    for block, mask in zip(blocks, valid, strict=True):
        places = np.flatnonzero(chance.random(block[0].size) < share)
        pixels = block.reshape(len(block), -1)[:, places]
        seen.append(np.where(mask.reshape(len(mask), -1)[:, places], pixels, np.inf))
    values = np.sort(np.concatenate(seen, axis=1), axis=1)
    number = np.isfinite(values).sum(axis=1)
    low = values[np.arange(len(values)), (LOW_SHARE * number).astype(int)]
    return np.where(number > 0, LOW_ROOM * np.minimum(low, 0), -np.inf)


def centre(blocks: list[np.ndarray], valid: list[np.ndarray]) -> np.ndarray:
    """Turn blocks, in place, into differences from the mean of each band, 0 where invalid.

    Returns
    -------
    numpy.ndarray
        The mean of the valid values of each band; NaN where there is none.
    """
    number = sum((np.count_nonzero(seen, axis=(1, 2)) for seen in valid), np.zeros(len(blocks[0])))
    mean = np.where(number > 0, 0.0, np.nan)
    for block, seen in zip(blocks, valid, strict=True):
        if not seen.all():
            np.copyto(block, 0, where=~seen)
    # The second time about the first mean: exact where the mean is far above the deviation.
    for _ in range(2):
        total = sum((block.sum(axis=(1, 2)) for block in blocks), np.zeros(len(mean)))
        shift = total / np.maximum(number, 1)
        mean = mean + shift
        for block, seen in zip(blocks, valid, strict=True):
            whole = bool(seen.all())
            np.subtract(block, shift[:, None, None], out=block, where=True if whole else seen)
    return mean


def covariance_of(
    blocks: list[np.ndarray], valid: list[np.ndarray], usable: np.ndarray
) -> np.ndarray:
    """Return the covariance (bands, bands), zero where a band is not usable.

    It is taken over the pixels all of whose usable bands are valid, or, where these are few, over
    the pairs of valid values of each two bands.

    Parameters
    ----------
    blocks, valid
        As `centre` leaves them.
    usable : numpy.ndarray of bool
        Bands that count.
    """
    bands = len(usable)
    result = np.zeros((bands, bands))
    if not usable.any():
        return result
    complete = [_some(seen, usable).all(axis=0) for seen in valid]
    pixels = sum(mask.size for mask in complete)
    whole = sum(int(mask.sum()) for mask in complete)
    total = np.zeros((int(usable.sum()),) * 2)
    number: np.ndarray | float = 0.0
    few = whole < max(COMPLETE_SHARE * pixels, 2)
    for block, seen, mask in zip(blocks, valid, complete, strict=True):
        spectra = _some(block, usable).reshape(len(total), -1)
        if few:
            here = _some(seen, usable).reshape(len(total), -1).astype(np.float64)
            number = number + here @ here.T
        else:
            spectra = spectra if mask.all() else spectra[:, mask.ravel()]
            number += spectra.shape[1]
        total += spectra @ spectra.T
    result[np.ix_(usable, usable)] = total / np.maximum(number, 1)
    return result


def rounding_of(dtype: np.dtype, mean: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Return the deviation of rounding to a type at a cube's level, and that of a flat cube.

    Of a band that is the same everywhere the level does not matter, where others are not.
    """
    if dtype.kind in "iub":
        return ROUNDING, 2 * ROUNDING
    levels = np.abs(mean)
    varies = variance > (CONSTANT * levels) ** 2
    level = float(levels[varies if varies.any() else slice(None)].max(initial=0))
    step = float(np.finfo(dtype).eps) * level
    return step, FLAT_STEPS * step


def _without_noise(components: Components, planes: list[np.ndarray], noise: float) -> Components:
    """Remove components that are white noise, and tell tied ones apart by how smooth they are.

    Noise has at most the given deviation, in units of the cube's.

    The second differences of J. Immerkær, "Fast noise variance estimation", Computer Vision and
    Image Understanding 64 (1996), have 6 times the deviation of white noise.
    """
    rough, number = np.zeros((len(components.weights),) * 2), 0
    for plane in planes:
        if min(plane.shape[1:]) < 3:
            continue
        second = plane[:, 2:] - 2 * plane[:, 1:-1] + plane[:, :-2]
        second = second[:, :, 2:] - 2 * second[:, :, 1:-1] + second[:, :, :-2]
        flat = second[:, np.isfinite(second[0])]
        rough += flat @ flat.T
        number += flat.shape[1]
    if number < LEAST_DIFFERENCES:
        return components
    rough /= 36 * number
    # Before ties are told apart, which finds the smoothest mixture of noise, too.
    kept = (np.diag(rough) < WHITE**2) | (components.weights > noise)
    basis, weights = components.basis * kept, components.weights * kept
    for tied in _ties(weights):
        # Any mixture of tied components is as good: take the one whose parts differ most in
        # smoothness, which a little noise does not turn.
        _, turn = np.linalg.eigh(rough[np.ix_(tied, tied)])
        basis[:, tied] = basis[:, tied] @ turn
        weights[tied] = np.sqrt(np.mean(weights[tied] ** 2))
    return replace(components, basis=signed(basis), weights=weights)


def _ties(weights: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the runs of two or more components with nearly the same deviation, as indices."""
    there = np.flatnonzero(weights)
    apart = np.flatnonzero(weights[there[:-1]] > TIE * weights[there[1:]]) + 1
    yield from (run for run in np.split(there, apart) if len(run) > 1)
