"""What the package has to know of a kind of file; each family of formats defines its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.errors import check_new_file
from napari_dodn.formats.options import ReadOptions
from napari_dodn.formats.pixels.writer import Writer
from napari_dodn.jobs import Steps


class CheckTarget(Protocol):
    """Raises FormatError where a file must not be written, or cannot be replaced."""

    def __call__(self, path: Path, /, *, overwrite: bool) -> None:
        """Look at what is there."""


def alone(path: Path) -> tuple[Path, ...]:
    """Return the files of a cube that lies in a single file or folder."""
    return (path,)


HasPyramid = Callable[[Path, HyperCube], bool]
AddPyramid = Callable[[Path, HyperCube, Callable[[], bool]], Steps[tuple[int, ...]]]


def without_copies(path: Path, cube: HyperCube) -> bool:
    """Say that a cube has no coarser copies."""
    return False


def any_size(path: Path, shape: tuple[int, int, int], dtype: np.dtype) -> None:
    """Let cubes of any size pass."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file or folder, and all that can be done with it.

    Attributes
    ----------
    name : str
        What people call it.
    opened : str
        What can be opened, with an article, as part of a sentence.
    sniff : callable
        Tells whether a file or folder that is there is of this kind, or is called so.
    read : callable
        Opens a cube without reading its pixels, where the format allows.
    contents : callable
        Lists what may be the cube.
    suffixes : tuple of str
        By which its files are known.
    offered : bool
        Whether napari is to offer files with these suffixes to us. It has readers of its own for
        pictures, arrays and folders, and would ask people which one they mean.
    by_neighbours : bool
        Whether `sniff` goes by what lies beside a file. It is asked after all others then.
    files : callable
        Returns the files of a cube that is there, the one by which it is opened first.
    written : tuple of str
        Suffixes of the files that are written, the usual one first.
    writer : type of Writer, optional
        Fills a file tile by tile.
    write : callable, optional
        Writes a whole cube, where there is no such `writer`.
    add_pyramid : callable, optional
        Adds coarser copies of the cube to a file that we wrote, as a job that can be continued;
        returns their factors.
    has_pyramid : callable
        Tells whether a cube has these copies.
    targets : callable
        Returns the files that are written for a path.
    check_target : callable
        Raises FormatError where a path cannot be written.
    check_size : callable
        Raises FormatError where a cube is too large for the format or the disk.
    """

    name: str
    opened: str
    sniff: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions], HyperCube]
    contents: Callable[[Path], list[Candidate]]
    suffixes: tuple[str, ...] = ()
    offered: bool = False
    by_neighbours: bool = False
    files: Callable[[Path], tuple[Path, ...]] = alone
    written: tuple[str, ...] = ()
    writer: type[Writer] | None = None
    write: Callable[[HyperCube, Path], None] | None = None
    add_pyramid: AddPyramid | None = None
    has_pyramid: HasPyramid = without_copies
    targets: Callable[[Path], tuple[Path, ...]] = alone
    check_target: CheckTarget = check_new_file
    check_size: Callable[[Path, tuple[int, int, int], np.dtype], None] = any_size
