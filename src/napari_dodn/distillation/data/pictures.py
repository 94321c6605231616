"""Pictures that a person pairs with a cube: read, made linear, brought to its grid and checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_dodn import formats
from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.formats.errors import FormatError, file_faults_as_sentences
from napari_dodn.formats.tiff.raster import TIFF
from napari_dodn.spectra.steps import BLOCK_VALUES, quantity_of

JPEGS = frozenset({".jpeg", ".jpg"})
PHOTOGRAPHS = JPEGS | {".bmp", ".pgm", ".png", ".ppm", ".webp"}

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


class PictureError(UserError):
    """A picture that cannot be read, or does not fit its cube."""


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
    pixels, notes, _ = opened_picture(cube.name, path)
    height, width = pixels.shape[1:]
    ratio = height // cube.shape[1]
    if ratio < 1 or (height, width) != (cube.shape[1] * ratio, cube.shape[2] * ratio):
        raise PictureError(
            f"{path} has {height} × {width} pixels, which are neither those of the cube"
            f" '{cube.name}', {cube.shape[1]} × {cube.shape[2]}, nor a whole multiple of them; crop"
            " or resample it."
        )
    if ratio > 1:
        notes.append(
            f"{path.name} has {ratio} × {ratio} pixels for each of the cube's; they are averaged."
        )
    picture = _averaged(pixels, ratio)
    if note := _misplaced(cube, picture, path):
        notes.append(note)
    return picture, tuple(notes)


def opened_picture(name: str, path: Path) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """Read the picture of a cube of some name, on its own grid.

    Returns
    -------
    picture : numpy.ndarray
        Shape (M, y, x), NaN where invalid, linear in light where that is known.
    notes : list of str
        What was found out or done, one sentence each.
    map_info : tuple of str
        Where it lies on the map, as ENVI says it; empty where the file does not say.

    Raises
    ------
    PictureError
        If it cannot be read.
    """
    try:
        return _opened(path)
    except UserError as error:
        raise PictureError(f"The picture of the cube '{name}': {error}") from error


def _opened(path: Path) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """Read a picture or a multispectral file; see `opened_picture`.

    Grey and colour pictures of eight bits are encoded for the screen: those of CAVE, made linear,
    correlate with the cubes' mean over bands to 0.991–1.000, as stored to 0.940–0.979. So the
    teacher, whose output is linear, need not learn the curve, and pixels can be averaged. Pictures
    of sixteen bits come from sensors, as a rule, and are linear.
    """
    suffix = path.suffix.lower()
    map_info: tuple[str, ...] = ()
    if suffix in PHOTOGRAPHS:
        planes = _photograph(path)
        is_encoded, pixels = planes.dtype == np.uint8, planes.astype(np.float64)
        pixels /= np.iinfo(planes.dtype).max
    else:
        cube = formats.read(path)
        map_info = cube.map_info
        is_encoded, pixels = False, quantity_of(cube)[usable_bands(cube)]
        if suffix in TIFF.suffixes:
            pixels = pixels[: len(pixels) - _has_alpha(path)]
            if len(pixels) in (1, 3) and cube.wavelengths is None and cube.data.dtype == np.uint8:
                is_encoded, pixels = True, pixels / 255
    if not is_encoded:
        return pixels, [], map_info
    # The inverse of sRGB's transfer function (IEC 61966-2-1).
    linear = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    note = f"{path.name} has eight bits; it is read as sRGB and made linear."
    return linear, [note], map_info


def _photograph(path: Path) -> np.ndarray:
    """Read a picture as (1 or 3, y, x), as it is stored."""
    import imagecodecs
    import imageio.v3 as iio

    with file_faults_as_sentences(path, "read"):
        content = path.read_bytes()
    try:
        # imageio takes the upper eight of a colour PNG's sixteen bits.
        is_png = path.suffix.lower() == ".png"
        image = np.asarray(imagecodecs.png_decode(content) if is_png else iio.imread(content))
    except Exception as error:  # each image library raises its own kinds on damaged files
        raise FormatError(f"{path} cannot be read as an image; it may be damaged.") from error
    if image.ndim not in (2, 3) or image.dtype.kind != "u":
        raise FormatError(
            f"{path} is not one picture: its shape is {image.shape}, its type {image.dtype}."
        )
    planes = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    if len(planes) == 4 and path.suffix.lower() in JPEGS:
        raise FormatError(f"{path} is in CMYK; save it in RGB.")
    return planes[: 1 if len(planes) < 3 else 3]


def _has_alpha(path: Path) -> bool:
    """Tell whether the last channel of a TIFF says how opaque a pixel is."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        kinds = file.pages.first.extrasamples
    return bool({tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA} & set(kinds))


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


def usable_bands(cube: HyperCube) -> np.ndarray:
    """Return the bands that count; all where every one is marked bad."""
    usable = cube.usable_bands
    return np.flatnonzero(usable if usable.any() else ~usable)
