"""Coordinate reference systems: texts and codes, as PROJ knows them, and ENVI's words for them.

What PROJ does not know is kept as it is. It is imported where it is needed, since that takes time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pyproj import CRS

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

UNITS = {
    1.0: ("m", "Meters"),
    1000.0: ("km", "Kilometers"),
    0.3048: ("ft", "Feet"),
    round(math.radians(1), 5): ("degree", "Degrees"),
}
"""By their metres or radians: what HyperCube and ENVI call units."""

DATUMS = {
    "north america 1927": "NAD27",
    "north america 1983": "NAD83",
    "european 1950": "ED50",
    "geocentric datum of australia 1994": "GDA94",
}
"""Datums as ENVI alone calls them, and as EPSG does."""

DATUM_OF_CF = (
    *("semi_major_axis", "semi_minor_axis", "inverse_flattening", "earth_radius"),
    *("reference_ellipsoid_name", "prime_meridian_name", "longitude_of_prime_meridian"),
)
"""What CF says of a datum in place of its name."""

EPSG = re.compile(r"EPSG:+(?:[\d.]*:)?(\d{4,5})$", re.IGNORECASE)
"""A code as `EPSG:32633` or `urn:ogc:def:crs:EPSG::32633`."""

WKT1 = ("PROJCS", "GEOGCS")
_WKT = re.compile(
    r'\b(PROJCS|PROJ\w*CRS|GEOGCS|GEO\w*CRS)\s*[\[(]\s*"((?:[^"]|"")*)"', re.IGNORECASE
)
"""Beginning of a horizontal system in a text, and its name."""


class Words(NamedTuple):
    """ENVI's name of a system, what follows the pixel size in map info, and HyperCube's unit."""

    projection: str
    after: tuple[str, ...]
    unit: str


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
        unit, long = unit_of(_known(f"EPSG:{code[1]}"))
        return Words(f"EPSG:{code[1]}", (f"units={long}",) if long else (), unit)
    opening, system = _WKT.search(text), _system(text)
    if opening is None:
        return None
    name, (unit, long) = system.name if system else opening[2], unit_of(system)
    if is_geographic(system) or (system is None and opening[1].upper().startswith("GEO")):
        return Words(GEOGRAPHIC, ("units=Degrees",), "degree")
    return Words(as_item(name) or "Arbitrary", (f"units={long}",) if long else (), unit)


def epsg_of_text(text: str) -> int | None:
    """Return the code of a system, if its text states one or just one is of its definition."""
    if code := EPSG.search(text.strip()):
        return int(code[1])
    return _code(_system(text))


def epsg_of_words(map_info: Sequence[str]) -> int | None:
    """Return the code of the system that a map info names; None where it does not."""
    name, words = (*map_info, "")[0], (*map_info[7:10], "", "", "")
    if code := EPSG.search(name):
        return int(code[1])
    if name.casefold() == "utm":
        return _code(_utm(*words[:3]))
    is_global = name.casefold() == GEOGRAPHIC.casefold()
    system = _named(words[0] if is_global else name)
    return _code(system) if is_geographic(system) == is_global else None


def epsg_of(map_info: Sequence[str], metadata: Mapping[str, Any]) -> int | None:
    """Return the code of a cube's system; None where nothing tells it.

    Parameters
    ----------
    map_info, metadata
        As of HyperCube. Metadata may have a well-known text, or the geo keys of a GeoTIFF.
    """
    return epsg_of_words(map_info) or epsg_of_text(_kept_text(metadata)) or _epsg_of_keys(metadata)


def system_of(map_info: Sequence[str], metadata: Mapping[str, Any]) -> CRS | None:
    """Return a cube's system; None where nothing tells it."""
    code = epsg_of(map_info, metadata)
    return _known(f"EPSG:{code}") if code else _system(_kept_text(metadata))


def unit_of(system: CRS | None) -> tuple[str, str]:
    """Return what HyperCube and ENVI call the unit of a system: "pixel" and "" for others."""
    factor = 0 if system is None else system.axis_info[0].unit_conversion_factor
    # The foot of the US survey is 0.6 µm longer than the other.
    return UNITS.get(round(factor, 5), ("pixel", ""))


def is_geographic(system: CRS | None) -> bool:
    """Tell whether a system has latitudes and longitudes in degrees, and no pole of its own."""
    is_global = system is not None and system.is_geographic and not system.is_derived
    return is_global and unit_of(system)[0] == "degree"


def text_of(map_info: Sequence[str], metadata: Mapping[str, Any]) -> str:
    """Return the well-known text of a cube's system, else its code, else nothing."""
    if text := _kept_text(metadata):
        return text
    code = epsg_of(map_info, metadata)
    if words_of_epsg(code):
        return wkt(_known(f"EPSG:{code}"))
    return f"EPSG:{code}" if code else ""


def text_of_cf(parameters: Mapping[str, Any]) -> str:
    """Return the text of the system that a grid mapping of CF describes; nothing where it fails.

    Without a datum's name, WGS 84 is meant, unless the ellipsoid is another one.
    """
    from pyproj import CRS
    from pyproj.exceptions import ProjError

    kind = str(parameters.get("grid_mapping_name"))
    said = {"projected_crs_name": kind, **parameters}
    names = [said.pop(key, "") for key in ("geographic_crs_name", "horizontal_datum_name")]
    datum = {key: said.pop(key) for key in DATUM_OF_CF if key in said}
    base = _named(str(next(filter(None, names), "WGS 84")))
    if kind != "latitude_longitude" and not any("longitude" in key for key in said):
        return ""
    try:
        system = CRS.from_cf(said | datum) if datum else None
        numbers = _datum(system or base) if system or base else {}
        # pyproj takes WGS 84 in place of an ellipsoid that it cannot make.
        if not all(math.isclose(numbers[key], datum[key]) for key in numbers.keys() & datum.keys()):
            return ""
        if base and all(map(math.isclose, numbers.values(), _datum(base).values())):
            system = CRS.from_cf(said | {"geographic_crs_name": base.name})
    except (ProjError, LookupError, TypeError, ValueError):
        return ""
    return wkt(_known(f"EPSG:{_code(system)}") or system)


def _datum(system: Any) -> dict[str, float]:
    """Return what the ellipsoid of a system would be in the terms of CF."""
    ellipsoid = system.ellipsoid
    return {
        "semi_major_axis": ellipsoid.semi_major_metre,
        "semi_minor_axis": ellipsoid.semi_minor_metre,
        "inverse_flattening": ellipsoid.inverse_flattening,
        "earth_radius": ellipsoid.semi_major_metre,
        "longitude_of_prime_meridian": system.prime_meridian.longitude,
    }


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
    if _WKT.search(text) is None:
        return {}
    return {WKT_FIELD: [item.strip() for item in " ".join(text.split()).split(",")]}


def as_envi(map_info: Sequence[str], metadata: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the field that tells ENVI, as ESRI writes it, what neither map info nor field does."""
    kept, code = _kept_text(metadata), epsg_of_words(map_info)
    has_words = not EPSG.search(map_info[0]) and words_of_epsg(code) is not None
    if kept.upper().startswith(WKT1) if kept else has_words:
        return {}
    return as_metadata(wkt(_known(kept) if kept else system_of(map_info, metadata), "WKT1_ESRI"))


def as_item(text: str) -> str:
    """Return a text without what would end an item of map info."""
    return text.split("|")[0].strip("\0 ").translate(dict.fromkeys(map(ord, ",{}"), " "))


def _kept_text(metadata: Mapping[str, Any]) -> str:
    value = next((v for key, v in metadata.items() if key.casefold() == WKT_FIELD), "")
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _system(text: str) -> CRS | None:
    """Return the horizontal system of a well-known text; None for others."""
    return _known(text) if _WKT.search(text) else None


@lru_cache(maxsize=256)
def _known(text: str) -> CRS | None:
    """Return the horizontal system of a text or a name that PROJ understands."""
    from pyproj import CRS
    from pyproj.exceptions import ProjError

    try:
        system: Any = CRS.from_user_input(text)
        while system.is_bound or system.is_compound:
            system = system.source_crs if system.is_bound else system.sub_crs_list[0]
        return system.to_2d() if system.is_projected or system.is_geographic else None
    except (ProjError, ValueError):  # half a character is no UTF-8
        return None


def _named(name: str) -> CRS | None:
    """Return the system of a name; PROJ alone would take "Bessel" for Amersfoort."""
    name = DATUMS.get(name.casefold(), name)
    system = _known(name) if name else None
    names = [_letters(system.name), *wkt(system, "WKT1_ESRI").split('"')[1:2]] if system else []
    return system if _letters(name) in map(_letters, names) else None


def _letters(name: str) -> str:
    return re.sub(r"\W|_|^GCS_", "", name).casefold()


@lru_cache(maxsize=256)
def _utm(zone: str, half: str, datum: str) -> CRS | None:
    """Return UTM on a datum; Australia's, for one, has other names."""
    from pyproj.crs import ProjectedCRS
    from pyproj.crs.coordinate_operation import UTMConversion

    base = _named(datum)
    if base is None or not base.is_geographic or zone not in map(str, range(1, 61)):
        return None
    return ProjectedCRS(
        UTMConversion(zone, "S" if half.casefold() == "south" else "N"), geodetic_crs=base
    )


@lru_cache(maxsize=256)
def _code(system: CRS | None) -> int | None:
    """Return the code that a system states and does not contradict, else that it alone can have."""
    if system is None:
        return None
    if stated := _stated(system):
        known = _known(f"EPSG:{stated}")
        return stated if known is None or _is_same(system, known) else None
    found = [WGS84, *(int(match.code) for match in system.list_authority("EPSG", 25))]
    systems = [known for code in found if (known := _known(f"EPSG:{code}"))]
    same = {_stated(known) for known in systems if _is_same(system, known)}
    return same.pop() if len(same) == 1 else None


def _stated(system: CRS) -> int | None:
    said = system.to_json_dict().get("id", {})
    return int(said["code"]) if said.get("authority") == "EPSG" else None


def _is_same(system: CRS, other: CRS) -> bool:
    """Compare definitions but for names and the order of axes, which are always x and y here."""
    one, two = (_known(wkt(s, "WKT1_GDAL", output_axis_rule=False)) or s for s in (system, other))
    return bool(one.equals(two, ignore_axis_order=True))


def wkt(system: CRS | None, version: str = "WKT1_GDAL", **options: Any) -> str:
    """Return the text of a system, as OGC has it now where an older version lacks words."""
    from pyproj.exceptions import CRSError

    with suppress(CRSError):
        return "" if system is None else str(system.to_wkt(version, **options))
    return "" if system is None else str(system.to_wkt(**options))
