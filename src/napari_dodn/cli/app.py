"""What every command shares: the app, its two consoles, and how a cube is read and a job shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from napari_dodn.cube import HyperCube
from napari_dodn.jobs import Progress, Steps, follow
from napari_dodn.paths import expanded
from napari_dodn.sensor_blur import BLUR, ORIGIN_OF_BLUR

if TYPE_CHECKING:
    from napari_dodn.upscaling import UpscaleOptions
    from napari_dodn.upscaling.job import Upscaled

T = TypeVar("T")

WIDEST = 10_000
"""Characters of a line that a table may take."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def _told_version(wanted: bool) -> None:
    if wanted:
        from napari_dodn import __version__

        out.print(f"napari-dodn {__version__}")
        raise typer.Exit


@app.callback()
def _all_commands(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_told_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Sharper hyperspectral images: DODN super-resolution."""


def read_cube(
    file: Path,
    dataset: str | None = None,
    axes: str | None = None,
    wavelengths: str | None = None,
    nodata: float | None = None,
    *,
    large: bool = False,
    quiet: bool = False,
) -> HyperCube:
    """Read a cube and print what the reader had to find out for itself."""
    cube = _read(file, wavelengths, dataset=dataset, axes=axes, nodata=nodata, large=large)
    for note in () if quiet else cube.notes:
        err.print(f"Note on {file}: {note}", markup=False)
    return cube


def _read(file: Path, wavelengths: str | None, **options: Any) -> HyperCube:
    from napari_dodn.formats import read, read_wavelengths
    from napari_dodn.spectra.wavelength_text import WavelengthError

    if wavelengths is None:
        return read(file, **options)
    try:
        values = read_wavelengths(wavelengths, None)
    except WavelengthError:  # "400:700" is spread over the bands, however many they are
        cube = read(file, **options)
        return cube.derive(wavelengths=read_wavelengths(wavelengths, cube.bands))
    return read(file, **options, wavelengths=values)


def run_upscaling(cube: HyperCube, options: UpscaleOptions, **places: Any) -> Upscaled:
    """Run `upscale_steps` behind a progress bar and print what was left out of the cube."""
    from napari_dodn.upscaling import upscale_steps

    done = follow_with_bar(upscale_steps(cube, options, **places))
    for remark in done.remarks:
        err.print(f"Note: {remark}", markup=False)
    return done


def blur_of(result: HyperCube) -> str:
    """Say what sensor blur a result was made with."""
    from napari_dodn.upscaling.run import blur_in_words

    return blur_in_words(float(result.metadata[BLUR]), result.metadata[ORIGIN_OF_BLUR])


def follow_with_bar(steps: Steps[T]) -> T:
    """Run a job behind a progress bar with the time left, and return its result."""
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=err) as bar:
        task = bar.add_task("Preparing")

        def show(event: Progress) -> None:
            bar.update(task, description=event.message, completed=event.done, total=event.total)

        return follow(steps, show)


def print_in_full(table: Table) -> None:
    """Print a table in full, however narrow the console is: paths are to be copied."""
    table.width = Measurement.get(out, out.options.update(max_width=WIDEST), table).maximum
    out.print(table)


def refuse(options: Mapping[str, object], where: str) -> None:
    """Refuse options that mean nothing with something; those that are None were not given."""
    for option, value in options.items():
        if value is not None:
            raise typer.BadParameter(f"{option} cannot be used with {where}.")


def tell_leftovers(target: Path) -> None:
    """Print what killed processes left beside an output."""
    from napari_dodn.formats.leftovers import leftovers_in_words

    if said := leftovers_in_words(expanded(target)):
        err.print(f"Note: {said}", markup=False)
