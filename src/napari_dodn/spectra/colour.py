"""What a cube looks like: true colour where it covers the visible range, false colour where not.

The CIE tables are replaced by closed formulas, because a colour library takes longer to import than
the picture takes to make; the tests hold the formulas against the tables.
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np

from napari_dodn.cube import HyperCube

VISIBLE = (380.0, 780.0)
"""Nanometres in which the eye sees anything."""

VISIBLE_CORE = (450.0, 640.0)
"""Nanometres that must be covered, without gaps wider than `WIDEST_GAP`, to call a colour true."""

WIDEST_GAP = 50.0

COMPOSITES = ((650.0, 550.0, 450.0), (860.0, 650.0, 550.0))
"""Wavelengths shown as red, green and blue: natural colours, then colour infrared."""

REACH = 30.0
"""How far, in nanometres, a band may lie from the wavelength that it stands for."""

DAYLIGHT = 6504.0
"""Correlated colour temperature of the illuminant D65, in kelvin."""

WHITE_D65 = np.array([0.95047, 1.0, 1.08883])
"""XYZ of the white of sRGB (IEC 61966-2-1)."""

XYZ_TO_LINEAR_SRGB = np.array(
    [
        [3.2406, -1.5372, -0.4986],
        [-0.9689, 1.8758, 0.0415],
        [0.0557, -0.2040, 1.0570],
    ]
)
"""IEC 61966-2-1."""

EXPOSURE_PERCENTILE = 99.5
STRETCH_PERCENTILES = (1.0, 99.0)

BLOCK_VALUES = 16_000_000
"""Values that are held at once while a large cube is read."""


def colour_matching(wavelengths: np.ndarray) -> np.ndarray:
    """Return the CIE 1931 2° colour-matching functions at some wavelengths.

    They are the multi-lobe fit of C. Wyman, P.-P. Sloan and P. Shirley, "Simple analytic
    approximations to the CIE XYZ color matching functions", JCGT 2(2), 2013, which is within 0.024
    of the tables everywhere (the largest value is 1.78).

    Parameters
    ----------
    wavelengths : numpy.ndarray
        Nanometres, shape (bands,).

    Returns
    -------
    numpy.ndarray
        x̄, ȳ and z̄, shape (3, bands).
    """

    def lobe(height: float, centre: float, left: float, right: float) -> np.ndarray:
        width = np.where(wavelengths < centre, left, right)
        return height * np.exp(-0.5 * ((wavelengths - centre) / width) ** 2)

    return np.stack(
        [
            lobe(1.056, 599.8, 37.9, 31.0)
            + lobe(0.362, 442.0, 16.0, 26.7)
            + lobe(-0.065, 501.1, 20.4, 26.2),
            lobe(0.821, 568.8, 46.9, 40.5) + lobe(0.286, 530.9, 16.3, 31.1),
            lobe(1.217, 437.0, 11.8, 36.0) + lobe(0.681, 459.0, 26.0, 13.8),
        ]
    )


def daylight(wavelengths: np.ndarray) -> np.ndarray:
    """Return the relative power of daylight: Planck's law at the colour temperature of D65."""
    second_radiation_constant = 1.438776877e7  # nm K
    return wavelengths**-5.0 / np.expm1(second_radiation_constant / (wavelengths * DAYLIGHT))


def thinning(shape: tuple[int, int], max_pixels: int | None) -> int:
    """Return n such that every n-th row and column of an image is about `max_pixels` pixels."""
    if max_pixels is None:
        return 1
    return max(1, ceil(sqrt(shape[0] * shape[1] / max_pixels)))


def render(cube: HyperCube, max_pixels: int | None = None) -> np.ndarray:
    """Return a picture of a cube for the screen.

    Where the usable bands cover the visible range it is what the CIE 1931 2° observer sees in
    daylight, in sRGB; radiance brings its own light. Elsewhere three bands are shown as red, green
    and blue: the cube's `default_bands`, natural colours or colour infrared where bands are near
    enough, or three bands from all over the range. Bad bands are not used,
    unless all are marked bad.

    Parameters
    ----------
    cube : HyperCube
        May be memory-mapped; only the bands that are shown are read.
    max_pixels : int, optional
        A larger cube is thinned to about that many pixels: see `thinning`.

    Returns
    -------
    numpy.ndarray
        uint8, shape (y, x, 3). Pixels without a valid value in every band shown are black.
    """
    step = thinning(cube.shape[1:], max_pixels)
    bands = _visible_bands(cube)
    if bands.size:
        to_srgb = XYZ_TO_LINEAR_SRGB @ _xyz_weights(cube, bands)
        channels = _srgb_gamma(_exposed(_weighted_bands(cube, bands, to_srgb, step)))
    else:
        bands = _composite_bands(cube)
        channels = _stretched(_weighted_bands(cube, bands, np.eye(3), step))
    picture = np.rint(np.nan_to_num(channels) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(picture, 0, -1))


def _visible_bands(cube: HyperCube) -> np.ndarray:
    """Return the usable bands that the eye sees, by wavelength; none where they leave a gap."""
    if cube.wavelengths is None:
        return np.array([], dtype=int)
    first, last = VISIBLE
    seen = cube.usable_bands & (cube.wavelengths >= first) & (cube.wavelengths <= last)
    bands = np.flatnonzero(seen)
    bands = bands[np.argsort(cube.wavelengths[bands], kind="stable")]
    centres = cube.wavelengths[bands]
    first, last = VISIBLE_CORE
    if not bands.size or centres[0] > first or centres[-1] < last:
        return bands[:0]
    inner = (centres[1:] > first) & (centres[:-1] < last)
    return bands if np.diff(centres)[inner].max() <= WIDEST_GAP else bands[:0]


def _xyz_weights(cube: HyperCube, bands: np.ndarray) -> np.ndarray:
    """Return how much each band adds to X, Y and Z, shape (3, bands)."""
    assert cube.wavelengths is not None  # no band is visible without
    centres = cube.wavelengths[bands]
    light = daylight(centres)
    weights = colour_matching(centres) * light * np.gradient(centres)
    weights *= (WHITE_D65 / weights.sum(axis=1))[:, None]
    # Radiance carries its light with it: a white sheet in daylight is white in both.
    return weights / light if cube.quantity == "radiance" else weights


def _composite_bands(cube: HyperCube) -> np.ndarray:
    """Return the three bands to show as red, green and blue."""
    usable = np.flatnonzero(cube.usable_bands)
    if not usable.size:  # every band is marked bad: a poor picture is better than none
        usable = np.arange(cube.bands)
    proposed = np.array(cube.default_bands, dtype=int)
    if proposed.size == 3 and np.isin(proposed, usable).all():
        return proposed
    if cube.wavelengths is not None:
        for wanted in COMPOSITES:
            distance = np.abs(cube.wavelengths[usable] - np.array(wanted)[:, None])
            distance = np.where(np.isnan(distance), np.inf, distance)
            if (distance.min(axis=1) <= REACH).all():
                return usable[distance.argmin(axis=1)]
    # The middles of the upper, central and lower third; the longest wavelengths as red.
    if cube.wavelengths is not None:
        usable = usable[np.argsort(cube.wavelengths[usable], kind="stable")]
    return usable[(usable.size * np.array([5, 3, 1])) // 6]


def _weighted_bands(
    cube: HyperCube, bands: np.ndarray, weights: np.ndarray, step: int
) -> np.ndarray:
    """Return three weighted sums of bands, shape (3, y, x), NaN where any band is invalid.

    It goes down the cube in blocks of rows, so that each page of a file with interleaved bands is
    read once.
    """
    height, width = cube.shape[1:]
    rows = max(1, BLOCK_VALUES * step // (bands.size * width)) * step
    blocks = []
    for row in range(0, height, rows):
        block = cube.data[:, row : min(row + rows, height) : step, ::step][bands]
        values = HyperCube(block, nodata=cube.nodata).pixels()
        if not cube.scaled and cube.gain is not None:
            values *= cube.gain[bands, None, None]
        if not cube.scaled and cube.offset is not None:
            values += cube.offset[bands, None, None]
        sums = weights @ values.reshape(bands.size, -1)
        blocks.append(sums.reshape(3, *values.shape[1:]))
    return np.concatenate(blocks, axis=1)


def _exposed(linear: np.ndarray) -> np.ndarray:
    """Scale linear RGB so that its brightest pixels just fit, with one factor for all channels."""
    brightest = linear.max(axis=0)
    valid = brightest[~np.isnan(brightest)]
    white = np.percentile(valid, EXPOSURE_PERCENTILE) if valid.size else 0.0
    return np.clip(linear / white, 0, 1) if white > 0 else np.zeros_like(linear)


def _stretched(channels: np.ndarray) -> np.ndarray:
    """Stretch each channel between two of its percentiles to 0 … 1."""
    valid = channels[:, ~np.isnan(channels).any(axis=0)]
    if not valid.size:
        return np.zeros_like(channels)
    low, high = np.percentile(valid, STRETCH_PERCENTILES, axis=1)[..., None, None]
    return np.clip((channels - low) / np.where(high > low, high - low, 1), 0, 1)


def _srgb_gamma(linear: np.ndarray) -> np.ndarray:
    """Apply the transfer function of sRGB (IEC 61966-2-1) to values in 0 … 1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
