"""DODN without gradients: the same function in fewer passes over the memory.

Features are made once and changed in place, a piece at a time, so that what passes between two
layers stays in the processor's cache and no fresh memory is asked for. Linear layers in a row are
folded into one convolution, and so is what the blur adds to a layer into its bias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_dodn.network.dodn import DODN, hats

CPU_PIECE = 2 * 2**20
"""Bytes of features that a CPU does at once: few enough for its cache."""

PIECE = 2**28
"""Bytes of features that other devices do at once: enough to keep them busy."""


@dataclass(frozen=True)
class Kernel:
    """A convolution whose output is as large as its input, or one map of many."""

    weight: Tensor
    bias: Tensor
    padding: tuple[int, int]

    @classmethod
    def of(cls, layer: Any, *then: nn.Linear, plus: Tensor | None = None) -> Kernel:
        """Return a convolution, folded with layers that work on the channels of its output."""
        weight, bias = layer.weight, layer.bias
        for linear in then:
            weight = torch.einsum("oc,ciyx->oiyx", linear.weight, weight)
            bias = F.linear(bias, linear.weight, linear.bias)
        if plus is not None:
            bias = bias + plus.flatten()
        return cls(weight.contiguous(memory_format=torch.channels_last), bias, layer.padding)

    def __call__(self, x: Tensor) -> Tensor:
        """Convolve (N, C, y, x) with a border of zeros."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return F.conv2d(x, weight, bias, padding=self.padding)

    def rectified(self, x: Tensor) -> Tensor:
        """Convolve, and set what is negative to zero."""
        return self(x).relu_()


class _Pieces:
    """Cuts (k, h, w, C) features into views that fit the cache together with their results."""

    def __init__(self, features: Tensor) -> None:
        k, h, w, channels = features.shape
        size = CPU_PIECE if features.device.type == "cpu" else PIECE
        positions = size // (channels * features.element_size())
        self.images = max(1, positions // (h * w))
        self.pixels = max(1, positions // k)

    def of_maps(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return images (n, C, h, w) of some components."""
        return features.permute(0, 3, 1, 2).split(self.images)

    def of_pixels(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return (1, C, k, n) of some pixels; k may be any number."""
        return features.flatten(1, 2)[None].permute(0, 3, 1, 2).split(self.pixels, dim=3)


@torch.no_grad()
def infer_steps(
    network: DODN, z: Tensor, sigma: float, dtype: torch.dtype
) -> Iterator[float | Tensor]:
    """Map components (k, h, w) to what they gain, (k, s·h, s·w), as DODN does.

    Yields
    ------
    float or Tensor
        After each layer of blocks the share that is done, and the result, in float32, last.
    """
    parts: Any = network  # of known types, which a Sequential does not tell
    condition = hats(torch.tensor([sigma], device=z.device))
    z = z.to(dtype)
    k, h, w = z.shape
    features = z.new_empty((k, h, w, network.channels))
    pieces = _Pieces(features)
    spatial, spectral = parts.head
    _into(pieces.of_maps(features), Kernel.of(spatial), pieces.of_maps(z[..., None]))
    _each(pieces.of_pixels(features), Kernel.of(spectral))
    features += parts.place[:, 0].to(dtype)
    gathered = features + parts.gather[0].bias.to(dtype)
    hidden = torch.empty_like(features)
    maps = None
    if network.branch_2d == "whole":
        maps = Kernel.of(parts.head_2d)(z[None].contiguous(memory_format=torch.channels_last))
    count = len(parts.blocks) + 1
    for number, (block, gather) in enumerate(zip(parts.blocks, parts.gather, strict=True)):
        yield number / count
        if maps is None:
            _folded(block, features, hidden, condition, pieces)
        else:
            maps = _whole(block, features, hidden, maps, condition, pieces)
        _add_product(gathered.flatten(0, 2), features.flatten(0, 2), gather.weight)
    del features, hidden, maps
    yield (count - 1) / count

    (spatial, spectral), _, sub_pixels = parts.tail
    _each(pieces.of_maps(gathered), Kernel.of(spatial))
    _each(pieces.of_pixels(gathered), Kernel.of(spectral).rectified)
    scale = network.scale
    fine = z.new_empty((k, h, scale, w, scale), dtype=torch.float32)
    last = Kernel.of(sub_pixels)
    for target, part in zip(fine.split(pieces.images), pieces.of_maps(gathered), strict=True):
        phases = last(part)
        target.copy_(phases.unflatten(1, (scale, scale)).permute(0, 3, 1, 4, 2))
    yield fine.view(k, h * scale, w * scale)


def _folded(
    block: Any, features: Tensor, hidden: Tensor, condition: Tensor, pieces: _Pieces
) -> None:
    """Replace features by the output of a `DODB`; `hidden` is room to work in."""
    (spatial_1, spectral_1), _, (spatial_2, spectral_2) = block.branch_3d
    _into(pieces.of_maps(hidden), Kernel.of(spatial_1), pieces.of_maps(features))
    first = Kernel.of(spectral_1, plus=block.condition_3d(condition))
    _each(pieces.of_pixels(hidden), first.rectified)
    _each(pieces.of_maps(hidden), Kernel.of(spatial_2))

    first_2d, _, second_2d = block.branch_2d
    maps_1 = Kernel.of(first_2d, plus=block.condition_2d(condition))
    maps_2 = Kernel.of(second_2d, block.join_2d)
    skip = torch.eye(hidden.shape[-1], device=hidden.device)
    skip = skip + block.join_3d.weight + block.join_2d.weight

    def branch_2d(x: Tensor) -> Tensor:
        result = maps_2(maps_1.rectified(x)).permute(0, 2, 3, 1)
        total = result.reshape(-1, len(skip))
        _add_product(total, x.permute(0, 2, 3, 1).flatten(0, 2), skip)
        return total.view(result.shape).permute(0, 3, 1, 2)

    _each(pieces.of_maps(features), branch_2d)
    joined = Kernel.of(spectral_2, block.join_3d)
    for total, part in zip(pieces.of_pixels(features), pieces.of_pixels(hidden), strict=True):
        total.add_(joined(part))


def _whole(
    block: Any,
    features: Tensor,
    hidden: Tensor,
    maps: Tensor,
    condition: Tensor,
    pieces: _Pieces,
) -> Tensor:
    """Replace features by the output of a `WholeDODB`; return the new maps (1, C₂, h, w)."""
    gather = Kernel.of(block.gather)
    flat = maps.flatten(2).unsqueeze(2)  # (1, C₂, 1, h·w), a view: channels last
    for total, part in zip(
        flat.split(pieces.pixels, dim=3), pieces.of_pixels(features), strict=True
    ):
        total.add_(gather(part))
    first, _, second = block.branch_2d
    maps_1 = Kernel.of(first, plus=block.condition_2d(condition))
    maps = maps.add_(Kernel.of(second)(maps_1.rectified(maps)))

    (spatial_1, spectral_1), _, (spatial_2, spectral_2) = block.branch_3d
    _into(pieces.of_maps(hidden), Kernel.of(spatial_1), pieces.of_maps(features))
    inner = Kernel.of(spectral_1, plus=block.condition_3d(condition))
    _each(pieces.of_pixels(hidden), inner.rectified)
    _each(pieces.of_maps(hidden), Kernel.of(spatial_2))
    outer = Kernel.of(spectral_2)
    k = len(features)
    spread = block.spread.weight.unflatten(0, (k, -1)).to(maps.dtype)
    rows = maps.permute(0, 2, 3, 1).flatten(0, 2)
    for number, total in enumerate(features.flatten(1, 2)):
        torch.addmm(total, rows, spread[number].t(), out=total)
    for total, part in zip(pieces.of_pixels(features), pieces.of_pixels(hidden), strict=True):
        total.add_(outer(part))
    return maps


def _add_product(total: Tensor, x: Tensor, matrix: Tensor) -> None:
    """Add to (positions, C') features a matrix times other features, without a copy."""
    torch.addmm(total, x, matrix.t().to(x.dtype), out=total)


def _each(parts: tuple[Tensor, ...], layer: Callable[[Tensor], Tensor]) -> None:
    """Replace every piece by what a layer makes of it."""
    _into(parts, layer, parts)


def _into(
    targets: tuple[Tensor, ...], layer: Callable[[Tensor], Tensor], parts: tuple[Tensor, ...]
) -> None:
    """Put what a layer makes of every piece in its place."""
    for target, part in zip(targets, parts, strict=True):
        target.copy_(layer(part))
