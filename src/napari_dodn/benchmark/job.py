"""Protocol A: each scene reduced, super-resolved by bicubic and every model, and compared.

From the published code of F3DUN (Remote Sensing 2023, 15(10):2574): the whole scene between 0 and 1
is reduced by cubic decimation without anti-aliasing; PSNR (range 1) per band, SSIM per band with
scikit-image's defaults, the spectral angle over pixels that are not zero, ERGAS with ratio 4;
nothing is cropped or clipped; the figures of the scenes are averaged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_dodn import __version__
from napari_dodn.benchmark.cost import device_in_words
from napari_dodn.benchmark.methods import cards_of, methods_of
from napari_dodn.benchmark.protocol import BenchmarkError, Protocol, load_protocol
from napari_dodn.benchmark.result import Benchmark
from napari_dodn.benchmark.runner import run_methods
from napari_dodn.benchmark.scenes import find_scenes, read_reference, task_of
from napari_dodn.events import Done, Progress, Steps, never
from napari_dodn.network.dodn import SCALES
from napari_dodn.upscaling.devices import PRECISIONS, UpscaleError, choose_device


def cave_steps(folder: str | os.PathLike[str], scale: int = 4, **options: Any) -> Steps:
    """Run protocol A on the CAVE database; the options are those of `benchmark_steps`."""
    return benchmark_steps(load_protocol("cave"), folder, scale, **options)


def ntire2020_steps(folder: str | os.PathLike[str], scale: int = 4, **options: Any) -> Steps:
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
) -> Steps:
    """Compare bicubic and models on the scenes of a protocol.

    Every scene is read and checked before the first is super-resolved.

    Parameters
    ----------
    protocol : Protocol
        What to do.
    folder : path
        The data as they are downloaded.
    scale : int
        Pixels along y and x for each one: 2, 4 or 8.
    models : sequence of str or path, optional
        Names or paths of models of that scale; all that are installed where left out.
    scenes : sequence of str, optional
        Names of scenes, instead of a split.
    split : str
        A split of the protocol.
    self_ensemble : bool
        Whether each model gets a second row with its self-ensemble.
    device, precision : str
        As in `upscaling.upscale`. Bicubic always runs on the CPU.
    cancelled : callable
        Asked between tiles; the generator ends without `Done` where it says true.

    Yields
    ------
    Progress or Done
        The result is a `Benchmark`. Progress is in LR pixels of all scenes and methods.

    Raises
    ------
    BenchmarkError, FormatError, ModelError, UpscaleError
        One sentence on what is wrong with the request, a scene or a model.
    """
    if scale not in SCALES:
        raise BenchmarkError(f"The scale is one of {', '.join(map(str, SCALES))}, not {scale}.")
    if precision not in PRECISIONS:
        raise UpscaleError(f"Precision '{precision}' is not one of {', '.join(PRECISIONS)}.")
    names = protocol.chosen(split, scenes)
    paths = find_scenes(protocol, Path(folder).expanduser(), names)
    where = choose_device(device)
    cards = cards_of(models, scale)
    notes = []
    if models is None and not cards:
        notes.append(f"There is no model for ×{scale}; bicubic stands alone.")
    for count, (name, path) in enumerate(paths.items()):
        yield Progress(count, len(paths), f"Checking {name}")
        if cancelled():
            return
        notes.extend(read_reference(protocol, path, name).notes)

    bands, height, width = protocol.shape
    methods = list(methods_of(cards, scale, bands, where, precision, self_ensemble, cancelled))
    tasks = (
        task_of(protocol, read_reference(protocol, path, name), scale)
        for name, path in paths.items()
    )
    pixels = (height // scale) * (width // scale) * len(names)
    if not (yield from run_methods(tasks, methods, pixels, cancelled)):
        return
    yield Done(
        Benchmark(
            title=protocol.title,
            task="chosen scenes" if scenes else f"split '{split}'",
            scale=scale,
            scenes=names,
            rows=tuple(method.row() for method in methods),
            device=device_in_words(where),
            precision=str(PRECISIONS[precision]).removeprefix("torch."),
            software=f"napari-dodn {__version__}",
            notes=tuple(notes),
            protocol=protocol,
        )
    )
