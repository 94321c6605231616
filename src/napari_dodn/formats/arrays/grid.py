"""Where the cube of a file of named arrays lies on the map, by the CF conventions or GDAL's.

The coordinates of rows and columns are vectors named as the axes are, with a value for the centre
of each pixel; `grid_mapping` names the variable that has the system, as rioxarray writes it too.
(https://cfconventions.org, chapters 4 and 5; https://gdal.org/drivers/raster/netcdf.html)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_dodn import crs
from napari_dodn.formats.arrays.conventions import (
    GRID_MAPPING,
    ONLY_A_DIMENSION,
    SYSTEM,
    TRANSFORM,
    WKT,
)
from napari_dodn.formats.arrays.model import Array, Reading, Store, ancestors
from napari_dodn.formats.contents import Explanation
from napari_dodn.formats.envi.fields import ENVI_NAME_OF_UNIT
from napari_dodn.formats.wavelengths.named import letters
from napari_dodn.map_info import coordinates_of
from napari_dodn.spectra.units import canonical_unit

TEXTS_OF_A_SYSTEM = (SYSTEM, WKT)
"""Attributes with a well-known text, that in its older form, which more software reads, first."""

NAMES = {
    "y": ("y", "lat", "latitude", "northing", "ycoord", "ycoordinates"),
    "x": ("x", "lon", "long", "longitude", "easting", "xcoord", "xcoordinates"),
}
"""Names, of letters alone, of coordinates."""

OF_THE_GLOBE = ("lat", "latitude", "lon", "long", "longitude")
DEGREES = re.compile(r"^degrees?([ _]?(north|south|east|west|[nsew]))?$|^deg$", re.IGNORECASE)
FAR = {
    **dict.fromkeys(("km", "kilometer", "kilometre", "kilometers", "kilometres"), "km"),
    **dict.fromkeys(("ft", "foot", "feet"), "ft"),
}
"""Units of lengths that no wavelength has, by their names."""

METRES = {"m": 1.0, "km": 1000.0, "ft": 0.3048}

NO_SYSTEM = "Arbitrary"
"""What ENVI calls coordinates without a system."""

EVEN = 0.05
"""Share of a step by which coordinates may be off; single precision has few digits for degrees."""

LONGEST_AXIS = 10**6


class _Steps(NamedTuple):
    """Edge of the first pixel along an axis, and the step from pixel to pixel, which has a sign."""

    edge: float
    step: float


class _Grid(NamedTuple):
    """Rows and columns in the words for their system, and its text."""

    y: _Steps
    x: _Steps
    words: crs.Words
    text: str


class _Coordinate(NamedTuple):
    """A vector of coordinates, and what the file says of it."""

    array: Array
    said: Mapping[str, Any]
    axis: str

    @property
    def unit(self) -> str:
        """As HyperCube calls it; empty if it is none of a place."""
        text = str(self.said.get("units", "")).strip()
        if DEGREES.match(text):
            return "degree"
        known = FAR.get(text.casefold()) or canonical_unit(text) or ""
        return known.replace("µ", "u") if known in (*METRES, "cm", "mm", "µm") else ""

    @property
    def is_of_a_place(self) -> bool:
        """Whether it may be a place, not a time or an angle of a scan."""
        if self.unit or str(self.said.get("units", "")) not in ("", "1"):
            return bool(self.unit)
        if self.said.get("standard_name") == f"projection_{self.axis}_coordinate":
            return True
        return letters(self.array.name.rpartition("/")[2]) in NAMES[self.axis]

    @property
    def is_of_the_globe(self) -> bool:
        """Whether it is latitude or longitude."""
        name = str(self.said.get("standard_name", self.array.name.rpartition("/")[2]))
        return self.unit == "degree" or (not self.unit and letters(name) in OF_THE_GLOBE)

    def steps(self) -> _Steps | None:
        """Return edge and step; None where the steps differ."""
        values = self.array.values
        if not isinstance(values, np.ndarray):
            values = self.array.load()
        values = np.asarray(values, np.float64).ravel()
        step = (values[-1] - values[0]) / (values.size - 1)
        even = values[0] + step * np.arange(values.size)
        if not (np.isfinite(values).all() and step) or abs(values - even).max() > EVEN * abs(step):
            return None
        return _Steps(float(values[0] - step / 2), float(step))


def add_place(store: Store, reading: Reading, attributes: dict[str, Any]) -> None:
    """Add map info, size of pixels and the system; turn rows and columns that run backwards.

    Parameters
    ----------
    store : Store
        What the file holds.
    reading : Reading
        The cube in it; its `mirrored` and `notes` may change.
    attributes : dict
        Of the HyperCube.
    """
    array = reading.parts[0]
    if store.by_columns or reading.image_size is not None or "map_info" in attributes:
        return
    system = _system(store, array)
    steps = _by_coordinates(store, reading, system) or _by_transform(store, reading, system)
    if steps is None:
        reading.notes += _notes_on_places_of_pixels(store, reading)
        return
    words = steps.words
    attributes.update(pixel_size=(abs(steps.y.step), abs(steps.x.step)), pixel_unit=words.unit)
    runs_backwards = steps.y.step > 0 or steps.x.step < 0
    if words.projection == NO_SYSTEM and runs_backwards:
        reading.notes.append(
            "The place of the cube is left out, since the file has no coordinate system for"
            " coordinates that run from south to north or from east to west."
        )
        return
    rows, columns = (array.shape[reading.axes.index(axis)] for axis in "yx")
    y = _turned(reading, "y", steps.y, rows) if steps.y.step > 0 else steps.y
    x = _turned(reading, "x", steps.x, columns) if steps.x.step < 0 else steps.x
    numbers = (x.edge, y.edge, x.step, -y.step)
    attributes["map_info"] = (
        *(words.projection, "1", "1"),
        *(f"{number:.12g}" for number in numbers),
        *words.after,
    )
    attributes["metadata"] |= crs.as_metadata(steps.text)


def _notes_on_places_of_pixels(store: Store, reading: Reading) -> Iterator[Explanation]:
    """Yield what is said where each pixel has a place of its own, as before orthorectification."""
    image = sorted(
        n for n, axis in zip(reading.parts[0].shape, reading.axes, strict=True) if axis != "b"
    )
    for name, other in store.arrays.items():
        if letters(name.rpartition("/")[2]) in OF_THE_GLOBE and sorted(other.shape) == image:
            yield Explanation(
                f"'{name}' has a value for each pixel; it is not kept, since the pixels are on no"
                " map grid."
            )


def is_elsewhere(store: Store, reading: Reading, map_info: Sequence[str]) -> bool:
    """Tell whether a file's coordinates of the cube contradict a map info."""
    there = _by_coordinates(store, reading, _system(store, reading.parts[0]))
    if there is None:
        return False
    x, y = there.x, there.y
    for corner, place in (
        ((0.0, 0.0), (x.edge, y.edge)),
        ((1.0, 1.0), (x.edge + x.step, y.edge + y.step)),
    ):
        told = coordinates_of(map_info, corner)
        if told is not None:
            off = np.abs(np.subtract(place, told)) / np.abs((x.step, y.step))
            if (off > EVEN).any():
                return True
    return False


def _turned(reading: Reading, axis: str, steps: _Steps, count: int) -> _Steps:
    what, stored = {
        "y": ("rows", "south above north"),
        "x": ("columns", "east left of west"),
    }[axis]
    reading.mirrored += axis
    reading.notes.append(f"The {what} are read in reverse order, since the file stores {stored}.")
    return _Steps(steps.edge + steps.step * count, -steps.step)


def _coordinate(store: Store, array: Array, axes: str, axis: str) -> _Coordinate | None:
    """Return the coordinates of the rows or columns of an array."""
    length = array.shape[axes.index(axis)]
    for found in _vectors(store, array, axes, axis):
        if found.array.size == length and 1 < length <= LONGEST_AXIS and found.is_of_a_place:
            return found
    return None


def _vectors(store: Store, array: Array, axes: str, axis: str) -> Iterator[_Coordinate]:
    """Yield the vectors that are called as the coordinates of rows or columns are."""
    for folder in ancestors(array.name.rpartition("/")[0]):
        if array.dimensions:
            names = [f"{folder}/{array.dimensions[axes.index(axis)]}".strip("/")]
        else:
            inside = [name for name in store.arrays if name.rpartition("/")[0] == folder]
            names = [name for name in inside if letters(name.rpartition("/")[2]) in NAMES[axis]]
        for name in names:
            vector, said = store.arrays.get(name), store.attributes.get(name, {})
            is_dimension = str(said.get("NAME", "")).startswith(ONLY_A_DIMENSION)
            if vector is None or len(vector.shape) != 1 or not vector.is_numeric or is_dimension:
                continue
            yield _Coordinate(vector, said, axis)


def _by_coordinates(store: Store, reading: Reading, system: Mapping[str, Any]) -> _Grid | None:
    """Return what the coordinates of rows and columns say, if there are some of both."""
    array = reading.parts[0]
    y, x = (_coordinate(store, array, reading.axes, axis) for axis in "yx")
    if y is None or x is None:
        return None
    if not (array.dimensions or system or y.unit or x.unit or y.is_of_the_globe):
        return None  # they may be of anything
    rows, columns = y.steps(), x.steps()
    if rows is None or columns is None:
        uneven = y if rows is None else x
        reading.notes.append(
            f"The cube has no place on the map, since '{uneven.array.name}' is not evenly spaced."
        )
        return None
    if not (y.unit or x.unit) and all(
        along.step == 1 and along.edge in (-0.5, 0.0, 0.5) for along in (rows, columns)
    ):
        return None  # numbers of rows and columns
    words, text = _words(system, [y, x], reading)
    factor = METRES.get(y.unit, 1) / METRES.get(words.unit, 1) if y.unit in METRES else 1.0
    rows, columns = (_Steps(along.edge * factor, along.step * factor) for along in (rows, columns))
    return _Grid(rows, columns, words, text)


def _by_transform(store: Store, reading: Reading, system: Mapping[str, Any]) -> _Grid | None:
    """Return what GDAL's six numbers say, where they turn nothing."""
    array = reading.parts[0]
    for axis in "yx":
        length = array.shape[reading.axes.index(axis)]
        if any(found.array.size != length for found in _vectors(store, array, reading.axes, axis)):
            return None  # the array was cropped
    value = system.get(TRANSFORM, ())
    try:
        numbers = [float(n) for n in (value.split() if isinstance(value, str) else value)]
    except (TypeError, ValueError):
        return None
    if len(numbers) != 6 or not all(map(math.isfinite, numbers)):
        return None
    east, width, turn_x, north, turn_y, height = numbers
    if turn_x or turn_y or not width or not height:
        reading.notes.append(f"The place in '{TRANSFORM}' is left out, since it turns the image.")
        return None
    return _Grid(_Steps(north, height), _Steps(east, width), *_words(system, [], reading))


def _system(store: Store, array: Array) -> Mapping[str, Any]:
    """Return what a file says of the system of an array; empty where it says nothing."""
    said = store.attributes.get(array.name, {})
    stated = re.split(r"[:\s]", str(said.get(GRID_MAPPING, "")).strip())[0]
    for name in filter(None, (stated, SYSTEM, "crs")):
        for folder in ancestors(array.name.rpartition("/")[0]):
            path = f"{folder}/{name}".strip("/")
            if path in store.arrays and len(store.arrays[path].shape) <= 1:
                return store.attributes.get(path, {})
    around = (store.attributes.get(folder, {}) for folder in ancestors(array.name))
    return next((said for said in around if _text(said)), {})


def _text(system: Mapping[str, Any]) -> str:
    texts = (system.get(key) for key in TEXTS_OF_A_SYSTEM)
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def _words(
    system: Mapping[str, Any], coordinates: list[_Coordinate], reading: Reading
) -> tuple[crs.Words, str]:
    """Return the words for the system, by its text, its parameters, or the coordinates alone."""
    units = {coordinate.unit for coordinate in coordinates}
    unit = units.pop() if len(units) == 1 else ""
    kind = str(system.get("grid_mapping_name", ""))
    text = _text(system) or (
        crs.text_of_cf(system) if kind and not _is_doubtful(system, unit) else ""
    )
    if words := crs.words_of_text(text):
        return words if words.unit != "pixel" or not unit else words._replace(unit=unit), text
    if not kind and coordinates and all(c.is_of_the_globe for c in coordinates):
        note = "Latitude and longitude are taken to be those of WGS 84."
        reading.notes.append(Explanation(note))
        return crs.words_of_epsg(crs.WGS84) or crs.Words(crs.GEOGRAPHIC, (), "degree"), text
    if kind:
        reading.notes.append(
            f"The projection '{kind}' is kept by its name only, since the file has no"
            f" '{WKT}' for it."
        )
    name = ENVI_NAME_OF_UNIT.get(unit, "")
    after = (f"units={name}",) if name else ()
    return crs.Words(crs.as_item(kind) or NO_SYSTEM, after, unit or "pixel"), text


def _is_doubtful(system: Mapping[str, Any], unit: str) -> bool:
    """Tell whether false easting and northing may be in metres or in the coordinates' unit."""
    return unit not in ("", "m") and any(system.get(f"false_{way}ing") for way in ("east", "north"))
