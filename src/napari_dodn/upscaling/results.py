"""The result of one tile: filled, seen by the network, put together again band by band."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_dodn.bad_values import LARGEST_FLOAT32, BadCount
from napari_dodn.cube import HyperCube, Region
from napari_dodn.filling import FILL_RADIUS, fill, fill_from_neighbours
from napari_dodn.network.bicubic import RADIUS as BICUBIC_RADIUS
from napari_dodn.network.bicubic import bicubic_upsample
from napari_dodn.network.components import LARGEST_INPUT
from napari_dodn.network.linear import RADIUS as LINEAR_RADIUS
from napari_dodn.network.linear import linear_upsample
from napari_dodn.upscaling.statistics import Statistics

ROOM_OF_BICUBIC = 16
"""How many times larger than a glitch what is interpolated from it is at most."""

BLOCK_BYTES = 2**25
"""Bytes of a result that are put together at once."""


def interpolate(cube: HyperCube, part: Region, scale: int, result: np.ndarray) -> None:
    """Fill in the bicubic interpolation (bands, s·y, s·x) of a part of a cube, float32."""
    size = cube.shape[1:]
    seen = part.grown(BICUBIC_RADIUS).within(*size)
    read = seen.grown(FILL_RADIUS).within(*size)
    pixels = cube.pixels(read)
    valid = np.isfinite(pixels)
    most = LARGEST_FLOAT32 / ROOM_OF_BICUBIC
    pixels = np.where(valid, np.clip(pixels, -most, most), pixels)
    # About the mean: in float32 a texture on a high level would be lost.
    total = np.where(valid, pixels, 0).sum(axis=(1, 2), keepdims=True)
    level = total / np.maximum(valid.sum(axis=(1, 2), keepdims=True), 1)
    centred = pixels - level
    if not valid.all():
        centred, _ = fill_from_neighbours(centred, valid)
    centred = centred[(slice(None), *seen.relative_to(read).slices)]
    fine = bicubic_upsample(torch.from_numpy(centred.astype(np.float32))[None], scale)[0].numpy()
    inside = (slice(None), *part.relative_to(seen).scaled(scale).slices)
    np.add(fine[inside], level, out=result, casting="same_kind")
    _mark(cube, result, ~valid[(slice(None), *part.relative_to(read).slices)], scale)


class Tile:
    """A part of a cube on its way: filled and seen as components, then put together again.

    Parameters
    ----------
    cube, part
        What to do.
    statistics : Statistics
        Of the whole cube.
    scale, halo : int
        Upsampling factor, and LR pixels around the part that the network sees.

    Attributes
    ----------
    z : Tensor or None
        What the network is to see, (k, y, x), with the halo; None where the cube is flat.
    count : BadCount
        Bad values of the part, without what surrounds it.
    """

    def __init__(
        self, cube: HyperCube, part: Region, statistics: Statistics, scale: int, halo: int
    ) -> None:
        size = cube.shape[1:]
        self.cube, self.part, self.scale = cube, part, scale
        self.components = components = statistics.components
        self.seen = seen = part.grown(max(halo, LINEAR_RADIUS)).within(*size)
        read = seen.grown(FILL_RADIUS).within(*size)
        pixels = cube.pixels(read)
        missing, bad = ~np.isfinite(pixels), statistics.bad_values.mask(pixels)
        inner = (slice(None), *part.relative_to(read).slices)
        self.missing, self.bad = missing[inner].copy(), bad[inner].copy()
        self.source = pixels[inner][self.bad]
        self.count = BadCount(pixels=part.shape[0] * part.shape[1])
        if self.bad.any():
            self.count = statistics.bad_values.count(pixels[inner])

        valid = ~(missing | bad)
        pixels -= np.nan_to_num(components.mean)[:, None, None]
        pixels /= components.deviation
        if not valid.all():
            pixels = fill(pixels, valid, components.basis, components.weights)
        around = (slice(None), *seen.relative_to(read).slices)
        self.x = torch.from_numpy(pixels[around].astype(np.float32))
        self.exists = np.flatnonzero(components.weights > 0)
        self.z: Tensor | None = None
        if self.exists.size:
            forward = torch.from_numpy(components.forward * components.deviation).float()
            self.z = torch.tensordot(forward, self.x, 1).clamp_(-LARGEST_INPUT, LARGEST_INPUT)

    def put_together(self, gain: Tensor | None, result: np.ndarray) -> None:
        """Fill in the result (bands, s·y, s·x), float32, in the cube's units, band by band.

        Parameters
        ----------
        gain : Tensor or None
            What the network gains for `z`, (k, s·y, s·x).
        result : numpy.ndarray
            What to fill.
        """
        scale, part, components = self.scale, self.part, self.components
        near = part.grown(LINEAR_RADIUS).within(*self.cube.shape[1:])
        x = self.x[(slice(None), *near.relative_to(self.seen).slices)]
        place = (slice(None), *part.relative_to(near).scaled(scale).slices)
        back = torch.from_numpy(components.back[:, self.exists]).float()
        mean = torch.from_numpy(np.nan_to_num(components.mean)).float()[:, None, None]
        added: Tensor | None = None
        if gain is not None:
            inside = part.relative_to(self.seen).scaled(scale)
            added = gain[(slice(None), *inside.slices)][self.exists].flatten(1)
        together = max(1, BLOCK_BYTES // result[0].nbytes)
        for first in range(0, len(x), together):
            bands = slice(first, first + together)
            fine = linear_upsample(x[None, bands], scale)[0][place] * components.deviation
            if added is not None:
                fine.flatten(1).addmm_(back[bands], added)
            result[bands] = fine.add_(mean[bands]).numpy()
        if self.bad.any():
            # In its own s × s pixels, and only there, a bad value stands as it is.
            where = self.bad.repeat(scale, axis=1).repeat(scale, axis=2)
            stands = np.zeros(self.bad.shape, np.float32)
            stands[self.bad] = np.clip(self.source, -LARGEST_FLOAT32, LARGEST_FLOAT32)
            result[where] = stands.repeat(scale, axis=1).repeat(scale, axis=2)[where]
        _mark(self.cube, result, self.missing, scale)


def _mark(cube: HyperCube, result: np.ndarray, invalid: np.ndarray, scale: int) -> None:
    """Set the s × s pixels of every invalid value to what says so in the source."""
    if invalid.any():
        fine = invalid.repeat(scale, axis=1).repeat(scale, axis=2)
        told = cube.nodata is not None and not abs(cube.nodata) > LARGEST_FLOAT32
        result[fine] = cube.nodata if told else np.nan
