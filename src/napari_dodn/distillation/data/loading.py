"""What a run learns from and is validated by: cubes found, checked, and parted without a leak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.checks import alike, check_patch, faults, steps_between
from napari_dodn.distillation.config import Msi, TrainConfig
from napari_dodn.distillation.data.held_out import HeldOut, held_out_of
from napari_dodn.distillation.data.privileged import Privileged, privileged_images
from napari_dodn.distillation.data.scenes import Scene, scene_of
from napari_dodn.distillation.data.sharpened import Sharpened, pictured, sharpened
from napari_dodn.distillation.data.storage import Storage
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.split import named_apart, split_of
from napari_dodn.formats.finding import FoundCube, find_cubes
from napari_dodn.reach import SMALLEST_HELD_OUT
from napari_dodn.wording import all_of

VALIDATED_VALUES = 64 * 2**20
"""Values of a held-out cube that are validated where no size is set: the result must fit memory."""

MOST_REASONS = 3
"""How many of the things left out are told where nothing is left."""


@dataclass(frozen=True, eq=False)
class RunData:
    """Everything that a run learns from and is validated by.

    Attributes
    ----------
    training : list of Scene
        What patches are drawn from.
    validation : list of HeldOut
        The held-out scenes.
    msi_bands : int
        Bands of the multispectral image.
    notes : list of str
        What was found out or chosen, one sentence each.
    sharpened : list of Sharpened
        What sharper pictures of the same scenes tell, where there are any.
    """

    training: list[Scene]
    validation: list[HeldOut]
    msi_bands: int
    notes: list[str]
    sharpened: list[Sharpened]


def load_data(config: TrainConfig, folder: Path | None = None, *, begun: bool = False) -> RunData:
    """Read the cubes of a configuration, hold some out, and make tensors of them.

    Parameters
    ----------
    config : TrainConfig
        What is asked for.
    folder : Path, optional
        Where pixels are kept that the memory has no room for; see `Storage`.
    begun : bool
        Whether the run goes on from its own state, and needs no model to start from.

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
    cubes = trainable_cubes(config, notes, begun=begun)
    notes = list(dict.fromkeys([*notes, *(note for cube in cubes for note in cube.notes)]))
    notes += _compared_wavelengths(cubes)
    privileged: Sequence[Privileged | None] = [None] * len(cubes)
    if config.distils and not config.data.sharper:
        privileged = privileged_images(cubes, config.msi)
        notes += dict.fromkeys(note for image in privileged if image for note in image.notes)
    elif config.distils and config.msi.model_copy(update={"shuffled": False}) != Msi():
        notes.append("The teacher sees the pictures of data.sharper; msi.* is not used.")

    split, storage = split_of(cubes, config), Storage(folder)
    if not config.data.validation:
        notes.append(split.sentence)
    learnt = {part.number for part in split.learnt}
    notes += [
        f"'{cube.name}' is held out; its sharper picture is not used."
        for number, cube in enumerate(cubes)
        if number not in learnt and cube.name in config.data.sharper and not config.distils
    ]
    training: list[Scene] = []
    held_out: list[Scene] = []
    with_pictures: list[Sharpened] = []
    for part in split.learnt:
        cube = cubes[part.number]
        if cube.name in config.data.sharper:
            found = sharpened(cube, part.region, part.name, config, storage)
            with_pictures.append(found)
            notes += found.notes
            training += found.scenes
        else:
            image = privileged[part.number]
            training.append(scene_of(cube, image, config, part.region, part.name, storage))
    for part in split.held_out:
        cube, image = cubes[part.number], privileged[part.number]
        region = _validated(cube, part.region, config, notes)
        scene = scene_of(cube, image, config, region, part.name, storage)
        if config.distils and cube.name in config.data.sharper:
            scene = pictured(cube, region, scene, config)
        held_out.append(scene)
    if config.distils and config.data.sharper:
        _check_channels([*training, *held_out])
    for scene in training:  # of a cube with a sharper picture, the part may be reduced once more
        check_patch(scene.name, scene.size, config)
    notes += dict.fromkeys(note for scene in (*training, *held_out) for note in scene.notes)
    blur = None
    if with_pictures:
        blur = float(np.mean([found.pair.sensor.sigma for found in with_pictures]))
        notes.append(
            f"Held-out data is validated after a blur of σ {blur:.2f} pixels, which is that of the"
            " cubes with sharper pictures."
        )
    validation = [
        held_out_of(scene, config, number, storage, blur) for number, scene in enumerate(held_out)
    ]
    notes += [note for held in validation for note in held.notes]
    first = training[0]
    seen = first.msi_weights if first.msi_picture is None else first.msi_picture
    return RunData(training, validation, 0 if seen is None else len(seen), notes, with_pictures)


def trainable_cubes(
    config: TrainConfig, notes: list[str], *, begun: bool = False
) -> list[HyperCube]:
    """Return the cubes of a configuration under the names that it knows them by.

    Parameters
    ----------
    config : TrainConfig
        What is asked for.
    notes : list of str
        Gets a sentence on each thing in a folder that is left out.
    begun : bool
        Whether a run has begun, so that the models that it started from may be gone.

    Raises
    ------
    ConfigError
        If nothing is to be had at a path, or the cubes cannot be trained on.
    """
    found = [found.cube for found in _found(config.data.cubes, notes)]
    names = named_apart([cube.name for cube in found])
    cubes = [cube.derive(name=name) for cube, name in zip(found, names, strict=True)]
    wrong = faults(config, cubes)
    if begun:
        wrong = {field: said for field, said in wrong.items() if not field.endswith(".start")}
    if wrong:
        raise ConfigError(wrong)
    return cubes


def _found(paths: Sequence[Path], notes: list[str]) -> Iterator[FoundCube]:
    for found in find_cubes(paths):
        if isinstance(found, FoundCube):
            yield found
        elif found.in_vain:
            raise ConfigError({"data.cubes": " ".join([found.reason, *notes[:MOST_REASONS]])})
        else:
            notes.append(str(found))


def _check_channels(scenes: Sequence[Scene]) -> None:
    """Raise ConfigError where a teacher would see pictures with different numbers of channels."""
    counts = sorted({len(x.msi_picture) for x in scenes if x.msi_picture is not None})
    if len(counts) > 1:
        raise ConfigError(
            {"data.sharper": f"The pictures have {all_of(counts)} channels; all must have as many."}
        )


def _compared_wavelengths(cubes: Sequence[HyperCube]) -> list[str]:
    """Say which cubes have bands elsewhere than the first with as many."""
    notes = []
    for cube, known in alike(cubes):
        assert cube.wavelengths is not None
        assert known.wavelengths is not None
        apart = float(np.nan_to_num(np.abs(cube.wavelengths - known.wavelengths)).max())
        if apart > np.median(np.abs(steps_between(known))) / 2:
            notes.append(
                f"The bands of '{cube.name}' lie up to {apart:.4g} nm away from those of"
                f" '{known.name}', although there are as many."
            )
    return notes


def _validated(cube: HyperCube, held: Region, config: TrainConfig, notes: list[str]) -> Region:
    """Return the part in the middle of what is held out that is validated."""
    side, (height, width) = config.data.validation_side, held.shape
    if side is None:
        if cube.bands * height * width <= VALIDATED_VALUES:
            return held
        side = max(
            int((VALIDATED_VALUES / cube.bands) ** 0.5), SMALLEST_HELD_OUT * config.student.scale
        )
        notes.append(
            f"'{cube.name}' is large: only the middle of the held-out part, at most {side} ×"
            f" {side} pixels, is validated. Set another size with data.validation_side."
        )
    y0, x0 = held.y0 + max(0, (height - side) // 2), held.x0 + max(0, (width - side) // 2)
    return Region(y0, min(y0 + side, held.y1), x0, min(x0 + side, held.x1))
