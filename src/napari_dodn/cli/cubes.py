"""Commands on cubes and their files: info, convert, pyramid, clean."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from napari_dodn.batch import Figures, to_json
from napari_dodn.cli import arguments as arg
from napari_dodn.cli.app import app, err, follow_with_bar, out, read_cube, refuse, tell_leftovers
from napari_dodn.cli.many import (
    Many,
    are_many,
    refuse_one_file_twice,
    report_file,
    say_one,
)
from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.formats.registry import pyramid_in_words
from napari_dodn.jobs import Steps
from napari_dodn.paths import expanded
from napari_dodn.wording import size_in_words


@app.command()
def info(
    file: arg.Source,
    dataset: arg.Dataset = None,
    axes: arg.Axes = None,
    wavelengths: arg.Wavelengths = None,
    nodata: arg.NoData = None,
    large: arg.Large = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse files that need a repair or a guess.")
    ] = False,
) -> None:
    """Show what a cube holds."""
    from napari_dodn.formats.contents import Explanation
    from napari_dodn.sampling import unstated_no_data

    cube = read_cube(file, dataset, axes, wavelengths, nodata, large=large, quiet=as_json or strict)
    repairs = [note for note in cube.notes if not isinstance(note, Explanation)]
    if strict and repairs:
        raise UserError(f"{file} is refused by --strict: {' '.join(repairs)}")
    if as_json:
        facts = {"shape": cube.shape, "dtype": str(cube.data.dtype)} | cube.description()
        typer.echo(to_json(facts))
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
    sources: arg.Sources,
    target: arg.Target,
    dataset: arg.Dataset = None,
    axes: arg.Axes = None,
    wavelengths: arg.Wavelengths = None,
    nodata: arg.NoData = None,
    white: Annotated[
        Path | None,
        typer.Option(help="White reference of a raw scan; its reflectance is written."),
    ] = None,
    dark: Annotated[
        Path | None, typer.Option(help="Dark reference, together with --white.")
    ] = None,
    large: arg.Large = False,
    overwrite: arg.Overwrite = False,
    names: arg.Names = f"{{stem}}{arg.USUAL}",
    report: arg.ReportFile = None,
    as_json: arg.ReportAsJson = False,
) -> None:
    """Convert cubes to another format; the ending of OUT selects it."""
    from napari_dodn.calibration import reflectance
    from napari_dodn.formats import check_not_source, write, written_files

    if dark is not None and white is None:
        raise typer.BadParameter("A dark reference needs a white one.", param_hint="--dark")
    report = report_file(report)
    if are_many(sources, target):

        def work(cube: HyperCube, output: Path) -> Steps[Figures]:
            yield from ()
            return {"output": write(cube, output, overwrite=overwrite)}

        refuse(
            {
                "--axes": axes,
                "--wavelengths": wavelengths,
                "--nodata": nodata,
                "--white": white,
                "--dark": dark,
            },
            "several cubes",
        )
        many = Many(sources, target, names, {}, dataset, large, overwrite, report, as_json)
        many.run(work)
        return
    source, begun = expanded(sources[0]), time.monotonic()
    check_not_source(target, source)
    refuse_one_file_twice({"OUT": written_files(target), "--report": [report]})
    tell_leftovers(target)
    cube = read_cube(source, dataset, axes, wavelengths, nodata, large=large)
    references = []
    for reference, kind in ((white, "white reference"), (dark, "dark reference")):
        if reference is not None:
            check_not_source(target, reference, kind)
            references.append(read_cube(reference, quiet=True))
    if references:
        cube = reflectance(cube, *references)
    written = write(cube, target, overwrite=overwrite)
    seconds = time.monotonic() - begun
    say_one(source, {"output": written}, f"Wrote {written}", report, as_json, seconds)


@app.command()
def pyramid(
    stores: Annotated[
        list[Path],
        typer.Argument(
            metavar="STORE...", help=f"Cubes that napari-dodn wrote: {pyramid_in_words()}."
        ),
    ],
) -> None:
    """Add coarser copies to cubes in Zarr, for programs that show large images."""
    from napari_dodn.formats import pyramid_steps

    for store in stores:
        factors = follow_with_bar(pyramid_steps(store))
        copies = ", ".join(f"1/{factor}" for factor in factors)
        said = f"has copies of {copies} of its rows and columns" if copies else "needs no copies"
        out.print(f"{store} {said}.", markup=False)


@app.command()
def clean(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder in which results are written.")
    ],
    only_list: Annotated[bool, typer.Option("--list", help="Only list what there is.")] = False,
) -> None:
    """Remove the unfinished files that killed processes left in a folder."""
    from napari_dodn.formats.leftovers import leftovers, remove_leftovers

    folder = expanded(folder)
    found = leftovers(folder) if only_list else remove_leftovers(folder)
    for item in found:
        done = "Kept" if item.kept else "Unfinished:" if only_list else "Removed"
        why = f": {item.kept}" if item.kept else ""
        out.print(f"{done} {item.path} ({size_in_words(item.size)}){why}.", markup=False)
    if not found:
        out.print(f"Nothing unfinished is left in {folder}.", markup=False)
