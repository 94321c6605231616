"""What the fields of an ENVI header mean: to the attributes of a HyperCube and back.

Field names are matched in any letter case. What is understood becomes an attribute; all other
fields, and those that make no sense, stay in the cube's metadata as they were written.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from napari_dodn import crs
from napari_dodn.cube import HyperCube
from napari_dodn.formats.envi.field_reader import FieldReader
from napari_dodn.formats.envi.header import LAYOUT_FIELDS, OWN, Fields
from napari_dodn.formats.envi.spectral_fields import read_wavelengths

OWN_ATTRIBUTES = ("history", "notes", "rgb_picture", "quantity", "scaled", "gain", "offset")
"""What ENVI has no field for; it is written as JSON into fields of our own."""

NODATA = "data ignore value"
OTHER_NODATA = (
    *("ignore value", "nodata", "no data", "nodata value", "no data value"),
    *("missing value", "fill value", "background value"),
)
"""Names of it in other software."""

SPECTRAL = frozenset({"wavelength", "fwhm", "data gain values", "reflectance scale factor"})
"""Fields in place of which a product's metadata are not asked."""

GOOD_BANDS = ("bbl", "bad band list", "bad bands list")
TRUTH = {"true": "1", "false": "0", "good": "1", "bad": "0"}
"""What some software writes into a list of good bands."""

FACTOR = "reflectance scale factor"

UNITS = {
    "meters": "m",
    "metres": "m",
    "kilometers": "km",
    "feet": "ft",
    "degrees": "degree",
    "micrometers": "um",
    "millimeters": "mm",
    "centimeters": "cm",
}
"""ENVI's names of units of pixel size, and what HyperCube calls them."""

ENVI_NAME_OF_UNIT = {unit: name.title() for name, unit in reversed(UNITS.items())}


def attributes_of(fields: Fields, bands: int, whose: str = "The header's") -> dict[str, Any]:
    """Return the HyperCube attributes that the fields of a header describe.

    Parameters
    ----------
    fields : dict
        As read from the file.
    bands : int
        Number of bands of the cube.
    whose : str
        Where the fields stand, as the notes are to begin.
    """
    reader = FieldReader(fields, whose)
    reader.done(*LAYOUT_FIELDS)
    attributes: dict[str, Any] = {}
    read_wavelengths(reader, bands, attributes)
    _read_good_bands(reader, bands, attributes)
    _read_nodata(reader, attributes)
    _read_scaling(reader, bands, attributes)
    _read_pixel_size(reader, attributes)
    _read_default_bands(reader, bands, attributes)
    _read_own(reader, bands, attributes)
    attributes["notes"] = tuple(dict.fromkeys((*attributes.get("notes", ()), *reader.notes)))
    attributes["metadata"] = reader.fields
    return attributes


def fields_of(cube: HyperCube) -> dict[str, object]:
    """Return the header fields that describe a cube, without those of the file's layout."""
    reader = FieldReader(dict(cube.metadata))
    reader.done(*LAYOUT_FIELDS)
    fields: dict[str, object] = {}
    if cube.wavelengths is not None:
        fields["wavelength units"] = "Nanometers"
        fields["wavelength"] = _floats(cube.wavelengths)
    if cube.fwhm is not None:
        fields["wavelength units"] = "Nanometers"
        fields["fwhm"] = _floats(cube.fwhm)
    if cube.good_bands is not None:
        fields["bbl"] = [int(good) for good in cube.good_bands]
    if cube.nodata is not None:
        fields["data ignore value"] = _number(cube.nodata)
    if not cube.scaled:
        fields.update(_scaling_fields(cube))
    if cube.map_info:
        fields["map info"] = list(cube.map_info)
        fields |= crs.as_envi(cube.map_info, cube.metadata)
    elif cube.pixel_size is not None:
        y, x = cube.pixel_size
        unit = ENVI_NAME_OF_UNIT.get(cube.pixel_unit, cube.pixel_unit)
        fields["pixel size"] = [repr(float(x)), repr(float(y)), f"units={unit}"]
    if cube.default_bands:
        fields["default bands"] = [band + 1 for band in cube.default_bands]
    fields.update(_own_fields(cube, fields))
    if "wavelength units" in fields:
        reader.done("wavelength", "fwhm")  # those that made no sense may be in another unit
    reader.done(*fields)
    return {**reader.fields, **fields}


def _read_good_bands(reader: FieldReader, bands: int, attributes: dict[str, Any]) -> None:
    for name in GOOD_BANDS:
        values = reader.numbers(name, bands, TRUTH)
        if values is not None:
            attributes["good_bands"] = values > 0
            reader.done(name)
            return


def take_nodata_of_bands(fields: Fields, bands: int) -> tuple[Fields, np.ndarray | None]:
    """Take a list of no-data values out of a header where they differ from band to band.

    Returns
    -------
    fields : dict
        The others.
    values : numpy.ndarray or None
        Shape (bands,); None where one value is that of all bands, or there is none.
    """
    reader = FieldReader(fields)
    name = _name_of_nodata(reader)
    values = reader.numbers(name)
    if values is None or values.size != bands or _uniform(values):
        return fields, None
    reader.done(name)
    return reader.fields, values


def _read_nodata(reader: FieldReader, attributes: dict[str, Any]) -> None:
    name = _name_of_nodata(reader)
    values = reader.numbers(name)
    if values is None or not values.size:
        return
    if re.fullmatch(r"[-+]?\d+,0+", reader.text(name) or ""):  # with a decimal comma
        values = values[:1]
    if _uniform(values):
        attributes["nodata"] = float(values[0])
        reader.done(name)
        if name != NODATA:
            reader.notes.append(f"The no-data value is that of '{name}'.")
    else:
        reader.notes.append(
            f"{reader.whose} '{name}' is left out, since it has different values that are not"
            " those of the bands."
        )


def _name_of_nodata(reader: FieldReader) -> str:
    """Return under which name a header states the no-data value; the usual one where in none."""
    names = (NODATA, *OTHER_NODATA)
    return next((name for name in names if reader.text(name) is not None), NODATA)


def _uniform(values: np.ndarray) -> bool:
    return values.size > 0 and np.array_equal(values, np.full_like(values, values[0]), True)


def _read_scaling(reader: FieldReader, bands: int, attributes: dict[str, Any]) -> None:
    for attribute, name in (("gain", "data gain values"), ("offset", "data offset values")):
        values = reader.numbers(name, bands)
        if values is not None and attribute == "gain" and not values.any():
            reader.notes.append(f"{reader.whose} '{name}' are left out, since they are 0.")
        elif values is not None:
            attributes[attribute] = values
            reader.done(name)
    factors = reader.numbers(FACTOR, often_single=True)
    if factors is None or not factors.size or "gain" in attributes or "offset" in attributes:
        return
    factor = factors[0]
    if not _uniform(factors):
        reader.notes.append(f"{reader.whose} '{FACTOR}' is left out, since its values differ.")
    elif not (np.isfinite(factor) and factor > 0):
        reader.notes.append(f"{reader.whose} '{FACTOR}' is left out, since it is {factor:g}.")
    else:
        if factor < 1:
            reader.notes.append(
                f"{reader.whose} '{FACTOR}' is {factor:g}, below 1; values are multiplied by it"
                " instead of divided."
            )
        attributes.update(gain=factor if factor < 1 else 1 / factor, quantity="reflectance")
        reader.done(FACTOR)


def _read_pixel_size(reader: FieldReader, attributes: dict[str, Any]) -> None:
    items = reader.items("map info")
    if items:
        attributes["map_info"] = tuple(items)
        reader.done("map info")
        size, unit = items[5:7], _stated_unit(items)
        projection = items[0].casefold()
        if not unit:
            unit = "degree" if "geographic" in projection else "m" if projection == "utm" else ""
    else:
        items = reader.items("pixel size") or []
        size, unit = items[:2], _stated_unit(items)
    try:
        x, y = (float(value) for value in size)
    except ValueError:
        return
    attributes.update(pixel_size=(abs(y), abs(x)), pixel_unit=unit or "pixel")
    if "map_info" not in attributes:
        reader.done("pixel size")


def _stated_unit(items: list[str]) -> str:
    for item in items:
        name, equals, unit = item.partition("=")
        if equals and name.strip().casefold() == "units":
            return UNITS.get(unit.strip().casefold(), unit.strip())
    return ""


def _read_default_bands(reader: FieldReader, bands: int, attributes: dict[str, Any]) -> None:
    values = reader.numbers("default bands")
    if values is None or values.size == 0:
        return
    if ((values >= 1) & (values <= bands) & (values == np.floor(values))).all():
        attributes["default_bands"] = tuple(int(value) - 1 for value in values)
        reader.done("default bands")
    else:
        reader.notes.append(
            f"{reader.whose} 'default bands' are left out, since not all of them exist."
        )


def _read_own(reader: FieldReader, bands: int, attributes: dict[str, Any]) -> None:
    for attribute in OWN_ATTRIBUTES:
        text = reader.text(OWN + attribute)
        if text is None:
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if attribute in ("gain", "offset"):  # written of scaled cubes only; else applied twice
            fits = attributes.get("scaled") is True and _are_numbers(value, bands)
        elif attribute in ("history", "notes"):
            fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        else:
            fits = isinstance(value, bool if attribute == "scaled" else str)
        if fits:
            attributes[attribute] = value
            reader.done(OWN + attribute)
        else:
            reader.notes.append(f"{reader.whose} '{OWN}{attribute}' is left out: it is damaged.")


def _are_numbers(value: Any, count: int) -> bool:
    """Tell whether a value from JSON is a list of `count` numbers that a float can hold."""
    if not isinstance(value, list) or len(value) != count:
        return False
    return all(
        isinstance(item, float) or (type(item) is int and abs(item) < 2**1023) for item in value
    )


def _own_fields(cube: HyperCube, fields: dict[str, object]) -> dict[str, object]:
    values: dict[str, Any] = {
        "history": list(cube.history),
        "notes": list(cube.notes),
        "rgb_picture": cube.rgb_picture,
    }
    if "reflectance scale factor" not in fields:
        values["quantity"] = cube.quantity
    if cube.scaled:
        values["scaled"] = True
        for key in ("gain", "offset"):
            value = getattr(cube, key)
            values[key] = None if value is None else value.tolist()
    return {OWN + key: as_json(value) for key, value in values.items() if value}


def as_json(value: Any) -> str:
    """Return JSON in plain ASCII that any reader of ENVI headers can skip over."""
    return json.dumps(value, indent=0).replace("{", "\\u007b").replace("}", "\\u007d")


def _scaling_fields(cube: HyperCube) -> dict[str, object]:
    fields: dict[str, object] = {}
    if cube.gain is not None:
        gain = cube.gain[0]
        uniform = 0 < gain <= 1 and (cube.gain == gain).all()  # factors below 1 multiply
        if cube.quantity == "reflectance" and cube.offset is None and uniform:
            return {"reflectance scale factor": _number(1 / gain)}
        fields["data gain values"] = _floats(cube.gain)
    if cube.offset is not None:
        fields["data offset values"] = _floats(cube.offset)
    return fields


def _floats(values: np.ndarray) -> list[str]:
    return [repr(float(value)) for value in values]


def _number(value: float) -> str:
    """Return the shortest text of a number; whole numbers without a point."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
