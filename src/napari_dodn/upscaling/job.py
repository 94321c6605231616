"""One cube on its way through one network: measured, cut into tiles, put together again."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_dodn.bad_values import BadCount
from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import is_out_of_memory
from napari_dodn.formats import Writer, create
from napari_dodn.formats.pixels.writer import BANDS_AT_ONCE
from napari_dodn.jobs import Progress, Steps, stop_if
from napari_dodn.network.bicubic import RADIUS as BICUBIC_RADIUS
from napari_dodn.network.dodn import DODN
from napari_dodn.network.inference import infer_steps
from napari_dodn.upscaling.crew import Crew, Work
from napari_dodn.upscaling.devices import CPU_BUDGET, UpscaleError, computing, memory_budget
from napari_dodn.upscaling.options import UpscaleOptions
from napari_dodn.upscaling.restart import ELSEWHERE, TILE, Journal, Restart, check_same, claimed
from napari_dodn.upscaling.results import Interpolated, Tile
from napari_dodn.upscaling.statistics import MEASURING, Statistics, measure_steps
from napari_dodn.upscaling.tiles import LARGEST_TILE, SMALLEST_TILE, largest_side, tiles_of
from napari_dodn.upscaling.views import AS_IT_IS, seen, seen_back

log = logging.getLogger(__name__)

RESULT_BUDGET = 2**28
"""Bytes of some bands of a tile's result, which are put together and written at once."""

PIXEL_BYTES = 7
"""Bytes for each value of a tile that the machine holds meanwhile: float32, and what is valid."""

BANDS_OF_NETWORK = 250
"""So many bands are put together in the time of the network, for the progress."""

GPU_LOST = "CUDA error"
"""In what PyTorch says where a GPU has gone, or what it computes has."""

RESULT_BYTES = 4
"""Bytes for each value of a tile's result, in float32."""

UPSCALING = "Super-resolving"


BLUR, ORIGIN_OF_BLUR = "dodn sensor blur", "dodn sensor blur origin"
"""Fields of a result: σ in LR pixels that the network was told, and where it is from."""


def blur_in_words(sigma: float, origin: str) -> str:
    """Say what blur the network was told; the values are those of `BLUR` and `ORIGIN_OF_BLUR`."""
    return f"sensor blur {sigma:.2f} pixels ({origin})"


class Upscaled(NamedTuple):
    """What super-resolution gives."""

    cube: HyperCube
    remarks: tuple[str, ...]
    """What was left out of the source, and why no blur was measured, one sentence each."""


@dataclass(frozen=True)
class Hands:
    """Who does the tiles of a result.

    Attributes
    ----------
    crew : Crew or None
        None where all are to be done already.
    options : UpscaleOptions
        What each of them is told.
    output : Path
        The result.
    """

    crew: Crew | None
    options: UpscaleOptions
    output: Path


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
        self._side(tile)  # which refuses what is none, before a file is made
        goes_on = None if restart is None else restart.goes_on
        target: AbstractContextManager[Writer | _Memory] = (
            nullcontext(_Memory(_allocate(shape)))
            if output is None
            else create(output, shape, np.float32, overwrite=overwrite, goes_on=goes_on)
        )
        with target as result, _journal_kept_with(result, restart):
            unit = max(1, result.side // self.scale)
            journal = None if restart is None else restart.journal
            if journal is not None:
                self.statistics = journal.statistics or self.statistics
            side = (journal and journal.side) or self._side(
                tile, unit, result.depth, whole=hands is not None
            )
            if self.network is not None:
                yield from self._measure(self.network)
            if restart is not None:
                assert self.statistics is not None
                restart.journal.begin(restart.key | {TILE: side}, self.statistics)
            parts = tiles_of(region, side, unit)
            if hands is None:
                yield from self._fill(result, region, parts, side, journal)
            else:
                assert journal is not None
                if hands.crew is not None and (side % unit or journal.splits):
                    raise UpscaleError(
                        f"The unfinished result for {hands.output} was begun in tiles that several"
                        " processes cannot share; continue it in one process."
                    )
                yield from self._hand_out(hands, region, list(parts), side, journal)

            # Nobody else may hold a memory map here: Windows renames no file that is mapped.
            stand_in = np.broadcast_to(np.float32(0), shape)
            said = " ".join((step(), *self.remarks))
            done = result.finish(self._describe(region, stand_in, suffix, said))
            if journal is not None:
                journal.remove()
            return Upscaled(done, self.remarks)

    def run_part(
        self,
        region: Region,
        tile: int | str,
        share: tuple[int, int],
        restart: Restart,
    ) -> Steps[None]:
        """Do some tiles of a result that several processes fill together, and others finish.

        `share` is the number of the part, from 1, and how many there are.
        """
        number, count = share
        writer = create(restart.path, self.shape_of(region), np.float32, goes_on=lambda _: True)
        unit = max(1, writer.side // self.scale)
        side = self._side(tile, unit, writer.depth, whole=True)
        key = restart.key | {TILE: side}
        journal = Journal(writer.unfinished, f"{number}-{count}")
        assert self.statistics is not None
        with claimed(journal.path):
            if not writer.unfinished.exists():
                journal.remove_stale()
            writer.begin_together()
            if journal.path.exists():
                journal.load_from(journal.path)
                check_same(restart.path, journal.key, key, ELSEWHERE)
            elif found := journal.key_of_others():
                check_same(restart.path, found, key, ELSEWHERE)
            journal.begin(key, self.statistics)
            parts = list(tiles_of(region, side, unit))
            own = parts[len(parts) * (number - 1) // count : len(parts) * number // count]
            with writer.joined():
                yield from self._fill(writer, region, own, side, journal)

    def fill_joined(self, output: Path, region: Region, part: Region, side: int) -> None:
        """Do a tile of a result that another process has begun."""
        writer = create(output, self.shape_of(region), np.float32, goes_on=lambda _: True)
        with writer.joined():
            for _ in self._fill(writer, region, [part], side):
                pass
            writer.synchronise(self._place(part, region))

    def _hand_out(
        self,
        hands: Hands,
        region: Region,
        parts: list[Region],
        side: int,
        journal: Journal,
    ) -> Iterator[Progress]:
        """Let a crew do the tiles that are not done; without one there may be none."""
        total = sum(part.shape[0] * part.shape[1] for part in parts)
        missing = list(journal.missing(parts))
        if hands.crew is None and missing:
            place = missing[0]
            raise UpscaleError(
                f"{len(missing)} of {len(parts)} tiles of {hands.output} are not done, the first of"
                f" them rows {place.y0}–{place.y1 - 1}, columns {place.x0}–{place.x1 - 1} of the"
                " source; run the parts that have not ended again, then gather."
            )
        self.left_out = sum(journal.done.values(), start=self.left_out)
        done = total - sum(part.shape[0] * part.shape[1] for part in missing)
        yield Progress(done, total, UPSCALING)
        if hands.crew is None or not missing:
            return
        assert self.statistics is not None
        work = Work(self.cube, hands.options, self.statistics, hands.output, region, side)
        for part, bad in hands.crew.tiles(work, missing, self.cancelled):
            journal.enter(part, bad)
            self.left_out += bad
            done += part.shape[0] * part.shape[1]
            yield Progress(done, total, UPSCALING)

    def _place(self, part: Region, region: Region) -> tuple[slice, slice, slice]:
        """Return where the result of a part lies in that of a region."""
        return (slice(None), *part.relative_to(region).scaled(self.scale).slices)

    def shape_of(self, region: Region) -> tuple[int, int, int]:
        """Return bands, rows and columns of the result of a region."""
        height, width = region.shape
        return self.cube.bands, height * self.scale, width * self.scale

    def _side(self, tile: int | str, unit: int = 1, depth: int = 1, *, whole: bool = False) -> int:
        """Return the side of a tile; one that is found is a multiple of the unit, if not below.

        Where tiles must be `whole` units, none is below. `depth` is how many bands of the result
        are in memory at once.
        """
        if isinstance(tile, (int, np.integer)) and tile >= 1:
            if whole and tile % unit:
                raise UpscaleError(
                    f"With several processes the side of a tile is a multiple of {unit} pixels"
                    f" here, not {tile}."
                )
            return int(tile)
        if tile != "auto":
            raise UpscaleError(f"A tile is 'auto' or a number of pixels above 0, not {tile!r}.")
        bands = self.cube.bands
        side = largest_side(RESULT_BUDGET, min(depth, bands) * RESULT_BYTES * self.scale**2)
        pixels, features = bands * PIXEL_BYTES, 0
        if self.network is not None:
            features = self.network.bytes_per_pixel
        if self.device.type == "cpu":
            seen = largest_side(CPU_BUDGET, pixels + features)
        else:
            seen = largest_side(memory_budget(self.device), max(features, 1))
            seen = min(seen, largest_side(CPU_BUDGET, pixels))
        side = max(min(side, seen - 2 * self._halo, LARGEST_TILE), SMALLEST_TILE)
        if whole:
            side = max(side, unit)
        return side - side % unit if side > unit else side

    @property
    def _halo(self) -> int:
        return BICUBIC_RADIUS if self.network is None else self.network.halo

    def _measure(self, network: DODN) -> Steps[None]:
        """Measure the whole cube, also where only a part of it is done, unless that is known."""
        yield Progress(0, 1, MEASURING)
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
        if self.blur is None:
            assert self.statistics is not None
            assert self.statistics.blur is not None
            return self.statistics.blur.sigma
        return self.blur

    @property
    def origin_of_sigma(self) -> str:
        """Where the blur is from: told, estimated, or assumed because nothing could be measured."""
        if self.blur is not None:
            return "as told"
        return "assumed" if self._reason else "estimated"

    @property
    def _reason(self) -> str:
        """Why a blur that was to be estimated could not be."""
        estimate = self.statistics and self.statistics.blur
        return estimate.reason if self.blur is None and estimate else ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was left out of the cube, and why no blur was measured, one sentence each."""
        if self.statistics is None:
            return ()
        said = self.statistics.bad_values.sentences(self.left_out, bad_only=True)
        return (*said, self._reason) if self._reason else said

    def _fill(
        self,
        result: Writer | _Memory,
        region: Region,
        parts: Iterable[Region],
        side: int,
        journal: Journal | None = None,
    ) -> Iterator[Progress]:
        """Put tiles in their places; where memory does not suffice, take smaller ones."""
        waiting = deque(parts)
        done, total = 0, sum(part.shape[0] * part.shape[1] for part in waiting)
        while waiting:
            stop_if(self.cancelled)
            part = waiting.popleft()
            if journal is not None and part in journal.done:
                self.left_out += journal.done[part]
                done += part.shape[0] * part.shape[1]
                continue
            if journal is not None and part in journal.splits:
                side = journal.splits[part]
            if max(part.shape) > side:
                if journal is not None and part not in journal.splits:
                    journal.enter_split(part, side)
                waiting.extendleft(reversed(list(tiles_of(part, side))))
                continue
            yield Progress(done, total, UPSCALING)
            place = self._place(part, region)
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
            done += part.shape[0] * part.shape[1]
        yield Progress(total, total, UPSCALING)

    def _tile(
        self,
        part: Region,
        result: Writer | _Memory,
        place: tuple[slice, slice, slice],
        done: int,
        total: int,
    ) -> Steps[BadCount]:
        """Put the result of a part of the cube in its place, some bands at a time.

        Return its bad values.
        """
        size, bands = part.shape[0] * part.shape[1], self.cube.bands
        tile: Tile | Interpolated
        if self.network is None:
            tile, share_of_network = Interpolated(self.cube, part, self.scale), 0.0
        else:
            assert self.statistics is not None
            tile = Tile(self.cube, part, self.statistics, self.scale, self._halo)
            share_of_network = BANDS_OF_NETWORK / (BANDS_OF_NETWORK + bands)
            if tile.z is not None:
                for share in self._gain(tile.z):
                    if isinstance(share, Tensor):
                        tile.take(share)
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

    def _gain(self, z: Tensor) -> Iterator[float | Tensor]:
        """Yield shares that are done, and last the mean of the network's answers to the views.

        It maps (k, y, x) components to what they gain, (k, s·y, s·x).
        """
        assert self.network is not None
        z = z.to(self.device)
        mean: Tensor | None = None
        for count, view in enumerate(self.views, start=1):
            steps = infer_steps(self.network, seen(z, *view).contiguous(), self.sigma, self.dtype)
            answer: float | Tensor = 0.0
            while not isinstance(answer, Tensor):
                stop_if(self.cancelled)
                yield (count - 1 + answer) / len(self.views)
                with computing():
                    answer = next(steps)
            answer = seen_back(answer, *view)
            mean = answer if mean is None else mean.lerp_(answer, 1 / count)
        assert mean is not None
        yield mean.cpu()

    def _describe(self, region: Region, pixels: np.ndarray, suffix: str, step: str) -> HyperCube:
        finer = self.cube.crop(region).on_finer_grid(
            pixels,
            self.scale,
            name=f"{self.cube.name} {suffix}".strip(),
            notes=(),  # which are of the source's file
            step=step,
        )
        if self.statistics is None:
            return finer
        found = {
            "dodn mean spectrum": self.statistics.components.mean.tolist(),
            "dodn deviation": self.statistics.components.deviation,
            BLUR: round(self.sigma, 4),
            ORIGIN_OF_BLUR: self.origin_of_sigma,
            **self.told,
        }
        return finer.derive(metadata={**finer.metadata, **found})


@contextmanager
def _journal_kept_with(result: Writer | _Memory, restart: Restart | None) -> Iterator[None]:
    """Keep a journal where its unfinished result is kept, and only there."""
    if restart is None or not isinstance(result, Writer):
        yield
        return
    result.kept = restart.resume
    try:
        yield
    except BaseException:
        if not result.kept:
            restart.journal.remove()
        raise


@dataclass
class _Memory:
    """A result in memory, filled like a `formats.Writer`."""

    pixels: np.ndarray
    side: int = 1
    depth: int = BANDS_AT_ONCE

    def room(self, place: tuple[slice, slice, slice]) -> np.ndarray:
        return self.pixels[place]

    def put(self, place: tuple[slice, slice, slice], values: np.ndarray) -> None:
        """Do nothing: the values were written where they belong."""

    def finish(self, cube: HyperCube) -> HyperCube:
        return cube.derive(self.pixels)


def _allocate(shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.empty(shape, np.float32)
    except MemoryError as error:
        size = np.prod(shape, dtype=float) * 4 / 2**30
        raise UpscaleError(
            f"The result needs {size:.1f} GB of memory, which is not available; write it to a"
            " file, or choose a region."
        ) from error
