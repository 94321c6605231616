"""Protocol A: each scene reduced, super-resolved by bicubic and every model, and compared.

From the published code of F3DUN (Remote Sensing 2023, 15(10):2574): the whole scene between 0 and 1
is reduced by cubic decimation without anti-aliasing; PSNR (range 1) per band, SSIM per band with
scikit-image's defaults, the spectral angle over pixels that are not zero, ERGAS with ratio 4;
nothing is cropped or clipped; the figures of the scenes are averaged. Models are told a blur of 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from napari_dodn.benchmark.protocol import Protocol, load_protocol
from napari_dodn.benchmark.result import Benchmark
from napari_dodn.benchmark.runner import Contest
from napari_dodn.benchmark.scenes import find_scenes, read_reference, task_of
from napari_dodn.jobs import Progress, Steps, never, stop_if
from napari_dodn.paths import expanded


def cave_steps(folder: str | os.PathLike[str], scale: int = 4, **options: Any) -> Steps[Benchmark]:
    """Run protocol A on the CAVE database; the options are those of `benchmark_steps`."""
    return benchmark_steps(load_protocol("cave"), folder, scale, **options)


def ntire2020_steps(
    folder: str | os.PathLike[str], scale: int = 4, **options: Any
) -> Steps[Benchmark]:
    """Run protocol A on NTIRE 2020's images; the options are those of `benchmark_steps`."""
    return benchmark_steps(load_protocol("ntire2020"), folder, scale, **options)


def benchmark_steps(
    protocol: Protocol,
    folder: str | os.PathLike[str],
    scale: int = 4,
    models: Sequence[str | os.PathLike[str]] | None = None,
    scenes: Sequence[str] | None = None,
    split: str = "test",
    *,
    self_ensemble: bool = False,
    device: str = "auto",
    precision: str = "auto",
    cancelled: Callable[[], bool] = never,
) -> Steps[Benchmark]:
    """Compare bicubic and models on the scenes of a protocol.

    Every scene is read and checked before the first is super-resolved.

    Parameters
    ----------
    protocol : Protocol
        What to do.
    folder : path
        The data as they are downloaded.
    scale, models, self_ensemble, device, precision, cancelled
        As in `Contest`; where it is cancelled, the job raises `CancelledError`.
    scenes : sequence of str, optional
        Names of scenes, instead of a split.
    split : str
        A split of the protocol.

    Yields
    ------
    Progress
        In scenes that are checked, then in LR pixels of all scenes and methods.

    Returns
    -------
    Benchmark
        What was measured.

    Raises
    ------
    BenchmarkError, FormatError, ModelError, UpscaleError
        One sentence on what is wrong with the request, a scene or a model.
    """
    contest = Contest(scale, models, self_ensemble, device, precision, cancelled)
    names = protocol.chosen(split, scenes)
    paths = find_scenes(protocol, expanded(folder), names)
    notes: list[str] = []
    for count, (name, path) in enumerate(paths.items()):
        yield Progress(count, len(paths), f"Checking {name}")
        stop_if(cancelled)
        notes.extend(read_reference(protocol, path, name).notes)

    bands, height, width = protocol.shape
    tasks = (
        task_of(protocol, read_reference(protocol, path, name), scale)
        for name, path in paths.items()
    )
    pixels = (height // scale) * (width // scale) * len(names)
    rows = yield from contest.run(tasks, bands, pixels)
    task = "chosen scenes" if scenes else f"split '{split}'"
    if contest.cards:
        notes.append("The models are told a blur of 0, since the scenes are not blurred.")
    return contest.table(rows, protocol.title, task, notes, protocol)
