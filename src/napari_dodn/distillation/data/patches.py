"""Batches of patches, drawn so that seed, stage and step alone decide what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_dodn.degradation import blur_of, degrade, spectral_weights
from napari_dodn.distillation.checks import patch_side_of
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.scenes import Scene
from napari_dodn.network.components import Components, components_from
from napari_dodn.reach import GAUSSIAN
from napari_dodn.upscaling.statistics import NOISE

DRAWS = 20
"""Patches that are drawn at most in place of one that lies wholly where nothing was measured."""

TOLD_OFF = 0.07
"""Deviation, in LR pixels, of the blur that is told from the true one."""

TOLD_MORE = 0.75
"""Share of the patches that are told too much, so that too much does less harm."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches of one step, or one process's share of them; N of them.

    Attributes
    ----------
    lr, hr : Tensor
        Normalised, (N, B, h, w) and (N, B, s·h, s·w).
    offset : Tensor
        What to add to normalised spectra for true ones, up to a factor; (N, B, 1, 1).
    valid : Tensor
        1 where a value counts and 0 elsewhere, float32, shape of `hr` or (N, 1, 1, 1).
    msi : Tensor or None
        Multispectral image, (N, M, s·h, s·w).
    blur : Tensor
        What the network is told of the sensor's blur, in LR pixels, (N,).
    forward, back : Tensor
        From `lr` to components and from what they gain to bands, (N, k, B) and (N, B, k).
    """

    lr: Tensor
    hr: Tensor
    offset: Tensor
    valid: Tensor
    msi: Tensor | None
    blur: Tensor
    forward: Tensor
    back: Tensor


class _Patch(NamedTuple):
    """A patch with its surroundings, and how it is turned, reduced and seen."""

    scene: Scene
    hr: Tensor
    valid: Tensor | None
    msi: Tensor | None
    view: tuple[int, bool]
    kind: str
    sigma: float
    noise: float
    told: float
    noise_seed: int
    components_seed: int
    lr: Tensor | None


class _Moments(NamedTuple):
    """Which of a scene's bands have a say in the components, and the eigenvectors of those."""

    good: np.ndarray
    variance: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, scene: Scene, mixed: np.ndarray | None) -> _Moments:
        """Return those of a scene, whose bands may be mixed: M C Mᵀ."""
        covariance, good = scene.covariance, scene.usable_bands
        if mixed is not None:
            good = np.array([not row[~good].any() for row in mixed])
            covariance = mixed @ covariance @ mixed.T
        variance, own = np.linalg.eigh(covariance[np.ix_(good, good)])
        vectors = np.zeros((len(good), len(own)))
        vectors[good] = own
        return cls(good, variance, vectors)

    def components(self, count: int, noise: float, floor: float) -> Components:
        """Return the components where white noise is added; those that are noise do not exist."""
        mean, bands = np.zeros(len(self.good)), len(self.variance)
        if not bands:
            return Components(mean, 0.0, np.zeros((len(mean), count)), np.zeros(count))
        floor = max(floor, NOISE * noise)
        return components_from(mean, self.variance + noise**2, self.vectors, count, floor, bands)


class PatchSource:
    """Draws batches from scenes.

    Parameters
    ----------
    scenes : list of Scene
        What to draw from; larger ones are drawn from more often. All patches of a step have one
        number of bands.
    config : TrainConfig
        Says how large patches are, and how they are reduced.
    rank, size : int
        Which share of each batch to make, where several processes work together.
    device : device
        Where batches are wanted and made; the scenes may lie elsewhere.
    """

    def __init__(
        self,
        scenes: list[Scene],
        config: TrainConfig,
        rank: int = 0,
        size: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self.rank, self.size, self.device = config, rank, size, device
        self.side = patch_side_of(config)
        self.margin = (self.side - config.schedule.patch * config.student.scale) // 2
        ordered = sorted(scenes, key=lambda scene: scene.bands)
        self.groups = [list(group) for _, group in groupby(ordered, lambda scene: scene.bands)]
        self.areas = [self._shares(group) for group in self.groups]
        self._known: dict[int, _Moments] = {}

    def _shares(self, group: Sequence[Scene]) -> list[float]:
        """Return how often each scene is drawn from: by its size, and so that bands are equal.

        Of a cube whose picture does not tell all bands, there is a scene to learn those that it
        tells and one to learn the others; each has the share of its bands.
        """
        areas = [float(self._positions(scene)) for scene in group]
        for number, scene in enumerate(group):
            if scene.told is None:
                continue
            share = float(scene.told.sum() / scene.usable_bands.sum())
            for other, rest in enumerate(group):
                if rest.name == scene.name and rest.lr is None:
                    both = areas[number] + areas[other]
                    areas[number], areas[other] = both * share, both * (1 - share)
        return areas

    def _positions(self, scene: Scene) -> int:
        height, width = scene.hr.shape[1:]
        places = (height - self.side + 1) * (width - self.side + 1)
        return places if scene.lr is None else -(-places // self.config.student.scale**2)

    def batch(self, stage: int, step: int) -> Batch:
        """Make this process's share of the patches of a step."""
        # As if for one more patch: NumPy takes a key that is shorter for the one that ends in 0.
        chance = self._chance(stage, step, self.config.schedule.batch)
        sums = np.array([sum(areas) for areas in self.areas], float)
        group = int(chance.choice(len(sums), p=sums / sums.sum()))
        numbers = range(self.config.schedule.batch)[self.rank :: self.size]
        patches = [self._patch(group, (stage, step, number)) for number in numbers]
        views = [patch.view for patch in patches]
        wide = self._moved([patch.hr for patch in patches], views)
        offsets = torch.stack([patch.scene.offset for patch in patches]).to(self.device)
        mixed = self._other_bands(wide.shape[1], chance)
        if mixed is not None:
            wide, offsets = _mixed(mixed, wide), _mixed(mixed, offsets)
        inner = slice(self.margin, self.side - self.margin)
        lr_margin = self.margin // self.config.student.scale
        lr = self._reduced(wide, patches)
        if lr_margin:
            lr = lr[..., lr_margin:-lr_margin, lr_margin:-lr_margin]
        for number, patch in enumerate(patches):
            if patch.lr is not None:  # which was measured, and is not made
                own = self._moved([patch.lr], [patch.view])
                lr[number] = (own if mixed is None else _mixed(mixed, own))[0]
        if any(patch.noise for patch in patches):
            lr = lr + torch.stack(
                [self._noise(lr[0], patch.noise, patch.noise_seed) for patch in patches]
            )
        if all(patch.valid is None for patch in patches):
            weight = torch.ones(len(patches), 1, 1, 1, device=wide.device)
        else:
            masks = [
                torch.ones_like(patch.hr) if patch.valid is None else patch.valid.float()
                for patch in patches
            ]
            weight = self._moved(masks, views)[..., inner, inner]
            if mixed is not None:  # a value counts where all that it is made of does
                weight = (_mixed((mixed > 0).float(), 1 - weight) == 0).float()
        image = None
        pictures = [patch.msi for patch in patches if patch.msi is not None]
        if pictures:
            image = self._moved(pictures, views)[..., inner, inner].contiguous()
        return Batch(
            lr.contiguous(),
            wide[..., inner, inner].contiguous(),
            offsets,
            weight,
            image,
            torch.tensor([patch.told for patch in patches], device=self.device),
            *self._components(patches, mixed),
        )

    def _components(self, patches: Sequence[_Patch], mixed: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the matrices to and from components of each patch's scene, as at inference."""
        known = self._known
        if mixed is not None:
            known = {}  # which are another step's
        weights = None if mixed is None else mixed.double().cpu().numpy()
        found = []
        for patch in patches:
            scene = patch.scene
            if id(scene) not in known:
                known[id(scene)] = _Moments.of(scene, weights)
            components = known[id(scene)].components(
                self.config.student.components, patch.noise, scene.floor
            )
            found.append(components.redrawn(np.random.default_rng(patch.components_seed)))
        matrices = (
            np.stack([components.forward for components in found]),
            np.stack([components.back for components in found]),
        )
        forward, back = (torch.from_numpy(m).float().to(self.device) for m in matrices)
        return forward, back

    def _other_bands(self, bands: int, chance: np.random.Generator) -> Tensor | None:
        """Draw the bands that all patches of a step get; None where they keep their own."""
        if not self.config.degradation.resamples:
            return None
        low, high = self.config.degradation.spectral
        factor = low * (high / low) ** chance.uniform()
        return spectral_weights(bands, factor, chance.uniform()).to(self.device)

    def _chance(self, stage: int, step: int, number: int) -> np.random.Generator:
        """Return what draws one patch of a step."""
        return np.random.default_rng((self.config.seed, stage, step, number))

    def _patch(self, group: int, key: tuple[int, int, int]) -> _Patch:
        """Draw one patch with its surroundings, and how it is turned and reduced."""
        chance = self._chance(*key)
        scene, place = self._place(group, chance)
        turns, mirrored = int(chance.integers(4)), bool(chance.integers(2))
        degradation = self.config.degradation
        kind = degradation.kinds[int(chance.integers(len(degradation.kinds)))]
        sigma, noise = (float(chance.uniform(*b)) for b in (degradation.psf, degradation.noise))
        noise_seed, components_seed = (int(seed) for seed in chance.integers(2**62, size=2))
        told = blur_of(kind, sigma) if scene.lr is None else scene.blur
        if kind == GAUSSIAN or scene.lr is not None:
            told = told_blur(told, chance)

        hr = scene.hr[(slice(None), *place)]
        valid = scene.valid(place)
        msi = None
        if scene.has_msi:
            shuffled = self.config.msi.shuffled
            shown, where = self._place(group, chance) if shuffled else (scene, place)
            msi = shown.msi(where)
        return _Patch(
            scene,
            hr,
            None if valid is None else valid.expand_as(hr),
            msi,
            (turns, mirrored),
            kind,
            sigma,
            noise,
            told,
            noise_seed,
            components_seed,
            self._measured_lr(scene, place),
        )

    def _measured_lr(self, scene: Scene, place: tuple[slice, slice]) -> Tensor | None:
        """Return what was measured where a patch lies, without its surroundings, if anything."""
        if scene.lr is None:
            return None
        scale, length = self.config.student.scale, self.config.schedule.patch
        starts = [(part.start + self.margin) // scale for part in place]
        return scene.lr[(slice(None), *(slice(n, n + length) for n in starts))]

    def _moved(self, images: Sequence[Tensor], views: Sequence[tuple[int, bool]]) -> Tensor:
        """Stack square images and turn each by its quarters, then mirror it; all at once."""
        moved = torch.stack(list(images)).to(self.device)
        turns, mirrored = torch.tensor(views, device=moved.device).T
        for chosen, other in (
            (turns % 2 == 1, lambda x: x.mT),
            ((turns == 1) | (turns == 2), lambda x: x.flip(-2)),
            ((turns >= 2) ^ mirrored.bool(), lambda x: x.flip(-1)),
        ):
            moved = torch.where(chosen[:, None, None, None], other(moved), moved)
        return moved

    def _place(self, group: int, chance: np.random.Generator) -> tuple[Scene, tuple[slice, slice]]:
        """Draw a scene, and where in it a patch lies; again where the patch holds nothing valid.

        Places are drawn as if the scene went on by half a patch beyond its borders, and moved into
        it: else a pixel of the border would be in one patch where an inner one is in hundreds.
        """
        areas = np.array(self.areas[group], float)
        for _ in range(DRAWS):
            scene = self.groups[group][int(chance.choice(len(areas), p=areas / areas.sum()))]
            y, x = (self._start(chance, length) for length in scene.size)
            if scene.lr is not None:  # whose pixels are where they are
                y, x = (n - n % self.config.student.scale for n in (y, x))
            inner = tuple(slice(n + self.margin, n + self.side - self.margin) for n in (y, x))
            if scene.measured is None or scene.measured[(slice(None), *inner)].any():
                break
        return scene, (slice(y, y + self.side), slice(x, x + self.side))

    def _start(self, chance: np.random.Generator, length: int) -> int:
        beyond, last = self.side // 2, length - self.side
        return min(max(int(chance.integers(-beyond, last + beyond + 1)), 0), last)

    def _reduced(self, wide: Tensor, patches: Sequence[_Patch]) -> Tensor:
        scale = self.config.student.scale
        kinds = sorted({patch.kind for patch in patches})
        sigmas = torch.tensor([patch.sigma for patch in patches], device=wide.device)
        if len(kinds) == 1:
            return degrade(wide, scale, kinds[0], sigmas)
        n, bands, height, width = wide.shape
        lr = wide.new_empty(n, bands, height // scale, width // scale)
        for kind in kinds:
            chosen = [i for i, patch in enumerate(patches) if patch.kind == kind]
            lr[chosen] = degrade(wide[chosen], scale, kind, sigmas[chosen])
        return lr

    @staticmethod
    def _noise(like: Tensor, sigma: float, seed: int) -> Tensor:
        generator = torch.Generator(like.device).manual_seed(seed)
        return sigma * torch.randn(like.shape, generator=generator, device=like.device)


def told_blur(sigma: float, chance: np.random.Generator) -> float:
    """Return what is told of a blur: near it, and more often too much than too little."""
    off = abs(float(chance.normal(0, TOLD_OFF)))
    return max(sigma + (off if chance.random() < TOLD_MORE else -off), 0.0)


def _mixed(weights: Tensor, cubes: Tensor) -> Tensor:
    """Return (N, bands, y, x) cubes whose bands are weighted sums of those of others."""
    return torch.einsum("mb,nbyx->nmyx", weights, cubes)
