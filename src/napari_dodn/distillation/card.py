"""What a trained model's header says of its training, in words and numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from napari_dodn.distillation.config import Degradation, TrainConfig
from napari_dodn.distillation.events import Scores


def training_card(
    config: TrainConfig, scenes: list[str], step: int, teacher: Scores | None, device: str
) -> dict[str, Any]:
    """Return the `training` entry of a model's header.

    Where the user's files lie is left out: models are given to others.

    Parameters
    ----------
    config : TrainConfig
        What the run is.
    scenes : list of str
        Names of the cubes that were learnt from.
    step : int
        The step whose weights are kept.
    teacher : dict or None
        The teacher's scores on the held-out data.
    device : str
        What was trained on.
    """
    schedule, distillation = config.schedule, config.distillation
    count = f"{len(scenes)} cube{'s' * (len(scenes) != 1)}"
    loss = f"L1 + {schedule.angle:g} spectral angle"
    if config.distils:
        decaying = ", decaying" if distillation.decay else ""
        loss += f" + {distillation.weight:g} distillation ({distillation.variant}{decaying})"
    else:
        loss += ", no distillation"
    card: dict[str, Any] = {
        "data": f"{count}: {', '.join(scenes[:3])}{', …' * (len(scenes) > 3)}",
        "scenes": scenes,
        "protocol": "cubes held out, or a part of a single one, chose the best step",
        "degradation": degradation_text(config.degradation),
        "loss": loss,
        "steps": schedule.steps,
        "best step": step,
        "batch": f"{schedule.batch} patches of {schedule.patch} × {schedule.patch} LR pixels",
        "seed": config.seed,
        "start": config.student.start or "random",
        "device": device,
        "date": datetime.now(UTC).date().isoformat(),
        "configuration": config.model_dump(
            mode="json",
            exclude={
                "data": {"cubes"},
                "msi": {"pictures", "table"},
                "computing": True,
                "student": {"start"},
                "licence": True,
            },
        ),
    }
    if teacher is not None:
        card["teacher"] = {key: round(value, 4) for key, value in teacher.items()}
    return card


def degradation_text(degradation: Degradation) -> str:
    """Say in words how the low-resolution cubes were made."""
    names = {
        "cubic": "cubic decimation without anti-aliasing",
        "anti-aliased cubic": "anti-aliased cubic decimation",
        "gaussian": f"Gaussian PSF of σ {_range(degradation.psf)} LR pixels and decimation",
    }
    text = " or ".join(names[kind] for kind in degradation.kinds)
    if degradation.noise[1]:
        text += f", noise of σ {_range(degradation.noise)} deviations"
    return text


def _range(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"
