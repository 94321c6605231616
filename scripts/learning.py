"""How the bundled models learn: the loss, a step, and a trunk that is saved and resumed."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import Batch, Material, Recipe, draw
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from napari_dodn.distillation.run.checkpoint import (
    optimiser_tensors,
    restore_optimiser,
    under,
    with_prefix,
)
from napari_dodn.network.dodn import DODN

RATE = 8e-4
WARM_UP = 300
AVERAGE = 0.999
"""Decay of the moving average of the weights."""

ANGLE = 0.15
"""Weight of the spectral angle in the loss."""

TOLD_EVERY = 500
"""Steps between two lines that report the loss."""


def loss_of(gain: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the weighted mean absolute error and the mean angle, in radians, of what was gained.

    The angle is that of an error of δ at a spectrum q: the part of δ across q, divided by what is
    along q. Pixels darker than 2 % of the deviation count for less.
    """
    off = torch.bmm(batch.back, gain.flatten(2)).view_as(batch.wanted) - batch.wanted
    off = off * batch.bands
    counted = batch.bands.mean().clamp_min(1e-6)
    length = batch.truth.square().sum(1).clamp_min(1e-8).sqrt()
    number = batch.bands.sum(1).sqrt()
    along = (off * batch.truth).sum(1) / length
    across = (off.square().sum(1) - along.square()).clamp_min(1e-10).sqrt()
    angle = torch.atan2(across, length + along)
    weight = (length / (0.02 * number)).clamp_max(1)
    several = (number > 1).float()  # one band has no direction
    weight = weight * several
    pixel = (off.abs().mean((1, 2, 3)) * batch.weight).mean() / counted
    return pixel, (angle * weight).sum() / weight.sum().clamp_min(1)


class Draws(IterableDataset[Batch]):
    """Samples without end from a step on, each step's own, whatever process draws them."""

    def __init__(self, material: Material, recipe: Recipe, seed: int, first: int) -> None:
        self.material, self.recipe, self.seed, self.first = material, recipe, seed, first

    def __iter__(self) -> Iterator[Batch]:
        """Draw the samples of one step after the other."""
        worker = get_worker_info()
        own, several = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in itertools.count(self.first + own, several):
            chance = np.random.default_rng((self.seed, step))
            torch.manual_seed(int(chance.integers(2**63)))
            yield draw(self.material, self.recipe, chance)


def draws(
    material: Material, recipe: Recipe, seed: int, first: int = 0, workers: int = 0
) -> Iterator[Batch]:
    """Draw samples in this process, or ahead in some others, which keeps a GPU busy."""
    drawn = Draws(material, recipe, seed, first)
    if not workers:
        return iter(drawn)
    return iter(
        DataLoader(drawn, batch_size=None, num_workers=workers, multiprocessing_context="fork")
    )


class Trainer:
    """A network, its optimiser and the moving average of its weights.

    Attributes
    ----------
    more : Module
        What is trained with the network and thrown away.
    distillation : str
        What the model's card says of a teacher.
    """

    distillation = "no distillation"

    def __init__(
        self,
        network: DODN,
        recipe: Recipe,
        alpha: float = ANGLE,
        rate: float = RATE,
        device: str = "cpu",
    ) -> None:
        self.network, self.recipe, self.alpha, self.rate = network, recipe, alpha, rate
        self.device = torch.device(device)
        network.to(self.device)
        self.optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=(0.9, 0.99))
        self.average = {k: v.clone() for k, v in network.state_dict().items()}
        self.more = nn.Module()
        self.steps = 0
        self.largest = 0.0

    def step(self, batch: Batch, factor: float) -> tuple[float, float]:
        """Learn from a batch, at a factor of the learning rate."""
        warm = min(1, (self.steps + 1) / WARM_UP)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * factor * warm
        batch = Batch(*(getattr(batch, part.name).to(self.device) for part in fields(Batch)))
        pixel, angle, more = self.losses(batch)
        self.optimiser.zero_grad()
        (pixel + self.alpha * angle + more).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0, error_if_nonfinite=False)
        if all(p.grad.isfinite().all() for p in self.network.parameters() if p.grad is not None):
            self.optimiser.step()
        self.steps += 1
        self.largest = max(self.largest, float(batch.z.abs().max()))
        decay = min(AVERAGE, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for key, value in self.network.state_dict().items():
                self.average[key].lerp_(value, 1 - decay)
        return pixel.item(), angle.item()

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | float]:
        """Return the error, the angle, and what else is to be minimised."""
        with torch.autocast(self.device.type, torch.bfloat16):
            gain = self.network(batch.z, batch.told)
        return *loss_of(gain, batch), 0.0

    def averaged(self) -> DODN:
        """Return a network with the moving average of the weights."""
        architecture: dict[str, Any] = self.network.architecture
        network = DODN(**architecture)
        network.load_state_dict(self.average)
        return network.eval()


def save_trunk(file: Path, trainer: Trainer, history: dict[str, Any]) -> None:
    """Save weights, their moving average and how they came about; the old file stays until then."""
    tensors = {f"now.{k}": v for k, v in trainer.network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in trainer.average.items()}
    tensors |= with_prefix("more", trainer.more.state_dict())
    tensors |= with_prefix("optimiser", optimiser_tensors(trainer.optimiser))
    header = {
        "architecture": json.dumps(trainer.network.architecture),
        "history": json.dumps(history | {"trainer steps": trainer.steps}),
    }
    part = file.with_suffix(".part")
    save_file({k: v.cpu().contiguous() for k, v in tensors.items()}, part, header)
    part.replace(file)


def save_compact(file: Path, average: dict[str, Tensor], source: Path) -> None:
    """Save the moving average of a trunk alone, in half precision, to be resumed elsewhere."""
    with safe_open(source, framework="pt") as opened:
        header = opened.metadata()
    tensors = {f"average.{key}": value.half().contiguous() for key, value in average.items()}
    part = file.with_suffix(".part")
    save_file(tensors, part, header)
    part.replace(file)


def load_trunk(file: Path) -> tuple[DODN, dict[str, Tensor], dict[str, Any]]:
    """Return the network, the moving average of its weights, and how they came about."""
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    tensors = load_file(file)
    network = DODN(**json.loads(header["architecture"]))
    parts = {
        part: {k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)}
        for part in ("now.", "average.")
    }
    average = {key: value.float() for key, value in parts["average."].items()}
    network.load_state_dict(parts["now."] or average)
    return network, average, json.loads(header["history"])


def restore(trainer: Trainer, file: Path) -> None:
    """Give a trainer its optimiser and what is trained with the network, where a file has them.

    A trunk that is kept compactly has none, one that has been made wider since has others, and so
    has one with another teacher.
    """
    network, _, history = load_trunk(file)
    tensors = load_file(file)  # the optimiser puts all but its count of steps where it belongs
    state, more = under("optimiser", tensors), under("more", tensors)
    same = network.architecture == trainer.network.architecture
    if not state or not same or set(more) != set(trainer.more.state_dict()):
        return
    trainer.more.load_state_dict(more)
    restore_optimiser(trainer.optimiser, state)
    trainer.steps = history["trainer steps"]


def train(
    trainer: Trainer,
    drawn: Iterator[Batch],
    factor: Callable[[], float | None],
) -> None:
    """Train until `factor`, which says at what share of the rate to learn, returns None."""
    sums, began, count = np.zeros(2), time.process_time(), 0
    while (now := factor()) is not None:
        sums += trainer.step(next(drawn), now)
        count += 1
        if trainer.steps % TOLD_EVERY == 0:
            pixel, angle = sums / count
            pace = (time.process_time() - began) / count * 1e3
            print(
                f"{time.strftime('%H:%M:%S')} step {trainer.steps}: L1 {pixel:.5f},"
                f" angle {np.degrees(angle):.3f}°, {pace:.0f} ms a step,"
                f" largest input {trainer.largest:.1f}",
                flush=True,
            )
            sums, began, count = np.zeros(2), time.process_time(), 0
