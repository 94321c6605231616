"""What the status bar says of the pixel under the mouse: value, wavelength and place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from napari_dodn.bad_values import equals_no_data
from napari_dodn.map_info import coordinates_of
from napari_dodn.plugin.viewer.layers import description_of
from napari_dodn.plugin.viewer.once import once_a_viewer
from napari_dodn.plugin.viewer.overlap import pixel_at
from napari_dodn.plugin.viewer.selection import selected_cube
from napari_dodn.plugin.viewer.wavelength_label import wavelength_of
from napari_dodn.wording import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari import Viewer
    from napari.layers import Layer

UNIT_KEYS = ("data units", "units", "unit")
"""Under which files say the unit of their values."""

UNIT_LETTERS = 24
"""A longer text is no unit."""

MOST = 1e9
"""Whole numbers below this are said with all their digits."""

GEOGRAPHIC = "geographic"


@once_a_viewer
def describe_pixels(viewer: Viewer) -> None:
    """Let the status bar describe the pixel under the mouse; asking twice changes nothing."""
    watched = ref(viewer)

    def on_status(event: Any) -> None:
        there, said = watched(), event.value
        if there is None or not isinstance(said, dict):  # a text is not about a layer
            return
        layer = selected_cube(there)
        line = "" if layer is None else pixel_line(there, layer)
        if layer is not None and line and said["coordinates"] != line:
            own = {"layer_base": layer.name, "source_type": "", "plugin": "", "coordinates": line}
            there.status = {**said, **own}

    viewer.events.status.connect(on_status)


def pixel_line(viewer: Viewer, layer: Layer) -> str:
    """Return what there is to say of a cube layer's pixel under the mouse; empty outside of it."""
    place = viewer.cursor.position
    if tuple(viewer.dims.displayed) != (viewer.dims.ndim - 2, viewer.dims.ndim - 1):
        return ""
    y, x = pixel_at(layer, place)
    bands, height, width = layer.data.shape
    if not (0 <= y < height and 0 <= x < width):
        return ""
    band = round(float(layer.world_to_data(viewer.dims.point[-3:])[0]))
    parts = []
    if 0 <= band < bands:
        value = layer.get_value(place, world=True) if layer.visible else None
        if value is not None:
            parts.append(_value_text(np.asarray(value), band, description_of(layer)))
        wavelength = wavelength_of(layer, band)
        parts.append(f"band {band + 1}" if wavelength is None else f"{rounded(wavelength, 5)} nm")
    parts.append(f"row {y}, column {x}")
    corner = np.add(layer.world_to_data((0.0, *place[-2:]))[-2:], 0.5)
    parts.append(_map_text(description_of(layer).get("map_info") or (), corner))
    return " · ".join(part for part in parts if part)


def _value_text(stored: np.ndarray, band: int, description: Mapping[str, Any]) -> str:
    """Return a stored value as the quantity that it stands for, and as stored where they differ."""
    nodata, value = description.get("nodata"), float(stored)
    if math.isnan(value) or (nodata is not None and equals_no_data(stored, nodata)):
        return "no data"
    factors = [description.get(key) for key in ("gain", "offset")]
    number = f"{value:.0f}" if value.is_integer() and abs(value) < MOST else f"{value:.5g}"
    if not description.get("scaled") and any(part is not None for part in factors):
        gain, offset = (
            default if part is None else float(part[band])
            for part, default in zip(factors, (1.0, 0.0), strict=True)
        )
        number = f"{gain * value + offset:.4g} (stored: {number})"
    said = description.get("metadata") or {}
    units = (said[key] for key in UNIT_KEYS if isinstance(said.get(key), str))
    unit = next((text for text in units if len(text) <= UNIT_LETTERS), "")
    return " ".join(part for part in (description.get("quantity") or "value", number, unit) if part)


def _map_text(map_info: Sequence[str], corner: np.ndarray) -> str:
    place = coordinates_of(map_info, (float(corner[0]), float(corner[1])))
    if place is None:
        return ""
    east, north = place
    digits = max(0, math.ceil(-math.log10(abs(float(map_info[5])) or 1.0)) + 1)
    if GEOGRAPHIC in map_info[0].casefold():
        sides = "NS"[north < 0], "EW"[east < 0]
        return f"{abs(north):.{digits}f}° {sides[0]}, {abs(east):.{digits}f}° {sides[1]}"
    zone = " ".join(map_info[7:9]) if map_info[0].casefold() == "utm" else ""
    return f"{east:.{digits}f} E, {north:.{digits}f} N ({' '.join((map_info[0], zone)).strip()})"
