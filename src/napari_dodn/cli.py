"""The command line: napari-dodn info, convert, upscale, models, demo, gui.

Every command ends with 0, with 1 and one sentence on standard error, with 2 where the words of the
call are wrong, or with 130 after Ctrl-C.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError

app = typer.Typer(
    help="Sharper hyperspectral images: DODN super-resolution.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Source = Annotated[Path, typer.Argument(help="The cube: a file, or a folder of band images.")]
Dataset = Annotated[str | None, typer.Option(help="The variable to read, where there are several.")]
Axes = Annotated[str | None, typer.Option(help="Order of the stored axes, for example yxb.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT where it exists.")]


def main() -> None:
    """Run the command line; a fault that a user can mend is one sentence, never a traceback."""
    try:
        app()
    except (UserError, OSError) as error:
        err.print(f"napari-dodn: {error}", markup=False)
        sys.exit(1)


@app.command()
def info(
    file: Source,
    dataset: Dataset = None,
    axes: Axes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say what is in a cube."""
    cube = _read(file, dataset, axes, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(_facts(cube), indent=2, default=str, allow_nan=False))
        return
    out.print(str(cube), markup=False)
    for sentence in cube.history:
        out.print(f"  {sentence}", markup=False)
    for key, value in cube.metadata.items():
        text = " ".join(str(value).split())
        out.print(f"  {key}: {text[:97] + '…' if len(text) > 98 else text}", markup=False)


@app.command()
def convert(
    source: Source,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A .hdr, .bil, .bip or .mat file.")],
    dataset: Dataset = None,
    axes: Axes = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a cube in another format; the ending of OUT says which."""
    from napari_dodn.formats import write

    out.print(f"Wrote {write(_read(source, dataset, axes), target, overwrite=overwrite)}")


@app.command()
def upscale(
    source: Source,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A .hdr, .bil, .bip or .mat file.")],
    scale: Annotated[int, typer.Option(help="Pixels along y and x for each one: 2, 4 or 8.")] = 4,
    model: Annotated[str | None, typer.Option(help="Name or path of a model.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda:0, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
    tile: Annotated[str, typer.Option(help="Side of a tile in pixels, or auto.")] = "auto",
    region: Annotated[str | None, typer.Option(help="A part: Y0:Y1,X0:X1 in pixels.")] = None,
    dataset: Dataset = None,
    axes: Axes = None,
    overwrite: Overwrite = False,
) -> None:
    """Super-resolve a cube with DODN and write the result."""
    from napari_dodn.formats import check_target, write
    from napari_dodn.formats.envi_files import WRITTEN_SUFFIXES

    check_target(target, overwrite=overwrite)
    cube = _read(source, dataset, axes)
    options: dict[str, Any] = {
        "scale": scale,
        "model": model,
        "device": device,
        "precision": precision,
        "tile": int(tile) if tile.isdecimal() else tile,
        "region": None if region is None else _region(region),
    }
    if target.suffix.lower() in WRITTEN_SUFFIXES:  # ENVI, tile by tile
        result = _run(cube, **options, output=target, overwrite=overwrite)
    else:
        result = _run(cube, **options)
        write(result, target, overwrite=overwrite)
    out.print(f"Wrote {target}: {result}", markup=False)


@app.command()
def models() -> None:
    """List the models that are installed."""
    from napari_dodn.network.model_file import list_models

    for card in list_models():
        out.print(str(card), markup=False)


@app.command()
def demo(
    screenshot: Annotated[
        Path | None,
        typer.Option(help="Write a picture of the window there and close it, instead of waiting."),
    ] = None,
) -> None:
    """Super-resolve the sample scene, print how good it is, and show it in napari."""
    from napari_dodn.metrics import compare
    from napari_dodn.plugin.demo import show_demo
    from napari_dodn.sample import sample_scene
    from napari_dodn.upscaling import bicubic

    sample = sample_scene()
    result = _run(sample.lr, scale=sample.scale)
    table = Table("", "PSNR (dB)", "SSIM", "SAM (°)", title=f"{sample.lr.name}, ×{sample.scale}")
    for name, cube in (("bicubic", bicubic(sample.lr, sample.scale)), ("DODN", result)):
        figures = compare(cube, sample.reference)
        table.add_row(name, f"{figures.psnr:.2f}", f"{figures.ssim:.4f}", f"{figures.sam:.2f}")
    out.print(table)
    show_demo(sample, result, screenshot)
    if screenshot is not None:
        out.print(f"Wrote {screenshot}")


@app.command()
def gui(
    files: Annotated[list[Path] | None, typer.Argument(help="Cubes to open.")] = None,
) -> None:
    """Open napari with the super-resolution widget and the given cubes."""
    from napari_dodn.plugin.launch import launch

    launch([str(file) for file in files or []])


def _read(file: Path, dataset: str | None, axes: str | None, quiet: bool = False) -> HyperCube:
    from napari_dodn.formats import read

    cube = read(file, dataset=dataset, axes=axes)
    for note in () if quiet else cube.notes:
        err.print(f"Note: {note}", markup=False)
    return cube


def _facts(cube: HyperCube) -> dict[str, Any]:
    facts = {"shape": cube.shape, "dtype": str(cube.data.dtype)} | cube.description()
    return _without_nan(facts)


def _without_nan(value: Any) -> Any:
    """Replace what JSON has no word for by null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _region(text: str) -> Region:
    try:
        rows, columns = text.split(",")
        (y0, y1), (x0, x1) = (map(int, part.split(":")) for part in (rows, columns))
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is not of the form Y0:Y1,X0:X1.", param_hint="--region"
        ) from None
    return Region(y0, y1, x0, x1)


def _run(cube: HyperCube, **options: Any) -> HyperCube:
    """Run `upscale_steps` behind a progress bar with the time left."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from napari_dodn.events import Done
    from napari_dodn.upscaling import upscale_steps

    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=err) as bar, closing(upscale_steps(cube, **options)) as steps:
        task = bar.add_task("Preparing")
        for event in steps:
            if isinstance(event, Done):
                return event.result
            bar.update(task, description=event.message, completed=event.done, total=event.total)
    raise AssertionError("a job that is not cancelled ends with its result")


if __name__ == "__main__":
    main()
