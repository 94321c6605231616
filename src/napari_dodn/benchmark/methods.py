"""What is compared: bicubic, models and their self-ensembles, each with its figures and cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from statistics import median

import torch

from napari_dodn.benchmark.cost import Spent, model_operations, operations
from napari_dodn.benchmark.result import BICUBIC, Measured
from napari_dodn.cube import HyperCube, Region
from napari_dodn.jobs import Steps, result_of
from napari_dodn.metrics import Quality
from napari_dodn.network.bicubic import bicubic_upsample
from napari_dodn.network.model_file import ModelCard, find_model, list_models, load_network
from napari_dodn.sensor_blur import LARGEST_BLUR
from napari_dodn.upscaling import UpscaleOptions, bicubic_steps, upscale_steps
from napari_dodn.upscaling.devices import choose_precision
from napari_dodn.upscaling.views import VIEWS

WARM_UP = 16
"""Side, in LR pixels, of what is done once before the time is taken."""


OFF = 0.15
"""LR pixels by which a model is told a wrong blur."""


@dataclass(frozen=True)
class Telling:
    """What a model is told of the blur of a cube.

    Attributes
    ----------
    name : str
        What a table calls it; empty where there is but one.
    blur : callable
        From the true σ to what `upscale` is told.
    """

    name: str
    blur: Callable[[float], float | str]


TRUTH = Telling("", lambda sigma: sigma)

TELLINGS = (
    Telling("told σ", lambda sigma: sigma),
    Telling("auto", lambda sigma: "auto"),
    Telling(f"told σ − {OFF}", lambda sigma: max(sigma - OFF, 0.0)),
    Telling(f"told σ + {OFF}", lambda sigma: min(sigma + OFF, LARGEST_BLUR)),
)
"""Every way to tell a blur whose worth is measured."""


@dataclass
class Method:
    """One way to super-resolve a cube, and what was found out about it so far."""

    name: str
    steps: Callable[[HyperCube, float], Steps[HyperCube]]
    """From a cube and its true blur."""
    device: torch.device
    operations: float
    parameters: int = 0
    passes: int = 1
    sha256: str = ""
    precision: str = "float32"
    told: list[tuple[str, float]] = field(default_factory=list)
    figures: list[tuple[str, Quality]] = field(default_factory=list)
    spent: list[Spent] = field(default_factory=list)

    def warm_up(self, cube: HyperCube) -> None:
        """Do a small part of a cube, so that weights and libraries are loaded."""
        result_of(self.steps(cube.crop(Region(0, WARM_UP, 0, WARM_UP)), 0.0))

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
            precision=self.precision,
            told=tuple(self.told),
        )


def methods_of(
    cards: Sequence[ModelCard],
    scale: int,
    bands: int,
    device: torch.device,
    precision: str,
    self_ensemble: bool,
    cancelled: Callable[[], bool],
    tellings: Sequence[Telling] = (TRUTH,),
) -> Iterator[Method]:
    """Yield bicubic, then each model with each telling and, if asked for, its self-ensemble."""

    def interpolated(cube: HyperCube, _blur: float) -> Steps[HyperCube]:
        return bicubic_steps(cube, scale, cancelled=cancelled)

    count = operations(lambda cubes: bicubic_upsample(cubes, scale), bands)
    yield Method(BICUBIC, interpolated, torch.device("cpu"), count)
    for card in cards:
        network = load_network(card)
        parameters = sum(weights.numel() for weights in network.parameters())
        count = model_operations(network, bands)
        dtype = choose_precision(precision, device, card.scores)
        for telling, ensemble in product(tellings, (False, True)[: 1 + self_ensemble]):
            parts = (card.name, telling.name, "self-ensemble" * ensemble)
            yield Method(
                ", ".join(filter(None, parts)),
                partial(
                    _told,
                    telling=telling,
                    options=UpscaleOptions(
                        scale=scale,
                        model=card.path,
                        device=str(device),
                        precision=precision,
                        self_ensemble=ensemble,
                    ),
                    cancelled=cancelled,
                ),
                device,
                count * (len(VIEWS) if ensemble else 1),
                parameters,
                passes=len(VIEWS) if ensemble else 1,
                sha256=card.sha256,
                precision=str(dtype).removeprefix("torch."),
            )


def _told(
    cube: HyperCube,
    blur: float,
    *,
    telling: Telling,
    options: UpscaleOptions,
    cancelled: Callable[[], bool],
) -> Steps[HyperCube]:
    told = replace(options, blur=telling.blur(blur))
    return (yield from upscale_steps(cube, told, cancelled=cancelled)).cube


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
