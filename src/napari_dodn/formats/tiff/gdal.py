"""GDAL's metadata of a raster, in a TIFF tag or an .aux.xml file, to header fields and back.

GDAL keeps items for the whole raster and for each band, in domains: its ENVI reader and EnMAP-Box
write `wavelength`, `wavelength_units`, `fwhm` and `bbl` for each band; GDAL since 3.10
CENTRAL_WAVELENGTH_UM and FWHM_UM in the domain IMAGERY; the domain ENVI holds an ENVI header's
fields. Scale, offset, name and colour of a band have a role in place of a domain. What is found is
returned as the fields of an ENVI header, whose meaning `envi_fields` knows.
(https://gdal.org/user/raster_data_model.html, https://gdal.org/drivers/raster/gtiff.html)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.envi.header import Fields
from napari_dodn.formats.tables.markup import root_of
from napari_dodn.spectra.units import NANOMETRES_PER_UNIT, canonical_unit, to_nanometres

WAVELENGTH_NAMES = (
    "wavelength",
    "wavelengths",
    "center_wavelength",
    "central_wavelength",
    "centre_wavelength",
)
FWHM_NAMES = ("fwhm", "full_width_half_maximum")
UNIT_NAMES = ("wavelength_units", "wavelength_unit", "wavelengthunits")

OF_THE_WHOLE = ("wavelength", "wavelengths", "wavelength units", "fwhm", "bbl")
"""Fields that some software writes once for the whole raster, as lists."""

ROLES = {
    "scale": "data gain values",
    "offset": "data offset values",
    "description": "band names",
    "nodatavalue": "data ignore value",
}
NEUTRAL = {"scale": 1.0, "offset": 0.0}
COLOURS = ("Red", "Green", "Blue")

STALE_FIELDS = ("map info", "x start", "y start", "description")
"""Fields of an ENVI header that GDAL copies although it may have cut or turned the image."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML file may have in it, not even as an entity."""

_BAND_NUMBER = re.compile(r"band_(\d+)$", re.IGNORECASE)


class Item(NamedTuple):
    """An item of metadata; `band` counts from 0 and is None for the whole raster."""

    name: str
    text: str
    band: int | None = None
    domain: str = ""
    role: str = ""


def items_of_tag(xml: str) -> list[Item]:
    """Return the items of tag 42112.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        If it is damaged.
    """
    return [
        Item(
            element.get("name", ""),
            (element.text or "").strip(),
            int(sample) if (sample := element.get("sample", "")).isdecimal() else None,
            element.get("domain", ""),
            element.get("role", ""),
        )
        for element in root_of(xml.strip("\0 \n")).iter("Item")
    ]


def items_of_auxiliary_file(xml: str) -> list[Item]:
    """Return the items of an .aux.xml file, where GDAL puts what a file has no place for.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        If it is damaged.
    """
    root = root_of(xml)
    items = list(_auxiliary_items(root, None))
    for element in root.iter("PAMRasterBand"):
        if (number := element.get("band", "")).isdecimal():
            items += _auxiliary_items(element, int(number) - 1)
    return items


def _auxiliary_items(parent: ElementTree.Element, band: int | None) -> Iterator[Item]:
    for role in ("Description", "NoDataValue", "Scale", "Offset", "ColorInterp"):
        if band is not None and (text := parent.findtext(role)):
            yield Item(role.upper(), text.strip(), band, "", role.lower())
    for domain in parent.findall("Metadata"):
        for element in domain.findall("MDI"):
            text = (element.text or "").strip()
            yield Item(element.get("key", ""), text, band, domain.get("domain", ""))


def fields_of_items(items: Sequence[Item], bands: int) -> Fields:
    """Return what items say as the fields of an ENVI header.

    Parameters
    ----------
    items : sequence of Item
        All of the raster and its bands.
    bands : int
        Number of bands.
    """
    fields: Fields = {}
    whole = [item for item in items if item.band is None]
    names = [""] * bands
    for item in sorted(whole, key=lambda item: item.domain != "ENVI"):
        name = item.name.replace("_", " ").casefold()
        number = _BAND_NUMBER.match(item.name)
        if item.domain == "ENVI" or name in OF_THE_WHOLE:
            name = "wavelength" if name == "wavelengths" else name
            if name not in STALE_FIELDS:
                fields[name] = _value(item.text)
        elif number and 1 <= int(number[1]) <= bands:
            names[int(number[1]) - 1] = item.text
        elif item.domain in ("", "IMAGERY") and name != "area or point":
            fields[item.name] = item.text
    if all(names):
        fields["band names"] = names
    table: dict[tuple[str, str], list[str]] = defaultdict(lambda: [""] * bands)
    for item in items:
        if item.band is not None and item.band < bands:
            table[item.role or item.domain, item.name.casefold()][item.band] = item.text
    fields.update(_fields_of_bands(dict(table), bands))
    return fields


def _value(text: str) -> str | list[str]:
    """Return a list where a text is one in braces, as ENVI writes it, or of numbers and commas."""
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        return [item.strip() for item in inner[1:-1].split(",")]
    if re.fullmatch(r"[\s\d.,eE+-]+", inner) and ("," in inner or " " in inner):
        return re.split(r"[,\s]+", inner.strip(" ,"))
    return inner


def _fields_of_bands(table: dict[tuple[str, str], list[str]], bands: int) -> Fields:
    fields: Fields = {}

    def take(domain: str, *names: str) -> list[str] | None:
        found = [table.pop((domain, name)) for name in names if (domain, name) in table]
        return found[0] if found else None

    centres, widths = take("", *WAVELENGTH_NAMES), take("", *FWHM_NAMES)
    units = take("", *UNIT_NAMES)
    imagery = take("IMAGERY", "central_wavelength_um"), take("IMAGERY", "fwhm_um")
    if centres is None and imagery[0] is not None:
        centres, units = imagery[0], ["Micrometers"] * bands
        widths = None
    if centres is not None:
        centres, unit = _in_one_unit(centres, units)
        fields["wavelength"] = centres
        fields["wavelength units"] = unit
        known = canonical_unit(unit) or ""
        if widths is None and imagery[1] is not None and known in NANOMETRES_PER_UNIT:
            factor = 1000.0 / NANOMETRES_PER_UNIT[known]
            widths = [repr(float(w) * factor) if _is_number(w) else w for w in imagery[1]]
    elif units is not None:
        fields["wavelength units"] = units[0]
    if widths is not None:
        fields["fwhm"] = widths
    if (good := take("", "bbl", "bad_band_multiplier")) is not None:
        fields["bbl"] = good
    colours = take("colorinterp", "colorinterp") or []
    if all(colours.count(colour) == 1 for colour in COLOURS):
        fields["default bands"] = [str(colours.index(colour) + 1) for colour in COLOURS]
    for (domain, name), texts in table.items():
        if domain in ROLES:
            neutral = NEUTRAL.get(domain)
            if neutral is not None:
                texts = [text or str(neutral) for text in texts]
                if all(_is_number(text) and float(text) == neutral for text in texts):
                    continue
            fields[ROLES[domain]] = texts
        elif domain == "" and not name.startswith("statistics_"):  # true of the old pixels only
            fields[name] = texts
    return fields


def _in_one_unit(values: list[str], units: list[str] | None) -> tuple[list[str], str]:
    """Return band centres and their unit; where it differs from band to band, nanometres."""
    stated = set(units or [""])
    if len(stated) == 1 or units is None:
        return values, stated.pop()
    try:
        in_nm = [
            repr(float(to_nanometres(np.array([float(value)]), unit)[0]))
            for value, unit in zip(values, units, strict=True)
        ]
    except ValueError:
        return values, ""
    return in_nm, "Nanometers"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def tag_of(cube: HyperCube) -> str:
    """Return the text of tag 42112 that tells GDAL, QGIS and EnMAP-Box what a cube's bands are."""
    root = ElementTree.Element("GDALMetadata")

    def add(name: str, value: object, band: int | None = None, **attributes: str) -> None:
        sample = {} if band is None else {"sample": str(band)}
        item = {"name": _NOT_XML.sub("", name), **sample, **attributes}
        ElementTree.SubElement(root, "Item", item).text = _NOT_XML.sub("", str(value))

    for name, value in cube.metadata.items():
        if isinstance(value, str):
            add(name.replace(" ", "_"), value)
    names = cube.metadata.get("band names", ())
    for band in range(cube.bands):
        if cube.wavelengths is not None:
            add("wavelength", repr(float(cube.wavelengths[band])), band)
            add("wavelength_units", "Nanometers", band)
            micrometres = f"{cube.wavelengths[band] / 1000:.9g}"
            add("CENTRAL_WAVELENGTH_UM", micrometres, band, domain="IMAGERY")
        if cube.fwhm is not None:
            add("fwhm", repr(float(cube.fwhm[band])), band)
            add("FWHM_UM", f"{cube.fwhm[band] / 1000:.9g}", band, domain="IMAGERY")
        if cube.good_bands is not None:
            add("bbl", int(cube.good_bands[band]), band)
        for role in ("offset", "scale"):
            values = cube.gain if role == "scale" else cube.offset
            if values is not None and not cube.scaled:
                add(role.upper(), repr(float(values[band])), band, role=role)
        if band in cube.default_bands[:3] and len(cube.default_bands) == len(COLOURS):
            colour = COLOURS[cube.default_bands.index(band)]
            add("COLORINTERP", colour, band, role="colorinterp")
        if isinstance(names, (list, tuple)) and len(names) == cube.bands:
            add("DESCRIPTION", names[band], band, role="description")
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode") if len(root) else ""
