"""From a picture's channels to spectra: a regression that is learnt through the sensor's blur.

Every term is made of the fine picture and reduced as the cube was. So what is learnt on the cube's
grid holds on the fine one, though textures differ between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import numpy as np

EXPLAINED = 0.5
"""Share of a band's variance that a picture must explain where it was not fitted."""

FOLDS = 5
FOLD_SIDE = 4
"""Side, in LR pixels, of the squares that are left out together in cross-validation."""

RIDGE = 1e-6
"""Damping of the fit, in the size of each term."""

PIXELS_A_TERM = 8
"""LR pixels that each term of a regression needs at least."""

DARK = 1e-3
"""What is added to sums of channels before they divide, in the mean of these sums."""

FLAT = 1e-12
"""Variance, in the square of its mean, below which a band is flat and nothing explains it."""

MOST_TERMS = 512
"""Terms of a group at most: a picture of very many channels is only used linearly."""

NEIGHBOURS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]

Reduce = Callable[[np.ndarray], np.ndarray]
"""Reduces an image (y, x) as the sensor reduces the cube."""


@dataclass(frozen=True)
class Regression:
    """What spectra a picture's channels stand for.

    Attributes
    ----------
    kind : tuple of str
        The groups of terms that are used, of "linear", "curved" and "neighbours".
    level : float
        Mean of the sum of the picture's channels, without their signs.
    weights : numpy.ndarray
        Shape (terms, bands).
    explained : numpy.ndarray
        Cross-validated share of each band's variance that is explained, R², shape (bands,).
    """

    kind: tuple[str, ...]
    level: float
    weights: np.ndarray
    explained: np.ndarray

    def among(self, bands: np.ndarray, count: int) -> Regression:
        """Return the regression for a cube of `count` bands, of which it has learnt some."""
        weights, explained = np.zeros((len(self.weights), count)), np.zeros(count)
        weights[:, bands], explained[bands] = self.weights, self.explained
        return replace(self, weights=weights, explained=explained)

    @property
    def side(self) -> int:
        """How many pixels of the picture, along a side, decide on a spectrum: 1 or 3."""
        return 3 if "neighbours" in self.kind else 1

    @property
    def predicted(self) -> np.ndarray:
        """Which bands the picture explains well enough, bool, shape (bands,)."""
        return self.explained >= EXPLAINED

    def __call__(self, picture: np.ndarray, bands: np.ndarray) -> np.ndarray:
        """Return the spectra behind a picture (M, y, x): some bands of them, (bands, y, x)."""
        weights = self.weights[:, bands].astype(np.float32)
        result = np.zeros((weights.shape[1], *picture.shape[1:]), np.float32)
        for term, row in zip(_terms(picture, self.level, self.kind), weights, strict=True):
            result += row[:, None, None] * term
        return result


KINDS = (
    ("linear",),
    ("linear", "curved"),
    ("linear", "neighbours"),
    ("linear", "curved", "neighbours"),
)


def _terms(picture: np.ndarray, level: float, kind: tuple[str, ...]) -> Iterator[np.ndarray]:
    """Yield the terms of a picture (M, y, x) one by one, each (y, x), float32.

    All but the constant are as large as the channels, whatever the units, so that none of them
    runs away in highlights that the reduced picture does not have.
    """
    channels = picture.astype(np.float32)
    count = len(channels)
    yield np.full(channels.shape[1:], level / count, np.float32)
    yield from channels
    if "curved" in kind:
        positive = np.maximum(channels, 0)
        for channel in positive:
            yield np.sqrt(channel * np.float32(level / count))
        for i, j in combinations(range(count), 2):
            yield np.sqrt(positive[i] * positive[j])
        if count > 1:
            total = positive.sum(axis=0) + np.float32(DARK * level)
            for i, j in combinations_with_replacement(range(count), 2):
                yield positive[i] * positive[j] / total
        else:
            yield positive[0] ** 2 / np.float32(level)
    if "neighbours" in kind:
        _, height, width = channels.shape
        wide = np.pad(channels, ((0, 0), (1, 1), (1, 1)), mode="edge")
        for y, x in NEIGHBOURS:
            yield from wide[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width] - channels


def _group_sizes(count: int) -> dict[str, int]:
    """Return how many terms each group has for a number of channels."""
    pairs = count * (count - 1) // 2
    return {
        "linear": 1 + count,
        "curved": count + pairs + (pairs + count if count > 1 else 1),
        "neighbours": len(NEIGHBOURS) * count,
    }


@dataclass(frozen=True, eq=False)
class ReducedTerms:
    """All terms of a picture as the sensor would see them.

    Attributes
    ----------
    channels : int
        Channels of the picture.
    level : float
        Mean of the sum of these channels, without their signs.
    planes : numpy.ndarray
        Shape (terms, y, x).
    groups : numpy.ndarray of str
        The group of each, shape (terms,).
    """

    channels: int
    level: float
    planes: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray, reduce: Reduce) -> ReducedTerms:
        """Make them of a picture on the fine grid, finite, (M, s·y, s·x)."""
        total = np.abs(picture).sum(axis=0, dtype=np.float64)
        level = max(float(total.mean()), float(np.finfo(np.float32).tiny))
        sizes = {
            group: size
            for group, size in _group_sizes(len(picture)).items()
            if group == "linear" or size <= MOST_TERMS
        }
        planes = np.stack([reduce(term) for term in _terms(picture, level, tuple(sizes))])
        groups = np.repeat(list(sizes), list(sizes.values()))
        return cls(len(picture), level, planes, groups)

    def spectra(self, regression: Regression, bands: np.ndarray) -> np.ndarray:
        """Return what a regression says of some bands as the sensor would see it, (bands, y, x)."""
        planes = self.planes[np.isin(self.groups, regression.kind)]
        return np.tensordot(regression.weights[:, bands].T, planes, 1)


def fit(terms: ReducedTerms, cube: np.ndarray, weight: np.ndarray) -> Regression:
    """Learn what spectra a picture's channels stand for.

    Of single pixels and 3 × 3 of them, and of linear and curved functions of the channels, that is
    taken which explains the cube best where it was not fitted.

    Parameters
    ----------
    terms : ReducedTerms
        Of the picture.
    cube : numpy.ndarray
        Finite, shape (bands, y, x).
    weight : numpy.ndarray
        How much each LR pixel counts, shape (y, x).
    """
    x, mass = terms.planes.reshape(len(terms.planes), -1), weight.ravel()
    values = cube.reshape(len(cube), -1).astype(np.float64)
    mean = values @ mass / max(mass.sum(), 1e-9)
    values -= mean[:, None]
    folds = _folds((cube.shape[1], cube.shape[2]))
    moments = [_Moments.of(x, values, mass * (folds == i)) for i in range(FOLDS)]
    whole = _Moments(*(np.sum(parts, axis=0) for parts in zip(*moments, strict=True)))
    varies = whole.squares > FLAT * mass.sum() * np.square(mean)
    variance = np.where(varies, whole.squares, 1.0)
    best: tuple[tuple[str, ...], np.ndarray] | None = None
    for kind in KINDS:
        if not set(kind) <= set(terms.groups):
            continue
        chosen = np.isin(terms.groups, kind)
        if best is not None and PIXELS_A_TERM * chosen.sum() > np.count_nonzero(mass):
            continue
        missed = np.zeros(len(cube))
        for left_out in moments:
            missed += left_out.missed(whole.without(left_out).solved(chosen), chosen)
        explained = np.where(varies, 1 - missed / variance, 0.0)
        if best is None or _merit(explained) > _merit(best[1]):
            best = kind, explained
    assert best is not None
    weights = whole.solved(np.isin(terms.groups, best[0]))
    weights[0] += mean / (terms.level / terms.channels)  # the first term is constant
    return Regression(best[0], terms.level, weights, best[1])


def _merit(explained: np.ndarray) -> float:
    """Return how good a regression is: the mean over the bands that it can predict at all."""
    return float(explained.clip(0).mean())


class _Moments(NamedTuple):
    """What a fit needs to know of some pixels, each weighted.

    Attributes
    ----------
    terms : numpy.ndarray
        Products of the terms with one another, shape (terms, terms).
    values : numpy.ndarray
        Products of the terms with the bands, shape (terms, bands).
    squares : numpy.ndarray
        Sums of the bands' squares, shape (bands,).
    """

    terms: np.ndarray
    values: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, terms: np.ndarray, values: np.ndarray, mass: np.ndarray) -> _Moments:
        """Measure terms (terms, pixels) and bands (bands, pixels)."""
        here = mass > 0
        some = terms[:, here].astype(np.float64)
        seen = values[:, here]
        weighted = some * mass[here]
        return cls(weighted @ some.T, weighted @ seen.T, np.square(seen) @ mass[here])

    def without(self, part: _Moments) -> _Moments:
        """Return the moments of the other pixels."""
        return _Moments(*(a - b for a, b in zip(self, part, strict=True)))

    def solved(self, chosen: np.ndarray) -> np.ndarray:
        """Return the weights (chosen terms, bands) with the least square error."""
        normal = self.terms[np.ix_(chosen, chosen)]
        sizes = np.diag(normal)
        damping = RIDGE * sizes + max(float(sizes.max()), np.finfo(float).tiny) * 1e-12
        return np.linalg.solve(normal + np.diag(damping), self.values[chosen])

    def missed(self, weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Return the sum of each band's squared errors with some weights."""
        normal = self.terms[np.ix_(chosen, chosen)]
        explained = 2 * self.values[chosen] - normal @ weights
        return self.squares - (weights * explained).sum(axis=0)


def _folds(shape: tuple[int, int]) -> np.ndarray:
    """Return the fold of each LR pixel, shape (y · x,): the same for neighbours in a square."""
    rows, columns = (np.arange(length) // FOLD_SIDE for length in shape)
    return ((rows[:, None] * 2 + columns) % FOLDS).ravel()
