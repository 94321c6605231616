"""Which of a file's vectors belongs to which of its cubes, by names, groups and attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_dodn.formats.wavelengths.named import NamedWavelengths
from napari_dodn.wording import all_of

WORDS_OF_WAVELENGTHS = re.compile(r"wave_?lengths?|wave_?numbers?|lambdas?|fwhms?", re.IGNORECASE)
"""What stands in a name without a mark between it and the detector: `vnirwavelength`."""

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

SAY_NOTHING = frozenset(
    re.findall(
        r"\w+",
        "wavelength wavelengths lambda wl wls wvl wv wave waves lam nm um micrometers nanometers "
        "center centers centre centres central band bands channel channels spectral spectrum list "
        "array values value data dataset cube image img hsi units unit the of in at for by and "
        "fwhm bbl good number",
    )
)
"""Words in the names of cubes and wavelengths that tie none to another."""


@dataclass(frozen=True)
class Named:
    """A cube or a vector, with what may tie it to another.

    Attributes
    ----------
    name : str
        Its path, with dots between the parts.
    sizes : tuple of int
        Lengths of its axes.
    links : frozenset of str
        Names that its axes have or that its attributes mention.
    words : frozenset of str
        Words of its attributes.
    """

    name: str
    sizes: tuple[int, ...]
    links: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FoundWavelengths:
    """The wavelengths of a cube, or why there are none.

    Attributes
    ----------
    named : NamedWavelengths or None
        The vector.
    count : int or None
        Number of bands that the vectors agree on, also where none is taken.
    note : str
        Why none of those that fit is taken, as a sentence.
    """

    named: NamedWavelengths | None = None
    count: int | None = None
    note: str = ""


def words_in(text: str) -> frozenset[str]:
    """Return the words of a name or a text that can tell one detector from another."""
    found = WORD.findall(WORDS_OF_WAVELENGTHS.sub(" ", text))
    return frozenset(word.casefold() for word in found) - SAY_NOTHING


def vectors_of(
    cube: Named,
    others: Iterable[Named],
    vectors: Sequence[Named],
    clearness: Callable[[str], int] = lambda name: 0,
) -> tuple[list[Named], list[tuple[Named, Named]]]:
    """Return the vectors that most clearly belong to a cube.

    Parameters
    ----------
    cube : Named
        The cube.
    others : iterable of Named
        The other cubes of the file.
    vectors : sequence of Named
        Those that fit by their length and their meaning.
    clearness : callable, optional
        Returns how clear a vector's name is; higher is clearer.

    Returns
    -------
    best : list of Named
        More than one where nothing tells them apart.
    of_others : list of (Named, Named)
        Vectors that belong to another cube, and that cube.
    """
    others = [other for other in others if other.name != cube.name]
    own: list[Named] = []
    of_others: list[tuple[Named, Named]] = []
    for vector in vectors:
        owner = max(
            (other for other in others if set(vector.sizes) & set(other.sizes)),
            key=lambda other: _tie(other, vector),
            default=None,
        )
        if owner is not None and _tie(owner, vector) > _tie(cube, vector):
            of_others.append((vector, owner))
        else:
            own.append(vector)

    def key(vector: Named) -> tuple[Any, ...]:
        tied, shared, said = _tie(cube, vector)
        surplus = len(words_in(vector.name) - words_in(cube.name))
        near = _common_parts(cube.name, vector.name)
        return tied, shared, near, said, clearness(vector.name), -surplus

    top = max(map(key, own), default=())
    return [vector for vector in own if key(vector) == top], of_others


def wavelengths_of(
    cube: Named,
    others: Iterable[Named],
    vectors: Collection[tuple[Named, NamedWavelengths]],
    lengths: set[int],
) -> FoundWavelengths:
    """Return the wavelengths that belong to a cube; those of another cube never.

    Parameters
    ----------
    cube, others
        As in `vectors_of`.
    vectors : collection
        All that may be wavelengths, the clearest first.
    lengths : set of int
        Possible numbers of bands.
    """
    by_name = {vector.name: named for vector, named in vectors}
    fitting = [vector for vector, named in vectors if named.values.size in lengths]
    best, of_others = vectors_of(cube, others, fitting, lambda name: not by_name[name].is_vague)
    found = [by_name[vector.name] for vector in best]
    sizes = {named.values.size for named in found}
    count = sizes.pop() if len(sizes) == 1 else None
    if found and all(_same(found[0], named) for named in found[1:]):
        return FoundWavelengths(found[0], count)
    if found:
        shown = all_of(f"'{named.name}'" for named in found[:4])
        note = (
            f"The wavelengths are left out: {shown} may all be those of '{cube.name}', and nothing "
            f"tells which; the option 'wavelengths' (--wavelengths) decides."
        )
        return FoundWavelengths(None, count, note)
    if of_others:
        vector, owner = of_others[0]
        note = (
            f"The wavelengths in '{vector.name}' are left out, since they belong to '{owner.name}'."
        )
        return FoundWavelengths(None, by_name[vector.name].values.size, note)
    if by_name:
        return FoundWavelengths(next(iter(by_name.values())))
    return FoundWavelengths()


def _tie(cube: Named, vector: Named) -> tuple[bool, int, int]:
    """Return how closely names, and then attributes, tie a vector to a cube."""
    last = vector.name.rpartition(".")[2]
    tied = (
        vector.name.startswith(f"{cube.name}.")
        or not cube.links.isdisjoint((vector.name, last))
        or not vector.links.isdisjoint((cube.name, cube.name.rpartition(".")[2]))
    )
    own, its = words_in(cube.name), words_in(vector.name)
    return tied, len(own & its), len((own | cube.words) & (its | vector.words))


def _common_parts(name: str, other: str) -> int:
    """Return how many groups two paths have in common."""
    same = 0
    for part, other_part in zip(name.split("."), other.split("."), strict=False):
        if part != other_part:
            break
        same += 1
    return same


def _same(first: NamedWavelengths, second: NamedWavelengths) -> bool:
    return first.values.size == second.values.size and np.allclose(
        first.wavelengths, second.wavelengths, rtol=1e-4
    )
