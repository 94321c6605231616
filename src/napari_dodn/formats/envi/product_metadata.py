"""What the files beside a product's image say of its bands, where the image itself does not.

EnMAP's products have the band characterisation in …-METADATA.XML beside …-SPECTRAL_IMAGE.TIF, or
beside images of ENVI (EnMAP Ground Segment, "Level 1B, 1C, 2A Product Specification"), and so have
DESIS's, under other names of elements.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from napari_dodn.formats.contents import Explanation
from napari_dodn.formats.envi.header import Fields
from napari_dodn.formats.tables.markup import root_of

IMAGE = re.compile(
    r"^(.+)-SPECTRAL_IMAGE(_VNIR|_SWIR)?[^/]*\.(tiff?|hdr|bsq|bil|bip|img|dat)$", re.IGNORECASE
)
"""Clipped ones have something behind, as in _COG or _clip; those of level 1B have a detector."""

METADATA = re.compile(r"^(.+)-METADATA\.xml(\.xml)?$", re.IGNORECASE)

TAGS = {
    "wavelength": ("wavelengthcenterofband",),
    "fwhm": ("fwhmofband", "wavelengthwidthofband"),
    "data gain values": ("gainofband",),
    "data offset values": ("offsetofband",),
}
"""Elements of each band in EnMAP's and DESIS's metadata, in small letters."""

BAND_TAGS = ("bandid", "band")
CHARACTERISATION = "bandcharacterisation"

NO_OFFSET = {"0", "0.0"}


NUMBER_OF_VNIR = "numberofvnirbands"


def product_fields(path: Path, notes: list[str]) -> Fields:
    """Return what the metadata of an EnMAP or DESIS product say, as the fields of an ENVI header.

    Parameters
    ----------
    path : Path
        The image.
    notes : list of str
        Gets a sentence where there is such a file.
    """
    beside = _metadata_beside(path)
    if beside is None:
        return {}
    try:
        root = root_of(beside.read_bytes())
    except ElementTree.ParseError:
        notes.append(f"{beside.name} beside the image is damaged and left out.")
        return {}
    bands = [
        {_tag(item): (item.text or "").strip() for item in band}
        for part in root.iter()
        if _tag(part) == CHARACTERISATION
        for band in part
        if _tag(band) in BAND_TAGS
    ]
    bands = _of_detector(path, root, bands)
    fields: Fields = {}
    for name, tags in TAGS.items():
        for tag in tags:
            values = [band.get(tag, "") for band in bands]
            if values and all(values) and not set(values) <= NO_OFFSET:
                fields.setdefault(name, values)
    if "wavelength" in fields:
        fields["wavelength units"] = "Nanometers"
        notes.append(
            Explanation(f"The wavelengths and what goes with them are those in {beside.name}.")
        )
    return fields


def _of_detector(
    path: Path, root: ElementTree.Element, bands: list[dict[str, str]]
) -> list[dict[str, str]]:
    """Return the bands of the one detector whose image it is; VNIR's come first."""
    match = IMAGE.match(path.name)
    count = next((item.text or "" for item in root.iter() if _tag(item) == NUMBER_OF_VNIR), "")
    if match is None or match[2] is None or not count.strip().isdecimal():
        return bands
    of_vnir = int(count)
    return bands[:of_vnir] if match[2].casefold() == "_vnir" else bands[of_vnir:]


def image_of(path: Path) -> Path:
    """Return the image that a product's metadata stand beside; other paths as they are."""
    match = METADATA.match(path.name)
    if match is None or not path.parent.is_dir():
        return path
    stem = match[1].casefold()
    images = [
        file
        for file in path.parent.iterdir()
        if (found := IMAGE.match(file.name))
        and found[1].casefold().endswith(stem)
        and file.is_file()
    ]
    # The whole image has the shortest name; clipped ones have something behind or in front.
    return min(images, key=lambda file: (len(file.name), file.name), default=path)


def with_image(path: Path) -> tuple[Path, ...]:
    """Return the image of a product's metadata and these, other paths alone."""
    image = image_of(path)
    return (path,) if image == path else (image, path)


def _metadata_beside(path: Path) -> Path | None:
    """Return the metadata of a product's image, in any letter case, also of a clipped one."""
    match = IMAGE.match(path.name)
    if match is None:
        return None
    stem = match[1].casefold()
    found = [
        (len(own[1]), file)
        for file in path.parent.iterdir()
        if (own := METADATA.match(file.name))
        and stem.endswith(own[1].casefold())  # a clipped one may have something in front
        and file.is_file()
    ]
    return max(found)[1] if found else None


def _tag(item: ElementTree.Element) -> str:
    """Return the name of an element without its namespace, in small letters."""
    return item.tag.rpartition("}")[2].casefold() if isinstance(item.tag, str) else ""
