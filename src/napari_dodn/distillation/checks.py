"""What keeps cubes from being trained on: one owner for the panel, the command line and the loader.

It reads no pixels and needs no PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.distillation.config import Student, TrainConfig
from napari_dodn.distillation.data.privileged import check_images
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.split import split_of
from napari_dodn.errors import reason_of
from napari_dodn.network.model_file import ModelCard, ModelError, list_models, read_card
from napari_dodn.paths import expanded
from napari_dodn.reach import SMALLEST_HELD_OUT, patch_side
from napari_dodn.wording import all_of


def faults(config: TrainConfig, cubes: Sequence[HyperCube]) -> dict[str, str]:
    """Return what keeps a configuration's cubes from being trained on: one sentence a field.

    What only pixels tell is not in it: whether a picture fits its cube, and whether a cube holds
    valid values.

    Parameters
    ----------
    config : TrainConfig
        What is asked for.
    cubes : sequence of HyperCube
        In the order of the configuration, with names that are all different (`split.named_apart`).
    """
    found: dict[str, str] = {}
    for check in (
        _check_names,
        _check_bands,
        _check_sizes,
        _check_files,
        _check_images,
        _check_sharper,
    ):
        try:
            check(config, cubes)
        except ConfigError as error:
            found = error.faults | found
    return found


def patch_side_of(config: TrainConfig) -> int:
    """Return the side in high-resolution pixels that a patch and its surroundings take."""
    degradation = config.degradation
    return patch_side(
        config.schedule.patch, config.student.scale, degradation.kinds, degradation.psf[1]
    )


def check_patch(name: str, size: tuple[int, int], config: TrainConfig) -> None:
    """Raise a `ConfigError` where a place of (y, x) high-resolution pixels is less than a patch."""
    side = patch_side_of(config)
    if min(size) < side:
        raise ConfigError(
            {
                "schedule.patch": f"'{name}' has {size[0]} × {size[1]} pixels to learn from, but a"
                f" patch of {config.schedule.patch} low-resolution pixels needs {side} × {side};"
                " choose a smaller patch, or leave the cube out."
            }
        )


def check_held_out(name: str, size: tuple[int, int], scale: int) -> None:
    """Raise a `ConfigError` where a held-out place of (y, x) pixels is too small for validation."""
    if min(size) < SMALLEST_HELD_OUT * scale:
        raise ConfigError(
            {
                "data.validation": f"'{name}' has {size[0]} × {size[1]} pixels, too few to"
                f" validate a model for ×{scale}."
            }
        )


def alike(cubes: Sequence[HyperCube]) -> Iterator[tuple[HyperCube, HyperCube]]:
    """Yield each cube that has wavelengths, with the first one that has them for as many bands."""
    first: dict[int, HyperCube] = {}
    for cube in cubes:
        if cube.wavelengths is not None and np.isfinite(cube.wavelengths).sum() > 1:
            yield cube, first.setdefault(cube.bands, cube)


def steps_between(cube: HyperCube) -> np.ndarray:
    """Return the distances in nm from each band to the next, where both are known."""
    assert cube.wavelengths is not None
    return np.diff(cube.wavelengths[np.isfinite(cube.wavelengths)])


def model_to_start_from(student: Student) -> ModelCard:
    """Return the card of the model that a student goes on from.

    Raises
    ------
    ConfigError
        If there is none, or it has more blocks or channels or fewer components, or is otherwise of
        another architecture.
    """
    assert student.start is not None
    try:
        known = {card.name: card for card in list_models()}
        card = known.get(student.start) or read_card(expanded(student.start))
    except ModelError as error:
        raise ConfigError({"student.start": str(error)}) from error
    theirs = card.architecture
    fixed, growing, falling = ["branch_2d"], ["channels", "blocks"], ["components"]
    if student.branch_2d == "whole":
        fixed, growing, falling = [*fixed, "components", "channels", "channels_2d"], ["blocks"], []
    differing = [key for key in fixed if theirs[key] != getattr(student, key)]
    differing += [key for key in falling if theirs[key] < getattr(student, key)]
    differing += [key for key in growing if theirs[key] > getattr(student, key)]
    if differing:
        listed = all_of(f"{key} {theirs[key]}" for key in differing)
        raise ConfigError(
            {"student.start": f"'{card.name}' has {listed}; set the same for the student."}
        )
    return card


def _check_names(config: TrainConfig, cubes: Sequence[HyperCube]) -> None:
    """Refuse names that cannot stand in the files of a run, which are UTF-8."""
    data = config.data
    files = map(str, (*data.cubes, *data.sharper.values(), *config.msi.pictures.values()))
    for name in (*files, *(cube.name for cube in cubes)):
        shown = name.encode(errors="backslashreplace").decode()
        if shown != name:
            raise ConfigError({"data.cubes": f"The name '{shown}' is not UTF-8; rename the file."})


def _check_bands(config: TrainConfig, cubes: Sequence[HyperCube]) -> None:
    if not config.distils:
        return
    counts = sorted({cube.bands for cube in cubes})
    if len(counts) > 1:
        raise ConfigError(
            {
                "data.cubes": f"The cubes have {all_of(counts)} bands, but a"
                " teacher knows one number of bands only; leave some out, or choose the"
                " distillation 'none'."
            }
        )
    for cube, known in alike(cubes):
        if _falls(cube) != _falls(known):
            raise ConfigError(
                {
                    "data.cubes": f"The bands of '{cube.name}' are in another order than those of"
                    f" '{known.name}'; a teacher needs one order, so leave one of them out."
                }
            )


def _falls(cube: HyperCube) -> bool:
    return bool(np.median(steps_between(cube)) < 0)


def _check_sizes(config: TrainConfig, cubes: Sequence[HyperCube]) -> None:
    split, scale = split_of(cubes, config), config.student.scale
    for part in split.learnt:
        y, x = (length // scale * scale for length in part.region.shape)
        if cubes[part.number].name in config.data.sharper:
            y, x = (length * scale for length in part.region.shape)
        check_patch(part.name, (y, x), config)
    for part in split.held_out:
        check_held_out(part.name, part.region.shape, scale)


def _check_files(config: TrainConfig, _: Sequence[HyperCube]) -> None:
    found = {}
    if config.student.start is not None:
        try:
            model_to_start_from(config.student)
        except ConfigError as error:
            found = error.faults
    start = config.teacher.start
    if config.distils and start is not None and (fault := _missing(start)):
        found["teacher.start"] = fault
    if found:
        raise ConfigError(found)


def _missing(path: Path) -> str:
    try:
        return "" if path.is_file() else f"There is no file {path}."
    except OSError as error:  # a name that is too long, a folder of somebody else's
        return f"{path} cannot be used: {reason_of(error)}."


def _check_images(config: TrainConfig, cubes: Sequence[HyperCube]) -> None:
    if config.distils and not config.data.sharper:
        check_images(cubes, config.msi)


def _check_sharper(config: TrainConfig, cubes: Sequence[HyperCube]) -> None:
    names = [cube.name for cube in cubes]
    sharper = config.data.sharper
    if unknown := [name for name in sharper if name not in names]:
        raise ConfigError(
            {
                "data.sharper": f"There is no cube named '{unknown[0]}'; there are"
                f" {', '.join(names)}."
            }
        )
    missing = [name for name in names if name not in sharper]
    if sharper and config.distils and missing:
        raise ConfigError(
            {
                "data.sharper": f"'{missing[0]}' has no sharper picture, which a teacher needs of"
                " every cube; name one, or choose the distillation 'none'."
            }
        )
