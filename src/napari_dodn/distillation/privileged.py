"""The privileged image of each cube: the high-resolution multispectral image the teacher sees.

It is a real picture, brought to the cube's grid and checked, or the cube itself seen through
response functions, which are handed on as weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_dodn import formats
from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.config import ConfigError, Msi
from napari_dodn.formats.errors import FormatError, file_faults_as_sentences
from napari_dodn.spectra.colour import VISIBLE, Rendering, shown
from napari_dodn.spectra.response import (
    ResponseError,
    ResponseFunctions,
    camera,
    cie_1931,
    cie_1964,
    from_table,
    gaussian_bands,
)
from napari_dodn.spectra.steps import BLOCK_VALUES, quantity_of

PHOTOGRAPHS = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp"})
TIFFS = frozenset({".tif", ".tiff"})

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


@dataclass(frozen=True, eq=False)
class Privileged:
    """The privileged image of one cube; one of `weights` and `picture` is None.

    Attributes
    ----------
    name : str
        For example "CIE 1931" or "picture feathers_RGB.bmp".
    weights : numpy.ndarray or None
        Shape (M, bands), float32: the image is weights applied to the cube's quantity, after its
        invalid pixels are filled. Rows sum to 1; bands that cannot be used have weight 0.
    picture : numpy.ndarray or None
        Shape (M, y, x), float32, finite, on the cube's grid, linear in light where that is known.
    notes : tuple of str
        What was found out or done, one sentence each.
    """

    name: str
    weights: np.ndarray | None
    picture: np.ndarray | None
    notes: tuple[str, ...] = ()

    @property
    def bands(self) -> int:
        """Number of bands of the multispectral image, M."""
        image = self.picture if self.weights is None else self.weights
        assert image is not None
        return len(image)


def privileged_images(cubes: Sequence[HyperCube], msi: Msi) -> list[Privileged]:
    """Return the privileged image of each cube, all with the same number of bands.

    Parameters
    ----------
    cubes : sequence of HyperCube
        High-resolution cubes.
    msi : Msi
        Where the images come from. 'auto' takes the pictures where every cube has one that fits;
        else CIE 1931 where every cube covers the visible range and has most of its bands there;
        else Gaussian bands.

    Raises
    ------
    ConfigError
        If a picture is missing, cannot be read or does not fit its cube, or a response sees
        nothing of a cube.
    """
    match msi.source:
        case "auto":
            return _automatic(cubes, msi)
        case "paired":
            return _paired(cubes, msi)
        case "gaussian":
            return [_gaussian(cube, msi.bands) for cube in cubes]
        case _:
            response = _response(msi)
            return [_seen_through(response, cube) for cube in cubes]


def _automatic(cubes: Sequence[HyperCube], msi: Msi) -> list[Privileged]:
    notes: tuple[str, ...] = ()
    if all(_path_of_picture(cube, msi) for cube in cubes):
        try:
            return _paired(cubes, msi)
        except ConfigError as error:
            if msi.pictures:
                raise
            # Nobody asked for the pictures that happen to lie beside the cubes.
            notes = tuple(f"The pictures are not used. {fault}" for fault in error.faults.values())
    if all(_is_visible(cube) for cube in cubes):
        found = [_seen_through(cie_1931(), cube) for cube in cubes]
    else:
        bands = min(
            msi.bands,
            *(
                int(cube.bands if not cube.usable_bands.any() else cube.usable_bands.sum())
                for cube in cubes
            ),
        )
        found = [_gaussian(cube, bands) for cube in cubes]
    return [replace(image, notes=notes + image.notes) for image in found]


def _is_visible(cube: HyperCube) -> bool:
    """Tell whether a cube covers the visible range, and little beside it.

    Three bands of the visible would tell next to nothing of the short-wave infrared.
    """
    if cube.wavelengths is None or not shown(cube, Rendering()).is_true:
        return False
    centres = cube.wavelengths[_usable(cube)]
    return bool(np.mean((centres >= VISIBLE[0]) & (centres <= VISIBLE[1])) >= 0.5)


def _usable(cube: HyperCube) -> np.ndarray:
    """Return the bands that count; all where every one is marked bad."""
    usable = cube.usable_bands
    return np.flatnonzero(usable if usable.any() else ~usable)


def _response(msi: Msi) -> ResponseFunctions:
    """Return the response functions that a configuration names."""
    try:
        match msi.source:
            case "cie 1931":
                return cie_1931()
            case "cie 1964":
                return cie_1964()
            case "camera":
                return camera(msi.camera)
        assert msi.table is not None  # the configuration has seen to it
        return from_table(msi.table)
    except ResponseError as error:
        raise ConfigError({f"msi.{msi.source}": str(error)}) from error


def _seen_through(response: ResponseFunctions, cube: HyperCube) -> Privileged:
    try:
        return Privileged(response.name, _weights(response, cube), None)
    except ResponseError as error:
        raise ConfigError({"msi.source": f"With the cube '{cube.name}': {error}"}) from error


def _weights(response: ResponseFunctions, cube: HyperCube) -> np.ndarray:
    """Return the weights of all bands of a cube: (M, bands), 0 for those that are not usable."""
    usable = _usable(cube)
    weights = np.zeros((response.bands, cube.bands), np.float32)
    weights[:, usable] = response.weights(
        None if cube.wavelengths is None else cube.wavelengths[usable],
        None if cube.fwhm is None else cube.fwhm[usable],
    )
    return weights


def _gaussian(cube: HyperCube, bands: int) -> Privileged:
    """Return Gaussian bands spread over a cube's wavelengths, or over its band numbers."""
    usable = _usable(cube)
    if bands > usable.size:
        raise ConfigError(
            {
                "msi.bands": f"The cube '{cube.name}' has {usable.size} usable bands, of which"
                f" {bands} Gaussian ones cannot be made; choose at most {usable.size}."
            }
        )
    note = "has no wavelengths, so the Gaussian bands are spread over its band numbers."
    if cube.wavelengths is not None:
        centres = np.unique(cube.wavelengths[usable])
        centres = centres[np.isfinite(centres)]
        if centres.size > 1:
            low = centres[0] - (centres[1] - centres[0]) / 2
            high = centres[-1] + (centres[-1] - centres[-2]) / 2
            response = gaussian_bands(low, high, bands)
            try:
                return Privileged(response.name, _weights(response, cube), None)
            except ResponseError:
                note = (
                    "has a gap in its wavelengths where a Gaussian band would be, so these are spread"
                    " over its band numbers."
                )
    numbers = gaussian_bands(-0.5, usable.size - 0.5, bands)
    weights = np.zeros((bands, cube.bands), np.float32)
    weights[:, usable] = numbers.weights(np.arange(usable.size))
    name = f"{bands} Gaussian band{'s' * (bands != 1)} over the band numbers"
    return Privileged(name, weights, None, (f"The cube '{cube.name}' {note}",))


def _path_of_picture(cube: HyperCube, msi: Msi) -> Path | None:
    if cube.name in msi.pictures:
        return msi.pictures[cube.name]
    return Path(cube.rgb_picture) if cube.rgb_picture else None


def _paired(cubes: Sequence[HyperCube], msi: Msi) -> list[Privileged]:
    found: list[Privileged] = []
    for cube in cubes:
        path = _path_of_picture(cube, msi)
        if path is None:
            raise _fault(f"The cube '{cube.name}' has no picture; name one for it.")
        try:
            image = _picture_of(cube, path.expanduser())
        except FormatError as error:
            raise _fault(f"For the cube '{cube.name}': {error}") from error
        if found and image.bands != found[0].bands:
            raise _fault(
                f"The {image.name} of '{cube.name}' has {image.bands} bands, that of"
                f" '{cubes[0].name}' has {found[0].bands}; all must have as many."
            )
        found.append(image)
    return found


def _fault(sentence: str) -> ConfigError:
    return ConfigError({"msi.pictures": sentence})


def _picture_of(cube: HyperCube, path: Path) -> Privileged:
    """Read a picture and bring it to a cube's grid."""
    pixels, notes = _opened(path)
    height, width = pixels.shape[1:]
    ratio = height // cube.shape[1]
    if ratio < 1 or (height, width) != (cube.shape[1] * ratio, cube.shape[2] * ratio):
        raise _fault(
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
    return Privileged(f"picture {path.name}", None, picture, tuple(notes))


def _opened(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read a picture or a multispectral file: (M, y, x), NaN where invalid, and notes."""
    suffix = path.suffix.lower()
    if suffix in PHOTOGRAPHS:
        return _photograph(path)
    if suffix in TIFFS:
        return _tiff(path)
    cube = formats.read(path)
    return quantity_of(cube)[_usable(cube)], []


def _photograph(path: Path) -> tuple[np.ndarray, list[str]]:
    import imagecodecs
    import imageio.v3 as iio

    with file_faults_as_sentences(path, "read"):
        content = path.read_bytes()
    try:
        # imageio takes the upper eight of a colour PNG's sixteen bits.
        is_png = path.suffix.lower() == ".png"
        image = imagecodecs.png_decode(content) if is_png else iio.imread(content)
    except Exception as error:  # each image library raises its own kinds on damaged files
        raise FormatError(f"{path} cannot be read as an image; it may be damaged.") from error
    image = np.asarray(image)
    if image.ndim not in (2, 3):
        raise FormatError(f"{path} is not one picture: its shape is {image.shape}.")
    planes = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    return _light(planes[: 1 if len(planes) < 3 else 3], path)


def _tiff(path: Path) -> tuple[np.ndarray, list[str]]:
    import tifffile

    try:
        with file_faults_as_sentences(path, "read"), tifffile.TiffFile(path) as file:
            image = file.asarray()
            colours = file.pages.first.photometric == tifffile.PHOTOMETRIC.RGB
    except FormatError:
        raise
    except Exception as error:  # as above
        raise FormatError(f"{path} cannot be read as a TIFF; it may be damaged.") from error
    if image.ndim not in (2, 3):
        raise FormatError(f"{path} is not one picture: its shape is {image.shape}.")
    planes = image[None] if image.ndim == 2 else image
    if planes.shape[-1] < planes.shape[0]:
        planes = np.moveaxis(planes, -1, 0)
    return _light(planes[:3] if colours else planes, path)


def _light(planes: np.ndarray, path: Path) -> tuple[np.ndarray, list[str]]:
    """Return the values of a picture as light, so that they can be averaged.

    Grey and colour pictures of eight bits are encoded for the screen: those of CAVE, made linear,
    correlate with the cubes' mean over bands to 0.991–1.000, as stored to 0.940–0.979. The teacher,
    whose output is linear, need not learn the curve then. Those of sixteen bits come from sensors,
    as a rule, and are linear.
    """
    if planes.dtype == np.uint8 and len(planes) in (1, 3):
        encoded = planes / 255
        linear = np.where(
            encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4
        )  # IEC 61966-2-1
        return linear, [f"{path.name} has eight bits; it is taken for sRGB and made linear."]
    pixels = planes.astype(np.float64)
    if planes.dtype == np.uint16:
        pixels /= 65535
    pixels[~np.isfinite(pixels)] = np.nan
    return pixels, []


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
        f"Whether {path.name} lies on the cube could not be checked: their edges have too little"
        " in common."
    )
    if min(cube.shape[1:]) < LEAST_SIDE:
        return unknown
    scene, seen = _edges(_mean_image(cube)), _edges(picture.mean(axis=0, dtype=np.float64))
    if scene.std() == 0 or seen.std() == 0:
        return unknown
    found = phase_cross_correlation(scene, seen, upsample_factor=10)[0]
    dy, dx = -found
    moved = _likeness(scene, seen, round(dy), round(dx))
    still = _likeness(scene, seen, 0, 0)
    if max(abs(dy), abs(dx)) <= LARGEST_SHIFT:
        return unknown if max(still, moved) < CERTAIN else ""
    if moved < CERTAIN or moved < still + CLEARER:
        return unknown if still < CERTAIN else ""
    raise _fault(
        f"{path} does not lie on the cube '{cube.name}': it is shifted by {dy:+.1f} pixels along y"
        f" and {dx:+.1f} along x; register it first."
    )


def _mean_image(cube: HyperCube) -> np.ndarray:
    """Return the mean over the usable bands, (y, x); invalid pixels have the mean of the others."""
    bands, height, width = cube.shape
    usable = _usable(cube)
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
