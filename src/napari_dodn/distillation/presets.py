"""Configurations of trainings that are known to go well, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from napari_dodn.distillation.config import TrainConfig, checked
from napari_dodn.distillation.faults import ConfigError

Preset = Literal["quick", "good", "paper"]

BUNDLED: dict[str, Any] = {"components": 6, "channels": 64, "blocks": 6, "branch_2d": "folded"}
"""Network of the newest bundled model. A training of these sizes can go on from any of them."""

BUNDLED_LEARNING: dict[str, Any] = {
    "learning_rate": 8e-4,
    "warm_up": 300,
    "angle": 0.15,
    "average": 0.999,
}

PRESETS: dict[Preset, dict[str, dict[str, Any]]] = {
    "quick": {
        "data": {"validation_side": 128},
        "student": {"components": 8, "channels": 8, "blocks": 3, "channels_2d": 32},
        "teacher": {"channels": 32, "steps": 500, "learning_rate": 2e-3},
        "distillation": {"variant": "none"},
        "schedule": {
            "steps": 2000,
            "batch": 4,
            "patch": 16,
            "learning_rate": 2e-3,
            "warm_up": 50,
            "average": 0.99,
            "validate_every": 200,
            "save_every": 50,
        },
    },
    "good": {
        "student": BUNDLED,
        "teacher": {"channels": 64, "steps": 5000},
        "degradation": {"kinds": ("gaussian", "cubic"), "psf": (0.2, 0.8), "noise": (0.0, 0.02)},
        "distillation": {"variant": "none"},
        "schedule": {"steps": 30000, "batch": 12, "patch": 20, **BUNDLED_LEARNING},
    },
    "paper": {
        "student": BUNDLED,
        "teacher": {"channels": 96, "steps": 20000},
        "degradation": {"kinds": ("cubic",)},
        "schedule": {"steps": 70000, "batch": 16, "patch": 24, **BUNDLED_LEARNING},
    },
}
"""Fields that differ from the defaults: minutes on a CPU, the bundled models' network, and the
published protocol with the method of the paper, which has a teacher."""

QUICK_FROM_A_MODEL: dict[str, Any] = {"steps": 600, "validate_every": 100}
"""Schedule of "quick" where it starts from a model, which needs fewer steps and takes longer for
each, as it is larger."""


def preset_sections(preset: Preset, *, from_model: bool) -> dict[str, dict[str, Any]]:
    """Return what a preset sets in each section where a student starts from a model, or not."""
    sections = {key: dict(section) for key, section in PRESETS[preset].items()}
    if from_model and preset == "quick":
        sections["schedule"] |= QUICK_FROM_A_MODEL
    return sections


def with_preset(preset: Preset, values: Mapping[str, Any]) -> TrainConfig:
    """Return a preset's configuration with the given values in place of its own.

    Parameters
    ----------
    preset : str
        "quick", "good" or "paper".
    values : mapping
        Nested like the configuration; `name` and `data.cubes` have to be there.

    Raises
    ------
    ConfigError
        With a sentence for each faulty field.
    """
    if preset not in PRESETS:
        raise ConfigError({"preset": f"There is no preset '{preset}', only {', '.join(PRESETS)}."})
    student = values.get("student")
    from_model = isinstance(student, Mapping) and student.get("start") is not None
    merged: dict[str, Any] = dict(preset_sections(preset, from_model=from_model))
    for key, value in values.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, Mapping) else value
    return checked(merged)
