"""Which image of a TIFF file is the cube, and which of its axes are bands, rows and columns.

A TIFF file holds series of pages; what tifffile makes of one has axes such as SYX (planar samples),
YXS (interleaved samples), CYX (OME channels), or QYX (pages of which nothing is known).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.axes import checked_axes, letters_of, spectral_axis
from napari_dodn.formats.contents import LEAST_BANDS, Candidate
from napari_dodn.formats.errors import AmbiguousError, FormatError, damage_as_sentence
from napari_dodn.wording import few_of

SPECTRAL_AXES = {"S": "samples", "C": "channels", "E": "emission wavelengths"}
"""Axes of TIFF that can only be those of the bands, the surest first."""

STACKED_AXES = {"Q": "pages", "I": "pages", "Z": "focal planes", "T": "times"}
"""Axes that are taken for those of the bands where there is no other."""

COLOUR_PHOTOMETRIC = ("RGB", "PALETTE", "CMYK", "YCBCR", "CIELAB")

SHOWN = 6
"""How many images a message names."""


@dataclass(frozen=True)
class TiffImage:
    """Three axes of a series of pages that may be the cube.

    Attributes
    ----------
    name : str
        What the option `dataset` calls it.
    number : int
        That of the series in the file, from 0.
    series : tifffile.TiffPageSeries
        The pages.
    place : tuple
        What to index all axes of the series with: a number, or None for each of the three.
    axes : str
        What the three mean: y, x and b in their order.
    reason : str
        Why, as the end of a sentence.
    fixed : bool
        Whether the file itself says it.
    """

    name: str
    number: int
    series: Any
    place: tuple[int | None, ...]
    axes: str
    reason: str
    fixed: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the three axes; a single image counts as one band."""
        axes = zip(self.place, self.series.shape, strict=True)
        lengths = tuple(length for at, length in axes if at is None)
        return lengths if len(lengths) == 3 else (1, *lengths)

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self.shape[self.axes.index("b")]

    @property
    def colours(self) -> str:
        """What kind of colour picture it is, such as "RGB"; empty for a grey one or a cube."""
        keyframe = self.series.keyframe
        photometric = getattr(keyframe.photometric, "name", "")
        few = self.bands <= LEAST_BANDS and "S" in self.series.axes
        if 0 in keyframe.extrasamples:  # neither colour nor alpha: perhaps near infrared
            return ""
        return photometric if photometric in COLOUR_PHOTOMETRIC and few else ""

    def candidate(self) -> Candidate:
        """Return what the panel shows of it."""
        reason = f"The bands are the {self.reason}."
        dtype = str(self.series.dtype.newbyteorder("="))
        return Candidate(self.name, self.shape, dtype, self.axes, reason, self.fixed)

    def __str__(self) -> str:
        return f"'{self.name}' ({' × '.join(map(str, self.shape))})"


def find_images(
    path: Path, series: Sequence[Any], *, axes: str | None = None, count: int | None = None
) -> list[TiffImage]:
    """Return the images that may be the cube: all of many bands, or else all.

    Parameters
    ----------
    path : Path
        For messages.
    series : sequence of tifffile.TiffPageSeries
        All of the file.
    axes : str, optional
        What the caller decided.
    count : int, optional
        Number of wavelengths that belong to the cube.

    Raises
    ------
    FormatError
        If the file has no image, or `axes` makes no sense.
    """
    images = [
        image
        for number, pages in enumerate(series)
        if not _is_aside(pages)
        for image in _images_of(path, number, pages, axes, count)
    ]
    if not images:
        raise FormatError(f"{path} holds no image.")
    return [image for image in images if image.bands >= LEAST_BANDS] or images


def choose_image(path: Path, images: list[TiffImage], dataset: str | None) -> TiffImage:
    """Return the only image, or that which the option `dataset` names.

    Raises
    ------
    AmbiguousError
        If there are several and no option decides.
    FormatError
        If there is none of that name.
    """
    shown = few_of(images, SHOWN)
    if dataset is not None:
        for image in images:
            if image.name == dataset:
                return image
        raise FormatError(f"{path} has no cube '{dataset}', only {shown}.")
    if len(images) > 1:
        raise AmbiguousError(
            f"{path} holds several cubes: {shown}; the option 'dataset' (--dataset) decides.",
            [image.name for image in images],
        )
    return images[0]


def check_complete(path: Path, image: TiffImage) -> None:
    """Raise FormatError where parts of an image lie beyond the end of the file, or are missing."""
    with damage_as_sentence(f"{path} is damaged: it does not say where its pixels are."):
        for page in image.series.pages:
            keyframe = page.keyframe if page is not None else None
            if page is None or keyframe is None:
                raise FormatError(f"{path} is damaged: some of its pages are missing.")
            file = page.parent.filehandle  # OME may spread an image over several files
            ends = [sum(part) for part in zip(page.dataoffsets, page.databytecounts, strict=True)]
            if len(ends) < np.prod(keyframe.chunked, dtype=object):
                raise FormatError(f"{path} is damaged: parts of its pixels are missing.")
            if (end := max(ends)) > file.size:
                raise FormatError(
                    f"{path.with_name(file.name)} is cut off: it has {file.size:,} bytes, but its "
                    f"pixels go on to byte {end:,}."
                )


def other_files(path: Path, image: TiffImage) -> Iterator[str]:
    """Yield the files of an image that OME has spread over several, relative to the first."""
    for file in sorted({page.parent.filehandle.path for page in image.series.pages}):
        if not os.path.samefile(file, path):  # noqa: PTH121 - both may be named by links
            yield os.path.relpath(file, path.parent.resolve())


def _is_aside(series: Any) -> bool:
    """Tell whether pages are a smaller version of others, or a mask."""
    keyframe = series.keyframe
    return bool(keyframe.is_reduced or keyframe.is_mask) or series.dtype is None


def _images_of(
    path: Path, number: int, series: Any, axes: str | None, count: int | None
) -> list[TiffImage]:
    letters = series.axes
    if "Y" not in letters or "X" not in letters:
        return []
    flat = [letters.rindex("Y"), letters.rindex("X")]
    others = [place for place in range(len(letters)) if place not in flat]
    long = [place for place in others if series.shape[place] > 1] or others
    order = [*SPECTRAL_AXES, *STACKED_AXES]
    # Of axes that tell nothing, the last stacked is the one that changes fastest.
    long.sort(key=lambda at: (order.index(letters[at]) if letters[at] in order else 99, -at))
    spectral = long[:1]
    chosen = sorted([*flat, *spectral])
    lengths = tuple(series.shape[place] for place in chosen)
    what, why, fixed = _meaning(path, letters, chosen, lengths, axes, count)
    fixed = fixed and axes is None
    free = [place for place in others if place not in spectral]
    images = []
    for at in itertools.product(*(range(series.shape[place]) for place in free)):
        indices = dict(zip(free, at, strict=True))
        steps = [f"{letters[p]} {i + 1}" for p, i in indices.items() if series.shape[p] > 1]
        name = ", ".join([f"image {number + 1}", *steps])
        place = tuple(indices.get(p) for p in range(len(letters)))
        images.append(TiffImage(name, number, series, place, what, why, fixed))
    return images


def _meaning(
    path: Path,
    letters: str,
    chosen: list[int],
    lengths: tuple[int, ...],
    axes: str | None,
    count: int | None,
) -> tuple[str, str, bool]:
    """Return what three axes mean, why, and whether the file itself says it."""
    if axes is not None and len(chosen) == 3:
        return checked_axes(axes, path), "axis that was asked for", False
    if len(chosen) < 3:
        return "byx", "image itself, which is a single one", True
    spectral = next(i for i, place in enumerate(chosen) if letters[place] not in "YX")
    letter = letters[chosen[spectral]]
    stored = "".join("b" if i == spectral else letters[p].lower() for i, p in enumerate(chosen))
    if letter in SPECTRAL_AXES:
        return stored, f"{SPECTRAL_AXES[letter]} of the TIFF file", True
    pages = STACKED_AXES.get(letter, "pages")
    if spectral != 0:
        return stored, f"{pages} of the TIFF file", False
    axis, why = spectral_axis(lengths, count, otherwise=(0, "as each page is an image"))
    if axis == 0:
        return "byx", f"{pages} of the TIFF file, {why}", False
    return letters_of(axis), f"{('', 'rows', 'columns')[axis]} of its pages, {why}", False
