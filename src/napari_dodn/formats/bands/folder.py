"""A folder of band images, one grey image per band, as the CAVE database is laid out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from napari_dodn.cube import HyperCube
from napari_dodn.formats.bands.descriptions import attributes_of
from napari_dodn.formats.bands.images import BandImages, head_of
from napari_dodn.formats.bands.series import (
    CAVE_SERIES,
    IMAGE_SUFFIXES,
    Series,
    series_in,
    wavelengths_of,
)
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.errors import AmbiguousError, FormatError
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.tables.wavelength_files import wavelengths_of_bands_beside
from napari_dodn.wording import few_of

COLOUR_NOTE = "Some images are stored in colour; their channels are equal, so one is taken."

_RGB = re.compile(r"(?:^|[^a-z])rgb(?:[^a-z]|$)", re.IGNORECASE)


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
    options.refuse("axes", path, BAND_IMAGES.opened)
    folder, series = _find(path, options.dataset)
    left_out = _of_one_size(series) if series.of_satellite else []
    files = [file for _, file in sorted(series.images)]
    found, notes = wavelengths_of(series, folder)
    notes += left_out
    data = BandImages(files)
    said = attributes_of(files, notes)
    if found is None and "wavelengths" not in said:
        called = folder / (series.name.rstrip("_-. ") or folder.name)
        found = wavelengths_of_bands_beside(called, len(files), notes)
    if data.in_colour:
        notes.append(COLOUR_NOTE)
    picture = _rgb_picture(folder, series)
    cube = HyperCube(
        data,
        **(said if found is None else {**said, "wavelengths": found}),
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
    if own := series_in(path):
        return [_candidate(series, series.called) for series in own]
    holding = _holding(path)
    if len(holding) == 1:
        return [_candidate(series, series.called) for series in series_in(holding[0])]
    return [
        _candidate(series, folder.name if len(inner) == 1 else f"{folder.name}/{series.called}")
        for folder in holding
        for inner in [series_in(folder)]
        for series in inner
    ]


def files_of(path: Path) -> tuple[Path, ...]:
    """Return a folder, and all that `read` may take for a band in it or in its subfolders."""
    if not path.is_dir():
        return (path,)
    folders = (path, *(file for file in sorted(path.iterdir()) if file.is_dir()))
    bands = (file for at in folders for series in series_in(at) for _, file in series.images)
    return path, *bands


def holds_band_images(folder: Path) -> bool:
    """Tell whether a folder itself, and not only one in it, holds band images."""
    return bool(series_in(folder))


def _of_one_size(series: Series) -> list[str]:
    """Leave out the images of a series that have another size than most; return notes."""
    sizes = {file: head_of(file)[0][:2] for _, file in series.images}
    (usual, _), *others = Counter(sizes.values()).most_common()
    if not others:
        return []
    gone = [file for file, size in sizes.items() if size != usual]
    series.images = [(number, file) for number, file in series.images if file not in gone]
    return [
        f"{file.name} is left out, since it has {sizes[file][0]} × {sizes[file][1]} pixels, not"
        f" {usual[0]} × {usual[1]}."
        for file in gone
    ]


def _candidate(series: Series, name: str) -> Candidate:
    first = BandImages([min(series.images)[1]])
    shape = (len(series.images), *first.shape[1:])
    reason = f"Each of the {len(series.images)} images is one band."
    return Candidate(name, shape, first.dtype.name, "byx", reason, fixed=True)


def _find(path: Path, dataset: str | None) -> tuple[Path, Series]:
    """Return the folder that holds the band images, and their series."""
    if series_in(path):
        return path, _choose(path, dataset)
    holding = _holding(path)
    names = [folder.name for folder in holding]
    folder, _, series = (dataset or "").partition("/")
    if folder in names:
        return path / folder, _choose(path / folder, series or None)
    if len(holding) > 1:
        raise AmbiguousError(
            f"{path} holds {len(names)} folders of band images ({few_of(names)}); open one of"
            f" them, or name it with the option 'dataset' (--dataset).",
            names,
        )
    return holding[0], _choose(holding[0], dataset)


def _holding(path: Path) -> list[Path]:
    """Return the subfolders that hold band images."""
    folders = [file for file in sorted(path.iterdir()) if file.is_dir() and series_in(file)]
    if not folders:
        raise FormatError(
            f"{path} holds no band images, such as scene_01.png, scene_02.png and so on; to open"
            " another cube in it, name its file."
        )
    return folders


def _choose(folder: Path, dataset: str | None) -> Series:
    found = series_in(folder)
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


def _rgb_picture(folder: Path, series: Series) -> Path | None:
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
