"""A benchmark as tables: for the terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from napari_dodn.benchmark.protocol import DIGITS
from napari_dodn.benchmark.result import Benchmark
from napari_dodn.metrics import METRICS, Quality
from napari_dodn.wording import counted

HEADINGS = tuple(metric.heading for metric in METRICS.values())

MEAN = "mean"

TOLD = "told σ"
"""Heading of the blur that a network was told."""


@dataclass(frozen=True)
class Table:
    """Text in rows and columns; the first `measured` rows are ours, those below are published."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    measured: int


def figures_of(quality: Quality) -> tuple[str, ...]:
    """Return the six figures as text, in the order of the published tables."""
    return tuple(f"{getattr(quality, figure):.{DIGITS}f}" for figure in METRICS)


def headline(benchmark: Benchmark) -> str:
    """Say in a line what was done."""
    count = len(benchmark.scenes)
    return (
        f"{benchmark.title} ×{benchmark.scale}, {benchmark.task},"
        f" {counted(count, 'scene')}; {benchmark.device}, {benchmark.precision};"
        f" {benchmark.software}"
    )


def remarks(benchmark: Benchmark) -> tuple[str, ...]:
    """Return what must be said under the tables, one sentence each."""
    return tuple(filter(None, (*benchmark.notes, benchmark.verdict)))


def tables(benchmark: Benchmark) -> list[Table]:
    """Return the means beside the published rows, what they cost, and the figures of each scene."""
    ours = tuple((row.name, *figures_of(row.mean)) for row in benchmark.rows)
    theirs = tuple(
        (f"{row.name} (published)", *figures_of(row.quality)) for row in benchmark.published
    )
    protocol = benchmark.protocol
    if protocol and theirs and benchmark.is_comparable:
        source = protocol.published_source
        title = f"Mean of the scenes, beside the published rows ({source})"
        found = [Table(title, ("", *HEADINGS), ours + theirs, len(ours))]
    else:
        found = [Table("Mean of the scenes", ("", *HEADINGS), ours, len(ours))]
    if benchmark.groups:
        found.append(_gains(benchmark))
    found += [_costs(benchmark), _each_scene(benchmark)]
    if protocol and theirs and not benchmark.is_comparable:
        count = len(protocol.splits[protocol.published_split])
        title = (
            f"Published on the {count} scenes of the split '{protocol.published_split}'"
            f" ({protocol.published_source}): other scenes, not to be compared with these"
        )
        found.append(Table(title, ("", *HEADINGS), theirs, 0))
    return found


def _gains(benchmark: Benchmark) -> Table:
    """Return what each row gains over bicubic, on all scenes and on each group of them."""
    rows = []
    for row in benchmark.rows[1:]:
        gain = benchmark.gain(row)
        each = (benchmark.gain(row, scenes).psnr for scenes in benchmark.groups.values())
        all_scenes = f"{gain.psnr:+.2f}", f"{gain.sam:+.2f}", f"{gain.worst:+.2f}", str(gain.below)
        rows.append((row.name, *all_scenes, *(f"{psnr:+.2f}" for psnr in each)))
    columns = (
        "",
        "dB",
        "°",
        "worst (dB)",
        "scenes below",
        *(f"{g} (dB)" for g in benchmark.groups),
    )
    return Table("Gain over bicubic", columns, tuple(rows), len(rows))


def _each_scene(benchmark: Benchmark) -> Table:
    """Return the figures of each scene; where reductions differ, with the blur that was told."""
    rows = []
    for scene in benchmark.scenes:
        for row in benchmark.rows:
            told = dict(row.told).get(scene)
            blur = ("" if told is None else f"{told:.2f}",) if benchmark.groups else ()
            rows.append((scene, row.name, *blur, *figures_of(dict(row.scenes)[scene])))
    blur = (TOLD,) if benchmark.groups else ()
    columns = ("scene", "", *blur, *HEADINGS)
    return Table("Each scene", columns, tuple(rows), len(rows))


def _costs(benchmark: Benchmark) -> Table:
    ours = tuple(
        (
            row.name,
            row.precision,
            f"{row.seconds:.2f}",
            f"{row.memory / 2**20:.0f}",
            f"{row.operations / 1e6:.4f}",
            f"{row.parameters:,}",
        )
        for row in benchmark.rows
    )
    theirs = tuple(
        (
            f"{row.name} (published)",
            "",
            "",
            "",
            f"{row.operations / 1e6:.4f}" if row.operations else "",
            f"{row.parameters:,}",
        )
        for row in benchmark.published
        if row.parameters
    )
    columns = (
        "",
        "precision",
        "s per scene",
        "MiB at the peak",
        "MFLOP per LR voxel",
        "parameters",
    )
    return Table("Cost", columns, ours + theirs, len(ours))


def markdown(benchmark: Benchmark) -> str:
    """Return all tables as Markdown."""

    def lines() -> Iterator[str]:
        yield f"{headline(benchmark)}."
        for table in tables(benchmark):
            yield f"\n{table.title}:\n"
            yield _row(table.columns)
            words = sum(not _is_number(cell) for cell in table.rows[0])
            yield _row(("---",) * words + ("--:",) * (len(table.columns) - words))
            yield from map(_row, table.rows)
        if said := remarks(benchmark):
            yield ""
            yield from (f"- {sentence}" for sentence in said)

    return "\n".join(lines()) + "\n"


def csv_text(benchmark: Benchmark) -> str:
    """Return the figures of each scene, their means and the published rows as CSV.

    The numbers are not rounded. Time in seconds, memory in bytes, floating-point operations for
    each LR voxel; they stand in the rows of the means. The blur that the network was told, in LR
    pixels, stands in the rows of the scenes.
    """
    costs = ("seconds", "memory", "operations", "parameters", "precision")
    columns = ("kind", "method", "scene", *METRICS, *costs, "blur")
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in benchmark.rows:
        for scene, quality in row.scenes:
            named = {"kind": "measured", "method": row.name, "scene": scene}
            told = {"blur": dict(row.told).get(scene, "")}
            writer.writerow(named | quality.as_dict() | told)
        cost = {
            "seconds": row.seconds,
            "memory": row.memory,
            "operations": row.operations,
            "parameters": row.parameters,
            "precision": row.precision,
        }
        named = {"kind": "measured", "method": row.name, "scene": MEAN}
        writer.writerow(named | row.mean.as_dict() | cost)
    for other in benchmark.published:
        assert benchmark.protocol is not None
        scene = f"{MEAN} of {benchmark.protocol.published_split}"
        named = {"kind": "published", "method": other.name, "scene": scene}
        known = {"operations": other.operations, "parameters": other.parameters}
        writer.writerow(named | other.quality.as_dict() | known)
    return text.getvalue()


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True
