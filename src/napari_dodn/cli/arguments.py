"""The arguments that several commands have, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_dodn.formats.registry import opened_in_words, written_in_words, written_suffixes
from napari_dodn.formats.tables.wavelength_files import SUFFIXES as WAVELENGTH_SUFFIXES

USUAL = written_suffixes()[0]
"""Ending of the results of many cubes, unless another one is asked for."""

Source = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help=f"The cube: {opened_in_words()}.",
    ),
]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help=f"The cube: {opened_in_words()}. Several cubes, patterns such as 'scenes/*' and"
        " folders can be given too; every cube in a folder is taken.",
    ),
]
Target = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        help=f"The file to write; its ending selects the format: {written_in_words()}. For"
        " several cubes, a folder.",
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(help="Which variable, array, image or series to read, if there are several."),
]
Axes = Annotated[
    str | None,
    typer.Option(help="The meaning of the stored axes, in order: yxb, byx, ybx and so on."),
]
Wavelengths = Annotated[
    str | None,
    typer.Option(
        help="The wavelengths of the bands in nm: a range (400:700:10), a list separated by"
        f" commas, or a file of numbers ({', '.join(WAVELENGTH_SUFFIXES)})."
    ),
]
NoData = Annotated[
    float | None,
    typer.Option("--nodata", help="The value that means no data; it replaces the one in the file."),
]
Large = Annotated[
    bool,
    typer.Option(
        "--large",
        help="Open files whose content is more than 1 GB and more than 200 times their size.",
    ),
]
Blur = Annotated[
    str,
    typer.Option(
        metavar="auto|NUMBER",
        help="How much the sensor blurs: σ of its point spread function in pixels of the cube, 0 to"
        " 2; 0 for clean decimation.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")]
Scale = Annotated[int, typer.Option(help="Scale factor along y and x: 2, 4 or 8.")]
Model = Annotated[str | None, typer.Option(help="Name or path of a model.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda:0, mps.")]
Precision = Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")]
Names = Annotated[
    str,
    typer.Option(
        help="With several cubes: the pattern for the names of the results in OUT, from {stem}"
        " (the cube's name), {folder} (of its file), {number}, and for upscale {scale} and"
        " {model}."
    ),
]

ReportFile = Annotated[
    Path | None, typer.Option(help="Write a CSV report of what was done, skipped and failed.")
]
ReportAsJson = Annotated[
    bool,
    typer.Option("--json", help="Print a report of what was done, skipped and failed as JSON."),
]
