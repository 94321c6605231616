"""A held-out scene: what a network is given of it, and what should come back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_dodn.cube import HyperCube, Region
from napari_dodn.degradation import blur_of, degrade, reduce_by_blur
from napari_dodn.distillation.checks import check_held_out
from napari_dodn.distillation.config import Degradation, TrainConfig
from napari_dodn.distillation.data.scenes import EVERYWHERE, Scene
from napari_dodn.distillation.data.storage import Storage
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.jobs import result_of
from napari_dodn.metrics import Quality, compare_steps
from napari_dodn.upscaling import bicubic


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A held-out scene: what the network is given, and what it should give back.

    Attributes
    ----------
    scene : Scene
        The high-resolution truth.
    counted : numpy.ndarray
        Which bands are validated, bool, shape (bands,): those that are good and vary. Anything
        restores a constant band without an error, and that would spoil every mean.
    lr : HyperCube
        What the network is given, in the scene's normalised units plus its offset: true spectra up
        to a common factor.
    blur : float
        What the network is told of the blur with which `lr` was made, in LR pixels.
    peak : float
        Full scale in the same units.
    bicubic : Quality
        How good bicubic interpolation is.
    """

    scene: Scene
    counted: np.ndarray
    lr: HyperCube
    blur: float
    peak: float
    bicubic: Quality

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures must know, one sentence each."""
        flat = np.flatnonzero(self.scene.usable_bands & ~self.counted) + 1
        if not flat.size:
            return []
        many = flat.size > 1
        listed = f"Band{'s' * many} {', '.join(map(str, flat))} of '{self.scene.name}'"
        return [f"{listed} {'are' if many else 'is'} the same everywhere and not validated."]

    def validated_pixels(self) -> np.ndarray:
        """Tell which pixels have a value that is validated, bool, (y, x)."""
        measured = self.scene.measured
        if measured is None:
            return np.ones(self.scene.size, bool)
        if len(measured) > 1:
            measured = measured[torch.from_numpy(self.counted)]
        return measured.any(dim=0).numpy()

    def truth(self, area: Region | None = None) -> np.ndarray:
        """Return what should come back of a part, float32, (bands, y, x); NaN: not validated."""
        return _truth(self.scene, self.counted, area)

    def quality_of(self, result: np.ndarray, area: Region | None = None) -> Quality:
        """Compare a result, which may be that of a part, with the truth."""
        return _quality(result, self.truth(area), self.peak)


def held_out_of(
    scene: Scene,
    config: TrainConfig,
    number: int,
    storage: Storage | None = None,
    blur: float | None = None,
) -> HeldOut:
    """Make the task that a held-out scene is; the number seeds its noise.

    It is reduced by a blur that was learnt from sharper pictures, if there is one, as a network is
    told it; else as the configuration says.

    Raises
    ------
    ConfigError
        If the scene is too small, nothing of it can be validated, or it has no full scale.
    """
    scale = config.student.scale
    bands, height, width = scene.hr.shape
    check_held_out(scene.name, (height, width), scale)
    counted = _varying_bands(scene)
    if not counted.any():
        raise ConfigError(
            {
                "data.validation": f"'{scene.name}' is the same everywhere and cannot validate a"
                " model; hold out another cube."
            }
        )
    pixels = (storage or Storage()).array((bands, height // scale, width // scale), np.float32)
    pixels[:] = reduced(scene.hr, scale, config.degradation, number, blur).numpy()
    pixels += scene.offset.numpy()
    if scene.measured is not None:
        gaps = ~scene.measured.numpy()
        blocks = gaps.reshape(len(gaps), height // scale, scale, width // scale, scale)
        pixels[np.broadcast_to(blocks.any(axis=(2, 4)), pixels.shape)] = np.nan
    if not np.isfinite(pixels[counted]).any():
        raise ConfigError(
            {
                "data.validation": f"'{scene.name}' has gaps in every low-resolution pixel and"
                " cannot validate a model; hold out another cube."
            }
        )
    lr = HyperCube(pixels, scene.wavelengths, name=scene.name, good_bands=scene.good_bands)
    truth = _truth(scene, counted)
    if config.data.peak is None:
        peak = float(np.nanmax(truth))
    else:
        peak = config.data.peak / scene.deviation
    if peak <= 0:
        raise ConfigError(
            {"data.peak": f"'{scene.name}' is nowhere above zero; give its full scale."}
        )
    baseline = _quality(np.asarray(bicubic(lr, scale).data), truth, peak)
    if blur is None:
        blur = blur_of(config.degradation.kinds[0], _middle(config.degradation.psf))
    return HeldOut(scene, counted, lr, blur, peak, baseline)


def reduced(
    hr: Tensor, scale: int, degradation: Degradation, seed: int, blur: float | None = None
) -> Tensor:
    """Reduce a whole normalised scene (bands, y, x) as the middle of the configured ranges does.

    A blur, as a network is told it, takes the place of the configured one.
    """
    sigma, noise = _middle(degradation.psf), _middle(degradation.noise)
    if blur is None:
        lr = degrade(hr[None], scale, degradation.kinds[0], sigma)[0]
    else:
        lr = reduce_by_blur(hr[None], scale, blur)[0]
    if noise:
        generator = torch.Generator().manual_seed(seed)
        lr = lr + noise * torch.randn(lr.shape, generator=generator)
    return lr


def _middle(bounds: tuple[float, float]) -> float:
    return sum(bounds) / 2


def _varying_bands(scene: Scene) -> np.ndarray:
    """Tell which of the good bands have more than one value."""
    varying = np.zeros(scene.bands, bool)
    for band in range(scene.bands):
        valid = scene.valid(bands=slice(band, band + 1))
        values = (
            scene.hr[band] if valid is None else scene.hr[band][valid.expand(1, *scene.size)[0]]
        )
        varying[band] = bool(values.numel()) and bool(values.min() < values.max())
    return varying


def _truth(scene: Scene, counted: np.ndarray, area: Region | None = None) -> np.ndarray:
    place = EVERYWHERE if area is None else area.slices
    truth = (scene.hr[(slice(None), *place)] + scene.offset).numpy()
    valid = scene.valid(place)
    if valid is not None:
        truth[~np.broadcast_to(valid.numpy(), truth.shape)] = np.nan
    truth[~counted] = np.nan
    return truth


def _quality(result: np.ndarray, truth: np.ndarray, peak: float) -> Quality:
    """Compare a few bands at a time, which takes no more memory for a large scene."""
    steps = compare_steps(HyperCube(result), HyperCube(truth), data_range=peak)
    return result_of(steps).quality
