"""A folder of band images, one grey image per band, as the CAVE database is laid out."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.bands.images import BandImages
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.errors import AmbiguousError, FormatError, file_faults_as_sentences
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.spectra.units import infer_unit

IMAGE_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg", ".pgm"})

CAVE_SERIES = re.compile(r"_ms_?$", re.IGNORECASE)
CAVE_WAVELENGTHS = np.arange(400.0, 701.0, 10.0)

COLOUR_NOTE = "Some images are stored in colour; their channels are equal, so one is taken."

LEAST_NANOMETRES = 200
"""A series of images that begins at this number or above counts nanometres, not bands."""

_WAVELENGTH = re.compile(r"(\d+(?:[.,]\d+)?)[ _]?nm(?![a-z])", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"^(.*?)(\d+)$")
_RGB = re.compile(r"(?:^|[^a-z])rgb(?:[^a-z]|$)", re.IGNORECASE)


@dataclass
class _Series:
    """Images whose names differ only in a number: `number` is a wavelength if `in_nm`.

    `called` is what the option `dataset` takes: the name, and more where others have the same.
    """

    name: str
    suffix: str
    in_nm: bool
    images: list[tuple[float, Path]] = field(default_factory=list)
    called: str = ""


def sniff(path: Path) -> bool:
    """Tell whether a path is a folder; whether it holds band images is told when it is read."""
    return path.is_dir()


def read(path: Path, options: ReadOptions = AS_STORED) -> HyperCube:
    """Read a folder of band images, or one whose only subfolder holds them.

    Parameters
    ----------
    path : Path
        The folder.
    options : ReadOptions
        `dataset` is a series of images, by the part of their names before the number, or a
        subfolder. `axes` has no meaning.

    Returns
    -------
    HyperCube
        Its bands are decoded when they are looked at. `rgb_picture` names an RGB picture of the
        scene, if there is one.

    Raises
    ------
    AmbiguousError
        If there are several series of images, or several subfolders with one.
    FormatError
        If there are none, a number is missing, or an image does not fit the others.
    """
    path = Path(path)
    options.refuse("axes", path, BAND_IMAGES.opened)
    with file_faults_as_sentences(path, "read"):
        folder, series = _find(path, options.dataset)
        images = sorted(series.images)
        found, notes = _wavelengths_of(series, folder)
        data = BandImages([file for _, file in images])
        if data.in_colour:
            notes.append(COLOUR_NOTE)
        picture = _rgb_picture(folder, series)
        cube = HyperCube(
            data,
            wavelengths=found,
            name=series.name.rstrip("_-. ") or folder.name,
            rgb_picture=str(picture) if picture else "",
            source=str(path),
            notes=tuple(notes),
        )
        return options.applied(cube)


def contents(path: Path) -> list[Candidate]:
    """List the series of band images in a folder, or its subfolders that hold some.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    FormatError
        If there are none, or the first image of one cannot be read.
    """
    path = Path(path)
    with file_faults_as_sentences(path, "read"):
        if own := _series_in(path):
            return [_candidate(series, series.called) for series in own]
        holding = _holding(path)
        if len(holding) == 1:
            return [_candidate(series, series.called) for series in _series_in(holding[0])]
        return [
            _candidate(series, folder.name if len(inner) == 1 else f"{folder.name}/{series.called}")
            for folder in holding
            for inner in [_series_in(folder)]
            for series in inner
        ]


def files_of(path: Path) -> tuple[Path, ...]:
    """Return a folder, and all that `read` may take for a band in it or in its subfolders."""
    if not path.is_dir():
        return (path,)
    folders = (path, *(file for file in sorted(path.iterdir()) if file.is_dir()))
    bands = (file for at in folders for series in _series_in(at) for _, file in series.images)
    return path, *bands


def holds_band_images(folder: Path) -> bool:
    """Tell whether a folder itself, and not only one in it, holds band images."""
    return bool(_series_in(folder))


def _candidate(series: _Series, name: str) -> Candidate:
    first = BandImages([min(series.images)[1]])
    shape = (len(series.images), *first.shape[1:])
    reason = f"Each of the {len(series.images)} images is one band."
    return Candidate(name, shape, first.dtype.name, "byx", reason, fixed=True)


def _find(path: Path, dataset: str | None) -> tuple[Path, _Series]:
    """Return the folder that holds the band images, and their series."""
    if _series_in(path):
        return path, _choose(path, dataset)
    holding = _holding(path)
    names = [folder.name for folder in holding]
    folder, _, series = (dataset or "").partition("/")
    if folder in names:
        return path / folder, _choose(path / folder, series or None)
    if len(holding) > 1:
        shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        raise AmbiguousError(
            f"{path} holds {len(names)} folders of band images ({shown}); open one of them, "
            f"or name it with the option 'dataset' (--dataset).",
            names,
        )
    return holding[0], _choose(holding[0], dataset)


def _holding(path: Path) -> list[Path]:
    """Return the subfolders that hold band images."""
    folders = [file for file in sorted(path.iterdir()) if file.is_dir() and _series_in(file)]
    if not folders:
        raise FormatError(
            f"{path} holds no band images, such as scene_01.png, scene_02.png and so on."
        )
    return folders


def _choose(folder: Path, dataset: str | None) -> _Series:
    found = _series_in(folder)
    names = [series.called for series in found]
    if dataset is not None:
        found = [
            series for series in found if dataset in (series.called, series.called.rstrip("_-. "))
        ]
        if not found:
            raise FormatError(
                f"{folder} has no series of images named '{dataset}', only {', '.join(names)}."
            )
    if len(found) > 1:
        raise AmbiguousError(
            f"{folder} holds several series of images ({', '.join(names)}); "
            f"the option 'dataset' (--dataset) decides.",
            names,
        )
    return found[0]


def _series_in(folder: Path) -> list[_Series]:
    """Return the series of at least two images in a folder."""
    groups: dict[tuple[str, str, bool], _Series] = {}
    for file in sorted(folder.iterdir()):
        suffix = file.suffix.lower()
        if suffix not in IMAGE_SUFFIXES or file.name.startswith(".") or not file.is_file():
            continue
        if found := _WAVELENGTH.search(file.stem):
            name, number, in_nm = file.stem[: found.start()], found[1].replace(",", "."), True
        elif found := _LAST_NUMBER.match(file.stem):
            name, number, in_nm = found[1], found[2], False
        else:
            continue
        key = (name, suffix, in_nm)
        groups.setdefault(key, _Series(*key)).images.append((float(number), file))
    several = [series for series in groups.values() if len(series.images) > 1]
    for series in several:
        alone = [other.name for other in several].count(series.name) == 1
        series.called = series.name + ("" if alone else "nm" * series.in_nm + series.suffix)
    return several


def _wavelengths_of(series: _Series, folder: Path) -> tuple[np.ndarray | None, list[str]]:
    """Return the wavelengths that the names of the images tell, and notes about them."""
    numbers = np.array([number for number, _ in sorted(series.images)])
    repeated = defaultdict(list)
    for number, file in series.images:
        repeated[number].append(file.name)
    for files in repeated.values():
        if len(files) > 1:
            raise FormatError(f"{folder} has two images for one band: {' and '.join(files)}.")
    if series.in_nm:
        return numbers, ["The wavelengths are those in the names of the images."]
    count = numbers.size
    start = min(int(numbers[0]), 1)
    if numbers[-1] != start + count - 1:
        if numbers[0] >= LEAST_NANOMETRES and infer_unit(numbers) == "nm":
            return numbers, ["The numbers in the names of the images are taken for nanometres."]
        missing = next(number for number in itertools.count(start) if number not in numbers)
        raise FormatError(
            f"{folder} has {count} band images with numbers up to {numbers[-1]:g}, "
            f"but number {missing} is missing."
        )
    if count == CAVE_WAVELENGTHS.size and CAVE_SERIES.search(series.name):
        note = (
            "The images are named like those of the CAVE database: 400 to 700 nm in steps of 10 nm."
        )
        return CAVE_WAVELENGTHS, [note]
    return None, []


def _rgb_picture(folder: Path, series: _Series) -> Path | None:
    """Find an RGB picture beside the bands, or beside their folder under the scene's name."""
    bands = {file for _, file in series.images}
    scene = CAVE_SERIES.sub("", series.name.rstrip("_-. ")).casefold()
    for place in (folder, folder.parent):
        pictures = [
            file
            for file in sorted(place.iterdir())
            if file.suffix.lower() in IMAGE_SUFFIXES
            and _RGB.search(file.stem)
            and file not in bands
        ]
        named = [file for file in pictures if scene and file.stem.casefold().startswith(scene)]
        if named:
            return named[0]
        if place == folder and len(pictures) == 1:
            return pictures[0]
    return None


BAND_IMAGES = Format(
    name="band images",
    opened="a folder of band images",
    sniff=sniff,
    read=read,
    contents=contents,
    suffixes=tuple(sorted(IMAGE_SUFFIXES)),
    files=files_of,
)
