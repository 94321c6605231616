"""What is chosen about a cube, and the work that follows from it, in the thread of a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.calibration import reflectance
from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.formats import Candidate, read, read_wavelengths, references_of
from napari_dodn.jobs import Progress, Steps, result_of, stop_if
from napari_dodn.plugin.kit.editors import number
from napari_dodn.plugin.open.sources import Fault, Field, Put, Source
from napari_dodn.sampling import unstated_no_data
from napari_dodn.spectra.colour import render_steps

PREVIEW_PIXELS = 192 * 192
"""Of the picture by which a cube is recognised."""

LARGEST_UNASKED = 2**29
"""Bytes; a larger dataset is looked at only when it is chosen, as some formats must read it all."""


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
    no_data : str
        The value that means no data; that of the source where the text is empty.
    white, dark : str
        Paths of references, which make reflectance of raw numbers.
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
    no_data: str = ""
    white: str = ""
    dark: str = ""
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
        """Return the cube with what was asked for, or what is wrong with that."""
        if self.no_data.strip():
            try:
                stored = stored.derive(nodata=float(number(self.no_data)))
            except ValueError:
                return Fault(Field.NO_DATA, f"'{self.no_data.strip()}' is not a number.")
        references = [text.strip() for text in (self.white, self.dark) if text.strip()]
        if references:
            if not self.white.strip():
                return Fault(Field.REFERENCES, "A dark reference needs a white one.")
            try:
                stored = reflectance(stored, *map(read, references))
            except UserError as error:
                return Fault(Field.REFERENCES, str(error))
        if not self.wavelengths.strip():
            return stored
        try:
            values = read_wavelengths(self.wavelengths, stored.bands, self.unit)
        except UserError as error:
            return Fault(Field.WAVELENGTHS, str(error))
        return stored.derive(wavelengths=values)


@dataclass(frozen=True)
class Thumbnail(Progress):
    """The picture of one of several candidates, on the way to those of all.

    Attributes
    ----------
    place : int
        Number of the candidate.
    picture : numpy.ndarray
        uint8, shape (y, x, 3).
    """

    place: int
    picture: np.ndarray


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
        What is wrong with wavelengths or no-data value; `cube` is then as its source has it.
    fills : tuple of str
        Which values fill pixels without being the no-data value, as sentences.
    references : mapping
        Paths of the references beside a scan, by "white" and "dark".
    """

    choice: Choice
    stored: HyperCube
    cube: HyperCube
    picture: np.ndarray
    fault: Fault | None
    fills: tuple[str, ...] = ()
    references: Mapping[Any, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A cube that has only to be shown.

    Attributes
    ----------
    put : callable
        Shows it; only for the window's thread.
    notes : tuple of str
        What its reader had to find out for itself.
    """

    put: Put
    notes: tuple[str, ...]


def listed(source: Source) -> list[Candidate] | Fault:
    """Return what is in a source, or why that cannot be told."""
    try:
        return source.contents()
    except UserError as error:
        return Fault(Field.SOURCE, str(error))


def thumbnail_steps(
    source: Source, candidates: list[Candidate], cancelled: Callable[[], bool]
) -> Steps[None]:
    """Yield a `Thumbnail` of each candidate of a bearable size."""
    for place, candidate in enumerate(candidates):
        stop_if(cancelled)
        size = np.prod(candidate.shape, dtype=float) * np.dtype(candidate.dtype).itemsize
        if size > LARGEST_UNASKED:
            continue
        try:
            picture = _picture(source.read(candidate, candidate.axes), cancelled)
        except UserError:  # what is wrong is told when the candidate is chosen
            continue
        yield Thumbnail(place + 1, len(candidates), "Looking into the file", place, picture)


def preview_steps(choice: Choice, cancelled: Callable[[], bool]) -> Steps[Preview | Fault]:
    """Read and draw a choice: the result is its `Preview`, or the `Fault` why there is none."""
    yield from ()  # it is over before anybody wants to know how far it is
    stored = choice.read()
    if isinstance(stored, Fault):
        return stored
    described = choice.described(stored)
    fault = described if isinstance(described, Fault) else None
    cube = stored if isinstance(described, Fault) else described
    try:
        picture = _picture(cube, cancelled)
        fills = unstated_no_data(cube)
    except UserError as error:
        return Fault(Field.SOURCE, str(error))
    references = references_of(Path(stored.source)) if stored.source else {}
    return Preview(choice, stored, cube, picture, fault, fills, references)


def opening_steps(preview: Preview, cancelled: Callable[[], bool]) -> Steps[Prepared]:
    """Prepare what was chosen; raise UserError where it cannot be shown."""
    yield Progress(0, 0, "Opening")
    put = preview.choice.source.prepare(preview.cube, preview.choice.axes)
    stop_if(cancelled)
    return Prepared(put, preview.cube.notes)


def _picture(cube: HyperCube, cancelled: Callable[[], bool]) -> np.ndarray:
    return result_of(render_steps(cube, PREVIEW_PIXELS, cancelled=cancelled)).rgb
