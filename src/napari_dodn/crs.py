"""Coordinate reference systems: well-known texts and EPSG codes, and ENVI's words for them.

(OGC 01-009, "WKT 1", and OGC 18-010r7, "WKT 2")
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WGS84 = 4326
UTM_NORTH, UTM_SOUTH = 32600, 32700
"""EPSG codes of WGS 84 / UTM less the number of the zone."""

WKT_FIELD = "coordinate system string"
"""Field of ENVI headers for a well-known text, under which a cube's metadata keep it."""

GEO_KEYS_FIELD = "GeoKeyDirectory"
"""Tag of a GeoTIFF with its geo keys, as a cube's metadata keep it."""

MODEL_TYPE, GEOGRAPHIC_TYPE, PROJECTED_TYPE = 1024, 2048, 3072
PROJECTED, GEOGRAPHIC_MODEL = 1, 2
USER_DEFINED = 32767
"""Some of those keys; kinds of a system; what stands in place of a code."""

GEOGRAPHIC = "Geographic Lat/Lon"

LENGTHS = {1.0: ("m", "Meters"), 1000.0: ("km", "Kilometers"), 0.3048: ("ft", "Feet")}
"""By their metres: what HyperCube and ENVI call units."""

EPSG = re.compile(r"EPSG:+(?:[\d.]*:)?(\d{4,5})$", re.IGNORECASE)
"""A code as `EPSG:32633` or `urn:ogc:def:crs:EPSG::32633`."""

WGS84_NAME = re.compile(r"^(GCS_)?WGS[ _]?(19)?84\b", re.IGNORECASE)
UTM_NAME = re.compile(
    r"^WGS[ _]?(?:19)?84[ _]*/?[ _]*UTM[ _]zone[ _](\d{1,2})[ _]?([NS])$", re.IGNORECASE
)

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|([A-Za-z_]\w*)\s*[\[(]|([\])])|([^,\[\]()"\s]+)')
_PROJECTED = ("PROJCS", "PROJCRS", "PROJECTEDCRS")
_GEOGRAPHIC = ("GEOGCS", "GEOGCRS", "GEOGRAPHICCRS", "GEODCRS", "GEODETICCRS")
_AROUND = ("COMPD_CS", "COMPOUNDCRS", "BOUNDCRS", "SOURCECRS")
"""Keywords of what has a system for the horizontal inside."""


class Words(NamedTuple):
    """ENVI's name of a system, what follows the pixel size in map info, and HyperCube's unit."""

    projection: str
    after: tuple[str, ...]
    unit: str


@dataclass
class _Node:
    keyword: str
    items: list[str] = field(default_factory=list)
    nodes: list[_Node] = field(default_factory=list)

    def inside(self, *keywords: str) -> Iterator[_Node]:
        return (node for node in self.nodes if node.keyword in keywords)


def words_of_epsg(code: Any) -> Words | None:
    """Return the words for a code, of those that ENVI has words for."""
    if code == WGS84:
        return Words(GEOGRAPHIC, ("WGS-84", "units=Degrees"), "degree")
    for first, half in ((UTM_NORTH, "North"), (UTM_SOUTH, "South")):
        if isinstance(code, int) and 1 <= code - first <= 60:
            return Words("UTM", (str(code - first), half, "WGS-84", "units=Meters"), "m")
    return None


def words_of_text(text: str) -> Words | None:
    """Return the words for a well-known text or a code such as "EPSG:32633"; None for others."""
    if words := words_of_epsg(epsg_of_text(text)):
        return words
    if code := EPSG.search(text.strip()):
        return Words(f"EPSG:{code[1]}", (), "pixel")
    node = _system(text)
    if node is None:
        return None
    if node.keyword in _GEOGRAPHIC:
        return Words(GEOGRAPHIC, ("units=Degrees",), "degree")
    unit, name = _unit(node)
    return Words(as_item(_name(node)) or "Arbitrary", (f"units={name}",) if name else (), unit)


def epsg_of_text(text: str) -> int | None:
    """Return the code of a system, if its text states one or has the name of a common one."""
    if code := EPSG.search(text.strip()):
        return int(code[1])
    node = _system(text)
    if node is None:
        return None
    for identifier in node.inside("AUTHORITY", "ID"):
        authority, number = (*identifier.items, "", "")[:2]
        if authority.casefold() == "epsg" and number.isdigit():
            return int(number)
    if node.keyword in _GEOGRAPHIC:
        return WGS84 if WGS84_NAME.match(_name(node)) else None
    zone = UTM_NAME.match(_name(node))
    if zone is None or not 1 <= int(zone[1]) <= 60:
        return None
    return int(zone[1]) + (UTM_SOUTH if zone[2] in "sS" else UTM_NORTH)


def epsg_of_words(map_info: Sequence[str]) -> int | None:
    """Return the code of the system that a map info names; None where it does not."""
    words = [item.casefold() for item in map_info]
    if words and (code := EPSG.search(words[0])):
        return int(code[1])
    if "wgs-84" not in words:
        return None
    if words[0] == "utm" and len(words) > 8 and words[7] in map(str, range(1, 61)):
        return int(words[7]) + (UTM_SOUTH if words[8] == "south" else UTM_NORTH)
    return WGS84 if words[0] == GEOGRAPHIC.casefold() else None


def epsg_of(map_info: Sequence[str], metadata: Mapping[str, Any]) -> int | None:
    """Return the code of a cube's system; None where nothing tells it.

    Parameters
    ----------
    map_info, metadata
        As of HyperCube. Metadata may have a well-known text, or the geo keys of a GeoTIFF.
    """
    return epsg_of_words(map_info) or epsg_of_text(_kept_text(metadata)) or _epsg_of_keys(metadata)


def text_of(map_info: Sequence[str], metadata: Mapping[str, Any]) -> str:
    """Return the well-known text of a cube's system, else its code, else nothing."""
    if text := _kept_text(metadata):
        return text
    code = epsg_of(map_info, metadata)
    if code is None:
        return ""
    if words_of_epsg(code) is None:
        return f"EPSG:{code}"
    return _WGS84 if code == WGS84 else _utm_text(code)


def kept_numbers(value: Any, *, whole: bool) -> tuple[float, ...]:
    """Return the numbers of a tag that was kept; they are texts where ENVI was in between."""
    items = value if isinstance(value, (list, tuple)) else ()
    try:
        numbers = tuple(int(item) if whole else float(item) for item in items)
    except (TypeError, ValueError, OverflowError):
        return ()
    return numbers if not whole or all(0 <= number < 2**16 for number in numbers) else ()


def _epsg_of_keys(metadata: Mapping[str, Any]) -> int | None:
    numbers = kept_numbers(metadata.get(GEO_KEYS_FIELD), whole=True)
    keys = dict(zip(numbers[4::4], numbers[7::4], strict=False))
    kinds = {PROJECTED: PROJECTED_TYPE, GEOGRAPHIC_MODEL: GEOGRAPHIC_TYPE}
    code = keys.get(kinds.get(int(keys.get(MODEL_TYPE, 0)), 0), 0)
    return int(code) if 1024 <= code < USER_DEFINED else None


def as_metadata(text: str) -> dict[str, list[str]]:
    """Return the field that keeps a well-known text, as ENVI's headers are read."""
    if _system(text) is None:
        return {}
    return {WKT_FIELD: [item.strip() for item in " ".join(text.split()).split(",")]}


def as_item(text: str) -> str:
    """Return a text without what would end an item of map info."""
    return text.split("|")[0].strip("\0 ").translate(dict.fromkeys(map(ord, ",{}"), " "))


def _kept_text(metadata: Mapping[str, Any]) -> str:
    value = next((v for key, v in metadata.items() if key.casefold() == WKT_FIELD), "")
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _system(text: str) -> _Node | None:
    """Return the horizontal system of a well-known text; None where it is another text."""
    path = [_Node("")]
    found: _Node | None = path[0]
    for quoted, keyword, closing, word in _TOKEN.findall(text):
        if keyword:
            node = _Node(keyword.upper())
            path[-1].nodes.append(node)
            path.append(node)
        elif closing:
            del path[max(1, len(path) - 1) :]
        else:
            path[-1].items.append(quoted or word)
    while found is not None and found.keyword not in (*_PROJECTED, *_GEOGRAPHIC):
        found = next(found.inside(*_AROUND, *_PROJECTED, *_GEOGRAPHIC), None)
    return found


def _name(node: _Node) -> str:
    return node.items[0] if node.items else ""


def _unit(node: _Node) -> tuple[str, str]:
    """Return the unit of a projected system: what HyperCube and what ENVI call it."""
    units = [*node.inside("UNIT", "LENGTHUNIT")]
    units += [unit for axis in node.inside("AXIS") for unit in axis.inside("UNIT", "LENGTHUNIT")]
    for unit in units:
        try:
            # The foot of the US survey is 0.6 µm longer than the other.
            return LENGTHS.get(round(float(unit.items[1]), 5), ("pixel", ""))
        except (IndexError, ValueError):
            continue
    return "pixel", ""


_WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,'
    'AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,'
    'AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],'
    'AUTHORITY["EPSG","4326"]]'
)


def _utm_text(code: int) -> str:
    south = code > UTM_SOUTH
    zone = code - (UTM_SOUTH if south else UTM_NORTH)
    return (
        f'PROJCS["WGS 84 / UTM zone {zone}{"S" if south else "N"}",{_WGS84},'
        'PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
        f'PARAMETER["central_meridian",{6 * zone - 183}],PARAMETER["scale_factor",0.9996],'
        f'PARAMETER["false_easting",500000],PARAMETER["false_northing",{south * 10_000_000}],'
        'UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],'
        f'AUTHORITY["EPSG","{code}"]]'
    )
