"""Which cubes are done, what their results are called, and what is compared with what."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Formatter

from napari_dodn.batch.report import Figures, Row
from napari_dodn.batch.running import Task
from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError, reason_of
from napari_dodn.formats import check_not_source, written_files
from napari_dodn.formats.errors import file_faults_as_sentences
from napari_dodn.formats.finding import FoundCube, LeftOut
from napari_dodn.formats.registry import files_of, written_suffixes
from napari_dodn.jobs import Steps
from napari_dodn.paths import expanded
from napari_dodn.wording import all_of

PATTERN = frozenset("*?[")
"""Letters that make a source a pattern of names."""

FIELDS = ("stem", "folder", "number")
"""What the name of any result may hold."""

Work = Callable[[HyperCube, Path], Steps[Figures]]
"""Makes the result of a cube, and returns what the report says of it."""

Compare = Callable[[HyperCube, HyperCube], Steps[Figures]]
"""Compares a result with its reference, likewise."""


class BatchError(UserError):
    """A batch that cannot be begun as asked."""


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


def is_there(output: Path) -> bool:
    """Tell whether all files of a result are there."""
    return all(file.exists() for file in written_files(output))


def tasks_of(
    found: Iterable[FoundCube | LeftOut],
    folder: Path,
    names: str,
    fields: Mapping[str, object],
    work: Work,
    *,
    overwrite: bool = False,
    is_done: Callable[[Path], bool] = is_there,
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
    is_done : callable
        Tells whether nothing is left to do of a result.
    """
    check_names(names, fields)
    plans: list[_Plan | Row] = []
    for number, cube in enumerate(found, start=1):
        if isinstance(cube, LeftOut):
            plans.append(_row_of(cube))
            continue
        own = {"stem": _stem(cube), "folder": _folder_of(cube.path)}
        own = {key: _as_name(text) for key, text in own.items()}
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
            items.append(_planned(plan, overlaps, work, overwrite, is_done))
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
    """Which cubes are results of others, and which results would take the place of something."""

    def __init__(self, plans: Sequence[_Plan]) -> None:
        self._taken: dict[str, _Plan] = {}
        self._makers: dict[Path, _Plan] = {}
        self._places: dict[Path, _Plan] = {}
        for plan in plans:
            folders = (folder for file in plan.files for folder in file.parents)
            for place in (*plan.files, *folders):
                self._places.setdefault(place, plan)
            if plan.files.isdisjoint(plan.results):
                self._makers |= dict.fromkeys(plan.results - self._makers.keys(), plan)

    def take(self, plan: _Plan) -> None:
        """Raise BatchError where a result has the name of an earlier one, on any disk."""
        other = self._taken.setdefault(os.fspath(plan.output).casefold(), plan)
        if other is plan:
            return
        met = f"{plan.output} is already the result of {other.source}"
        if other.output != plan.output:
            met = (
                f"{plan.output} and {other.output} differ only in capital letters, which many disks"
                " do not tell apart"
            )
        raise BatchError(f"{met}; add {{folder}} or {{number}} to the pattern of the names.")

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


def _planned(
    plan: _Plan,
    overlaps: _Overlaps,
    work: Work,
    overwrite: bool,
    is_done: Callable[[Path], bool],
) -> Task | Row:
    output = plan.output
    if (maker := overlaps.maker(plan)) is not None:
        return Row(plan.source, "skipped", f"{plan.source} is the result of {maker.source}.")
    overlaps.take(plan)
    check_not_source(output, plan.source)
    if not overwrite and is_done(output):
        return Row(plan.source, "skipped", f"{output} already exists.", more=plan.more)
    if (victim := overlaps.victim(plan)) is not None:
        raise BatchError(
            f"{output} would replace {victim.source}, which is a source itself; choose another"
            " folder or pattern of the names."
        )

    def do() -> Steps[Figures]:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BatchError(f"{output.parent} cannot be made: {reason_of(error)}.") from error
        cube = plan.again()
        more = yield from work(cube, output)
        return {**more, "notes": " ".join(cube.notes)} if cube.notes else more

    return Task(plan.source, do, plan.more)


def comparisons_of(
    found: Iterable[FoundCube | LeftOut],
    references: Iterable[FoundCube | LeftOut],
    compare: Compare,
) -> list[Task | Row]:
    """Return what is to be compared with what; see `tasks_of`.

    A reference that was given as a cube is that of all. Of those in a folder it is the one with the
    longest name with which the result's begins, as a whole word; of several such, the one whose
    folder is called as that of the result.
    """
    items: list[Task | Row] = []
    truths: list[_Truth] = []
    for cube in references:
        if isinstance(cube, LeftOut):
            items.append(_row_of(cube))
        else:
            truths.append(_Truth(cube.path, _stem(cube), cube.given == cube.path, cube.again))
    for cube in found:
        if isinstance(cube, LeftOut):
            items.append(_row_of(cube))
            continue
        stem = _stem(cube)
        fitting = [truth for truth in truths if truth.of_all or _begins(stem, truth.stem)]
        if not fitting:
            items.append(
                Row(cube.path, "failed", f"{cube.path} has no reference with a matching name.")
            )
            continue
        longest = max(len(truth.stem) for truth in fitting)
        fitting = [truth for truth in fitting if len(truth.stem) == longest]
        folder = _folder_of(cube.path)
        beside = [truth for truth in fitting if _folder_of(truth.path) == folder] or fitting
        if len(beside) > 1:
            named = all_of(truth.path for truth in beside)
            reason = f"{cube.path} has several references with a matching name: {named}."
            items.append(Row(cube.path, "failed", reason))
            continue
        (truth,) = beside
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


def _row_of(left: LeftOut) -> Row:
    return Row(left.path, "skipped" if left.by_rule else "failed", left.reason)


def _stem(found: FoundCube) -> str:
    return found.cube.name or found.path.stem


def _folder_of(path: Path) -> str:
    """Return the name of a file's folder, also where the path is relative and does not say it."""
    return Path(os.path.abspath(path)).parent.name  # noqa: PTH100 - which leaves ".." in it


def _as_name(text: str) -> str:
    """Return a text as the name of a file or folder, which leads nowhere else."""
    name = re.sub(r'[\\/:*?"<>|]', "_", text)
    return name if name.strip(".") else "_"


def _begins(name: str, word: str) -> bool:
    return name.startswith(word) and not name[len(word) : len(word) + 1].isalnum()
