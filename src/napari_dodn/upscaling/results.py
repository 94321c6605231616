"""The result of one tile: filled, seen by the network, put together again band by band."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from napari_dodn.cube import HyperCube, Region
from napari_dodn.filling import FILL_RADIUS, fill, fill_from_neighbours
from napari_dodn.network.bicubic import RADIUS as BICUBIC_RADIUS
from napari_dodn.network.bicubic import bicubic_upsample
from napari_dodn.network.linear import RADIUS as LINEAR_RADIUS
from napari_dodn.network.linear import linear_upsample
from napari_dodn.upscaling.statistics import Statistics

LARGEST_INPUT = 100.0
"""Deviations of a component to which the network's input is clamped; no training scene has more."""

BLOCK_BYTES = 2**25
"""Bytes of a result that are put together at once."""


def interpolated(cube: HyperCube, part: Region, scale: int) -> np.ndarray:
    """Return the bicubic interpolation (bands, s·y, s·x) of a part of a cube, float32."""
    size = cube.shape[1:]
    seen = part.grown(BICUBIC_RADIUS).within(*size)
    read = seen.grown(FILL_RADIUS).within(*size)
    pixels = cube.pixels(read)
    valid = np.isfinite(pixels)
    # About the mean: in float32 a texture on a high level would be lost.
    level = np.nanmean(pixels, axis=(1, 2), keepdims=True) if valid.any() else np.zeros(1)
    level = np.nan_to_num(level)
    centred = pixels - level
    if not valid.all():
        centred, _ = fill_from_neighbours(centred, valid)
    centred = centred[(slice(None), *seen.relative_to(read).slices)]
    fine = bicubic_upsample(torch.from_numpy(centred.astype(np.float32))[None], scale)[0].numpy()
    result = fine[(slice(None), *part.relative_to(seen).scaled(scale).slices)] + level
    result = result.astype(np.float32)
    _mark(cube, result, ~valid[(slice(None), *part.relative_to(read).slices)], scale)
    return result


def super_resolved(
    cube: HyperCube,
    part: Region,
    statistics: Statistics,
    scale: int,
    halo: int,
    gain_of: Callable[[Tensor], Tensor],
) -> np.ndarray:
    """Return the result (bands, s·y, s·x) of a part of a cube, float32, in the cube's units.

    Parameters
    ----------
    cube, part
        What to do.
    statistics : Statistics
        Of the whole cube.
    scale, halo : int
        Upsampling factor, and LR pixels around the part that the network sees.
    gain_of : callable
        Maps components (k, y, x) to what they gain over linear upsampling, (k, s·y, s·x), float32.
    """
    size, components = cube.shape[1:], statistics.components
    seen = part.grown(max(halo, LINEAR_RADIUS)).within(*size)
    read = seen.grown(FILL_RADIUS).within(*size)
    pixels = cube.pixels(read)
    missing = ~np.isfinite(pixels)
    bad = statistics.bad_values.mask(pixels)
    inner = (slice(None), *part.relative_to(read).slices)
    source, missing_inside, bad_inside = pixels[inner].copy(), missing[inner], bad[inner]

    valid = ~(missing | bad)
    pixels -= np.nan_to_num(components.mean)[:, None, None]
    pixels /= components.deviation
    if not valid.all():
        pixels = fill(pixels, valid, components.basis, components.weights)
    x = torch.from_numpy(pixels[(slice(None), *seen.relative_to(read).slices)].astype(np.float32))
    del pixels, missing, bad, valid

    gain = None
    exists = np.flatnonzero(components.weights > 0)
    if exists.size:
        forward = torch.from_numpy(components.forward * components.deviation).float()
        z = torch.tensordot(forward, x, 1).clamp_(-LARGEST_INPUT, LARGEST_INPUT)
        gain = gain_of(z)[(slice(None), *part.relative_to(seen).scaled(scale).slices)][exists]
    back = torch.from_numpy(components.back[:, exists]).float()
    near = part.grown(LINEAR_RADIUS).within(*size)
    x = x[(slice(None), *near.relative_to(seen).slices)]
    place = (slice(None), *part.relative_to(near).scaled(scale).slices)
    result = np.empty((len(x), part.shape[0] * scale, part.shape[1] * scale), np.float32)
    together = max(1, BLOCK_BYTES // result[0].nbytes)
    for first in range(0, len(x), together):
        bands = slice(first, first + together)
        fine = linear_upsample(x[None, bands], scale)[0][place] * components.deviation
        if gain is not None:
            flat = fine.reshape(len(fine), -1)
            torch.addmm(flat, back[bands], gain.reshape(len(exists), -1), out=flat)
            fine = flat.view(fine.shape)
        fine += torch.from_numpy(np.nan_to_num(components.mean[bands]))[:, None, None].float()
        result[bands] = fine.numpy()
    if bad_inside.any():
        repeated = np.repeat(np.repeat(source, scale, axis=1), scale, axis=2)
        where = np.repeat(np.repeat(bad_inside, scale, axis=1), scale, axis=2)
        result[where] = repeated[where]
    _mark(cube, result, missing_inside, scale)
    return result


def _mark(cube: HyperCube, result: np.ndarray, invalid: np.ndarray, scale: int) -> None:
    """Set the s × s pixels of every invalid value to what says so in the source."""
    if invalid.any():
        fine = invalid.repeat(scale, axis=1).repeat(scale, axis=2)
        result[fine] = np.nan if cube.nodata is None else cube.nodata
