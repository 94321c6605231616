"""The curves of the dock: sources write to this one place; plot, table and export read from it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from psygnal import Signal

PALETTE = (
    *("#0b84c4", "#d9601a", "#159462", "#b5609c", "#7d8f2f", "#8a7bd8"),
    *("#c8506a", "#4f8f96", "#a07d26", "#6488aa", "#8f7866", "#e34234"),
)
"""Colours that can be read on napari's dark and on its light theme."""

COLOURS_OF_CUBES = 3
"""The first colours of the palette, which are left to the cubes as long as there are others."""


def is_colour(text: str) -> bool:
    """Tell whether a text is a colour as curves have it; files may say anything."""
    return re.fullmatch("#[0-9a-fA-F]{6}", text) is not None


class Source(Enum):
    """Where a curve comes from."""

    LIVE = "cursor"
    POINT = "point"
    REGION = "region"
    LIBRARY = "library"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One spectrum as it was measured; what is drawn of it is the plot's affair.

    Attributes
    ----------
    id : str
        Unlike that of any other curve.
    name : str
        Name of the point, region or reference.
    x : numpy.ndarray or None
        Wavelengths in nanometres, shape (bands,); None where they are not known.
    y : numpy.ndarray
        Values, shape (bands,), NaN where there is none.
    colour : str
        As "#rrggbb".
    visible : bool
        Whether it is drawn and exported.
    source : Source
        Where it comes from.
    spread : tuple of numpy.ndarray or None
        Lower and upper edge of the band around it.
    layer : str
        Name of the layer that it was measured in; empty for a library's.
    group : str
        What all curves of the same point, region or library have in common.
    style : int
        Index of the kind of line: curves of one point differ in it, cube by cube.
    good_bands : numpy.ndarray or None
        True for each usable band.
    fwhm : numpy.ndarray or None
        In nanometres.
    pixels : int
        How many it is made from.
    quantity : str
        Such as "reflectance"; empty where it is not known.
    origin : str
        Where exactly it comes from, for a person.
    """

    id: str
    name: str
    x: np.ndarray | None
    y: np.ndarray
    colour: str
    source: Source
    visible: bool = True
    spread: tuple[np.ndarray, np.ndarray] | None = None
    layer: str = ""
    group: str = ""
    style: int = 0
    good_bands: np.ndarray | None = None
    fwhm: np.ndarray | None = None
    pixels: int = 1
    quantity: str = ""
    origin: str = ""

    @property
    def label(self) -> str:
        """What to call it beside others."""
        return f"{self.name} · {self.layer}" if self.layer else self.name

    @property
    def usable(self) -> np.ndarray:
        """The values, NaN in bad bands too."""
        return self.y if self.good_bands is None else np.where(self.good_bands, self.y, np.nan)


class CurveStore:
    """Curves in the order in which they came, and the one that others are held against.

    `changed` is emitted with the ids of the curves that are new, different or gone.
    """

    changed = Signal(frozenset)

    def __init__(self) -> None:
        self._curves: dict[str, Curve] = {}
        self._chosen: str | None = None

    def __iter__(self) -> Iterator[Curve]:
        return iter(tuple(self._curves.values()))

    def __len__(self) -> int:
        return len(self._curves)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._curves

    def get(self, id_: str) -> Curve | None:
        """Return a curve, None where there is none of this id."""
        return self._curves.get(id_)

    def of(self, source: Source) -> list[Curve]:
        """Return the curves of one source."""
        return [curve for curve in self if curve.source is source]

    def in_group(self, group: str) -> list[Curve]:
        """Return the curves of one point, region or library."""
        return [curve for curve in self if curve.group == group]

    @property
    def chosen(self) -> Curve | None:
        """The curve that the others are held against."""
        return None if self._chosen is None else self._curves.get(self._chosen)

    def choose(self, id_: str | None) -> None:
        """Hold the others against this curve, or against none."""
        if id_ is not None and id_ not in self._curves:
            id_ = None
        if id_ != self._chosen:
            self._chosen = id_
            self.changed.emit(frozenset(self._curves))

    def put(self, curves: Iterable[Curve]) -> None:
        """Add curves, or replace those of the same ids in their places."""
        new = {curve.id: curve for curve in curves}
        self._curves.update(new)
        self._tell(new)

    def drop(self, ids: Iterable[str]) -> None:
        """Remove curves; ids that are not there are passed over."""
        self._tell({id_ for id_ in list(ids) if self._curves.pop(id_, None) is not None})

    def edit(self, ids: Iterable[str], **changes: Any) -> None:
        """Replace attributes of curves."""
        self.put([replace(self._curves[id_], **changes) for id_ in ids if id_ in self._curves])

    def free_colour(self, taken: Iterable[str] = ()) -> str:
        """Return the colour that the fewest points, regions and references have."""
        used = Counter(colour for colour, _ in {(x.colour, x.group or x.id) for x in self})
        used.update(taken)
        others_first = (*PALETTE[COLOURS_OF_CUBES:], *PALETTE[:COLOURS_OF_CUBES])
        return min(others_first, key=lambda colour: used[colour])

    def _tell(self, ids: Iterable[str]) -> None:
        if not (changed := frozenset(ids)):
            return
        if self._chosen is not None and (
            self._chosen in changed or self._chosen not in self._curves
        ):
            # Every figure and difference hangs on the chosen one.
            changed |= frozenset(self._curves)
            if self._chosen not in self._curves:
                self._chosen = None
        self.changed.emit(changed)
