"""Geometric self-ensemble: the mean of a network's eight answers to one cube, flipped and turned.

R. Timofte et al., "Seven ways to improve example-based single image super resolution", CVPR 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor

VIEWS = tuple((turns, flip) for flip in (False, True) for turns in range(4))
"""The eight symmetries of a square: quarter turns, of the image and of its mirror image."""

AS_IT_IS = VIEWS[:1]


def seen(pixels: Tensor, turns: int, flip: bool) -> Tensor:
    """Return a view of (..., y, x) pixels: mirrored if `flip`, then turned."""
    return torch.rot90(pixels.flip(-1) if flip else pixels, turns, (-2, -1))


def seen_back(pixels: Tensor, turns: int, flip: bool) -> Tensor:
    """Undo `seen`."""
    turned = torch.rot90(pixels, -turns, (-2, -1))
    return turned.flip(-1) if flip else turned
