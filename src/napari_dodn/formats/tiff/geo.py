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

from napari_dodn import crs
from napari_dodn.cube import HyperCube
from napari_dodn.formats.tables.markup import root_of

PIXEL_SCALE, TIEPOINT, TRANSFORMATION = 33550, 33922, 34264
GEO_KEYS, GEO_DOUBLES, GEO_TEXTS = 34735, 34736, 34737

KEPT_TAGS = {
    GEO_KEYS: crs.GEO_KEYS_FIELD,
    GEO_DOUBLES: "GeoDoubleParams",
    GEO_TEXTS: "GeoAsciiParams",
}
"""Tags that say which map it is, and under which name they stand in a cube's metadata."""

GRID_TAGS = {TIEPOINT: "ModelTiepoint", TRANSFORMATION: "ModelTransformation"}
"""Tags that map info has no words for where the image is turned or bent; kept likewise."""

RASTER_TYPE, LINEAR_UNIT = 1025, 3076
CITATIONS = ("PCSCitationGeoKey", "GTCitationGeoKey")
PIXEL_IS_POINT = 2

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
    projection, after, unit = _words(keys)
    numbers = (column + shift, row + shift, east, north, width, height)
    return {
        "map_info": (projection, *(f"{number:.15g}" for number in numbers), *after),
        "pixel_size": (abs(height), abs(width)),
        "pixel_unit": unit,
    }


def _place(tags: Any) -> tuple[float, ...] | None:
    """Return column and row of a point, from 0, its coordinates, and width and height of a pixel.

    As in map info, the height is below 0 where south is above north.
    """
    scale, tie = _numbers(tags, PIXEL_SCALE), _numbers(tags, TIEPOINT)
    if scale.size >= 2 and tie.size == 6 and (scale[:2] > 0).all():
        return (*map(float, (tie[0], tie[1], tie[3], tie[4])), float(scale[0]), float(scale[1]))
    matrix = _numbers(tags, TRANSFORMATION)
    if matrix.size != 16:
        return None
    if matrix[1] or matrix[4] or not matrix[0] or not matrix[5]:
        return None
    return 0.0, 0.0, float(matrix[3]), float(matrix[7]), float(matrix[0]), -float(matrix[5])


def _geo_keys(page: Any) -> dict[str, Any]:
    """Return the geo keys of a page by name; none where their directory is damaged."""
    try:
        return page.geotiff_tags or {}
    except (LookupError, TypeError, ValueError):
        return {}


def _words(keys: dict[str, Any]) -> crs.Words:
    if keys.get("GTModelTypeGeoKey") == crs.GEOGRAPHIC_MODEL:
        words = crs.words_of_epsg(keys.get("GeographicTypeGeoKey"))
        return words or crs.Words(crs.GEOGRAPHIC, ("units=Degrees",), "degree")
    if keys.get("GTModelTypeGeoKey") != crs.PROJECTED:
        return crs.Words("Arbitrary", (), "pixel")
    if words := crs.words_of_epsg(keys.get("ProjectedCSTypeGeoKey")):
        return words
    unit, name = LINEAR_UNITS.get(keys.get("ProjLinearUnitsGeoKey", 9001), ("pixel", ""))
    citation = next((str(keys[name]) for name in CITATIONS if keys.get(name)), "")
    return crs.Words(crs.as_item(citation) or "Arbitrary", (f"units={name}",) if name else (), unit)


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
        if (values := crs.kept_numbers(cube.metadata.get(name), whole=code == GEO_KEYS))
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
        keys = _keys_of(cube)
        kept = {GEO_KEYS: keys} if keys else {}
    entries = zip(*(kept.get(GEO_KEYS, ())[4 + part :: 4] for part in (0, 1, 3)), strict=False)
    is_point = (RASTER_TYPE, 0, PIXEL_IS_POINT) in entries
    shift = 1.5 if is_point else 1.0
    column, row = column - shift, row - shift
    if min(width, height) > 0:
        kept[PIXEL_SCALE] = (width, height, 0.0)
        kept[TIEPOINT] = (column, row, 0.0, east, north, 0.0)
        kept.pop(TRANSFORMATION, None)
    else:  # GDAL ignores the sign of a scale
        corner = east - column * width, north + row * height
        rows = (width, 0.0, 0.0, corner[0]), (0.0, -height, 0.0, corner[1])
        kept[TRANSFORMATION] = (*rows[0], *rows[1], *(0.0,) * 7, 1.0)
        kept.pop(TIEPOINT, None)
    return [_tag(code, value) for code, value in kept.items()]


def _tag(code: int, value: Any) -> tuple[Any, ...]:
    """Return a tag as tifffile writes it."""
    kind = {GEO_KEYS: "H", GEO_TEXTS: "s"}.get(code, "d")
    return code, kind, 0 if kind == "s" else len(value), value, True


def _keys_of(cube: HyperCube) -> tuple[int, ...]:
    """Return the geo keys of a cube's system; empty where it has no code."""
    code = crs.epsg_of(cube.map_info, cube.metadata)
    if code is None or not 0 < code < crs.USER_DEFINED:
        return ()
    system = crs.system_of(cube.map_info, cube.metadata)
    unit = cube.pixel_unit if system is None else crs.unit_of(system)[0]
    if unit == "degree" if system is None else system.is_geographic:
        kind, place = crs.GEOGRAPHIC_MODEL, crs.GEOGRAPHIC_TYPE
    else:
        kind, place = crs.PROJECTED, crs.PROJECTED_TYPE
    entries = [(crs.MODEL_TYPE, kind), (RASTER_TYPE, 1), (place, code)]
    entries += [(LINEAR_UNIT, 9001)] * (unit == "m")
    return (1, 1, 0, len(entries), *(n for key, value in entries for n in (key, 0, 1, value)))
