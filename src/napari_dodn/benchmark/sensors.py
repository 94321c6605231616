"""Real sensors: any cubes, reduced as a sensor with a wider point spread function had seen them.

It is no published protocol. It tells how a model does on sensors, bands and scenes that it never
saw, where it is given more bands or other ones than it learnt with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from napari_dodn.benchmark.methods import TELLINGS
from napari_dodn.benchmark.protocol import BenchmarkError
from napari_dodn.benchmark.result import Benchmark
from napari_dodn.benchmark.runner import Contest, Task
from napari_dodn.cube import HyperCube
from napari_dodn.distillation.config import TrainConfig, checked
from napari_dodn.distillation.data.held_out import HeldOut, held_out_of
from napari_dodn.distillation.data.scenes import scene_of
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.formats import FormatError, read
from napari_dodn.formats.finding import FoundCube, find_cubes, left_out, most_bands
from napari_dodn.jobs import Progress, Steps, never, stop_if
from napari_dodn.reach import CUBIC, GAUSSIAN, SMALLEST_HELD_OUT
from napari_dodn.wording import all_of

TITLE = "Real sensors"

PSF = (0.0, 0.35, 0.5, 0.7)
"""Standard deviations of point spread functions, in LR pixels, that cubes are reduced with."""

_Place: TypeAlias = tuple[Path, str | None]
"""A file or folder, and which of several cubes in it."""


def sensor_steps(
    data: Sequence[str | os.PathLike[str]],
    scale: int = 4,
    models: Sequence[str | os.PathLike[str]] | None = None,
    *,
    psf: Sequence[float] = PSF,
    noise: float = 0.0,
    self_ensemble: bool = False,
    device: str = "auto",
    precision: str = "auto",
    cancelled: Callable[[], bool] = never,
) -> Steps[Benchmark]:
    """Compare bicubic and models on cubes that are reduced with Gaussian point spread functions.

    Every model is measured as often as it can be told the blur: the true σ, nothing ("auto"), and
    σ that is `methods.OFF` too small or too large. Bad bands, bands that are the same everywhere
    and invalid pixels do not count. The peak of PSNR and SSIM is the largest value of each cube;
    RMSE is in deviations of the cube, so that cubes in any units can be averaged.

    Parameters
    ----------
    data : sequence of path
        Cubes, and folders of cubes, as `find_cubes` finds them. Of several in a file the one with
        most bands is taken. One that cannot be read or is too small is named in the notes and left
        out.
    psf : sequence of float
        Standard deviations of point spread functions in LR pixels; 0 is clean cubic decimation.
        Each makes a scene of each cube.
    noise : float
        Standard deviation of the noise added to the LR cube, as a share of the cube's deviation.
    scale, models, self_ensemble, device, precision, cancelled
        As in `Contest`; where it is cancelled, the job raises `CancelledError`.

    Yields
    ------
    Progress
        In cubes that are checked, then in LR pixels of all scenes and methods.

    Returns
    -------
    Benchmark
        What was measured.

    Raises
    ------
    BenchmarkError, ModelError, UpscaleError
        One sentence on what is wrong with the request; if no cube is left.
    """
    contest = Contest(scale, models, self_ensemble, device, precision, cancelled, TELLINGS)
    sigmas = {_label(sigma): sigma for sigma in psf}
    configs = {label: _config(scale, sigma, noise) for label, sigma in sigmas.items()}
    if not configs:
        raise BenchmarkError("Give at least one σ of a point spread function.")
    notes: list[str] = []
    chosen: dict[str, _Place] = {}
    shapes: list[tuple[int, ...]] = []
    places = _places(data, notes)
    for count, (path, dataset) in enumerate(places):
        yield Progress(count, len(places), f"Checking {path.name}")
        stop_if(cancelled)
        try:
            cube, (held,) = _held_out_of_cube((path, dataset), list(configs.values())[:1], 0)
        except (ConfigError, FormatError) as error:
            faults = getattr(error, "faults", {"": str(error)})
            notes.append(left_out(path, " ".join(faults.values()), path.name))
            continue
        if dataset is not None:
            notes.append(
                f"Of the cubes in {path.name}, '{dataset}' is used, which has the most bands."
            )
        name = cube.name or path.name
        chosen[name if name not in chosen else str(path)] = path, dataset
        shapes.append(held.lr.shape)
    if not chosen:
        raise BenchmarkError(" ".join(["There is no cube to measure on.", *notes]))

    def tasks() -> Iterator[Task]:
        for number, (name, place) in enumerate(chosen.items()):
            _, held_out = _held_out_of_cube(place, configs.values(), number)
            for label, held in zip(configs, held_out, strict=True):
                yield Task(f"{name}, {label}", held.lr, held.quality_of, held.blur)

    pixels = sum(height * width for _, height, width in shapes) * len(configs)
    rows = yield from contest.run(tasks(), shapes[0][0], pixels)
    done = f"Gaussian PSF of σ {all_of(f'{sigma:g}' for sigma in sigmas.values())} LR pixels"
    if noise:
        done += f", noise of σ {noise:g} deviations"
    groups = {label: tuple(f"{name}, {label}" for name in chosen) for label in configs}
    return contest.table(rows, TITLE, done, notes, groups=groups, cubes=tuple(chosen))


def _label(sigma: float) -> str:
    return f"σ {sigma:g}"


def _config(scale: int, psf: float, noise: float) -> TrainConfig:
    """Return what says how a held-out cube is reduced and measured."""
    values: dict[str, Any] = {
        "name": TITLE,
        "data": {"cubes": ["."]},
        "student": {"scale": scale},
        "degradation": {
            "kinds": [CUBIC if psf == 0 else GAUSSIAN],
            "psf": (psf, psf),
            "noise": (noise, noise),
        },
        "distillation": {"variant": "none"},
    }
    try:
        return checked(values)
    except ConfigError as error:
        faults = (f"{name.rpartition('.')[2]}: {fault}" for name, fault in error.faults.items())
        raise BenchmarkError(" ".join(faults)) from error


def _places(data: Sequence[str | os.PathLike[str]], notes: list[str]) -> list[_Place]:
    """Return where the cubes are that paths are or hold; what is left out is told in the notes.

    Raises
    ------
    BenchmarkError
        If a path is not there, or is a folder without a cube.
    """
    places: list[_Place] = []
    for found in find_cubes(data, choose=most_bands):
        if isinstance(found, FoundCube):
            places.append((found.path, found.dataset))
        elif found.in_vain and not found.path.is_file():
            raise BenchmarkError(" ".join([found.reason, *notes]))
        else:
            notes.append(left_out(found.path, found.reason, found.path.name))
    return places


def _held_out_of_cube(
    place: _Place, configs: Iterable[TrainConfig], number: int
) -> tuple[HyperCube, list[HeldOut]]:
    """Read a cube and reduce it in several ways; the number seeds the noise.

    Raises
    ------
    FormatError
        If it cannot be read.
    ConfigError
        If it is too small, or nothing in it can be compared.
    """
    path, dataset = place
    cube, configs = read(path, dataset=dataset), list(configs)
    scale = configs[0].student.scale
    if min(cube.shape[1:]) < SMALLEST_HELD_OUT * scale:
        size = " × ".join(map(str, cube.shape[1:]))
        raise ConfigError({"data": f"It has {size} pixels, too few for ×{scale}."})
    scene = scene_of(cube, None, configs[0])
    return cube, [held_out_of(scene, config, number) for config in configs]
