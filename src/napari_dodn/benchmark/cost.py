"""What a result costs: time, memory and operations, which the published tables leave out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_dodn.network.dodn import DODN
from napari_dodn.wording import counted

SAMPLING_SECONDS = 0.005

PROBE = 16
"""Side, in LR pixels, of the cube on which operations are counted."""


@dataclass
class Spent:
    """What a piece of work took.

    Attributes
    ----------
    seconds : float
        Wall time.
    memory : int
        Bytes at the peak: on a CUDA device all that PyTorch had allocated there; elsewhere what
        the process, or the device, held above what it held before.
    """

    seconds: float = 0.0
    memory: int = 0


@contextmanager
def watching(device: torch.device) -> Iterator[Spent]:
    """Measure the time and the peak memory of what is done inside."""
    spent = Spent()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        started = time.perf_counter()
        yield spent
        torch.cuda.synchronize(device)
        spent.seconds = time.perf_counter() - started
        spent.memory = torch.cuda.max_memory_allocated(device)
        return
    held = torch.mps.driver_allocated_memory if device.type == "mps" else _resident
    before, ended = held(), threading.Event()

    def sample() -> None:
        while True:
            spent.memory = max(spent.memory, held() - before)
            if ended.wait(SAMPLING_SECONDS):
                return

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    started = time.perf_counter()
    try:
        yield spent
    finally:
        spent.seconds = time.perf_counter() - started
        ended.set()
        sampler.join()


def _resident() -> int:
    return psutil.Process().memory_info().rss


def operations(upsample: Callable[[torch.Tensor], Any], bands: int) -> float:
    """Count the floating-point operations for each LR voxel of a function of (N, B, h, w).

    A multiplication and its addition are two; activations and the like are not counted, as
    `torch.utils.flop_counter` counts.
    """
    probe = torch.zeros(1, bands, PROBE, PROBE)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        upsample(probe)
    return counter.get_total_flops() / probe.numel()


def model_operations(network: DODN, bands: int) -> float:
    """Count what super-resolution with a network takes for each LR voxel of a cube.

    That is the network on the components, the product that makes these of the bands and the one
    that puts its answer back, and linear upsampling with four weights for each value. What is
    measured of a cube beforehand is not counted.
    """
    k, fine = network.components, network.scale**2
    sigma = torch.zeros(1)

    def pixels(width: int) -> float:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, k, PROBE, width), sigma)
        return counter.get_total_flops()

    # The difference, since what the blur adds to a layer is computed once, not in every pixel.
    per_pixel = (pixels(2 * PROBE) - pixels(PROBE)) / PROBE**2
    return per_pixel / bands + 2 * k + 2 * k * fine + 2 * 4 * fine


def device_in_words(device: torch.device) -> str:
    """Name a device so that times taken on it can be compared."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {counted(threads, 'thread')} of {os.cpu_count()} cores"
