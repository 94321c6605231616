"""What there is to compute on, how much memory it has free, and how exactly it computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_dodn.errors import UserError

PRECISIONS = {
    "auto": torch.float32,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

CPU_BUDGET = 600 * 2**20
"""Bytes of features that a tile may take on a CPU: larger tiles waste less on their halos, and a
run shall stay under 1 GB above its input and output."""

GPU_SHARE = 0.5
"""Share of a GPU's free memory that a tile may take."""


class UpscaleError(UserError):
    """A job that cannot be done as asked."""


def list_devices() -> list[str]:
    """List what `device` may be: "auto", then every device that PyTorch can use here."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return ["auto", *devices, "cpu"]


def choose_device(name: str) -> torch.device:
    """Return the device of a name; "auto" is the fastest kind there is.

    Raises
    ------
    UpscaleError
        If there is no such device here.
    """
    there = list_devices()
    chosen = {"auto": there[1], "cuda": "cuda:0"}.get(name, name)
    if chosen not in there:
        raise UpscaleError(f"There is no device '{name}' here; choose one of {', '.join(there)}.")
    return torch.device(chosen)


def memory_budget(device: torch.device) -> int:
    """Return how many bytes the features of one tile may take."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * GPU_SHARE)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() * GPU_SHARE)
    return CPU_BUDGET


@contextmanager
def exact_float32() -> Iterator[None]:
    """Let float32 mean float32, not TF32."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


@contextmanager
def computing() -> Iterator[None]:
    """Compute without gradients; float32 is exact."""
    with exact_float32(), torch.inference_mode():
        yield


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that a device's or the machine's memory did not suffice."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
    )
