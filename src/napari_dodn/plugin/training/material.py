"""A cube to train on, as the panel knows it: a layer or a file, with its picture."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_dodn.errors import UserError
from napari_dodn.events import Done, Progress
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


def of_file(path: Path) -> Material:
    """Return the material of a file or a folder of band images; what is wrong stands in it."""
    from napari_dodn.formats import read

    try:
        cube = read(path)
    except UserError as error:
        return Material(path.stem or str(path), path, fault=str(error))
    wavelengths = () if cube.wavelengths is None else tuple(map(float, cube.wavelengths))
    return Material(cube.name or path.stem, path, cube.shape, wavelengths, found=cube.rgb_picture)


def look_into(paths: Iterable[Path], cancelled: Callable[[], bool]) -> Generator[Any, None, None]:
    """Look at files and folders; yield progress, and the list of their materials last.

    A folder that is no cube itself gives the cubes among its files and folders.
    """
    paths = list(paths)
    found: list[Material] = []
    for count, path in enumerate(paths):
        if cancelled():
            return
        yield Progress(count, len(paths), f"Looking at {path.name}")
        material = of_file(path)
        inside = _cubes_in(path, cancelled) if material.fault and path.is_dir() else []
        found += inside or [material]
    yield Done(found)


def _cubes_in(folder: Path, cancelled: Callable[[], bool]) -> list[Material]:
    """Return the cubes in a folder, each file of a pair of ENVI files only once."""
    from napari_dodn.formats.envi.files import files_of

    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
    found: list[Material] = []
    known: set[Path] = set()
    for path in sorted(entries, key=lambda path: path.suffix.lower() != ".hdr"):
        if cancelled():
            break
        if path in known or not (path.is_dir() or path.suffix):
            continue
        material = of_file(path)
        if not material.fault:
            known.update(files_of(path))
            found.append(material)
    return sorted(found, key=lambda material: str(material.origin))


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
