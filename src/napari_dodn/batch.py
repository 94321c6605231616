"""Many cubes, one after the other: a bad one does not stop the rest, and each gets a row.

What is done to a cube is the caller's; here are the cubes, the names of their results, and the
report.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from string import Formatter
from typing import Literal

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.formats import check_not_source, written_files, written_suffixes
from napari_dodn.formats.finding import FoundCube, LeftOut
from napari_dodn.jobs import Progress, Steps, retold
from napari_dodn.paths import expanded

Status = Literal["done", "skipped", "failed"]
STATUSES: tuple[Status, ...] = ("done", "skipped", "failed")

PATTERN = frozenset("*?[")
"""Letters that make a source a pattern of names."""

FIELDS = ("stem", "folder", "number")
"""What the name of any result may hold."""

GRAIN = 1000
"""Steps of the progress of one cube."""

Figures = Mapping[str, object]
Work = Callable[[HyperCube, Path], Steps[Figures]]
"""Makes the result of a cube, and returns what the report says of it."""


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
        names.format(**{name: fields.get(name, 1) for name in (*known, *used)})
    except (ValueError, KeyError, IndexError, AttributeError):
        used = [""]
    shown = ", ".join(f"{{{name}}}" for name in known)
    if "" in used:
        raise BatchError(f"The names '{names}' do not consist of text and the fields {shown}.")
    if unknown := [name for name in used if name not in known]:
        raise BatchError(f"The names '{names}' hold '{{{unknown[0]}}}', not one of {shown}.")
    if Path(names).suffix.lower() not in written_suffixes():
        raise BatchError(
            f"The names '{names}' must end with one of {', '.join(written_suffixes())}."
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
    items: list[Task | Row] = []
    taken: dict[Path, Path] = {}
    for number, cube in enumerate(found, start=1):
        if isinstance(cube, LeftOut):
            items.append(Row(cube.path, "failed", cube.reason))
            continue
        own = {"stem": _stem(cube), "folder": cube.path.parent.name}
        own = {key: re.sub(r'[\\/:*?"<>|]', "_", text) for key, text in own.items()}
        output = folder / names.format(**fields, **own, number=number)
        more = {"output": output}
        try:
            items.append(_planned(cube, output, taken, work, overwrite))
        except UserError as error:
            items.append(Row(cube.path, "failed", str(error), more=more))
        taken.setdefault(output, cube.path)
    return items


def _planned(
    found: FoundCube, output: Path, taken: Mapping[Path, Path], work: Work, overwrite: bool
) -> Task | Row:
    more = {"output": output}
    if output in taken:
        raise BatchError(
            f"{output} is the result of {taken[output]} already; add {{folder}} or {{number}} to"
            " the pattern of the names."
        )
    check_not_source(output, found.path)
    if not overwrite and all(file.exists() for file in written_files(output)):
        return Row(found.path, "skipped", f"{output} is there already.", more=more)

    def do() -> Steps[Figures]:
        output.parent.mkdir(parents=True, exist_ok=True)
        return (yield from work(found.cube, output))

    return Task(found.path, do, more)


def comparisons_of(
    found: Iterable[FoundCube | LeftOut],
    references: Sequence[FoundCube | LeftOut],
    compare: Callable[[HyperCube, HyperCube], Steps[Figures]],
) -> list[Task | Row]:
    """Return what is to be compared with what; see `tasks_of`.

    A reference that was given as a cube is that of all. Of those in a folder it is the one with the
    longest name with which the result's begins, as a whole word.
    """
    items: list[Task | Row] = []
    truths = [cube for cube in references if isinstance(cube, FoundCube)]
    items += [
        Row(cube.path, "failed", cube.reason) for cube in references if isinstance(cube, LeftOut)
    ]
    for cube in found:
        if isinstance(cube, LeftOut):
            items.append(Row(cube.path, "failed", cube.reason))
            continue
        fitting = [truth for truth in truths if truth.given == truth.path]
        fitting += [truth for truth in truths if _begins(_stem(cube), _stem(truth))]
        if not fitting:
            items.append(Row(cube.path, "failed", f"{cube.path} has no reference of its name."))
            continue
        truth = max(fitting, key=lambda found: len(_stem(found)))
        more = {"reference": truth.path}
        items.append(Task(cube.path, partial(compare, cube.cube, truth.cube), more))
    return items


def _stem(found: FoundCube) -> str:
    return found.cube.name or found.path.stem


def _begins(name: str, word: str) -> bool:
    return name.startswith(word) and not name[len(word) : len(word) + 1].isalnum()


def batch_steps(items: Sequence[Task | Row], rows: list[Row]) -> Steps[list[Row]]:
    """Do tasks one after the other.

    Parameters
    ----------
    items : sequence of Task or Row
        What to do, and what stands in the report without being done.
    rows : list of Row
        Gets the rows as they come, so that they are there where the batch is interrupted, too.

    Returns
    -------
    list of Row
        The same list.
    """
    total = len(items) * GRAIN
    for number, item in enumerate(items):
        if isinstance(item, Row):
            rows.append(item)
            continue
        about = f"{number + 1} of {len(items)}, {item.source.name}"
        yield Progress(number * GRAIN, total, about)

        def retell(event: Progress, number: int = number, about: str = about) -> Progress:
            done = GRAIN * event.done // max(event.total, 1)
            return replace(
                event, done=number * GRAIN + done, total=total, message=f"{about}: {event.message}"
            )

        begun = time.monotonic()
        try:
            more = yield from retold(item.work(), retell)
            row = Row(item.source, "done", more={**item.more, **more})
        except (UserError, OSError) as error:
            row = Row(item.source, "failed", str(error), more=item.more)
        except MemoryError:
            row = Row(item.source, "failed", "There is not enough memory.", more=item.more)
        rows.append(replace(row, seconds=time.monotonic() - begun))
    yield Progress(total, total, "Done")
    return rows


def headings(rows: Sequence[Row]) -> list[str]:
    """Return the columns of a report."""
    return list(dict.fromkeys(key for row in rows for key in row.columns()))


def csv_text(rows: Sequence[Row]) -> str:
    """Return a report as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, headings(rows) or ["source"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.columns() for row in rows)
    return text.getvalue()


def json_text(rows: Sequence[Row]) -> str:
    """Return a report as JSON, a list with an object for each cube."""
    return json.dumps([row.columns() for row in rows], indent=2, default=str)


def in_words(rows: Sequence[Row]) -> str:
    """Return how many cubes were done, skipped, and could not be done."""
    counts = ((sum(row.status == status for row in rows), status) for status in STATUSES)
    return ", ".join(f"{count} {status}" for count, status in counts) + "."
