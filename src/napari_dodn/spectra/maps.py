"""Maps computed from the spectra of one cube: similarity to a spectrum, ratios of bands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_dodn.cube import HyperCube, Region
from napari_dodn.jobs import Steps, never
from napari_dodn.spectra.angle import spectral_angle
from napari_dodn.spectra.comparison import MapError
from napari_dodn.spectra.library import Spectrum, resample
from napari_dodn.spectra.shown_bands import REACH
from napari_dodn.spectra.steps import each_block, quantity_of

CLOSE = 1 - 1e-7
"""Above this cosine (0.03°) angles are computed by the exact formula, which takes longer."""

LEAST_VALID = 0.5
"""Share of the bands that a pixel must have valid values in to be compared at all."""


def angle_map_steps(
    cube: HyperCube,
    spectrum: Spectrum | npt.ArrayLike,
    *,
    cancelled: Callable[[], bool] = never,
) -> Steps[np.ndarray]:
    """Map the spectral angle between each pixel and a spectrum.

    Parameters
    ----------
    cube : HyperCube
        Its bad bands do not count.
    spectrum : Spectrum or array-like
        A spectrum with other wavelengths is resampled to the cube's bands. An array must have the
        cube's bands, shape (bands,), and its quantity. Bands where it is NaN do not count.
    cancelled : callable
        Called between blocks of rows; if it returns True, the job raises `CancelledError`.

    Yields
    ------
    Progress
        After each block.

    Returns
    -------
    numpy.ndarray
        The angle in degrees, float32, shape (y, x), over the bands that are valid in the pixel;
        NaN in pixels where fewer than half of the bands are valid, or all values are zero.

    Raises
    ------
    MapError, LibraryError
        If the spectrum does not fit the cube.
    """
    return _against(cube, spectrum, _angles, "Mapping the spectral angle", cancelled)


def distance_map_steps(
    cube: HyperCube,
    spectrum: Spectrum | npt.ArrayLike,
    *,
    cancelled: Callable[[], bool] = never,
) -> Steps[np.ndarray]:
    """Map the Euclidean distance between each pixel and a spectrum, in the cube's quantity.

    Parameters, progress and errors are those of `angle_map_steps`. If a band of a pixel is invalid,
    the distance is scaled up from the others, so that distances with and without gaps can be
    compared. The map is float32, shape (y, x).
    """

    def distance(pixels: np.ndarray, reference: np.ndarray, valid: np.ndarray) -> np.ndarray:
        squares = np.where(valid, pixels - reference, 0) ** 2
        return np.sqrt(squares.sum(axis=0) * len(pixels) / np.maximum(valid.sum(axis=0), 1))

    return _against(cube, spectrum, distance, "Mapping the distance", cancelled)


def band_ratio_steps(
    cube: HyperCube, nm_a: float, nm_b: float, *, cancelled: Callable[[], bool] = never
) -> Steps[np.ndarray]:
    """Divide the usable band nearest to `nm_a` by the one nearest to `nm_b`.

    Parameters
    ----------
    cube : HyperCube
        With wavelengths.
    nm_a, nm_b : float
        Wavelengths in nanometres.
    cancelled : callable
        Called between blocks of rows; if it returns True, the job raises `CancelledError`.

    Yields
    ------
    Progress
        After each block.

    Returns
    -------
    numpy.ndarray
        The ratio, float32, shape (y, x), with gain and offset applied; NaN where a value is invalid
        or the divisor is 0.

    Raises
    ------
    MapError
        If the cube has no wavelengths, no usable band near one of them, or one band for both.
    """
    return _of_two_bands(cube, nm_a, nm_b, lambda a, b: a / b, "Dividing bands", cancelled)


def normalised_difference_steps(
    cube: HyperCube, nm_a: float, nm_b: float, *, cancelled: Callable[[], bool] = never
) -> Steps[np.ndarray]:
    """Compute (a − b) / (a + b) of the usable bands nearest to two wavelengths.

    With near infrared as a and red as b, this is the NDVI (Rouse et al. 1974). Parameters, progress
    and errors are those of `band_ratio_steps`.
    """
    return _of_two_bands(
        cube, nm_a, nm_b, lambda a, b: (a - b) / (a + b), "Comparing bands", cancelled
    )


def band_near(cube: HyperCube, wavelength: float) -> int:
    """Return the usable band nearest to a wavelength in nanometres.

    Raises
    ------
    MapError
        If the cube has no wavelengths, or that band is farther away than 30 nm and its own width.
    """
    if cube.wavelengths is None:
        raise MapError(
            f"'{cube.name}' has no wavelengths, so its bands cannot be chosen by them; open it"
            " together with its wavelengths."
        )
    distance = np.where(cube.usable_bands, np.abs(cube.wavelengths - wavelength), np.inf)
    distance = np.where(np.isnan(distance), np.inf, distance)
    band = int(distance.argmin())
    width = 0.0 if cube.fwhm is None else np.nan_to_num(cube.fwhm[band])
    if not distance[band] <= max(REACH, width):
        usable = cube.wavelengths[cube.usable_bands]
        nearest = f"; the nearest is at {cube.wavelengths[band]:g} nm" if usable.size else ""
        raise MapError(f"'{cube.name}' has no usable band near {wavelength:g} nm{nearest}.")
    return band


def _angles(pixels: np.ndarray, reference: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the angles of pixels to one spectrum, by products alone where that is exact enough."""
    if not valid.all():
        pixels, reference = np.where(valid, pixels, 0), np.where(valid, reference, 0)
        along = np.einsum("byx,byx->yx", pixels, reference)
        length = np.einsum("byx,byx->yx", reference, reference)
    else:
        along = np.tensordot(reference[:, 0, 0], pixels, axes=1)
        length = np.full(along.shape, (reference**2).sum())
    squares = np.einsum("byx,byx->yx", pixels, pixels)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = along / np.sqrt(squares * length)
    angles = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    close = np.abs(cosine) > CLOSE  # where the cosine hardly changes with the angle
    if close.any():
        there = np.broadcast_to(reference, pixels.shape)[:, close]
        angles[close] = spectral_angle(pixels[:, close], there)
    return angles


Comparison = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _against(
    cube: HyperCube,
    spectrum: Spectrum | npt.ArrayLike,
    compare: Comparison,
    message: str,
    cancelled: Callable[[], bool],
) -> Steps[np.ndarray]:
    """Compare (bands, y, x) pixels with a (bands, 1, 1) spectrum where both are valid."""
    reference = _on_bands_of(cube, spectrum)
    used = cube.usable_bands & np.isfinite(reference)
    if not used.any():
        name = f" '{spectrum.name}'" if isinstance(spectrum, Spectrum) else ""
        raise MapError(f"The spectrum{name} and '{cube.name}' have no usable band in common.")
    result = np.full(cube.shape[1:], np.nan, np.float32)

    def work(block: Region) -> None:
        pixels = quantity_of(cube, block)
        pixels = pixels if used.all() else pixels[used]
        valid = np.isfinite(pixels)
        values = compare(pixels, reference[used, None, None], valid)
        enough = np.count_nonzero(valid, axis=0) >= LEAST_VALID * len(valid)
        result[block.slices] = np.where(enough, values, np.nan)

    yield from each_block(cube.shape, work, message, cancelled)
    return result


def _on_bands_of(cube: HyperCube, spectrum: Spectrum | npt.ArrayLike) -> np.ndarray:
    if isinstance(spectrum, Spectrum):
        same = spectrum.bands == cube.bands and (
            spectrum.wavelengths is None
            or cube.wavelengths is None
            or np.array_equal(spectrum.wavelengths, cube.wavelengths, equal_nan=True)
        )
        if not same and cube.wavelengths is not None:
            spectrum = resample(spectrum, cube.wavelengths, cube.fwhm)
        spectrum = spectrum.valid_values
    values = np.asarray(spectrum, np.float64)
    if values.shape != (cube.bands,):
        raise MapError(
            f"The spectrum has {values.size} bands and '{cube.name}' has {cube.bands}; without"
            " wavelengths in both, they cannot be matched."
        )
    return values


def _of_two_bands(
    cube: HyperCube,
    nm_a: float,
    nm_b: float,
    formula: Callable[[np.ndarray, np.ndarray], np.ndarray],
    message: str,
    cancelled: Callable[[], bool],
) -> Steps[np.ndarray]:
    bands = [band_near(cube, wavelength) for wavelength in (nm_a, nm_b)]
    if bands[0] == bands[1]:
        assert cube.wavelengths is not None
        raise MapError(
            f"The nearest to {nm_a:g} nm and to {nm_b:g} nm is the same band of '{cube.name}', that"
            f" at {cube.wavelengths[bands[0]]:g} nm; choose wavelengths of two bands."
        )
    result = np.empty(cube.shape[1:], np.float32)

    def work(block: Region) -> None:
        a, b = (quantity_of(cube, block, slice(band, band + 1))[0] for band in bands)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = formula(a, b)
        result[block.slices] = np.where(np.isfinite(values), values, np.nan)

    yield from each_block(cube.shape, work, message, cancelled)
    return result
