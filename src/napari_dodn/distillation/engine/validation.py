"""How good a network is on what was held out, in figures and in a picture."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.data.held_out import HeldOut
from napari_dodn.distillation.data.sharpened import Sharpened
from napari_dodn.distillation.run.events import Scores
from napari_dodn.distillation.sharper.overlay import colours_of, overlay_of
from napari_dodn.metrics import SHORT, Quality
from napari_dodn.network.dodn import DODN
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.replacing import replace_bytes, replacing
from napari_dodn.spectra.colour import render
from napari_dodn.upscaling.engine import upscale_with

TEACHER_SIDE = 512
"""Largest side of what a teacher is validated on at once; it has no tiles."""

PREVIEW_SIDE = 128
"""Side of the preview in high-resolution pixels."""

TRIES, PAUSE = 5, 0.1
"""How often, and after how many seconds, a preview is written again that could not be."""


def mean_scores(figures: dict[str, Scores]) -> Scores:
    """Average over the held-out scenes."""
    return {key: float(np.mean([scores[key] for scores in figures.values()])) for key in SHORT}


def _scores(figure: Quality) -> Scores:
    return {key: getattr(figure, key) for key in SHORT}


def bicubic_figures(validation: list[HeldOut]) -> dict[str, Scores]:
    """Return how good bicubic interpolation is on each scene."""
    return {held.scene.name: _scores(held.bicubic) for held in validation}


def bicubic_scores(validation: list[HeldOut]) -> Scores:
    """Return how good bicubic interpolation is."""
    return mean_scores(bicubic_figures(validation))


def student_scores(network: DODN, validation: list[HeldOut], precision: str) -> dict[str, Scores]:
    """Return how good a student is on each scene, used as anybody will use it."""
    return {
        held.scene.name: _scores(
            held.quality_of(
                np.asarray(upscale_with(network, held.lr, precision, blur=held.blur).data)
            )
        )
        for held in validation
    }


def teacher_scores(teacher: SpectralTeacher, validation: list[HeldOut]) -> dict[str, Scores]:
    """Return how well a teacher reconstructs each scene's spectra from the multispectral image."""
    device = next(teacher.parameters()).device
    figures = {}
    for held in validation:
        area = _measured_part(held.validated_pixels(), TEACHER_SIDE)
        with torch.inference_mode():
            spectra = teacher(held.scene.msi(area.slices)[None].to(device))[0][0].cpu().numpy()
        figures[held.scene.name] = _scores(held.quality_of(spectra, area))
    return figures


def write_preview(path: Path, network: DODN, held: HeldOut, precision: str) -> None:
    """Write pictures of the middle of a held-out scene: `lr`, `sr` and `hr`, in one contrast.

    Where the file cannot be written the one from before stays: somebody may just be looking at it,
    and no training ends for a picture.
    """
    scale = network.scale
    side = min(PREVIEW_SIDE, *held.scene.size) // scale
    lr = np.asarray(held.lr.data)
    area = _measured_part(np.isfinite(lr).any(axis=0), side)
    large = lr[(slice(None), *area.slices)].repeat(scale, axis=1).repeat(scale, axis=2)
    sr = np.asarray(upscale_with(network, held.lr, precision, area, held.blur).data)
    triple = large, sr, held.truth(area.scaled(scale))
    lr_picture, *others = _rendered(triple, held.lr)
    _write_pictures(path, lr=lr_picture[::scale, ::scale], sr=others[0], hr=others[1])


def write_pair_preview(path: Path, network: DODN, found: Sharpened, precision: str) -> None:
    """Write pictures of a place that is learnt from: `lr`, `sr`, `hr` and `picture`.

    There the pseudo-truth stands for the truth; the first three are in one contrast. See
    `write_preview`.
    """
    scene, pair, scale = found.scenes[0], found.pair, network.scale
    assert scene.lr is not None
    offset, told = scene.offset.numpy(), pair.regression.predicted & scene.usable_bands
    lr = HyperCube(scene.lr.numpy() + offset, scene.wavelengths, good_bands=scene.good_bands)
    area = _measured_part(pair.counted, min(PREVIEW_SIDE, *scene.size) // scale)
    large = np.asarray(lr.crop(area).data).repeat(scale, axis=1).repeat(scale, axis=2)
    sr = np.asarray(upscale_with(network, lr, precision, area, scene.blur).data)
    fine = (slice(None), *area.scaled(scale).slices)
    triple = large, sr, scene.hr[fine].numpy() + offset
    lr_picture, *others = _rendered(triple, lr.derive(good_bands=told))
    _write_pictures(
        path,
        lr=lr_picture[::scale, ::scale],
        sr=others[0],
        hr=others[1],
        picture=colours_of(pair.picture)[fine[1:]],
    )


def _rendered(cubes: Sequence[np.ndarray], like: HyperCube) -> list[np.ndarray]:
    """Return the colours of pixels (bands, y, x) of one shape, in one contrast."""
    row = HyperCube(np.concatenate(cubes, axis=2), like.wavelengths, good_bands=like.good_bands)
    return np.split(render(row), len(cubes), axis=1)


def _write_pictures(path: Path, **pictures: np.ndarray) -> None:
    for _ in range(TRIES):
        with contextlib.suppress(OSError):
            with replacing(path, alone=True) as unfinished, unfinished.open("wb") as file:
                np.savez(file, allow_pickle=False, **pictures)
            return
        time.sleep(PAUSE)


def write_overlay(folder: Path, found: Sharpened) -> None:
    """Write how a sharper picture lies on its cube, as a PNG in a run's folder.

    Training goes on where it cannot be written.
    """
    from imagecodecs import png_encode

    name = re.sub(r"[^\w .+-]", "_", found.facts["cube"])
    path = folder / f"overlay {name}.png"
    with contextlib.suppress(OSError, MemoryError):
        replace_bytes(path, png_encode(overlay_of(found.pair)))


def _measured_part(measured: np.ndarray, side: int) -> Region:
    """Return a square of an image: the middle, or where more of the (y, x) mask is true."""
    height, width = measured.shape
    rows, columns = min(side, height), min(side, width)
    corners = [((height - rows) // 2, (width - columns) // 2)]
    corners += [
        (min(y, height - rows), min(x, width - columns))
        for y in range(0, height, rows)
        for x in range(0, width, columns)
    ]
    parts = [Region(y, y + rows, x, x + columns) for y, x in corners]
    return max(parts, key=lambda part: int(measured[part.slices].sum()))
