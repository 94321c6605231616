"""One cube on its way through one network: measured, cut into tiles, put together again."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_dodn.bad_values import BadCount
from napari_dodn.blur import BlurEstimate
from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import is_out_of_memory
from napari_dodn.formats import Writer, create
from napari_dodn.jobs import Preparation, Progress, Steps, stop_if
from napari_dodn.network.bicubic import RADIUS as BICUBIC_RADIUS
from napari_dodn.network.dodn import DODN
from napari_dodn.sensor_blur import BLUR, ORIGIN_OF_BLUR
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.upscaling.in_memory import InMemory
from napari_dodn.upscaling.options import Chosen
from napari_dodn.upscaling.restart import TILE, Journal, Restart
from napari_dodn.upscaling.results import Interpolated, Tile
from napari_dodn.upscaling.statistics import MEASURING, Statistics, measure_steps
from napari_dodn.upscaling.tiles import SMALLEST_TILE, UPSCALING, best_side, tiles_of, told_side
from napari_dodn.upscaling.views import AS_IT_IS, infer_views_steps

if TYPE_CHECKING:
    from napari_dodn.upscaling.sharing import Hands

log = logging.getLogger(__name__)

BANDS_OF_NETWORK = 250
"""So many bands are put together in the time of the network, for the progress."""

OF_RESULTS = "dodn "
"""How fields begin that say how a result was made."""

GPU_LOST = "CUDA error"
"""In what PyTorch says where a GPU has gone, or what it computes has."""


class Upscaled(NamedTuple):
    """What super-resolution gives."""

    cube: HyperCube
    remarks: tuple[str, ...]
    """What was left out of the source, and why no blur was measured, one sentence each."""


@dataclass
class Job:
    """One cube on its way through one network, or through bicubic interpolation alone.

    `run` raises `CancelledError` soon after `cancelled()` turns true.
    """

    cube: HyperCube
    scale: int
    network: DODN | None
    device: torch.device
    dtype: torch.dtype
    cancelled: Callable[[], bool]
    views: Sequence[tuple[int, bool]] = AS_IT_IS
    blur: float | None = None
    statistics: Statistics | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    """More fields of the result."""
    left_out: BadCount = field(default_factory=BadCount, init=False)
    """Bad values in what is done so far."""

    @classmethod
    def of(
        cls,
        cube: HyperCube,
        chosen: Chosen,
        cancelled: Callable[[], bool],
        statistics: Statistics | None = None,
    ) -> Job:
        """Return a cube on its way through what was chosen."""
        return cls(
            cube,
            chosen.card.scale,
            chosen.network(),
            chosen.device,
            chosen.dtype,
            cancelled,
            chosen.views,
            chosen.blur,
            statistics,
        )

    def run(
        self,
        region: Region,
        tile: int | str,
        output: str | os.PathLike[str] | None,
        overwrite: bool,
        suffix: str,
        step: Callable[[], str],
        restart: Restart | None = None,
        hands: Hands | None = None,
    ) -> Steps[Upscaled]:
        """Do a part of the cube into memory or a new file.

        At the end `step` is asked for the sentence of its history, which the remarks follow.
        """
        shape = self.shape_of(region)
        told_side(tile)  # which refuses what is none, before a file is made
        goes_on = None if restart is None else restart.goes_on
        target: AbstractContextManager[Writer | InMemory] = (
            nullcontext(InMemory(shape))
            if output is None
            else create(output, shape, np.float32, overwrite=overwrite, goes_on=goes_on)
        )
        with target as result, _journal_kept_with(result, restart):
            unit = self.unit_of(result)
            journal = None if restart is None else restart.journal
            if journal is not None:
                self.statistics = journal.statistics or self.statistics
            side = (journal and journal.side) or self.side_of(tile, result, whole=hands is not None)
            if self.network is not None:
                yield from self._measure(self.network)
            if restart is not None:
                assert self.statistics is not None
                restart.journal.begin(restart.key | {TILE: side}, self.statistics)
            parts = tiles_of(region, side, unit)
            if hands is None:
                yield from self.fill(result, region, parts, side, journal)
            else:
                assert journal is not None
                if hands.crew is not None and (side % unit or journal.splits):
                    raise UpscaleError(
                        f"The unfinished result for {hands.output} was begun in tiles that several"
                        " processes cannot share; continue it in one process."
                    )
                yield from hands.do(self, region, list(parts), side, journal)

            # Nobody else may hold a memory map here: Windows renames no file that is mapped.
            stand_in = np.broadcast_to(np.float32(0), shape)
            said = " ".join((step(), *self.remarks))
            done = result.finish(self._describe(region, stand_in, suffix, said))
            if journal is not None:
                journal.remove()
            return Upscaled(done, self.remarks)

    def place_of(self, part: Region, region: Region) -> tuple[slice, slice, slice]:
        """Return where the result of a part lies in that of a region."""
        return (slice(None), *part.relative_to(region).scaled(self.scale).slices)

    def shape_of(self, region: Region) -> tuple[int, int, int]:
        """Return bands, rows and columns of the result of a region."""
        height, width = region.shape
        return self.cube.bands, height * self.scale, width * self.scale

    def side_of(self, tile: int | str, result: Writer | InMemory, *, whole: bool = False) -> int:
        """Return the side of a tile: as given, or the best one.

        With `whole` it is a multiple of what a result is best filled by.
        """
        unit = self.unit_of(result)
        if (told := told_side(tile, unit if whole else 1)) is not None:
            return told
        features = 0 if self.network is None else self.network.bytes_per_pixel
        depth, halo = min(result.depth, self.cube.bands), self._halo
        side = best_side(self.cube.bands, depth, self.scale, halo, features, self.device, unit)
        return max(side, unit) if whole else side

    def unit_of(self, result: Writer | InMemory) -> int:
        """Return how many LR pixels a side a result is best filled by."""
        return max(1, result.side // self.scale)

    @property
    def _halo(self) -> int:
        return BICUBIC_RADIUS if self.network is None else self.network.halo

    def _measure(self, network: DODN) -> Steps[None]:
        """Measure the whole cube, also where only a part of it is done, unless that is known."""
        yield Preparation(0, 1, MEASURING)
        if self.statistics is None:
            stop_if(self.cancelled)
            self.statistics = yield from measure_steps(
                self.cube,
                network.components,
                blur=self.blur is None,
                cancelled=self.cancelled,
            )

    @property
    def sigma(self) -> float:
        """The sensor's blur that the network is told."""
        return self._estimate.sigma if self.blur is None else self.blur

    @property
    def origin_of_sigma(self) -> str:
        """Where the blur is from: told, estimated, or assumed because nothing could be measured."""
        return self._estimate.origin if self.blur is None else "as told"

    @property
    def _estimate(self) -> BlurEstimate:
        assert self.statistics is not None
        assert self.statistics.blur is not None
        return self.statistics.blur

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was left out of the cube, and why no blur was measured, one sentence each.

        Also that the result is too coarse for the cube.
        """
        if self.statistics is None:
            return ()
        said = self.statistics.bad_values.sentences(self.left_out, bad_only=True)
        reason = self._estimate.reason if self.blur is None else ""
        return (*said, *filter(None, (reason, self.statistics.coarseness)))

    def fill(
        self,
        result: Writer | InMemory,
        region: Region,
        parts: Iterable[Region],
        side: int,
        journal: Journal | None = None,
    ) -> Iterator[Progress]:
        """Put tiles in their places; where memory does not suffice, take smaller ones."""
        waiting = deque(parts)
        done, total = 0, sum(part.size for part in waiting)
        while waiting:
            stop_if(self.cancelled)
            part = waiting.popleft()
            if journal is not None and part in journal.done:
                self.left_out += journal.done[part]
                done += part.size
                continue
            if journal is not None and part in journal.splits:
                side = journal.splits[part]
            if max(part.shape) > side:
                if journal is not None and part not in journal.splits:
                    journal.enter_split(part, side)
                waiting.extendleft(reversed(list(tiles_of(part, side))))
                continue
            yield Progress(done, total, UPSCALING)
            place = self.place_of(part, region)
            count: BadCount | None = None
            try:
                count = yield from self._tile(part, result, place, done, total)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    if GPU_LOST in str(error):
                        raise UpscaleError(
                            f"{self.device} has failed ({str(error).splitlines()[0]}); start again,"
                            " or choose the device 'cpu'."
                        ) from error
                    raise
                if side <= SMALLEST_TILE:
                    raise UpscaleError(
                        f"{self.device} has too little memory for a tile of {side} × {side}"
                        " pixels; choose another device, or a part of the bands."
                    ) from error
            if count is None:
                # Outside of the except block: the error holds the frames that hold the memory.
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                side = max(SMALLEST_TILE, max(part.shape) // 2)
                log.warning(
                    "Out of memory on %s: going on with tiles of %d pixels.", self.device, side
                )
                waiting.appendleft(part)
                continue
            if journal is not None and isinstance(result, Writer):
                result.synchronise(place)
                journal.enter(part, count)
            self.left_out += count
            done += part.size
        yield Progress(total, total, UPSCALING)

    def _tile(
        self,
        part: Region,
        result: Writer | InMemory,
        place: tuple[slice, slice, slice],
        done: int,
        total: int,
    ) -> Steps[BadCount]:
        """Put the result of a part of the cube in its place, some bands at a time.

        Return its bad values.
        """
        size, bands = part.size, self.cube.bands
        tile: Tile | Interpolated
        if self.network is None:
            tile, share_of_network = Interpolated(self.cube, part, self.scale), 0.0
        else:
            assert self.statistics is not None
            tile = Tile(self.cube, part, self.statistics, self.scale, self._halo)
            share_of_network = BANDS_OF_NETWORK / (BANDS_OF_NETWORK + bands)
            if tile.z is not None:
                z = tile.z.to(self.device)
                for share in infer_views_steps(
                    self.network, z, self.sigma, self.dtype, self.views, self.cancelled
                ):
                    if isinstance(share, Tensor):
                        tile.take(share.cpu())
                    else:
                        share *= share_of_network
                        yield Progress(done + int(share * size), total, UPSCALING)
        for first in range(0, bands, result.depth):
            stop_if(self.cancelled)
            share = share_of_network + (1 - share_of_network) * first / bands
            yield Progress(done + int(share * size), total, UPSCALING)
            some = slice(first, min(first + result.depth, bands))
            here = (some, *place[1:])
            room = result.room(here)
            tile.put_together(some, room)
            result.put(here, room)
        return tile.count

    def _describe(self, region: Region, pixels: np.ndarray, suffix: str, step: str) -> HyperCube:
        finer = self.cube.crop(region).on_finer_grid(
            pixels,
            self.scale,
            name=f"{self.cube.name} {suffix}".strip(),
            notes=(),  # which are of the source's file
            step=step,
        )
        # What the source says of how it was made is not true of what is made of it.
        kept = {k: v for k, v in finer.metadata.items() if not k.startswith(OF_RESULTS)}
        if self.statistics is None:
            return finer.derive(metadata=kept)
        found = {
            "dodn mean spectrum": self.statistics.components.mean.tolist(),
            "dodn deviation": self.statistics.components.deviation,
            BLUR: round(self.sigma, 4),
            ORIGIN_OF_BLUR: self.origin_of_sigma,
            **self.told,
        }
        return finer.derive(metadata={**kept, **found})


@contextmanager
def _journal_kept_with(result: Writer | InMemory, restart: Restart | None) -> Iterator[None]:
    """Keep a journal where its unfinished result is kept, and only there."""
    if restart is None or not isinstance(result, Writer):
        yield
        return
    result.kept = restart.resume
    try:
        yield
    except BaseException:
        if not result.kept:
            with suppress(OSError):  # where its folder is gone, which the error is about
                restart.journal.remove()
        raise
