"""Where two cubes differ: a result and its reference, or a result and its source."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.jobs import Steps, never
from napari_dodn.spectra.angle import spectral_angle
from napari_dodn.spectra.band_matching import good_in_both, in_bands_of
from napari_dodn.spectra.steps import each_block, quantity_of
from napari_dodn.wording import shape_in_words

AREA, CUBIC, AUTO = "area", "cubic", "auto"
REDUCTIONS = (AUTO, AREA, CUBIC)

HALFWAY_CUBIC = np.array([-3, 19, 19, -3]) / 32
"""Keys' cubic convolution kernel with a = −0.75, as OpenCV and PyTorch have it, halfway between two
of its four samples."""

MADE_FOR_CUBIC = re.compile(r"Interpolated ×|Super-resolved ×.*trained on cubic decimation")
"""What the history says of a result that was made to be reduced by cubic interpolation."""


class MapError(UserError):
    """A map that cannot be computed; the message is one sentence."""


@dataclass(frozen=True, eq=False)
class Consistency:
    """How well a sharper cube, reduced again, agrees with the cube that it was made from.

    Attributes
    ----------
    error_map : numpy.ndarray
        Root mean square difference over the bands, float32, shape (y, x) of the source.
    angle_map : numpy.ndarray
        Spectral angle in degrees, float32, same shape.
    rmse : float
        Root mean square difference over all values, in the source's quantity.
    psnr : float
        The same in dB, with the largest value of the source as peak.
    angle : float
        Mean spectral angle in degrees.
    reduction : str
        How the result was reduced: "area" or "cubic".
    remarks : tuple of str
        What a reader of the figures must know, one sentence each.
    """

    error_map: np.ndarray
    angle_map: np.ndarray
    rmse: float
    psnr: float
    angle: float
    reduction: str
    remarks: tuple[str, ...] = ()


def error_map_steps(
    result: HyperCube, reference: HyperCube, *, cancelled: Callable[[], bool] = never
) -> Steps[np.ndarray]:
    """Map the root mean square difference of two cubes, pixel by pixel.

    Parameters
    ----------
    result, reference : HyperCube
        Of the same shape. Bands that are bad in either, and values invalid in either, do not count.
        Where both have wavelengths, bands are matched by them; the reference may have more bands.
    cancelled : callable
        Called between blocks of rows; if it returns True, the job raises `CancelledError`.

    Yields
    ------
    Progress
        After each block.

    Returns
    -------
    numpy.ndarray
        float32, shape (y, x), in the cubes' quantity; NaN where nothing is valid.

    Raises
    ------
    MapError
        If the shapes differ, the wavelengths do not agree, or no band is good in both.
    """
    return _map_between(result, reference, _rmse, "Mapping the error", cancelled)


def angle_between_steps(
    result: HyperCube, reference: HyperCube, *, cancelled: Callable[[], bool] = never
) -> Steps[np.ndarray]:
    """Map the spectral angle between two cubes, in degrees, pixel by pixel.

    Parameters, progress and errors are those of `error_map_steps`. The map is float32, shape
    (y, x); it is NaN also where a spectrum is all zero.
    """
    return _map_between(result, reference, _angle, "Mapping the spectral angle", cancelled)


def consistency_steps(
    result: HyperCube,
    source: HyperCube,
    scale: int,
    *,
    region: Region | None = None,
    reduction: str = AUTO,
    cancelled: Callable[[], bool] = never,
) -> Steps[Consistency]:
    """Reduce a sharper cube again and compare it with the cube that it was made from.

    It needs no reference: a result that does not agree with its source has invented something.

    Parameters
    ----------
    result : HyperCube
        Shape (bands, scale · y, scale · x).
    source : HyperCube
        Shape (bands, y, x).
    scale : int
        Pixels of the result for each of the source, along y and x.
    region : Region, optional
        The part of the source that the result covers; by default all of it.
    reduction : str
        "area" takes means over scale × scale pixels, as the pixels of a sensor do; "cubic" is
        cubic interpolation without anti-aliasing; "auto" is cubic where the history tells of
        interpolation or of a model that learned from cubes reduced so, else area.
    cancelled : callable
        Called between blocks of rows; if it returns True, the job raises `CancelledError`.

    Yields
    ------
    Progress
        After each block.

    Returns
    -------
    Consistency
        Maps and figures on the source's grid.

    Raises
    ------
    MapError
        If the cubes do not fit each other, or the reduction is unknown.
    """
    if reduction not in REDUCTIONS:
        raise MapError(f"Reduction '{reduction}' is not one of {', '.join(REDUCTIONS)}.")
    if reduction == AUTO:
        known = any(MADE_FOR_CUBIC.match(step) for step in result.history)
        reduction = CUBIC if known else AREA
    if region is not None:
        source = source.crop(region)
    source, remarks = in_bands_of(result, source, MapError)
    bands, height, width = source.shape
    if result.shape != (bands, height * scale, width * scale):
        raise MapError(
            f"'{result.name}' has {shape_in_words(result.shape)}, which is not {scale} times the"
            f" size of '{source.name}' with {shape_in_words(source.shape)}."
        )
    return _consistency(result, source, scale, reduction, cancelled, remarks)


def _consistency(
    result: HyperCube,
    source: HyperCube,
    scale: int,
    reduction: str,
    cancelled: Callable[[], bool],
    remarks: tuple[str, ...],
) -> Steps[Consistency]:
    used = good_in_both(result, source, MapError)
    errors, angles = (np.full(source.shape[1:], np.nan, np.float32) for _ in range(2))
    sums = _Sums(source.bands)

    def work(block: Region) -> None:
        fine, coarse = _reduced(result, block, scale, reduction), quantity_of(source, block)
        errors[block.slices] = _rmse(fine[used], coarse[used])
        angles[block.slices] = _angle(fine[used], coarse[used])
        sums.add(fine, coarse, used)

    # All the pixels of the finer cube that are one of the source count as bands of it.
    shape = (result.bands * scale**2, *source.shape[1:])
    yield from each_block(shape, work, "Comparing with the source", cancelled)
    angle = angles[np.isfinite(angles)].astype(np.float64)
    return Consistency(
        errors,
        angles,
        sums.rmse,
        sums.psnr(source),
        float(angle.mean()) if angle.size else float("nan"),
        reduction,
        remarks,
    )


def _reduced(cube: HyperCube, block: Region, scale: int, reduction: str) -> np.ndarray:
    """Return a block of the coarser grid, computed from the finer cube."""
    if reduction == AREA:
        fine = quantity_of(cube, block.scaled(scale))
        cells = fine.reshape(len(fine), block.shape[0], scale, block.shape[1], scale)
        valid = np.isfinite(cells)
        count = valid.sum(axis=(2, 4))
        total = np.where(valid, cells, 0).sum(axis=(2, 4))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
    margin = 1 if scale == 2 else 0  # the four samples of ×2 reach beyond the cell
    read = block.scaled(scale).grown(margin).within(*cube.shape[1:])
    fine = quantity_of(cube, read)
    fine = _sampled(fine, 1, range(block.y0, block.y1), read.y0, scale)
    return _sampled(fine, 2, range(block.x0, block.x1), read.x0, scale)


def _sampled(fine: np.ndarray, axis: int, cells: range, first: int, scale: int) -> np.ndarray:
    """Interpolate the middles of cells along an axis that begins at `first`."""
    middle = np.arange(cells.start, cells.stop) * scale + scale // 2 - first
    if scale % 2:
        return fine.take(middle, axis)
    taps = [
        weight * fine.take(middle + tap, axis, mode="clip")
        for tap, weight in zip((-2, -1, 0, 1), HALFWAY_CUBIC, strict=True)
    ]
    return np.sum(taps, axis=0)


class _Sums:
    """Squared differences of two cubes that come in blocks."""

    def __init__(self, bands: int) -> None:
        self.count = np.zeros(bands, np.int64)
        self.squares = np.zeros(bands)
        self.peak = -np.inf

    def add(self, result: np.ndarray, reference: np.ndarray, used: np.ndarray) -> None:
        """Add a block of both, (bands, y, x), of which only some bands count."""
        error = result[used] - reference[used]
        valid = np.isfinite(error)
        self.count[used] += valid.sum(axis=(1, 2))
        self.squares[used] += (np.where(valid, error, 0) ** 2).sum(axis=(1, 2))
        self.peak = max(self.peak, reference[used].max(where=valid, initial=-np.inf))

    @property
    def rmse(self) -> float:
        """Root mean square difference over all values."""
        count = self.count.sum()
        return float(np.sqrt(self.squares.sum() / count)) if count else float("nan")

    def psnr(self, reference: HyperCube) -> float:
        """Return the peak signal-to-noise ratio over all values."""
        if not self.peak > 0:
            raise MapError(f"'{reference.name}' is nowhere above 0, so PSNR cannot be computed.")
        return float(20 * np.log10(self.peak / self.rmse)) if self.rmse else float("inf")


def _map_between(
    result: HyperCube,
    reference: HyperCube,
    compare: Callable[[np.ndarray, np.ndarray], np.ndarray],
    message: str,
    cancelled: Callable[[], bool],
) -> Steps[np.ndarray]:
    reference, _ = in_bands_of(result, reference, MapError)
    used = _common_bands(result, reference)
    values = np.empty(reference.shape[1:], np.float32)

    def work(block: Region) -> None:
        pair = (quantity_of(cube, block)[used] for cube in (result, reference))
        values[block.slices] = compare(*pair)

    yield from each_block(reference.shape, work, message, cancelled)
    return values


def _rmse(result: np.ndarray, reference: np.ndarray) -> np.ndarray:
    error = result - reference
    valid = np.isfinite(error)
    count = valid.sum(axis=0)
    squares = (np.where(valid, error, 0) ** 2).sum(axis=0)
    return np.where(count > 0, np.sqrt(squares / np.maximum(count, 1)), np.nan)


def _angle(result: np.ndarray, reference: np.ndarray) -> np.ndarray:
    valid = np.isfinite(result) & np.isfinite(reference)
    return spectral_angle(np.where(valid, result, 0), np.where(valid, reference, 0))


def _common_bands(result: HyperCube, reference: HyperCube) -> np.ndarray:
    if result.shape != reference.shape:
        raise MapError(
            f"'{result.name}' has {shape_in_words(result.shape)} and '{reference.name}'"
            f" {shape_in_words(reference.shape)}; only cubes of the same size can be compared."
        )
    return good_in_both(result, reference, MapError)
