"""What the files beside a product's GeoTIFF say of its bands, where the GeoTIFF itself does not.

EnMAP's products of level 1C and 2A have the band characterisation in …-METADATA.XML beside
…-SPECTRAL_IMAGE.TIF (EnMAP Ground Segment, "Level 1B, 1C, 2A Product Specification").
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from napari_dodn.formats.envi.header import Fields

ENMAP_IMAGE = re.compile(r"^(.+)-SPECTRAL_IMAGE(?:_COG)?\.tiff?$", re.IGNORECASE)
ENMAP_FIELDS = {
    "wavelength": "wavelengthCenterOfBand",
    "fwhm": "FWHMOfBand",
    "data gain values": "GainOfBand",
    "data offset values": "OffsetOfBand",
}
NO_OFFSET = {"0", "0.0"}


def enmap_fields(path: Path, notes: list[str]) -> Fields:
    """Return what the metadata of an EnMAP product say, as the fields of an ENVI header.

    Parameters
    ----------
    path : Path
        The image.
    notes : list of str
        Gets a sentence where there is such a file.
    """
    match = ENMAP_IMAGE.match(path.name)
    beside = path.with_name(f"{match[1]}-METADATA.XML") if match else path
    if match is None or not beside.is_file():
        return {}
    try:
        root = ElementTree.fromstring(beside.read_bytes())
    except ElementTree.ParseError:
        notes.append(f"{beside.name} beside the image is damaged and left out.")
        return {}
    bands = root.findall(".//bandCharacterisation/bandID")
    fields: Fields = {}
    for name, tag in ENMAP_FIELDS.items():
        values = [band.findtext(tag) or "" for band in bands]
        if values and all(values) and not set(values) <= NO_OFFSET:
            fields[name] = values
    if "wavelength" in fields:
        fields["wavelength units"] = "Nanometers"
        notes.append(f"The wavelengths and what goes with them are those in {beside.name}.")
    return fields
