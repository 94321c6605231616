"""Where two cubes differ: a result and its reference, or a result and its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.jobs import Steps, never
from napari_dodn.sensor_blur import blur_in
from napari_dodn.spectra.angle import spectral_angle
from napari_dodn.spectra.band_matching import good_in_both, in_bands_of
from napari_dodn.spectra.reduction import AREA, BLUR, CUBIC, Reduction
from napari_dodn.spectra.steps import each_block, quantity_of
from napari_dodn.wording import shape_in_words

AUTO = "auto"
REDUCTIONS = (AUTO, AREA, CUBIC, BLUR)


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
        How the result was reduced: "area", "cubic" or "blur".
    remarks : tuple of str
        What a reader of the figures must know, one sentence each.
    sigma : float
        For "blur": standard deviation of the sensor's point spread function in the source's pixels.
    """

    error_map: np.ndarray
    angle_map: np.ndarray
    rmse: float
    psnr: float
    angle: float
    reduction: str
    remarks: tuple[str, ...] = ()
    sigma: float = 0.0


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
        "area" takes means over scale × scale pixels; "cubic" is cubic interpolation without
        anti-aliasing; "blur" takes means weighted by the sensor's point spread function, of the
        width that the result says its network was told. "auto" is what the result stands for:
        cubic after bicubic interpolation, or where the network was told that there is no blur;
        blur where it was told another; area where the result tells neither.
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
        If the cubes do not fit each other, the reduction is unknown, or it is "blur" and the result
        does not tell one.
    """
    if reduction not in REDUCTIONS:
        raise MapError(f"Reduction '{reduction}' is not one of {', '.join(REDUCTIONS)}.")
    how = _reduction(reduction, result, scale)
    if region is not None:
        source = source.crop(region)
    source, remarks = in_bands_of(result, source, MapError)
    bands, height, width = source.shape
    if result.shape != (bands, height * scale, width * scale):
        raise MapError(
            f"'{result.name}' has {shape_in_words(result.shape)}, which is not {scale} times the"
            f" size of '{source.name}' with {shape_in_words(source.shape)}."
        )
    return _consistency(result, source, how, cancelled, remarks)


def _consistency(
    result: HyperCube,
    source: HyperCube,
    how: Reduction,
    cancelled: Callable[[], bool],
    remarks: tuple[str, ...],
) -> Steps[Consistency]:
    used = good_in_both(result, source, MapError)
    errors, angles = (np.full(source.shape[1:], np.nan, np.float32) for _ in range(2))
    sums = _Sums(source.bands)

    def work(block: Region) -> None:
        fine, coarse = how.of(result, block), quantity_of(source, block)
        errors[block.slices] = _rmse(fine[used], coarse[used])
        angles[block.slices] = _angle(fine[used], coarse[used])
        sums.add(fine, coarse, used)

    # What is read for a pixel of the source counts as bands of it.
    shape = (how.values_of(result.bands), *source.shape[1:])
    yield from each_block(shape, work, "Comparing with the source", cancelled)
    angle = angles[np.isfinite(angles)].astype(np.float64)
    return Consistency(
        errors,
        angles,
        sums.rmse,
        sums.psnr(source),
        float(angle.mean()) if angle.size else float("nan"),
        how.kind,
        remarks,
        how.sigma,
    )


def _reduction(kind: str, result: HyperCube, scale: int) -> Reduction:
    if kind == AUTO:
        return Reduction.undone_by(result, scale)
    if kind != BLUR:
        return Reduction(kind, scale)
    if (sigma := blur_in(result.metadata)) is None:
        raise MapError(f"'{result.name}' does not say what sensor blur it was made with.")
    return Reduction(kind, scale, sigma)


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
