"""What the layouts of imaging spectrometers' products say beyond names that explain themselves.

NEON's are those of the Airborne Observation Platform's orthorectified surface reflectance
(DP1.30006.001, DP3.30006.001 and their successors), PRISMA's those of ASI's "PRISMA Products
Specification Document". EMIT's products name their axes and all that stands beside the cube, so
that they need nothing of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_dodn import crs
from napari_dodn.cube_checks import OF_EACH_BAND
from napari_dodn.formats.arrays.attributes import numbers
from napari_dodn.formats.arrays.model import Array, Reading, Store
from napari_dodn.formats.axes import checked_axes
from napari_dodn.formats.contents import Explanation
from napari_dodn.formats.errors import FormatError
from napari_dodn.spectra.units import describe_order
from napari_dodn.wording import all_of

NEON_ARRAY = re.compile(r"^\w+/Reflectance/Reflectance_Data$")
NEON_WINDOW = re.compile(r"^Band_Window_\d+_Nanometers$")

PRISMA_ARRAY = re.compile(r"^HDFEOS/SWATHS/PRS_(L\w+)_(HCO|HRC)/Data Fields/(VNIR|SWIR)_Cube$")
PRISMA_AXES = "ybx"
PRISMA_OF_RADIANCE = ("L1", "L2B")
PRISMA_FULL_SCALE = 65535
PRISMA_CORNERS = ("ULcorner_easting", "ULcorner_northing", "LRcorner_easting", "LRcorner_northing")
PRISMA_PIXEL = 30.0
PRISMA_JOINED = "VNIR_Cube+SWIR_Cube"


def describe_neon(store: Store, reading: Reading) -> None:
    """Add what NEON's layout says to the reading of its reflectance; others are left as they are.

    The stored numbers are reflectance times `Scale_Factor`. Bands inside the windows where water
    vapour takes all light are not good ones.
    """
    array = reading.parts[0]
    if not NEON_ARRAY.match(array.name):
        return
    factor = numbers(store.attributes.get(array.name, {}).get("Scale_Factor"))
    if factor is not None and factor.size == 1 and factor[0] > 0:
        reading.attributes.update(gain=1 / factor[0], quantity="reflectance")
    group = store.attributes.get(array.name.rpartition("/")[0], {})
    said = [numbers(group[key]) for key in sorted(group) if NEON_WINDOW.match(key)]
    windows = [window for window in said if window is not None and window.size == 2]
    named = reading.named
    if windows and named is not None and named.values.size == reading.stored_bands:
        good = np.ones(reading.stored_bands, bool)
        for first, last in windows:
            good &= (named.wavelengths < first) | (named.wavelengths > last)
        reading.attributes["good_bands"] = good
        shown = all_of(f"{first:g}–{last:g} nm" for first, last in windows)
        reading.notes.append(
            Explanation(f"Bands in the water vapour windows of NEON, {shown}, are bad ones.")
        )


def prisma_readings(store: Store, axes: str | None = None) -> list[Reading]:
    """Return the readings of a PRISMA product: each detector's cube, and both together.

    Parameters
    ----------
    store : Store
        What the file holds.
    axes : str, optional
        What the caller decided; the bands stay those of the product.

    Returns
    -------
    list of Reading
        Empty for other files.
    """
    found: dict[str, dict[str, Reading]] = {}
    for name, array in store.arrays.items():
        if (match := PRISMA_ARRAY.match(name)) and len(array.shape) == 3 and array.is_numeric:
            detectors = found.setdefault(name.rpartition("/")[0], {})
            detectors[match[3]] = _of_detector(store, array, match[1], match[3].title(), axes)
    readings = []
    for folder, detectors in sorted(found.items()):
        pair = [detectors[name] for name in ("VNIR", "SWIR") if name in detectors]
        readings += pair
        if len(pair) == 2 and _same_image(*pair):
            readings.append(_joined(f"{folder}/{PRISMA_JOINED}", *pair))
    return readings


def _of_detector(
    store: Store, array: Array, level: str, detector: str, axes: str | None
) -> Reading:
    """Return the reading of the cube of one detector, "Vnir" or "Swir"."""
    letters = PRISMA_AXES if axes is None else checked_axes(axes, array)
    if letters[1] != "b":
        raise FormatError(
            f"{store.path}: '{letters}' does not fit {array}: PRISMA's second axis is the bands'."
        )
    root = store.attributes.get("", {})
    bands = array.shape[1]
    reading = Reading(array.name, (array,), letters, "as PRISMA's products are laid out")
    reading.notes.append(
        Explanation(
            f"The cube is {array}, read with the axes '{letters}' {reading.reason}; the option "
            "'axes' (--axes) can exchange rows and columns."
        )
    )
    per_band = _per_band(root, detector, bands)
    centres = per_band.get("wavelengths")
    if centres is not None and not (centres > 0).all():
        reading.bands = np.flatnonzero(centres > 0)
        per_band = {name: values[reading.bands] for name, values in per_band.items()}
        reading.notes.append(
            Explanation(
                f"{bands - reading.bands.size} of {bands} bands are left out: the product says by "
                "a wavelength of 0 that they are not used."
            )
        )
    quantity = "radiance" if level in PRISMA_OF_RADIANCE else "reflectance"
    reading.attributes = {"quantity": quantity, **per_band}
    if level == "L2D":
        reading.attributes["nodata"] = 0.0
        reading.notes.append(
            Explanation("Stored zeros, as around the map of an L2D product, mean no-data.")
        )
    if letters == PRISMA_AXES:
        reading.attributes |= _place_of(root, array.shape[0], array.shape[2])
    if centres is not None:
        reading.notes += filter(None, [describe_order(per_band["wavelengths"])])
    return reading


def _place_of(root: Mapping[str, Any], rows: int, columns: int) -> dict[str, Any]:
    """Return map info and size of pixels of a level 2D, whose corners are those of the map.

    They are the centres of the first and the last pixel, or the edges: their distance tells.
    """
    names = ("Epsg_Code", *(f"Product_{place}" for place in PRISMA_CORNERS))
    found = [numbers(root.get(name)) for name in names]
    if any(value is None or value.size != 1 for value in found):
        return {}
    code, west, north, east, south = (float(value[0]) for value in found if value is not None)
    words = crs.words_of_epsg(int(code))
    for inside in (1, 0):
        pixels = (columns - inside) * PRISMA_PIXEL, (rows - inside) * PRISMA_PIXEL
        if words is not None and np.allclose((east - west, north - south), pixels, atol=1):
            edges = west - inside * PRISMA_PIXEL / 2, north + inside * PRISMA_PIXEL / 2
            sizes = (PRISMA_PIXEL, PRISMA_PIXEL)
            texts = (f"{number:.12g}" for number in (*edges, *sizes))
            map_info = (words.projection, "1", "1", *texts, *words.after)
            return {"map_info": map_info, "pixel_size": sizes, "pixel_unit": words.unit}
    return {}


def _per_band(root: Mapping[str, Any], detector: str, bands: int) -> dict[str, np.ndarray]:
    """Return what a product says of each stored band of a detector.

    Gain and offset lead to radiance in level 1 and to the quantity of the product in level 2.
    """

    def number(name: str) -> float | None:
        value = numbers(root.get(name))
        return float(value[0]) if value is not None and value.size == 1 else None

    found: dict[str, np.ndarray] = {}
    for attribute, name in (
        ("wavelengths", f"List_Cw_{detector}"),
        ("fwhm", f"List_Fwhm_{detector}"),
        ("good_bands", f"List_Cw_{detector}_Flags"),
    ):
        values = numbers(root.get(name))
        if values is not None and values.size == bands and (values > 0).any():
            found[attribute] = values > 0 if attribute == "good_bands" else values
    low, high = number(f"L2Scale{detector}Min"), number(f"L2Scale{detector}Max")
    if low is not None and high is not None and low != high:
        found["gain"] = np.full(bands, (high - low) / PRISMA_FULL_SCALE)
        found["offset"] = np.full(bands, low)
    elif factor := number(f"ScaleFactor_{detector}"):
        found["gain"] = np.full(bands, 1 / factor)
        found["offset"] = np.full(bands, -(number(f"Offset_{detector}") or 0.0))
    return found


def _same_image(vnir: Reading, swir: Reading) -> bool:
    shapes = [reading.parts[0].shape for reading in (vnir, swir)]
    described = all("wavelengths" in reading.attributes for reading in (vnir, swir))
    return described and shapes[0][::2] == shapes[1][::2]


def _joined(name: str, vnir: Reading, swir: Reading) -> Reading:
    """Return the bands of both detectors in the order of their wavelengths."""
    both = (vnir, swir)
    bands, start = [], 0
    for reading in both:
        own = np.arange(reading.stored_bands) if reading.bands is None else reading.bands
        bands.append(own + start)
        start += reading.stored_bands
    wavelengths = np.concatenate([reading.attributes["wavelengths"] for reading in both])
    order = np.argsort(wavelengths, kind="stable")
    attributes: dict[str, Any] = {
        key: np.concatenate([reading.attributes[key] for reading in both])[order]
        for key in OF_EACH_BAND
        if all(key in reading.attributes for reading in both)
    }
    for key in ("quantity", "nodata", "map_info", "pixel_size", "pixel_unit"):
        if key in vnir.attributes:
            attributes[key] = vnir.attributes[key]
    return Reading(
        name,
        (vnir.parts[0], swir.parts[0]),
        vnir.axes,
        vnir.reason,
        bands=np.concatenate(bands)[order],
        attributes=attributes,
        notes=[
            *vnir.notes,
            *swir.notes,
            Explanation("The bands of both detectors are in the order of their wavelengths."),
        ],
    )
