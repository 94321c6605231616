"""Where the grids of HDF-EOS5 lie on the map, as Tanager's orthorectified cubes say it.

The text `StructMetadata.0` has the corners and the projection of each grid, whose arrays are in
`HDFEOS/GRIDS/NAME`. (https://hdfeos.org/software/library.php; "Tanager Product Specification")
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from napari_dodn import crs
from napari_dodn.formats.arrays.attributes import numbers
from napari_dodn.formats.arrays.conventions import SYSTEM, TRANSFORM
from napari_dodn.formats.arrays.model import Store

STRUCTURE = re.compile(r"^HDFEOS INFORMATION/StructMetadata\.\d+$")
GRID = re.compile(r"GROUP\s*=\s*(GRID_\d+)\s(.*?)END_GROUP\s*=\s*\1\b", re.DOTALL)
FIELD = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$", re.MULTILINE)

UTM, OF_WGS84, FROM_UPPER_LEFT = "HE5_GCTP_UTM", "12", "HE5_HDFE_GD_UL"

NOT_TOLD = (
    "The place on the map in 'StructMetadata.0' is left out, since it is not in UTM of WGS 84 from"
    " the upper left."
)


def with_places_of_grids(store: Store) -> Store:
    """Return what a file holds, with the place of each grid as GDAL writes it beside its arrays."""
    texts = [
        array.values
        for name, array in sorted(store.arrays.items())
        if STRUCTURE.match(name) and isinstance(array.values, str)
    ]
    arrays, attributes = dict(store.arrays), dict(store.attributes)
    for fields in _grids("".join(texts)):
        group = "HDFEOS/GRIDS/" + fields.get("GridName", "").strip('"')
        inside = [name for name in store.arrays if name.startswith(f"{group}/")]
        place, sizes = _place(fields, store.attributes.get(group, {})), _sizes(fields)
        for name in inside:
            if place is None:
                arrays[name] = replace(arrays[name], note=f"{arrays[name].note} {NOT_TOLD}".strip())
            elif sizes <= set(arrays[name].shape):  # else the array was cropped
                attributes[name] = {**place, **store.attributes.get(name, {})}
    return replace(store, arrays=arrays, attributes=attributes)


def _grids(text: str) -> Iterator[dict[str, str]]:
    for match in GRID.finditer(text):
        head = match[2].partition("GROUP=")[0]
        yield dict(FIELD.findall(head))


def _sizes(fields: Mapping[str, str]) -> set[int]:
    return {int(fields[name]) for name in ("XDim", "YDim") if fields.get(name, "").isdecimal()}


def _place(fields: Mapping[str, str], group: Mapping[str, object]) -> dict[str, str] | None:
    """Return GDAL's six numbers and the name of the system; None where they are not told."""
    corners = [
        numbers(fields.get(name, "").strip("()").split(","))
        for name in ("UpperLeftPointMtrs", "LowerRightMtrs")
    ]
    size = numbers([fields.get("XDim"), fields.get("YDim")])
    system = _epsg(fields, group)
    first, last = corners
    if system is None or fields.get("GridOrigin", FROM_UPPER_LEFT) != FROM_UPPER_LEFT:
        return None
    if first is None or last is None or size is None or not first.size == last.size == size.size:
        return None
    if not (size > 0).all():
        return None
    width, height = (last - first) / size
    transform = (first[0], width, 0.0, first[1], 0.0, height)
    return {SYSTEM: f"EPSG:{system}", TRANSFORM: " ".join(f"{n:.12g}" for n in transform)}


def _epsg(fields: Mapping[str, str], group: Mapping[str, object]) -> int | None:
    """Return the code of UTM: in Planet's attribute, or by GCTP's zone, below 0 in the south."""
    if fields.get("Projection") != UTM:
        return None
    code = numbers(group.get("epsg_code"))
    if code is not None and code.size == 1:
        return int(code[0])
    zone = numbers(fields.get("ZoneCode"))
    if zone is None or fields.get("SphereCode") != OF_WGS84 or not 1 <= abs(zone[0]) <= 60:
        return None
    return int(crs.UTM_NORTH + zone[0] if zone[0] > 0 else crs.UTM_SOUTH - zone[0])
