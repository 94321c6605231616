"""Geometric self-ensemble: the mean of a network's eight answers to one cube, flipped and turned.

R. Timofte et al., "Seven ways to improve example-based single image super resolution", CVPR 2016.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.events import Done, Progress, Steps, never
from napari_dodn.upscaling.engine import upscale_steps

VIEWS = tuple((turns, flip) for flip in (False, True) for turns in range(4))
"""The eight symmetries of a square: quarter turns, of the image and of its mirror image."""


def seen(pixels: Any, turns: int, flip: bool) -> Any:
    """Return a view of (bands, y, x) pixels: mirrored if `flip`, then turned."""
    return np.rot90(pixels[:, :, ::-1] if flip else pixels, turns, (1, 2))


def seen_back(pixels: np.ndarray, turns: int, flip: bool) -> np.ndarray:
    """Undo `seen`."""
    turned = np.rot90(pixels, -turns, (1, 2))
    return turned[:, :, ::-1] if flip else turned


def self_ensemble_steps(
    cube: HyperCube,
    scale: int = 4,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: int | str = "auto",
    *,
    cancelled: Callable[[], bool] = never,
) -> Steps:
    """Do what `upscaling.upscale_steps` does eight times and yield the mean; in memory.

    It takes eight times as long and gains a little: a result of it is no measure of the network
    alone. Next to the mean, one result is held at a time. Progress is in LR pixels of all eight.

    Yields
    ------
    Progress or Done
        The result is a HyperCube as `upscale` returns it.

    Raises
    ------
    UpscaleError, ModelError
        As `upscale` does.
    """
    stored = np.asarray(cube.data)  # s² times smaller than a result
    total = len(VIEWS) * stored.shape[1] * stored.shape[2]
    mean: HyperCube | None = None
    for count, view in enumerate(VIEWS):
        turned = cube.derive(seen(stored, *view))
        steps = upscale_steps(turned, scale, model, device, precision, tile, cancelled=cancelled)
        answer = yield from _counted_on(steps, count * total // len(VIEWS), total)
        if answer is None:
            return
        if mean is None:  # of the cube as it is: its description is that of the result
            mean = answer
        else:
            pixels = seen_back(answer.data, *view)
            # A running mean: a no-data value stays itself, and no sum overflows.
            for band, other in zip(mean.data, pixels, strict=True):
                band += (other - band) / (count + 1)
            del pixels
        del answer  # so that the next run does not find it in memory
    if mean is not None:
        yield Done(mean.derive(step="Mean of 8 runs, flipped and turned (self-ensemble)."))


def _counted_on(
    steps: Steps, before: int, total: int
) -> Generator[Progress | Done, None, HyperCube | None]:
    """Pass progress on, counted from `before`; return the result, or None if there is none."""
    with closing(steps):
        for event in steps:
            if isinstance(event, Done):
                return event.result
            yield Progress(before + event.done, total, event.message)
    return None
