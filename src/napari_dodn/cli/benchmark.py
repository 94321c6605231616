"""Commands that measure results: benchmark, evaluate."""

from __future__ import annotations

import math
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from napari_dodn.batch import Figures, Row, comparisons_of, matching
from napari_dodn.cli import arguments as arg
from napari_dodn.cli.app import app, err, follow_with_bar, out, print_in_full, read_cube, refuse
from napari_dodn.cli.many import (
    are_many_cubes,
    do_all,
    refuse_one_file_twice,
    report_file,
    show,
)
from napari_dodn.cube import HyperCube, Region
from napari_dodn.formats.errors import file_faults_as_sentences
from napari_dodn.jobs import Steps
from napari_dodn.paths import expanded
from napari_dodn.replacing import replace_text

if TYPE_CHECKING:
    from napari_dodn.benchmark.report import Table as TextTable
    from napari_dodn.metrics import Comparison

MOST_CROPPED = 7
"""Rows or columns that --crop cuts off: fewer than the largest scale."""

WORDS = ("", "scene", "precision")
"""Headings of the columns that hold names, not numbers."""


class ProtocolName(StrEnum):
    """The published protocols, and any cubes of real sensors."""

    CAVE = "cave"
    NTIRE2020 = "ntire2020"
    SENSORS = "sensors"


@app.command()
def benchmark(
    protocol: Annotated[ProtocolName, typer.Argument(help="Which protocol to run.")],
    data: Annotated[
        list[Path],
        typer.Option(
            help="The folder with the scenes as downloaded. With 'sensors', files or folders of"
            " cubes; may be repeated."
        ),
    ],
    scale: arg.Scale = 4,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Name or path of a model; may be repeated. If left out, all models of the scale."
        ),
    ] = None,
    scenes: Annotated[str | None, typer.Option(help="Scenes instead of a split: A,B,C.")] = None,
    split: Annotated[
        str | None, typer.Option(help="test (if left out) or train; for CAVE also validation.")
    ] = None,
    psf: Annotated[
        list[float] | None,
        typer.Option(
            help="With 'sensors': σ of the point spread function in LR pixels; may be repeated."
            " If left out, 0, 0.35, 0.5 and 0.7."
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            help="With 'sensors': σ of the noise in standard deviations of the cube. If left out,"
            " 0."
        ),
    ] = None,
    self_ensemble: Annotated[
        bool, typer.Option("--self-ensemble", help="Add a row for each model's self-ensemble.")
    ] = False,
    device: arg.Device = "auto",
    precision: arg.Precision = "auto",
    csv: Annotated[
        Path | None, typer.Option(help="Write all figures, not rounded, to this CSV file.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the tables to this Markdown file.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files if they exist.")
    ] = False,
) -> None:
    """Measure models by a published protocol, beside the published figures, or on any cubes."""
    from napari_dodn import benchmark as room
    from napari_dodn.benchmark import report
    from napari_dodn.benchmark.sensors import PSF
    from napari_dodn.formats.errors import check_new_file

    csv, markdown = (file and expanded(file) for file in (csv, markdown))
    for file in filter(None, (csv, markdown)):
        check_new_file(file, overwrite=overwrite)
    refuse_one_file_twice({"--csv": [csv], "--markdown": [markdown]})
    options: dict[str, Any] = {
        "models": model,
        "self_ensemble": self_ensemble,
        "device": device,
        "precision": precision,
    }
    if protocol is ProtocolName.SENSORS:
        refuse({"--scenes": scenes, "--split": split}, f"'{protocol}'")
        steps = room.sensor_steps(
            data,
            scale,
            psf=psf or PSF,
            noise=noise or 0.0,
            **options,
        )
    else:
        others = {"--psf": psf, "--noise": noise, "--data, twice,": data[1:] or None}
        refuse(others, f"'{protocol}'")
        if scenes is not None:
            refuse({"--split": split}, "--scenes")
        chosen = None if scenes is None else scenes.replace(",", " ").split()
        steps_of = {
            ProtocolName.CAVE: room.cave_steps,
            ProtocolName.NTIRE2020: room.ntire2020_steps,
        }
        steps = steps_of[protocol](data[0], scale, scenes=chosen, split=split or "test", **options)
    result = follow_with_bar(steps)
    with ExitStack() as at_the_end:  # each, whatever becomes of the others: they took long
        for path, text in ((markdown, report.markdown), (csv, report.csv_text)):
            if path is not None:
                at_the_end.callback(_write, path, text(result))
        out.print(report.headline(result), markup=False)
        for table in report.tables(result):
            _print(table)
        for sentence in report.remarks(result):
            out.print(sentence, markup=False)


@app.command()
def evaluate(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULT...",
            help="A cube in any format. Several cubes, patterns such as 'results/*' and folders"
            " can be given too.",
        ),
    ],
    reference: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCE",
            help="The cube to compare with, or a folder of such cubes. The name of a result"
            " begins with the name of its reference.",
        ),
    ],
    data_range: Annotated[
        float | None,
        typer.Option(
            help="Peak value of PSNR and SSIM. If left out, the largest value of REFERENCE."
        ),
    ] = None,
    dataset: arg.Dataset = None,
    axes: arg.Axes = None,
    reference_dataset: Annotated[
        str | None, typer.Option(help="As --dataset, for REFERENCE.")
    ] = None,
    reference_axes: Annotated[str | None, typer.Option(help="As --axes, for REFERENCE.")] = None,
    nodata: arg.NoData = None,
    large: arg.Large = False,
    crop: Annotated[
        bool, typer.Option("--crop", help="Crop a cube that is at most 7 rows or columns larger.")
    ] = False,
    report: arg.ReportFile = None,
    as_json: arg.ReportAsJson = False,
) -> None:
    """Compare cubes with their references: PSNR, SSIM, RMSE, SAM, ERGAS (ratio 4) and CC."""
    from napari_dodn.formats.finding import find_cubes
    from napari_dodn.metrics import METRICS, compare_steps

    if data_range is not None and not 0 < data_range < math.inf:
        raise typer.BadParameter("The peak must be a number above 0.", param_hint="--data-range")

    def compared(result: HyperCube, reference: HyperCube) -> Steps[Comparison]:
        cubes = _cropped(result, reference) if crop else (result, reference)
        return (yield from compare_steps(*cubes, data_range=data_range))

    def figures_of(comparison: Comparison) -> Figures:
        figures = {name: float(getattr(comparison.quality, name)) for name in METRICS}
        return {**figures, "remarks": " ".join(comparison.remarks)}

    def reported(result: HyperCube, reference: HyperCube) -> Steps[Figures]:
        return figures_of((yield from compared(result, reference)))

    report = report_file(report)
    if are_many_cubes(results):
        of_one = {"--axes": axes, "--reference-axes": reference_axes, "--nodata": nodata}
        refuse(of_one, "several cubes")
        found = find_cubes(matching(results), dataset=dataset, large=large)
        truth = find_cubes([reference], dataset=reference_dataset, large=large)
        do_all(comparisons_of(found, truth, reported), report, as_json)
        return
    source = expanded(results[0])
    cubes = (
        read_cube(source, dataset, axes, nodata=nodata, large=large),
        read_cube(reference, reference_dataset, reference_axes, nodata=nodata, large=large),
    )
    comparison = follow_with_bar(compared(*cubes))
    if report is not None or as_json:
        more = {"reference": reference, **figures_of(comparison)}
        show([Row(source, "done", more=more)], report, as_json)
        return
    table = Table(show_header=False)
    for figure, metric in METRICS.items():
        table.add_row(metric.heading, f"{getattr(comparison.quality, figure):.6g}")
    out.print(table)
    for remark in comparison.remarks:
        err.print(f"Note: {remark}", markup=False)


def _cropped(result: HyperCube, reference: HyperCube) -> tuple[HyperCube, HyperCube]:
    """Return two cubes cut to the rows and columns that both have, from the upper left corner."""
    sizes = [cube.shape[1:] for cube in (result, reference)]
    height, width = (min(lengths) for lengths in zip(*sizes, strict=True))
    if max(max(rows - height, columns - width) for rows, columns in sizes) > MOST_CROPPED:
        return result, reference  # to be refused
    if sizes[0] != sizes[1]:
        err.print(f"Note: Both cubes are cropped to {height} × {width} pixels.", markup=False)
    common = Region.whole(height, width)
    return result.crop(common), reference.crop(common)


def _print(text: TextTable) -> None:
    """Print a table of a benchmark."""
    table = Table(title=text.title, title_justify="left")
    for column in text.columns:
        table.add_column(column, justify="left" if column in WORDS else "right", no_wrap=True)
    for count, row in enumerate(text.rows, start=1):
        table.add_row(*map(Text, row), end_section=count == text.measured)
    print_in_full(table)


def _write(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with file_faults_as_sentences(path, "written"):
        replace_text(path, text)
    out.print(f"Wrote {path}", markup=False)
