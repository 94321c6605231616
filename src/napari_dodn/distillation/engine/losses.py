"""The terms of the loss, each as a sum and the number of what was summed.

Sums and counts, not means: processes that share a batch add both up, so that their gradient is that
of one process with the whole batch, whatever is masked where.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_dodn.distillation.data.patches import Batch

DARK = 0.02
"""Spectra shorter than this share of the cube's deviation (per band) count less in the angle."""

AFFINITY_SIDE = 12
"""Side of the maps that spatial affinity is computed on; larger ones are pooled to it."""


class Sum(NamedTuple):
    """A sum with its gradient, and how much was summed."""

    total: Tensor
    number: Tensor


def pixel_loss(result: Tensor, target: Tensor, batch: Batch) -> Sum:
    """L1 distance over the values that count."""
    weight = batch.valid.expand_as(target)
    return Sum(((result - target).abs() * weight).sum(), weight.sum())


def angle_loss(result: Tensor, target: Tensor, batch: Batch) -> Sum:
    """Spectral angle in radians, over the pixels that have values that count.

    It is Kahan's formula 2·atan2(|u − v|, |u + v|) for unit vectors u and v, whose gradient stays
    finite where the angle is 0. The gradient grows as spectra get shorter, so pixels darker than a
    floor are weighted by their length: their noise has no say.
    """
    weight = batch.valid.expand_as(target)
    spectra = [(t + batch.offset) * weight for t in (result, target)]
    lengths = [_length(t) for t in spectra]
    u, v = (t / length for t, length in zip(spectra, lengths, strict=True))
    angle = 2 * torch.atan2(_length(u - v), _length(u + v))[:, 0]
    brightness = lengths[1][:, 0].detach() / (DARK * target.shape[1] ** 0.5)
    pixels = weight.amax(dim=1) * brightness.clamp_max(1)
    return Sum((angle * pixels).sum(), pixels.sum())


def _length(spectra: Tensor) -> Tensor:
    """Return the lengths of spectra (N, B, y, x) as (N, 1, y, x), never 0: the gradient is finite.

    `torch.linalg.vector_norm` over any dimension but the last is several times as slow on a CPU.
    """
    return spectra.square().sum(dim=1, keepdim=True).clamp_min(1e-12).sqrt()


class FeatureLoss(nn.Module):
    """How far the student's taps are from the teacher's, for one variant of distillation.

    Trainable are only 1×1 convolutions on the student's side; they are thrown away after training.
    The teacher's features are detached and brought to mean 0 and deviation 1 per channel by fixed
    statistics, measured once.

    Parameters
    ----------
    variant : str
        "area": the student's tap, or its mean over the components, against the teacher's after
        area reduction.
        "space to depth": against the teacher's, rearranged so that nothing is averaged.
        "affinity": how alike any two places are, on both sides (FAKD, He et al., ICIP 2020).
        "every band": each component's tap against the teacher's; a control that rewards erasing
        spectral differences.
    scale : int
        Upsampling factor.
    student_channels, teacher_channels : int
        Widths of the features.
    blocks : int
        Number of taps.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, variant: str, scale: int, student_channels: int, teacher_channels: int, blocks: int
    ) -> None:
        super().__init__()
        self.variant, self.scale = variant, scale
        depth = scale**2 if variant == "space to depth" else 1
        target_channels = teacher_channels * depth
        self.register_buffer("mean", torch.zeros(blocks, target_channels))
        self.register_buffer("deviation", torch.ones(blocks, target_channels))
        adapts = variant != "affinity"
        self.adapters = nn.ModuleList(
            nn.Linear(student_channels, target_channels) if adapts else nn.Identity()
            for _ in range(blocks)
        )

    def targets(self, taps: list[Tensor]) -> list[Tensor]:
        """Bring the teacher's taps (N, C, s·h, s·w) to the student's grid, as (N, h, w, C')."""
        if self.variant == "space to depth":
            small = [F.pixel_unshuffle(tap, self.scale) for tap in taps]
        else:
            small = [F.avg_pool2d(tap, self.scale) for tap in taps]
        return [tap.detach().float().permute(0, 2, 3, 1) for tap in small]

    @torch.no_grad()
    def measure(self, taps: list[Tensor]) -> None:
        """Take the statistics of the teacher's channels from the taps of a few patches."""
        for i, target in enumerate(self.targets(taps)):
            values = target.flatten(0, 2)
            self.mean[i] = values.mean(dim=0)
            self.deviation[i] = values.std(dim=0).clamp_min(1e-6)

    def forward(self, taps: list[Tensor], teacher_taps: list[Tensor], batch: Batch) -> Sum:
        """Compare the student's taps (k, N, h, w, C) with the teacher's (N, C', s·h, s·w)."""
        n, _, h, w = batch.lr.shape
        weight = self._places(batch, (n, h, w))
        total = weight.new_zeros(())
        targets = self.targets(teacher_taps)
        for i, (tap, target, adapter) in enumerate(zip(taps, targets, self.adapters, strict=True)):
            target = (target - self.mean[i]) / self.deviation[i]
            if self.variant == "affinity":
                total = total + _affinity_loss(tap.float().mean(dim=0), target, weight)
            elif self.variant == "every band":
                error = adapter(tap.float()) - target
                total = total + (error.abs().mean(dim=(0, 4)) * weight).sum()
            else:
                error = adapter(tap.float().mean(dim=0)) - target
                total = total + (error.abs().mean(dim=3) * weight).sum()
        return Sum(total / len(taps), weight.sum())

    def _places(self, batch: Batch, shape: tuple[int, int, int]) -> Tensor:
        """Return 1 for each low-resolution pixel, (N, h, w), all of whose values count."""
        if batch.valid.shape[-1] == 1:
            return batch.valid[:, 0].expand(shape)
        measured = batch.valid.amax(dim=1, keepdim=True)
        return (F.avg_pool2d(measured, self.scale)[:, 0] > 1 - 1e-3).float()


def _affinity_loss(features: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean difference of two affinity matrices, times the places that count; for each patch."""
    pooled_weight = _pooled(weight[..., None])[..., 0].flatten(1)
    a, b = (
        F.normalize(_pooled(maps * weight[..., None]).flatten(1, 2), dim=2)
        for maps in (features, target)
    )
    pairs = pooled_weight[:, :, None] * pooled_weight[:, None, :]
    difference = (a @ a.mT - b @ b.mT).abs() * pairs
    mean = difference.sum(dim=(1, 2)) / pairs.sum(dim=(1, 2)).clamp_min(1e-6)
    return (mean * weight.sum(dim=(1, 2))).sum()


def _pooled(maps: Tensor) -> Tensor:
    """Reduce (N, h, w, C) to at most `AFFINITY_SIDE` along each side."""
    height, width = (min(n, AFFINITY_SIDE) for n in maps.shape[1:3])
    return F.adaptive_avg_pool2d(maps.permute(0, 3, 1, 2), (height, width)).permute(0, 2, 3, 1)
