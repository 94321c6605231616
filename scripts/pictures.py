"""Cubes from files: scenes of CAVE, and photographs whose colours become spectra."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from skimage.transform import resize
from torch import Tensor

PEAK = 65535


def read_scene(folder: Path) -> Tensor:
    """Read a CAVE scene as downloaded, (31, 512, 512), full scale 1."""
    files = sorted(folder.rglob("*_[0-9][0-9].png"))
    bands = np.stack(
        [image if image.ndim == 2 else image[..., 0] for image in map(iio.imread, files)]
    )
    peak = 255 if bands.dtype == np.uint8 else PEAK
    return torch.from_numpy(bands.astype(np.float32) / peak)


def linear(picture: np.ndarray) -> np.ndarray:
    """Turn an sRGB picture (y, x, 3) of 8 bits into linear (3, y, x)."""
    v = picture[..., :3].astype(np.float32) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).transpose(2, 0, 1)


def spread(rgb: np.ndarray) -> np.ndarray:
    """Return twelve functions (12, n) of linear RGB, all of degree 1, that spectra are mixed of."""
    r = rgb.reshape(3, -1)
    roots = [np.sqrt(np.maximum(r[i] * r[j], 0)) for i, j in itertools.combinations(range(3), 2)]
    pairs = itertools.combinations_with_replacement(range(3), 2)
    ratios = [r[i] * r[j] / (r.sum(axis=0) + 1e-3) for i, j in pairs]
    return np.stack([*r, *roots, *ratios])


def mixing(folders: Sequence[Path], scenes: Sequence[Tensor]) -> np.ndarray:
    """Learn the matrix (12, bands) from `spread` pictures to spectra, from scenes and pictures."""
    left, right = np.zeros((12, 12)), np.zeros((12, scenes[0].shape[0]))
    for folder, scene in zip(folders, scenes, strict=True):
        rgb = linear(iio.imread(next(iter(folder.rglob("*_RGB.bmp")))))
        cube = scene.numpy()
        functions = spread(rgb * (cube.mean() / rgb.mean()))[:, ::7]
        left += functions @ functions.T / functions.shape[1]
        right += functions @ cube.reshape(len(cube), -1)[:, ::7].T / functions.shape[1]
    return np.linalg.solve(left + 1e-6 * np.eye(12), right).astype(np.float32)


def photograph(file: Path, matrix: np.ndarray, scale: int, shrink: float) -> Tensor:
    """Make a cube (bands, y, x) of half precision from a photograph, smaller by a factor."""
    rgb = linear(iio.imread(file)).transpose(1, 2, 0)
    height, width = (int(side / shrink) // scale * scale for side in rgb.shape[:2])
    rgb = resize(rgb, (height, width), order=3, anti_aliasing=True).transpose(2, 0, 1).clip(0, 1)
    return torch.from_numpy((matrix.T @ spread(rgb)).reshape(-1, height, width)).half()


def farther(scene: Tensor, factor: float) -> Tensor:
    """Return a scene (bands, y, x) as a camera farther away by a factor would see it."""
    shape = (len(scene), *(int(side / factor) for side in scene.shape[1:]))
    return torch.from_numpy(resize(scene.numpy(), shape, order=3, anti_aliasing=True)).float()
