"""Images of single bands as one array (bands, y, x) that decodes a band when it is looked at."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.errors import FormatError, file_faults_as_sentences
from napari_dodn.formats.pixels.cache import LastUsed

TIFF_SUFFIXES = (".tif", ".tiff")

MOST_CHANNELS = 4
"""Channels of a picture: red, green, blue and opacity."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNGS_OF_16_BITS = (b"\x10\x02", b"\x10\x04", b"\x10\x06")
"""Bits of a sample, and the kind of colours: RGB, grey and opacity, RGB and opacity."""

PGM_HEAD = re.compile(rb"P[25]\s+\d+\s+\d+\s+(\d+)\s")
LONGEST_HEAD = 4096
"""Bytes in which the head of a PGM file is looked for, with the comments in it."""


class BandImages:
    """One grey image for each band, as an array that can be sliced, in several threads at a time.

    Parameters
    ----------
    files : sequence of Path
        In the order of the bands.

    Attributes
    ----------
    shape : tuple of int
        (bands, y, x).
    dtype : numpy.dtype
        Of the pixels.
    in_colour : bool
        Whether some images are stored in colour, with equal channels.

    Raises
    ------
    FormatError
        If an image is damaged, in colour, or does not fit the first. What the heads of the files
        do not tell is found out, and raised, when the band is sliced.
    """

    ndim = 3

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)
        self._decoded: LastUsed[int] = LastUsed()
        heads = [head_of(file) for file in self._files]
        (plane, self.dtype), *_ = ((shape[:2], dtype) for shape, dtype in heads)
        self.shape = (len(heads), *plane)
        for file, (shape, dtype) in zip(self._files, heads, strict=True):
            self._check(file, shape[:2], dtype)
        coloured = [band for band, (shape, _) in enumerate(heads) if len(shape) > 2]
        self.in_colour = bool(coloured)
        for band in coloured[:1]:  # photographs are told from bands before they are opened as such
            self._band(band)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return len(self._files)

    def __deepcopy__(self, memo: Any) -> BandImages:
        """Return itself, which never changes: so napari can duplicate its layer."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the files anew elsewhere, as a lock cannot be pickled."""
        return BandImages, (self._files,)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all bands in memory."""
        pixels = np.empty(self.shape, self.dtype)
        for band in range(len(self)):
            pixels[band] = self._band(band)
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return what numpy would, decoding only the bands that are asked for."""
        bands, *place = self._spelled_out(key)
        if not all(isinstance(part, slice | int | np.integer) for part in place):
            return np.asarray(self)[key]
        inside = tuple(place)
        if isinstance(bands, int | np.integer):
            return self._band(range(len(self))[operator.index(bands)])[inside]
        wanted = np.arange(len(self))[bands]
        if not wanted.size:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *inside)]
        return np.stack([self._band(int(band))[inside] for band in wanted])

    def _spelled_out(self, key: Any) -> tuple[Any, ...]:
        """Return an index with a part for each axis."""
        parts = key if isinstance(key, tuple) else (key,)
        missing = (slice(None),) * (self.ndim - sum(part is not Ellipsis for part in parts))
        for place, part in enumerate(parts):
            if part is Ellipsis:
                return (*parts[:place], *missing, *parts[place + 1 :])
        return (*parts, *missing)

    def _band(self, band: int) -> np.ndarray:
        if (found := self._decoded.find(lambda kept: kept == band)) is not None:
            return found[1]
        image = _grey_image(self._files[band])
        self._check(self._files[band], image.shape, image.dtype)
        image.flags.writeable = False
        self._decoded.keep(band, image)
        return image

    def _check(self, file: Path, plane: tuple[int, ...], dtype: np.dtype) -> None:
        if plane != self.shape[1:] or dtype != self.dtype:
            raise FormatError(
                f"{file} does not fit {self._files[0].name}: it is {_size(plane, dtype)}, "
                f"that one is {_size(self.shape[1:], self.dtype)}."
            )


def _size(plane: tuple[int, ...], dtype: np.dtype) -> str:
    return f"{plane[0]} × {plane[1]} pixels of {dtype}"


def head_of(file: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type of an image without decoding it."""
    import imageio.v3 as iio

    if file.stat().st_size == 0:
        raise FormatError(f"{file} is empty.")
    try:
        if _is_grey_tiff(file):
            with _first_page(file) as page:
                shape, dtype = tuple(page.shape), np.dtype(page.dtype.newbyteorder("="))
        else:
            properties = iio.improps(file, plugin="pillow")
            shape, dtype = tuple(properties.shape), np.dtype(properties.dtype)
    except Exception as error:  # each image library raises its own kinds on damaged files
        raise _damaged(file) from error
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] > MOST_CHANNELS):
        raise FormatError(f"{file} is not one grey image: its shape is {shape}.")
    return shape, np.dtype(np.uint16) if _is_colour_png_of_16_bits(file) else dtype


def holds_several_bands(file: Path) -> bool:
    """Tell whether a TIFF is a cube itself: of several pages, or more channels than a picture."""
    import tifffile

    if file.suffix.lower() not in TIFF_SUFFIXES:
        return False
    try:
        with tifffile.TiffFile(file) as tiff:
            axes, shape = tiff.series[0].axes, tiff.series[0].shape
    except Exception:  # noqa: BLE001 - damaged, as above; it is told when the image is read
        return False
    of = {"S": 1, "Y": 1, "X": 1} | dict(zip(axes, shape, strict=True))
    return of["S"] > MOST_CHANNELS or math.prod(shape) > of["S"] * of["Y"] * of["X"]


def _grey_image(file: Path) -> np.ndarray:
    """Read an image as (y, x); a colour image passes where its channels are equal."""
    try:
        with file_faults_as_sentences(file, "read"):
            image = _decoded(file)
    except FormatError:
        raise
    except Exception as error:  # as above
        raise _damaged(file) from error
    if image.ndim == 3:
        colours = image[..., : 1 if image.shape[2] == 2 else 3]
        if not (colours == colours[..., :1]).all():
            raise FormatError(f"{file} is a colour picture, not the image of one band.")
        image = image[..., 0]
    return np.ascontiguousarray(image)


def _decoded(file: Path) -> np.ndarray:
    """Return the numbers that are stored, which Pillow does not always."""
    import imageio.v3 as iio

    if _is_grey_tiff(file):
        with _first_page(file) as page:
            return np.asarray(page.asarray())
    if _is_colour_png_of_16_bits(file):  # of which Pillow takes the upper eight
        import imagecodecs

        return np.asarray(imagecodecs.png_decode(file.read_bytes()))
    with file.open("rb") as opened:
        image = np.asarray(iio.imread(opened, plugin="pillow"))
    if (most := _most_of_pgm(file)) is not None:  # which Pillow stretches to all of 8 or 16 bits
        full = 255 if image.dtype == np.uint8 else 65_535
        image = np.rint(image * (most / full)).astype(image.dtype)
    return image


def _is_grey_tiff(file: Path) -> bool:
    """Tell whether an image is a TIFF without colours, or one that Pillow does not know.

    Pillow takes signed bytes and 32 bits without a sign for others, and inverts where white is 0.
    """
    if file.suffix.lower() not in TIFF_SUFFIXES:
        return False
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            is_grey = image.mode != "P" and len(image.getbands()) == 1
            return is_grey and image.format == "TIFF"
    except UnidentifiedImageError:
        return True


@contextmanager
def _first_page(file: Path) -> Iterator[Any]:
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        yield tiff.pages.first


def _is_colour_png_of_16_bits(file: Path) -> bool:
    with file.open("rb") as opened:
        head = opened.read(26)
    return head.startswith(PNG_SIGNATURE) and head[24:] in PNGS_OF_16_BITS


def _most_of_pgm(file: Path) -> int | None:
    """Return the largest value that a PGM file may hold, by its head; None of other files."""
    with file.open("rb") as opened:
        head = opened.read(LONGEST_HEAD)
    found = PGM_HEAD.match(re.sub(rb"#[^\r\n]*", b"", head))
    return int(found[1]) if found else None


def _damaged(file: Path) -> FormatError:
    return FormatError(f"{file} cannot be read as an image; it may be damaged.")
