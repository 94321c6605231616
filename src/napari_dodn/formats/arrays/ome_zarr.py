"""What OME-NGFF says of the arrays of a Zarr store: levels, axes, size of pixels, label images.

By "Next-generation file formats (NGFF)", versions 0.1 to 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.cubes import DIMENSIONS
from napari_dodn.formats.arrays.zarr_layout import level_name
from napari_dodn.spectra.units import canonical_unit

OME = "ome"
"""Attribute of a group in which OME-NGFF describes an image."""

UNITS = {
    "nm": "nanometer",
    "um": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
}
"""What HyperCube calls units of pixels, and what OME does."""

AXES_WITHOUT_NAMES = ("t", "channel", "z", "y", "x")
"""Those of versions before 0.3."""

LABELS = "labels"
"""Group of the label images of an image, which are no cubes."""


class Level(NamedTuple):
    """An array of an image: its path in the group, names of its axes, size of its pixels."""

    path: str
    axes: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    pixel_unit: str


def levels_of(said: Mapping[str, Any]) -> Iterator[Level]:
    """Yield the levels of an image, the full one first.

    Parameters
    ----------
    said : mapping
        Attributes of a group; those that are no image of OME's yield nothing.
    """
    images = said.get(OME, said).get("multiscales") or ()
    for image in images:
        axes = [
            axis if isinstance(axis, dict) else {"name": axis}
            for axis in image.get("axes", AXES_WITHOUT_NAMES)
        ]
        names = tuple(
            "channel" if axis.get("type") == "channel" or axis["name"] == "c" else axis["name"]
            for axis in axes
        )
        for level in image["datasets"]:
            scales = [*_scales(level, len(names)), *_scales(image, len(names))]
            yield Level(level["path"], names, *_pixels(axes, names, scales))


def is_of_labels(name: str) -> bool:
    """Tell whether an array belongs to a label image, by its path."""
    return LABELS in name.split("/")[:-1]


def ome_image(cube: HyperCube, factors: Sequence[int] = ()) -> dict[str, Any]:
    """Return what OME-NGFF 0.5 says of the axes of a cube of ours and the size of its pixels.

    Parameters
    ----------
    cube : HyperCube
        The cube.
    factors : sequence of int
        Pixels along y and x that coarser copies of it take for one.
    """
    unit = {"unit": UNITS[cube.pixel_unit]} if cube.pixel_unit in UNITS else {}
    axes = [{"name": DIMENSIONS[0], "type": "channel"}]
    axes += [{"name": name, "type": "space", **unit} for name in DIMENSIONS[1:]]
    size = cube.pixel_size or (1.0, 1.0)
    levels = []
    for factor in (1, *factors):
        changes: list[dict[str, Any]] = [
            {"type": "scale", "scale": [1.0, *(factor * length for length in size)]}
        ]
        if factor > 1:  # positions are those of the pixels' centres
            moved = [0.0, *((factor - 1) / 2 * length for length in size)]
            changes.append({"type": "translation", "translation": moved})
        levels.append({"path": level_name(factor), "coordinateTransformations": changes})
    return {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}


def _scales(said: Mapping[str, Any], count: int) -> Iterator[list[float]]:
    for step in said.get("coordinateTransformations") or ():
        if step.get("type") == "scale" and len(step.get("scale", ())) == count:
            yield [float(factor) for factor in step["scale"]]


def _pixels(
    axes: Sequence[Mapping[str, Any]], names: Sequence[str], scales: Sequence[Sequence[float]]
) -> tuple[tuple[float, float] | None, str]:
    """Return the size of a pixel along y and x and its unit, where they are stated."""
    if not scales or "y" not in names or "x" not in names:
        return None, ""
    places = [names.index(axis) for axis in "yx"]
    units = {canonical_unit(axes[place].get("unit")) for place in places}
    unit = {"µm": "um"}.get(known := units.pop() or "", known) if len(units) == 1 else ""
    y, x = 1.0, 1.0
    for scale in scales:
        y, x = y * scale[places[0]], x * scale[places[1]]
    return ((y, x), unit) if unit in UNITS and min(y, x) > 0 else (None, "")
