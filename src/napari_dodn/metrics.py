"""How far a cube is from its reference: PSNR, SSIM, SAM, ERGAS, RMSE and CC.

All take (bands, y, x) arrays. A value counts if it is finite in both cubes; a band without such
values is left out of the mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress, Steps, never, result_of, stop_if
from napari_dodn.spectra.angle import spectral_angle as spectral_angle
from napari_dodn.spectra.band_matching import good_in_both, in_bands_of
from napari_dodn.spectra.steps import each_block, quantity_of
from napari_dodn.wording import all_of, few_of, shape_in_words

GROUP_VALUES = 16 * 2**20
"""Values of a cube that are held at once while its bands are compared."""

WINDOW = 7
"""Pixels along the sides of a window of SSIM, scikit-image's default."""

INNER = slice(WINDOW // 2, -(WINDOW // 2))
"""Rows, or columns, around which whole windows lie."""

SINGLE = 8.0
"""Values below so many peaks have their SSIM computed in single precision, which halves the time
and keeps six digits; larger ones would leave none of their squares."""

MOST_NAMED = 5
"""Bands that a remark names, of which there may be hundreds."""


class ComparisonError(UserError):
    """Two cubes that cannot be compared."""


class Metric(NamedTuple):
    """What is known of one figure of a comparison.

    Attributes
    ----------
    heading : str
        The heading of its column.
    higher_is_better : bool
        Whether a higher figure is better.
    form : str
        How it is written, except beside the published tables, which have four decimals.
    """

    heading: str
    higher_is_better: bool
    form: str

    def gain(self, figure: float, baseline: float) -> float:
        """Return how much better a figure is than a baseline; below zero it is worse."""
        return figure - baseline if self.higher_is_better else baseline - figure

    def text(self, figure: float) -> str:
        """Return a figure as it is shown."""
        return format(figure, self.form)


METRICS = {
    "psnr": Metric("PSNR (dB)", True, ".2f"),
    "ssim": Metric("SSIM", True, ".4f"),
    "rmse": Metric("RMSE", False, ".4g"),
    "sam": Metric("SAM (°)", False, ".2f"),
    "ergas": Metric("ERGAS", False, ".2f"),
    "cc": Metric("CC", True, ".4f"),
}
"""The figures of `Quality` by their keys, in the order of the published tables."""

SHORT = ("psnr", "ssim", "sam")
"""The figures that training and the models' cards give."""


@dataclass(frozen=True)
class Quality:
    """The six figures of one comparison; `METRICS` knows how they are shown.

    Attributes
    ----------
    psnr : float
        Peak signal-to-noise ratio in dB, per band, then averaged.
    ssim : float
        Structural similarity (Wang et al. 2004) per band, scikit-image's defaults, then averaged.
        Windows with an invalid value do not count; NaN if there are no others.
    sam : float
        Mean spectral angle in degrees over pixels that are non-zero in both cubes.
    ergas : float
        Relative dimensionless global error (Wald 2002).
    rmse : float
        Root mean square error over all values, in the cubes' units.
    cc : float
        Pearson correlation per band, then averaged.
    """

    psnr: float
    ssim: float
    sam: float
    ergas: float
    rmse: float
    cc: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def _mean(values: np.ndarray) -> float:
    finite = np.isfinite(values)
    return float(values[finite].mean()) if finite.any() else float("nan")


def quality(
    result: np.ndarray,
    reference: np.ndarray,
    *,
    data_range: float | None = None,
    ergas_ratio: int = 4,
) -> Quality:
    """Compare a result with its reference.

    Parameters
    ----------
    result, reference : numpy.ndarray
        Cubes of the same shape (bands, y, x) and units. Invalid values are NaN.
    data_range : float, optional
        Peak value of PSNR and SSIM; by default the largest valid value of the reference.
    ergas_ratio : int
        Resolution ratio in ERGAS. The published CAVE tables use 4 at every scale.

    Raises
    ------
    ComparisonError
        If the shapes differ, no value is valid in both, or the reference is nowhere above zero
        and no `data_range` is given.
    """
    from scipy.ndimage import minimum_filter
    from skimage.metrics import structural_similarity

    if result.shape != reference.shape:
        raise ComparisonError(
            f"The result has shape {result.shape} and the reference {reference.shape};"
            " they must be the same."
        )
    valid = np.isfinite(result) & np.isfinite(reference)
    if not valid.any():
        raise ComparisonError("No value is valid in both the result and the reference.")
    if data_range is None:
        data_range = float(reference[valid].max())
    if data_range <= 0:
        raise ComparisonError("The reference is nowhere above zero, so PSNR needs a data range.")

    bands = len(reference)
    psnr, ssim, cc, relative = np.full((4, bands), np.nan)
    squares = 0.0
    for band, (x, y, ok) in enumerate(zip(result, reference, valid, strict=True)):
        if not ok.any():
            continue
        x, y = x.astype(np.float64), y.astype(np.float64)
        error = x[ok] - y[ok]
        mse = float(np.mean(error**2))
        squares += float(np.sum(error**2))
        psnr[band] = 10 * np.log10(data_range**2 / mse) if mse else np.inf
        mean = y[ok].mean()
        relative[band] = mse / mean**2 if mean else np.nan
        if np.ptp(x[ok]) and np.ptp(y[ok]):  # the deviation of a constant may be a rounding error
            cc[band] = np.corrcoef(x[ok], y[ok])[0, 1]
        if min(y.shape) >= WINDOW:
            pair = np.where(ok, (x, y), 0) / data_range
            if np.abs(pair).max() < SINGLE:
                pair = pair.astype(np.float32)
            _, similarity = structural_similarity(*pair, data_range=1.0, full=True)
            # Windows with an invalid value would be too much alike: both cubes are 0 there.
            whole = similarity[INNER, INNER][minimum_filter(ok, WINDOW)[INNER, INNER]]
            ssim[band] = whole.mean() if whole.size else np.nan
    counted = np.where(valid.any(axis=(1, 2)))[0]
    angle = spectral_angle(result[counted], reference[counted])
    return Quality(
        psnr=float(np.mean(psnr[counted])),
        ssim=_mean(ssim),
        sam=_mean(angle),
        ergas=float(100 / ergas_ratio * np.sqrt(_mean(relative))),
        rmse=float(np.sqrt(squares / valid.sum())),
        cc=_mean(cc),
    )


def compare(result: HyperCube, reference: HyperCube) -> Quality:
    """Compare two cubes in the bands that are good in both, with gain and offset applied.

    The peak of PSNR and SSIM is the largest valid value of the reference.

    Parameters
    ----------
    result, reference : HyperCube
        As in `compare_steps`.

    Raises
    ------
    ComparisonError
        As in `quality`, or if the wavelengths do not agree.
    """
    return result_of(compare_steps(result, reference)).quality


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of a comparison of two cubes.

    Attributes
    ----------
    quality : Quality
        The figures of all bands together.
    psnr : numpy.ndarray
        Peak signal-to-noise ratio of each band in dB, shape (bands,); NaN where a band is bad in
        either cube, or has no value that is valid in both.
    remarks : tuple of str
        What a reader of the figures must know, one sentence each.
    """

    quality: Quality
    psnr: np.ndarray
    remarks: tuple[str, ...] = ()


def compare_steps(
    result: HyperCube,
    reference: HyperCube,
    *,
    data_range: float | None = None,
    cancelled: Callable[[], bool] = never,
) -> Steps[Comparison]:
    """Do what `compare` does, with only a part of the cubes in memory, and yield progress.

    An invalid value excludes its band from a pixel's spectral angle, not the whole pixel.

    Parameters
    ----------
    result, reference : HyperCube
        Cubes of the same shape. If both have wavelengths, bands are matched by them; the reference
        may have more bands.
    data_range : float, optional
        As in `quality`.
    cancelled : callable
        Called between the parts; if it returns True, the job raises `CancelledError`.

    Yields
    ------
    Progress
        After each block of rows, then after each band.

    Returns
    -------
    Comparison
        The figures of all bands, and the PSNR of each.

    Raises
    ------
    ComparisonError
        As in `compare`.
    """
    reference, remarks = in_bands_of(result, reference, ComparisonError)
    if result.shape != reference.shape:
        raise ComparisonError(_not_of_one_size(result, reference))
    bands, height, width = reference.shape
    good = good_in_both(result, reference, ComparisonError)
    peak, angles = -np.inf, np.full((height, width), np.nan)

    def look(block: Region) -> None:
        nonlocal peak
        a, b = (quantity_of(cube, block)[good] for cube in (result, reference))
        valid = np.isfinite(a) & np.isfinite(b)
        peak = max(peak, b.max(where=valid, initial=-np.inf))
        angles[block.slices] = spectral_angle(np.where(valid, a, 0), np.where(valid, b, 0))

    yield from each_block(reference.shape, look, "Comparing spectra", cancelled)
    if peak == -np.inf:
        raise ComparisonError(f"No value is valid in both '{result.name}' and '{reference.name}'.")
    if data_range is not None:
        peak = data_range
    if peak <= 0:
        raise ComparisonError(
            f"'{reference.name}' is nowhere above zero, so PSNR cannot be computed."
        )
    figures: dict[int, tuple[Quality, int]] = {}
    together = max(1, GROUP_VALUES // (height * width))
    for first in range(0, bands, together):
        group = slice(first, min(first + together, bands))
        a, b = (quantity_of(cube, bands=group) for cube in (result, reference))
        for band, x, y in zip(range(bands)[group], a, b, strict=True):
            stop_if(cancelled)
            count = int((np.isfinite(x) & np.isfinite(y)).sum())
            if good[band] and count:
                figures[band] = quality(x[None], y[None], data_range=peak), count
            yield Progress(band + 1, bands, "Comparing bands")
    psnr = np.full(bands, np.nan)
    psnr[list(figures)] = [figure.psnr for figure, _ in figures.values()]
    remarks = (*remarks, *_remarks_on(psnr))
    return Comparison(_together(list(figures.values()), _mean(angles)), psnr, remarks)


def _remarks_on(psnr: np.ndarray) -> tuple[str, ...]:
    """Say which bands make the mean PSNR infinite; bands count from 1."""
    equal = (np.flatnonzero(np.isposinf(psnr)) + 1).tolist()
    if not equal:
        return ()
    if len(equal) == np.count_nonzero(~np.isnan(psnr)):
        return ("Both cubes are equal, so the PSNR is infinite.",)
    if len(equal) == 1:
        which = f"Band {equal[0]} is equal in both cubes, so its"
    else:
        named = few_of(equal) if len(equal) > MOST_NAMED else all_of(equal)
        which = f"Bands {named} are equal in both cubes, so their"
    return (f"{which} PSNR and the mean PSNR are infinite.",)


def _together(figures: list[tuple[Quality, int]], sam: float) -> Quality:
    """Return the figures of all bands from those of single bands and their numbers of values."""
    psnr, ssim, ergas, rmse, cc = np.array(
        [(figure.psnr, figure.ssim, figure.ergas, figure.rmse, figure.cc) for figure, _ in figures]
    ).T
    return Quality(
        psnr=float(psnr.mean()),
        ssim=_mean(ssim),
        sam=sam,
        ergas=float(np.sqrt(_mean(ergas**2))),
        rmse=float(np.sqrt(np.average(rmse**2, weights=[count for _, count in figures]))),
        cc=_mean(cc),
    )


def _not_of_one_size(result: HyperCube, reference: HyperCube) -> str:
    return (
        f"'{reference.name}' cannot be the reference of '{result.name}': it has"
        f" {shape_in_words(reference.shape)}, not {shape_in_words(result.shape)}."
    )
