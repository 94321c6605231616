"""The cubes of a run as tensors: normalised, made whole, split into what is learnt and what judges.

A scene is held as the network sees it, `(pixels − mean spectrum) / deviation`, with the statistics
of its own low-resolution cube as at inference; its units are gone, and so its size in memory is
that of float32. What was invalid is filled like at inference and remembered in a mask.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_dodn.cube import HyperCube, Region
from napari_dodn.degradation import degrade, margin
from napari_dodn.distillation.config import ConfigError, Degradation, TrainConfig
from napari_dodn.distillation.privileged import Privileged, privileged_images
from napari_dodn.formats import READERS, FormatError, contents, read, zarr
from napari_dodn.metrics import Quality, quality
from napari_dodn.network.normalisation import Normalisation, normalisation_of
from napari_dodn.upscaling import bicubic
from napari_dodn.upscaling.preparation import bridge_bands, fill_invalid

SMALLEST_JUDGE = 4
"""Low-resolution pixels along the shorter side below which a held-out piece says nothing."""


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
        Shape (M, bands): the normalised multispectral image is these applied to `hr`; or
    msi_picture : Tensor or None
        the normalised image itself, shape (M, y, x).
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
        """What to add to normalised spectra so that their angles are the cube's; (bands, 1, 1)."""
        mean = np.nan_to_num(self.normalisation.mean) / self.normalisation.deviation
        return torch.from_numpy(mean).float().to(self.hr.device)[:, None, None]

    @property
    def has_msi(self) -> bool:
        """Whether there is a multispectral image."""
        return self.msi_weights is not None or self.msi_picture is not None

    def msi(self, place: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """Return the normalised multispectral image of a part of the scene, (M, y, x)."""
        if self.msi_picture is not None:
            return self.msi_picture[(slice(None), *place)]
        assert self.msi_weights is not None
        return torch.einsum("mb,byx->myx", self.msi_weights, self.hr[(slice(None), *place)])

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


@dataclass(frozen=True, eq=False)
class RunData:
    """Everything that a run learns from and is judged by.

    Attributes
    ----------
    training : list of Scene
        What patches are drawn from.
    judges : list of Judge
        The held-out scenes.
    msi_bands : int
        Bands of the multispectral image.
    notes : list of str
        What was found out or chosen, one sentence each.
    """

    training: list[Scene]
    judges: list[Judge]
    msi_bands: int
    notes: list[str]


def load_data(config: TrainConfig) -> RunData:
    """Read the cubes of a configuration, hold some out, and make tensors of them.

    Raises
    ------
    ConfigError
        If the cubes do not fit one another or the configuration; one sentence by field.
    FormatError
        If a file cannot be read.
    """
    cubes = _named_apart([read(path) for path in found_cubes(config.data.cubes)])
    notes = list(dict.fromkeys(note for cube in cubes for note in cube.notes))
    _check_bands(cubes, config)
    privileged: Sequence[Privileged | None] = [None] * len(cubes)
    if config.distils:
        privileged = privileged_images(cubes, config.msi)
        notes += dict.fromkeys(note for image in privileged if image for note in image.notes)

    training, held_out = _split(cubes, privileged, config, notes)
    needed = patch_side(config)
    for scene in training:
        if min(scene.hr.shape[1:]) < needed:
            y, x = scene.hr.shape[1:]
            raise ConfigError(
                {
                    "schedule.patch": f"'{scene.name}' has {y} × {x} pixels to learn from, but a"
                    f" patch of {config.schedule.patch} low-resolution pixels needs"
                    f" {needed} × {needed}; choose a smaller patch or leave the cube out."
                }
            )
    judges = [_judge(scene, config, number) for number, scene in enumerate(held_out)]
    first = training[0]
    image = first.msi_weights if first.msi_picture is None else first.msi_picture
    return RunData(training, judges, 0 if image is None else len(image), notes)


def found_cubes(paths: Sequence[Path]) -> list[Path]:
    """Return the cubes that paths stand for: a folder that is no cube stands for those in it.

    Raises
    ------
    ConfigError
        If there is nothing at a path, or a folder holds no cube.
    """
    found: list[Path] = []
    for path in map(Path.expanduser, paths):
        if not path.exists():
            raise ConfigError({"data.cubes": f"{path} does not exist."})
        inside = _cubes_in(path) if path.is_dir() and not zarr.sniff(path) else [path]
        if not inside:
            raise ConfigError({"data.cubes": f"{path} holds no cube that can be opened."})
        found += inside
    return list(dict.fromkeys(found))


def patch_side(config: TrainConfig) -> int:
    """Return the side in high-resolution pixels that a patch and its surroundings take."""
    return config.schedule.patch * config.student.scale + 2 * patch_margin(config)


def patch_margin(config: TrainConfig) -> int:
    """Return how far, in high-resolution pixels, the reduction of a patch looks beyond it."""
    scale, degradation = config.student.scale, config.degradation
    return max(margin(kind, scale, degradation.psf[1]) for kind in degradation.kinds)


def reduced(hr: Tensor, scale: int, degradation: Degradation, seed: int) -> Tensor:
    """Reduce a whole normalised scene (bands, y, x) as the middle of the configured ranges does."""
    sigma, noise = (sum(bounds) / 2 for bounds in (degradation.psf, degradation.noise))
    lr = degrade(hr[None], scale, degradation.kinds[0], sigma)[0]
    if noise:
        generator = torch.Generator().manual_seed(seed)
        lr = lr + noise * torch.randn(lr.shape, generator=generator)
    return lr


def _cubes_in(folder: Path) -> list[Path]:
    """Return the cubes that a folder is or holds: band images, folders of such, files, stores."""
    with contextlib.suppress(FormatError):
        names = [candidate.name for candidate in contents(folder)]
        if len(names) == 1:
            return [folder]
        if all((folder / name).is_dir() for name in names):
            return [folder / name for name in names]
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    cubes = [
        entry
        for entry in entries
        if (zarr.sniff(entry) if entry.is_dir() else any(r.sniff(entry) for r in READERS))
    ]
    headers = {cube.with_suffix("") for cube in cubes if cube.suffix.lower() == ".hdr"}
    return [  # an ENVI cube is named by its header alone
        cube
        for cube in cubes
        if cube.suffix.lower() == ".hdr" or not {cube, cube.with_suffix("")} & headers
    ]


def _named_apart(cubes: list[HyperCube]) -> list[HyperCube]:
    """Give a number to each cube that has the name of one before it."""
    seen: dict[str, int] = {}
    named = []
    for cube in cubes:
        seen[cube.name] = seen.get(cube.name, 0) + 1
        count = seen[cube.name]
        named.append(cube if count == 1 else cube.derive(name=f"{cube.name} {count}"))
    return named


def _check_bands(cubes: Sequence[HyperCube], config: TrainConfig) -> None:
    counts = sorted({cube.bands for cube in cubes})
    if config.distils and len(counts) > 1:
        raise ConfigError(
            {
                "data.cubes": f"The cubes have {' and '.join(map(str, counts))} bands, but a"
                " teacher knows one number of bands only; leave some out or set"
                " distillation.variant to 'none'."
            }
        )


def _split(
    cubes: list[HyperCube],
    privileged: Sequence[Privileged | None],
    config: TrainConfig,
    notes: list[str],
) -> tuple[list[Scene], list[Scene]]:
    """Hold whole cubes out, or a strip of a single one that shares no pixel with the rest."""
    pairs = list(zip(cubes, privileged, strict=True))
    names = [cube.name for cube in cubes]
    data = config.data
    if unknown := sorted(set(data.validation) - set(names)):
        raise ConfigError(
            {
                "data.validation": f"There is no cube named '{unknown[0]}'; there are"
                f" {', '.join(names)}."
            }
        )
    if len(cubes) == 1:
        if data.validation:
            raise ConfigError(
                {
                    "data.validation": "A single cube cannot be held out; leave the field empty"
                    " and a part of it will be."
                }
            )
        learnt, held = _strips(cubes[0], config)
        notes.append(
            f"Of '{names[0]}', rows {held.y0}–{held.y1 - 1} and columns {held.x0}–{held.x1 - 1}"
            " are held out."
        )
        return (
            [_scene(*pairs[0], config, learnt, " (learnt part)")],
            [_scene(*pairs[0], config, held, " (held-out part)")],
        )
    held_names = set(data.validation)
    if not held_names:
        count = min(max(1, round(len(cubes) * data.validation_share)), len(cubes) - 1)
        order = np.random.default_rng(config.seed).permutation(len(cubes))
        held_names = {names[i] for i in order[:count]}
        notes.append(f"Held out: {', '.join(sorted(held_names))}.")
    if held_names == set(names):
        raise ConfigError({"data.validation": "Every cube is held out, so none is learnt from."})
    training = [_scene(*pair, config) for pair in pairs if pair[0].name not in held_names]
    held_out = [
        _scene(*pair, config, _middle(pair[0], config))
        for pair in pairs
        if pair[0].name in held_names
    ]
    return training, held_out


def _strips(cube: HyperCube, config: TrainConfig) -> tuple[Region, Region]:
    """Cut a cube across its longer side into what is learnt and what is held out."""
    scale, share = config.student.scale, config.data.validation_share
    _, height, width = cube.shape
    along = max(height, width)
    held = max(round(along * share / scale), SMALLEST_JUDGE) * scale
    if min(height, width) < SMALLEST_JUDGE * scale or along - held < SMALLEST_JUDGE * scale:
        raise ConfigError(
            {
                "data.cubes": f"'{cube.name}' has {height} × {width} pixels, which is too small to"
                f" hold out a part at ×{scale}."
            }
        )
    cut = along - held
    if width >= height:
        return Region(0, height, 0, cut), Region(0, height, cut, width)
    return Region(0, cut, 0, width), Region(cut, height, 0, width)


def _middle(cube: HyperCube, config: TrainConfig) -> Region:
    """Return the part in the middle of a held-out cube that is judged."""
    _, height, width = cube.shape
    side = config.data.validation_side or max(height, width)
    y0, x0 = (max(0, (n - side) // 2) for n in (height, width))
    return Region(y0, y0 + side, x0, x0 + side).within(height, width)


def _scene(
    cube: HyperCube,
    privileged: Privileged | None,
    config: TrainConfig,
    region: Region | None = None,
    suffix: str = "",
) -> Scene:
    """Make the tensors of a cube's part, cropped to a multiple of the scale."""
    scale = config.student.scale
    _, height, width = cube.shape
    area = region or Region(0, height, 0, width)
    rows, columns = (length - length % scale for length in area.shape)
    area = Region(area.y0, area.y0 + rows, area.x0, area.x0 + columns)
    if 0 in area.shape:
        raise ConfigError(
            {"data.cubes": f"'{cube.name}' has {height} × {width} pixels, too few for ×{scale}."}
        )
    pixels = cube.pixels(area)
    good = cube.usable_bands if cube.usable_bands.any() else np.ones(cube.bands, bool)
    valid = np.isfinite(pixels) & good[:, None, None]
    if not valid.any():
        raise ConfigError({"data.cubes": f"'{cube.name}{suffix}' holds no valid value."})
    blocks = pixels.reshape(cube.bands, rows // scale, scale, columns // scale, scale)
    statistics = normalisation_of([blocks.mean(axis=(2, 4))], cube.bands, good)
    if not np.isfinite(statistics.mean).any():  # nowhere a whole LR pixel
        statistics = normalisation_of([pixels], cube.bands, good)
    usable = good & np.isfinite(statistics.mean)
    whole = bridge_bands(fill_invalid(statistics.apply(pixels)), usable)
    hr = torch.from_numpy(np.nan_to_num(np.ascontiguousarray(whole, np.float32)))
    weights, picture = _normalised_msi(privileged, hr, statistics, area)
    return Scene(
        name=cube.name + suffix,
        hr=hr,
        valid=None if valid.all() else torch.from_numpy(valid),
        normalisation=statistics,
        msi_weights=weights,
        msi_picture=picture,
        cube=cube,
    )


def _normalised_msi(
    privileged: Privileged | None, hr: Tensor, statistics: Normalisation, area: Region
) -> tuple[Tensor | None, Tensor | None]:
    """Bring each band of the multispectral image to mean 0 and deviation 1."""
    if privileged is None:
        return None, None
    if privileged.picture is not None:
        picture = torch.from_numpy(
            np.ascontiguousarray(privileged.picture[(slice(None), *area.slices)], np.float32)
        )
        mean = picture.mean(dim=(1, 2), keepdim=True)
        return None, (picture - mean) / _deviation(picture - mean)
    assert privileged.weights is not None
    weights = torch.from_numpy(np.asarray(privileged.weights, np.float32))
    image = torch.einsum("mb,byx->myx", weights, hr)
    return weights / _deviation(image)[:, :, 0], None


def _deviation(image: Tensor) -> Tensor:
    deviation = image.std(dim=(1, 2), keepdim=True)
    return torch.where(deviation > 1e-6, deviation, 1.0)


def _judge(scene: Scene, config: TrainConfig, number: int) -> Judge:
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
