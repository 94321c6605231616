"""Bicubic upsampling as a fixed convolution, so that a tile equals its place in the whole image.

For an integer scale s every output pixel lies at one of s phases between two input pixels, so the
interpolation is a bank of s × s five-tap kernels. `torch.nn.functional.interpolate` computes the
same numbers, but not tile-exactly when 1/s is no binary fraction.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CUBIC_A = -0.75
"""The cubic convolution parameter a of Keys (1981) as OpenCV and PyTorch set it."""

RADIUS = 2
"""Input pixels that a bicubic output pixel sees on each side of its own."""


def _cubic_weight(distance: float) -> float:
    d = abs(distance)
    if d <= 1:
        return (CUBIC_A + 2) * d**3 - (CUBIC_A + 3) * d**2 + 1
    if d < 2:
        return CUBIC_A * (d**3 - 5 * d**2 + 8 * d - 4)
    return 0.0


def phase_kernels(scale: int) -> Tensor:
    """Return the (scale², 1, 5, 5) kernels, one for each sub-pixel, in pixel-shuffle order.

    The cubic convolution kernel is that of R. Keys, "Cubic convolution interpolation for digital
    image processing", IEEE Trans. ASSP 29 (1981), with a = -0.75.
    """
    positions = [(phase + 0.5) / scale - 0.5 for phase in range(scale)]
    taps = range(-RADIUS, RADIUS + 1)
    line = torch.tensor(
        [[_cubic_weight(tap - position) for tap in taps] for position in positions],
        dtype=torch.float64,
    )
    return torch.einsum("yi,xj->yxij", line, line).reshape(scale**2, 1, len(taps), len(taps))


def bicubic_upsample(x: Tensor, scale: int) -> Tensor:
    """Upsample (N, B, h, w) to (N, B, s·h, s·w) with a replicated border.

    It is the baseline that every result is held against.
    """
    n, bands, h, w = x.shape
    images = F.pad(x.reshape(n * bands, 1, h, w), (RADIUS,) * 4, mode="replicate")
    phases = F.conv2d(images, phase_kernels(scale).float().to(x))
    return F.pixel_shuffle(phases, scale).reshape(n, bands, h * scale, w * scale)
