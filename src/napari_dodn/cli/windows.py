"""Commands that open a window: demo, gui."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from napari_dodn.cli import arguments as arg
from napari_dodn.cli.app import app, blur_of, out, run_upscaling
from napari_dodn.cli.signals import end_at_once
from napari_dodn.paths import expanded


@app.command()
def demo(
    screenshot: Annotated[
        Path | None,
        typer.Option(help="Write a picture of the window there and close it, instead of waiting."),
    ] = None,
    blur: arg.Blur = "auto",
) -> None:
    """Super-resolve the sample scene, print how good it is, and show it in napari."""
    from napari_dodn.metrics import METRICS, SHORT, compare
    from napari_dodn.plugin.manifest.demo import show_demo
    from napari_dodn.sample import sample_scene
    from napari_dodn.upscaling import UpscaleOptions, bicubic

    end_at_once()
    sample = sample_scene()
    result = run_upscaling(sample.lr, UpscaleOptions(scale=sample.scale, blur=blur)).cube
    title = f"{sample.lr.name}, ×{sample.scale}, {blur_of(result)}"
    table = Table("", *(METRICS[key].heading for key in SHORT), title=title)
    for name, cube in (("bicubic", bicubic(sample.lr, sample.scale)), ("DODN", result)):
        figures = compare(cube, sample.reference)
        table.add_row(name, *(METRICS[key].text(getattr(figures, key)) for key in SHORT))
    out.print(table)
    show_demo(sample, result, screenshot and expanded(screenshot))
    if screenshot is not None:
        out.print(f"Wrote {screenshot}", markup=False)


@app.command()
def gui(
    files: Annotated[list[Path] | None, typer.Argument(help="Cubes to open.")] = None,
) -> None:
    """Open napari with the super-resolution widget and the given cubes."""
    from napari_dodn.plugin.manifest.launch import launch

    end_at_once()
    launch([str(file) for file in files or []])
