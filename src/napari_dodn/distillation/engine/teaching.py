"""Whether a teacher is worth following: it has to be ahead of the student that it is to teach."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.held_out import HeldOut
from napari_dodn.distillation.engine.bundled import Bundled
from napari_dodn.distillation.run.events import Scores


def weakness(
    scores: Scores,
    bicubic: Scores,
    held_out: Sequence[HeldOut],
    config: TrainConfig,
    precision: str,
    device: torch.device,
) -> str:
    """Say in a sentence that a teacher is no better than its student will be; empty where it is.

    How good the student will be is not known yet; the bundled model of the scale stands for it.
    """
    bundled = Bundled.on(held_out, config.student, precision, device)
    rivals = {"bicubic interpolation": bicubic, f"the bundled model {bundled.name}": bundled.scores}
    rival, its = max(rivals.items(), key=lambda item: item[1]["psnr"])
    if scores["psnr"] > its["psnr"]:
        return ""
    end = (
        "The student follows it all the same."
        if config.follows_any_teacher
        else "The student learns without it, unless distillation.weak_teacher is 'follow'."
    )
    return (
        f"The teacher is weak: it reaches {scores['psnr']:.2f} dB on the held-out data, and"
        f" {rival} reaches {its['psnr']:.2f} dB. {end}"
    )
