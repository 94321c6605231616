"""What SNAP and the makers of cameras write about bands into TIFF tags of their own, as XML.

SNAP's GeoTIFF files have BEAM-DIMAP's description of all bands. Multispectral cameras, such as
MicaSense's, have Pix4D's names of wavelengths and widths in XMP.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from napari_dodn.formats.envi.header import Fields
from napari_dodn.formats.tables.markup import root_of

DIMAP, XMP = 65000, 700

FIELDS_OF_DIMAP = {
    "wavelength": ("BAND_WAVELEN", "0"),
    "fwhm": ("BANDWIDTH", "0"),
    "data gain values": ("SCALING_FACTOR", "1"),
    "data offset values": ("SCALING_OFFSET", "0"),
}
"""Elements of each band, and the number that says nothing."""

FIELDS_OF_XMP = {
    "wavelength": "CentralWavelength",
    "fwhm": "WavelengthFWHM",
    "band names": "BandName",
}


def fields_of_tags(tags: Any, bands: int, notes: list[str]) -> Fields:
    """Return what the tags of a page say of its bands, as the fields of an ENVI header.

    Parameters
    ----------
    tags : tifffile.TiffTags
        Of the page.
    bands : int
        Number of bands.
    notes : list of str
        Gets a sentence where the values are logarithms, whose factors are left out.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        If one is damaged.
    """
    fields = _of_dimap(_root(tags, DIMAP), bands, notes) or _of_xmp(_root(tags, XMP), bands)
    return {**fields, "wavelength units": "Nanometers"} if "wavelength" in fields else fields


def _root(tags: Any, code: int) -> ElementTree.Element:
    content = tags.valueof(code, b"")
    content = content.encode() if isinstance(content, str) else bytes(content)
    content = content.strip(b"\0 \r\n")
    return root_of(content) if content.startswith(b"<") else ElementTree.Element("")


def _of_dimap(root: ElementTree.Element, bands: int, notes: list[str]) -> Fields:
    found = sorted(root.iter("Spectral_Band_Info"), key=lambda band: _number(band, "BAND_INDEX"))
    if len(found) != bands:
        return {}
    fields: Fields = {}
    for name, (tag, nothing) in FIELDS_OF_DIMAP.items():
        numbers = [_number(band, tag, nothing) for band in found]
        is_scale = name.startswith("data")
        if set(numbers) != {float(nothing)} and (is_scale or min(numbers) > 0):
            fields[name] = list(map(repr, numbers))
    if any(band.findtext("LOG10_SCALED") == "true" for band in found):
        fields = {name: value for name, value in fields.items() if not name.startswith("data")}
        notes.append("The values are logarithms, whose scaling factors are left out.")
    if all(band.findtext("NO_DATA_VALUE_USED") == "true" for band in found):
        fields["data ignore value"] = [band.findtext("NO_DATA_VALUE", "") for band in found]
    names = [band.findtext("BAND_NAME", "") for band in found]
    return {**fields, "band names": names} if all(names) else fields


def _number(band: ElementTree.Element, tag: str, otherwise: str = "0") -> float:
    try:
        return float(band.findtext(tag, otherwise))
    except ValueError:
        return float(otherwise)


def _of_xmp(root: ElementTree.Element, bands: int) -> Fields:
    found = {name: list(_texts(root, called)) for name, called in FIELDS_OF_XMP.items()}
    return {name: texts for name, texts in found.items() if len(texts) == bands}


def _texts(root: ElementTree.Element, called: str) -> Iterator[str]:
    """Yield the text of an attribute, of an element, or of each item of a list in it."""
    for element in root.iter():
        yield from (text for key, text in element.items() if key.endswith(f"}}{called}"))
        if element.tag.endswith(f"}}{called}"):
            items = [item for item in element.iter() if item.tag.endswith("}li")]
            yield from ((item.text or "").strip() for item in items or [element])
