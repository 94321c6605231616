"""What GeoTIFFs of one band each say of the cube that they make up together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube_checks import OF_EACH_BAND
from napari_dodn.formats.errors import FormatError
from napari_dodn.formats.tiff import raster

OF_ALL = ("nodata", "map_info", "pixel_size", "pixel_unit")


def attributes_of(files: Sequence[Path], notes: list[str]) -> dict[str, Any]:
    """Return the attributes of the HyperCube that the tags of all images lead to.

    Parameters
    ----------
    files : sequence of Path
        In the order of the bands.
    notes : list of str
        Gets a sentence on what differs between the images and is left out.
    """
    if any(file.suffix.lower() not in raster.SUFFIXES for file in files):
        return {}
    try:
        first = raster.read(files[0])
        says = (getattr(first, name) for name in (*OF_EACH_BAND, "nodata", "pixel_size"))
        if not first.map_info and all(value is None for value in says):
            return {}
        bands = [first, *map(raster.read, files[1:])]
    except FormatError:
        return {}  # who decodes the pixels says what is wrong
    found: dict[str, Any] = {}
    for name in OF_EACH_BAND:
        values = [getattr(band, name) for band in bands]
        stated = [value is not None and value.size == 1 for value in values]
        if all(stated):
            found[name] = np.concatenate(values)
        elif any(stated):
            notes.append(
                f"The '{name}' of the images is left out, since only some of them state it."
            )
    for name in OF_ALL:
        values = [getattr(band, name) for band in bands]
        if all(_is_same(value, values[0]) for value in values):
            found[name] = values[0]
        else:
            notes.append(f"The '{name}' of the images is left out, since it differs.")
    return found


def _is_same(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))  # NaN is no-data, too
