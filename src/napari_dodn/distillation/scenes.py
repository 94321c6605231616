"""The cubes of a run as tensors: normalised, without gaps, and with their degraded selves.

A scene is held as the network sees it, `(pixels − mean spectrum) / deviation`, with the statistics
of its own low-resolution cube as at inference; its units are gone. What was invalid is filled as at
inference and remembered in a mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.privileged import Privileged
from napari_dodn.distillation.storage import Storage
from napari_dodn.network.normalisation import Normalisation, normalisation_of
from napari_dodn.upscaling.preparation import (
    BLOCK_VALUES,
    FILL_RADIUS,
    bridge_bands,
    fill_invalid,
)

BLOCK_SIDE = 64
"""Least rows and columns that are read at once: less would be mostly the surroundings."""

EVERYWHERE = (slice(None), slice(None))


@dataclass(frozen=True, eq=False)
class Scene:
    """One cube, or a part of one.

    Attributes
    ----------
    name : str
        The cube's name, with the part's place where it is one.
    hr : Tensor
        Normalised pixels, float32, shape (bands, y, x), without gaps.
    good : Tensor or None
        Which bands hold anything to go by, bool, shape (bands, 1, 1); None where all do.
    measured : Tensor or None
        Where the good bands were measured, bool; shape (1, y, x) where that is the same for all of
        them, else (bands, y, x); None where everywhere.
    offset : Tensor
        What to add to `hr` for true spectra, up to a factor; shape (bands, 1, 1).
    normalisation : Normalisation
        What `hr` was normalised with.
    wavelengths : numpy.ndarray or None
        Band centres in nanometres, shape (bands,).
    msi_weights : Tensor or None
        Shape (M, bands): the multispectral image is these applied to `hr` plus `offset`; or
    msi_picture : Tensor or None
        the image itself, shape (M, y, x).
    """

    name: str
    hr: Tensor
    good: Tensor | None
    measured: Tensor | None
    offset: Tensor
    normalisation: Normalisation
    wavelengths: np.ndarray | None
    msi_weights: Tensor | None = None
    msi_picture: Tensor | None = None

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self.hr.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.hr.shape[1], self.hr.shape[2]

    @property
    def good_bands(self) -> np.ndarray | None:
        """Which bands hold anything to go by, shape (bands,), as a cube has them."""
        return None if self.good is None else self.good.cpu().numpy().ravel()

    def valid(
        self, place: tuple[slice, slice] = EVERYWHERE, bands: slice = slice(None)
    ) -> Tensor | None:
        """Return where values of a part count, bool, in a shape that spreads to the part's.

        None: everywhere.
        """
        good = None if self.good is None else self.good[bands]
        if self.measured is None:
            return good
        measured = self.measured if len(self.measured) == 1 else self.measured[bands]
        measured = measured[(slice(None), *place)]
        return measured if good is None else measured & good

    @property
    def has_msi(self) -> bool:
        """Whether there is a multispectral image."""
        return self.msi_weights is not None or self.msi_picture is not None

    def msi(self, place: tuple[slice, slice] = EVERYWHERE) -> Tensor:
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


def scene_of(
    cube: HyperCube,
    privileged: Privileged | None,
    config: TrainConfig,
    region: Region | None = None,
    suffix: str = "",
    storage: Storage | None = None,
) -> Scene:
    """Make the tensors of a cube's part, cropped to a multiple of the scale.

    Raises
    ------
    ConfigError
        If the part is too small, or nothing in it is valid.
    OSError
        If the pixels fit neither the memory nor the disk.
    """
    scale, storage = config.student.scale, storage or Storage()
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
    good = good & np.isfinite(statistics.mean)
    if not good.any():
        raise ConfigError({"data.cubes": f"'{cube.name}{suffix}' holds no valid value."})
    hr, measured = _filled(cube, area, good, statistics, storage)
    offset = np.nan_to_num(statistics.mean)[:, None, None] / statistics.deviation
    scene = Scene(
        cube.name + suffix,
        hr,
        None if good.all() else torch.from_numpy(good)[:, None, None],
        measured,
        torch.from_numpy(offset).float(),
        statistics,
        cube.wavelengths,
    )
    return scene if privileged is None else _with_msi(scene, privileged, area, storage)


def blocks_of(area: Region, bands: int, scale: int = 1) -> Iterator[Region]:
    """Cut an area into blocks of whole low-resolution pixels that are quick to read.

    They are rows where enough of them fit `BLOCK_VALUES`, and parts of rows elsewhere.
    """
    least = -(-BLOCK_SIDE // scale) * scale
    rows = max(least, BLOCK_VALUES // (bands * area.shape[1] * scale) * scale)
    columns = max(least, BLOCK_VALUES // (bands * rows * scale) * scale)
    for y0 in range(area.y0, area.y1, rows):
        for x0 in range(area.x0, area.x1, columns):
            yield _common(Region(y0, y0 + rows, x0, x0 + columns), area)


def _common(a: Region, b: Region) -> Region:
    """Return what two regions share."""
    return Region(max(a.y0, b.y0), min(a.y1, b.y1), max(a.x0, b.x0), min(a.x1, b.x1))


def _statistics(cube: HyperCube, area: Region, scale: int, good: np.ndarray) -> Normalisation:
    """Measure what the low-resolution cube will have for statistics, by area means."""

    def means() -> Iterator[np.ndarray]:
        for block in blocks_of(area, cube.bands, scale):
            rows, columns = (length // scale for length in block.shape)
            parts = cube.pixels(block).reshape(cube.bands, rows, scale, columns, scale)
            yield parts.mean(axis=(2, 4))

    found = normalisation_of(means(), cube.bands, good)
    if np.isfinite(found.mean[good]).any():
        return found
    pixels = (cube.pixels(block) for block in blocks_of(area, cube.bands))
    return normalisation_of(pixels, cube.bands, good)  # nowhere a whole low-resolution pixel


def _filled(
    cube: HyperCube, area: Region, good: np.ndarray, statistics: Normalisation, storage: Storage
) -> tuple[Tensor, Tensor | None]:
    """Return normalised pixels without gaps, and where there were none; see `Scene`."""
    shape = (cube.bands, *area.shape)
    hr = storage.array(shape, np.float32)
    measured: np.ndarray | None = None
    for block in blocks_of(area, cube.bands):
        read = _common(block.grown(FILL_RADIUS), area)
        inner = (slice(None), *block.relative_to(read).slices)
        place = (slice(None), *block.relative_to(area).slices)
        pixels = cube.pixels(read)
        here = np.isfinite(pixels[inner])
        whole = here[good].all(axis=0)
        if not whole.all():
            if measured is None:
                measured = np.ones((1, *area.shape), bool)
            if len(measured) == 1 and (here[good].any(axis=0) != whole).any():
                same, measured = measured, storage.array(shape, bool)
                measured[:] = same
            measured[place] = whole if len(measured) == 1 else here
        filled = bridge_bands(fill_invalid(statistics.apply(pixels)), good)
        hr[place] = np.nan_to_num(filled[inner])
    return torch.from_numpy(hr), None if measured is None else torch.from_numpy(measured)


def _with_msi(scene: Scene, privileged: Privileged, area: Region, storage: Storage) -> Scene:
    """Add the multispectral image, divided by its deviation, one for all bands, as the cube's is.

    Its mean stays: the teacher, which has no tiles, tells materials apart by their true colours.
    """
    if privileged.picture is not None:
        part = privileged.picture[(slice(None), *area.slices)]
        picture = storage.array(part.shape, np.float32)
        picture[:] = part
        scene = replace(scene, msi_picture=torch.from_numpy(picture))
    else:
        weights = np.asarray(privileged.weights, np.float32)
        scene = replace(scene, msi_weights=torch.from_numpy(weights))
    whole = Region(0, scene.size[0], 0, scene.size[1])
    blocks = (scene.msi(block.slices).double().numpy() for block in blocks_of(whole, scene.bands))
    deviation = normalisation_of(blocks, privileged.bands).deviation
    if scene.msi_picture is not None:
        scene.msi_picture.div_(deviation)
        return scene
    assert scene.msi_weights is not None
    return replace(scene, msi_weights=scene.msi_weights / deviation)
