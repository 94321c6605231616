"""Files of pictures that a person pairs with a cube: opened, and read where they are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_dodn import formats
from napari_dodn.bad_value_search import BadValueSearch
from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.formats.errors import (
    AmbiguousError,
    FormatError,
    UnknownKindError,
    file_faults_as_sentences,
)
from napari_dodn.formats.tiff.raster import TIFF
from napari_dodn.spectra.steps import quantity_of
from napari_dodn.wording import few_of

JPEGS = frozenset({".jpeg", ".jpg"})
JPEGS_2000 = frozenset({".j2k", ".jp2"})
PHOTOGRAPHS = JPEGS | JPEGS_2000 | {".bmp", ".pgm", ".png", ".ppm", ".webp"}

MOST_CANDIDATES = 3
"""Images of a file that are named where it holds several."""


class PictureError(UserError):
    """A picture that cannot be read, or does not fit its cube."""


@dataclass(frozen=True, eq=False)
class PictureFile:
    """A picture on its own grid.

    Grey and colour pictures of eight bits are encoded for the screen: those of CAVE, made linear,
    correlate with the cubes' mean over bands to 0.991–1.000, as stored to 0.940–0.979. So the
    teacher, whose output is linear, need not learn the curve, and pixels can be averaged. Pictures
    of sixteen bits come from sensors, as a rule, and are linear.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    stored : HyperCube
        What it holds; of a multispectral file, pixels are read when they are looked at.
    bands : numpy.ndarray
        Numbers of the bands that count.
    alpha : int or None
        The band that says how opaque a pixel is.
    full_scale : float
        Stored value that stands for 1.
    is_encoded : bool
        Whether values are encoded as sRGB.
    may_be_bad : bool
        Whether values can be fill values or glitches, as those of photographs cannot.
    """

    path: Path
    stored: HyperCube
    bands: np.ndarray
    alpha: int | None = None
    full_scale: float = 1.0
    is_encoded: bool = False
    may_be_bad: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.stored.shape[1], self.stored.shape[2]

    @property
    def map_info(self) -> tuple[str, ...]:
        """Where it lies on the map, as ENVI says it; empty where the file does not say."""
        return self.stored.map_info

    def read(self, region: Region | None = None) -> tuple[np.ndarray, list[str]]:
        """Return its pixels, or those of a part, linear in light where that is known.

        Returns
        -------
        pixels : numpy.ndarray
            Shape (M, y, x), NaN where invalid, transparent or bad by the rule for cubes.
        notes : list of str
            What was found out or done, one sentence each.
        """
        notes: list[str] = []
        pixels = quantity_of(self.stored, region)
        if self.may_be_bad:
            search = BadValueSearch(self.stored.data.dtype)
            own = self.stored.pixels(region)
            search.add(own)
            bad = search.result()
            pixels[bad.mask(own)] = np.nan
            notes += [f"{self.path.name}: {said}" for said in bad.sentences(bad_only=True)]
        if self.alpha is not None:
            pixels[:, pixels[self.alpha] == 0] = np.nan
        pixels = pixels[self.bands] / self.full_scale
        if self.is_encoded:
            # The inverse of sRGB's transfer function (IEC 61966-2-1).
            pixels = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
            notes.append(f"{self.path.name} has eight bits; it is read as sRGB and made linear.")
        return pixels, notes


def opened_picture(name: str, path: Path) -> PictureFile:
    """Open the picture of a cube of some name.

    Raises
    ------
    PictureError
        If it cannot be read.
    """
    try:
        return _photograph(path) if path.suffix.lower() in PHOTOGRAPHS else _multispectral(path)
    except UserError as error:
        sentence = str(error)
        if isinstance(error, AmbiguousError):
            some = few_of(error.candidates, MOST_CANDIDATES)
            sentence = f"{path} holds several images ({some}); save the right one in its own file."
        elif isinstance(error, UnknownKindError):
            sentence += f" A picture can also be one of {', '.join(sorted(PHOTOGRAPHS))}."
        raise PictureError(f"The picture of the cube '{name}': {sentence}") from error


def _multispectral(path: Path) -> PictureFile:
    """Open what is read as a cube."""
    cube = formats.read(path)
    bands, alpha, is_encoded = usable_bands(cube), None, False
    if path.suffix.lower() in TIFF.suffixes:
        if _has_alpha(path):
            alpha = cube.bands - 1
            bands = bands[bands != alpha]
        is_byte = cube.data.dtype == np.uint8
        is_encoded = len(bands) in (1, 3) and cube.wavelengths is None and is_byte
    return PictureFile(
        path,
        cube,
        bands,
        alpha,
        255.0 if is_encoded else 1.0,
        is_encoded,
        may_be_bad=not is_encoded,
    )


def _photograph(path: Path) -> PictureFile:
    """Read a picture in one of the formats of photographs."""
    import imagecodecs
    import imageio.v3 as iio

    suffix = path.suffix.lower()
    with file_faults_as_sentences(path, "read"):
        content = path.read_bytes()
    try:
        # imageio takes the upper eight of a colour PNG's sixteen bits.
        if suffix == ".png":
            image = np.asarray(imagecodecs.png_decode(content))
        elif suffix in JPEGS_2000:
            image = np.asarray(imagecodecs.jpeg2k_decode(content))
        else:  # turned as its camera says
            image = np.asarray(iio.imread(content, plugin="pillow", rotate=True))
    except Exception as error:  # each image library raises its own kinds on damaged files
        raise FormatError(f"{path} cannot be read as an image; it may be damaged.") from error
    if image.ndim not in (2, 3) or image.dtype.kind != "u":
        raise FormatError(
            f"{path} is not one picture: its shape is {image.shape}, its type {image.dtype}."
        )
    planes = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    if len(planes) == 4 and suffix in JPEGS:
        raise FormatError(f"{path} is in CMYK; save it in RGB.")
    channels = 1 if len(planes) < 3 else 3
    return PictureFile(
        path,
        HyperCube(planes),
        np.arange(channels),
        channels if len(planes) > channels else None,
        float(np.iinfo(planes.dtype).max),
        planes.dtype == np.uint8,
    )


def _has_alpha(path: Path) -> bool:
    """Tell whether the last channel of a TIFF says how opaque a pixel is."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        kinds = file.pages.first.extrasamples
    return bool({tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA} & set(kinds))


def usable_bands(cube: HyperCube) -> np.ndarray:
    """Return the numbers of the bands that count."""
    return np.flatnonzero(cube.counted_bands)
