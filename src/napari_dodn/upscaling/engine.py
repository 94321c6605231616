"""Super-resolution of a cube as a generator of events, tile by tile, on any device."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from napari_dodn import __version__
from napari_dodn.cube import HyperCube, Region, check_cube
from napari_dodn.formats import (
    check_joined,
    check_not_source,
    check_resumable,
    check_shareable,
    check_target,
    is_filled_by_tiles,
    reserved,
)
from napari_dodn.formats.leftovers import is_begun
from napari_dodn.jobs import Steps, never, result_of
from napari_dodn.network.dodn import DODN
from napari_dodn.paths import expanded
from napari_dodn.spectra.reduction import INTERPOLATED, SUPER_RESOLVED
from napari_dodn.upscaling.crew import Crew
from napari_dodn.upscaling.devices import UpscaleError, choose_precision
from napari_dodn.upscaling.job import Job, Upscaled
from napari_dodn.upscaling.measured import statistics_from, statistics_in
from napari_dodn.upscaling.options import UpscaleOptions, check_scale, told_blur
from napari_dodn.upscaling.restart import restart_of
from napari_dodn.upscaling.run import RUN, Run, blur_in_words
from napari_dodn.upscaling.sharing import Hands, fill_part


def upscale(
    cube: HyperCube,
    scale: int = 4,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: int | str = "auto",
    *,
    region: Region | None = None,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    self_ensemble: bool = False,
    blur: float | str = "auto",
) -> HyperCube:
    """Super-resolve a cube with DODN.

    Parameters
    ----------
    cube : HyperCube
        The LR cube, any number of bands, any units.
    scale : int
        Upsampling factor along y and x, for which there must be a model.
    model : str or path, optional
        Name of a listed model or path of a model file; the bundled one for the scale by default.
    device : str
        "auto", "cpu", "cuda:0", "mps": see `list_devices`.
    precision : str
        "float32" is exact float32 (no TF32); "bfloat16" and "float16" are faster on devices that
        support them. "auto" is bfloat16 if the device supports it natively and the model's card
        says that its validation score stays within 0.01 dB, else float32.
    tile : int or "auto"
        Side of a tile in LR pixels. It bounds the memory and does not change the result.
    region : Region, optional
        The part of the cube to super-resolve, clipped to the cube. The pixels around it and the
        statistics of the whole cube are used all the same.
    output : path, optional
        A file with a suffix that can be written. ENVI, HDF5 and Zarr are written tile by tile,
        and the result is then read from the file; for other formats it must fit into memory.
    overwrite : bool
        Whether `output` may replace a file, but never the one that the cube comes from.
    self_ensemble : bool
        Take the mean of eight results for the cube flipped and turned: a little better, and eight
        times as slow.
    blur : float or "auto"
        Standard deviation of the sensor's Gaussian point spread function in pixels of the cube; 0
        for clean decimation. "auto" estimates it and errs on the low side: too large a blur spoils
        the result, too small a blur costs part of the gain.

    Returns
    -------
    HyperCube
        float32, shape (bands, scale · y, scale · x), in the cube's units. Invalid pixels stay
        invalid; bad bands are upsampled linearly. A band of which at most 2 % of the values are
        negative has no negative values in the result.

    Raises
    ------
    UpscaleError, CubeError, ModelError, FormatError
        If something is wrong with the request, the cube, the model or the output, in one sentence.
    """
    options = UpscaleOptions(
        scale=scale,
        model=model,
        device=device,
        precision=precision,
        tile=tile,
        self_ensemble=self_ensemble,
        blur=blur,
    )
    steps = upscale_steps(cube, options, region=region, output=output, overwrite=overwrite)
    return result_of(steps).cube


def upscale_steps(
    cube: HyperCube,
    options: UpscaleOptions,
    *,
    region: Region | None = None,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool | None = None,
    statistics: str | os.PathLike[str] | None = None,
    crew: Crew | None = None,
    gather: bool = False,
    cancelled: Callable[[], bool] = never,
) -> Steps[Upscaled]:
    """Do what `upscale` does, and yield the progress in LR pixels.

    If `cancelled()` returns True, the job raises `CancelledError` before the tile ends and leaves
    no file, unless `resume` is true. Closing the generator leaves no file either.

    Parameters
    ----------
    cube, region, output, overwrite
        As in `upscale`.
    options : UpscaleOptions
        The other parameters of `upscale`.
    resume : bool, optional
        For an `output` that can be continued after a run is killed (`formats.is_resumable`): True
        continues an unfinished result, and keeps what is done if this run is interrupted. False
        refuses an unfinished result, or starts over if it may overwrite. None writes no journal.
    statistics : path, optional
        A file with the measurements of the whole cube. It is read if it exists, else written.
    crew : Crew, optional
        Processes that compute the tiles of an `output` that can be continued; see `crew`.
    gather : bool
        Whether to finish a result whose parts are all done; see `part_steps`.
    cancelled : callable
        Called often; see above.

    Yields
    ------
    Progress
        After each tile, and while the cube is measured.

    Returns
    -------
    Upscaled
        The result, and remarks on what was left out of the cube.

    Raises
    ------
    UpscaleError, ModelError, FormatError
        As in `upscale`.
    """
    check_cube(cube)
    if output is not None:
        if cube.source:
            check_not_source(output, cube.source)
        if crew is not None or gather:
            check_joined(output)
        if gather and not is_begun(expanded(output).absolute()):
            raise UpscaleError(f"There is no unfinished result for {output}; run its parts first.")
        if resume:
            check_resumable(output)
    chosen = options.chosen()
    job = Job.of(cube, chosen, cancelled)

    def step() -> str:
        return (
            f"{SUPER_RESOLVED}{options.scale} with {chosen.card.name}"
            f" (sha256 {chosen.card.sha256[:12]}), "
            f"{blur_in_words(job.sigma, job.origin_of_sigma)}, "
            f"{chosen.precision} on {chosen.device}"
            f"{', mean of 8 views (self-ensemble)' * options.self_ensemble},"
            f" napari-dodn {__version__}."
        )

    area, suffix = _inside(cube, region), f"×{options.scale}"
    job.told = {RUN: str(Run.of(cube, options, chosen, area))}
    if statistics is not None:
        job.statistics = yield from statistics_from(
            expanded(statistics), cube, chosen.network().components, cancelled
        )
    if output is None or is_filled_by_tiles(output):
        restart = None
        hands = None
        if output is not None and (resume is not None or crew is not None or gather):
            goes_on = bool(resume or gather)
            path = expanded(output).absolute()
            restart = restart_of(cube, options, chosen, area, path, goes_on, overwrite)
            if crew is not None or gather:
                hands = Hands(crew, chosen.fixed(options), path)
        run = job.run(area, options.tile, output, overwrite, suffix, step, restart, hands)
        return (yield from run)
    with reserved(output, overwrite=overwrite, shape=job.shape_of(area)) as put:
        done = yield from job.run(area, options.tile, None, False, suffix, step)
        put(done.cube)
        return done


def part_steps(
    cube: HyperCube,
    options: UpscaleOptions,
    output: str | os.PathLike[str],
    share: tuple[int, int],
    statistics: str | os.PathLike[str],
    *,
    region: Region | None = None,
    cancelled: Callable[[], bool] = never,
) -> Steps[None]:
    """Compute one of several parts of a result, each in its own process, on any machine.

    The processes share only the folder of the result. A part that was interrupted continues where
    it ended. When all are done, `upscale_steps` with `gather` finishes the result.

    Parameters
    ----------
    cube, options, region, cancelled
        As in `upscale_steps`; the same for all parts.
    output : path
        A file in a format that several machines can write at a time.
    share : tuple of int
        Number of the part, from 1, and how many parts there are.
    statistics : path
        The measurements of the whole cube; the file must exist.

    Yields
    ------
    Progress
        After each tile.

    Raises
    ------
    UpscaleError, ModelError, FormatError
        If there is no such part, the statistics are missing or those of another cube, or as in
        `upscale`.
    """
    check_cube(cube)
    check_shareable(output)
    check_target(output)
    number, count = share
    if not 1 <= number <= count:
        raise UpscaleError(f"A part is one of 1/N to N/N, not {number}/{count}.")
    chosen = options.chosen()
    job = Job.of(cube, chosen, cancelled)
    job.statistics = statistics_in(expanded(statistics), cube, chosen.network().components)
    area, path = _inside(cube, region), expanded(output).absolute()
    restart = restart_of(cube, options, chosen, area, path, resume=True, overwrite=False)
    yield from fill_part(job, area, options.tile, share, restart)


def bicubic(cube: HyperCube, scale: int, region: Region | None = None) -> HyperCube:
    """Return the bicubic interpolation of a cube: the baseline of every comparison.

    Parameters
    ----------
    cube : HyperCube
        The LR cube.
    scale : int
        Upsampling factor along y and x.
    region : Region, optional
        The part of the cube to interpolate.

    Returns
    -------
    HyperCube
        float32, shape (bands, scale · y, scale · x), in the cube's units.

    Raises
    ------
    UpscaleError
        If the region holds no pixel of the cube.
    """
    return result_of(bicubic_steps(cube, scale, region=region))


def bicubic_steps(
    cube: HyperCube,
    scale: int,
    *,
    region: Region | None = None,
    output: str | os.PathLike[str] | None = None,
    cancelled: Callable[[], bool] = never,
) -> Steps[HyperCube]:
    """Do what `bicubic` does, into memory or a file; it yields and ends like `upscale_steps`."""
    check_cube(cube)
    check_scale(scale)
    job = Job(cube, scale, None, torch.device("cpu"), torch.float32, cancelled)

    def step() -> str:
        return f"{INTERPOLATED}{scale} (bicubic)."

    area, suffix = _inside(cube, region), f"×{scale} bicubic"
    return (yield from job.run(area, "auto", output, False, suffix, step)).cube


def upscale_with(
    network: DODN,
    cube: HyperCube,
    precision: str = "auto",
    region: Region | None = None,
    blur: float | str = "auto",
) -> HyperCube:
    """Super-resolve a cube, or a part, with a network in memory, on the device of its weights.

    The network has no card, so "auto" is float32.
    """
    device = next(network.parameters()).device
    dtype = choose_precision(precision, device)
    job = Job(cube, network.scale, network, device, dtype, never, blur=told_blur(blur))
    area, suffix = _inside(cube, region), f"×{network.scale}"
    return result_of(job.run(area, "auto", None, False, suffix, lambda: "Super-resolved.")).cube


def _inside(cube: HyperCube, region: Region | None) -> Region:
    height, width = cube.shape[1:]
    if region is None:
        return Region.whole(height, width)
    inside = Region.of(region).within(height, width)
    if 0 in inside.shape:
        called = f"'{cube.name}'" if cube.name else "the cube"
        raise UpscaleError(
            f"The region holds no pixel of {called}, which has {height} rows and {width} columns."
        )
    return inside
