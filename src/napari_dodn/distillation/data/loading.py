"""What a run learns from and is judged by: cubes found, checked, and parted without a leak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.config import TrainConfig, named_apart
from napari_dodn.distillation.data.held_out import Judge, judge_of
from napari_dodn.distillation.data.patches import patch_side_of
from napari_dodn.distillation.data.privileged import Privileged, privileged_images
from napari_dodn.distillation.data.scenes import Scene, scene_of
from napari_dodn.distillation.data.storage import Storage
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.formats.finding import FoundCube, find_cubes
from napari_dodn.reach import SMALLEST_JUDGE, held_out_length

JUDGED_VALUES = 64 * 2**20
"""Values of a held-out cube that are judged where no size is set: the result must fit memory."""

MOST_REASONS = 3
"""How many of the things left out are told where nothing is left."""


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


def load_data(config: TrainConfig, folder: Path | None = None) -> RunData:
    """Read the cubes of a configuration, hold some out, and make tensors of them.

    Parameters
    ----------
    config : TrainConfig
        What is asked for.
    folder : Path, optional
        Where pixels are kept that the memory has no room for; see `Storage`.

    Raises
    ------
    ConfigError
        If the cubes do not fit one another or the configuration; one sentence by field.
    FormatError
        If a file cannot be read.
    OSError
        If the pixels fit neither the memory nor the disk.
    """
    notes: list[str] = []
    cubes = [found.cube for found in found_cubes(config.data.cubes, notes)]
    names = named_apart([cube.name for cube in cubes])
    cubes = [cube.derive(name=name) for cube, name in zip(cubes, names, strict=True)]
    notes = list(dict.fromkeys([*notes, *(note for cube in cubes for note in cube.notes)]))
    _check_bands(cubes, config)
    notes += _compared_wavelengths(cubes, config)
    privileged: Sequence[Privileged | None] = [None] * len(cubes)
    if config.distils:
        privileged = privileged_images(cubes, config.msi)
        notes += dict.fromkeys(note for image in privileged if image for note in image.notes)

    storage = Storage(folder)
    training, held_out = _split(cubes, privileged, config, notes, storage)
    needed = patch_side_of(config)
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
    judges = [judge_of(scene, config, number, storage) for number, scene in enumerate(held_out)]
    notes += [note for judge in judges for note in judge.notes]
    first = training[0]
    image = first.msi_weights if first.msi_picture is None else first.msi_picture
    return RunData(training, judges, 0 if image is None else len(image), notes)


def found_cubes(paths: Sequence[Path], notes: list[str]) -> Iterator[FoundCube]:
    """Yield the cubes that paths stand for, as `formats.find_cubes` finds them.

    Parameters
    ----------
    paths : sequence of Path
        Cubes, and folders of cubes.
    notes : list of str
        Gets a sentence on each that is left out.

    Raises
    ------
    ConfigError
        If nothing is to be had at a path.
    """
    for found in find_cubes(paths):
        if isinstance(found, FoundCube):
            yield found
        elif found.in_vain:
            raise ConfigError({"data.cubes": " ".join([found.reason, *notes[:MOST_REASONS]])})
        else:
            notes.append(str(found))


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


def _compared_wavelengths(cubes: Sequence[HyperCube], config: TrainConfig) -> list[str]:
    """Say which cubes have bands elsewhere than the first with as many.

    Raises
    ------
    ConfigError
        If a teacher would learn bands in one order from one cube and in another from the next.
    """
    notes = []
    first: dict[int, HyperCube] = {}
    for cube in cubes:
        if cube.wavelengths is None or np.isfinite(cube.wavelengths).sum() < 2:
            continue
        known = first.setdefault(cube.bands, cube)
        ours, theirs = cube.wavelengths, known.wavelengths
        assert theirs is not None
        if config.distils and _falls(ours) != _falls(theirs):
            raise ConfigError(
                {
                    "data.cubes": f"The bands of '{cube.name}' are in another order than those of"
                    f" '{known.name}'; a teacher needs one order, so leave one of them out."
                }
            )
        apart = float(np.nan_to_num(np.abs(ours - theirs)).max())
        if apart > np.median(np.abs(_steps(theirs))) / 2:
            notes.append(
                f"The bands of '{cube.name}' lie up to {apart:.4g} nm beside those of"
                f" '{known.name}', though there are as many."
            )
    return notes


def _steps(wavelengths: np.ndarray) -> np.ndarray:
    return np.diff(wavelengths[np.isfinite(wavelengths)])


def _falls(wavelengths: np.ndarray) -> bool:
    return bool(np.median(_steps(wavelengths)) < 0)


def _split(
    cubes: list[HyperCube],
    privileged: Sequence[Privileged | None],
    config: TrainConfig,
    notes: list[str],
    storage: Storage,
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
        held = _judged(cubes[0], held, config, notes)
        return (
            [scene_of(*pairs[0], config, learnt, " (learnt part)", storage)],
            [scene_of(*pairs[0], config, held, " (held-out part)", storage)],
        )
    held_names = set(data.validation)
    if not held_names:
        count = min(max(1, round(len(cubes) * data.validation_share)), len(cubes) - 1)
        order = np.random.default_rng(config.seed).permutation(len(cubes))
        held_names = {names[i] for i in order[:count]}
        notes.append(f"Held out: {', '.join(sorted(held_names))}.")
    if held_names == set(names):
        raise ConfigError({"data.validation": "Every cube is held out, so none is learnt from."})
    training: list[Scene] = []
    held_out: list[Scene] = []
    for cube, image in pairs:
        if cube.name in held_names:
            whole = Region(0, cube.shape[1], 0, cube.shape[2])
            part = _judged(cube, whole, config, notes)
            held_out.append(scene_of(cube, image, config, part, storage=storage))
        else:
            training.append(scene_of(cube, image, config, storage=storage))
    return training, held_out


def _strips(cube: HyperCube, config: TrainConfig) -> tuple[Region, Region]:
    """Cut a cube across its longer side into what is learnt and what is held out."""
    scale, share = config.student.scale, config.data.validation_share
    _, height, width = cube.shape
    along = max(height, width)
    held = held_out_length(along, share, scale)
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


def _judged(cube: HyperCube, held: Region, config: TrainConfig, notes: list[str]) -> Region:
    """Return the part in the middle of what is held out that is judged."""
    side, (height, width) = config.data.validation_side, held.shape
    if side is None:
        if cube.bands * height * width <= JUDGED_VALUES:
            return held
        side = max(int((JUDGED_VALUES / cube.bands) ** 0.5), SMALLEST_JUDGE * config.student.scale)
        notes.append(
            f"'{cube.name}' is large: only the middle of what is held out, at most {side} × {side}"
            " pixels, is judged; data.validation_side sets another size."
        )
    y0, x0 = held.y0 + max(0, (height - side) // 2), held.x0 + max(0, (width - side) // 2)
    return Region(y0, min(y0 + side, held.y1), x0, min(x0 + side, held.x1))
