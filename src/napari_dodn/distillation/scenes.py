"""The cubes of a run as tensors: normalised, without gaps, and with their degraded selves.

A scene is held as the network sees it, `(pixels − mean spectrum) / deviation`, with the statistics
of its own low-resolution cube as at inference; its units are gone. What was invalid is filled as at
inference and remembered in a mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor

from napari_dodn.cube import HyperCube, Region
from napari_dodn.degradation import degrade
from napari_dodn.distillation.config import ConfigError, Degradation, TrainConfig
from napari_dodn.distillation.privileged import Privileged
from napari_dodn.metrics import Quality, quality
from napari_dodn.network.normalisation import Normalisation, normalisation_of
from napari_dodn.upscaling import bicubic
from napari_dodn.upscaling.preparation import (
    BLOCK_VALUES,
    FILL_RADIUS,
    bridge_bands,
    fill_invalid,
)

SMALLEST_JUDGE = 4
"""Low-resolution pixels along the shorter side below which a held-out piece says nothing."""

MEMORY_SHARE = 0.5
"""Share of the free memory that a scene may take; a larger one is kept in a temporary file."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One cube, or a part of one.

    Attributes
    ----------
    name : str
        The cube's name, with the part's place where it is one.
    hr : Tensor
        Normalised pixels, float32, shape (bands, y, x), without gaps.
    valid : Tensor or None
        Where a value was measured and its band is good, bool, shape (bands, y, x); None where
        everywhere.
    normalisation : Normalisation
        What `hr` was normalised with.
    msi_weights : Tensor or None
        Shape (M, bands): the multispectral image is these applied to `hr` plus `offset`; or
    msi_picture : Tensor or None
        the image itself, shape (M, y, x).
    cube : HyperCube
        Description of the cube; its pixels are the source's.
    """

    name: str
    hr: Tensor
    valid: Tensor | None
    normalisation: Normalisation
    msi_weights: Tensor | None
    msi_picture: Tensor | None
    cube: HyperCube

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self.hr.shape[0]

    @property
    def offset(self) -> Tensor:
        """What to add to `hr` for true spectra, up to a factor; shape (bands, 1, 1)."""
        mean = np.nan_to_num(self.normalisation.mean) / self.normalisation.deviation
        return torch.from_numpy(mean).float().to(self.hr.device)[:, None, None]

    @property
    def has_msi(self) -> bool:
        """Whether there is a multispectral image."""
        return self.msi_weights is not None or self.msi_picture is not None

    def msi(self, place: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """Return the scaled multispectral image of a part of the scene, (M, y, x)."""
        if self.msi_picture is not None:
            return self.msi_picture[(slice(None), *place)]
        assert self.msi_weights is not None
        spectra = self.hr[(slice(None), *place)] + self.offset
        return torch.einsum("mb,byx->myx", self.msi_weights, spectra)

    def to(self, device: torch.device) -> Scene:
        """Return the scene with its tensors on a device."""
        moved: dict[str, Any] = {
            key: value.to(device) for key, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)


@dataclass(frozen=True, eq=False)
class Judge:
    """A held-out scene: what the network is given, and what it should give back.

    Attributes
    ----------
    scene : Scene
        The high-resolution truth.
    lr : HyperCube
        What the network is given, in the scene's normalised units plus its offset: true spectra up
        to a common factor.
    reference : numpy.ndarray
        The truth in the same units, float32, NaN where it does not count; (bands, y, x).
    peak : float
        Full scale in the same units.
    bicubic : Quality
        How good bicubic interpolation is.
    """

    scene: Scene
    lr: HyperCube
    reference: np.ndarray
    peak: float
    bicubic: Quality

    def quality_of(self, result: np.ndarray, area: Region | None = None) -> Quality:
        """Compare a result, which may be that of a part, with the truth."""
        place = (slice(None), slice(None)) if area is None else area.slices
        return quality(result, self.reference[(slice(None), *place)], data_range=self.peak)


def scene_of(
    cube: HyperCube,
    privileged: Privileged | None,
    config: TrainConfig,
    region: Region | None = None,
    suffix: str = "",
) -> Scene:
    """Make the tensors of a cube's part, cropped to a multiple of the scale.

    Raises
    ------
    ConfigError
        If the part is too small, or nothing in it is valid.
    """
    scale = config.student.scale
    _, height, width = cube.shape
    area = region or Region(0, height, 0, width)
    rows, columns = (length - length % scale for length in area.shape)
    area = Region(area.y0, area.y0 + rows, area.x0, area.x0 + columns)
    if 0 in area.shape:
        raise ConfigError(
            {"data.cubes": f"'{cube.name}' has {height} × {width} pixels, too few for ×{scale}."}
        )
    good = cube.usable_bands if cube.usable_bands.any() else np.ones(cube.bands, bool)
    statistics = _statistics(cube, area, scale, good)
    if not np.isfinite(statistics.mean[good]).any():
        raise ConfigError({"data.cubes": f"'{cube.name}{suffix}' holds no valid value."})
    hr, valid = _filled(cube, area, scale, good, statistics)
    scene = Scene(cube.name + suffix, hr, valid, statistics, None, None, cube)
    weights, picture = _scaled_msi(privileged, hr + scene.offset, area)
    return replace(scene, msi_weights=weights, msi_picture=picture)


def judge_of(scene: Scene, config: TrainConfig, number: int) -> Judge:
    """Make the task that a held-out scene is; the number seeds its noise.

    Raises
    ------
    ConfigError
        If the scene is too small, or has no full scale.
    """
    scale = config.student.scale
    if min(scene.hr.shape[1:]) < SMALLEST_JUDGE * scale:
        y, x = scene.hr.shape[1:]
        raise ConfigError(
            {
                "data.validation": f"'{scene.name}' has {y} × {x} pixels, too few to judge a model"
                f" for ×{scale}."
            }
        )
    offset = scene.offset.numpy()
    truth = scene.hr.numpy() + offset
    lr = reduced(scene.hr, scale, config.degradation, number).numpy() + offset
    good = scene.cube.usable_bands if scene.cube.usable_bands.any() else None
    if scene.valid is not None:
        gaps = ~scene.valid.numpy()
        truth = np.where(gaps, np.nan, truth)
        b, y, x = gaps.shape
        if good is not None:
            gaps = gaps & good[:, None, None]
        lr[gaps.reshape(b, y // scale, scale, x // scale, scale).any(axis=(2, 4))] = np.nan
    lr_cube = HyperCube(lr, scene.cube.wavelengths, name=scene.name, good_bands=good)
    if config.data.peak is None:
        peak = float(np.nanmax(truth))
    else:
        peak = config.data.peak / scene.normalisation.deviation
    if peak <= 0:
        raise ConfigError(
            {"data.peak": f"'{scene.name}' is nowhere above zero; give its full scale."}
        )
    baseline = quality(np.asarray(bicubic(lr_cube, scale).data), truth, data_range=peak)
    return Judge(scene, lr_cube, truth, peak, baseline)


def reduced(hr: Tensor, scale: int, degradation: Degradation, seed: int) -> Tensor:
    """Reduce a whole normalised scene (bands, y, x) as the middle of the configured ranges does."""
    sigma, noise = (sum(bounds) / 2 for bounds in (degradation.psf, degradation.noise))
    lr = degrade(hr[None], scale, degradation.kinds[0], sigma)[0]
    if noise:
        generator = torch.Generator().manual_seed(seed)
        lr = lr + noise * torch.randn(lr.shape, generator=generator)
    return lr


def _row_blocks(area: Region, bands: int, scale: int) -> Iterator[Region]:
    """Cut an area into blocks of whole low-resolution rows."""
    rows = max(1, BLOCK_VALUES // (bands * area.shape[1] * scale)) * scale
    for y0 in range(area.y0, area.y1, rows):
        yield Region(y0, min(y0 + rows, area.y1), area.x0, area.x1)


def _statistics(cube: HyperCube, area: Region, scale: int, good: np.ndarray) -> Normalisation:
    """Measure what the low-resolution cube will have for statistics, by area means."""

    def means() -> Iterator[np.ndarray]:
        for block in _row_blocks(area, cube.bands, scale):
            rows, columns = (length // scale for length in block.shape)
            parts = cube.pixels(block).reshape(cube.bands, rows, scale, columns, scale)
            yield parts.mean(axis=(2, 4))

    found = normalisation_of(means(), cube.bands, good)
    if np.isfinite(found.mean[good]).any():
        return found
    pixels = (cube.pixels(block) for block in _row_blocks(area, cube.bands, scale))
    return normalisation_of(pixels, cube.bands, good)  # nowhere a whole low-resolution pixel


def _filled(
    cube: HyperCube, area: Region, scale: int, good: np.ndarray, statistics: Normalisation
) -> tuple[Tensor, Tensor | None]:
    """Return normalised pixels without gaps, and where there were none."""
    shape = (cube.bands, *area.shape)
    hr = _room(shape)
    valid: np.ndarray | None = None
    usable = good & np.isfinite(statistics.mean)
    for block in _row_blocks(area, cube.bands, scale):
        y0, y1 = max(area.y0, block.y0 - FILL_RADIUS), min(area.y1, block.y1 + FILL_RADIUS)
        pixels = cube.pixels(Region(y0, y1, area.x0, area.x1))
        inner = slice(block.y0 - y0, block.y1 - y0)
        place = slice(block.y0 - area.y0, block.y1 - area.y0)
        here = np.isfinite(pixels[:, inner]) & good[:, None, None]
        if not here.all():
            valid = np.ones(shape, bool) if valid is None else valid
            valid[:, place] = here
        whole = bridge_bands(fill_invalid(statistics.apply(pixels)), usable)
        hr[:, place] = np.nan_to_num(whole[:, inner])
    return torch.from_numpy(hr), None if valid is None else torch.from_numpy(valid)


def _room(shape: tuple[int, ...]) -> np.ndarray:
    """Return an array in memory, or in a temporary file where memory is short."""
    size = 4 * int(np.prod(shape))
    if size > MEMORY_SHARE * psutil.virtual_memory().available:
        with TemporaryFile() as file:
            return np.memmap(file, np.float32, "w+", shape=shape)
    return np.empty(shape, np.float32)


def _scaled_msi(
    privileged: Privileged | None, spectra: Tensor, area: Region
) -> tuple[Tensor | None, Tensor | None]:
    """Divide the multispectral image by its deviation, one for all bands, as the cube's is.

    Its mean stays: the teacher, which has no tiles, tells materials apart by their true colours.
    """
    if privileged is None:
        return None, None
    if privileged.picture is not None:
        picture = np.ascontiguousarray(privileged.picture[(slice(None), *area.slices)], np.float32)
        image = torch.from_numpy(picture)
        return None, image / _deviation(image)
    assert privileged.weights is not None
    weights = torch.from_numpy(np.asarray(privileged.weights, np.float32))
    return weights / _deviation(torch.einsum("mb,byx->myx", weights, spectra)), None


def _deviation(image: Tensor) -> Tensor:
    deviation = (image - image.mean(dim=(1, 2), keepdim=True)).square().mean().sqrt()
    return torch.where(deviation > 1e-6, deviation, 1.0)
