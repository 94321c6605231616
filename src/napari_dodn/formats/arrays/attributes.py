"""What stands beside a cube in a file such as HDF5, NetCDF-4 or Zarr, as attributes of a HyperCube.

Names are compared by their letters alone: `_FillValue`, `Data_Ignore_Value` and `fill value` are
found whatever their spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.belonging import Named, vectors_of
from napari_dodn.formats.arrays.columns import means_over_columns, note_of_mean
from napari_dodn.formats.arrays.conventions import COORDINATES, GAIN, GRID_MAPPING, OFFSET
from napari_dodn.formats.arrays.grid import add_place
from napari_dodn.formats.arrays.model import (
    GUESSED,
    Reading,
    Store,
    ancestors,
    as_dotted,
    as_named,
    cubes_named,
)
from napari_dodn.formats.arrays.three_axes import AXES_OF_A_CUBE
from napari_dodn.formats.contents import Explanation
from napari_dodn.formats.envi import fields as envi_fields
from napari_dodn.formats.wavelengths.named import FWHM_NAMES, letters
from napari_dodn.spectra.units import canonical_unit, describe_order, find_widths

GOOD_BAND_NAMES = ("goodwavelengths", "goodbands", "bbl")
BAD_BAND_NAMES = ("badbands", "badbandlist", "badbandslist", "badbandsindices")
"""Names of what is not read: in some software 1 means a bad band, in other a good one."""
NODATA_NAMES = (
    "fillvalue",
    "missingvalue",
    "dataignorevalue",
    "nodatavalue",
    "nodata",
    "nodatavals",
)
MAP_INFO_NAME = "mapinfo"
GAIN_NAMES = ("scalefactor", "scalefactors", "gain", "gains", "slope", "slopes")
OFFSET_NAMES = ("addoffset", "addoffsets", "offset", "offsets", "intercept", "intercepts")
"""Names of datasets that say the same of each band."""

QUANTITIES = ("reflectance", "radiance")

OF_THE_FORMAT = re.compile(r"^(_|CLASS$|NAME$|DIMENSION_|REFERENCE_LIST$|MATLAB_)")
"""Attributes that say how a file is built, not what is in it."""


def attributes_of(store: Store, reading: Reading) -> dict[str, Any]:
    """Return the attributes of the HyperCube that a reading of a file leads to.

    Parameters
    ----------
    store : Store
        What the file holds.
    reading : Reading
        The cube in it. What a product's layout has put into its attributes goes first.
    """
    own = _own_attributes(store, reading)
    beside = {re.split("[/.]", name)[-1]: value for name, value in store.scalars().items()}
    notes = reading.notes
    attributes: dict[str, Any] = {"metadata": _metadata(own)}
    _add_wavelengths(store, reading, attributes, notes)
    if reading.named is not None:
        _add_fwhm(store, reading, attributes, notes)
    good = _vector(store, reading, GOOD_BAND_NAMES)
    if good is not None:
        attributes["good_bands"] = good > 0
    else:
        notes += [
            f"'{name}' is left out, since 1 means a bad band in some software and a good one in"
            " other; a vector called 'good_bands', with 1 for good bands, is read."
            for name in store.vectors()
            if letters(name.rpartition(".")[2]) in BAD_BAND_NAMES
        ]
    _add_nodata({**beside, **own}, reading, attributes, notes)
    _add_scaling(store, {**beside, **own}, reading, attributes, notes)
    attributes["quantity"] = _quantity(reading, own)
    if (array := reading.parts[0]).pixel_size is not None:
        attributes.update(pixel_size=array.pixel_size, pixel_unit=array.pixel_unit)
    _add_map_info(store, reading, attributes)
    add_place(store, reading, attributes)
    return {**attributes, **reading.attributes, "notes": tuple(dict.fromkeys(notes))}


def with_unpacked_vectors(store: Store) -> Store:
    """Return what a file holds, with the short vectors that have a factor or an offset unpacked."""
    arrays = dict(store.arrays)
    for name, array in store.arrays.items():
        said = store.attributes.get(name, {})
        is_cube = len(array.shape) == AXES_OF_A_CUBE
        if is_cube or not (isinstance(array.values, np.ndarray) and {GAIN, OFFSET} & said.keys()):
            continue
        gain, offset = numbers(said.get(GAIN, 1)), numbers(said.get(OFFSET, 0))
        if gain is not None and offset is not None and gain.size == offset.size == 1:
            arrays[name] = replace(array, values=gain * array.values + offset)
    return replace(store, arrays=arrays)


def numbers(value: Any) -> np.ndarray | None:
    """Return a value as a vector of numbers, texts of numbers too; None where it is none."""
    try:
        return None if value is None else np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None


def _own_attributes(store: Store, reading: Reading) -> Mapping[str, Any]:
    return store.attributes.get(reading.parts[0].name, {})


def _metadata(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else is said of the array itself: texts and single numbers."""
    understood = {*NODATA_NAMES, *map(letters, (GAIN, OFFSET, GRID_MAPPING, COORDINATES))}
    return {
        key: value
        for key, value in own.items()
        if not OF_THE_FORMAT.match(key)
        and letters(key) not in understood
        and isinstance(value, (str, int, float))
    }


def _add_wavelengths(
    store: Store, reading: Reading, attributes: dict[str, Any], notes: list[str]
) -> None:
    named = reading.named
    if named is None:
        return
    if named.values.size != reading.stored_bands:
        notes.append(
            f"The wavelengths in '{named.name}' are left out, since they are {named.values.size} "
            f"for {reading.stored_bands} bands."
        )
        reading.named = None
        return
    attributes["wavelengths"] = named.wavelengths
    note = f"The wavelengths are those in '{named.name}'."
    held_in = named.name.rpartition(".")[0]
    guessed = {as_dotted(name) for name, said in store.attributes.items() if GUESSED in said}
    notes.append(note if held_in in guessed else Explanation(note))
    notes += filter(None, (named.note, describe_order(named.wavelengths)))


def _add_fwhm(store: Store, reading: Reading, attributes: dict[str, Any], notes: list[str]) -> None:
    named = reading.named
    name, widths = _named_vector(store, reading, FWHM_NAMES)
    if widths is None or named is None:
        return
    unit = canonical_unit(store.units().get(name)) or named.unit
    centres = named.values if unit in (named.unit, canonical_unit(named.unit)) else None
    try:
        attributes["fwhm"], note = find_widths(widths, unit, centres, attributes["wavelengths"])
        notes += filter(None, [note])
    except ValueError as error:
        notes.append(f"The widths of the bands are left out: {error}")


def _vector(store: Store, reading: Reading, names: tuple[str, ...]) -> np.ndarray | None:
    """Return the vector of one value for each band under one of the names that belongs to a cube.

    One of a detector may have its name in front: `vnir_fwhm`.
    """
    return _named_vector(store, reading, names)[1]


def _named_vector(
    store: Store, reading: Reading, names: tuple[str, ...]
) -> tuple[str, np.ndarray | None]:
    """Return what `_vector` does, with its name in the file."""
    array = reading.parts[0]
    means = means_over_columns(store, array, {reading.stored_bands})
    vectors = {
        name: values
        for name, values in {**store.vectors(), **means}.items()
        if values.size == reading.stored_bands and letters(name.rpartition(".")[2]).endswith(names)
    }
    best, _ = vectors_of(
        as_named(store, array.name, array.shape),
        cubes_named(store),
        [Named(name, (values.size,)) for name, values in vectors.items()],
        lambda name: (
            -names.index(said)
            if (said := letters(name.rpartition(".")[2])) in names
            else -len(names)
        ),
    )
    found = [vectors[vector.name] for vector in best]
    if not found or not all(np.array_equal(found[0], other) for other in found):
        return "", None
    if best[0].name in means:
        reading.notes.append(note_of_mean(store, best[0].name))
    return best[0].name, found[0]


def _add_nodata(
    said: Mapping[str, Any], reading: Reading, attributes: dict[str, Any], notes: list[str]
) -> None:
    found = [
        (key, values)
        for wanted in NODATA_NAMES
        for key, value in said.items()
        if letters(key) == wanted and (values := numbers(value)) is not None and values.size
    ]
    if not found:
        return
    key, values = found[0]
    values = values[:1] if np.array_equal(values, np.full_like(values, values[0]), True) else values
    if values.size == 1:
        attributes["nodata"] = float(values[0])
    elif values.size == reading.stored_bands:
        reading.no_data = values[:, None]
        notes.append("The no-data values differ from band to band; they are read as NaN.")
    else:
        reading.no_data = np.tile(values, (reading.stored_bands, 1))
        text = ", ".join(f"{value:g}" for value in values)
        notes.append(f"The no-data values of '{key}', {text}, are read as NaN.")
    shown = {f"{value:g}" for value in values}
    if other := [name for name, also in found if not {f"{value:g}" for value in also} <= shown]:
        notes.append(
            f"The value for no-data is that of '{key}', {values[0]:g}; '{other[0]}' says "
            f"something else."
        )


def _add_scaling(
    store: Store,
    said: Mapping[str, Any],
    reading: Reading,
    attributes: dict[str, Any],
    notes: list[str],
) -> None:
    bands = reading.stored_bands
    for attribute, name, names in (("gain", GAIN, GAIN_NAMES), ("offset", OFFSET, OFFSET_NAMES)):
        values = numbers(said[name]) if name in said else _scale_in_other_spelling(said, name)
        if values is None:
            values = _vector(store, reading, names)
        if values is None:
            continue
        if values.size not in (1, bands) or not np.isfinite(values).all():
            notes.append(
                f"The attribute '{name}' is left out, since it is neither one number nor one for "
                f"each band."
            )
        elif attribute == "gain" and not values.any():
            notes.append(f"The attribute '{name}' is left out, since it is 0.")
        elif (values != (attribute == "gain")).any():
            attributes[attribute] = float(values[0]) if values.size == 1 else values


def _scale_in_other_spelling(said: Mapping[str, Any], name: str) -> np.ndarray | None:
    """Return a factor such as `Scale_Factor`, where it multiplies; above 1 it often divides."""
    for key, value in said.items():
        values = numbers(value) if letters(key) == letters(name) else None
        if values is not None and values.size == 1 and (name == OFFSET or 0 < values[0] <= 1):
            return values
    return None


def _quantity(reading: Reading, own: Mapping[str, Any]) -> str:
    """Return what the array is called, first by its name and then by what describes it."""
    texts = [own.get(key, "") for key in ("standard_name", "long_name")]
    for text in (reading.name.rpartition("/")[2], *texts):
        for quantity in QUANTITIES:
            if quantity in str(text).casefold():
                return quantity
    return ""


def _add_map_info(store: Store, reading: Reading, attributes: dict[str, Any]) -> None:
    """Add ENVI's map info, where it stands in the same group of the file or below."""
    text = next(_map_infos(store, reading), None)
    if text is None:
        return
    fields = envi_fields.attributes_of(
        {"map info": [item.strip() for item in text.strip("{} ").split(",")]},
        reading.stored_bands,
    )
    keys = ("map_info", "pixel_size", "pixel_unit")
    attributes.update({key: fields[key] for key in keys if key in fields})


def _map_infos(store: Store, reading: Reading) -> Iterator[str]:
    for folder in ancestors(reading.parts[0].name):
        for name, array in store.arrays.items():
            is_map_info = letters(name.rpartition("/")[2]) == MAP_INFO_NAME
            if is_map_info and folder in ancestors(name) and isinstance(array.values, str):
                yield array.values
        for name, attributes in store.attributes.items():
            for key, value in attributes.items() if folder in ancestors(name) else ():
                if letters(key) == MAP_INFO_NAME and isinstance(value, str):
                    yield value
