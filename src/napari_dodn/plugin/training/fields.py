"""The fields of a training's configuration by their dotted names, and what presets say of them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.presets import PRESETS, Preset, preset_sections
from napari_dodn.network.model_file import ARCHITECTURE

SIZES = tuple(f"student.{key}" for key in ARCHITECTURE if key != "scale")
"""Fields that a model to go on from decides."""

FROM_CUBES = ("data.cubes", "data.validation", "data.sharper", "msi.pictures")
"""Fields that the list of cubes gives."""

SHOWN = (
    *("name", "licence", "data.validation_share"),
    *("student.scale", "student.start"),
    *("distillation.variant", "distillation.weight"),
    *("msi.source", "msi.camera", "msi.bands", "msi.range", "msi.table"),
    *("degradation.kinds", "degradation.psf", "degradation.noise"),
    *("schedule.steps", "schedule.batch", "schedule.patch"),
    *("computing.device", "computing.precision"),
)
"""Fields that have an editor. What only research needs is set in the configuration file."""


def field(name: str) -> FieldInfo:
    """Return a field of the configuration by its dotted name."""
    model: type[BaseModel] = TrainConfig
    *sections, last = name.split(".")
    for section in sections:
        annotation = model.model_fields[section].annotation
        assert isinstance(annotation, type)
        model = annotation
    return model.model_fields[last]


def field_names() -> list[str]:
    """Return the dotted names of all fields that do not come from the list of cubes."""
    names = []
    for name, info in TrainConfig.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names += [f"{name}.{part}" for part in kind.model_fields]
        else:
            names.append(name)
    return [name for name in names if name not in FROM_CUBES]


def preset_values(preset: Preset, *, from_model: bool = False) -> dict[str, Any]:
    """Return what a preset says of all fields that presets touch or that have no editor.

    Where the student starts from a model, the model decides its sizes.
    """
    own = {
        f"{section}.{key}": value
        for section, values in preset_sections(preset, from_model=from_model).items()
        for key, value in values.items()
    }
    touched = {
        f"{section}.{key}"
        for values in PRESETS.values()
        for section in values
        for key in values[section]
    }
    names = touched | set(field_names()) - set(SHOWN)
    if from_model:
        names -= set(SIZES)
    return {name: own.get(name, field(name).default) for name in sorted(names)}
