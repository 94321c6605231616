"""A cube to train on, as the panel knows it: a layer or a file, with its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress, Steps, stop_if
from napari_dodn.paths import expanded
from napari_dodn.plugin.viewer.layers import cube_from_layer, description_of
from napari_dodn.sampling import remarks_on_values

if TYPE_CHECKING:
    from napari.layers import Layer

Origin: TypeAlias = "Path | Layer"

Remarks: TypeAlias = "dict[Origin, tuple[str, ...]]"


@dataclass(frozen=True)
class Material:
    """A cube to learn from, or for validation.

    Attributes
    ----------
    name : str
        What to call it on screen; of a file the name by which the configuration knows it.
    origin : Path or Layer
        Where its pixels are.
    shape : tuple of int
        Bands, rows, columns; zeros where it cannot be read.
    description : mapping
        All that is known of it but the pixels, as `HyperCube.description` gives it.
    held_out : bool
        Whether it is only for validation.
    picture : Path, Layer or None
        The privileged image that a person has paired with it.
    sharper : Path, Layer or None
        The sharper picture of the same scene, which stands for the truth.
    remarks : tuple of str or None
        What to know of its values; None where nobody has looked yet.
    fault : str
        Why it cannot be read.
    """

    name: str
    origin: Origin
    shape: tuple[int, int, int] = (0, 0, 0)
    description: Mapping[str, Any] = field(default_factory=dict)
    held_out: bool = False
    picture: Origin | None = None
    sharper: Origin | None = None
    remarks: tuple[str, ...] | None = None
    fault: str = ""

    @property
    def found(self) -> str:
        """Path of the RGB picture that was found beside it."""
        return str(self.description.get("rgb_picture", ""))

    @cached_property
    def cube(self) -> HyperCube:
        """The cube that it is, without its pixels."""
        nothing = np.broadcast_to(np.zeros((), np.float32), self.shape)
        return HyperCube.described(nothing, {**self.description, "name": self.name})


def of_layer(layer: Layer) -> Material:
    """Return the material of a cube's layer."""
    try:
        cube = cube_from_layer(layer)
    except UserError as error:
        return Material(layer.name, layer, fault=str(error))
    return Material(layer.name, layer, cube.shape, description_of(layer))


def _of_cube(cube: HyperCube, path: Path) -> Material:
    return Material(cube.name or path.stem, path, cube.shape, cube.description())


def _unreadable(path: Path, fault: str) -> Material:
    return Material(path.stem or str(path), path, fault=fault)


@dataclass(frozen=True)
class Looked:
    """What came of looking at files and folders.

    Attributes
    ----------
    materials : list of Material
        The cubes, and with their fault the paths at which none is.
    left_out : list of str
        A sentence on each thing in a folder that cannot be had.
    """

    materials: list[Material] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def look_into(paths: Iterable[Path], cancelled: Callable[[], bool]) -> Steps[Looked]:
    """Look at files and folders; yield progress, and return what came of it."""
    from napari_dodn.formats.finding import FoundCube, find_cubes

    paths = [expanded(path) for path in paths]
    looked = Looked()
    yield Progress(0, len(paths), f"Looking at {paths[0].name}" if paths else "")
    for found in find_cubes(paths):
        stop_if(cancelled)
        yield Progress(paths.index(found.given), len(paths), f"Looking at {found.path.name}")
        if isinstance(found, FoundCube):
            looked.materials.append(_of_cube(found.cube, found.path))
        elif found.in_vain:
            looked.materials.append(_unreadable(found.path, found.reason))
        else:
            looked.left_out.append(str(found))
    return looked


def renewed(materials: Iterable[Material]) -> tuple[Material, ...]:
    """Return materials in which each layer is as it is now: its name, shape and wavelengths."""
    return tuple(
        material
        if isinstance(material.origin, Path)
        else replace(
            of_layer(material.origin),
            held_out=material.held_out,
            picture=material.picture,
            sharper=material.sharper,
            remarks=material.remarks,
        )
        for material in materials
    )


def remarks_on(materials: Iterable[Material], cancelled: Callable[[], bool]) -> Steps[Remarks]:
    """Look at the values of cubes; return by origin what to know of them."""
    from napari_dodn.formats import read

    found: Remarks = {}
    for material in materials:
        origin = material.origin
        try:
            cube = read(origin) if isinstance(origin, Path) else cube_from_layer(origin)
            found[origin] = yield from remarks_on_values(cube, cancelled=cancelled)
        except (UserError, OSError):  # gone since; whoever needs it will say so
            found[origin] = ()
    return found
