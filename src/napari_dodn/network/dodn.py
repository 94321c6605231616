"""DODN, the student: single-image hyperspectral super-resolution on the components of a cube.

Liu, Ma, Jiang, Liu, "Improving Hyperspectral Super-Resolution via Heterogeneous Knowledge
Distillation", ACM Multimedia Asia 2021 (doi 10.1145/3469877.3490610). Written independently from
the paper's abstract; widths, depths and the components are our own.

The network sees the leading principal components of a cube, each scaled to unit deviation
(`network.components`), and returns what they gain over linear upsampling. So its cost does not
depend on the number of bands. Inside, features are stored as (k, N, h, w, C), channels last.
Without a copy that is the channels-last form of (k·N, C, h, w), on which spatial kernels work, and
of (1, C, k, N·h·w), on which kernels along the components do; so a 3D kernel is two 2D
convolutions, the fast path of every backend.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALES = (2, 4, 8)
BRANCHES_2D = ("folded", "whole")

MAPS_ALIVE = 3
"""Feature maps of the whole input that inference holds at once."""

SIGMAS = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Sensor blurs, in LR pixels, between which the network's answer to a blur is interpolated."""


class SpatialConv(nn.Conv2d):
    """3 × 3 convolution over y and x of every map alone."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (k, N, h, w, C) to (k, N, h, w, C')."""
        k, n, h, w, channels = x.shape
        images = x.reshape(k * n, h, w, channels).permute(0, 3, 1, 2)
        return super().forward(images).permute(0, 2, 3, 1).reshape(k, n, h, w, -1)


class ComponentConv(nn.Conv2d):
    """Convolution over three neighbouring components of every pixel alone."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=(3, 1), padding=(1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Map (k, N, h, w, C) to (k, N, h, w, C')."""
        k, n, h, w, channels = x.shape
        spectra = x.reshape(1, k, n * h * w, channels).permute(0, 3, 1, 2)
        return super().forward(spectra).permute(0, 2, 3, 1).reshape(k, n, h, w, -1)


class _Shift(torch.autograd.Function):
    """Addition whose gradient is summed by a matrix product, the fast path of half precision."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor) -> Tensor:
        ctx.shape = shift.shape
        return x + shift

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        pixels = grad.flatten(2, 3)
        sums = torch.matmul(pixels.new_ones(1, pixels.shape[2]), pixels)
        return grad, sums.unsqueeze(2).sum_to_size(ctx.shape)


def shifted(x: Tensor, shift: Tensor) -> Tensor:
    """Add (N, 1, 1, C), or what has less, to features (k, N, h, w, C)."""
    return cast(Tensor, _Shift.apply(x, shift))


class SeparableConv3d(nn.Sequential):
    """A 3 × 3 × 3 convolution as its spatial factor and its factor along the components."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            SpatialConv(in_channels, out_channels), ComponentConv(out_channels, out_channels)
        )


class Condition(nn.Linear):
    """What a layer adds to its channels, the same in every pixel, for the sensor's blur."""

    def __init__(self, channels: int) -> None:
        super().__init__(len(SIGMAS), channels, bias=False)
        nn.init.normal_(self.weight, std=0.01)

    def forward(self, condition: Tensor) -> Tensor:
        """Map (N, len(SIGMAS)) to (N, 1, 1, C)."""
        return super().forward(condition)[:, None, None, :]


class DODB(nn.Module):
    """Distillation-oriented dual-branch block, whose 2D branch takes each component alone.

    The 3D branch learns spectral-spatial correlation. The 2D branch knows no other component, as
    the teacher's layers know no bands. What it puts out is the tap that training distils into.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch_3d = nn.Sequential(
            SeparableConv3d(channels, channels), nn.ReLU(), SeparableConv3d(channels, channels)
        )
        self.branch_2d = nn.Sequential(
            SpatialConv(channels, channels), nn.ReLU(), SpatialConv(channels, channels)
        )
        self.condition_3d = Condition(channels)
        self.condition_2d = Condition(channels)
        self.join_3d = nn.Linear(channels, channels)
        self.join_2d = nn.Linear(channels, channels, bias=False)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output (k, N, h, w, C), and its tap."""
        first, _, second = self.branch_3d
        y = second(F.relu(shifted(first(x), self.condition_3d(condition))))
        first, _, second = self.branch_2d
        tap = x + second(F.relu(shifted(first(x), self.condition_2d(condition))))
        # A 1×1×1 convolution of two concatenated maps, without the copy that joins them.
        return x + self.join_3d(x + y) + self.join_2d(tap), tap


class WholeDODB(nn.Module):
    """Distillation-oriented dual-branch block, whose 2D branch takes all components at once.

    The 2D branch has the teacher's own shape: one map of C₂ channels. Both branches go through the
    whole network, and are joined both ways in every block.
    """

    def __init__(self, components: int, channels: int, channels_2d: int) -> None:
        super().__init__()
        self.branch_3d = nn.Sequential(
            SeparableConv3d(channels, channels), nn.ReLU(), SeparableConv3d(channels, channels)
        )
        self.branch_2d = nn.Sequential(
            SpatialConv(channels_2d, channels_2d),
            nn.ReLU(),
            SpatialConv(channels_2d, channels_2d),
        )
        self.condition_3d = Condition(channels)
        self.condition_2d = Condition(channels_2d)
        self.gather = Gather(components, channels, channels_2d)
        self.spread = Spread(components, channels_2d, channels)

    def forward(self, x: Tensor, maps: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Map (k, N, h, w, C) and (1, N, h, w, C₂) to the same shapes; the second is the tap."""
        first, _, second = self.branch_2d
        maps = maps + self.gather(x)
        maps = maps + second(F.relu(shifted(first(maps), self.condition_2d(condition))))
        first, _, second = self.branch_3d
        x = x + second(F.relu(shifted(first(x), self.condition_3d(condition)))) + self.spread(maps)
        return x, maps


class Gather(nn.Conv2d):
    """A matrix from all components' features to those of one map."""

    def __init__(self, components: int, channels: int, channels_2d: int) -> None:
        super().__init__(channels, channels_2d, kernel_size=(components, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (k, N, h, w, C) to (1, N, h, w, C₂)."""
        k, n, h, w, channels = x.shape
        stacked = x.reshape(1, k, n * h * w, channels).permute(0, 3, 1, 2)
        return super().forward(stacked).permute(0, 2, 3, 1).reshape(1, n, h, w, -1)


class Spread(nn.Linear):
    """A matrix from one map's features to those of every component."""

    def __init__(self, components: int, channels_2d: int, channels: int) -> None:
        super().__init__(channels_2d, components * channels, bias=False)
        self.components = components

    def forward(self, maps: Tensor) -> Tensor:
        """Map (1, N, h, w, C₂) to (k, N, h, w, C)."""
        weight = self.weight.reshape(self.components, -1, self.in_features).transpose(1, 2)
        spread = torch.matmul(maps.flatten(0, 3), weight)
        return spread.reshape(self.components, *maps.shape[1:4], -1)


class DODN(nn.Module):
    """Distillation-Oriented Dual-branch Net, the student.

    Parameters
    ----------
    scale : int
        Upsampling factor along y and x: 2, 4 or 8.
    components : int
        Number of components that it sees and returns.
    channels : int
        Width of the features of every component.
    blocks : int
        Number of dual-branch blocks.
    branch_2d : str
        "folded": the 2D branches take each component alone. "whole": they take all at once.
    channels_2d : int
        Width of the 2D branches where they take all at once.
    """

    def __init__(
        self,
        scale: int = 4,
        components: int = 12,
        channels: int = 32,
        blocks: int = 6,
        branch_2d: str = "folded",
        channels_2d: int = 64,
    ) -> None:
        super().__init__()
        if scale not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}, not {scale}")
        if branch_2d not in BRANCHES_2D:
            raise ValueError(f"branch_2d must be one of {BRANCHES_2D}, not {branch_2d!r}")
        self.scale, self.components, self.channels = scale, components, channels
        self.branch_2d, self.channels_2d = branch_2d, channels_2d
        self.head = SeparableConv3d(1, channels)
        self.place = nn.Parameter(torch.zeros(components, 1, 1, 1, channels))
        if branch_2d == "whole":
            self.head_2d = SpatialConv(components, channels_2d)
            self.blocks = nn.ModuleList(
                WholeDODB(components, channels, channels_2d) for _ in range(blocks)
            )
        else:
            self.blocks = nn.ModuleList(DODB(channels) for _ in range(blocks))
        self.gather = nn.ModuleList(
            nn.Linear(channels, channels, bias=i == 0) for i in range(blocks)
        )
        sub_pixels = SpatialConv(channels, scale**2)
        for parameter in sub_pixels.parameters():  # so that an untrained net is linear upsampling
            nn.init.zeros_(parameter)
        self.tail = nn.Sequential(SeparableConv3d(channels, channels), nn.ReLU(), sub_pixels)

    @property
    def halo(self) -> int:
        """Radius, in LR pixels, of what an output pixel sees."""
        # Head, two layers of every branch of every block, and two of the tail.
        return 1 + 2 * len(self.blocks) + 2

    @property
    def tap_channels(self) -> int:
        """Width of the taps."""
        return self.channels_2d if self.branch_2d == "whole" else self.channels

    @property
    def bytes_per_pixel(self) -> int:
        """Memory that inference needs for each LR pixel."""
        maps = self.components * (MAPS_ALIVE * self.channels + self.scale**2)
        return 4 * (maps + MAPS_ALIVE * self.channels_2d * (self.branch_2d == "whole"))

    @property
    def architecture(self) -> dict[str, int | str]:
        """What to call `DODN` with to build such a network."""
        return {
            "scale": self.scale,
            "components": self.components,
            "channels": self.channels,
            "blocks": len(self.blocks),
            "branch_2d": self.branch_2d,
            "channels_2d": self.channels_2d,
        }

    def forward(self, z: Tensor, sigma: Tensor) -> Tensor:
        """Map components (N, k, h, w) to what they gain, (N, k, s·h, s·w).

        Parameters
        ----------
        z : Tensor
            Components of about unit deviation, zeros where there is none.
        sigma : Tensor
            The sensor's blur in LR pixels, shape (N,).
        """
        return self._run(z, sigma, None)

    def forward_with_taps(self, z: Tensor, sigma: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the gain and the taps: (k, N, h, w, C) or (1, N, h, w, C₂) for each block."""
        taps: list[Tensor] = []
        return self._run(z, sigma, taps), taps

    def _run(self, z: Tensor, sigma: Tensor, taps: list[Tensor] | None) -> Tensor:
        condition = hats(sigma.to(z.dtype))
        features = self.head(z.transpose(0, 1).unsqueeze(-1))
        features = features + self.place.to(features.dtype)  # not in float32, as it would be added
        gathered = features
        maps = None
        if self.branch_2d == "whole":
            maps = self.head_2d(z.permute(0, 2, 3, 1)[None])
        for block, gather in zip(self.blocks, self.gather, strict=True):
            if maps is None:
                features, tap = block(features, condition)
            else:
                features, maps = block(features, maps, condition)
                tap = maps
            gathered = gathered + gather(features)
            if taps is not None:
                taps.append(tap)
        return shuffled(self.tail(gathered).float(), self.scale)


def hats(sigma: Tensor) -> Tensor:
    """Return the weights of linear interpolation between `SIGMAS`, (N, len(SIGMAS))."""
    step = SIGMAS[1] - SIGMAS[0]
    nodes = torch.tensor(SIGMAS, device=sigma.device, dtype=sigma.dtype)
    sigma = sigma.clamp(SIGMAS[0], SIGMAS[-1])
    return (1 - (sigma[:, None] - nodes).abs() / step).clamp_min(0)


def shuffled(phases: Tensor, scale: int) -> Tensor:
    """Interleave (k, N, h, w, s²) sub-pixels into (N, k, s·h, s·w)."""
    k, n, h, w, _ = phases.shape
    grid = phases.reshape(k, n, h, w, scale, scale).permute(1, 0, 2, 4, 3, 5)
    return grid.reshape(n, k, h * scale, w * scale)


def resized(weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a folded network for one with more channels or fewer components.

    New channels change nothing: what was there does not read them, and they begin as in `wanted`.
    Only one number for each channel belongs to a component, so a network for fewer of them has
    lost what it would read in the others, and no more.

    Parameters
    ----------
    weights : dict of str to Tensor
        State of a network; layers that it lacks are as in `wanted`.
    wanted : dict of str to Tensor
        State of a new network of the same kind, with as many channels or more, and as many
        components or fewer.
    """
    wanted = {key: value.clone() for key, value in wanted.items()}
    for key, old in weights.items():
        there = old[tuple(map(slice, wanted[key].shape))]
        wanted[key][: len(there)] = 0
        wanted[key][tuple(map(slice, there.shape))] = there
    return wanted
