"""A network while it learns: its optimiser, its averaged weights, and one step of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

from napari_dodn.distillation.config import Schedule
from napari_dodn.distillation.engine.losses import Sum
from napari_dodn.distillation.engine.process_group import ProcessGroup
from napari_dodn.distillation.run.checkpoint import (
    Tensors,
    optimiser_tensors,
    restore_optimiser,
    under,
    with_prefix,
)

BETAS = (0.9, 0.99)


class NonFiniteError(Exception):
    """The loss or its gradient is no number any more."""


class Learner:
    """What is trained in a stage.

    Parameters
    ----------
    network : Module
        The network that is kept, as a moving average of its weights.
    adapters : Module or None
        What is trained with it and thrown away.
    steps : int
        Length of the stage.
    peak_rate : float
        Highest learning rate.
    schedule : Schedule
        Warm-up, averaging and clipping.
    """

    def __init__(
        self,
        network: nn.Module,
        adapters: nn.Module | None,
        steps: int,
        peak_rate: float,
        schedule: Schedule,
    ) -> None:
        self.network, self.adapters = network, adapters or nn.Module()
        self.average = deepcopy(network).requires_grad_(False).eval()
        self.steps, self.peak_rate, self.schedule = steps, peak_rate, schedule
        self.parameters = [*network.parameters(), *self.adapters.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, betas=BETAS, fused=True)
        self.step = 0
        self.slowdown = 1.0

    @property
    def rate(self) -> float:
        """Learning rate of the next step: a linear climb, then half a cosine down to zero."""
        climb = min(1.0, (self.step + 1) / max(self.schedule.warm_up, 1))
        fall = 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        return self.slowdown * self.peak_rate * climb * fall

    def update(
        self, terms: Mapping[str, tuple[float, Sum]], group: ProcessGroup
    ) -> dict[str, float]:
        """Take one step down the weighted sum of the terms' means, over all processes.

        Parameters
        ----------
        terms : mapping
            Weight, and this process's sum and count, of each term.
        group : ProcessGroup
            The processes that share the batch.

        Returns
        -------
        dict
            The mean of each term, and their weighted sum as `total`.

        Raises
        ------
        NonFiniteError
            If the step would spoil the weights; they are as before.
        """
        weights = torch.tensor([weight for weight, _ in terms.values()])
        counts = torch.stack([term.number.detach() for _, term in terms.values()])
        counts = group.add_up(counts).clamp_min(1)
        totals = torch.stack([term.total for _, term in terms.values()])
        weights = weights.to(totals)
        self.optimiser.zero_grad()
        (weights * totals / counts).sum().backward()
        group.add_up_gradients(self.parameters)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.schedule.clip)
        means = group.add_up(totals.detach().clone()) / counts
        *values, total, norm_value = torch.cat(
            [means, (weights * means).sum()[None], norm[None]]
        ).tolist()
        if not (math.isfinite(total) and math.isfinite(norm_value)):
            raise NonFiniteError
        for options in self.optimiser.param_groups:
            options["lr"] = self.rate
        self.optimiser.step()
        self._follow()
        self.step += 1
        return dict(zip(terms, values, strict=True)) | {"total": total}

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights towards the new ones, the farther the fewer steps are done."""
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        kept, new = zip(*pairs, strict=True)
        torch._foreach_lerp_(list(kept), list(new), 1 - decay)

    def tensors(self) -> Tensors:
        """Return all that the next step depends on, as copies."""
        parts: dict[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "adapters": self.adapters.state_dict(),
            "optimiser": optimiser_tensors(self.optimiser),
        }
        return {
            key: value.detach().clone()
            for prefix, part in parts.items()
            for key, value in with_prefix(prefix, dict(part)).items()
        }

    def restore(self, tensors: Tensors) -> None:
        """Go back to what `tensors` returned; the step is the caller's to set."""
        self.network.load_state_dict(under("network", tensors))
        self.average.load_state_dict(under("average", tensors))
        self.adapters.load_state_dict(under("adapters", tensors))
        restore_optimiser(self.optimiser, under("optimiser", tensors))
