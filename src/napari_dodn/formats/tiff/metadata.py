"""What a TIFF file says about its image, in the many places where software writes it.

From the surest on: GDAL's metadata (in the file, or in an .aux.xml file beside it), OME-XML, a
product's XML or an ENVI header beside the file, JSON in the description, and names of bands that
have a wavelength in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_dodn.formats.description import is_description
from napari_dodn.formats.envi import fields as envi_fields
from napari_dodn.formats.envi import header as envi_header
from napari_dodn.formats.envi.files import headers_of
from napari_dodn.formats.envi.header import Fields
from napari_dodn.formats.envi.product_metadata import product_fields
from napari_dodn.formats.errors import FormatError
from napari_dodn.formats.tables.markup import root_of
from napari_dodn.formats.tables.wavelength_files import wavelengths_of_bands_beside
from napari_dodn.formats.tiff import gdal as tiff_gdal
from napari_dodn.formats.tiff import geo as tiff_geo
from napari_dodn.formats.tiff import xml_tags as tiff_xml
from napari_dodn.formats.tiff.images import TiffImage
from napari_dodn.formats.tiff.zeiss import fields_of_lsm, pixel_size_of_lsm
from napari_dodn.formats.wavelengths.named import (
    is_said_per_band,
    may_tell_wavelengths,
    wavelengths_among,
)
from napari_dodn.formats.wavelengths.spelt import numbers_in, numbers_in_texts, ranges_in_names
from napari_dodn.spectra.units import canonical_unit

GDAL_METADATA, GDAL_NODATA, PAGE_NAME, X_RESOLUTION, Y_RESOLUTION = 42112, 42113, 285, 282, 283

SPECTRAL_FIELDS = frozenset({"wavelength", "wavelength units", "fwhm"})
"""Fields that are only true together, so that all are taken from one place."""

TAKEN_FROM_OTHERS = frozenset({*SPECTRAL_FIELDS, "bbl", "band names"})
"""Fields of a header that may be that of another file of the same name and size."""

_LIST = re.compile(
    r"^\s*[#;]?\s*((?:band |cent(?:er|re) )?wavelengths?|fwhm)\s*(?:\(\w+\))?\s*[:=]\s*"
    r"(\{[^}]*\}|\[[^\]]*\]|.+)$",
    re.IGNORECASE | re.MULTILINE,
)
_UNIT = re.compile(r"wavelengths?[ _]*(?:units?\s*[:=]\s*|\()(\w+)", re.IGNORECASE)
"""What a description says of wavelengths, as the header of ENVI that it often is a copy of."""

_NUMBERED = re.compile(r"(.*?\D)\d+")

_OF_A_PAGE = re.compile(
    r"wave_?length(?:_(nm|um))?['\"]?\s*[:=>]\s*['\"]?(\d+(?:[.,]\d+)?)[ _]?([^\W\d_]+)?(?!\d)",
    re.IGNORECASE,
)
"""What the description of a page says of its wavelength, as in `Wavelength: 450`, JSON or XML."""

IMAGEJ_STRAIGHT_LINE, IMAGEJ_NONE = 0, 20
"""Functions of ImageJ's calibration; those between are curves."""

PIXEL_UNITS = {"nm": "nm", "µm": "um", "mm": "mm", "cm": "cm", "m": "m"}

_WAVELENGTH = re.compile(
    r"(\d+(?:[.,]\d+)?)[\s_]*(nm|nanomet(?:er|re)s?|[uµμ]m|microns?|micromet(?:er|re)s?)(?![a-z])",
    re.IGNORECASE,
)


def attributes_of(path: Path, tiff: Any, image: TiffImage) -> dict[str, Any]:
    """Return the HyperCube attributes that a file describes.

    Parameters
    ----------
    path : Path
        The file.
    tiff : tifffile.TiffFile
        The same, open.
    image : TiffImage
        The cube.
    """
    tags = image.series.keyframe.tags
    notes: list[str] = []
    fields: Fields = {}
    for source in (
        _gdal(path, tags, image.bands, notes),
        _in_tags_of_others(tags, image.bands, notes),
        _ome(tiff, image, notes),
        fields_of_lsm(tiff, image.bands),
        product_fields(path, notes),
        _header_beside(path, image, notes),
        _json(image, notes),
        _text(image, notes),
        _in_pages(tiff, image, notes),
        _imagej_scaling(tiff, image.bands, notes),
    ):
        if "wavelength" in fields:
            source = {k: v for k, v in source.items() if k not in SPECTRAL_FIELDS}
        fields = {**source, **fields}
    if "wavelength" not in fields:
        fields |= _in_names(fields.get("band names"), notes)
    if "wavelength" not in fields:
        fields |= _in_texts_of_bands(fields, image.bands, notes)
    if GDAL_NODATA in tags:
        fields["data ignore value"] = str(tags[GDAL_NODATA].value).strip("\0 ")
    attributes = envi_fields.attributes_of(fields, image.bands, "The file's")
    if "wavelengths" not in attributes:
        beside = wavelengths_of_bands_beside(path, image.bands, notes)
        if beside is not None:
            attributes["wavelengths"] = beside
    attributes.setdefault("pixel_size", None)
    if attributes["pixel_size"] is None:
        attributes |= _pixel_size(tiff, image)
    geo = tiff_geo.attributes_of(image.series.keyframe)
    if kept := tiff_geo.GRID_TAGS.values() & geo["metadata"].keys():
        notes.append(
            f"The image is turned or bent on the map; '{min(kept)}' is kept, but not used."
        )
    elif "map_info" not in geo:
        geo |= tiff_geo.attributes_beside(path, image.series.keyframe, notes)
    attributes["notes"] = (*notes, *attributes["notes"])
    return attributes | geo | {"metadata": attributes["metadata"] | geo["metadata"]}


def wavelength_count(page: Any) -> int | None:
    """Return how many wavelengths the description of a page has, where it has some."""
    fields = _json_fields(str(page.description))[0]
    return len(fields["wavelength"]) if "wavelength" in fields else None


def _gdal(path: Path, tags: Any, bands: int, notes: list[str]) -> Fields:
    items = []
    beside = path.with_name(path.name + ".aux.xml")
    try:
        if GDAL_METADATA in tags:
            items += tiff_gdal.items_of_tag(str(tags[GDAL_METADATA].value))
        if beside.is_file():
            items += tiff_gdal.items_of_auxiliary_file(beside.read_text("utf-8", errors="replace"))
    except ElementTree.ParseError:
        notes.append("The file's GDAL metadata are damaged and left out.")
    fields = tiff_gdal.fields_of_items(items, bands)
    if beside.is_file() and "wavelength" in fields and GDAL_METADATA not in tags:
        notes.append(f"The wavelengths are those in {beside.name}.")
    return fields


def _in_tags_of_others(tags: Any, bands: int, notes: list[str]) -> Fields:
    try:
        return tiff_xml.fields_of_tags(tags, bands, notes)
    except ElementTree.ParseError:
        notes.append("The file's description of its bands is damaged and left out.")
        return {}


def _ome_image(tiff: Any, image: TiffImage) -> ElementTree.Element | None:
    """Return the Pixels element that describes an image."""
    if not tiff.ome_metadata:
        return None
    try:
        root = root_of(tiff.ome_metadata)
    except ElementTree.ParseError:
        return None
    pixels = [element for element in root.iter() if _bare(element) == "Pixels"]
    return pixels[image.number] if image.number < len(pixels) else None


def _bare(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _ome(tiff: Any, image: TiffImage, notes: list[str]) -> Fields:
    pixels = _ome_image(tiff, image)
    channels = [] if pixels is None else [e for e in pixels if _bare(e) == "Channel"]
    if len(channels) != image.bands:
        return {}
    fields: Fields = {}
    names = [channel.get("Name", "") for channel in channels]
    if any(names):
        fields["band names"] = names
    for kind in ("Emission", "Excitation"):
        values = [channel.get(f"{kind}Wavelength", "") for channel in channels]
        units = {channel.get(f"{kind}WavelengthUnit", "nm") for channel in channels}
        if all(values) and len(units) == 1:
            notes.append(f"The wavelengths are the {kind.lower()} wavelengths of OME's channels.")
            return fields | {"wavelength": values, "wavelength units": units.pop()}
    return fields


def _pixel_size(tiff: Any, image: TiffImage) -> dict[str, Any]:
    """Return the size of a pixel that OME, ImageJ or Zeiss state; a print has dots per inch."""
    if (pixels := _ome_image(tiff, image)) is not None:
        sizes = [pixels.get(f"PhysicalSize{axis}", "") for axis in "YX"]
        units = {pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "YX"}
    elif tiff.imagej_metadata and "unit" in tiff.imagej_metadata:
        tags = image.series.keyframe.tags
        if X_RESOLUTION not in tags or Y_RESOLUTION not in tags:
            return {}
        ratios = [tags[code].value for code in (Y_RESOLUTION, X_RESOLUTION)]
        sizes = [str(below / above) if above else "" for above, below in ratios]
        units = {str(tiff.imagej_metadata["unit"]).replace("\\u00B5", "µ")}
    elif size := pixel_size_of_lsm(tiff):
        return {"pixel_size": size, "pixel_unit": "um"}
    else:
        return {}
    unit = PIXEL_UNITS.get(canonical_unit(units.pop()) or "") if len(units) == 1 else None
    try:
        y, x = map(float, sizes)
    except ValueError:
        return {}
    return {"pixel_size": (y, x), "pixel_unit": unit} if unit and min(x, y) > 0 else {}


def _header_beside(path: Path, image: TiffImage, notes: list[str]) -> Fields:
    """Return the fields of a header of ENVI that describes a TIFF file of the same name."""
    axes = dict(zip(image.axes, image.shape, strict=True))
    sizes = {"bands": axes["b"], "lines": axes["y"], "samples": axes["x"]}
    for header in headers_of(path):
        try:
            fields = envi_header.read_header(header)
        except FormatError:
            continue
        fields = {name.casefold(): value for name, value in fields.items()}
        of_tiff = "tiff" in str(fields.get("file type", "")).casefold()
        same = all(str(fields.get(name, size)) == str(size) for name, size in sizes.items())
        if (of_tiff or same) and "wavelength" in fields:
            notes.append(f"The wavelengths are those in {header.name}.")
            return {k: v for k, v in fields.items() if of_tiff or k in TAKEN_FROM_OTHERS}
    return {}


def _text(image: TiffImage, notes: list[str]) -> Fields:
    """Return the wavelengths and widths that a description lists in words."""
    fields: Fields = {}
    for name, items in _LIST.findall(str(image.series.keyframe.description)):
        found = numbers_in(items, image.bands)
        if found is not None and found.values.size == image.bands:
            key = "fwhm" if name.casefold() == "fwhm" else "wavelength"
            fields.setdefault(key, _spelt(found.values))
            if found.unit is not None:
                fields["wavelength units"] = found.unit
    if "wavelength" not in fields:
        return {}
    if unit := _UNIT.search(str(image.series.keyframe.description)):
        fields.setdefault("wavelength units", unit[1])
    notes.append("The wavelengths are those in the file's description.")
    return fields


def _in_texts_of_bands(fields: Fields, bands: int, notes: list[str]) -> Fields:
    """Return the wavelengths in a text, or a numbered item such as `wavelength_1`, of each band."""
    lists = {name: value for name, value in fields.items() if isinstance(value, list)}
    for stem in {match[1] for name in fields if (match := _NUMBERED.fullmatch(name))}:
        numbered = [fields.get(f"{stem}{band + 1}") for band in range(bands)]
        texts = [text for text in numbered if isinstance(text, str)]
        if is_said_per_band(stem) and len(texts) == bands:
            lists[stem.strip("_ ")] = texts
    for name, texts in lists.items():
        if len(texts) != bands or name == "band names":
            continue
        found = numbers_in_texts(name, texts)
        if found is None and is_said_per_band(name) and may_tell_wavelengths(name):
            found = numbers_in(" ".join(texts), bands)
        if found is not None and found.values.size == bands and np.isfinite(found.values).all():
            notes.append(f"The wavelengths are those in '{name}' of the bands.")
            units: Fields = {} if found.unit is None else {"wavelength units": found.unit}
            return {"wavelength": _spelt(found.values), **units}
    return {}


def _json(image: TiffImage, notes: list[str]) -> Fields:
    fields, name = _json_fields(str(image.series.keyframe.description), image.bands)
    if name:
        notes.append(f"The wavelengths are those in '{name}' of the file's description.")
    return fields


def _json_fields(text: str, bands: int | None = None) -> tuple[Fields, str]:
    """Return the fields that JSON in a description amounts to, and what its wavelengths are called.

    Parameters
    ----------
    text : str
        The description, which may be anything.
    bands : int, optional
        Number of bands, where it is known.
    """
    is_foreign = text.lstrip().startswith("{") and not is_description(text)
    try:
        content = json.loads(text) if is_foreign else {}
    except (ValueError, RecursionError):
        return {}, ""
    content = {key: value for key, value in _leaves(content) if key not in ("shape", "axes")}
    vectors = {k: np.array(v, np.float64) for k, v in content.items() if _is_vector(v)}
    texts = {k: v for k, v in content.items() if isinstance(v, str)}
    fields: Fields = {k: str(v) for k, v in content.items() if isinstance(v, (str, int, float))}
    lengths = {bands} if bands else {vector.size for vector in vectors.values()}
    named = wavelengths_among(vectors, texts, lengths)
    if named is None or (bands and named.values.size != bands):
        return fields, ""
    spectral: Fields = {"wavelength": _spelt(named.values)}
    spectral["wavelength units"] = named.unit
    for key, vector in vectors.items():
        if key.casefold() in ("fwhm", "bbl") and vector.size == named.values.size:
            spectral[key.casefold()] = _spelt(vector)
    return fields | spectral, named.name


def _spelt(values: np.ndarray) -> list[str]:
    """Return numbers as a header of ENVI lists them."""
    return list(map(repr, values.tolist()))


def _leaves(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield key, value


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(type(v) in (int, float) for v in value)


def _in_pages(tiff: Any, image: TiffImage, notes: list[str]) -> Fields:
    """Return what is said of each page, where each is a band: its name or its wavelength."""
    labels = (tiff.imagej_metadata or {}).get("Labels")
    if isinstance(labels, list) and len(labels) == image.bands:
        return {"band names": [str(label) for label in labels]}
    pages = image.series.pages
    first = image.series.keyframe
    if len(pages) != image.bands or image.bands == 1:
        return {}
    if not (_page_label(first) or _OF_A_PAGE.search(str(first.description))):
        return {}
    read = [
        tiff.pages.get(page.index, validate=False, aspage=True)
        for page in pages
        if isinstance(page.index, int)
    ]
    labels = [_page_label(page) for page in read]
    fields: Fields = {"band names": labels} if all(labels) else {}
    found = [_OF_A_PAGE.search(str(page.description)) for page in read]
    values = [match[2].replace(",", ".") for match in found if match]
    units = {match[3] or match[1] or "" for match in found if match}
    if not any(map(_WAVELENGTH.search, labels)) and len(values) == image.bands == len(set(values)):
        fields |= {"wavelength": values, "wavelength units": units.pop() if len(units) == 1 else ""}
        notes.append("The wavelengths are those in the descriptions of the pages.")
    return fields


def _imagej_scaling(tiff: Any, bands: int, notes: list[str]) -> Fields:
    """Return gain and offset of ImageJ's calibration, which signed 16-bit images have, too."""
    said = tiff.imagej_metadata or {}
    function = said.get("cf")
    if function == IMAGEJ_STRAIGHT_LINE and {"c0", "c1"} <= said.keys():
        scaling = {"data gain values": said["c1"], "data offset values": said["c0"]}
        return {name: [str(value)] * bands for name, value in scaling.items()}
    if isinstance(function, int) and 0 < function < IMAGEJ_NONE:
        notes.append(
            "ImageJ's calibration of the values is left out, since it is no straight line."
        )
    return {}


def _page_label(page: Any) -> str:
    """Return the name of a page, or what else it has that names a wavelength."""
    texts = str(page.tags.valueof(PAGE_NAME, "")).strip("\0 "), str(page.description)
    return next((text for text in texts if _WAVELENGTH.search(text)), texts[0])


def _in_names(names: str | list[str] | None, notes: list[str]) -> Fields:
    """Return the wavelengths in the names of bands such as "band 1 (418.24 nm)"."""
    names = names if isinstance(names, list) else []
    found = [_WAVELENGTH.search(name) for name in names]
    if not found or not all(found):
        return {}
    values = [match[1].replace(",", ".") for match in found if match]
    units = {canonical_unit(match[2]) or "" for match in found if match}
    if ranges := ranges_in_names(names):
        values = _spelt(ranges.values)
    if len(units) > 1 or len(set(values)) < len(values):
        return {}
    notes.append("The wavelengths are those in the names of the bands.")
    return {"wavelength": values, "wavelength units": units.pop()}
