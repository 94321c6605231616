"""What is compared: bicubic, models and their self-ensembles, each with its figures and cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import torch

from napari_dodn.benchmark.cost import Spent, operations
from napari_dodn.benchmark.result import BICUBIC, Measured
from napari_dodn.cube import HyperCube, Region
from napari_dodn.events import Done, Steps
from napari_dodn.metrics import Quality
from napari_dodn.network.bicubic import bicubic_upsample
from napari_dodn.network.model_file import ModelCard, find_model, list_models, load_network
from napari_dodn.upscaling import bicubic, upscale_steps
from napari_dodn.upscaling.views import VIEWS

WARM_UP = 16
"""Side, in LR pixels, of what is done once before the time is taken."""


@dataclass
class Method:
    """One way to super-resolve a cube, and what was found out about it so far."""

    name: str
    steps: Callable[[HyperCube], Steps]
    device: torch.device
    operations: float
    parameters: int = 0
    passes: int = 1
    sha256: str = ""
    figures: list[tuple[str, Quality]] = field(default_factory=list)
    spent: list[Spent] = field(default_factory=list)

    def warm_up(self, cube: HyperCube) -> None:
        """Do a small part of a cube, so that weights and libraries are loaded."""
        for _ in self.steps(cube.crop(Region(0, WARM_UP, 0, WARM_UP))):
            pass

    def row(self) -> Measured:
        """Return the row of the table."""
        return Measured(
            name=self.name,
            scenes=tuple(self.figures),
            seconds=median(spent.seconds for spent in self.spent),
            memory=max(spent.memory for spent in self.spent),
            operations=self.operations,
            parameters=self.parameters,
            sha256=self.sha256,
        )


def methods_of(
    cards: Sequence[ModelCard],
    scale: int,
    bands: int,
    device: torch.device,
    precision: str,
    self_ensemble: bool,
    cancelled: Callable[[], bool],
) -> Iterator[Method]:
    """Yield bicubic, then each model and, if asked for, its self-ensemble."""

    def interpolated(cube: HyperCube) -> Steps:
        yield Done(bicubic(cube, scale))

    count = operations(lambda cubes: bicubic_upsample(cubes, scale), bands)
    yield Method(BICUBIC, interpolated, torch.device("cpu"), count)
    for card in cards:
        network = load_network(card)
        parameters = sum(weights.numel() for weights in network.parameters())
        # Of the network as it is defined, not of what inference folds together.
        count = operations(network.forward_with_taps, bands)
        options: dict[str, Any] = {
            "scale": scale,
            "model": card.path,
            "device": str(device),
            "precision": precision,
            "cancelled": cancelled,
        }
        yield Method(
            card.name,
            partial(upscale_steps, **options),
            device,
            count,
            parameters,
            sha256=card.sha256,
        )
        if self_ensemble:
            yield Method(
                f"{card.name}, self-ensemble",
                partial(upscale_steps, **options, self_ensemble=True),
                device,
                count * len(VIEWS),
                parameters,
                passes=len(VIEWS),
                sha256=card.sha256,
            )


def cards_of(models: Sequence[str | os.PathLike[str]] | None, scale: int) -> list[ModelCard]:
    """Return the cards of the named models, or of all that are installed for a scale.

    Raises
    ------
    ModelError
        If a named one cannot be read, or is for another scale.
    """
    if models is None:
        return list_models(scale)
    return [find_model(model, scale) for model in models]
