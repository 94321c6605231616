"""Tiles computed by several processes: of this machine, or of a Dask cluster.

Every worker reads the source, and writes whole tiles into the unfinished result, which all of them
can reach. The process that hands out the tiles enters in its journal which are done, and finishes
the result.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from napari_dodn.bad_values import BadCount
from napari_dodn.cube import HyperCube, Region
from napari_dodn.formats import create
from napari_dodn.jobs import never, stop_if
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.upscaling.job import Job
from napari_dodn.upscaling.options import UpscaleOptions
from napari_dodn.upscaling.statistics import Statistics

RETRIES = 3
"""How often workers may die at one result, and a tile may fail on a cluster, whose scheduler says
how often workers may die at it."""

PAUSE = 0.5
"""Seconds after which the cancel flag is looked at again."""

TILES_AHEAD = 4
"""Tiles that a cluster is given at a time, for each of its workers."""

PATIENCE = 10
"""Seconds after which there is no scheduler at an address."""

MOST_RESULTS = 8
"""Results that a cluster is given at a time; each is measured by the process that asks."""


@dataclass(frozen=True)
class Work:
    """Everything that a worker has to know about a result.

    Attributes
    ----------
    cube : HyperCube
        The source; each worker reads pixels in a file from there.
    options : UpscaleOptions
        With the kind of device and the precision that the result began with.
    statistics : Statistics
        The measurements of the whole cube.
    output : Path
        The result.
    region : Region
        The part of the source that the result covers.
    side : int
        Side of a tile in pixels of the source.
    """

    cube: HyperCube
    options: UpscaleOptions
    statistics: Statistics
    output: Path
    region: Region
    side: int


Done = tuple[Region, BadCount]


class Crew(Protocol):
    """Processes that compute tiles."""

    @property
    def results_at_a_time(self) -> int:
        """How many results it should get at a time, if there are many."""

    def tiles(
        self, work: Work, parts: Iterable[Region], cancelled: Callable[[], bool]
    ) -> Iterator[Done]:
        """Compute tiles in any order; yield each when it is on the disk, with its bad values."""

    def close(self) -> None:
        """Release the processes."""


def do_tile(work: Work, part: Region) -> BadCount:
    """Compute a tile and wait until it is on the disk; return its bad values."""
    job = Job.of(work.cube, work.options.chosen(), never, work.statistics)
    shape = job.shape_of(work.region)
    writer = create(work.output, shape, np.float32, goes_on=lambda _: True)
    with writer.joined():
        for _ in job.fill(writer, work.region, [part], work.side):
            pass
        writer.synchronise(job.place_of(part, work.region))
    return job.left_out


class LocalCrew:
    """Processes of this machine.

    Parameters
    ----------
    count : int
        Number of processes.

    Raises
    ------
    UpscaleError
        If the number is below 1.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise UpscaleError(f"The number of workers is 1 or more, not {count}.")
        self.count = count

    @property
    def results_at_a_time(self) -> int:
        """One: each result has all the processes."""
        return 1

    def tiles(
        self, work: Work, parts: Iterable[Region], cancelled: Callable[[], bool]
    ) -> Iterator[Done]:
        """Compute tiles; if a worker dies, another one repeats its tile."""
        waiting, deaths = dict.fromkeys(parts), 0
        while waiting:
            try:
                for done in self._pooled(work, waiting, cancelled):
                    del waiting[done[0]]
                    yield done
            except BrokenProcessPool as error:
                deaths += 1
                if deaths > RETRIES:
                    raise UpscaleError(
                        f"Workers have died {deaths} times; there may be too little memory for"
                        f" {self.count} of them."
                    ) from error

    def _pooled(
        self, work: Work, parts: Iterable[Region], cancelled: Callable[[], bool]
    ) -> Iterator[Done]:
        threads = max(1, torch.get_num_threads() // self.count)
        with ProcessPoolExecutor(
            self.count, multiprocessing.get_context("spawn"), _begin, (work, threads)
        ) as pool:
            futures: dict[Future[BadCount], Region] = {
                pool.submit(_do_own, part): part for part in parts
            }
            try:
                while futures:
                    stop_if(cancelled)
                    ready, _ = wait(futures, PAUSE, FIRST_COMPLETED)
                    for future in ready:
                        yield futures.pop(future), future.result()
            except BaseException:
                for worker in list((pool._processes or {}).values()):
                    worker.kill()  # in the middle of tiles, which may take minutes
                raise
            finally:
                pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Do nothing: the processes end with the tiles."""


_own: deque[Work] = deque(maxlen=1)


def _begin(work: Work, threads: int) -> None:
    torch.set_num_threads(threads)
    _own.append(work)


def _do_own(part: Region) -> BadCount:
    return do_tile(_own[0], part)


class DaskCrew:
    """The workers of a Dask cluster; they need this package, and reach source, model and result.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as "tcp://node:8786".

    Raises
    ------
    UpscaleError
        If Dask's `distributed` is not installed, or there is no scheduler at the address.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise UpscaleError(
                "A cluster needs Dask's 'distributed': pip install 'napari-dodn[cluster]'."
            ) from error
        try:
            self._client: Any = Client(address, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            raise UpscaleError(f"There is no Dask scheduler at {address}: {error}.") from error

    @property
    def results_at_a_time(self) -> int:
        """As many as there are workers, so that small cubes keep all of them busy."""
        return min(max(1, len(self._client.nthreads())), MOST_RESULTS)

    def tiles(
        self, work: Work, parts: Iterable[Region], cancelled: Callable[[], bool]
    ) -> Iterator[Done]:
        """Compute tiles; if a worker dies, the scheduler gives its tile to another one."""
        from distributed import KilledWorker
        from distributed import wait as wait_for

        futures: dict[Any, Region] = {}
        waiting = iter(parts)
        try:
            while True:
                stop_if(cancelled)
                # A few for each worker: each task holds all of `work`, and there may be millions.
                most = TILES_AHEAD * max(1, len(self._client.nthreads()))
                for part in islice(waiting, max(0, most - len(futures))):
                    task = self._client.submit(do_tile, work, part, pure=False, retries=RETRIES)
                    futures[task] = part
                if not futures:
                    return
                try:
                    ready = wait_for(list(futures), PAUSE, FIRST_COMPLETED).done
                except TimeoutError:
                    continue
                done = [(futures.pop(future), future.result()) for future in ready]
                for future in ready:  # else what a worker had that died is computed again
                    future.release()
                yield from done
        except KilledWorker as error:
            raise UpscaleError(
                f"Workers of the cluster have died {error.allowed_failures + 1} times at one tile;"
                " there may be too little memory."
            ) from error
        finally:
            self._client.cancel(list(futures))

    def close(self) -> None:
        """Disconnect from the cluster."""
        self._client.close()
