"""What the bundled models learn from: scenes and photographs as cubes, reduced in many ways.

A sample is a patch of a cube with remixed bands and noise; its statistics are exactly those
that inference would measure on the whole reduced cube: a mixture M of the bands and noise n turn a
covariance C into M C Mᵀ + n² I.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pictures import farther, mixing, photograph, read_scene
from torch import Tensor

from napari_dodn.degradation import (
    ANTI_ALIASED_SIGMA,
    CLEAN_BELOW,
    decimate_antialiased,
    reduce_by_blur,
)
from napari_dodn.network.components import components_from

MARGIN = 2
"""LR pixels around a patch that upsampling looks at."""

SHRINK = 1.5
"""Factor by which photographs are reduced, which makes them sharp."""

FEW_OFFSETS = 2
"""How many of the grids of LR pixels that a photograph can be seen on are learnt from."""

ONLY_OFFSETS = {2: [(0, 0)], 4: [(0, 0)]}
"""The grids on which scenes are seen cleanly, for each scale; on all of them where it is not named.
"""

FARTHER = {2: (2.0,), 4: (2.0,), 8: (1.25, 1.6, 2.0)}
"""How many times as far away a camera may be, for each scale."""

WEIGHTS = (0.3, 4.0)
"""The least and the largest weight of a source."""

SIGMAS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Blurs, in LR pixels, that are learnt to undo; clean decimation, of blur 0, is one more."""

TOLD_CLEAN = 2 / 3
"""The largest blur that the network is told of a clean cube, as a share of `CLEAN_BELOW`; what is
above it is left to turn from none to the least blur."""


@dataclass
class Recipe:
    """What is drawn, and how often.

    Attributes
    ----------
    photographs : float
        Share of the patches that come from photographs.
    farther : float
        Share that comes from scenes as a camera at a distance would see them, for each of the
        `FARTHER` distances.
    clean : float
        Share of the patches without blur.
    mixtures : float
        Share whose bands are remixed, thinned or rescaled.
    noisy : float
        Share with noise, of at most `noise` deviations.
    truncated : float
        Share that lacks the last components.
    told_off : float
        Deviation of the blur that is told from the true one, in LR pixels; 0 tells the truth.
    rest : str
        How bands are upsampled before the network adds to them: "bilinear" or "bicubic".
    """

    scale: int = 4
    components: int = 10
    patch: int = 20
    batch: int = 12
    photographs: float = 0.3
    farther: float = 0.1
    clean: float = 0.25
    mixtures: float = 0.15
    noisy: float = 0.4
    noise: float = 0.02
    truncated: float = 0.1
    told_off: float = 0.05
    rest: str = "bilinear"


@dataclass
class Version:
    """A cube as a sensor with one blur sees it: pixels (bands, y, x) with a margin, and moments.

    Attributes
    ----------
    offset : tuple of int
        Where the first LR pixel begins, in rows and columns of the cube.
    """

    sigma: float
    lr: Tensor
    mean: np.ndarray
    covariance: np.ndarray
    eigen: tuple[np.ndarray, np.ndarray]
    offset: tuple[int, int] = (0, 0)


@dataclass
class Source:
    """A cube (bands, y, x) and how it is seen.

    Attributes
    ----------
    hr : Tensor
        What should come out.
    versions : list of Version
        What the network may see of it, all with the same blur, which is most often none.
    counts : Tensor or None
        Which of its values count, bool, (bands, y, x) or what spreads to it; None where all do.
    picture : Tensor or None
        A picture of the scene on the same grid, (M, y, x).
    blurred : list of Version
        What the network may see of it with other blurs.
    weight : float
        What its errors are multiplied by in the loss.
    """

    hr: Tensor
    versions: list[Version] = field(default_factory=list)
    counts: Tensor | None = None
    picture: Tensor | None = None
    blurred: list[Version] = field(default_factory=list)
    weight: float = 1.0


def version(
    cube: Tensor,
    scale: int,
    sigma: float,
    offset: tuple[int, int] = (0, 0),
    *,
    antialiased: bool = False,
) -> Version:
    """Reduce a cube, from an offset on, and measure it."""
    first_y, first_x = offset
    height, width = (
        (side - first) // scale * scale for side, first in zip(cube.shape[1:], offset, strict=True)
    )
    cube = cube[None, :, first_y : first_y + height, first_x : first_x + width]
    reduced = (
        decimate_antialiased(cube, scale) if antialiased else reduce_by_blur(cube, scale, sigma)
    )
    lr = reduced[0]
    flat = lr.flatten(1).double().numpy()
    mean = flat.mean(axis=1)
    padded = F.pad(lr[None], (MARGIN,) * 4, mode="replicate")[0]
    covariance = np.cov(flat, bias=True)
    variance, vectors = np.linalg.eigh(covariance)
    return Version(sigma, padded, mean, covariance, (variance, vectors), offset)


def observed(
    cube: Tensor,
    scale: int,
    chance: np.random.Generator,
    sigmas: Iterable[float] = SIGMAS,
    offsets: Sequence[tuple[int, int]] | None = None,
) -> Source:
    """Reduce a cube cleanly, with each blur, and with anti-aliasing.

    Parameters
    ----------
    cube : Tensor
        Shape (bands, y, x).
    offsets : sequence of tuple of int, optional
        Where the first LR pixel begins when it is reduced cleanly; by default, wherever it can.
        With a blur it is reduced from one such place.
    """
    every = list(itertools.product(range(scale), range(scale)))
    exact = cube.float()

    def anywhere() -> tuple[int, int]:
        return every[chance.integers(len(every))]

    blurred = [version(exact, scale, s, anywhere()) for s in sigmas if s >= CLEAN_BELOW[scale]]
    blurred.append(version(exact, scale, ANTI_ALIASED_SIGMA, anywhere(), antialiased=True))
    clean = [version(exact, scale, 0, offset) for offset in offsets or every]
    return Source(cube, clean, blurred=blurred)


def detail_of(source: Source, scale: int) -> float:
    """Return the mean absolute error of linear upsampling of a cube, in its deviations."""
    seen = source.versions[0]
    fine = F.interpolate(seen.lr[None], scale_factor=scale, mode="bilinear")[0]
    edge = MARGIN * scale
    fine = fine[:, edge:-edge, edge:-edge]
    y, x = seen.offset
    off = source.hr[:, y : y + fine.shape[1], x : x + fine.shape[2]].float() - fine
    return float(off.abs().mean()) / float(np.sqrt(np.trace(seen.covariance) / len(seen.mean)))


def balance(pools: Sequence[tuple[float, Sequence[Source]]], scale: int) -> None:
    """Weigh the sources of pools, of which patches have some shares, so that all count alike.

    Photographs have four times as much detail as most scenes, in their own deviations, and would
    decide what is learnt.
    """
    details = [[detail_of(source, scale) for source in pool] for _, pool in pools]
    typical = sum(
        share * np.mean(one) for (share, _), one in zip(pools, details, strict=True) if one
    ) / sum(share for share, pool in pools if pool)
    for (_, pool), one in zip(pools, details, strict=True):
        for source, detail in zip(pool, one, strict=True):
            source.weight = float(np.clip(typical / max(detail, 1e-9), *WEIGHTS))


class Material:
    """Everything that is learnt from.

    Attributes
    ----------
    taken : list of Path
        The photographs that are large enough.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        photographs: Sequence[Path],
        scale: int,
        seed: int = 0,
    ) -> None:
        chance = np.random.default_rng(seed)
        scenes = [read_scene(folder) for folder in folders]
        grids = ONLY_OFFSETS.get(scale)
        self.scenes = [observed(scene, scale, chance, offsets=grids) for scene in scenes]
        self.farther = [
            observed(farther(scene, factor), scale, chance, offsets=grids)
            for factor, scene in itertools.product(FARTHER[scale], scenes)
        ]
        matrix = mixing(folders, scenes)
        self.photographs = []
        self.taken = []
        for file in photographs:
            cube = photograph(file, matrix, scale, SHRINK)
            if min(cube.shape[1:]) < (Recipe.patch + 1) * scale:  # from whatever offset
                continue
            self.taken.append(file)
            blurs = chance.choice(SIGMAS, 2, replace=False)
            every = list(itertools.product(range(scale), range(scale)))
            few = [(int(y), int(x)) for y, x in chance.permutation(every)[:FEW_OFFSETS]]
            self.photographs.append(observed(cube, scale, chance, map(float, blurs), few))
        far = Recipe.farther * len(FARTHER[scale])
        shares = (1 - Recipe.photographs - far, far, Recipe.photographs)
        pools = (self.scenes, self.farther, self.photographs)
        balance(list(zip(shares, pools, strict=True)), scale)


@dataclass
class Batch:
    """N samples: what the network sees and what should come out, normalised by the deviation.

    Attributes
    ----------
    z : Tensor
        Components, (N, k, h, w).
    told : Tensor
        Blur, (N,).
    back : Tensor
        Matrices (N, bands, k) from the network's answer to bands.
    wanted : Tensor
        The truth less the linear upsampling, (N, bands, s·h, s·w).
    truth : Tensor
        The truth, mean included, of the same shape.
    bands : Tensor
        1 where there is a band whose values count and 0 elsewhere, (N, bands, 1, 1) or the shape of
        `wanted`.
    picture : Tensor
        Pictures of the sources, (N, M, s·h, s·w); M is 0 where there are none.
    weight : Tensor
        What the errors of the samples are multiplied by, (N,).
    """

    z: Tensor
    told: Tensor
    back: Tensor
    wanted: Tensor
    truth: Tensor
    bands: Tensor
    picture: Tensor
    weight: Tensor


def mixture(bands: int, chance: np.random.Generator) -> np.ndarray:
    """Return a random non-negative matrix (bands, bands): other bands, fewer, or with gains.

    The rows beyond the new number of bands are zero.
    """
    matrix = np.zeros((bands, bands))
    kind = chance.random()
    if kind < 0.3:  # gains alone
        matrix[np.arange(bands), np.arange(bands)] = np.exp(chance.normal(0, 0.5, bands))
        return matrix
    count = min(bands, int(chance.choice([1, 2, 3, 4, 5, 6, 8, 12, 20, bands])))
    centres = np.sort(chance.uniform(0, bands - 1, count))
    width = np.exp(chance.uniform(np.log(0.4), np.log(4)))
    window = np.exp(-0.5 * ((np.arange(bands) - centres[:, None]) / width) ** 2) + 1e-12
    window /= window.sum(axis=1, keepdims=True)
    matrix[:count] = window * np.exp(chance.normal(0, 0.3, count))[:, None]
    return matrix


def told_sigma(sigma: float, recipe: Recipe, chance: np.random.Generator) -> float:
    """Return the blur that the network is told: nearly the truth, and more often above it.

    Of a clean cube it is most often none, and else anything that stands for none, so that an
    estimate slightly above 0 does no harm.
    """
    if not recipe.told_off:
        return sigma
    if sigma == 0:
        most = TOLD_CLEAN * CLEAN_BELOW[recipe.scale]
        return 0.0 if chance.random() < 0.6 else float(chance.uniform(0, most))
    off = abs(chance.normal(0, recipe.told_off))
    told = sigma + (off if chance.random() < 0.6 else -off)
    return max(told, 0.0)


def sample(material: Material, recipe: Recipe, chance: np.random.Generator) -> tuple[Tensor, ...]:
    """Draw a patch; the parts are those of `Batch`."""
    k, s, patch = recipe.components, recipe.scale, recipe.patch
    pool, which = material.scenes, chance.random()
    if material.photographs and which < recipe.photographs:
        pool = material.photographs
    elif which > 1 - recipe.farther * len(FARTHER[s]):
        pool = material.farther
    source = pool[chance.integers(len(pool))]
    seen_as = source.versions if chance.random() < recipe.clean else source.blurred
    seen = seen_as[chance.integers(len(seen_as))]
    first_y, first_x = seen.offset
    height, width = (side - 2 * MARGIN for side in seen.lr.shape[1:])
    y, x = (int(chance.integers(side - patch + 1)) for side in (height, width))
    lr = seen.lr[:, y : y + patch + 2 * MARGIN, x : x + patch + 2 * MARGIN]
    fine = (
        slice(None),
        slice(first_y + y * s, first_y + (y + patch) * s),
        slice(first_x + x * s, first_x + (x + patch) * s),
    )
    hr = source.hr[fine].float()
    picture = hr[:0] if source.picture is None else source.picture[fine]
    turns, flip = int(chance.integers(4)), chance.random() < 0.5

    def turned(image: Tensor) -> Tensor:
        return torch.rot90(image.flip(2) if flip else image, turns, (1, 2))

    lr, hr, picture = turned(lr), turned(hr), turned(picture)
    mean, (variance, vectors) = seen.mean, seen.eigen
    bands = np.ones(len(mean))
    number = len(mean)
    if chance.random() < recipe.mixtures:
        matrix = mixture(len(mean), chance)
        bands = (matrix.sum(axis=1) > 0).astype(float)
        number = int(bands.sum())
        mean, covariance = matrix @ mean, matrix @ seen.covariance @ matrix.T
        variance, vectors = np.linalg.eigh(covariance[:number, :number])
        mixer = torch.from_numpy(matrix).float()
        lr, hr = (torch.tensordot(mixer, t, 1) for t in (lr, hr))
    if chance.random() < recipe.noisy:
        sigma = chance.random() * recipe.noise * np.sqrt(variance.sum() / number)
        lr = lr + sigma * torch.randn(lr.shape) * torch.from_numpy(bands).float()[:, None, None]
        variance = variance + sigma**2
    found = components_from(mean[:number], variance, vectors, k)
    if chance.random() < recipe.truncated:
        kept = np.arange(k) < chance.integers(1, k + 1)
        found = replace(found, weights=np.where(kept, found.weights, 0))
    found = found.redrawn(chance)
    deviation = max(found.deviation, 1e-9)
    forward = torch.from_numpy(found.forward * deviation).float()
    back = torch.zeros(len(mean), k)
    back[:number] = torch.from_numpy(found.back / deviation)
    level = torch.from_numpy(mean).float()[:, None, None]
    lr = (lr - level) / deviation
    inner = lr[:number, MARGIN:-MARGIN, MARGIN:-MARGIN]
    z = torch.tensordot(forward, inner, 1)
    truth = hr / deviation
    mode = recipe.rest
    rest = F.interpolate(lr[None], scale_factor=s, mode=mode, align_corners=False)[0]
    edge = MARGIN * s
    wanted = truth - level / deviation - rest[:, edge:-edge, edge:-edge]
    told = torch.tensor(told_sigma(seen.sigma, recipe, chance), dtype=torch.float32)
    there = torch.from_numpy(bands).float()[:, None, None]
    if source.counts is not None:
        there = there * turned(source.counts.expand_as(source.hr)[fine])
    weight = torch.tensor(source.weight)
    return z, told, back, wanted * there, truth * there, there, picture, weight


def draw(material: Material, recipe: Recipe, chance: np.random.Generator) -> Batch:
    """Draw the samples of a step."""
    samples = [sample(material, recipe, chance) for _ in range(recipe.batch)]
    return Batch(*(torch.stack(parts) for parts in zip(*samples, strict=True)))
