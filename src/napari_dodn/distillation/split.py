"""What the cubes are called, and which of them, or of their parts, are held out; without pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from typing import NamedTuple

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.reach import SMALLEST_HELD_OUT, held_out_length


class Part(NamedTuple):
    """A cube, or the part of it that is learnt from or held out.

    Attributes
    ----------
    number : int
        Which of the cubes it is.
    region : Region
        Its place in that cube.
    name : str
        The cube's, and of a part which one.
    """

    number: int
    region: Region
    name: str


class Split(NamedTuple):
    """What is learnt from, what is held out, and the latter in a sentence."""

    learnt: tuple[Part, ...]
    held_out: tuple[Part, ...]
    sentence: str


def named_apart(names: Sequence[str]) -> list[str]:
    """Return the names by which a configuration knows cubes: those that come again get a number."""
    apart: list[str] = []
    for name in names:
        numbered = (f"{name} {number}" for number in count(2))
        free = chain((name,), numbered)
        apart.append(next(text for text in free if text not in apart))
    return apart


def split_of(cubes: Sequence[HyperCube], config: TrainConfig) -> Split:
    """Hold whole cubes out, or a strip of a single one that shares no pixel with the rest.

    Parameters
    ----------
    cubes : sequence of HyperCube
        In the order of the configuration, with names that are all different (`named_apart`).
    config : TrainConfig
        Whose seed draws the cubes where it names none: first of those without a sharper picture.

    Raises
    ------
    ConfigError
        If a cube is named that is not there, nothing is left to learn from, or a single cube is too
        small to hold out a part.
    """
    names, data = [cube.name for cube in cubes], config.data
    if unknown := sorted(set(data.validation) - set(names)):
        raise ConfigError(
            {
                "data.validation": f"There is no cube named '{unknown[0]}'; there are"
                f" {', '.join(names)}."
            }
        )
    held = set(data.validation)
    if held == set(names):
        single = (
            "The only cube is held out; do not hold it out, and a part of it is held out instead."
        )
        several = "All cubes are held out; leave at least one to learn from."
        raise ConfigError({"data.validation": several if len(names) > 1 else single})
    if len(cubes) == 1:
        return _strips(cubes[0], config)
    if not held:
        count = min(max(1, round(len(cubes) * data.validation_share)), len(cubes) - 1)
        order = np.random.default_rng(config.seed).permutation(len(cubes))
        # A sharper picture is for learning from; that of a held-out cube is of no use.
        held = {names[i] for i in sorted(order, key=lambda i: names[i] in data.sharper)[:count]}
    parts = [
        Part(number, Region.whole(*cube.shape[1:]), cube.name) for number, cube in enumerate(cubes)
    ]
    held_out = tuple(part for part in parts if part.name in held)
    drawn = "" if data.validation else " (drawn by the seed)"
    return Split(
        tuple(part for part in parts if part.name not in held),
        held_out,
        f"Held out: {', '.join(part.name for part in held_out)}{drawn}.",
    )


def _strips(cube: HyperCube, config: TrainConfig) -> Split:
    """Cut a cube across its longer side into what is learnt and what is held out."""
    scale, share = config.student.scale, config.data.validation_share
    _, height, width = cube.shape
    along = max(height, width)
    held = held_out_length(along, share, scale)
    if min(height, width) < SMALLEST_HELD_OUT * scale or along - held < SMALLEST_HELD_OUT * scale:
        raise ConfigError(
            {
                "data.cubes": f"'{cube.name}' has {height} × {width} pixels, which is too small to"
                f" hold out a part at ×{scale}."
            }
        )
    cut = along - held
    if width >= height:
        first, last = Region(0, height, 0, cut), Region(0, height, cut, width)
    else:
        first, last = Region(0, cut, 0, width), Region(cut, height, 0, width)
    return Split(
        (Part(0, first, f"{cube.name} (training part)"),),
        (Part(0, last, f"{cube.name} (held-out part)"),),
        f"Held out: rows {last.y0}–{last.y1 - 1} and columns {last.x0}–{last.x1 - 1} of"
        f" '{cube.name}', which the model does not learn from.",
    )
