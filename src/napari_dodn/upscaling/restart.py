"""What is done of a result that is not finished: a journal beside it, from which a run goes on.

A tile is entered after its pixels are on the disk. The first line says what the result is of: only
a run of the very same goes on with it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn import __version__
from napari_dodn.bad_values import BadCount
from napari_dodn.claims import claim, is_claimed
from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import reason_of
from napari_dodn.formats.errors import file_faults_as_sentences
from napari_dodn.formats.leftovers import resumable_file
from napari_dodn.formats.registry import files_of
from napari_dodn.replacing import PROGRESS, progress_of, replace_text, synchronise_folder
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.upscaling.options import Chosen, UpscaleOptions
from napari_dodn.upscaling.statistics import Statistics
from napari_dodn.upscaling.tiles import tiles_of

SAMPLE_ROWS, SAMPLE_COLUMNS = 8, 1024
"""Places of a cube that its fingerprint looks at."""

TILE = "tile"

SHORT = 40
"""Letters of a value that people are told."""

Key = dict[str, Any]
"""What a result is of, by names for people, in plain types."""


def fingerprint(cube: HyperCube) -> Key:
    """Return what tells a cube from all others, without reading much of it."""
    description = {k: v for k, v in cube.description().items() if k != "read_as"}
    digest = hashlib.sha256(json.dumps(description, default=str).encode())
    rows = np.unique(np.linspace(0, cube.shape[1] - 1, SAMPLE_ROWS).astype(int))
    for row in rows.tolist():
        pixels = np.asarray(cube.data[:, row : row + 1, :SAMPLE_COLUMNS])
        digest.update(np.ascontiguousarray(pixels).tobytes())
    files = []
    if cube.source and Path(cube.source).exists():
        for file in _listed(Path(cube.source)):
            state = file.stat()
            files.append([file.name, 0 if file.is_dir() else state.st_size, state.st_mtime_ns])
    return {
        "shape": list(cube.shape),
        "type of the pixels": str(np.dtype(cube.data.dtype)),
        "source's files (size, time)": files,
        "source's pixels and description": digest.hexdigest()[:16],
    }


def _listed(source: Path) -> list[Path]:
    """Return the files of a source; a folder only where it is all: others may write into it."""
    found = files_of(source)
    return [file for file in found if not file.is_dir()] or list(found)


def key_of(cube: HyperCube, options: UpscaleOptions, chosen: Chosen, region: Region) -> Key:
    """Return what a result is of, but for the side of its tiles."""
    return fingerprint(cube) | {
        "model": chosen.card.sha256[:16],
        "scale": options.scale,
        "sensor blur": "auto" if chosen.blur is None else chosen.blur,
        "views": len(chosen.views),
        "precision": chosen.precision,
        "kind of device": chosen.device.type,
        "region": list(region),
        "version": __version__,
    }


def differences(key: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return in what two keys differ, as part of a sentence; nothing where they do not."""
    said = []
    for name in dict.fromkeys((*key, *other)):
        one, two = key.get(name), other.get(name)
        if one != two:
            is_short = max(len(str(one)), len(str(two))) <= SHORT
            said.append(f"{name}: {one}, now {two}" if is_short else name)
    return "; ".join(said)


@dataclass
class Journal:
    """What is done of an unfinished result.

    Attributes
    ----------
    unfinished : Path
        The result.
    part : str
        Which of several processes writes this journal; empty for a single one.
    key : Key
        What the result is of; empty where nothing is known.
    statistics : Statistics or None
        Of the whole cube.
    done : dict
        Bad values of each tile that is done.
    splits : dict
        Sides into which tiles were cut that the memory did not suffice for.
    """

    unfinished: Path
    part: str = ""
    key: Key = field(default_factory=dict)
    statistics: Statistics | None = None
    done: dict[Region, BadCount] = field(default_factory=dict)
    splits: dict[Region, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file of this process."""
        return self.unfinished.with_suffix(f"{self.part and f'.{self.part}'}{PROGRESS}")

    @property
    def side(self) -> int | None:
        """The side of a tile, where that is known."""
        return self.key.get(TILE)

    def load(self) -> None:
        """Read what all processes have done.

        Raises
        ------
        UpscaleError
            If their journals are not of one result, or one of them is at work.
        """
        for path in progress_of(self.unfinished):
            if is_claimed(path):
                raise UpscaleError(f"{path} is being written; wait until that part is done.")
            self.load_from(path)

    def key_of_others(self) -> Key:
        """Return what the result is of, by the first process that said so; empty where none did."""
        for path in progress_of(self.unfinished):
            with suppress(OSError), path.open("rb") as file:
                if (head := _head(file.readline())) is not None:
                    return head[0]
        return {}

    def load_from(self, path: Path) -> None:
        """Read what one process has done; a line that was cut off does not count."""
        lines = path.read_bytes().splitlines(keepends=True)
        if not lines or (head := _head(lines[0])) is None:
            return
        key, statistics = head
        if self.key and (apart := differences(self.key, key)):
            raise UpscaleError(f"{path} belongs to another result: {apart}.")
        self.key, self.statistics = key, statistics
        for line in lines[1:]:
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                break

    def _take(self, entry: Mapping[str, Any]) -> None:
        tile = Region(*entry[TILE])
        if "side" in entry:
            self.splits[tile] = int(entry["side"])
        else:
            self.done[tile] = BadCount(**entry["bad"])

    def begin(self, key: Key, statistics: Statistics) -> None:
        """Write the first line, and again what is known already, unless it is there."""
        self.key, self.statistics = key, statistics
        head = {"key": key, "statistics": statistics.description()}
        lines = [head, *map(_split, self.splits.items()), *map(_done, self.done.items())]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        with file_faults_as_sentences(self.path, "written"):
            replace_text(self.path, text, alone=True)

    def missing(self, parts: Iterable[Region]) -> Iterator[Region]:
        """Yield the tiles that are not done, also those into which others were cut."""
        for part in parts:
            if part in self.splits:
                yield from self.missing(tiles_of(part, self.splits[part]))
            elif part not in self.done:
                yield part

    def enter(self, tile: Region, bad: BadCount) -> None:
        """Enter a tile that is on the disk."""
        self.done[tile] = bad
        self._append(_done((tile, bad)))

    def enter_split(self, tile: Region, side: int) -> None:
        """Enter that a tile was cut into smaller ones."""
        self.splits[tile] = side
        self._append(_split((tile, side)))

    def _append(self, entry: Mapping[str, Any]) -> None:
        with (
            file_faults_as_sentences(self.path, "written"),
            self.path.open("ab") as file,
        ):
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Remove the journals of all processes."""
        for path in progress_of(self.unfinished):
            path.unlink(missing_ok=True)
        synchronise_folder(self.unfinished.parent)

    def remove_stale(self) -> None:
        """Remove the journals of a result that is gone, but for those that others write."""
        for path in progress_of(self.unfinished):
            if path == self.path or not is_claimed(path):
                path.unlink(missing_ok=True)


def _head(line: bytes) -> tuple[Key, Statistics] | None:
    """Return what the first line of a journal says; None where it was cut off."""
    try:
        head = json.loads(line)
        return head["key"], Statistics.described(head["statistics"])
    except (ValueError, KeyError, TypeError):
        return None


def _done(entry: tuple[Region, BadCount]) -> dict[str, Any]:
    return {TILE: list(entry[0]), "bad": asdict(entry[1])}


def _split(entry: tuple[Region, int]) -> dict[str, Any]:
    return {TILE: list(entry[0]), "side": entry[1]}


@dataclass
class Restart:
    """How a run deals with what an earlier one has left.

    Attributes
    ----------
    path : Path
        The result.
    key : Key
        What it is of, but for the side of its tiles, and that where it is told.
    resume : bool
        Whether to continue an unfinished result.
    overwrite : bool
        Whether to start over where one is there.
    journal : Journal
        What is done.
    """

    path: Path
    key: Key
    resume: bool
    overwrite: bool
    journal: Journal

    def goes_on(self, there: bool) -> bool:
        """Tell whether to continue an unfinished result, if it is there; as `formats.create` asks.

        Where it is not continued, the journals of one before go: they would take its tiles for
        done.

        Raises
        ------
        UpscaleError
            If neither that is allowed, nor starting over.
        """
        if there:
            self.journal.load()
        if not self.journal.key:  # nothing is known of it, so nothing is lost
            self.journal.remove()
            return False
        if not self.resume:
            if not self.overwrite:
                raise UpscaleError(
                    f"An interrupted run has left an unfinished result for {self.path}; continue it"
                    " (--resume) or start over (--overwrite)."
                )
            self.journal.remove()
            self.journal = Journal(self.journal.unfinished)
            return False
        check_same(self.path, self.journal.key, self.key)
        return True


class BegunOtherwiseError(UpscaleError):
    """An unfinished result that was begun with other settings than those asked for."""


ANEW = "start over (--overwrite without --resume)"
ELSEWHERE = "choose another place for the result of all parts"


def check_same(path: Path, found: Key, wanted: Key, way_out: str = ANEW) -> None:
    """Raise an error where an unfinished result is of something else than what is wanted."""
    found = found if TILE in wanted else {k: v for k, v in found.items() if k != TILE}
    if apart := differences(found, wanted):
        said = (
            f"The unfinished result for {path} cannot be continued: it was begun with a different"
            f" {apart}. Use the same settings, or"
        )
        error = BegunOtherwiseError(f"{said} {way_out}.")
        error.in_window = f"{said} press Run again and start over."
        raise error


def restart_of(
    cube: HyperCube,
    options: UpscaleOptions,
    chosen: Chosen,
    region: Region,
    path: Path,
    resume: bool,
    overwrite: bool,
) -> Restart:
    """Return how a run deals with what an earlier one has left of a result."""
    key = key_of(cube, options, chosen, region)
    if isinstance(options.tile, (int, np.integer)):
        key[TILE] = int(options.tile)
    journal = Journal(resumable_file(path))
    return Restart(path, key, resume, overwrite, journal)


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Claim the journal of a part.

    Raises
    ------
    UpscaleError
        If another process is at that part.
    """
    with ExitStack() as claims:
        try:
            claims.enter_context(claim(path))
        except OSError as error:
            raise UpscaleError(f"{path} cannot be written: {reason_of(error)}.") from error
        yield
