"""Commands on cubes: info, convert, upscale, models."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_dodn.cli.app import (
    Axes,
    Blur,
    Dataset,
    NoData,
    Overwrite,
    Source,
    Target,
    Wavelengths,
    app,
    blur_of,
    err,
    out,
    read_cube,
    run_upscaling,
)
from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError


@app.command()
def info(
    file: Source,
    dataset: Dataset = None,
    axes: Axes = None,
    wavelengths: Wavelengths = None,
    nodata: NoData = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a file that has to be repaired or guessed at.")
    ] = False,
) -> None:
    """Say what is in a cube."""
    from napari_dodn.formats.contents import Explanation
    from napari_dodn.sampling import unstated_no_data

    cube = read_cube(file, dataset, axes, wavelengths, nodata, quiet=as_json or strict)
    repairs = [note for note in cube.notes if not isinstance(note, Explanation)]
    if strict and repairs:
        raise UserError(f"{file} is refused by --strict: {' '.join(repairs)}")
    if as_json:
        typer.echo(json.dumps(_facts(cube), indent=2, default=str, allow_nan=False))
        return
    for sentence in unstated_no_data(cube):
        err.print(f"Note on {file}: {sentence} The option --nodata states it.", markup=False)
    out.print(str(cube), markup=False)
    for name in ("gain", "offset"):
        if (values := getattr(cube, name)) is not None:
            span = dict.fromkeys(f"{value:g}" for value in (values.min(), values.max()))
            applied = "applied" if cube.scaled else "not applied"
            out.print(f"  {name}: {' to '.join(span)}, {applied}", markup=False)
    for sentence in cube.history:
        out.print(f"  {sentence}", markup=False)
    for key, value in cube.metadata.items():
        text = " ".join(str(value).split())
        out.print(f"  {key}: {text[:97] + '…' if len(text) > 98 else text}", markup=False)


@app.command()
def convert(
    source: Source,
    target: Target,
    dataset: Dataset = None,
    axes: Axes = None,
    wavelengths: Wavelengths = None,
    nodata: NoData = None,
    white: Annotated[
        Path | None,
        typer.Option(help="White reference of a scan in raw numbers: writes its reflectance."),
    ] = None,
    dark: Annotated[Path | None, typer.Option(help="Dark reference, beside --white.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a cube in another format; the ending of OUT says which."""
    from napari_dodn.calibration import reflectance
    from napari_dodn.formats import check_not_source, write

    if dark is not None and white is None:
        raise typer.BadParameter("A dark reference needs a white one.", param_hint="--dark")
    check_not_source(target, source)
    cube = read_cube(source, dataset, axes, wavelengths, nodata)
    references = []
    for reference, kind in ((white, "white reference"), (dark, "dark reference")):
        if reference is not None:
            check_not_source(target, reference, kind)
            references.append(read_cube(reference, quiet=True))
    if references:
        cube = reflectance(cube, *references)
    out.print(f"Wrote {write(cube, target, overwrite=overwrite)}", markup=False)


@app.command()
def upscale(
    source: Source,
    target: Target,
    scale: Annotated[int, typer.Option(help="Pixels along y and x for each one: 2, 4 or 8.")] = 4,
    model: Annotated[str | None, typer.Option(help="Name or path of a model.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda:0, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
    tile: Annotated[str, typer.Option(help="Side of a tile in pixels, or auto.")] = "auto",
    blur: Blur = "auto",
    region: Annotated[str | None, typer.Option(help="A part: Y0:Y1,X0:X1 in pixels.")] = None,
    dataset: Dataset = None,
    axes: Axes = None,
    wavelengths: Wavelengths = None,
    nodata: NoData = None,
    self_ensemble: Annotated[
        bool,
        typer.Option("--self-ensemble", help="The mean of 8 views: better, 8 times as slow."),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Super-resolve a cube with DODN and write the result."""
    from napari_dodn.formats import check_not_source, check_target, is_filled_by_tiles, reserved

    part = None if region is None else _region(region)
    check_target(target, overwrite=overwrite)
    check_not_source(target, source)
    cube = read_cube(source, dataset, axes, wavelengths, nodata)
    if part is not None and part.within(*cube.shape[1:]) != part:
        height, width = cube.shape[1:]
        raise UserError(f"The region {region} is not inside of the {height} × {width} pixels.")
    options: dict[str, Any] = {
        "scale": scale,
        "model": model,
        "device": device,
        "precision": precision,
        "tile": int(tile) if tile.isdecimal() else tile,
        "blur": blur,
        "region": part,
        "self_ensemble": self_ensemble,
    }
    if is_filled_by_tiles(target):
        result = run_upscaling(cube, **options, output=target, overwrite=overwrite)
    else:
        height, width = cube.shape[1:] if part is None else part.shape
        shape = cube.bands, height * scale, width * scale
        with reserved(target, overwrite=overwrite, shape=shape) as put:
            result = run_upscaling(cube, **options)
            put(result)
    out.print(f"Wrote {target}: {result}, {blur_of(result)}", markup=False)


@app.command()
def models(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the whole card of each, as Markdown.")
    ] = False,
    bundled: Annotated[
        bool, typer.Option("--bundled", help="Only those that come with this software.")
    ] = False,
) -> None:
    """List the models that are installed."""
    from napari_dodn.network.model_file import is_users, list_models
    from napari_dodn.network.model_page import cards_markdown

    cards = [card for card in list_models() if not (bundled and is_users(card))]
    if markdown:
        typer.echo(cards_markdown(cards))
        return
    for card in cards:
        out.print(str(card), markup=False)


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
