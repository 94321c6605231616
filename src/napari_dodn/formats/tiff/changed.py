"""Whether other software has changed a TIFF file of ours, and left our description in it.

GDAL copies the description when it reorders or scales bands, or gives the image another place.
"""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.tiff import gdal as tiff_gdal
from napari_dodn.formats.tiff import geo as tiff_geo
from napari_dodn.map_info import coordinates_of

GDAL_METADATA, GDAL_NODATA = 42112, 42113

CORNERS = ((0.0, 0.0), (1.0, 1.0))
"""Of the first pixel."""


def is_contradicted(cube: HyperCube, page: Any) -> bool:
    """Tell whether tags contradict the description that we wrote into the same file.

    Parameters
    ----------
    cube : HyperCube
        As the description says.
    page : tifffile.TiffPage
        With the tags.
    """
    tags = page.tags
    text = str(tags[GDAL_NODATA].value).strip("\0 ") if GDAL_NODATA in tags else "nan"
    nodata = math.nan if cube.nodata is None else cube.nodata
    if not _is_close(_number(text), nodata):
        return True
    try:
        there = _told(str(tags[GDAL_METADATA].value) if GDAL_METADATA in tags else "")
    except ElementTree.ParseError:
        return False
    told = _told(tiff_gdal.tag_of(cube))
    waves = (key for key in told if key[0] == "wavelength" and key in there)
    if any(not _is_close(told[key], there[key]) for key in waves):
        return True
    scaling = {key for key in {*told, *there} if key[0] in tiff_gdal.NEUTRAL}
    if any(
        not _is_close(*(items.get(key, tiff_gdal.NEUTRAL[key[0]]) for items in (told, there)))
        for key in scaling
    ):
        return True
    map_info = tiff_geo.attributes_of(page).get("map_info", ())
    for corner in CORNERS:
        place, own = coordinates_of(map_info, corner), coordinates_of(cube.map_info, corner)
        if place is not None and own is not None and not np.allclose(place, own, 1e-9, 1e-9):
            return True
    return False


def _told(xml: str) -> dict[tuple[str, int], float]:
    """Return the wavelengths, factors and offsets in GDAL's metadata, by band."""
    items = tiff_gdal.items_of_tag(xml) if xml else []
    return {
        (item.name.casefold(), item.band): _number(item.text)
        for item in items
        if item.band is not None and item.name.casefold() in ("wavelength", *tiff_gdal.NEUTRAL)
    }


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6) or (math.isnan(one) and math.isnan(other))
