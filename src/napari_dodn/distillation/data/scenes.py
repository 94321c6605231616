"""The cubes of a run as tensors: normalised, without gaps, and with their degraded selves.

A scene is held as `(pixels − mean spectrum) / deviation`, with the statistics of its own
low-resolution cube, whose covariance goes with it; its units are gone. What was invalid or bad is
filled as at inference and remembered in a mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_dodn.bad_value_search import BadValueSearch
from napari_dodn.bad_values import BadValues
from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.privileged import Privileged
from napari_dodn.distillation.data.storage import Storage
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.filling import FILL_RADIUS, fill
from napari_dodn.network.components import components_of
from napari_dodn.sampling import sample_blocks
from napari_dodn.spectra.steps import BLOCK_VALUES
from napari_dodn.upscaling.statistics import centre, covariance_of, rounding_of

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
        Normalised pixels, float32, shape (bands, y, x), without gaps; 0 in bad bands.
    good : Tensor or None
        Which bands hold anything to go by, bool, shape (bands, 1, 1); None where all do.
    measured : Tensor or None
        Where the good bands were measured, bool; shape (1, y, x) where that is the same for all of
        them, else (bands, y, x); None where everywhere.
    offset : Tensor
        What to add to `hr` for true spectra, up to a factor; shape (bands, 1, 1).
    deviation : float
        What `hr` was divided by.
    covariance : numpy.ndarray
        Of the normalised low-resolution cube, shape (bands, bands); zero in bad bands.
    floor : float
        Components of no larger a deviation are rounding.
    wavelengths : numpy.ndarray or None
        Band centres in nanometres, shape (bands,).
    msi_weights : Tensor or None
        Shape (M, bands): the multispectral image is these applied to `hr` plus `offset`; or
    msi_picture : Tensor or None
        the image itself, shape (M, y, x).
    lr : Tensor or None
        Normalised pixels of the low-resolution cube, where that is the cube that was measured and
        `hr` is what a sharper picture tells of it; shape (bands, y / s, x / s). None where the
        low-resolution cube is made of `hr`.
    blur : float
        The blur of `lr`, in its pixels.
    told : Tensor or None
        Which bands such a picture tells, bool, shape (bands, 1, 1); None where all.
    notes : tuple of str
        What to know of its bad values, one sentence each.
    """

    name: str
    hr: Tensor
    good: Tensor | None
    measured: Tensor | None
    offset: Tensor
    deviation: float
    covariance: np.ndarray
    floor: float
    wavelengths: np.ndarray | None
    msi_weights: Tensor | None = None
    msi_picture: Tensor | None = None
    lr: Tensor | None = None
    blur: float = 0.0
    told: Tensor | None = None
    notes: tuple[str, ...] = ()

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

    @property
    def usable_bands(self) -> np.ndarray:
        """The same where all bands do, too."""
        return np.ones(self.bands, bool) if self.good_bands is None else self.good_bands

    def valid(
        self, place: tuple[slice, slice] = EVERYWHERE, bands: slice = slice(None)
    ) -> Tensor | None:
        """Return where values of a part count, bool, in a shape that spreads to the part's.

        None: everywhere.
        """
        counted = self.good if self.told is None else self.told
        good = None if counted is None else counted[bands]
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


class _Measured(NamedTuple):
    """What is measured of a cube's part before it is normalised; see `Scene`."""

    bad_values: BadValues
    usable: np.ndarray
    mean: np.ndarray
    deviation: float
    covariance: np.ndarray
    floor: float


def scene_of(
    cube: HyperCube,
    privileged: Privileged | None,
    config: TrainConfig,
    region: Region | None = None,
    name: str = "",
    storage: Storage | None = None,
    scale: int | None = None,
) -> Scene:
    """Make the tensors of a cube's part, cropped to a multiple of the scale.

    A scale of 1, in place of the student's, is for a cube that is the low resolution itself.

    Raises
    ------
    ConfigError
        If the part is too small, or nothing in it is valid.
    OSError
        If the pixels fit neither the memory nor the disk.
    """
    scale, storage = scale or config.student.scale, storage or Storage()
    _, height, width = cube.shape
    area = region or Region.whole(height, width)
    rows, columns = (length - length % scale for length in area.shape)
    area = Region(area.y0, area.y0 + rows, area.x0, area.x0 + columns)
    if 0 in area.shape:
        raise ConfigError(
            {"data.cubes": f"'{cube.name}' has {height} × {width} pixels, too few for ×{scale}."}
        )
    found = _measured(cube, area, scale)
    good = found.usable
    if not good.any():
        raise ConfigError({"data.cubes": f"'{name or cube.name}' holds no valid value."})
    hr, measured = _filled(cube, area, found, config.student.components, storage)
    offset = found.mean[:, None, None] / found.deviation
    scene = Scene(
        name or cube.name,
        hr,
        None if good.all() else torch.from_numpy(good)[:, None, None],
        measured,
        torch.from_numpy(offset).float(),
        found.deviation,
        found.covariance,
        found.floor,
        cube.wavelengths,
        notes=tuple(
            f"'{name or cube.name}': {sentence}"
            for sentence in found.bad_values.sentences(bad_only=True)
        ),
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


def _measured(cube: HyperCube, area: Region, scale: int) -> _Measured:
    """Measure what the low-resolution cube will have for statistics, by area means.

    The rules are those of `upscaling.statistics`, and so is how much is looked at of a large cube.
    """
    bands = cube.bands
    small = sample_blocks((bands, area.shape[0] // scale, area.shape[1] // scale))
    places = [_moved(block.scaled(scale), area) for block in small]
    search = BadValueSearch(cube.data.dtype)
    for place in places:
        search.add(cube.pixels(place))
    bad_values = search.result()
    means, valid = [], []
    for place in places:
        pixels = cube.pixels(place)
        here = np.isfinite(pixels) & ~bad_values.mask(pixels)
        rows, columns = (length // scale for length in place.shape)
        parts = (bands, rows, scale, columns, scale)
        number = here.reshape(parts).sum(axis=(2, 4))
        total = np.where(here, pixels, 0).reshape(parts).sum(axis=(2, 4))
        means.append(total / np.maximum(number, 1))
        valid.append(number > 0)
    mean = centre(means, valid)
    usable = cube.counted_bands & np.isfinite(mean)
    mean = np.where(usable, mean, 0)
    covariance = covariance_of(means, valid, usable)
    rounding, flat = rounding_of(cube.data.dtype, mean[usable], covariance.diagonal()[usable])
    deviation = float(np.sqrt(np.trace(covariance) / max(usable.sum(), 1)))
    if deviation <= flat:
        deviation = deviation or float(np.abs(mean).max()) or 1.0
        covariance = np.zeros_like(covariance)
    return _Measured(
        bad_values, usable, mean, deviation, covariance / deviation**2, rounding / deviation
    )


def _moved(block: Region, area: Region) -> Region:
    """Return a place in an area as a place in the whole image."""
    return block.relative_to(Region(-area.y0, 0, -area.x0, 0))


def _filled(
    cube: HyperCube, area: Region, found: _Measured, count: int, storage: Storage
) -> tuple[Tensor, Tensor | None]:
    """Return normalised pixels without gaps, and where there were none; see `Scene`."""
    shape, good = (cube.bands, *area.shape), found.usable
    components = components_of(found.mean * 0, found.covariance, count, found.floor)
    deviations = components.weights * components.deviation
    hr = storage.array(shape, np.float32)
    measured: np.ndarray | None = None
    for block in blocks_of(area, cube.bands):
        read = _common(block.grown(FILL_RADIUS), area)
        inner = (slice(None), *block.relative_to(read).slices)
        place = (slice(None), *block.relative_to(area).slices)
        pixels = cube.pixels(read)
        valid = np.isfinite(pixels) & ~found.bad_values.mask(pixels)
        here = valid[inner]
        whole = here[good].all(axis=0)
        if not whole.all():
            if measured is None:
                measured = np.ones((1, *area.shape), bool)
            if len(measured) == 1 and (here[good].any(axis=0) != whole).any():
                same, measured = measured, storage.array(shape, bool)
                measured[:] = same
            measured[place] = whole if len(measured) == 1 else here
        pixels -= found.mean[:, None, None]
        pixels /= found.deviation
        pixels[~good] = 0
        valid[~good] = True
        hr[place] = fill(pixels, valid, components.basis, deviations)[inner]
    return torch.from_numpy(hr), None if measured is None else torch.from_numpy(measured)


def deviation_of(blocks: Iterable[np.ndarray]) -> float:
    """Return the root mean square, over bands, of the deviations of what comes in blocks."""
    number, total, squares, shift = 0, 0.0, 0.0, None
    for block in blocks:
        values = block.reshape(len(block), -1)
        shift = values.mean(axis=1, keepdims=True) if shift is None else shift
        total = total + (values - shift).sum(axis=1)
        squares = squares + ((values - shift) ** 2).sum(axis=1)
        number += values.shape[1]
    variance = float(np.mean(squares / number - (total / number) ** 2))
    return max(variance, 0.0) ** 0.5 or 1.0


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
    whole = Region.whole(*scene.size)
    blocks = (scene.msi(block.slices).double().numpy() for block in blocks_of(whole, scene.bands))
    deviation = deviation_of(blocks)
    if scene.msi_picture is not None:
        scene.msi_picture.div_(deviation)
        return scene
    assert scene.msi_weights is not None
    return replace(scene, msi_weights=scene.msi_weights / deviation)
