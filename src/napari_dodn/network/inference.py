"""DODN without gradients: the same function in fewer passes over the memory.

Three maps of features are made once and changed in place, a piece at a time, so that what passes
between two layers stays in the processor's cache and no fresh memory is asked for. Linear layers in
a row are folded into one convolution, and so are the 1 × 1 × 1 convolutions and the skip connection
that see the same input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_dodn.network.bicubic import pixel_shuffle

if TYPE_CHECKING:
    from napari_dodn.network.dodn import DODN

MAPS_ALIVE = 3
"""Feature maps of the whole input that exist at once."""

CPU_PIECE = 4 * 2**20
"""Bytes of features that a CPU does at once: few enough for its shared cache."""

PIECE = 2**28
"""Bytes of features that other devices do at once: enough to keep them busy."""


@dataclass(frozen=True)
class Kernel:
    """A convolution whose output is as large as its input."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layer: Any, *then: nn.Linear) -> Kernel:
        """Return a convolution, folded with layers that work on the channels of its output."""
        weight, bias = layer.weight, layer.bias
        for linear in then:
            weight = torch.einsum("oc,ciyx->oiyx", linear.weight, weight)
            bias = F.linear(bias, linear.weight, linear.bias)
        return cls(weight.contiguous(memory_format=torch.channels_last), bias)

    def __call__(self, x: Tensor) -> Tensor:
        """Convolve (N, C, y, x) with a border of zeros."""
        padding = [length // 2 for length in self.weight.shape[2:]]
        return F.conv2d(x, self.weight.to(x.dtype), self.bias.to(x.dtype), padding=padding)

    def rectified(self, x: Tensor) -> Tensor:
        """Convolve, and set what is negative to zero."""
        return self(x).relu_()


class _Pieces:
    """Cuts (N, B, h, w, C) features into views that fit the cache together with their results."""

    def __init__(self, features: Tensor) -> None:
        n, bands, h, w, channels = features.shape
        size = CPU_PIECE if features.device.type == "cpu" else PIECE
        positions = size // (channels * features.element_size())
        self.images = max(1, positions // (h * w))
        self.spectra = max(1, positions // (n * bands))

    def of_bands(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return images (k, C, h, w) of some bands; C may be any number."""
        return features.flatten(0, 1).permute(0, 3, 1, 2).split(self.images)

    def of_pixels(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return spectra (N, C, B, k) of some pixels."""
        return features.flatten(2, 3).permute(0, 3, 1, 2).split(self.spectra, dim=3)


def infer(network: DODN, x: Tensor, dtype: torch.dtype) -> Tensor:
    """Map normalised LR-HSI (N, B, h, w) to HR-HSI as DODN does, with features of a type."""
    n, bands, h, w = x.shape
    features = x.new_empty((n, bands, h, w, network.channels), dtype=dtype)
    pieces = _Pieces(features)

    parts: Any = network  # of known types, which a Sequential does not tell
    spatial, spectral = parts.head
    _head(spatial, spectral, x.to(dtype), features, pieces)
    gathered = features + parts.gather[0].bias.to(dtype)
    hidden = torch.empty_like(features)
    for block, gather in zip(parts.blocks, parts.gather, strict=True):
        _block(block, features, hidden, pieces)
        _add_product(gathered.flatten(0, 3), features.flatten(0, 3), gather.weight)
    del features, hidden

    (spatial, spectral), _, sub_pixels = parts.tail
    _each(pieces.of_bands(gathered), Kernel.of(spatial))
    _each(pieces.of_pixels(gathered), Kernel.of(spectral).rectified)
    fine = x.new_empty((n, bands, h * network.scale, w * network.scale), dtype=torch.float32)
    images = zip(
        fine.flatten(0, 1).split(pieces.images),
        x.float().flatten(0, 1).split(pieces.images),
        pieces.of_bands(gathered),
        strict=True,
    )
    residual = Kernel.of(sub_pixels)
    for target, coarse, part in images:
        phases = network.bicubic(coarse[None]) + residual(part).permute(0, 2, 3, 1)
        target.copy_(pixel_shuffle(phases, network.scale)[0])
    return fine


def _head(spatial: Any, spectral: Any, x: Tensor, features: Tensor, pieces: _Pieces) -> None:
    """Put the features of (N, B, h, w) pixels in their place, in one convolution for two.

    Its channels are a band, the ones before and after it, and one of zeros: from four channels on
    kernels are fast.
    """
    near = F.pad(F.pad(x, (0, 0, 0, 0, 1, 1)).unfold(1, 3, 1), (0, 1))
    weight = torch.einsum("ocjz,ciyx->ojyx", spectral.weight, spatial.weight)
    kernel = Kernel(F.pad(weight, (0, 0, 0, 0, 0, 1)), torch.zeros_like(spatial.bias))
    # The first and the last band have a neighbour less, and so less of the spatial layer's bias.
    biases = Kernel.of(spectral)(spatial.bias[:, None, None].expand(1, -1, x.shape[1], 1))
    features.copy_(biases[0].permute(1, 2, 0)[:, None])
    for total, part in zip(pieces.of_bands(features), pieces.of_bands(near), strict=True):
        total.add_(kernel(part))


def _block(block: Any, features: Tensor, hidden: Tensor, pieces: _Pieces) -> None:
    """Replace features by the output of a `DODB`; `hidden` is room to work in."""
    (spatial_1, spectral_1), _, (spatial_2, spectral_2) = block.branch_3d
    _into(pieces.of_bands(hidden), Kernel.of(spatial_1), pieces.of_bands(features))
    _each(pieces.of_pixels(hidden), Kernel.of(spectral_1).rectified)
    _each(pieces.of_bands(hidden), Kernel.of(spatial_2))

    first, _, second = block.branch_2d
    maps_1, maps_2 = Kernel.of(first), Kernel.of(second, block.join_2d)
    skip = torch.eye(hidden.shape[-1], device=hidden.device) + block.join_3d.weight

    def branch_2d(x: Tensor, skip: Tensor) -> Tensor:
        result = maps_2(maps_1.rectified(x))
        total = result.permute(0, 2, 3, 1).reshape(-1, len(skip))
        _add_product(total, x.permute(0, 2, 3, 1).flatten(0, 2), skip)
        return total.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)

    if block.pooled:
        tap = branch_2d(features.mean(dim=1).permute(0, 3, 1, 2), block.join_2d.weight)
        tap = tap.permute(0, 2, 3, 1)[:, None]
        for part in features.split(pieces.images, dim=1):
            part.copy_(F.linear(part, skip.to(part.dtype)) + tap)
    else:
        skip = skip + block.join_2d.weight
        _each(pieces.of_bands(features), lambda x: branch_2d(x, skip))
    joined = Kernel.of(spectral_2, block.join_3d)
    for total, part in zip(pieces.of_pixels(features), pieces.of_pixels(hidden), strict=True):
        total.add_(joined(part))


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
