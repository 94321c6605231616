"""The teacher: a 2D network that reconstructs the spectra behind a multispectral image.

Spectral super-resolution (HR-MSI → HR-HSI) with residual blocks and channel attention, in the
manner of HSCNN+ (Shi et al., CVPR Workshops 2018) and AWAN (Li et al., CVPR Workshops 2020), but
written independently. It lives in training only and never sees a tile, so attention over the whole
patch is allowed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SQUEEZE = 4
"""The attention's hidden layer has this many times fewer channels."""


class AttentionBlock(nn.Module):
    """Residual block whose channels are weighted by what the whole patch looks like."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // SQUEEZE, 1),
            nn.ReLU(),
            nn.Conv2d(channels // SQUEEZE, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, y, x) to the same shape."""
        features = self.body(x)
        return x + features * self.attention(features)


class SpectralTeacher(nn.Module):
    """Spectral-super-resolution network with a tap after each block.

    Parameters
    ----------
    msi_bands, bands : int
        Bands of the multispectral image, and of the hyperspectral cube.
    channels : int
        Width of the features.
    blocks : int
        Number of blocks, and so of taps.
    """

    def __init__(self, msi_bands: int, bands: int, channels: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.head = nn.Conv2d(msi_bands, channels, 3, padding=1)
        self.blocks = nn.ModuleList(AttentionBlock(channels) for _ in range(blocks))
        self.gather = nn.ModuleList(
            nn.Conv2d(channels, channels, 1, bias=i == 0) for i in range(blocks)
        )
        self.tail = nn.Conv2d(channels, bands, 3, padding=1)
        self.linear = nn.Conv2d(msi_bands, bands, 1)

    def forward(self, msi: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Map HR-MSI (N, M, y, x) to HR-HSI (N, B, y, x) and the taps (N, C, y, x)."""
        # Both ends in float32: the bright mean of a cube would leave bfloat16 no digits for its
        # contrast.
        with torch.autocast(msi.device.type, enabled=False):
            features = gathered = self.head(msi.float())
        taps = []
        for block, gather in zip(self.blocks, self.gather, strict=True):
            features = block(features)
            gathered = gathered + gather(features)
            taps.append(features)
        with torch.autocast(msi.device.type, enabled=False):
            spectra = self.linear(msi.float()) + self.tail(F.relu(gathered).float())
        return spectra, taps
