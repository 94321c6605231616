"""DODN, the student: single-image hyperspectral super-resolution with any number of bands.

Liu, Ma, Jiang, Liu, "Improving Hyperspectral Super-Resolution via Heterogeneous Knowledge
Distillation", ACM Multimedia Asia 2021 (doi 10.1145/3469877.3490610). Written independently from
the paper's abstract; widths and depths are our own.

Inside, features are stored as (N, B, h, w, C), channels last. Without a copy that is the
channels-last form of (N·B, C, h, w), on which spatial kernels work, and of (N, C, B, h·w), on which
spectral ones do; so a 3D kernel is a spatial and a spectral 2D convolution, the fast path of every
backend.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_dodn.network.bicubic import RADIUS as BICUBIC_RADIUS
from napari_dodn.network.bicubic import BicubicPhases, pixel_shuffle
from napari_dodn.network.inference import MAPS_ALIVE, infer

SCALES = (2, 4, 8)
BRANCHES_2D = ("folded", "pooled")


class SpatialConv(nn.Conv2d):
    """3 × 3 convolution over y and x of every band alone; the bands are folded into the batch."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, B, h, w, C) to (N, B, h, w, C')."""
        n, bands, h, w, channels = x.shape
        images = x.reshape(n * bands, h, w, channels).permute(0, 3, 1, 2)
        return super().forward(images).permute(0, 2, 3, 1).reshape(n, bands, h, w, -1)


class SpectralConv(nn.Conv2d):
    """Convolution over three neighbouring bands of every pixel alone."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=(3, 1), padding=(1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, B, h, w, C) to (N, B, h, w, C')."""
        n, bands, h, w, channels = x.shape
        spectra = x.reshape(n, bands, h * w, channels).permute(0, 3, 1, 2)
        return super().forward(spectra).permute(0, 2, 3, 1).reshape(n, bands, h, w, -1)


class SeparableConv3d(nn.Sequential):
    """A 3 × 3 × 3 convolution as its spatial and its spectral factor."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            SpatialConv(in_channels, out_channels), SpectralConv(out_channels, out_channels)
        )


class DODB(nn.Module):
    """Distillation-oriented dual-branch block.

    The 3D branch learns spectral-spatial correlation. The 2D branch knows no bands, as the
    teacher's layers do not: it works on each band alone (folded) or on the mean over the bands,
    which is given back to all of them (pooled). What it puts out is the tap that training distils
    into.
    """

    def __init__(self, channels: int, branch_2d: str = "folded") -> None:
        super().__init__()
        self.pooled = branch_2d == "pooled"
        self.branch_3d = nn.Sequential(
            SeparableConv3d(channels, channels), nn.ReLU(), SeparableConv3d(channels, channels)
        )
        self.branch_2d = nn.Sequential(
            SpatialConv(channels, channels), nn.ReLU(), SpatialConv(channels, channels)
        )
        self.join_3d = nn.Linear(channels, channels)
        self.join_2d = nn.Linear(channels, channels, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output (N, B, h, w, C), and its tap, of one map where pooled."""
        maps = x.mean(dim=1, keepdim=True) if self.pooled else x
        tap = maps + self.branch_2d(maps)
        # A 1×1×1 convolution of two concatenated maps, without the copy that joins them.
        joined = self.join_3d(x + self.branch_3d(x)) + self.join_2d(tap)
        return x + joined, tap


class DODN(nn.Module):
    """Distillation-Oriented Dual-branch Net, the student.

    Parameters
    ----------
    scale : int
        Upsampling factor along y and x: 2, 4 or 8.
    channels : int
        Width of the features.
    blocks : int
        Number of dual-branch blocks.
    branch_2d : str
        "folded": the 2D branches take each band alone. "pooled": they take the mean over the bands,
        so that an output band sees all bands.
    """

    def __init__(
        self, scale: int = 4, channels: int = 32, blocks: int = 4, branch_2d: str = "folded"
    ) -> None:
        super().__init__()
        if scale not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}, not {scale}")
        if branch_2d not in BRANCHES_2D:
            raise ValueError(f"branch_2d must be one of {BRANCHES_2D}, not {branch_2d!r}")
        self.scale, self.channels, self.branch_2d = scale, channels, branch_2d
        self.head = SeparableConv3d(1, channels)
        self.blocks = nn.ModuleList(DODB(channels, branch_2d) for _ in range(blocks))
        self.gather = nn.ModuleList(
            nn.Linear(channels, channels, bias=i == 0) for i in range(blocks)
        )
        sub_pixels = SpatialConv(channels, scale**2)
        for parameter in sub_pixels.parameters():  # so that an untrained net is bicubic
            nn.init.zeros_(parameter)
        self.tail = nn.Sequential(SeparableConv3d(channels, channels), nn.ReLU(), sub_pixels)
        self.bicubic = BicubicPhases(scale)

    @property
    def halo(self) -> int:
        """Radius, in LR pixels, of what an output pixel sees; never less than bicubic's."""
        return max(self._depth(SpatialConv), BICUBIC_RADIUS)

    @property
    def spectral_halo(self) -> int | None:
        """Radius, in bands, of what an output band sees; None where it sees all."""
        return None if self.branch_2d == "pooled" else self._depth(SpectralConv)

    @property
    def architecture(self) -> dict[str, int | str]:
        """What to call `DODN` with to build such a network."""
        return {
            "scale": self.scale,
            "channels": self.channels,
            "blocks": len(self.blocks),
            "branch_2d": self.branch_2d,
        }

    def _depth(self, kind: type[nn.Module]) -> int:
        """Count the convolutions of a kind on the longest way through the network."""

        def depth(part: nn.Module) -> int:
            if isinstance(part, DODB):
                return max(depth(part.branch_3d), depth(part.branch_2d))
            return isinstance(part, kind) + sum(depth(child) for child in part.children())

        return depth(self.head) + depth(self.blocks) + depth(self.tail)

    @property
    def bytes_per_voxel(self) -> int:
        """Memory that inference needs for each LR voxel: features alive at once, and the output."""
        return 4 * (MAPS_ALIVE * self.channels + self.scale**2)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised LR-HSI (N, B, h, w) to HR-HSI (N, B, s·h, s·w)."""
        if torch.is_grad_enabled():
            return self._run(x, None)
        kind = x.device.type
        low = torch.is_autocast_enabled(kind)
        with torch.autocast(kind, enabled=False):
            return infer(self, x, torch.get_autocast_dtype(kind) if low else x.dtype)

    def forward_with_taps(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the HR-HSI and the taps: for each block (N, B, h, w, C), or (N, 1, h, w, C)."""
        taps: list[Tensor] = []
        return self._run(x, taps), taps

    def _run(self, x: Tensor, taps: list[Tensor] | None) -> Tensor:
        features = self.head(x.unsqueeze(-1))
        gathered = features
        for block, gather in zip(self.blocks, self.gather, strict=True):
            features, tap = block(features)
            gathered = gathered + gather(features)
            if taps is not None:
                taps.append(tap)
        residual = self.tail(gathered)
        with torch.autocast(x.device.type, enabled=False):
            phases = self.bicubic(x.float()) + residual.float()
        return pixel_shuffle(phases, self.scale)
