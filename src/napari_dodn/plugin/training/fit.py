"""How the sharper picture of a cube fits it, to look at before a run starts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.split import Part, split_of
from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress, Steps, stop_if
from napari_dodn.plugin.training.draft import NOWHERE, Plan, question_of
from napari_dodn.plugin.training.material import Material
from napari_dodn.plugin.training.saving import free_stem, picture_file
from napari_dodn.plugin.viewer.layers import (
    LayerData,
    cube_from_layer,
    fit_layer,
    layer_data_from_cube,
)

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_dodn.distillation.data.fitting import Fit


class RefusedError(UserError):
    """A sharper picture does not fit its cube.

    Attributes
    ----------
    question : hashable
        What it depends on; see `question_of`.
    """

    def __init__(self, question: Hashable, sentence: str) -> None:
        super().__init__(sentence)
        self.question = question


class Tried(NamedTuple):
    """A cube, the part of it that is tried, and how its sharper picture fits there."""

    question: Hashable
    cube: HyperCube
    part: Part
    fit: Fit


@dataclass(frozen=True, eq=False)
class SeenFit:
    """What a person is shown of a cube and its sharper picture.

    Attributes
    ----------
    question : hashable
        What it depends on; see `question_of`.
    material : Material
        The cube.
    name : str
        By which the cube is known.
    scale : int
        Pixels of the images along y and x for each of the cube's.
    region : Region
        The part of the cube.
    images : mapping of str to numpy.ndarray
        uint8, shape (y, x, 3); the last one on top. Empty where the picture lies nowhere.
    sentence : str
        What was found, or why the picture is refused.
    refused : bool
        Whether it is.
    """

    question: Hashable
    material: Material
    name: str
    scale: int
    region: Region
    images: Mapping[str, np.ndarray]
    sentence: str
    refused: bool

    def layers(self) -> list[LayerData]:
        """Return the images as layers that lie over the cube."""
        return [
            fit_layer(rgb, f"{self.name} · {what}", self._source(), self.scale, self.region)
            for what, rgb in self.images.items()
        ]

    def _source(self) -> Layer:
        """Return the cube's layer; of a file, one as it would be opened."""
        from napari.layers import Layer

        if not isinstance(self.material.origin, Path):
            return self.material.origin
        return Layer.create(*layer_data_from_cube(self.material.cube, draft=True)[0])


def check_fits(
    plan: Plan, numbers: Sequence[int], cancelled: Callable[[], bool]
) -> Steps[list[Hashable]]:
    """Try the sharper pictures of some cubes; return what their fits depend on.

    Raises
    ------
    RefusedError
        If one does not fit.
    """
    questions = []
    for number in numbers:
        tried = yield from _try_fit(plan, number, cancelled)
        if tried.fit.refusal:
            raise RefusedError(tried.question, tried.fit.refusal)
        questions.append(tried.question)
    return questions


def see_fit(plan: Plan, number: int, cancelled: Callable[[], bool]) -> Steps[SeenFit]:
    """Place a cube's sharper picture on the part that a run learns from, to look at it.

    Parameters
    ----------
    plan : Plan
        What is set.
    number : int
        Which of its cubes.
    cancelled : callable
        Whether to stop.
    """
    from napari_dodn.distillation.sharper.overlay import colours_of, overlay_of
    from napari_dodn.spectra.colour import render

    question, cube, part, fit = yield from _try_fit(plan, number, cancelled)
    stop_if(cancelled)
    yield Progress(0, 0, "Drawing")
    scale: int = plan.values["student.scale"]
    images = {}
    if fit.placed is not None:
        colours = render(cube.crop(part.region))
        images["cube"] = colours.repeat(scale, axis=0).repeat(scale, axis=1)
        images["picture on the cube"] = colours_of(fit.placed.picture)
    if fit.pair is not None:
        images["overlay of both"] = overlay_of(fit.pair)
    material, name = plan.materials[number], plan.names[number]
    return SeenFit(
        question, material, name, scale, part.region, images, fit.sentence, bool(fit.refusal)
    )


def _try_fit(plan: Plan, number: int, cancelled: Callable[[], bool]) -> Steps[Tried]:
    """Place a cube's sharper picture on the part that a run learns from, as the run does."""
    from napari_dodn.distillation.data.fitting import fit_steps
    from napari_dodn.formats import read

    material, name = plan.materials[number], plan.names[number]
    yield Progress(0, 0, f"Reading '{name}'")
    origin = material.origin
    cube = read(origin) if isinstance(origin, Path) else cube_from_layer(origin)
    cube = cube.derive(name=name)
    nothing: list[Path | None] = [None] * len(plan.materials)
    with TemporaryDirectory(ignore_cleanup_errors=True) as made:
        folder, chosen = Path(made), material.sharper
        stem = "" if chosen is None or isinstance(chosen, Path) else free_stem(folder, chosen.name)
        pictures = list(nothing)
        pictures[number] = picture_file(chosen, folder, stem)
        config = plan.config([NOWHERE] * len(nothing), plan.names, nothing, pictures)
        split = split_of(plan.cubes(), config)
        part = next(x for x in (*split.learnt, *split.held_out) if x.number == number)
        fit = yield from fit_steps(cube, part.region, part.name, config, cancelled=cancelled)
    return Tried(question_of(material, part, config), cube, part, fit)
