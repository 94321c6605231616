"""How a sharp cube becomes the low-resolution one that a sensor would have seen.

Every degradation puts the centre of a low-resolution pixel on the centre of its block of
scale × scale pixels, as bicubic upsampling expects. All of them compute in float32, and none of
them handles invalid pixels: fill NaN first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dodn.cube import CubeError
from napari_dodn.reach import ANTI_ALIASED, CUBIC, GAUSSIAN, unknown
from napari_dodn.sensor_blur import LEAST_SIGMA, weights_at

ANTI_ALIASED_SIGMA = 0.39
"""Of the Gaussian function that fits anti-aliased cubic decimation best, in LR pixels."""

CLEAN_BELOW = {2: 0.3, 4: 0.15, 8: 0.15}
"""Blurs in LR pixels, by scale, below which a cube cannot be told from a cleanly decimated one."""


def decimate_cubic(cube: Tensor, scale: int) -> Tensor:
    """Reduce (N, B, y, x) by an integer scale with cubic interpolation and no anti-aliasing.

    This is OpenCV's ``INTER_CUBIC``, the degradation of the published CAVE protocol (F3DUN, Remote
    Sensing 2023, 15(10):2574).

    Raises
    ------
    CubeError
        If y or x is not a multiple of the scale.
    """
    return _interpolated(cube, scale, antialias=False)


def decimate_antialiased(cube: Tensor, scale: int) -> Tensor:
    """Reduce (N, B, y, x) by an integer scale with the cubic kernel stretched by the scale.

    This is Pillow's ``BICUBIC``, and MATLAB's ``imresize`` except for two pixels at the border.

    Raises
    ------
    CubeError
        If y or x is not a multiple of the scale.
    """
    return _interpolated(cube, scale, antialias=True)


def _interpolated(cube: Tensor, scale: int, *, antialias: bool) -> Tensor:
    size = _reduced_size(cube, scale)
    with torch.autocast(cube.device.type, enabled=False):
        return F.interpolate(cube.float(), size=size, mode="bicubic", antialias=antialias)


def _reduced_size(cube: Tensor, scale: int) -> tuple[int, int]:
    height, width = cube.shape[-2:]
    if height % scale or width % scale:
        raise CubeError(
            f"The cube has {height} × {width} pixels, which are not multiples of the scale {scale};"
            " crop it first."
        )
    return height // scale, width // scale


def blur_and_decimate(cube: Tensor, scale: int, sigma: Tensor | float) -> Tensor:
    """Reduce (N, B, y, x) by an integer scale, as a sensor with a Gaussian point spread function.

    Parameters
    ----------
    cube : Tensor
        Shape (N, B, y, x).
    scale : int
        High-resolution pixels along the side of a low-resolution one.
    sigma : Tensor or float
        Standard deviation of the function in low-resolution pixels; a tensor of shape (N,) has one
        for each sample. The function ends after 4 sigmas, and at the border of the cube.

    Returns
    -------
    Tensor
        Shape (N, B, y / scale, x / scale), float32.

    Raises
    ------
    CubeError
        If y or x is not a multiple of the scale.
    """
    height, width = _reduced_size(cube, scale)
    sigmas = torch.as_tensor(sigma, dtype=torch.float32, device=cube.device).reshape(-1)
    sigmas = (sigmas * scale).clamp(min=LEAST_SIGMA)
    with torch.autocast(cube.device.type, enabled=False):
        rows = torch.matmul(_gaussian_rows(height, scale, sigmas)[:, None], cube.float())
        columns = _gaussian_rows(width, scale, sigmas)[:, None].transpose(-1, -2)
        return torch.matmul(rows, columns)


def _gaussian_rows(size: int, scale: int, sigmas: Tensor) -> Tensor:
    """Return the weights of the pixels of a line for each reduced pixel: (N, size, size · scale).

    Dense matrices, because a product with them is quicker than a strided convolution and lets every
    sample have a width of its own.
    """
    pixels = torch.arange(size * scale, device=sigmas.device)
    centres = torch.arange(size, device=sigmas.device) * scale + (scale - 1) / 2
    distance = (pixels - centres[:, None]) / sigmas[:, None, None]
    weights = weights_at(distance, torch.exp)
    return weights / weights.sum(dim=-1, keepdim=True)


def add_noise(
    lr: Tensor, sigma: Tensor | float, generator: torch.Generator | None = None
) -> Tensor:
    """Add white Gaussian noise to a low-resolution cube (N, B, y, x).

    Parameters
    ----------
    lr : Tensor
        Shape (N, B, y, x).
    sigma : Tensor or float
        Standard deviation in the cube's units; a tensor of shape (N,) has one for each sample.
    generator : torch.Generator, optional
        Source of the noise, on the cube's device.

    Returns
    -------
    Tensor
        Same shape, float32.
    """
    noise = torch.randn(lr.shape, generator=generator, device=lr.device, dtype=torch.float32)
    sigmas = torch.as_tensor(sigma, dtype=torch.float32, device=lr.device)
    return lr.float() + noise * sigmas.reshape(-1, 1, 1, 1)


def degrade(
    cube: Tensor,
    scale: int,
    kind: str = CUBIC,
    sigma: Tensor | float = 0.5,
    *,
    noise: Tensor | float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return what a sensor sees of sharp cubes (N, B, y, x).

    Parameters
    ----------
    cube : Tensor
        Shape (N, B, y, x), without NaN.
    scale : int
        High-resolution pixels along the side of a low-resolution one.
    kind : str
        "cubic", "anti-aliased cubic" or "gaussian".
    sigma : Tensor or float
        For "gaussian": see `blur_and_decimate`.
    noise : Tensor or float, optional
        Standard deviation of sensor noise: see `add_noise`.
    generator : torch.Generator, optional
        Source of the noise.

    Returns
    -------
    Tensor
        Shape (N, B, y / scale, x / scale), float32.

    Raises
    ------
    CubeError
        If y or x is not a multiple of the scale, or there is no such kind.
    """
    match kind:
        case "cubic":
            lr = decimate_cubic(cube, scale)
        case "anti-aliased cubic":
            lr = decimate_antialiased(cube, scale)
        case "gaussian":
            lr = blur_and_decimate(cube, scale, sigma)
        case _:
            raise unknown(kind)
    return lr if noise is None else add_noise(lr, noise, generator)


def blur_of(kind: str, sigma: float) -> float:
    """Return the blur that a network is told for a reduction: sigma in LR pixels.

    Parameters
    ----------
    kind, sigma
        As in `degrade`.

    Raises
    ------
    CubeError
        If there is no such kind.
    """
    known = {CUBIC: 0.0, ANTI_ALIASED: ANTI_ALIASED_SIGMA, GAUSSIAN: sigma}
    if kind not in known:
        raise unknown(kind)
    return known[kind]


def reduce_by_blur(cube: Tensor, scale: int, sigma: float) -> Tensor:
    """Reduce (N, B, y, x) by the blur that a network is told; see `blur_of`.

    Parameters
    ----------
    cube : Tensor
        Shape (N, B, y, x).
    scale : int
        2, 4 or 8.
    sigma : float
        In LR pixels. Below `CLEAN_BELOW` it stands for clean cubic decimation.

    Returns
    -------
    Tensor
        Shape (N, B, y / scale, x / scale), float32.

    Raises
    ------
    CubeError
        If y or x is not a multiple of the scale.
    """
    if sigma < CLEAN_BELOW[scale]:
        return decimate_cubic(cube, scale)
    return blur_and_decimate(cube, scale, sigma)


def spectral_weights(bands: int, factor: float, start: float) -> Tensor:
    """Return the weights that turn bands into those of a sensor with another spectral step.

    Parameters
    ----------
    bands : int
        Number of bands of the cube.
    factor : float
        The new step in units of the old one. Above 1, each new band is the mean over as many old
        ones; the new bands lie edge to edge. Below 1, new bands are interpolated linearly between
        two old ones.
    start : float
        Where the new bands lie in the range: from 0, at one end, to 1, at the other.

    Returns
    -------
    Tensor
        Shape (new bands, bands), float32; rows sum to 1. There are never more new bands than old
        ones, so that finer ones cover a part of the range only.
    """
    factor = min(factor, bands)
    centres = torch.arange(bands, dtype=torch.float64)
    if factor >= 1:
        count = int(bands / factor)
        edges = start * (bands - count * factor) + factor * torch.arange(count + 1)
        low, high = edges[:-1, None], edges[1:, None]
        weights = (torch.minimum(high, centres + 1) - torch.maximum(low, centres)).clamp(min=0)
    else:
        places = (start * (1 - factor) * (bands - 1) + factor * centres)[:, None]
        weights = (1 - (places - centres).abs()).clamp(min=0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()
