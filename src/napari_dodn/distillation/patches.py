"""Batches of patches, drawn so that seed, stage and step alone decide what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from napari_dodn.degradation import degrade, spectral_weights
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.scenes import Scene
from napari_dodn.reach import patch_side

DRAWS = 20
"""Patches that are drawn at most in place of one that lies wholly where nothing was measured."""


def patch_side_of(config: TrainConfig) -> int:
    """Return the side in high-resolution pixels that a patch and its surroundings take."""
    degradation = config.degradation
    return patch_side(
        config.schedule.patch, config.student.scale, degradation.kinds, degradation.psf[1]
    )


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
    """

    lr: Tensor
    hr: Tensor
    offset: Tensor
    valid: Tensor
    msi: Tensor | None


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
        self.areas = [[self._positions(scene) for scene in group] for group in self.groups]

    def _positions(self, scene: Scene) -> int:
        height, width = scene.hr.shape[1:]
        return (height - self.side + 1) * (width - self.side + 1)

    def batch(self, stage: int, step: int) -> Batch:
        """Make this process's share of the patches of a step."""
        chance = np.random.default_rng((self.config.seed, stage, step))
        sums = np.array([sum(areas) for areas in self.areas], float)
        group = int(chance.choice(len(sums), p=sums / sums.sum()))
        numbers = range(self.config.schedule.batch)[self.rank :: self.size]
        patches = [self._patch(group, (stage, step, number)) for number in numbers]
        kinds = sorted({kind for *_, kind in patches})
        hr, valid, offset, msi, views, sigma, noise, seeds, kind_of = zip(*patches, strict=True)
        wide, offsets = self._moved(hr, views), torch.stack(offset).to(self.device)
        mixed = self._other_bands(wide.shape[1], chance)
        if mixed is not None:
            wide, offsets = _mixed(mixed, wide), _mixed(mixed, offsets)
        inner = slice(self.margin, self.side - self.margin)
        lr_margin = self.margin // self.config.student.scale
        lr = self._reduced(wide, kinds, kind_of, sigma)
        if lr_margin:
            lr = lr[..., lr_margin:-lr_margin, lr_margin:-lr_margin]
        if any(noise):
            lr = lr + torch.stack(
                [self._noise(lr[0], s, seed) for s, seed in zip(noise, seeds, strict=True)]
            )
        if all(mask is None for mask in valid):
            weight = torch.ones(len(patches), 1, 1, 1, device=wide.device)
        else:
            masks = [torch.ones_like(hr[0]) if mask is None else mask.float() for mask in valid]
            weight = self._moved(masks, views)[..., inner, inner]
            if mixed is not None:  # a value counts where all that it is made of does
                weight = (_mixed((mixed > 0).float(), 1 - weight) == 0).float()
        image = None
        if msi[0] is not None:
            image = self._moved(msi, views)[..., inner, inner].contiguous()
        return Batch(
            lr.contiguous(),
            wide[..., inner, inner].contiguous(),
            offsets,
            weight,
            image,
        )

    def _other_bands(self, bands: int, chance: np.random.Generator) -> Tensor | None:
        """Draw the bands that all patches of a step get; None where they keep their own."""
        if not self.config.degradation.resamples:
            return None
        low, high = self.config.degradation.spectral
        factor = low * (high / low) ** chance.uniform()
        return spectral_weights(bands, factor, chance.uniform()).to(self.device)

    def _patch(self, group: int, key: tuple[int, int, int]) -> tuple:
        """Draw one patch with its surroundings, and how it is turned and reduced."""
        chance = np.random.default_rng((self.config.seed, *key))
        scene, place = self._place(group, chance)
        turns, mirrored = int(chance.integers(4)), bool(chance.integers(2))
        degradation = self.config.degradation
        kind = degradation.kinds[int(chance.integers(len(degradation.kinds)))]
        sigma, noise = (float(chance.uniform(*b)) for b in (degradation.psf, degradation.noise))
        seed = int(chance.integers(2**62))

        hr = scene.hr[(slice(None), *place)]
        valid = scene.valid(place)
        msi = None
        if scene.has_msi:
            shuffled = self.config.msi.shuffled
            shown, where = self._place(group, chance) if shuffled else (scene, place)
            msi = shown.msi(where)
        return (
            hr,
            None if valid is None else valid.expand_as(hr),
            scene.offset,
            msi,
            (turns, mirrored),
            sigma,
            noise,
            seed,
            kind,
        )

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
            inner = tuple(slice(n + self.margin, n + self.side - self.margin) for n in (y, x))
            if scene.measured is None or scene.measured[(slice(None), *inner)].any():
                break
        return scene, (slice(y, y + self.side), slice(x, x + self.side))

    def _start(self, chance: np.random.Generator, length: int) -> int:
        beyond, last = self.side // 2, length - self.side
        return min(max(int(chance.integers(-beyond, last + beyond + 1)), 0), last)

    def _reduced(
        self, wide: Tensor, kinds: list[str], kind_of: tuple[str, ...], sigma: tuple[float, ...]
    ) -> Tensor:
        scale = self.config.student.scale
        sigmas = torch.tensor(sigma, device=wide.device)
        if len(kinds) == 1:
            return degrade(wide, scale, kinds[0], sigmas)
        n, bands, height, width = wide.shape
        lr = wide.new_empty(n, bands, height // scale, width // scale)
        for kind in kinds:
            chosen = [i for i, other in enumerate(kind_of) if other == kind]
            lr[chosen] = degrade(wide[chosen], scale, kind, sigmas[chosen])
        return lr

    @staticmethod
    def _noise(like: Tensor, sigma: float, seed: int) -> Tensor:
        generator = torch.Generator(like.device).manual_seed(seed)
        return sigma * torch.randn(like.shape, generator=generator, device=like.device)


def _mixed(weights: Tensor, cubes: Tensor) -> Tensor:
    """Return (N, bands, y, x) cubes whose bands are weighted sums of those of others."""
    return torch.einsum("mb,nbyx->nmyx", weights, cubes)
