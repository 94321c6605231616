"""Whether a new model is better than the bundled one for the sensor that it was trained for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from napari_dodn.distillation.config import Student
from napari_dodn.distillation.data.held_out import HeldOut
from napari_dodn.distillation.engine.export import rounded
from napari_dodn.distillation.engine.validation import mean_scores, student_scores
from napari_dodn.distillation.run.events import LEAST_GAIN, Scores
from napari_dodn.network.model_file import find_model, load_network


@dataclass(frozen=True)
class Bundled:
    """How good the bundled model of a scale is on what a run holds out.

    Attributes
    ----------
    name : str
        The model's.
    scores : dict
        Means over the held-out scenes.
    started_from : bool
        Whether the run has started from a model.
    """

    name: str
    scores: Scores
    started_from: bool = False

    @classmethod
    def on(
        cls, held_out: Sequence[HeldOut], student: Student, precision: str, device: torch.device
    ) -> Bundled:
        """Measure it as a run's own model, whose configuration is given, is measured."""
        card = find_model(None, student.scale)
        network = load_network(card).to(device)
        scores = mean_scores(student_scores(network, list(held_out), precision))
        return cls(card.name, scores, student.start is not None)

    @property
    def note(self) -> str:
        """What to know before the new model is trained, in a sentence."""
        reached = f"{self.scores['psnr']:.2f} dB and {self.scores['sam']:.2f}°"
        advice = "" if self.started_from else " A training that starts from it takes fewer steps."
        return f"The bundled model {self.name} reaches {reached} on the held-out data.{advice}"

    def entry(self, scores: Scores) -> dict[str, Any]:
        """Return what the card of a model with these scores says of the bundled one."""
        return {self.name: rounded(self.scores), "against the bundled model": self.compared(scores)}

    def compared(self, scores: Scores) -> str:
        """Say in a sentence whether a model with these scores is better.

        What is held out of a cube that is the low resolution itself is reduced once more, so that
        the cube is the truth.
        """
        gain = scores["psnr"] - self.scores["psnr"]
        better = gain >= LEAST_GAIN
        words = "beats" if better else "does not beat"
        advice = "" if self.started_from else " start a training from it,"
        end = "" if better else f" Use the bundled model,{advice} or train for longer."
        return (
            f"The model {words} the bundled {self.name} on the held-out data, reduced once more:"
            f" {scores['psnr']:.2f} dB and {scores['sam']:.2f}°, the bundled model"
            f" {self.scores['psnr']:.2f} dB and {self.scores['sam']:.2f}° ({gain:+.2f} dB).{end}"
        )
