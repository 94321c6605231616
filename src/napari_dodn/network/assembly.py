"""A result put together from what the network gains, many patches at once and differentiable.

`upscaling.results` does the same for a tile of a whole cube, band by band.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from napari_dodn.network.components import LARGEST_INPUT
from napari_dodn.network.linear import linear_upsample

Taps = TypeVar("Taps")


def assembled(
    ask: Callable[[Tensor, Tensor], tuple[Tensor, Taps]],
    lr: Tensor,
    forward: Tensor,
    back: Tensor,
    sigma: Tensor,
    scale: int,
) -> tuple[Tensor, Taps]:
    """Super-resolve centred pixels: linear upsampling, and what the network gains of components.

    Parameters
    ----------
    ask : callable
        `DODN.forward_with_taps`, or what calls it.
    lr : Tensor
        Differences from the mean spectrum, (N, B, h, w).
    forward, back : Tensor
        `Components.forward` and `Components.back` of each cube, (N, k, B) and (N, B, k).
    sigma : Tensor
        The sensor's blur in LR pixels, (N,).
    scale : int
        Upsampling factor.

    Returns
    -------
    result : Tensor
        (N, B, s·h, s·w), float32.
    taps
        What `ask` returned beside the gain.
    """
    z = torch.bmm(forward, lr.flatten(2)).clamp(-LARGEST_INPUT, LARGEST_INPUT)
    gain, taps = ask(z.unflatten(2, lr.shape[2:]), sigma)
    rest = linear_upsample(lr, scale)
    return rest + torch.bmm(back, gain.float().flatten(2)).view_as(rest), taps
