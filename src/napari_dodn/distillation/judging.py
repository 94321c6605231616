"""How good a network is on what was held out, in figures and in a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.events import Scores
from napari_dodn.distillation.held_out import Judge
from napari_dodn.metrics import Quality
from napari_dodn.network.dodn import DODN
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.spectra.colour import render
from napari_dodn.upscaling.engine import upscale_with

TEACHER_SIDE = 512
"""Largest side of what a teacher is judged on at once; it has no tiles."""

PREVIEW_SIDE = 128
"""Side of the preview in high-resolution pixels."""


def mean_scores(figures: dict[str, Scores]) -> Scores:
    """Average over the held-out scenes."""
    return {
        key: float(np.mean([scores[key] for scores in figures.values()]))
        for key in ("psnr", "ssim", "sam")
    }


def _scores(figure: Quality) -> Scores:
    return {"psnr": figure.psnr, "ssim": figure.ssim, "sam": figure.sam}


def bicubic_scores(judges: list[Judge]) -> Scores:
    """Return how good bicubic interpolation is."""
    return mean_scores({judge.scene.name: _scores(judge.bicubic) for judge in judges})


def student_scores(network: DODN, judges: list[Judge], precision: str) -> dict[str, Scores]:
    """Return how good a student is on each scene, used as anybody will use it."""
    return {
        judge.scene.name: _scores(
            judge.quality_of(np.asarray(upscale_with(network, judge.lr, precision).data))
        )
        for judge in judges
    }


def teacher_scores(teacher: SpectralTeacher, judges: list[Judge]) -> dict[str, Scores]:
    """Return how well a teacher reconstructs each scene's spectra from the multispectral image."""
    device = next(teacher.parameters()).device
    figures = {}
    for judge in judges:
        height, width = judge.scene.size
        y0, x0 = (max(0, (n - TEACHER_SIDE) // 2) for n in (height, width))
        area = Region(y0, y0 + TEACHER_SIDE, x0, x0 + TEACHER_SIDE).within(height, width)
        with torch.inference_mode():
            spectra = teacher(judge.scene.msi(area.slices)[None].to(device))[0][0].cpu().numpy()
        figures[judge.scene.name] = _scores(judge.quality_of(spectra, area))
    return figures


def write_preview(path: Path, network: DODN, judge: Judge, precision: str) -> None:
    """Write pictures of the middle of a held-out scene: `lr`, `sr` and `hr`, in one contrast."""
    scale = network.scale
    height, width = judge.scene.size
    side = min(PREVIEW_SIDE, height, width) // scale
    y0, x0 = ((n // scale - side) // 2 for n in (height, width))
    area = Region(y0, y0 + side, x0, x0 + side)
    lr = np.asarray(judge.lr.data)[(slice(None), *area.slices)]
    fine = area.scaled(scale).slices
    sr = np.asarray(upscale_with(network, judge.lr, precision).data)[(slice(None), *fine)]
    hr = judge.truth()[(slice(None), *fine)]
    large = lr.repeat(scale, axis=1).repeat(scale, axis=2)
    row = HyperCube(
        np.concatenate([large, sr, hr], axis=2),
        judge.lr.wavelengths,
        good_bands=judge.lr.good_bands,
    )
    pictures = np.split(render(row), 3, axis=1)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez(file, lr=pictures[0][::scale, ::scale], sr=pictures[1], hr=pictures[2])
    partial.replace(path)
