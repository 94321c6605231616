"""Scenes whose high resolution is what a sharper picture of the same place tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.fitting import fit_steps
from napari_dodn.distillation.data.scenes import Scene, blocks_of, deviation_of, scene_of
from napari_dodn.distillation.data.storage import Storage
from napari_dodn.distillation.sharper.pseudo_truth import Pair, Placed, pseudo_truth_of
from napari_dodn.jobs import result_of

SHIFT_TOLD = 0.05
"""Fine pixels by which a picture may be moved without a word."""


@dataclass(frozen=True, eq=False)
class Sharpened:
    """What a part of a cube and a sharper picture give to learn from.

    Attributes
    ----------
    scenes : list of Scene
        The part with its pseudo-truth; and, where the picture does not tell all bands, the part
        as it is, to be reduced once more.
    pair : Pair
        The picture, placed on the cube.
    facts : dict
        What the picture tells and what not, in plain types, for the model's card.
    notes : list of str
        The same for the person, one sentence each.
    """

    scenes: list[Scene]
    pair: Pair
    facts: dict[str, Any]
    notes: list[str]


def sharpened(
    cube: HyperCube, region: Region, name: str, config: TrainConfig, storage: Storage
) -> Sharpened:
    """Make the scenes of a part of a cube that has a sharper picture.

    Nothing outside of the part is looked at: what is held out stays unknown.

    Raises
    ------
    ConfigError
        If the picture cannot be read, or does not fit the cube.
    """
    fit = result_of(fit_steps(cube, region, name, config, storage))
    scene, pair, notes = fit.scene, fit.accepted(), list(fit.notes)
    good = scene.usable_bands
    facts = _facts(pair, config.data.sharper[cube.name], cube, good)
    notes += _sentences(name, facts, pair, int(good.sum()))
    scenes = [_fine(scene, pair, storage)]
    if facts["bands with pseudo-truth"] < good.sum():
        once_more = scene_of(cube.crop(region), None, config, name=name, storage=storage)
        scenes.append(once_more)
    if config.distils:
        scenes = [_with_picture(scene, pair) for scene in scenes]
    return Sharpened(scenes, pair, facts, notes)


def pictured(cube: HyperCube, region: Region, scene: Scene, config: TrainConfig) -> Scene:
    """Return a held-out scene, on its cube's own grid, with what its teacher is validated by.

    How well a picture explains what is held out is the teacher's business.

    Raises
    ------
    ConfigError
        If the picture cannot be read, or lies elsewhere.
    """
    fit = result_of(fit_steps(cube, region, cube.name, config))
    return _with_picture(scene, fit.placed or fit.accepted())


def _fine(scene: Scene, pair: Pair, storage: Storage) -> Scene:
    """Return the scene with its pseudo-truth as the high resolution."""
    scale = pair.sensor.scale
    rows, columns = scene.size
    pixels = storage.array((scene.bands, rows * scale, columns * scale), np.float32)
    found = pseudo_truth_of(pair, pixels)
    predicted = pair.regression.predicted
    return replace(
        scene,
        hr=torch.from_numpy(pixels),
        lr=scene.hr,
        blur=pair.sensor.sigma,
        measured=None if found.weight.all() else torch.from_numpy(found.weight)[None],
        told=None if predicted.all() else torch.from_numpy(predicted)[:, None, None],
    )


def _with_picture(scene: Scene, pair: Pair | Placed) -> Scene:
    """Return the scene with the picture of the teacher, whose deviation is 1."""
    whole = Region.whole(*pair.picture.shape[1:])
    blocks = (
        pair.picture[(slice(None), *block.slices)].astype(np.float64)
        for block in blocks_of(whole, len(pair.picture))
    )
    picture = pair.picture / np.float32(deviation_of(blocks))
    if scene.lr is None:
        picture = pair.sensor.reduce(picture)[:, : scene.size[0], : scene.size[1]]
    return replace(scene, msi_picture=torch.from_numpy(np.ascontiguousarray(picture)))


def _facts(pair: Pair, path: Path, cube: HyperCube, good: np.ndarray) -> dict[str, Any]:
    """Return what a picture tells of a cube's good bands, for the model's card."""
    predicted = pair.regression.predicted
    bands = ", ".join(_ranges(np.flatnonzero(~predicted & good) + 1))
    shift = [round(x, 2) for x in pair.registration.shift]
    return {
        "cube": cube.name,
        "picture": path.name,
        "channels": len(pair.picture),
        "bands with pseudo-truth": int(predicted.sum()),
        "bands without pseudo-truth": bands or "none",
        "variance explained of these bands": round(
            float(pair.regression.explained[predicted].mean()), 3
        ),
        "share of the area that counts": round(float(pair.counted.mean()), 3),
        "shift, pixels of the result (y, x)": shift,
        "blur of the cube, σ in its pixels": round(pair.sensor.sigma, 3),
        "pixels of the picture that a spectrum depends on": (
            f"{pair.regression.side} × {pair.regression.side}"
        ),
    }


def _sentences(name: str, facts: dict[str, Any], pair: Pair, count: int) -> Iterator[str]:
    """Say what a picture tells of a cube with so many good bands."""
    told, good = facts["bands with pseudo-truth"], "good " * (count < len(pair.cube))
    explained = 100 * facts["variance explained of these bands"]
    area = 100 * facts["share of the area that counts"]
    yield (
        f"{facts['picture']} explains {explained:.0f} % of {told} of the {count} {good}bands of"
        f" '{name}', in {area:.0f} % of the area; there it serves as the high resolution."
    )
    if told < count:
        yield (
            f"{facts['picture']} explains less than half of bands"
            f" {facts['bands without pseudo-truth']} of '{name}'; these are learnt from the cube"
            " reduced once more."
        )
    shift = pair.registration.shift
    if max(abs(x) for x in shift) > SHIFT_TOLD:
        turned = " and is turned or stretched" if pair.registration.is_affine else ""
        yield (
            f"{facts['picture']} lies {shift[0]:+.1f} and {shift[1]:+.1f} pixels of the result,"
            f" along y and x, away from '{name}'{turned}; it is moved into place."
        )


def _ranges(numbers: np.ndarray) -> Iterator[str]:
    """Yield numbers as ranges: 1–3, 7."""
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1):
        if len(run):
            yield f"{run[0]}" if len(run) == 1 else f"{run[0]}–{run[-1]}"
