"""Commands on cubes: info, convert, upscale, clean, models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_dodn.batch import Figures, to_json
from napari_dodn.cli.app import (
    Axes,
    Blur,
    Dataset,
    Large,
    Overwrite,
    Source,
    Sources,
    Target,
    Wavelengths,
    app,
    blur_of,
    err,
    follow_with_bar,
    out,
    read_cube,
    run_upscaling,
)
from napari_dodn.cli.many import (
    USUAL,
    Many,
    Names,
    ReportAsJson,
    ReportFile,
    are_many,
    refuse_with_many,
    report_file,
    say_one,
)
from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.jobs import Steps
from napari_dodn.paths import expanded


@app.command()
def info(
    file: Source,
    dataset: Dataset = None,
    axes: Axes = None,
    wavelengths: Wavelengths = None,
    large: Large = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say what is in a cube."""
    cube = read_cube(file, dataset, axes, wavelengths, large=large, quiet=as_json)
    if as_json:
        facts = {"shape": cube.shape, "dtype": str(cube.data.dtype)} | cube.description()
        typer.echo(to_json(facts))
        return
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
    sources: Sources,
    target: Target,
    dataset: Dataset = None,
    axes: Axes = None,
    wavelengths: Wavelengths = None,
    large: Large = False,
    overwrite: Overwrite = False,
    names: Names = f"{{stem}}{USUAL}",
    report: ReportFile = None,
    as_json: ReportAsJson = False,
) -> None:
    """Write cubes in another format; the ending of OUT says which."""
    from napari_dodn.formats import check_not_source, write

    report = report_file(report)
    if are_many(sources, target):

        def work(cube: HyperCube, output: Path) -> Steps[Figures]:
            yield from ()
            return {"output": write(cube, output, overwrite=overwrite)}

        refuse_with_many({"--axes": axes, "--wavelengths": wavelengths})
        many = Many(sources, target, names, {}, dataset, large, overwrite, report, as_json)
        many.run(work)
        return
    source = expanded(sources[0])
    check_not_source(target, source)
    _tell_leftovers(target)
    cube = read_cube(source, dataset, axes, wavelengths, large=large)
    written = write(cube, target, overwrite=overwrite)
    say_one(source, {"output": written}, f"Wrote {written}", report, as_json)


@app.command()
def upscale(
    sources: Sources,
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
    large: Large = False,
    self_ensemble: Annotated[
        bool,
        typer.Option("--self-ensemble", help="The mean of 8 views: better, 8 times as slow."),
    ] = False,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue where a run was interrupted, and keep what is done where this one is.",
        ),
    ] = False,
    statistics: Annotated[
        Path | None,
        typer.Option(
            help="A file of what is measured of the whole cube: read where it is there, else made."
        ),
    ] = None,
    names: Names = f"{{stem}}-x{{scale}}{USUAL}",
    report: ReportFile = None,
    as_json: ReportAsJson = False,
) -> None:
    """Super-resolve cubes with DODN and write the results."""
    from napari_dodn.formats import check_not_source, check_target, is_resumable
    from napari_dodn.upscaling import UpscaleOptions, upscale_steps

    part = None if region is None else _region(region)
    report = report_file(report)
    options = UpscaleOptions(
        scale=scale,
        model=model,
        device=device,
        precision=precision,
        tile=int(tile) if tile.isdecimal() else tile,
        self_ensemble=self_ensemble,
        blur=blur,
    )
    if are_many(sources, target):

        def work(cube: HyperCube, output: Path) -> Steps[Figures]:
            done = yield from upscale_steps(
                cube,
                options,
                output=output,
                overwrite=overwrite,
                resume=(not overwrite) if is_resumable(output) else None,
            )
            return {**_said_of(done.cube, output), "remarks": " ".join(done.remarks)}

        refuse_with_many(
            {
                "--axes": axes,
                "--wavelengths": wavelengths,
                "--region": region,
                "--statistics": statistics,
            }
        )
        fields = {"scale": scale, "model": options.chosen().card.name}
        many = Many(sources, target, names, fields, dataset, large, overwrite, report, as_json)
        many.run(work)
        return
    source = expanded(sources[0])
    check_target(target, overwrite=overwrite)
    check_not_source(target, source)
    _tell_leftovers(target)
    cube = read_cube(source, dataset, axes, wavelengths, large=large)
    if part is not None and part.within(*cube.shape[1:]) != part:
        height, width = cube.shape[1:]
        raise UserError(f"The region {region} is not inside of the {height} × {width} pixels.")
    result = run_upscaling(
        cube,
        options,
        region=part,
        output=target,
        overwrite=overwrite,
        resume=resume or (False if is_resumable(target) else None),
        statistics=statistics,
    )
    sentence = f"Wrote {target}: {result}, {blur_of(result)}"
    say_one(source, _said_of(result, target), sentence, report, as_json)


@app.command()
def clean(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where results are written.")],
    only_list: Annotated[bool, typer.Option("--list", help="Only say what there is.")] = False,
) -> None:
    """Remove the unfinished files that killed processes left in a folder."""
    from napari_dodn.formats.leftovers import leftovers, remove_leftovers

    folder = expanded(folder)
    found = leftovers(folder) if only_list else remove_leftovers(folder)
    for item in found:
        done = "Kept" if item.kept else "Unfinished:" if only_list else "Removed"
        why = f": {item.kept}" if item.kept else ""
        out.print(f"{done} {item.path} ({item.size / 1e6:,.1f} MB){why}.", markup=False)
    if not found:
        out.print(f"Nothing unfinished is left in {folder}.", markup=False)


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


@app.command()
def measure(
    source: Source,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="What to write, JSON.")],
    scale: Annotated[int, typer.Option(help="Of the model: 2, 4 or 8.")] = 4,
    model: Annotated[str | None, typer.Option(help="Name or path of a model.")] = None,
    dataset: Dataset = None,
    axes: Axes = None,
    wavelengths: Wavelengths = None,
    large: Large = False,
) -> None:
    """Measure a whole cube once, for `upscale --statistics FILE` of its parts and regions."""
    from napari_dodn.formats.errors import check_new_file
    from napari_dodn.upscaling import UpscaleOptions
    from napari_dodn.upscaling.measured import statistics_from

    target = expanded(target)
    check_new_file(target, overwrite=False)
    cube = read_cube(source, dataset, axes, wavelengths, large=large)
    components = UpscaleOptions(scale=scale, model=model).chosen().network().components
    found = follow_with_bar(statistics_from(target, cube, components))
    blur = "" if found.blur is None else f", sensor blur {found.blur.sigma:.2f} pixels"
    count = int((found.components.weights > 0).sum())
    out.print(f"Wrote {target}: {count} components{blur}", markup=False)


def _tell_leftovers(target: Path) -> None:
    """Print what killed processes left beside an output."""
    from napari_dodn.formats.leftovers import leftovers_in_words

    if said := leftovers_in_words(expanded(target).parent):
        err.print(f"Note: {said}", markup=False)


def _said_of(result: HyperCube, output: Path) -> Figures:
    """Return what a report says of a result."""
    bands, height, width = result.shape
    return {"output": output, "size": f"{bands} × {height} × {width}", "blur": blur_of(result)}


def _region(text: str) -> Region:
    try:
        rows, columns = text.split(",")
        (y0, y1), (x0, x1) = (map(int, part.split(":")) for part in (rows, columns))
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is not of the form Y0:Y1,X0:X1.", param_hint="--region"
        ) from None
    return Region(y0, y1, x0, x1)
