"""The end of a run: what its model's header says of the training, and where the model goes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from napari_dodn.distillation.config import Degradation, TrainConfig
from napari_dodn.distillation.run.events import Scores
from napari_dodn.distillation.run.folder import RunError
from napari_dodn.errors import reason_of
from napari_dodn.network.model_file import list_models, read_card, user_models_folder
from napari_dodn.replacing import replacing
from napari_dodn.wording import counted, few_of


def training_card(
    config: TrainConfig,
    scenes: list[str],
    step: int,
    seconds: float,
    teacher: Scores | None,
    device: str,
    pictures: Sequence[Mapping[str, Any]] = (),
    degrades: bool = True,
    left_out: bool = False,
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
    seconds : float
        What all steps until then took.
    teacher : dict or None
        The teacher's scores on the held-out data.
    device : str
        What was trained on.
    pictures : sequence of mapping
        What sharper pictures of the same scenes have told, and what not.
    degrades : bool
        Whether any of the cubes were reduced to learn from.
    left_out : bool
        Whether the teacher was too weak to be followed.
    """
    schedule, distillation = config.schedule, config.distillation
    count = counted(len(scenes), "cube")
    loss = f"L1 + {schedule.angle:g} spectral angle"
    if left_out:
        loss += ", no distillation, since the teacher was weak"
    elif config.distils:
        decaying = ", decaying" if distillation.decay else ""
        loss += f" + {distillation.weight:g} distillation ({distillation.variant}{decaying})"
    else:
        loss += ", no distillation"
    card: dict[str, Any] = {
        "data": f"{count}: {few_of(scenes, 3)}",
        "scenes": scenes,
        "protocol": "cubes held out, or a part of a single one, chose the best step",
        "degradation": degradation_text(config.degradation),
        "loss": loss,
        "steps": schedule.steps,
        "best step": step,
        "minutes": round(seconds / 60, 1),
        "batch": f"{schedule.batch} patches of {schedule.patch} × {schedule.patch} LR pixels",
        "learning rate": config.student_rate,
        "seed": config.seed,
        "start": Path(config.student.start).stem if config.student.start else "random",
        "device": device,
        "date": datetime.now(UTC).date().isoformat(),
        "configuration": config.recipe(),
    }
    if pictures:
        count = counted(len(pictures), "sharper picture")
        card["data"] += f"; {count} of the same scenes in place of the truth"
        card["sharper pictures"] = [dict(facts) for facts in pictures]
        measured = f"none of cubes with a sharper picture: {_blurs(pictures)}, as measured"
        others = card["degradation"] if degrades else ""
        card["degradation"] = measured + (f"; of others {others}" if others else "")
        card["protocol"] += ", after a reduction with the same PSF"
    if teacher is not None:
        card["teacher"] = rounded(teacher)
    return card


def installed(model: Path, name: str) -> Path:
    """Copy a model to the user's models; another one of the same name stays, the new gets a number.

    Raises
    ------
    RunError
        If it cannot be copied.
    """
    folder = user_models_folder()
    others = {card.name.casefold(): card.sha256 for card in list_models()}
    digest = read_card(model).sha256
    for free in chain((name,), (f"{name}-{number}" for number in count(2))):
        target, other = folder / f"{free}.safetensors", others.get(free.casefold())
        if other == digest:
            return target
        if other is None and not target.exists():
            break
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(target) as unfinished:
            shutil.copyfile(model, unfinished)
    except OSError as error:
        raise RunError(
            f"The model is trained and lies at {model}, but it cannot be copied to {folder}:"
            f" {reason_of(error)}."
        ) from error
    return target


def rounded(scores: Scores) -> Scores:
    """Return scores with the digits that mean something."""
    return {key: round(value, 4) for key, value in scores.items()}


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
    if degradation.resamples:
        text += f", spectral step times {_range(degradation.spectral)}"
    return text


def _blurs(pictures: Sequence[Mapping[str, Any]]) -> str:
    """Say how blurred the cubes with sharper pictures are."""
    sigmas = [facts["blur of the cube, σ in its pixels"] for facts in pictures]
    return f"PSF of σ {_range((min(sigmas), max(sigmas)))} LR pixels"


def _range(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"
