"""One cube on its way through one network: measured, cut into tiles, put together again."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_dodn.cube import HyperCube, Region
from napari_dodn.events import Done, Progress, Steps
from napari_dodn.formats import SIDE_OF_CHUNKS, Writer, create
from napari_dodn.network.bicubic import RADIUS, bicubic_upsample
from napari_dodn.network.dodn import DODN
from napari_dodn.network.normalisation import normalisation_of
from napari_dodn.upscaling.devices import UpscaleError, computing, is_out_of_memory, memory_budget
from napari_dodn.upscaling.preparation import (
    FILL_RADIUS,
    blocks_of,
    bridge_bands,
    fill_invalid,
)
from napari_dodn.upscaling.tiles import (
    LARGEST_TILE,
    SMALLEST_TILE,
    band_groups,
    bands_together,
    largest_side,
    tiles_of,
)
from napari_dodn.upscaling.views import AS_IT_IS, seen, seen_back

log = logging.getLogger(__name__)

RESULT_BUDGET = 2**29
"""Bytes of the machine's memory that a tile's result may take, whatever the device has."""

RESULT_BYTES = 12
"""Bytes for each value of a tile's result while it is put together: three copies in float32."""

MEASURING = "Measuring the cube"
UPSCALING = "Super-resolving"


class CancelledError(Exception):
    """Unwinds a job whose cancel flag is up."""


@dataclass
class Job:
    """One cube on its way through one network, or through bicubic interpolation alone.

    `run` raises `CancelledError` within a tile of `cancelled()` turning true.
    """

    cube: HyperCube
    scale: int
    network: DODN | None
    device: torch.device
    dtype: torch.dtype
    cancelled: Callable[[], bool]
    views: Sequence[tuple[int, bool]] = AS_IT_IS

    def run(
        self,
        region: Region,
        tile: int | str,
        output: str | os.PathLike[str] | None,
        overwrite: bool,
        suffix: str,
        step: str,
    ) -> Steps:
        """Do a part of the cube into memory or a new file; `step` is what its history will say."""
        side = self._side(tile, 1 if output is None else SIDE_OF_CHUNKS // self.scale)
        total = region.shape[0] * region.shape[1]
        shape = (self.cube.bands, region.shape[0] * self.scale, region.shape[1] * self.scale)
        target: AbstractContextManager[Writer | _Memory] = (
            nullcontext(_Memory(_allocate(shape)))
            if output is None
            else create(output, shape, np.float32, overwrite=overwrite)
        )
        with target as result:
            yield Progress(0, total, MEASURING)
            self._measure()

            done = 0
            yield Progress(done, total, UPSCALING)
            for part, values in self._tiles(region, side):
                place = part.relative_to(region).scaled(self.scale)
                result.put((slice(None), *place.slices), values)
                done += part.shape[0] * part.shape[1]
                yield Progress(done, total, UPSCALING)

            # Nobody else may hold a memory map here: Windows renames no file that is mapped.
            stand_in = np.broadcast_to(np.float32(0), shape)
            yield Done(result.finish(self._describe(region, stand_in, suffix, step)))

    def _side(self, tile: int | str, unit: int) -> int:
        """Return the side of a tile; one that is found is a multiple of the unit, if not below."""
        if isinstance(tile, (int, np.integer)) and tile >= 1:
            return int(tile)
        if tile != "auto":
            raise UpscaleError(f"A tile is 'auto' or a number of pixels above 0, not {tile!r}.")
        bands = self.cube.bands
        if self.network is None:
            bytes_per_voxel, together = 4 * 4 * self.scale**2, bands
        else:
            bytes_per_voxel = self.network.bytes_per_voxel
            together = bands_together(bands, self.network.spectral_halo)
        features = largest_side(memory_budget(self.device), together * bytes_per_voxel)
        result = largest_side(RESULT_BUDGET, bands * RESULT_BYTES * self.scale**2)
        side = min(features - 2 * self._halo, result, LARGEST_TILE)
        side = max(side, SMALLEST_TILE)
        return side - side % unit if side > unit else side

    @property
    def _halo(self) -> int:
        return RADIUS if self.network is None else self.network.halo

    def _check(self) -> None:
        if self.cancelled():
            raise CancelledError

    def _measure(self) -> None:
        """Find the normalisation, over the whole cube also where only a part of it is done."""

        def watched(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            for block in blocks:
                self._check()
                yield block

        good = self.cube.usable_bands
        if not good.any():  # a mask that leaves nothing says nothing
            good = ~good
        blocks = watched(blocks_of(self.cube))
        self.normalisation = normalisation_of(blocks, self.cube.bands, good)
        self.usable = good & np.isfinite(self.normalisation.mean)

    def _tiles(self, region: Region, side: int) -> Iterator[tuple[Region, np.ndarray]]:
        """Yield tiles with their results; where memory does not suffice, take smaller ones."""
        waiting = deque(tiles_of(region, side))
        while waiting:
            self._check()
            part = waiting.popleft()
            if max(part.shape) > side:
                waiting.extendleft(reversed(list(tiles_of(part, side))))
                continue
            try:
                values = self._tile(part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if side <= SMALLEST_TILE:
                    raise UpscaleError(
                        f"The memory of {self.device} does not suffice for a tile of"
                        f" {side} × {side} pixels; choose another device, or a part of the bands."
                    ) from error
                values = None
            if values is not None:
                yield part, values
                continue
            # Outside of the except block: the error holds the frames that hold the memory.
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            side = max(SMALLEST_TILE, max(part.shape) // 2)
            log.warning("Out of memory on %s: going on with tiles of %d pixels.", self.device, side)
            waiting.appendleft(part)

    def _tile(self, part: Region) -> np.ndarray:
        """Return the (bands, s·y, s·x) result of a part of the cube, in the cube's units."""
        seen = part.grown(self._halo).within(*self.cube.shape[1:])
        read = seen.grown(FILL_RADIUS).within(*self.cube.shape[1:])
        pixels = self.cube.pixels(read)
        valid = np.isfinite(pixels)
        normalised = fill_invalid(self.normalisation.apply(pixels))
        normalised = normalised[(slice(None), *seen.relative_to(read).slices)]
        fine = self._upsample(normalised)
        fine = fine[(slice(None), *part.relative_to(seen).scaled(self.scale).slices)]
        result = self.normalisation.undo(fine)
        invalid = ~valid[(slice(None), *part.relative_to(read).slices)]
        if invalid.any():
            fine_invalid = invalid.repeat(self.scale, axis=1).repeat(self.scale, axis=2)
            result[fine_invalid] = np.nan if self.cube.nodata is None else self.cube.nodata
        return result

    def _upsample(self, normalised: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(normalised))[None]
        if self.network is None:
            return bicubic_upsample(x, self.scale)[0].numpy()
        bridged = torch.from_numpy(bridge_bands(normalised, self.usable))[None].to(self.device)
        bands = len(normalised)
        fine = np.empty((bands, *(n * self.scale for n in normalised.shape[1:])), np.float32)
        for read, keep in band_groups(bands, self.network.spectral_halo):
            place = slice(read.start + keep.start, read.start + keep.stop)
            fine[place] = self._answer(self.network, bridged[:, read])[keep]
        if not self.usable.all():
            bad = torch.from_numpy(~self.usable)
            fine[~self.usable] = bicubic_upsample(x[:, bad], self.scale)[0].numpy()
        return fine

    def _answer(self, network: DODN, x: Tensor) -> np.ndarray:
        """Return the mean of what the network says to the views of (1, bands, y, x) pixels."""
        mean: Tensor | None = None
        for count, view in enumerate(self.views, start=1):
            self._check()
            with computing(self.device, self.dtype):
                answer = seen_back(network(seen(x, *view).contiguous())[0], *view)
                mean = answer if mean is None else mean.lerp_(answer, 1 / count)
        assert mean is not None
        return mean.cpu().numpy()

    def _describe(self, region: Region, pixels: np.ndarray, suffix: str, step: str) -> HyperCube:
        finer = self.cube.crop(region).on_finer_grid(
            pixels,
            self.scale,
            name=f"{self.cube.name} {suffix}".strip(),
            notes=(),  # which are of the source's file
            step=step,
        )
        found = {
            "dodn mean spectrum": [float(value) for value in self.normalisation.mean],
            "dodn deviation": self.normalisation.deviation,
        }
        return finer.derive(metadata={**finer.metadata, **found})


@dataclass
class _Memory:
    """A result in memory, filled like a `formats.Writer`."""

    pixels: np.ndarray

    def put(self, place: tuple[slice, slice, slice], values: np.ndarray) -> None:
        self.pixels[place] = values

    def finish(self, cube: HyperCube) -> HyperCube:
        return cube.derive(self.pixels)


def _allocate(shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.empty(shape, np.float32)
    except MemoryError as error:
        size = np.prod(shape, dtype=float) * 4 / 2**30
        raise UpscaleError(
            f"The result needs {size:.1f} GB of memory, which is not there; write it to a file"
            " instead, or do a region."
        ) from error
