"""Which result a person looks at, and which cube it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dodn.cube import Region
from napari_dodn.errors import UserError
from napari_dodn.plugin.viewer.overlap import OverlapError, grid_on
from napari_dodn.plugin.viewer.selection import cube_choices, cube_in_mind

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


class PairError(UserError):
    """Nothing to compare."""


@dataclass(frozen=True)
class Pair:
    """A result, and the cube that it was made from.

    Attributes
    ----------
    result, source : Layer
        Of cubes.
    scale : int
        Pixels of the result along y and x for each one of the source.
    region : Region or None
        The part of the source that the result covers; None is all of it.
    """

    result: Layer
    source: Layer
    scale: int
    region: Region | None


def pair_of(viewer: Viewer) -> Pair:
    """Return the result that a person has in mind, with its source.

    That is the selected cube; where it is itself the source of others, or none is selected, the
    topmost cube on the screen that has a source.

    Raises
    ------
    PairError
        If no cube of the viewer is a finer version of another one.
    """
    chosen = cube_in_mind(viewer)
    cubes = [layer for _, layer in reversed(cube_choices(viewer))]
    seen = [layer for layer in cubes if layer.visible]
    for result in [chosen, *seen] if chosen is not None and chosen.visible else seen:
        for source in cubes:
            if source is not result and source.data.shape[0] == result.data.shape[0]:
                try:
                    return Pair(result, source, *grid_on(result, source))
                except OverlapError:
                    continue
    raise PairError("There is no result to compare: run Super-resolution, or open a result.")
