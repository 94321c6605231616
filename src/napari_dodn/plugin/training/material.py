"""A cube to train on, as the panel knows it: a layer or a file, with its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from napari_dodn.cube import HyperCube
from napari_dodn.jobs import Progress, Steps, stop_if
from napari_dodn.paths import expanded
from napari_dodn.plugin.viewer.layers import description_of
from napari_dodn.reach import held_out_length

if TYPE_CHECKING:
    from napari.layers import Layer

Origin: TypeAlias = "Path | Layer"


@dataclass(frozen=True)
class Material:
    """A cube to learn from, or to judge by.

    Attributes
    ----------
    name : str
        What to call it on screen; of a file the name by which the configuration knows it.
    origin : Path or Layer
        Where its pixels are.
    shape : tuple of int
        Bands, rows, columns; zeros where it cannot be read.
    wavelengths : tuple of float
        Of its bands, in nm; empty where they are not known.
    held_out : bool
        Whether it only judges.
    picture : Path, Layer or None
        The privileged image that a person has paired with it.
    found : str
        Path of the RGB picture that was found beside it.
    fault : str
        Why it cannot be read.
    """

    name: str
    origin: Origin
    shape: tuple[int, int, int] = (0, 0, 0)
    wavelengths: tuple[float, ...] = ()
    held_out: bool = False
    picture: Origin | None = None
    found: str = ""
    fault: str = ""

    def too_small(self, patch: int, side: int, scale: int, share: float = 0.0) -> str:
        """Return why no patch can be cut from it; empty where one can.

        Parameters
        ----------
        patch : int
            Side of a patch in low-resolution pixels.
        side : int
            What it takes with its surroundings, in the pixels of the cube.
        scale : int
            High-resolution pixels along the side of a low-resolution one.
        share : float
            Of its pixels, what is held out along its longer side.
        """
        shorter, longer = sorted(self.shape[1:])
        learnt = longer - held_out_length(longer, share, scale) if share else longer
        if self.fault or min(shorter, learnt) // scale * scale >= side:
            return ""
        rest = " when a part of it is held out" if share and shorter >= side else ""
        return (
            f"'{self.name}' has {self.shape[1]} × {self.shape[2]} pixels, which is too small"
            f"{rest}: a patch of {patch} low-resolution pixels takes {side} × {side} of them."
            " Take smaller patches, or remove it."
        )


def of_layer(layer: Layer) -> Material:
    """Return the material of a cube's layer."""
    described = description_of(layer)
    return Material(
        layer.name,
        layer,
        tuple(layer.data.shape),
        tuple(described.get("wavelengths") or ()),
        found=described.get("rgb_picture", ""),
    )


def _of_cube(cube: HyperCube, path: Path) -> Material:
    wavelengths = () if cube.wavelengths is None else tuple(map(float, cube.wavelengths))
    return Material(cube.name or path.stem, path, cube.shape, wavelengths, found=cube.rgb_picture)


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
            of_layer(material.origin), held_out=material.held_out, picture=material.picture
        )
        for material in materials
    )
