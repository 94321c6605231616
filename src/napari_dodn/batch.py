"""Many cubes, one after the other: a bad one does not stop the rest, and each gets a row.

What is done to a cube is the caller's; here are the cubes, the names of their results, and the
report.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from string import Formatter
from typing import Literal

from numpy.linalg import LinAlgError

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError, is_out_of_memory
from napari_dodn.formats import check_not_source, written_files, written_suffixes
from napari_dodn.formats.errors import file_faults_as_sentences
from napari_dodn.formats.finding import FoundCube, LeftOut
from napari_dodn.formats.registry import files_of
from napari_dodn.jobs import Progress, Steps, follow, retold, stop_if
from napari_dodn.paths import expanded

Status = Literal["done", "skipped", "failed"]
STATUSES: tuple[Status, ...] = ("done", "skipped", "failed")

PATTERN = frozenset("*?[")
"""Letters that make a source a pattern of names."""

FIELDS = ("stem", "folder", "number")
"""What the name of any result may hold."""

GRAIN = 1000
"""Steps of the progress of one cube."""

PAUSE = 0.5
"""Seconds after which the progress of several cubes is told again."""

FAULTS = (UserError, OSError, LinAlgError, MemoryError, ImportError, RuntimeError)
"""What may end one cube and not the rest, where `_failed` has a sentence for it."""

Figures = Mapping[str, object]
Work = Callable[[HyperCube, Path], Steps[Figures]]
"""Makes the result of a cube, and returns what the report says of it."""

Compare = Callable[[HyperCube, HyperCube], Steps[Figures]]
"""Compares a result with its reference, likewise."""

COLUMNS = ("source", "status", "reason", "seconds")
"""With which every report begins."""


class BatchError(UserError):
    """A batch that cannot be begun as asked."""


@dataclass(frozen=True)
class Row:
    """What became of one cube.

    Attributes
    ----------
    source : Path
        Its file.
    status : str
        "done", "skipped" or "failed".
    reason : str
        Why it was skipped, or what went wrong.
    seconds : float
        How long it took.
    more : mapping
        Columns of the report: where the result lies, figures.
    """

    source: Path
    status: Status
    reason: str = ""
    seconds: float = 0.0
    more: Figures = field(default_factory=dict)

    def columns(self) -> dict[str, object]:
        """Return the row of the report."""
        said = {"source": str(self.source), "status": self.status, "reason": self.reason}
        more = {k: str(v) if isinstance(v, Path) else v for k, v in self.more.items()}
        return said | {"seconds": round(self.seconds, 2)} | more


@dataclass(frozen=True)
class Task:
    """A cube that is still to be done, and how; `more` as of its `Row`."""

    source: Path
    work: Callable[[], Steps[Figures]]
    more: Figures = field(default_factory=dict)


def is_pattern(word: str) -> bool:
    """Tell whether a source stands for the files whose names match it."""
    return bool(PATTERN & set(word)) and not expanded(word).exists()


def matching(words: Iterable[str]) -> list[Path]:
    """Return the paths that words name, each pattern replaced by what matches it.

    Raises
    ------
    BatchError
        If nothing matches a pattern.
    """
    paths: list[Path] = []
    for word in words:
        if not is_pattern(word):
            paths.append(expanded(word))
            continue
        found = sorted(glob.glob(os.fspath(expanded(word)), recursive=True))  # noqa: PTH207
        if not found:
            raise BatchError(f"No file matches '{word}'.")
        paths += map(Path, found)
    return paths


def check_names(names: str, fields: Mapping[str, object]) -> None:
    """Raise BatchError where a pattern for the names of results makes no sense.

    Parameters
    ----------
    names : str
        The pattern, such as "{stem}-x{scale}" and an ending.
    fields : mapping
        What it may hold beside `FIELDS`.
    """
    known = (*FIELDS, *fields)
    try:
        used = [name for _, name, _, _ in Formatter().parse(names) if name is not None]
        words = dict.fromkeys((*known, *used), "word")
        names.format(**{**words, "number": 1, **fields})
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        used = [""]
    shown = ", ".join(f"{{{name}}}" for name in known)
    if "" in used:
        raise BatchError(f"The pattern '{names}' may hold only text and the fields {shown}.")
    if unknown := [name for name in used if name not in known]:
        raise BatchError(
            f"The pattern '{names}' holds '{{{unknown[0]}}}', which is not one of {shown}."
        )
    if Path(names).suffix.lower() not in written_suffixes():
        raise BatchError(
            f"The pattern '{names}' must end with one of {', '.join(written_suffixes())}."
        )


def tasks_of(
    found: Iterable[FoundCube | LeftOut],
    folder: Path,
    names: str,
    fields: Mapping[str, object],
    work: Work,
    *,
    overwrite: bool = False,
) -> list[Task | Row]:
    """Return what is to be done to cubes, and rows for those with which nothing is.

    Parameters
    ----------
    found : iterable of FoundCube or LeftOut
        What `find_cubes` gives.
    folder : Path
        Where the results go.
    names : str
        Pattern for their names, of which `fields` fills in what is not known of each cube here.
    fields : mapping
        See `names`.
    work : callable
        What is done.
    overwrite : bool
        Whether a result that is there is made again.
    """
    check_names(names, fields)
    plans: list[_Plan | Row] = []
    for number, cube in enumerate(found, start=1):
        if isinstance(cube, LeftOut):
            plans.append(Row(cube.path, "failed", cube.reason))
            continue
        own = {"stem": _stem(cube), "folder": cube.path.parent.name}
        own = {key: re.sub(r'[\\/:*?"<>|]', "_", text) for key, text in own.items()}
        output = folder / names.format(**fields, **own, number=number)
        try:
            plans.append(_Plan.of(cube, output))
        except UserError as error:
            plans.append(Row(cube.path, "failed", str(error), more={"output": output}))
    overlaps = _Overlaps([plan for plan in plans if isinstance(plan, _Plan)])
    items: list[Task | Row] = []
    for plan in plans:
        if isinstance(plan, Row):
            items.append(plan)
            continue
        try:
            items.append(_planned(plan, overlaps, work, overwrite))
        except UserError as error:
            items.append(Row(plan.source, "failed", str(error), more=plan.more))
    return items


@dataclass(frozen=True, eq=False)
class _Plan:
    """A cube that was found, but for its pixels, and the result that it is to have."""

    source: Path
    history: tuple[str, ...]
    again: Callable[[], HyperCube]
    output: Path
    files: frozenset[Path]
    results: frozenset[Path]

    @classmethod
    def of(cls, found: FoundCube, output: Path) -> _Plan:
        with file_faults_as_sentences(found.path, "looked for"):
            files = frozenset(file.resolve() for file in files_of(found.path))
            results = frozenset(file.resolve() for file in written_files(output))
        return cls(found.path, found.cube.history, found.again, output, files, results)

    @property
    def more(self) -> Figures:
        return {"output": self.output}

    def comes_from(self, other: _Plan) -> bool:
        """Tell whether the history of the cube goes on from that of another one."""
        count = len(other.history)
        return len(self.history) > count and self.history[:count] == other.history


class _Overlaps:
    """Which cubes are results of others, and which results would take the place of cubes."""

    def __init__(self, plans: Sequence[_Plan]) -> None:
        self.taken: dict[Path, Path] = {}
        self._makers: dict[Path, _Plan] = {}
        self._places: dict[Path, _Plan] = {}
        for plan in plans:
            folders = (folder for file in plan.files for folder in file.parents)
            for place in (*plan.files, *folders):
                self._places.setdefault(place, plan)
            if plan.files.isdisjoint(plan.results):
                self._makers |= dict.fromkeys(plan.results - self._makers.keys(), plan)

    def maker(self, plan: _Plan) -> _Plan | None:
        """Return of what a cube is the result, so that it is no source."""
        for file in plan.files & self._makers.keys():
            maker = self._makers[file]
            if maker is not plan and (
                plan.comes_from(maker) or not plan.files.isdisjoint(plan.results)
            ):
                return maker
        return None

    def victim(self, plan: _Plan) -> _Plan | None:
        """Return the source that a result would take the place of."""
        met = (self._places[file] for file in plan.results & self._places.keys())
        return next((other for other in met if not other.comes_from(plan)), None)


def _planned(plan: _Plan, overlaps: _Overlaps, work: Work, overwrite: bool) -> Task | Row:
    output, taken = plan.output, overlaps.taken
    if (maker := overlaps.maker(plan)) is not None:
        return Row(plan.source, "skipped", f"{plan.source} is the result of {maker.source}.")
    if output in taken:
        raise BatchError(
            f"{output} is already the result of {taken[output]}; add {{folder}} or {{number}} to"
            " the pattern of the names."
        )
    taken[output] = plan.source
    check_not_source(output, plan.source)
    if not overwrite and all(file.exists() for file in written_files(output)):
        return Row(plan.source, "skipped", f"{output} already exists.", more=plan.more)
    if (victim := overlaps.victim(plan)) is not None:
        raise BatchError(
            f"{output} would replace {victim.source}, which is a source itself; choose another"
            " folder or pattern of the names."
        )

    def do() -> Steps[Figures]:
        output.parent.mkdir(parents=True, exist_ok=True)
        return (yield from work(plan.again(), output))

    return Task(plan.source, do, plan.more)


def comparisons_of(
    found: Iterable[FoundCube | LeftOut],
    references: Iterable[FoundCube | LeftOut],
    compare: Compare,
) -> list[Task | Row]:
    """Return what is to be compared with what; see `tasks_of`.

    A reference that was given as a cube is that of all. Of those in a folder it is the one with the
    longest name with which the result's begins, as a whole word.
    """
    items: list[Task | Row] = []
    truths: list[_Truth] = []
    for cube in references:
        if isinstance(cube, LeftOut):
            items.append(Row(cube.path, "failed", cube.reason))
        else:
            truths.append(_Truth(cube.path, _stem(cube), cube.given == cube.path, cube.again))
    for cube in found:
        if isinstance(cube, LeftOut):
            items.append(Row(cube.path, "failed", cube.reason))
            continue
        stem = _stem(cube)
        fitting = [truth for truth in truths if truth.of_all or _begins(stem, truth.stem)]
        if not fitting:
            items.append(
                Row(cube.path, "failed", f"{cube.path} has no reference with a matching name.")
            )
            continue
        truth = max(fitting, key=lambda truth: len(truth.stem))
        more = {"reference": truth.path}
        items.append(Task(cube.path, partial(_compared, compare, cube.again, truth.again), more))
    return items


@dataclass(frozen=True)
class _Truth:
    """A reference, but for its pixels."""

    path: Path
    stem: str
    of_all: bool
    again: Callable[[], HyperCube]


def _compared(
    compare: Compare, result: Callable[[], HyperCube], truth: Callable[[], HyperCube]
) -> Steps[Figures]:
    return (yield from compare(result(), truth()))


def _stem(found: FoundCube) -> str:
    return found.cube.name or found.path.stem


def _begins(name: str, word: str) -> bool:
    return name.startswith(word) and not name[len(word) : len(word) + 1].isalnum()


def batch_steps(
    items: Sequence[Task | Row], rows: list[Row], together: int = 1
) -> Steps[list[Row]]:
    """Do tasks one after the other, or some at a time.

    Parameters
    ----------
    items : sequence of Task or Row
        What to do, and what stands in the report without being done.
    rows : list of Row
        Gets the rows as they come, so that they are there where the batch is interrupted, too.
    together : int
        How many tasks are in work at a time: of those that mostly wait for other machines.

    Returns
    -------
    list of Row
        The same list.
    """
    total = len(items) * GRAIN
    if together > 1:
        yield from _some_at_a_time(items, rows, together)
    else:
        for number, item in enumerate(items):
            yield from _one(number, item, rows, len(items))
    yield Progress(total, total, "Done")
    return rows


def _one(number: int, item: Task | Row, rows: list[Row], count: int) -> Steps[None]:
    """Do a task of so many, whose progress is a part of that of all."""
    if isinstance(item, Row):
        rows.append(item)
        return
    total = count * GRAIN
    about = f"{number + 1} of {count}, {item.source.name}"
    yield Progress(number * GRAIN, total, about)

    def retell(event: Progress) -> Progress:
        done = number * GRAIN + _share(event)
        return replace(event, done=done, total=total, message=f"{about}: {event.message}")

    begun = time.monotonic()
    try:
        more = yield from retold(item.work(), retell)
        row = Row(item.source, "done", more={**item.more, **more})
    except FAULTS as error:
        row = _failed(item, error)
    rows.append(replace(row, seconds=time.monotonic() - begun))


def _some_at_a_time(items: Sequence[Task | Row], rows: list[Row], together: int) -> Steps[None]:
    """Do tasks in threads."""
    shares, over = [GRAIN] * len(items), threading.Event()

    def do(number: int, item: Task) -> Row:
        def note(event: Progress) -> None:
            stop_if(over.is_set)
            shares[number] = _share(event)

        begun = time.monotonic()
        try:
            row = Row(item.source, "done", more={**item.more, **follow(item.work(), note)})
        except FAULTS as error:
            row = _failed(item, error)
        shares[number] = GRAIN
        return replace(row, seconds=time.monotonic() - begun)

    waiting: set[Future[Row]] = set()
    with ThreadPoolExecutor(together) as pool:
        try:
            for number, item in enumerate(items):
                if isinstance(item, Row):
                    rows.append(item)
                    continue
                shares[number] = 0
                waiting.add(pool.submit(do, number, item))
            while waiting:
                ready, _ = wait(waiting, PAUSE, FIRST_COMPLETED)
                for future in ready:
                    waiting.remove(future)
                    rows.append(future.result())
                message = f"{len(items) - len(waiting)} of {len(items)} done"
                yield Progress(sum(shares), len(items) * GRAIN, message)
        finally:
            over.set()
            pool.shutdown(cancel_futures=True)
            left = (future for future in waiting if not future.cancelled())
            rows += [future.result() for future in left if future.exception() is None]


def _share(event: Progress) -> int:
    """Return how much of a task is done, of `GRAIN`."""
    return GRAIN * event.done // max(event.total, 1)


def _failed(item: Task, error: Exception) -> Row:
    """Return the row of a task that could not be done; what is nobody's fault is raised."""
    if isinstance(error, (UserError, OSError)):
        reason = str(error)
    elif isinstance(error, LinAlgError):
        reason = f"{item.source} cannot be computed: {error}."
    elif is_out_of_memory(error):
        reason = "There is not enough memory."
    else:
        raise error
    return Row(item.source, "failed", reason, more=item.more)


def headings(rows: Sequence[Row]) -> list[str]:
    """Return the columns of a report."""
    return list(dict.fromkeys((*COLUMNS, *(key for row in rows for key in row.columns()))))


def is_report(path: Path) -> bool:
    """Tell whether a file is a report as CSV."""
    begin = ",".join(COLUMNS).encode()
    try:
        with path.open("rb") as file:
            return file.read(len(begin)) == begin
    except OSError:
        return False


def csv_text(rows: Sequence[Row]) -> str:
    """Return a report as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, headings(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.columns() for row in rows)
    return text.getvalue()


def json_text(rows: Sequence[Row]) -> str:
    """Return a report as JSON, a list with an object for each cube."""
    return to_json([row.columns() for row in rows])


def to_json(value: object) -> str:
    """Return JSON for programs; what it has no word for, such as NaN, is null."""
    return json.dumps(_without_nan(value), indent=2, default=str, allow_nan=False)


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def in_words(rows: Sequence[Row]) -> str:
    """Return how many cubes were done, skipped, and could not be done."""
    counts = ((sum(row.status == status for row in rows), status) for status in STATUSES)
    return ", ".join(f"{count} {status}" for count, status in counts) + "."
