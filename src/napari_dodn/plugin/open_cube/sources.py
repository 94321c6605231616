"""Where a cube may come from, a file or an open layer, and what is chosen about it.

Nothing here knows widgets; all of it runs in the thread of a job.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations
from pathlib import Path
from typing import Protocol

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.events import Done, Steps
from napari_dodn.formats import Candidate, contents, read, read_wavelengths
from napari_dodn.plugin.layers import LayerData, layer_data_from_cube
from napari_dodn.spectra.colour import render_steps

PREVIEW_PIXELS = 192 * 192
"""Of the picture by which a cube is recognised."""

LARGEST_UNASKED = 2**29
"""Bytes; a larger dataset is looked at only when it is chosen, as some formats must read it all."""

WORDS = {"y": "rows", "x": "columns", "b": "bands", "p": "pixels"}


class Field(StrEnum):
    """What is asked; a fault is shown where its field is."""

    SOURCE = "source"
    AXES = "axes"
    WAVELENGTHS = "wavelengths"


@dataclass(frozen=True)
class Fault:
    """Why something cannot be had, and which field has to change."""

    field: Field
    sentence: str


class Source(Protocol):
    """What cubes can be had from."""

    @property
    def name(self) -> str:
        """What to call it on screen."""

    def contents(self) -> list[Candidate]:
        """Return what may be the cube; raise UserError where nothing may."""

    def read(self, candidate: Candidate, axes: str) -> HyperCube:
        """Return the cube with the axes understood so; raise UserError where that cannot be."""


@dataclass(frozen=True)
class FileSource:
    """A file or a folder."""

    path: Path

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.path.name

    def contents(self) -> list[Candidate]:
        """Return what is in it."""
        return contents(self.path)

    def read(self, candidate: Candidate, axes: str) -> HyperCube:
        """Open one of the cubes in it."""
        chosen = None if axes == candidate.axes else axes
        return read(self.path, dataset=candidate.name, axes=chosen)


@dataclass(frozen=True)
class Choice:
    """One cube of a source, and how it is understood.

    Attributes
    ----------
    source : Source
        Where it is.
    candidate : Candidate
        Which one.
    axes : str
        The order of its stored axes.
    wavelengths, unit : str
        What `read_wavelengths` takes; those that the source has where the text is empty.
    name_tells : bool
        Whether the cube is to be called by the candidate's name too, as there are others.
    stored : HyperCube or None
        The cube as the source has it with these axes, where it has been read already.
    """

    source: Source
    candidate: Candidate
    axes: str
    wavelengths: str = ""
    unit: str = "nm"
    name_tells: bool = False
    stored: HyperCube | None = None

    def read(self) -> HyperCube | Fault:
        """Return the cube as the source has it, or why it cannot be had."""
        if self.stored is not None:
            return self.stored
        try:
            cube = self.source.read(self.candidate, self.axes)
        except UserError as error:
            proposed = self.axes == self.candidate.axes
            return Fault(Field.SOURCE if proposed else Field.AXES, str(error))
        if self.name_tells and self.candidate.name not in cube.name:
            return cube.derive(name=f"{cube.name} {self.candidate.name}")
        return cube

    def described(self, stored: HyperCube) -> HyperCube | Fault:
        """Return the cube with the wavelengths that were asked for, or what is wrong with them."""
        if not self.wavelengths.strip():
            return stored
        try:
            values = read_wavelengths(self.wavelengths, stored.bands, self.unit)
        except UserError as error:
            return Fault(Field.WAVELENGTHS, str(error))
        return stored.derive(wavelengths=values)


@dataclass(frozen=True)
class Thumbnail:
    """The picture of one of several candidates, on the way to those of all.

    Attributes
    ----------
    place : int
        Number of the candidate.
    picture : numpy.ndarray
        uint8, shape (y, x, 3).
    done, total, message
        How many pictures are ready, for the bar.
    """

    place: int
    picture: np.ndarray
    done: int
    total: int
    message: str = "Looking into the file"


@dataclass(frozen=True)
class Preview:
    """A choice that can be opened.

    Attributes
    ----------
    choice : Choice
        What was chosen.
    stored, cube : HyperCube
        The cube as its source has it, and as it was asked for.
    picture : numpy.ndarray
        uint8, shape (y, x, 3).
    fault : Fault or None
        What is wrong with the wavelengths; `cube` has then those of the source.
    """

    choice: Choice
    stored: HyperCube
    cube: HyperCube
    picture: np.ndarray
    fault: Fault | None


def orders(candidate: Candidate) -> list[str]:
    """Return the axis orders that a candidate may have, the proposed one first."""
    if candidate.fixed or sorted(candidate.axes) != ["b", "x", "y"]:
        return [candidate.axes]
    others = ("".join(order) for order in permutations("yxb"))
    return list(dict.fromkeys((candidate.axes, *others)))


def order_in_words(candidate: Candidate, axes: str) -> str:
    """Return a text such as "100 rows × 90 columns × 31 bands"."""
    return " × ".join(
        f"{length} {WORDS[axis]}" for length, axis in zip(candidate.shape, axes, strict=True)
    )


def listing_steps(source: Source) -> Steps:
    """List what is in a source: the result is a list of candidates or a `Fault`."""
    try:
        yield Done(source.contents())
    except UserError as error:
        yield Done(Fault(Field.SOURCE, str(error)))


def thumbnail_steps(
    source: Source, candidates: list[Candidate], cancelled: Callable[[], bool]
) -> Generator[Thumbnail, None, None]:
    """Yield a `Thumbnail` of each candidate of a bearable size."""
    for place, candidate in enumerate(candidates):
        if cancelled():
            return
        size = np.prod(candidate.shape, dtype=float) * np.dtype(candidate.dtype).itemsize
        if size > LARGEST_UNASKED:
            continue
        try:
            picture = _picture(source.read(candidate, candidate.axes), cancelled)
        except UserError:  # what is wrong is told when the candidate is chosen
            continue
        if picture is not None:
            yield Thumbnail(place, picture, place + 1, len(candidates))


def preview_steps(choice: Choice, cancelled: Callable[[], bool]) -> Steps:
    """Read and draw a choice: the result is its `Preview`, or the `Fault` why there is none."""
    stored = choice.read()
    if isinstance(stored, Fault):
        yield Done(stored)
        return
    described = choice.described(stored)
    fault = described if isinstance(described, Fault) else None
    cube = stored if isinstance(described, Fault) else described
    try:
        picture = _picture(cube, cancelled)
    except UserError as error:
        yield Done(Fault(Field.SOURCE, str(error)))
        return
    if picture is not None:
        yield Done(Preview(choice, stored, cube, picture, fault))


def layer_steps(cube: HyperCube) -> Steps:
    """Make the layers of a cube: the result is a list of layer data."""
    layers: list[LayerData] = layer_data_from_cube(cube)
    yield Done(layers)


def _picture(cube: HyperCube, cancelled: Callable[[], bool]) -> np.ndarray | None:
    for event in render_steps(cube, PREVIEW_PIXELS, cancelled=cancelled):
        if isinstance(event, Done):
            return event.result
    return None
