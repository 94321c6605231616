"""The pseudo-truth: what a cube would look like, as far as a sharper picture can tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from napari_dodn.distillation.sharper.places import (
    UnfitPictureError,
    factor_of,
    sampled,
    scale_within,
)
from napari_dodn.distillation.sharper.registration import Registration, registered
from napari_dodn.distillation.sharper.regression import EXPLAINED, ReducedTerms, Regression, fit
from napari_dodn.distillation.sharper.sensor import Sensor
from napari_dodn.jobs import never

ROUNDS = 3
"""How often places that the picture does not explain are taken out of the fit."""

WINDOW = 1.0
"""Sigma, in LR pixels, of the window in which a place is explained or not."""

LEAST_CONTRAST = 0.05
"""Share of the cube's variance that counts as there in flat places, too."""

LEAST_AREA = 0.5
"""Share of the valid pixels that a picture must explain."""

PROJECTIONS, DAMPING = 3, 0.7
"""Back-projections that make the pseudo-truth consistent with the cube."""

TINY = float(np.finfo(np.float32).tiny)

LEADING = 4
"""Components of the cube by which a picture is registered."""

BAND_VALUES = 16 * 2**20
"""Values of the fine grid that are computed at once."""

BANDS_MEASURED = 32
"""Bands, evenly spread, by which places are compared; more would only take longer."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A picture on the fine grid of its cube; what it explains is not known yet.

    Attributes
    ----------
    sensor : Sensor
        How the cube was reduced.
    cube, valid, usable : numpy.ndarray
        See `placed`.
    there : numpy.ndarray of bool
        Where both have a value, shape (y, x).
    picture : numpy.ndarray
        Finite, shape (M, s·y, s·x), float32.
    registration : Registration
        Where it lies.
    """

    sensor: Sensor
    cube: np.ndarray
    valid: np.ndarray
    usable: np.ndarray
    there: np.ndarray
    picture: np.ndarray
    registration: Registration


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture that is placed on a cube, and what it explains.

    Attributes
    ----------
    sensor, cube, valid, picture, registration
        See `Placed`.
    counted : numpy.ndarray of bool
        Where the picture explains the cube, shape (y, x).
    regression : Regression
        What its channels stand for, and which bands it predicts.
    unexplained : numpy.ndarray
        Share of the cube's contrast, at each of its places, that the picture leaves, shape (y, x).
    """

    sensor: Sensor
    cube: np.ndarray
    valid: np.ndarray
    counted: np.ndarray
    picture: np.ndarray
    regression: Regression
    registration: Registration
    unexplained: np.ndarray


class PseudoTruth(NamedTuple):
    """What a student learns from, where a sharper picture stands for the truth."""

    pixels: np.ndarray
    """Shape (bands, s·y, s·x), float32, in the cube's units. Bands that the picture does not
    predict are upsampled linearly."""

    weight: np.ndarray
    """Which pixels of the fine grid count, bool, shape (s·y, s·x)."""


def placed(
    cube: np.ndarray,
    valid: np.ndarray,
    picture: np.ndarray,
    matrix: np.ndarray,
    sensor: Sensor,
    usable: np.ndarray | None = None,
    cancelled: Callable[[], bool] = never,
) -> Placed:
    """Place a picture on a cube.

    Parameters
    ----------
    cube : numpy.ndarray
        Finite, shape (bands, y, x); what stands in invalid places does not matter.
    valid : numpy.ndarray of bool
        Shape (bands, y, x).
    picture : numpy.ndarray
        Linear in light as far as that is known, shape (M, Y, X), NaN where invalid.
    matrix : numpy.ndarray
        Where it is stated to lie; see `places.stated_place`.
    sensor : Sensor
        How the cube was reduced.
    usable : numpy.ndarray of bool, optional
        Bands that count, shape (bands,); all where left out.
    cancelled : callable
        Whether to stop.

    Raises
    ------
    UnfitPictureError
        If the picture is too coarse, or shows nothing of the cube.
    """
    _check_factor(matrix, sensor.scale)
    usable = np.ones(len(cube), bool) if usable is None else usable
    places = valid[usable].all(axis=0)
    if not places.any():
        places = valid[usable].any(axis=0)
    image = _leading(cube, usable, places)
    found = registered(picture, matrix, image, places, sensor, cancelled)
    shape = cube.shape[1] * sensor.scale, cube.shape[2] * sensor.scale
    fine, seen = sampled(picture, found.matrix, shape)
    blocks = seen.reshape(cube.shape[1], sensor.scale, cube.shape[2], sensor.scale)
    there = places & blocks.all(axis=(1, 3))
    if not there.any():
        raise UnfitPictureError("The picture shows nothing of the cube.")
    return Placed(sensor, cube, valid, usable, there, fine, found)


def paired(found: Placed) -> Pair:
    """Learn what the channels of a placed picture stand for.

    Raises
    ------
    UnfitPictureError
        If the picture explains too little of the cube.
    """
    sensor, cube, there = found.sensor, found.cube, found.there
    terms = ReducedTerms.of(found.picture, sensor.reduce)
    every = np.flatnonzero(found.usable)
    # What is explained is measured with all places: those that are kept would speak for themselves.
    explained = np.nan_to_num(fit(terms, cube[every], there.astype(float)).explained)
    predicted = every[explained >= EXPLAINED]
    if not len(predicted):
        raise UnfitPictureError(
            f"The picture explains {100 * max(explained.max(), 0):.0f} % of the variance of the"
            f" cube's bands at best, less than the {100 * EXPLAINED:.0f} % that is needed; make"
            " sure that it shows the same scene, in the same light."
        )
    measured = predicted[:: max(1, len(predicted) // BANDS_MEASURED)]
    counted = there
    for bands in (*[measured] * (ROUNDS - 1), predicted):
        regression = fit(terms, cube[bands], counted.astype(float)).among(bands, len(cube))
        seen_lr = terms.spectra(regression, measured)
        unexplained = _unexplained(cube[measured], seen_lr, counted)
        counted = there & (unexplained <= 1 - EXPLAINED)
        share = np.count_nonzero(counted) / np.count_nonzero(there)
        if share < LEAST_AREA:
            raise UnfitPictureError(
                f"The picture explains the cube in {100 * share:.0f} % of the area only, less than"
                f" the {100 * LEAST_AREA:.0f} % that is needed; make sure that it shows the same"
                " scene, at the same time."
            )
    whole = np.zeros(len(cube))
    whole[every] = explained
    regression = replace(regression, explained=whole)
    return Pair(
        sensor,
        cube,
        found.valid,
        counted,
        found.picture,
        regression,
        found.registration,
        unexplained,
    )


def pseudo_truth_of(pair: Pair, out: np.ndarray | None = None) -> PseudoTruth:
    """Make the pseudo-truth of a cube and its picture.

    Parameters
    ----------
    pair : Pair
        See `paired`.
    out : numpy.ndarray, optional
        Where to put its pixels, shape (bands, s·y, s·x), float32.
    """
    from scipy.ndimage import binary_erosion

    sensor, cube, scale = pair.sensor, pair.cube, pair.sensor.scale
    shape = (len(cube), cube.shape[1] * scale, cube.shape[2] * scale)
    pixels = np.empty(shape, np.float32) if out is None else out
    step = max(1, BAND_VALUES // (shape[1] * shape[2]))
    for first in range(0, len(cube), step):
        bands = np.arange(first, min(first + step, len(cube)))
        told = pair.regression.predicted[bands]
        lr, known = cube[bands], pair.valid[bands]
        result = np.where(told[:, None, None], 0, sensor.expand(lr)).astype(np.float32)
        if told.any():
            fine = pair.regression(pair.picture, bands[told])
            for _ in range(PROJECTIONS):
                off = np.where(known[told], lr[told] - sensor.reduce(fine), 0)
                fine += DAMPING * sensor.expand(off)
            result[told] = fine
        pixels[bands] = result
    # A place is blurred into its neighbours, so that these are not to be trusted either.
    kept = binary_erosion(pair.counted, np.ones((3, 3), bool), border_value=1)
    weight = kept.repeat(scale, axis=0).repeat(scale, axis=1)
    return PseudoTruth(pixels, weight)


def _check_factor(matrix: np.ndarray, scale: int) -> None:
    """Raise UnfitPictureError where a picture is too coarse for the scale."""
    factor = factor_of(matrix, scale)
    largest = scale_within(factor)
    if largest >= scale:
        return
    if not largest:
        raise UnfitPictureError(
            f"The picture has {factor:.2g} pixels along the side of a pixel of the cube; at least"
            " 2 are needed."
        )
    raise UnfitPictureError(
        f"The picture has {factor:.2g} pixels along the side of a pixel of the cube, too few for"
        f" ×{scale}; choose ×{largest}."
    )


def _leading(cube: np.ndarray, usable: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the leading components of a cube (bands, y, x), for the registration."""
    spectra = cube[usable].reshape(int(usable.sum()), -1).astype(np.float64)
    mean = spectra[:, places.ravel()].mean(axis=1, keepdims=True)
    centred = np.where(places.ravel(), spectra - mean, 0)
    _, vectors = np.linalg.eigh(centred @ centred.T)
    return (vectors[:, ::-1][:, :LEADING].T @ centred).reshape(-1, *places.shape)


def _unexplained(cube: np.ndarray, seen: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the share of a cube's contrast that is left at each place, shape (y, x).

    Every band counts as much, whatever its variance.
    """
    from scipy.ndimage import gaussian_filter

    values = cube[:, counted].astype(np.float64)
    mean, deviation = (
        part[:, None, None] for part in (values.mean(axis=1), values.std(axis=1) + TINY)
    )
    contrast = np.square((cube - mean) / deviation).mean(axis=0)
    error = np.square((cube - seen) / deviation).mean(axis=0)
    floor = LEAST_CONTRAST * float(contrast[counted].mean())
    here, there = (gaussian_filter(image, WINDOW) for image in (error, contrast))
    return here / np.maximum(there + floor, TINY)
