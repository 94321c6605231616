"""Pictures that a person pairs with a cube: brought to its grid, and checked to lie on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.data.picture_files import PictureError, opened_picture, usable_bands
from napari_dodn.spectra.steps import BLOCK_VALUES, quantity_of

LARGEST_SHIFT = 1.0
"""Pixels by which a picture may lie beside its cube."""

DETAIL = 3.0
"""Sigma, in pixels, of what is taken off an image to leave its edges, which show a shift."""

CERTAIN = 0.3
"""Correlation of the edges of two images from which on a shift between them is believed."""

CLEARER = 0.05
"""By how much the shift must better that correlation."""

LEAST_SIDE = 16
"""Pixels along the shorter side that it takes to look for a shift."""


def picture_of(cube: HyperCube, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a picture of a cube's scene and bring it to the cube's grid.

    Parameters
    ----------
    cube : HyperCube
        May be lazy; it is read once, to see whether the picture lies on it.
    path : pathlib.Path
        A picture, grey or in colour, or a multispectral file, of the cube's size or a whole
        multiple of it.

    Returns
    -------
    picture : numpy.ndarray
        Shape (M, y, x), float32, finite: invalid pixels have the mean of their band.
    notes : tuple of str
        What was found out or done, one sentence each.

    Raises
    ------
    PictureError
        If it cannot be read, or does not fit or lie on the cube.
    """
    file = opened_picture(cube.name, path)
    height, width = file.shape
    ratio = height // cube.shape[1]
    if ratio < 1 or (height, width) != (cube.shape[1] * ratio, cube.shape[2] * ratio):
        raise PictureError(
            f"{path} has {height} × {width} pixels, which are neither those of the cube"
            f" '{cube.name}', {cube.shape[1]} × {cube.shape[2]}, nor a whole multiple of them; crop"
            " or resample it."
        )
    pixels, notes = file.read()
    if ratio > 1:
        notes.append(
            f"{path.name} has {ratio} × {ratio} pixels for each of the cube's; they are averaged."
        )
    picture = _averaged(pixels, ratio)
    if note := _misplaced(cube, picture, path):
        notes.append(note)
    return picture, tuple(notes)


def _averaged(pixels: np.ndarray, ratio: int) -> np.ndarray:
    """Return the means over squares of pixels, float32; where none is valid, the band's mean."""
    bands, height, width = pixels.shape
    blocks = pixels.reshape(bands, height // ratio, ratio, width // ratio, ratio)
    valid = np.isfinite(blocks)
    count = valid.sum(axis=(2, 4))
    total = np.where(valid, blocks, 0.0).sum(axis=(2, 4))
    means = total.sum(axis=(1, 2)) / np.maximum(count.sum(axis=(1, 2)), 1)
    filled = np.where(count > 0, total / np.maximum(count, 1), means[:, None, None])
    return filled.astype(np.float32)


def _misplaced(cube: HyperCube, picture: np.ndarray, path: Path) -> str:
    """Refuse a picture that lies beside its cube; return a note where that cannot be told."""
    from skimage.registration import phase_cross_correlation

    unknown = (
        f"Could not check whether {path.name} lies on the cube: their edges have too little in"
        " common. Make sure that it shows the same scene."
    )
    if min(cube.shape[1:]) < LEAST_SIDE:
        return unknown
    scene, seen = _edges(_mean_image(cube)), _edges(picture.mean(axis=0, dtype=np.float64))
    if scene.std() == 0 or seen.std() == 0:
        return unknown
    found = phase_cross_correlation(scene, seen, upsample_factor=10)[0]
    dy, dx = np.round(-found, 1) + 0.0  # without a minus before zero
    moved = _likeness(scene, seen, round(dy), round(dx))
    still = _likeness(scene, seen, 0, 0)
    if max(abs(dy), abs(dx)) <= LARGEST_SHIFT:
        return unknown if max(still, moved) < CERTAIN else ""
    if moved < CERTAIN or moved < still + CLEARER:
        return unknown if still < CERTAIN else ""
    raise PictureError(
        f"{path} does not lie on the cube '{cube.name}': it is shifted by {dy:+.1f} pixels along y"
        f" and {dx:+.1f} along x; register it first."
    )


def _mean_image(cube: HyperCube) -> np.ndarray:
    """Return the mean over the usable bands, (y, x); invalid pixels have the mean of the others."""
    bands, height, width = cube.shape
    usable = usable_bands(cube)
    rows = max(1, BLOCK_VALUES // (bands * width))
    image = np.empty((height, width))
    for y0 in range(0, height, rows):
        region = Region(y0, min(y0 + rows, height), 0, width)
        block = quantity_of(cube, region)[usable]
        image[region.slices] = _averaged_over_bands(block)
    valid = np.isfinite(image)
    return np.where(valid, image, image[valid].mean() if valid.any() else 0.0)


def _averaged_over_bands(block: np.ndarray) -> np.ndarray:
    count = np.isfinite(block).sum(axis=0)
    return np.where(count > 0, np.nansum(block, axis=0) / np.maximum(count, 1), np.nan)


def _edges(image: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    deviation = image.std()
    # Rounding alone gives a flat image edges.
    if deviation <= 1e-9 * np.abs(image).max():
        return np.zeros_like(image)
    return (image - gaussian_filter(image, DETAIL)) / deviation


def _likeness(scene: np.ndarray, seen: np.ndarray, dy: int, dx: int) -> float:
    """Return the correlation of two images where the second is shifted by whole pixels."""
    height, width = scene.shape
    a = scene[max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)]
    b = seen[max(dy, 0) : height - max(-dy, 0), max(dx, 0) : width - max(-dx, 0)]
    if 4 * a.size < scene.size or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
