"""Our own arrays in the terms of the CF conventions, as xarray, rioxarray and GDAL understand them.

(https://cfconventions.org, chapters 2.5.1, 4, 5.6 and 8.1)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from napari_dodn import crs
from napari_dodn.cube import HyperCube
from napari_dodn.map_info import coordinates_of

CONVENTIONS = {"Conventions": "CF-1.11"}
GAIN, OFFSET, FILL = "scale_factor", "add_offset", "_FillValue"
"""Quantity = gain · stored + offset."""

GRID_MAPPING, SYSTEM, TRANSFORM = "grid_mapping", "spatial_ref", "GeoTransform"
"""What rioxarray calls the variable of the system, GDAL its text, and its six numbers."""

WKT = "crs_wkt"
COORDINATES = "coordinates"
"""Attribute with the names of vectors that say more of an axis."""

DTYPE = "dtype"

ONLY_A_DIMENSION = "This is a netCDF dimension"
"""Beginning of the attribute NAME of what only holds the length of an axis."""


class Beside(NamedTuple):
    """An array beside the cube: its values along one of the axes of the cube, or a single one."""

    name: str
    values: np.ndarray
    attributes: dict[str, Any]
    axis: str = ""


def attributes_of_cube(cube: HyperCube, dtype: np.dtype) -> dict[str, Any]:
    """Return what the array of a cube says of itself, with numbers in plain types.

    Parameters
    ----------
    cube : HyperCube
        The description.
    dtype : dtype
        Of the pixels as they are stored.
    """
    attributes: dict[str, Any] = {}
    if not cube.scaled:
        for name, values in ((GAIN, cube.gain), (OFFSET, cube.offset)):
            if values is not None and _is_uniform(values):
                attributes[name] = float(values[0])
    if cube.nodata is not None and (fill := _as_stored(cube.nodata, dtype)) is not None:
        attributes[FILL] = fill
    if cube.quantity:
        attributes["long_name"] = cube.quantity
    if isinstance(unit := cube.metadata.get("units"), str):
        attributes["units"] = unit
    if cube.wavelengths is not None:
        attributes[COORDINATES] = "wavelengths"
    if _transform(cube) is not None:
        attributes[GRID_MAPPING] = SYSTEM
    return attributes


def arrays_beside(cube: HyperCube) -> Iterator[Beside]:
    """Yield the arrays of a file that say something of the cube in it."""
    for name in ("wavelengths", "fwhm"):
        if (values := getattr(cube, name)) is not None:
            yield Beside(name, values, {"units": "nm"}, "band")
    if cube.good_bands is not None:
        yield Beside("good_bands", cube.good_bands.astype(np.uint8), {}, "band")
    for name in ("gain", "offset"):
        values = getattr(cube, name)
        if values is not None and not cube.scaled and not _is_uniform(values):
            yield Beside(name, values, {}, "band")
    if (transform := _transform(cube)) is not None:
        for axis, values, said in _coordinates(cube, transform):
            yield Beside(axis, values, said, axis)
        yield Beside(SYSTEM, np.asarray(0), _system(cube, transform))


def _transform(cube: HyperCube) -> tuple[float, ...] | None:
    """Return GDAL's six numbers of the place of a cube; None where it has none."""
    corner, next_one = (coordinates_of(cube.map_info, place) for place in ((0.0, 0.0), (1.0, 1.0)))
    if corner is None or next_one is None:
        return None
    (east, north), (right, down) = corner, next_one
    return east, right - east, 0.0, north, 0.0, down - north


def _coordinates(
    cube: HyperCube, transform: tuple[float, ...]
) -> Iterator[tuple[str, np.ndarray, dict[str, str]]]:
    """Yield the coordinates of rows and columns, and what is said of them."""
    system = crs.system_of(cube.map_info, cube.metadata)
    unit = (cube.pixel_unit if system is None else crs.unit_of(system)[0]).replace("pixel", "")
    is_geographic = crs.is_geographic(system) if system else "degree" in unit
    for axis, globe, side, edge, length in (
        ("y", ("latitude", "degrees_north"), transform[5], transform[3], cube.shape[1]),
        ("x", ("longitude", "degrees_east"), transform[1], transform[0], cube.shape[2]),
    ):
        name, units = globe if is_geographic else (f"projection_{axis}_coordinate", unit)
        said = {"standard_name": name, "axis": axis.upper(), "units": units}
        centres = edge + side * (np.arange(length) + 0.5)
        yield axis, centres, {key: text for key, text in said.items() if text}


def _system(cube: HyperCube, transform: tuple[float, ...]) -> dict[str, str]:
    """Return what the variable of the system says: its text, and GDAL's numbers of the place."""
    text = crs.text_of(cube.map_info, cube.metadata)
    full = text if crs.as_metadata(text) else crs.wkt(crs.system_of(cube.map_info, cube.metadata))
    said = {SYSTEM: text, WKT: full}
    said[TRANSFORM] = " ".join(f"{number:.12g}" for number in transform)
    return {key: value for key, value in said.items() if value}


def _as_stored(nodata: float, dtype: np.dtype) -> float | int | None:
    """Return a no-data value as a number of a type; None where the type does not hold it."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            value = float(np.asarray(nodata).astype(dtype))
        return None if math.isinf(value) else value
    if dtype.kind not in "iu" or not float(nodata).is_integer():
        return None
    limits = np.iinfo(dtype)
    return int(nodata) if limits.min <= nodata <= limits.max else None


def _is_uniform(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())


def as_told(attributes: Mapping[str, Any], dtype: np.dtype) -> dict[str, Any]:
    """Return what a description keeps of the attributes of the cube, for `changes_since`."""
    return {**attributes, DTYPE: dtype.name}


def changes_since(
    told: Mapping[str, Any], said: Mapping[str, Any], dtype: np.dtype
) -> dict[str, float | None]:
    """Return attributes of HyperCube that other software has changed in an array of ours.

    Parameters
    ----------
    told : mapping
        What `as_told` gave when the array was written.
    said, dtype : mapping, dtype
        What the array says now, and its type.
    """
    if not told.keys() & said.keys() and dtype.name == told.get(DTYPE):
        return {}  # the array was written again, by software that knows no attributes
    changed: dict[str, float | None] = {}
    for attribute, name in (("gain", GAIN), ("offset", OFFSET), ("nodata", FILL)):
        now = said.get(name)
        if not _is_same(told.get(name), now):
            known = isinstance(now, (int, float)) and not math.isnan(now)
            changed[attribute] = now if known else None
    if changed.keys() & {"gain", "offset"}:
        changed["scaled"] = False
    return changed


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same; none is as good as one that is no number."""
    numbers = [math.nan if value is None else value for value in (one, other)]
    if not all(isinstance(number, (int, float)) for number in numbers):
        return False
    return all(map(math.isnan, numbers)) or math.isclose(*numbers, rel_tol=1e-6)
