"""The cubes at paths and in folders, and what is left out of them, with the reason.

All who take more than one cube ask here: training, the benchmark on sensors, the panels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from napari_dodn.cube import HyperCube
from napari_dodn.formats.bands.folder import holds_band_images
from napari_dodn.formats.bands.series import IMAGE_SUFFIXES
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.envi.recorders import scans_in
from napari_dodn.formats.envi.references import is_reference
from napari_dodn.formats.errors import (
    AmbiguousError,
    FormatError,
    any_damage_as_sentence,
    file_faults_as_sentences,
)
from napari_dodn.formats.options import ReadOptions
from napari_dodn.formats.registry import (
    BAND_IMAGES,
    ENVI,
    RECORDERS,
    called,
    files_of,
    format_of,
    offered,
    opened,
    sniffed,
)
from napari_dodn.paths import expanded
from napari_dodn.replacing import finish_replacements
from napari_dodn.wording import few_of

MOST_NAMES = 5
"""How many of several cubes in a file are named."""

DEEPEST = 2
"""Levels of folders that are looked into: a folder, and those in it; below that for band images.

Folders of recorders do not count.
"""

TOO_DEEP = (
    "lies too deep: cubes are looked for in a folder and in the folders in it; name this one, too."
)
"""Why the cubes in a folder do not count."""

Choose = Callable[[list[Candidate]], Candidate]
"""Takes one of several cubes in a file."""


@dataclass(frozen=True)
class FoundCube:
    """A cube that was found.

    Attributes
    ----------
    given : Path
        The path that was looked at.
    path : Path
        The file or folder of the cube.
    dataset : str or None
        Which one in the file, where it holds several.
    cube : HyperCube
        As it was read.
    again : callable
        Opens it again, for those who take many and hold none.
    """

    given: Path
    path: Path
    dataset: str | None
    cube: HyperCube
    again: Callable[[], HyperCube]


@dataclass(frozen=True)
class LeftOut:
    """Something that looks like a cube, and cannot be had.

    Attributes
    ----------
    given : Path
        The path that was looked at.
    path : Path
        The file or folder.
    reason : str
        Why, as a sentence that names it.
    in_vain : bool
        Whether nothing at all is to be had at the path that was given.
    by_rule : bool
        Whether nothing is wrong with it, but it is not among what is looked for.
    """

    given: Path
    path: Path
    reason: str
    in_vain: bool = False
    by_rule: bool = False

    def __str__(self) -> str:
        return left_out(self.path, self.reason)


def left_out(path: Path, reason: str, name: object = None) -> str:
    """Return sentences that say that a path is left out, and why.

    Parameters
    ----------
    path : Path
        What is left out.
    reason : str
        A sentence that names it.
    name : object, optional
        What to call it instead of its whole path.
    """
    why = reason.removeprefix(f"{path} ")
    return f"{name or path} is left out. {reason if why == reason else f'It {why}'}"


def find_cubes(
    paths: Iterable[str | os.PathLike[str]],
    *,
    dataset: str | None = None,
    choose: Choose | None = None,
    large: bool = False,
) -> Iterator[FoundCube | LeftOut]:
    """Find the cubes at paths, and in the folders among them.

    A folder is looked into, and so are the folders in it; deeper folders that hold cubes are left
    out. Files come first, each folder by the order of names: files that are called like a cube or
    hold one whatever they are called, Zarr stores, and folders of band images. References beside a
    scan are left out. Hidden files, and pictures beside band images, do not count. The same pixels
    are found once, whether by header and data file, by a link, or by the same path twice. What a
    killed process was replacing is finished first.

    Parameters
    ----------
    paths : iterable of path-like
        Files and folders.
    dataset, large
        As of `formats.read`, for each of them.
    choose : callable, optional
        Takes one of several cubes in a file, which is left out otherwise.

    Yields
    ------
    FoundCube or LeftOut
        As they are met; one with `in_vain` for each path at which nothing is to be had.
    """
    search = _Search(ReadOptions(dataset, large=large), choose)
    for path in map(expanded, paths):
        yield from search.at(path)


class _Search:
    """What was met on the way.

    Parameters
    ----------
    options : ReadOptions
        How each cube is read.
    choose : callable or None
        As of `find_cubes`.
    """

    def __init__(self, options: ReadOptions, choose: Choose | None) -> None:
        self._options, self._choose = options, choose
        self._taken: set[tuple[int, int]] = set()
        self._met = 0

    def at(self, given: Path) -> Iterator[FoundCube | LeftOut]:
        """Look at a path that was given."""
        try:
            with file_faults_as_sentences(given, "read"):
                in_folder = format_of(given) in (BAND_IMAGES, RECORDERS)
        except FormatError as error:
            yield LeftOut(given, given, str(error), in_vain=True)
            return
        if not in_folder:
            for found in self._at_cube(given, given):
                yield replace(found, in_vain=True) if isinstance(found, LeftOut) else found
            return
        before = self._met
        yield from self._inside(given, given, DEEPEST)
        if self._met == before:
            yield LeftOut(given, given, f"{given} holds no cube that can be opened.", in_vain=True)

    def _inside(self, given: Path, folder: Path, levels: int) -> Iterator[FoundCube | LeftOut]:
        """Look into a folder: at its band images, and at what is in it."""
        try:
            with file_faults_as_sentences(folder, "read"):
                finish_replacements(folder)
                has_images = holds_band_images(folder)
                entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        except FormatError as error:
            yield LeftOut(given, folder, str(error))
            return
        if has_images:
            yield from self._at_cube(given, folder)
        elif not levels and any(map(_is_called_and_is_cube, entries)):
            yield LeftOut(given, folder, f"{folder} {TOO_DEEP}", by_rule=True)
        folders = []
        for entry in sorted(entries) if levels else ():
            if has_images and entry.suffix.lower() in IMAGE_SUFFIXES:
                continue
            try:
                with file_faults_as_sentences(entry, "read"):
                    kind = sniffed(entry) or offered(entry)
                    is_part = kind not in (None, BAND_IMAGES) and files_of(entry)[0] != entry
            except FormatError as error:
                yield LeftOut(given, entry, str(error))
                continue
            if kind in (BAND_IMAGES, RECORDERS):
                folders.append((entry, levels - (kind is BAND_IMAGES)))
            elif kind is ENVI and is_reference(entry) and scans_in(folder):
                if not is_part:
                    reason = f"{entry} is a reference of the scans beside it."
                    yield LeftOut(given, entry, reason, by_rule=True)
            elif kind is not None and not is_part:
                yield from self._at_cube(given, entry)
        for entry, left in folders:
            yield from self._inside(given, entry, left)

    def _at_cube(self, given: Path, path: Path) -> Iterator[FoundCube | LeftOut]:
        """Open a file or folder that is a cube, unless its pixels were found before."""
        try:
            with file_faults_as_sentences(path, "read"):
                files = (path,) if path.is_dir() else files_of(path)
                same = {(s.st_dev, s.st_ino) for s in (f.stat() for f in files if f.exists())}
                if same & self._taken:
                    self._met += 1
                    return
                cube, options = self._opened(path)
        except AmbiguousError as error:
            yield LeftOut(given, path, _holds_several(path, error.candidates))
        except FormatError as error:
            yield LeftOut(given, path, str(error))
        else:
            self._met += 1
            self._taken |= same
            yield FoundCube(given, path, options.dataset, cube, partial(_open, path, options))

    def _opened(self, path: Path) -> tuple[HyperCube, ReadOptions]:
        try:
            return _open(path, self._options), self._options
        except AmbiguousError:
            if self._choose is None:
                raise
            dataset = self._choose(format_of(path, by_name=True).contents(path)).name
            options = replace(self._options, dataset=dataset)
            return _open(path, options), options


def _is_called_and_is_cube(path: Path) -> bool:
    """Tell whether a file or store is a cube and called like one, without looking into others."""
    try:
        return called(path) is not None and sniffed(path) not in (None, BAND_IMAGES)
    except OSError:
        return False


def _open(path: Path, options: ReadOptions) -> HyperCube:
    with any_damage_as_sentence(path), file_faults_as_sentences(path, "read"):
        return opened(path, options, by_name=True)


def _holds_several(path: Path, names: list[str]) -> str:
    return (
        f"{path} holds several cubes ({few_of(names, MOST_NAMES)}); convert the one that you"
        " mean into a file of its own."
    )


def most_bands(candidates: list[Candidate]) -> Candidate:
    """Return the one of several cubes that has most bands, the first of several such."""
    return max(candidates, key=lambda candidate: candidate.bands)
