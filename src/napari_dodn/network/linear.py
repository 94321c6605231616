"""Linear upsampling: what the network adds to, and all that bad bands get."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

RADIUS = 1
"""Input pixels that an output pixel sees on each side of its own."""


def linear_upsample(x: Tensor, scale: int) -> Tensor:
    """Upsample (N, B, h, w) to (N, B, s·h, s·w), bilinearly, with a replicated border.

    Output pixels lie at binary fractions between two input pixels, so that a tile with a margin of
    `RADIUS` equals its place in the whole image.
    """
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
