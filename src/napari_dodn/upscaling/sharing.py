"""A result that several processes fill together: in parts on any machines, or tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_dodn.cube import Region
from napari_dodn.formats import create
from napari_dodn.jobs import Progress, Steps
from napari_dodn.upscaling.crew import Crew, Work
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.upscaling.job import Job
from napari_dodn.upscaling.options import UpscaleOptions
from napari_dodn.upscaling.restart import ELSEWHERE, TILE, Journal, Restart, check_same, claimed
from napari_dodn.upscaling.tiles import UPSCALING, tiles_of


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

    def do(
        self, job: Job, region: Region, parts: list[Region], side: int, journal: Journal
    ) -> Iterator[Progress]:
        """Do the tiles of a job that are not done; without a crew there may be none."""
        total = sum(part.size for part in parts)
        missing = list(journal.missing(parts))
        if self.crew is None and missing:
            place = missing[0]
            raise UpscaleError(
                f"{len(missing)} of {len(parts)} tiles of {self.output} are not done, the first of"
                f" them rows {place.y0}–{place.y1 - 1}, columns {place.x0}–{place.x1 - 1} of the"
                " source; run the parts that have not ended again, then gather."
            )
        job.left_out = sum(journal.done.values(), start=job.left_out)
        done = total - sum(part.size for part in missing)
        yield Progress(done, total, UPSCALING)
        if self.crew is None or not missing:
            return
        assert job.statistics is not None
        work = Work(job.cube, self.options, job.statistics, self.output, region, side)
        for part, bad in self.crew.tiles(work, missing, job.cancelled):
            journal.enter(part, bad)
            job.left_out += bad
            done += part.size
            yield Progress(done, total, UPSCALING)


def fill_part(
    job: Job,
    region: Region,
    tile: int | str,
    share: tuple[int, int],
    restart: Restart,
) -> Steps[None]:
    """Do some tiles of a result that several processes fill together, and others finish.

    `share` is the number of the part, from 1, and how many there are.
    """
    number, count = share
    writer = create(restart.path, job.shape_of(region), np.float32, goes_on=lambda _: True)
    side = job.side_of(tile, writer, whole=True)
    key = restart.key | {TILE: side}
    journal = Journal(writer.unfinished, f"{number}-{count}")
    assert job.statistics is not None
    with claimed(journal.path):
        if not writer.unfinished.exists():
            journal.remove_stale()
        writer.begin_together()
        if journal.path.exists():
            journal.load_from(journal.path)
            check_same(restart.path, journal.key, key, ELSEWHERE)
        elif found := journal.key_of_others():
            check_same(restart.path, found, key, ELSEWHERE)
        journal.begin(key, job.statistics)
        parts = list(tiles_of(region, side, job.unit_of(writer)))
        own = parts[len(parts) * (number - 1) // count : len(parts) * number // count]
        with writer.joined():
            yield from job.fill(writer, region, own, side, journal)
