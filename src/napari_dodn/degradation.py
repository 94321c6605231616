"""How a sharp cube becomes the low-resolution one that a sensor would have seen."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dodn.cube import CubeError


def decimate_cubic(cube: Tensor, scale: int) -> Tensor:
    """Reduce (N, B, y, x) by an integer scale with cubic interpolation and no anti-aliasing.

    It is OpenCV's ``INTER_CUBIC``, the degradation of the published CAVE protocol.

    Raises
    ------
    CubeError
        If y or x is no multiple of the scale.
    """
    height, width = cube.shape[-2:]
    if height % scale or width % scale:
        raise CubeError(
            f"The cube has {height} × {width} pixels, which are not multiples of the scale {scale};"
            " crop it first."
        )
    size = (height // scale, width // scale)
    with torch.autocast(cube.device.type, enabled=False):
        return F.interpolate(cube.float(), size=size, mode="bicubic", antialias=False)
