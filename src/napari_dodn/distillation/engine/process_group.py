"""The processes that train together: what they are, and how they add up what each has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

PATIENCE = timedelta(hours=6)
"""How long processes wait for the one that validates."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a run; a run of one process is a group of one.

    Attributes
    ----------
    rank, size : int
        Which of how many this process is.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    def add_up(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def agrees(self, flag: bool) -> bool:
        """Tell whether the flag is up in any process."""
        if self.size == 1:
            return flag
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        return bool(self.add_up(torch.tensor(float(flag), device=device)).item())

    def add_up_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace gradients by their sums over all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = self.add_up(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, total in zip(
            gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True
        ):
            gradient.copy_(total.view_as(gradient))

    def wait(self) -> None:
        """Go on only when all processes are here."""
        if self.size > 1:
            dist.barrier()


def local_device(device: torch.device) -> torch.device:
    """Return the device of this process: with several GPUs each process takes its own."""
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


@contextmanager
def process_group_of(device: torch.device) -> Iterator[ProcessGroup]:
    """Join the processes that `torchrun` has started, if it has."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield ProcessGroup(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
