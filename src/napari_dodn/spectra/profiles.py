"""Spectra of points and regions of a cube, and what is done to a spectrum before it is plotted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_dodn.cube import HyperCube, Region
from napari_dodn.jobs import Steps, never
from napari_dodn.spectra.steps import each_block, quantity_of
from napari_dodn.spectra.transforms import ProfileError

QUARTILE_PIXELS = 50_000
"""Pixels whose values are kept for quartiles; of a larger region a random choice, which is off by
about 0.2 % in rank."""


@dataclass(frozen=True, eq=False)
class RegionStatistics:
    """What the spectra of a region have in common, band by band.

    Attributes
    ----------
    count : numpy.ndarray of int
        Pixels with a valid value, shape (bands,).
    mean, deviation : numpy.ndarray
        Mean and standard deviation (of the population: divided by `count`), NaN where there is no
        valid value.
    median, lower, upper : numpy.ndarray or None
        Median, lower and upper quartile; None if they were not asked for.
    """

    count: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    median: np.ndarray | None = None
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None


def point_spectrum(cube: HyperCube, y: int, x: int) -> np.ndarray:
    """Return the spectrum of one pixel, without reading any other.

    Parameters
    ----------
    cube : HyperCube
        May be memory-mapped or a dask array.
    y, x : int
        Row and column, from 0.

    Returns
    -------
    numpy.ndarray
        float64, shape (bands,), in the cube's quantity; NaN where a value is invalid. It includes
        bad bands: see `HyperCube.usable_bands`.

    Raises
    ------
    ProfileError
        If the cube has no such pixel.
    """
    height, width = cube.shape[1:]
    y, x = int(y), int(x)
    if not (0 <= y < height and 0 <= x < width):
        raise ProfileError(
            f"Row {y}, column {x} lies outside of '{cube.name}', which has {height} rows and"
            f" {width} columns."
        )
    return quantity_of(cube, Region(y, y + 1, x, x + 1))[:, 0, 0]


def region_statistics_steps(
    cube: HyperCube,
    region: npt.ArrayLike,
    *,
    quartiles: bool = False,
    cancelled: Callable[[], bool] = never,
) -> Steps[RegionStatistics]:
    """Compute the mean and standard deviation of a region and, if asked for, its quartiles.

    Parameters
    ----------
    cube : HyperCube
        Read a block of rows at a time, and only where the region lies.
    region : array-like
        A mask, bool, shape (y, x), or pixels as integers (row, column), shape (pixels, 2); pixels
        outside of the cube do not count, and none counts twice.
    quartiles : bool
        Whether to find median and quartiles, too. In regions of more than 50,000 pixels, they are
        those of 50,000 pixels chosen at random, always the same ones.
    cancelled : callable
        Called between blocks of rows; if it returns True, the job raises `CancelledError`.

    Yields
    ------
    Progress
        After each block.

    Returns
    -------
    RegionStatistics
        The statistics of the region's pixels.

    Raises
    ------
    ProfileError
        If no pixel of the cube is in the region, or it is neither a mask of the cube's size nor
        pixels.
    """
    mask, origin = _mask_of(cube, region)
    statistics = _Running(cube.bands)
    box = Region(origin[0], origin[0] + mask.shape[0], origin[1], origin[1] + mask.shape[1])
    kept = _chosen(mask) if quartiles else None
    sample: list[np.ndarray] = []

    def add(block: Region) -> None:
        place = block.relative_to(box).slices
        inside = mask[place]
        columns = np.flatnonzero(inside.any(axis=0))
        rows = np.flatnonzero(inside.any(axis=1))
        if not rows.size:
            return
        part = Region(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
        pixels = quantity_of(
            cube,
            Region(block.y0 + part.y0, block.y0 + part.y1, block.x0 + part.x0, block.x0 + part.x1),
        )
        statistics.add(pixels[:, inside[part.slices]])
        if kept is not None:
            sample.append(pixels[:, kept[place][part.slices]])

    yield from each_block(cube.shape, add, "Reading the region", cancelled, region=box)
    return statistics.result(np.concatenate(sample, axis=1) if quartiles else None)


class _Running:
    """Mean and deviation of values that come in pieces.

    The pieces are joined as T. F. Chan, G. H. Golub and R. J. LeVeque do, "Algorithms for computing
    the sample variance", The American Statistician 37 (1983).
    """

    def __init__(self, bands: int) -> None:
        self.count = np.zeros(bands, np.int64)
        self.mean = np.zeros(bands)
        self.squares = np.zeros(bands)

    def add(self, values: np.ndarray) -> None:
        """Add (bands, pixels) values; NaN do not count."""
        valid = np.isfinite(values)
        count = valid.sum(axis=1)
        mean = np.where(valid, values, 0).sum(axis=1) / np.maximum(count, 1)
        squares = np.where(valid, values - mean[:, None], 0)
        total = np.maximum(self.count + count, 1)
        step = mean - self.mean
        self.squares += (squares**2).sum(axis=1) + step**2 * self.count * count / total
        self.mean += step * count / total
        self.count += count

    def result(self, sample: np.ndarray | None) -> RegionStatistics:
        """Return what was found, with the quartiles of a (bands, pixels) sample."""
        found = self.count > 0
        mean = np.where(found, self.mean, np.nan)
        deviation = np.where(found, np.sqrt(self.squares / np.maximum(self.count, 1)), np.nan)
        if sample is None:
            return RegionStatistics(self.count, mean, deviation)
        quartiles = np.full((3, len(sample)), np.nan)
        for band, values in enumerate(sample):
            valid = values[np.isfinite(values)]
            if valid.size:
                quartiles[:, band] = np.percentile(valid, (25, 50, 75))
        lower, median, upper = quartiles
        return RegionStatistics(self.count, mean, deviation, median, lower, upper)


def _mask_of(cube: HyperCube, region: npt.ArrayLike) -> tuple[np.ndarray, tuple[int, int]]:
    """Return a mask no larger than the region, and the row and column of its first pixel."""
    height, width = cube.shape[1:]
    region = np.asarray(region)
    if region.dtype == bool:
        if region.shape != (height, width):
            raise ProfileError(
                f"The mask has shape {region.shape}, but '{cube.name}' has {height} rows and"
                f" {width} columns."
            )
        pixels = np.argwhere(region)
    elif region.ndim == 2 and region.shape[1] == 2 and region.dtype.kind in "iu":
        inside = ((region >= 0) & (region < (height, width))).all(axis=1)
        pixels = region[inside]
    elif region.size:
        raise ProfileError(
            "A region is a mask of the cube's size or a list of rows and columns, not"
            f" {region.dtype} of shape {region.shape}."
        )
    else:
        pixels = np.empty((0, 2), int)
    if not len(pixels):
        raise ProfileError(f"The region holds no pixel of '{cube.name}'.")
    first, last = pixels.min(axis=0), pixels.max(axis=0)
    mask = np.zeros(last - first + 1, bool)
    mask[tuple((pixels - first).T)] = True
    return mask, (int(first[0]), int(first[1]))


def _chosen(mask: np.ndarray) -> np.ndarray:
    """Return a mask of at most `QUARTILE_PIXELS` of a mask's pixels."""
    pixels = np.flatnonzero(mask)
    if pixels.size > QUARTILE_PIXELS:
        pixels = np.random.default_rng(0).choice(pixels, QUARTILE_PIXELS, replace=False)
    chosen = np.zeros(mask.shape, bool)
    chosen.flat[pixels] = True
    return chosen
