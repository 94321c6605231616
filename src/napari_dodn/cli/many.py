"""Commands on many cubes: which they are, and the report at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from napari_dodn.batch import (
    SENTENCES,
    Figures,
    Row,
    Task,
    Work,
    batch_steps,
    csv_text,
    headings,
    in_words,
    is_pattern,
    is_report,
    is_there,
    json_text,
    matching,
    tasks_of,
)
from napari_dodn.cli.app import err, follow_with_bar, out, print_in_full
from napari_dodn.errors import UserError
from napari_dodn.formats import written_files
from napari_dodn.formats.bands.folder import BAND_IMAGES, holds_band_images
from napari_dodn.formats.errors import check_new_file, file_faults_as_sentences
from napari_dodn.formats.finding import find_cubes
from napari_dodn.formats.registry import sniffed, written_suffixes
from napari_dodn.paths import expanded
from napari_dodn.replacing import replace_text


def are_many(sources: Sequence[str], target: Path) -> bool:
    """Tell whether a command is to take every cube that it finds, and OUT is a folder."""
    many = are_many_cubes(sources)
    if target.suffix.lower() in written_suffixes():
        if many:
            raise UserError(f"OUT must be a folder if there are several cubes, not {target}.")
        return False
    is_folder = not target.suffix and expanded(sources[0]).is_dir()
    return many or is_folder or expanded(target).is_dir()


def are_many_cubes(sources: Sequence[str]) -> bool:
    """Tell whether words name several cubes, or a folder that is not one itself."""
    if len(sources) > 1 or is_pattern(sources[0]):
        return True
    path = expanded(sources[0])
    return path.is_dir() and not (
        holds_band_images(path) or sniffed(path) not in (None, BAND_IMAGES)
    )


@dataclass(frozen=True)
class Many:
    """Many cubes as they stand on the command line."""

    sources: Sequence[str]
    folder: Path
    names: str
    fields: Mapping[str, object]
    dataset: str | None
    large: bool
    overwrite: bool
    report: Path | None
    as_json: bool

    def run(
        self, work: Work, together: int = 1, is_done: Callable[[Path], bool] = is_there
    ) -> None:
        """Do all of them, some at a time, behind a progress bar; print and write the report."""
        found = find_cubes(matching(self.sources), dataset=self.dataset, large=self.large)
        items = tasks_of(
            found,
            expanded(self.folder),
            self.names,
            self.fields,
            work,
            overwrite=self.overwrite,
            is_done=is_done,
        )
        outputs = (Path(str(item.more["output"])) for item in items if isinstance(item, Task))
        files = [file for output in outputs for file in written_files(output)]
        refuse_one_file_twice({"OUT": files, "--report": [self.report]})
        goes_on = "" if self.overwrite else "; the same command continues"
        do_all(items, self.report, self.as_json, together, goes_on)


def refuse_one_file_twice(outputs: Mapping[str, Iterable[Path | None]]) -> None:
    """Refuse a call of which one output would take the place of another, or of a part of it."""
    written: dict[Path, str] = {}
    for called, files in outputs.items():
        own = [expanded(file).resolve() for file in files if file is not None]
        for file in own:
            if other := next(filter(None, map(written.get, (file, *file.parents))), None):
                raise UserError(f"{other} and {called} would both write {file}; name another file.")
        written |= dict.fromkeys(own, called)


def report_file(path: Path | None) -> Path | None:
    """Return the file of a report, which takes the place of nothing but an earlier report."""
    if path is None:
        return None
    path = expanded(path)
    if path.is_file() and not is_report(path):
        raise UserError(f"{path} already exists and is not a report; choose another name.")
    check_new_file(path, overwrite=True)
    return path


def do_all(
    items: Sequence[Task | Row],
    report: Path | None,
    as_json: bool,
    together: int = 1,
    goes_on: str = "",
) -> None:
    """Do tasks behind a progress bar and report, also where Ctrl-C ends them.

    Where that happens, `goes_on` says how to do the rest. The command ends with 1 where something
    could not be done.
    """
    rows: list[Row] = []
    try:
        follow_with_bar(batch_steps(items, rows, together))
    except KeyboardInterrupt:
        ended = {row.source for row in rows}
        left = sum(isinstance(item, Task) and item.source not in ended for item in items)
        err.print(f"Interrupted: {left} of {len(items)} are left{goes_on}.")
        raise
    finally:
        show(rows, report, as_json)
    if any(row.status == "failed" for row in rows):
        raise typer.Exit(1)


def show(rows: Sequence[Row], report: Path | None, as_json: bool) -> None:
    """Print a report, and write it where that was asked for."""
    try:  # first: the disk may be full by now
        _print(rows, as_json)
    finally:
        if report is not None:
            with file_faults_as_sentences(report, "written"):
                replace_text(report, csv_text(rows))


def _print(rows: Sequence[Row], as_json: bool) -> None:
    if as_json:
        typer.echo(json_text(rows))
        return
    table = Table()
    shown = [name for name in headings(rows) if name not in SENTENCES]
    for heading in shown:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        columns = row.columns()
        table.add_row(*(Text(str(columns.get(name, ""))) for name in shown))
    print_in_full(table)
    for row in rows:  # not in the table, which they would make far wider than any console
        if row.status == "skipped" and "output" in row.more:  # whose result is there, as one sees
            continue
        for sentence in filter(None, (row.columns().get(name) for name in SENTENCES)):
            out.print(f"{row.source}: {sentence}", markup=False)
    out.print(in_words(rows))


def say_one(
    source: Path,
    more: Figures,
    sentence: str,
    report: Path | None,
    as_json: bool,
    seconds: float,
) -> None:
    """Tell that a single cube is done, in the form that was asked for."""
    rows = [Row(source, "done", seconds=seconds, more=more)]
    if report is not None or as_json:
        show(rows, report, as_json)
    if not as_json:
        out.print(sentence, markup=False)
