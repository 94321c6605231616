"""Commands that make cubes sharper: upscale, rerun, measure, models."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dodn.batch import Figures, is_there
from napari_dodn.cli import arguments as arg
from napari_dodn.cli.app import (
    app,
    blur_of,
    err,
    follow_with_bar,
    out,
    read_cube,
    refuse,
    run_upscaling,
    tell_leftovers,
)
from napari_dodn.cli.many import (
    Many,
    are_many,
    refuse_one_file_twice,
    report_file,
    say_one,
)
from napari_dodn.cube import CubeError, HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.jobs import Steps
from napari_dodn.paths import expanded
from napari_dodn.sensor_blur import BLUR
from napari_dodn.wording import counted

if TYPE_CHECKING:
    from napari_dodn.upscaling.crew import Crew


@app.command()
def upscale(
    sources: arg.Sources,
    target: arg.Target,
    scale: arg.Scale = 4,
    model: arg.Model = None,
    device: arg.Device = "auto",
    precision: arg.Precision = "auto",
    tile: Annotated[str, typer.Option(help="Side of a tile in pixels, or auto.")] = "auto",
    blur: arg.Blur = "auto",
    region: Annotated[str | None, typer.Option(help="A region: Y0:Y1,X0:X1 in pixels.")] = None,
    dataset: arg.Dataset = None,
    axes: arg.Axes = None,
    wavelengths: arg.Wavelengths = None,
    nodata: arg.NoData = None,
    large: arg.Large = False,
    self_ensemble: Annotated[
        bool,
        typer.Option(
            "--self-ensemble", help="Average 8 views of the cube: better, but 8 times as slow."
        ),
    ] = False,
    overwrite: arg.Overwrite = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue an interrupted run, and keep what is done if this one is interrupted.",
        ),
    ] = False,
    statistics: Annotated[
        Path | None,
        typer.Option(
            help="A file of what is measured of the whole cube: read if it exists, else written."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Number of processes on this machine that share the tiles.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Compute the tiles on a Dask cluster: tcp://HOST:PORT of its scheduler."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Compute part I of N. Each part can run in its own process, on any machine.",
        ),
    ] = None,
    gather: Annotated[
        bool, typer.Option("--gather", help="Check that all parts are done, and finish OUT.")
    ] = False,
    pyramid: Annotated[
        bool,
        typer.Option("--pyramid", help="Add coarser copies to OUT, as the command pyramid does."),
    ] = False,
    names: arg.Names = f"{{stem}}-x{{scale}}{arg.USUAL}",
    report: arg.ReportFile = None,
    as_json: arg.ReportAsJson = False,
) -> None:
    """Super-resolve cubes with DODN and write the results."""
    from napari_dodn.formats import (
        check_joined,
        check_not_source,
        check_pyramid,
        check_target,
        has_pyramid,
        is_resumable,
        pyramid_steps,
        written_files,
    )
    from napari_dodn.upscaling import UpscaleOptions, part_steps, upscale_steps

    if overwrite and part is not None:
        raise typer.BadParameter("--overwrite cannot be used with --part: parts do not start over.")
    if pyramid and part is not None:
        raise typer.BadParameter("--pyramid cannot be used with --part; give it with --gather.")
    if part is not None:
        refuse(
            {
                "--gather": gather or None,
                "--workers": workers,
                "--scheduler": scheduler,
                "--report": report,
                "--json": as_json or None,
            },
            "--part",
        )
    if pyramid:
        check_pyramid(names if are_many(sources, target) else target)
    area = None if region is None else _region(region)
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
    if workers is not None or scheduler is not None:
        check_joined(names if are_many(sources, target) else target)
    crew = _crew(workers, scheduler)
    if are_many(sources, target):

        def work(cube: HyperCube, output: Path) -> Steps[Figures]:
            if pyramid and not overwrite and is_there(output):
                yield from pyramid_steps(output)
                return {**_said_of(read_cube(output, quiet=True), output), "remarks": ""}
            done = yield from upscale_steps(
                cube,
                options,
                output=output,
                overwrite=overwrite,
                resume=(resume or not overwrite) if is_resumable(output) else None,
                crew=crew,
            )
            if pyramid:
                yield from pyramid_steps(output)
            return {**_said_of(done.cube, output), "remarks": " ".join(done.remarks)}

        def is_done(output: Path) -> bool:
            return is_there(output) and (not pyramid or has_pyramid(output))

        refuse(
            {
                "--axes": axes,
                "--wavelengths": wavelengths,
                "--nodata": nodata,
                "--region": region,
                "--statistics": statistics,
                "--part": part,
                "--gather": gather or None,
            },
            "several cubes",
        )
        fields = {"scale": scale, "model": options.chosen().card.name}
        many = Many(sources, target, names, fields, dataset, large, overwrite, report, as_json)
        many.run(work, 1 if crew is None else crew.results_at_a_time, is_done)
        return
    source, begun = expanded(sources[0]), time.monotonic()
    check_target(target, overwrite=overwrite)
    check_not_source(target, source)
    refuse_one_file_twice(
        {"OUT": written_files(target), "--statistics": [statistics], "--report": [report]}
    )
    tell_leftovers(target)
    cube = read_cube(source, dataset, axes, wavelengths, nodata, large=large)
    if area is not None and area.within(*cube.shape[1:]) != area:
        height, width = cube.shape[1:]
        raise UserError(f"The region {region} does not lie inside the {height} × {width} pixels.")
    if part is not None:
        share = _share(part)
        if statistics is None or not expanded(statistics).exists():
            raise UserError("A part needs --statistics FILE, which 'napari-dodn measure' writes.")
        follow_with_bar(part_steps(cube, options, target, share, statistics, region=area))
        out.print(f"Part {part} of {target} is done.", markup=False)
        return
    done = run_upscaling(
        cube,
        options,
        region=area,
        output=target,
        overwrite=overwrite,
        resume=resume or (False if is_resumable(target) else None),
        statistics=statistics,
        crew=crew,
        gather=gather,
    )
    if pyramid:
        follow_with_bar(pyramid_steps(target))
    sentence = f"Wrote {target}: {done.cube}, {blur_of(done.cube)}"
    said = {**_said_of(done.cube, target), "remarks": " ".join(done.remarks)}
    say_one(source, said, sentence, report, as_json, time.monotonic() - begun)


@app.command()
def rerun(
    file: Annotated[Path, typer.Argument(metavar="RESULT", help="A result of upscale.")],
    source: Annotated[
        Path | None, typer.Option(help="The source of the result, if it is not found.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Where to write the new result. If left out, it is not written."
        ),
    ] = None,
    dataset: arg.Dataset = None,
    axes: arg.Axes = None,
    wavelengths: arg.Wavelengths = None,
    nodata: arg.NoData = None,
    large: arg.Large = False,
    overwrite: arg.Overwrite = False,
) -> None:
    """Repeat a result from its own metadata, and say what differs."""
    from napari_dodn.formats import check_not_source
    from napari_dodn.upscaling.rerun import rerun_steps, source_of

    result = read_cube(file, large=large, quiet=True)
    source = expanded(source) if source else source_of(result, expanded(file))
    if output is not None:
        check_not_source(output, source)
        check_not_source(output, file, "result")
        tell_leftovers(output)
    cube = read_cube(source, dataset, axes, wavelengths, nodata, large=large, quiet=True)
    done = follow_with_bar(rerun_steps(result, cube, output=output, overwrite=overwrite))
    for change in done.changes:
        err.print(f"Note: {change}", markup=False)
    out.print(str(done), markup=False)
    if not done.is_same:
        raise typer.Exit(1)


@app.command()
def measure(
    source: arg.Source,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The JSON file to write.")],
    scale: Annotated[int, typer.Option(help="Scale factor of the model: 2, 4 or 8.")] = 4,
    model: arg.Model = None,
    dataset: arg.Dataset = None,
    axes: arg.Axes = None,
    wavelengths: arg.Wavelengths = None,
    nodata: arg.NoData = None,
    large: arg.Large = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE if it exists.")
    ] = False,
) -> None:
    """Measure a whole cube once, for later runs of `upscale --statistics FILE`."""
    from napari_dodn.formats import check_not_source
    from napari_dodn.formats.errors import check_new_file
    from napari_dodn.upscaling import UpscaleOptions
    from napari_dodn.upscaling.measured import statistics_from
    from napari_dodn.upscaling.run import blur_in_words

    target = expanded(target)
    check_not_source(target, source, is_cube=False)
    check_new_file(target, overwrite=overwrite)
    cube = read_cube(source, dataset, axes, wavelengths, nodata, large=large)
    components = UpscaleOptions(scale=scale, model=model).chosen().network().components
    found = follow_with_bar(statistics_from(target, cube, components, anew=overwrite))
    assert found.blur is not None
    blur = blur_in_words(found.blur.sigma, found.blur.origin)
    if found.blur.reason:
        err.print(f"Note: {found.blur.reason}", markup=False)
    count = int((found.components.weights > 0).sum())
    out.print(f"Wrote {target}: {counted(count, 'component')}, {blur}", markup=False)


@app.command()
def models(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the whole card of each model, as Markdown.")
    ] = False,
    bundled: Annotated[
        bool, typer.Option("--bundled", help="List only the bundled models.")
    ] = False,
) -> None:
    """List the models that are installed."""
    from napari_dodn.network.model_file import is_bundled, list_models
    from napari_dodn.network.model_page import cards_markdown

    cards = [card for card in list_models() if is_bundled(card) or not bundled]
    if markdown:
        typer.echo(cards_markdown(cards))
        return
    for card in cards:
        out.print(str(card), markup=False)


def _said_of(result: HyperCube, output: Path) -> Figures:
    """Return what a report says of a result: for programs, so the blur is a number of pixels."""
    size = " × ".join(map(str, result.shape))
    return {"output": output, "size": size, "blur": round(float(result.metadata[BLUR]), 3)}


def _crew(workers: int | None, scheduler: str | None) -> Crew | None:
    """Return who does the tiles; None where it is this process."""
    if workers is None and scheduler is None:
        return None
    from napari_dodn.upscaling.crew import DaskCrew, LocalCrew

    if scheduler is None:
        return LocalCrew(workers or 0)
    if workers is not None:
        raise typer.BadParameter("--workers cannot be used with --scheduler.")
    return DaskCrew(scheduler)


def _share(text: str) -> tuple[int, int]:
    try:
        number, count = map(int, text.split("/"))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not of the form I/N.", param_hint="--part") from None
    return number, count


def _region(text: str) -> Region:
    try:
        return Region.of_text(text)
    except CubeError as error:
        raise typer.BadParameter(str(error), param_hint="--region") from None
