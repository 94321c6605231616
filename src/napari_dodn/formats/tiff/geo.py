"""Where a GeoTIFF lies on the map: its tags to ENVI's map info, which HyperCube keeps, and back.

(OGC GeoTIFF Standard 1.1, https://docs.ogc.org/is/19-008r4/19-008r4.html)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.tables.markup import root_of

PIXEL_SCALE, TIEPOINT, TRANSFORMATION = 33550, 33922, 34264
GEO_KEYS, GEO_DOUBLES, GEO_TEXTS = 34735, 34736, 34737

KEPT_TAGS = {
    GEO_KEYS: "GeoKeyDirectory",
    GEO_DOUBLES: "GeoDoubleParams",
    GEO_TEXTS: "GeoAsciiParams",
}
"""Tags that say which map it is, and under which name they stand in a cube's metadata."""

GRID_TAGS = {TIEPOINT: "ModelTiepoint", TRANSFORMATION: "ModelTransformation"}
"""Tags that map info has no words for where the image is turned or bent; kept likewise."""

MODEL_TYPE, RASTER_TYPE, GEOGRAPHIC_TYPE, PROJECTED_TYPE, LINEAR_UNIT = 1024, 1025, 2048, 3072, 3076
CITATIONS = ("PCSCitationGeoKey", "GTCitationGeoKey")
PROJECTED, GEOGRAPHIC = 1, 2
PIXEL_IS_POINT = 2
WGS84 = 4326
UTM_NORTH, UTM_SOUTH = 32600, 32700
"""EPSG codes of WGS 84 / UTM less the number of the zone."""

WORLD_SUFFIXES = (".tfw", ".tifw", ".tiffw", ".wld")
LONGEST_WORLD_FILE = 4096

LINEAR_UNITS = {9001: ("m", "Meters"), 9002: ("ft", "Feet"), 9003: ("ft", "Feet")}
"""The foot of the US survey, 9003, is 0.6 µm longer than the other."""


def attributes_of(page: Any) -> dict[str, Any]:
    """Return the HyperCube attributes that the geo tags of a page describe.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.
    """
    tags, keys = page.tags, _geo_keys(page)
    metadata: dict[str, Any] = {
        name: _plain(tags[code].value) for code, name in KEPT_TAGS.items() if code in tags
    }
    place = _place(tags)
    if place is None:
        metadata |= {n: _plain(tags[c].value) for c, n in GRID_TAGS.items() if c in tags}
        return {"metadata": metadata}
    shift = 1.5 if keys.get("GTRasterTypeGeoKey") == PIXEL_IS_POINT else 1.0
    return {**_placed(place, shift, keys), "metadata": metadata}


def attributes_beside(path: Path, page: Any, notes: list[str]) -> dict[str, Any]:
    """Return what a world file, or GDAL's .aux.xml, beside an image without a place tells.

    (https://gdal.org/drivers/raster/wld.html, https://gdal.org/user/raster_data_model.html)

    Parameters
    ----------
    path : Path
        The image.
    page : tifffile.TiffPage
        Whose tags may say which map it is.
    notes : list of str
        Gets a sentence on the file.
    """
    for file, (east, width, turn_x, north, turn_y, height), shift in _transforms_beside(path):
        if turn_x or turn_y or width <= 0 or height >= 0:
            notes.append(f"{file.name} is left out, since it turns the image or mirrors it.")
            continue
        notes.append(f"The place on the map is that in {file.name}.")
        return _placed((0.0, 0.0, east, north, width, -height), shift, _geo_keys(page))
    return {}


def _transforms_beside(path: Path) -> Iterator[tuple[Path, tuple[float, ...], float]]:
    """Yield files, what they say as GDAL's six numbers, and where in a pixel ENVI has that point.

    A world file has the centre of the first pixel, GDAL its upper left corner.
    """
    auxiliary = path.with_name(f"{path.name}.aux.xml")
    with suppress(ElementTree.ParseError, ValueError):
        if auxiliary.is_file():
            root = root_of(auxiliary.read_text("utf-8", errors="replace"))
            numbers = tuple(map(float, (root.findtext("GeoTransform") or "").split(",")))
            if len(numbers) == 6 and np.isfinite(numbers).all():
                yield auxiliary, numbers, 1.0
    for suffix in WORLD_SUFFIXES:
        for file in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
            if not file.is_file() or file.stat().st_size > LONGEST_WORLD_FILE:
                continue
            with suppress(ValueError):
                values = [float(word) for word in file.read_text("utf-8").split()]
                if len(values) == 6 and np.isfinite(values).all():
                    a, d, b, e, east, north = values
                    yield file, (east, a, b, north, d, e), 1.5


def _placed(place: tuple[float, ...], shift: float, keys: dict[str, Any]) -> dict[str, Any]:
    """Return map info and pixel size of an image from what `_place` gives.

    `shift` is what ENVI calls column or row 0 of it.
    """
    column, row, east, north, width, height = place
    projection, after, unit = _projection(keys)
    numbers = (column + shift, row + shift, east, north, width, height)
    return {
        "map_info": (projection, *(f"{number:.15g}" for number in numbers), *after),
        "pixel_size": (height, width),
        "pixel_unit": unit,
    }


def _place(tags: Any) -> tuple[float, ...] | None:
    """Return column and row of a point, from 0, its coordinates, and the size of a pixel."""
    scale, tie = _numbers(tags, PIXEL_SCALE), _numbers(tags, TIEPOINT)
    if scale.size >= 2 and tie.size == 6 and (scale[:2] > 0).all():
        return (*map(float, (tie[0], tie[1], tie[3], tie[4])), float(scale[0]), float(scale[1]))
    matrix = _numbers(tags, TRANSFORMATION)
    if matrix.size != 16:
        return None
    upright = matrix[1] == matrix[4] == 0 and matrix[0] > 0 > matrix[5]
    if not upright:
        return None
    return 0.0, 0.0, float(matrix[3]), float(matrix[7]), float(matrix[0]), -float(matrix[5])


def _geo_keys(page: Any) -> dict[str, Any]:
    """Return the geo keys of a page by name; none where their directory is damaged."""
    try:
        return page.geotiff_tags or {}
    except (LookupError, TypeError, ValueError):
        return {}


def _projection(keys: dict[str, Any]) -> tuple[str, tuple[str, ...], str]:
    """Return ENVI's name of a projection, what follows the pixel size, and the unit."""
    if keys.get("GTModelTypeGeoKey") == GEOGRAPHIC:
        datum = ("WGS-84",) if keys.get("GeographicTypeGeoKey") == WGS84 else ()
        return "Geographic Lat/Lon", (*datum, "units=Degrees"), "degree"
    if keys.get("GTModelTypeGeoKey") != PROJECTED:
        return "Arbitrary", (), "pixel"
    code = keys.get("ProjectedCSTypeGeoKey", 0)
    for first, half in ((UTM_NORTH, "North"), (UTM_SOUTH, "South")):
        if isinstance(code, int) and 1 <= code - first <= 60:
            return "UTM", (str(code - first), half, "WGS-84", "units=Meters"), "m"
    unit, name = LINEAR_UNITS.get(keys.get("ProjLinearUnitsGeoKey", 9001), ("pixel", ""))
    citation = next((str(keys[name]) for name in CITATIONS if keys.get(name)), "")
    # Without what would end an item of map info.
    citation = citation.split("|")[0].strip("\0 ").translate(dict.fromkeys(map(ord, ",{}"), " "))
    return citation or "Arbitrary", (f"units={name}",) if name else (), unit


def _numbers(tags: Any, code: int) -> np.ndarray:
    try:
        return np.asarray(tags[code].value if code in tags else (), np.float64).ravel()
    except (TypeError, ValueError):
        return np.array([])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def tags_of(cube: HyperCube) -> list[tuple[Any, ...]]:
    """Return the geo tags of a cube, as tifffile's `extratags`."""
    kept: dict[int, Any] = {
        code: values
        for code, name in (KEPT_TAGS | GRID_TAGS).items()
        if (values := _kept_numbers(cube.metadata.get(name), whole=code == GEO_KEYS))
    }
    if isinstance(text := cube.metadata.get(KEPT_TAGS[GEO_TEXTS]), str):
        kept[GEO_TEXTS] = text.encode() + b"\0"
    try:
        column, row, east, north, width, height = map(float, cube.map_info[1:7])
    except ValueError:
        return [_tag(code, value) for code, value in kept.items()]
    if any("rotation" in item.casefold() for item in cube.map_info[7:]):
        return []
    if GEO_KEYS not in kept:
        keys = _keys_of(cube.map_info)
        kept = {GEO_KEYS: keys} if keys else {}
    entries = zip(*(kept.get(GEO_KEYS, ())[4 + part :: 4] for part in (0, 1, 3)), strict=False)
    is_point = (RASTER_TYPE, 0, PIXEL_IS_POINT) in entries
    shift = 1.5 if is_point else 1.0
    kept[PIXEL_SCALE] = (width, height, 0.0)
    kept[TIEPOINT] = (column - shift, row - shift, 0.0, east, north, 0.0)
    kept.pop(TRANSFORMATION, None)
    return [_tag(code, value) for code, value in kept.items()]


def _kept_numbers(value: Any, *, whole: bool) -> tuple[float, ...]:
    """Return the numbers of a tag that was kept; they are texts where ENVI was in between."""
    items = value if isinstance(value, (list, tuple)) else ()
    try:
        numbers = tuple(int(item) if whole else float(item) for item in items)
    except (TypeError, ValueError, OverflowError):
        return ()
    return numbers if not whole or all(0 <= number < 2**16 for number in numbers) else ()


def _tag(code: int, value: Any) -> tuple[Any, ...]:
    """Return a tag as tifffile writes it."""
    kind = {GEO_KEYS: "H", GEO_TEXTS: "s"}.get(code, "d")
    return code, kind, 0 if kind == "s" else len(value), value, True


def _keys_of(map_info: tuple[str, ...]) -> tuple[int, ...]:
    """Return the geo keys of a map on the ellipsoid WGS 84; empty for others."""
    if "wgs-84" not in (item.casefold() for item in map_info):
        return ()
    if map_info[0].casefold() == "utm" and map_info[7] in map(str, range(1, 61)):
        south = map_info[8].casefold() == "south"
        code = int(map_info[7]) + (UTM_SOUTH if south else UTM_NORTH)
        entries = [(MODEL_TYPE, PROJECTED), (RASTER_TYPE, 1), (PROJECTED_TYPE, code)]
        entries.append((LINEAR_UNIT, 9001))
    elif map_info[0].casefold() == "geographic lat/lon":
        entries = [(MODEL_TYPE, GEOGRAPHIC), (RASTER_TYPE, 1), (GEOGRAPHIC_TYPE, WGS84)]
    else:
        return ()
    return (1, 1, 0, len(entries), *(n for key, value in entries for n in (key, 0, 1, value)))
