"""TIFF, GeoTIFF, BigTIFF and OME-TIFF, read through tifffile; written as GDAL reads them."""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.description import (
    CHANGED,
    LEFT_OUT,
    cube_described,
    described_shape,
    description_text,
    is_description,
)
from napari_dodn.formats.envi.product_metadata import image_of, with_image
from napari_dodn.formats.errors import FormatError, damage_as_sentence, file_faults_as_sentences
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.blocks import check_free_space, copy_pixels, take_room
from napari_dodn.formats.pixels.elsewhere import elsewhere_in_words
from napari_dodn.formats.tiff import gdal as tiff_gdal
from napari_dodn.formats.tiff import geo as tiff_geo
from napari_dodn.formats.tiff import metadata as tiff_metadata
from napari_dodn.formats.tiff.changed import is_contradicted
from napari_dodn.formats.tiff.images import (
    TiffImage,
    check_complete,
    choose_image,
    find_images,
    other_files,
)
from napari_dodn.formats.tiff.pixels import pixels_of
from napari_dodn.replacing import replacing

SUFFIXES = (".tif", ".tiff")
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of TIFF and BigTIFF, of either byte order."""

MOST_BANDS = 65_535
"""TIFF counts the samples of a pixel in 16 bits."""

SLOW_BYTES = 2**28
"""Size from which it is worth saying that a layout is slow to look at."""

CENTIMETRES = {"nm": 1e-7, "um": 1e-4, "mm": 0.1, "cm": 1.0}
"""Units of pixels whose size TIFF's own tags can tell."""

_opening = ContextVar("opening", default=False)
"""Whether this thread is opening a file."""


def sniff(path: Path) -> bool:
    """Tell whether a file is a TIFF file, is called one, or is the metadata of a product's."""
    path = image_of(path)
    if not path.is_file():
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:
        return file.read(4) in SIGNATURES


def read(path: Path, options: ReadOptions = AS_STORED) -> HyperCube:
    """Open the cube of a TIFF file.

    Parameters
    ----------
    path : Path
        The file, or the metadata of an EnMAP or DESIS product beside it.
    options : ReadOptions
        `dataset` is the name of an image, as `contents` gives it. `axes` are the image's three as
        tifffile counts them: "byx" for pages or planar bands, "yxb" for interleaved ones.

    Returns
    -------
    HyperCube
        Read where it is sliced, and decompressed where the pixels do not lie in one piece. `notes`
        tells what the file itself does not.

    Raises
    ------
    AmbiguousError
        If several images may be the cube.
    FormatError
        If the file is damaged or holds no cube.
    """
    path = image_of(path)
    with file_faults_as_sentences(path, "read"), _opened(path) as tiff:
        text = _description(path, tiff)
        images = _images(path, tiff, options.axes, options.wavelength_count)
        image = choose_image(path, images, options.dataset)
        check_complete(path, image)
        others = elsewhere_in_words(path, other_files(path, image))
        cube, left_out = None, ""
        if is_description(text) and image.number == 0 and options.axes is None:
            cube, left_out = _own_cube(path, text, image)
        if cube is None:
            with damage_as_sentence(f"{path} is damaged: its tags make no sense."):
                attributes = tiff_metadata.attributes_of(path, tiff, image)
            pixels = pixels_of(path, tiff, image)
            notes = (*filter(None, [left_out]), *_notes(image, pixels), *attributes.pop("notes"))
            name = path.stem.removesuffix(".ome")
            cube = HyperCube(pixels, name=name, source=str(path), notes=notes, **attributes)
        else:
            cube = cube.derive(pixels_of(path, tiff, image))
        if others:
            cube = cube.derive(notes=(*cube.notes, others))
        return options.applied(cube)


def contents(path: Path) -> list[Candidate]:
    """List the images that may be the cube.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the file is damaged or holds no image.
    """
    path = image_of(path)
    with file_faults_as_sentences(path, "read"), _opened(path) as tiff:
        images = _images(path, tiff, None, None)
        tiff.close()
        return [image.candidate() for image in images]


def write(cube: HyperCube, path: Path) -> None:
    """Write a cube as a GeoTIFF of one page with planar bands, uncompressed; BigTIFF above 4 GB.

    GDAL's metadata tell other software wavelengths, FWHM, bad bands, scale and no-data, geo tags
    the place on the map where the map info is not of a turned image, and JSON in the description
    all that the cube has.

    Parameters
    ----------
    cube : HyperCube
        What to write.
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the cube has more bands than TIFF can count, or the disk has no room for it.
    """
    import tifffile

    dtype = _writable_dtype(np.dtype(cube.data.dtype))
    check_size(path, cube.shape, dtype)
    with replacing(path) as unfinished:
        pixels = tifffile.memmap(
            unfinished,
            shape=cube.shape if cube.bands > 1 else cube.shape[1:],
            dtype=dtype,
            photometric="minisblack",
            planarconfig="separate" if cube.bands > 1 else None,
            metadata=None,
            description=description_text(cube),
            software="napari-dodn",
            extratags=_extra_tags(cube),
            **_resolution(cube),
        )
        with unfinished.open("r+b") as file:
            take_room(file, unfinished.stat().st_size)
        copy_pixels(cube.data, pixels.reshape(cube.shape))
        pixels.flush()
        del pixels  # Windows renames no file that is mapped


def check_size(path: Path, shape: tuple[int, int, int], dtype: np.dtype) -> None:
    """Raise FormatError where `write` would refuse a cube for its size."""
    if shape[0] > MOST_BANDS:
        raise FormatError(
            f"{path} cannot be written: TIFF holds at most {MOST_BANDS:,} bands; write the cube as "
            f"ENVI (.hdr) instead."
        )
    check_free_space(path, math.prod(shape) * _writable_dtype(dtype).itemsize)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a TIFF file; it is closed where that which is done with it fails."""
    import tifffile

    logging.getLogger("tifffile").addFilter(_others)
    before = _opening.set(True)
    try:
        with damage_as_sentence(f"{path} is damaged or not a TIFF file."):
            tiff = tifffile.TiffFile(path)
        try:
            yield tiff
        except BaseException:
            tiff.close()
            raise
    finally:
        _opening.reset(before)


def _others(_record: logging.LogRecord) -> bool:
    """Let through what tifffile warns others of; what it warns us of is said in a sentence."""
    return not _opening.get()


def _description(path: Path, tiff: Any) -> str:
    with damage_as_sentence(f"{path} is damaged: it has no page."):
        return str(tiff.pages.first.description)


def _images(path: Path, tiff: Any, axes: str | None, count: int | None) -> list[TiffImage]:
    with damage_as_sentence(f"{path} is damaged or not a TIFF file."):
        if count is None:
            count = tiff_metadata.wavelength_count(tiff.pages.first)
        _check_pages(tiff)
        return find_images(path, tiff.series, axes=axes, count=count)


def _check_pages(tiff: Any) -> None:
    """Raise ValueError where pages follow one another in a circle, in which tifffile goes round."""
    if tiff.is_ndpi:  # whose offsets are written in another way
        return
    kind, file = tiff.tiff, tiff.filehandle
    seen: set[int] = set()
    at = kind.offsetsize if kind.offsetsize > 4 else 4  # of the offset of the first page
    while True:
        file.seek(at)
        (page,) = struct.unpack(kind.offsetformat, file.read(kind.offsetsize))
        if page in seen:
            raise ValueError("the pages follow one another in a circle")
        if not 0 < page < file.size:
            return
        seen.add(page)
        file.seek(page)
        head = file.read(kind.tagnosize)
        if len(head) < kind.tagnosize:
            return
        at = page + kind.tagnosize + struct.unpack(kind.tagnoformat, head)[0] * kind.tagsize
        if at + kind.offsetsize > file.size:
            return


def _own_cube(path: Path, text: str, image: TiffImage) -> tuple[HyperCube | None, str]:
    """Return what our description says, without pixels; None where it is no longer true, and why.

    Others copy it when they crop or change an image.
    """
    if image.shape != described_shape(path, text):
        return None, LEFT_OUT
    cube = cube_described(path, np.broadcast_to(np.float32(0), image.shape), text)
    with damage_as_sentence(f"{path} is damaged: its tags make no sense."):
        if is_contradicted(cube, image.series.keyframe):
            return None, CHANGED
    return cube, ""


def _notes(image: TiffImage, pixels: Any) -> list[str]:
    notes = []
    if not image.fixed:
        notes.append(
            f"The cube is {image}, read with the axes '{image.axes}': its bands are the "
            f"{image.reason}; the option 'axes' (--axes) decides."
        )
    if image.colours:
        notes.append(
            f"It is a colour picture ({image.colours}) of {image.bands} channels, not a spectral "
            f"cube."
        )
    elif image.bands == 1:
        notes.append("It is a single image, a cube of one band.")
    if hasattr(pixels, "dask") and image.axes == "yxb" and pixels.nbytes > SLOW_BYTES:
        notes.append(
            "Its bands are interleaved and compressed, so showing one band means reading all. A"
            " copy in ENVI (.hdr) is quick."
        )
    return notes


def _writable_dtype(dtype: np.dtype) -> np.dtype:
    """Return the little-endian type of TIFF that holds all values of another type."""
    if dtype.kind == "b":
        return np.dtype("u1")
    return np.dtype("<f8") if dtype.itemsize > 8 else dtype.newbyteorder("<")


def _extra_tags(cube: HyperCube) -> list[tuple[Any, ...]]:
    tags = tiff_geo.tags_of(cube)
    if xml := tiff_gdal.tag_of(cube):
        tags.append((tiff_metadata.GDAL_METADATA, "s", 0, xml.encode() + b"\0", True))
    if cube.nodata is not None:
        tags.append((tiff_metadata.GDAL_NODATA, "s", 0, f"{cube.nodata:.17g}", True))
    return tags


def _resolution(cube: HyperCube) -> dict[str, Any]:
    """Return the size of a pixel as microscopy software reads it."""
    factor = CENTIMETRES.get(cube.pixel_unit)
    if cube.pixel_size is None or factor is None or cube.map_info or min(cube.pixel_size) <= 0:
        return {}
    y, x = (1 / (size * factor) for size in cube.pixel_size)
    return {"resolution": (x, y), "resolutionunit": "CENTIMETER"}


TIFF = Format(
    name="GeoTIFF",
    opened="a TIFF file",
    sniff=sniff,
    read=read,
    contents=contents,
    suffixes=SUFFIXES,
    files=with_image,
    written=SUFFIXES,
    write=write,
    check_size=check_size,
)
