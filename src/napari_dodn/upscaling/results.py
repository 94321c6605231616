"""The result of one tile: filled, seen by the network, put together again band by band."""

from __future__ import annotations

from collections.abc import Iterator

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


def blocks_of_bands(bands: int, bytes_of_one: int) -> Iterator[slice]:
    """Yield the bands of a cube, as many together as `BLOCK_BYTES` allow for."""
    together = max(1, BLOCK_BYTES // bytes_of_one)
    for first in range(0, bands, together):
        yield slice(first, min(first + together, bands))


class Interpolated:
    """A part of a cube that is interpolated, bicubically, without a network.

    Parameters
    ----------
    cube, part
        What to do.
    scale : int
        Upsampling factor.
    """

    count = BadCount()

    def __init__(self, cube: HyperCube, part: Region, scale: int) -> None:
        self.cube, self.part, self.scale = cube, part, scale
        self.seen = part.grown(BICUBIC_RADIUS).within(*cube.shape[1:])
        self.read = self.seen.grown(FILL_RADIUS).within(*cube.shape[1:])
        self.values = np.asarray(cube.data[(slice(None), *self.read.slices)])

    def put_together(self, bands: slice, result: np.ndarray) -> None:
        """Fill in some bands of the result (bands, s·y, s·x), float32."""
        pixels = self.cube.as_pixels(self.values[bands])
        valid = np.isfinite(pixels)
        most = LARGEST_FLOAT32 / ROOM_OF_BICUBIC
        pixels = np.where(valid, np.clip(pixels, -most, most), pixels)
        # About the mean: in float32 a texture on a high level would be lost.
        total = np.where(valid, pixels, 0).sum(axis=(1, 2), keepdims=True)
        level = total / np.maximum(valid.sum(axis=(1, 2), keepdims=True), 1)
        centred = pixels - level
        if not valid.all():
            centred, _ = fill_from_neighbours(centred, valid)
        part, seen, read = self.part, self.seen, self.read
        centred = centred[(slice(None), *seen.relative_to(read).slices)]
        image = torch.from_numpy(centred.astype(np.float32))[None]
        fine = bicubic_upsample(image, self.scale)[0].numpy()
        inside = (slice(None), *part.relative_to(seen).scaled(self.scale).slices)
        np.add(fine[inside], level, out=result, casting="same_kind")
        missing = ~valid[(slice(None), *part.relative_to(read).slices)]
        _mark(self.cube, result, missing, self.scale)


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
        lowest = statistics.lowest.clip(-LARGEST_FLOAT32)
        self.lowest = lowest.astype(np.float32)[:, None, None]
        self.seen = seen = part.grown(max(halo, LINEAR_RADIUS)).within(*size)
        read = seen.grown(FILL_RADIUS).within(*size)
        inner = (slice(None), *part.relative_to(read).slices)
        values = np.asarray(cube.data[(slice(None), *read.slices)])
        pixels = np.empty(values.shape, np.float32)
        valid, bad = np.empty(values.shape, bool), np.empty(values.shape, bool)
        mean = np.nan_to_num(components.mean)[:, None, None]
        # A few bands at a time: in float64 all of them would be twice the cube.
        for bands in blocks_of_bands(len(values), 8 * values[0].size):
            exact = cube.as_pixels(values[bands])
            valid[bands] = np.isfinite(exact)
            bad[bands] = statistics.bad_values.of_bands(bands).mask(exact)
            exact[bad[bands]] = np.nan  # which may be too large for float32
            exact -= mean[bands]
            exact /= components.deviation
            pixels[bands] = exact
        self.missing, self.bad = ~valid[inner], bad[inner].copy()
        self.count = BadCount(pixels=part.size)
        if self.bad.any():
            self.count = statistics.bad_values.count(cube.as_pixels(values[inner]))
            source = cube.as_pixels(values[inner][self.bad])
            self.stands = np.zeros(self.bad.shape, np.float32)
            self.stands[self.bad] = np.clip(source, -LARGEST_FLOAT32, LARGEST_FLOAT32)
        del values
        valid &= ~bad
        if not valid.all():
            pixels = fill(pixels, valid, components.basis, components.weights)
        around = (slice(None), *seen.relative_to(read).slices)
        self.x = torch.from_numpy(np.ascontiguousarray(pixels[around]))
        self.exists = np.flatnonzero(components.weights > 0)
        self.back = torch.from_numpy(components.back[:, self.exists]).float()
        self.z: Tensor | None = None
        if self.exists.size:
            forward = torch.from_numpy(components.forward * components.deviation).float()
            self.z = torch.tensordot(forward, self.x, 1).clamp_(-LARGEST_INPUT, LARGEST_INPUT)
        self.added: Tensor | None = None

    def take(self, gain: Tensor) -> None:
        """Take what the network gains for `z`, (k, s·y, s·x)."""
        inside = self.part.relative_to(self.seen).scaled(self.scale)
        self.added = gain[(slice(None), *inside.slices)][self.exists].flatten(1)

    def put_together(self, bands: slice, result: np.ndarray) -> None:
        """Fill in some bands of the result (bands, s·y, s·x), float32, in the cube's units."""
        scale, part, components = self.scale, self.part, self.components
        near = part.grown(LINEAR_RADIUS).within(*self.cube.shape[1:])
        x = self.x[(bands, *near.relative_to(self.seen).slices)]
        place = (slice(None), *part.relative_to(near).scaled(scale).slices)
        mean = torch.from_numpy(np.nan_to_num(components.mean[bands])).float()[:, None, None]
        back, lowest = self.back[bands], self.lowest[bands]
        for some in blocks_of_bands(len(x), result[0].nbytes):
            fine = linear_upsample(x[None, some], scale)[0][place] * components.deviation
            if self.added is not None:
                fine.flatten(1).addmm_(back[some], self.added)
            np.maximum(fine.add_(mean[some]).numpy(), lowest[some], out=result[some])
        if (bad := self.bad[bands]).any():
            # In its own s × s pixels, and only there, a bad value stands as it is.
            where = bad.repeat(scale, axis=1).repeat(scale, axis=2)
            result[where] = self.stands[bands].repeat(scale, axis=1).repeat(scale, axis=2)[where]
        _mark(self.cube, result, self.missing[bands], scale)


def _mark(cube: HyperCube, result: np.ndarray, invalid: np.ndarray, scale: int) -> None:
    """Set the s × s pixels of every invalid value to what says so in the source."""
    if invalid.any():
        fine = invalid.repeat(scale, axis=1).repeat(scale, axis=2)
        told = cube.nodata is not None and not abs(cube.nodata) > LARGEST_FLOAT32
        result[fine] = cube.nodata if told else np.nan
