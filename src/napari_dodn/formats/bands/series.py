"""Which images of a folder are the bands of one cube, told by the numbers in their names."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_dodn.formats.bands.images import holds_several_bands
from napari_dodn.formats.contents import LEAST_BANDS
from napari_dodn.formats.errors import FormatError
from napari_dodn.formats.wavelengths.spelt import ranges_in_names
from napari_dodn.spectra.units import infer_unit, to_nanometres
from napari_dodn.wording import all_of

IMAGE_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg", ".pgm"})

CAVE_SERIES = re.compile(r"_ms_?$", re.IGNORECASE)
CAVE_WAVELENGTHS = np.arange(400.0, 701.0, 10.0)

LEAST_NANOMETRES = 200
"""A series of images that begins at this number or above counts nanometres, not bands."""

_WAVELENGTH = re.compile(
    r"(\d+(?:[.,p]\d+)?)[ _]?(nm|[uµμ]m|microns?|micromet(?:er|re)s?)(?![a-z])", re.IGNORECASE
)
_OF_SATELLITE = re.compile(r"^(.*(?:^|[_-])B)(\d{1,2})(A?)((?:_\d+m)?)$")
"""Landsat's and Sentinel-2's names; Sentinel-2's band 8A follows its band 8."""

LAST_OF_SATELLITE = 12
"""The last band of Sentinel-2; Landsat has fewer."""

_LAST_NUMBER = re.compile(r"^(.*?)(\d+)$")
_LAST_DECIMAL = re.compile(r"^(.*?)(\d{3,}[.,]\d+)$")


@dataclass
class Series:
    """Images whose names differ only in a number.

    Attributes
    ----------
    name, after : str
        What stands before the number, and behind it where it is not at the end.
    suffix : str
        Of the files.
    in_nm : bool
        Whether the number is a wavelength in nanometres.
    of_satellite : bool
        Whether the bands are those of a satellite, some of which may not be there.
    images : list of (float, Path)
        The numbers and the files.
    called : str
        What the option `dataset` takes: the name, and more where others have the same.
    """

    name: str
    after: str
    suffix: str
    in_nm: bool = False
    of_satellite: bool = False
    images: list[tuple[float, Path]] = field(default_factory=list)
    called: str = ""


def series_in(folder: Path) -> list[Series]:
    """Return the series of at least two images in a folder.

    Cubes whose names differ in a number are none: tiles, or scenes of several days.
    """
    groups: dict[tuple[str, str, str, bool, bool], Series] = {}
    files = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in IMAGE_SUFFIXES
        and not file.name.startswith(".")
        and file.is_file()
    ]
    decimal = _with_decimals(files)
    sizes, long_series = _with_sizes_of_pixels(files), _long_series(files)
    for file in files:
        named = decimal.get(file) or _named(file, file in sizes, long_series)
        if named is not None:
            number, name, after, in_nm, of_satellite = named
            key = (name, after, file.suffix.lower(), in_nm, of_satellite)
            groups.setdefault(key, Series(*key)).images.append((number, file))
    several = [series for series in groups.values() if len(series.images) > 1]
    grouped = {file for series in several for _, file in series.images}
    alone = [file for file in files if file not in grouped and file not in sizes]
    several += _with_running_numbers(alone)
    grouped |= {file for series in several for _, file in series.images}
    several += _with_numbers_inside([file for file in files if file not in grouped])
    several = [s for s in several if not holds_several_bands(min(s.images)[1])]
    for series in several:
        is_only_one = [other.name for other in several].count(series.name) == 1
        rest = series.after + "nm" * series.in_nm + series.suffix
        series.called = series.name + ("" if is_only_one else rest)
    return several


Named = tuple[float, str, str, bool, bool]
"""Number of an image, and name, after, in_nm and of_satellite of its series."""


def _named(file: Path, has_size: bool, long_series: set[str]) -> Named | None:
    """Return what a name that has its number at a usual place says; None for others."""
    if (found := _WAVELENGTH.search(file.stem)) and not has_size:
        factor = 1 if found[2].casefold() == "nm" else 1000
        number = factor * float(re.sub("[,pP]", ".", found[1]))
        return round(number, 6), file.stem[: found.start()], "", True, False
    if (found := _OF_SATELLITE.match(file.stem)) and found[1] not in long_series:
        return float(found[2]) + 0.5 * bool(found[3]), found[1], found[4], False, True
    if found := _LAST_NUMBER.match(file.stem):
        return float(found[2]), found[1], "", False, False
    return None


def _with_running_numbers(files: list[Path]) -> Iterator[Series]:
    """Yield the series of images that have other numbers, which rise too, before the wavelengths.

    They are counted, as in `001_450nm`, have the time, or name both edges, as in `445-455nm`.
    """
    groups: dict[tuple[str, str], list[tuple[list[int], float, Path]]] = defaultdict(list)
    for file in files:
        if (named := _named(file, False, set())) and named[3]:
            counts = [int(digits) for digits in re.findall(r"\d+", named[1])]
            kind = re.sub(r"\d+", "#", named[1]), file.suffix.lower()
            groups[kind].append((counts, named[0], file))
    for (pattern, suffix), group in groups.items():
        _, numbers, images = zip(*sorted(group), strict=True)
        if ranges := ranges_in_names([file.stem for file in images]):
            numbers = tuple(to_nanometres(ranges.values, ranges.unit or "nm").tolist())
        steps = np.diff(numbers)
        if len(group) >= LEAST_BANDS and ((steps > 0).all() or (steps < 0).all()):
            found = list(zip(numbers, images, strict=True))
            yield Series(pattern.partition("#")[0], "", suffix, in_nm=True, images=found)


def _with_sizes_of_pixels(files: list[Path]) -> set[Path]:
    """Return the images with a length in micrometres that comes again: no wavelength does."""
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for file in files:
        match = _WAVELENGTH.search(file.stem)
        if match and match[2].casefold() != "nm":
            found[file.stem[: match.end()], file.suffix.lower()].append(file)
    return {file for alike in found.values() if len(alike) > 1 for file in alike}


def _long_series(files: list[Path]) -> set[str]:
    """Return what stands before the numbers of series that are too long for a satellite's."""
    matches = (_LAST_NUMBER.match(file.stem) for file in files)
    return {match[1] for match in matches if match and int(match[2]) > LAST_OF_SATELLITE}


def _with_decimals(files: list[Path]) -> dict[Path, Named]:
    """Return the images whose last numbers have decimals, where they can be wavelengths."""
    found: dict[str, dict[Path, float]] = defaultdict(dict)
    for file in files:
        if match := _LAST_DECIMAL.match(file.stem):
            found[match[1]][file] = float(match[2].replace(",", "."))
    return {
        file: (number, name, "", False, False)
        for name, numbers in found.items()
        if len(numbers) >= LEAST_BANDS
        and min(numbers.values()) >= LEAST_NANOMETRES
        and len(set(map(int, numbers.values()))) > 1  # 2020.01, 2020.02 … are no wavelengths
        for file, number in numbers.items()
    }


def _with_numbers_inside(files: list[Path]) -> Iterator[Series]:
    """Yield the series of images whose number is followed by the same text in all."""
    while True:
        places: dict[tuple[str, str, str], Series] = {}
        for file in files:
            for match in re.finditer(r"\d+", file.stem):
                key = file.stem[: match.start()], file.stem[match.end() :], file.suffix.lower()
                images = places.setdefault(key, Series(*key)).images
                images.append((float(match[0]), file))
        largest = max(places.values(), key=lambda series: len(series.images), default=None)
        if largest is None or len(largest.images) < LEAST_BANDS:
            return
        yield largest
        taken = {file for _, file in largest.images}
        files = [file for file in files if file not in taken]


def wavelengths_of(series: Series, folder: Path) -> tuple[np.ndarray | None, list[str]]:
    """Return the wavelengths that the names of the images tell, and notes about them.

    Raises
    ------
    FormatError
        If a number is missing, or there are two images for one band.
    """
    numbers = np.array([number for number, _ in sorted(series.images)])
    repeated = defaultdict(list)
    for number, file in series.images:
        repeated[number].append(file.name)
    for files in repeated.values():
        if len(files) > 1:
            raise FormatError(f"{folder} has two images for one band: {all_of(files)}.")
    if series.in_nm:
        return numbers, ["The wavelengths are those in the names of the images."]
    count = numbers.size
    start = min(int(numbers[0]), 1)
    if numbers[-1] != start + count - 1:
        if numbers[0] >= LEAST_NANOMETRES and infer_unit(numbers) == "nm":
            return numbers, ["The numbers in the names of the images are taken for nanometres."]
        if series.of_satellite:
            shown = ", ".join(f"{int(n)}A" if n % 1 else f"{n:g}" for n in numbers)
            return None, [f"The bands are {shown}, by the names of the images."]
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
