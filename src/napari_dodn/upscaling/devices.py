"""The devices that can compute, their free memory and their precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from napari_dodn.errors import UserError

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

AUTO = "auto"

SAME_SCORE = 0.01
"""A model may lose so many decibels of its validation score in bfloat16 and count as good."""

CPU_FEATURES = ("avx512_bf16", "amx_bf16")
"""What a processor has that computes in bfloat16 natively."""

CPU_BUDGET = 640 * 2**20
"""Bytes of the machine's memory that the pixels and features of a tile may take: larger tiles waste
less on their halos, and a run shall stay under 1 GB above its input and output."""

GPU_SHARE = 0.5
"""Share of a GPU's free memory that a tile may take."""


class UpscaleError(UserError):
    """A job that cannot be done as asked."""


def list_devices() -> list[str]:
    """List the values of `device`: "auto", then every device that PyTorch can use here."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return ["auto", *devices, "cpu"]


def choose_device(name: str | torch.device) -> torch.device:
    """Return the device with a name; "auto" is the fastest kind available.

    Raises
    ------
    UpscaleError
        If this machine has no such device.
    """
    there = list_devices()
    name = str(name)
    chosen = {"auto": there[1], "cuda": "cuda:0"}.get(name, name)
    if chosen not in there:
        raise UpscaleError(
            f"Device '{name}' is not available here; choose one of {', '.join(there)}."
        )
    return torch.device(chosen)


def check_precision(name: str) -> None:
    """Refuse what is no precision.

    Raises
    ------
    UpscaleError
        In one sentence.
    """
    if name not in (AUTO, *PRECISIONS):
        raise UpscaleError(f"Precision '{name}' is not one of {', '.join((AUTO, *PRECISIONS))}.")


def choose_precision(
    name: str, device: torch.device, scores: Mapping[str, Any] | None = None
) -> torch.dtype:
    """Return the type that a network computes in, one for a whole result.

    Parameters
    ----------
    name : str
        A key of `PRECISIONS`, or "auto": bfloat16 if the device supports it natively and the
        model's validation score stays within `SAME_SCORE` of that in float32, else float32.
    device : torch.device
        Where the network runs.
    scores : mapping, optional
        Those of the model's card. Without them "auto" is float32.

    Raises
    ------
    UpscaleError
        If there is no such precision.
    """
    check_precision(name)
    if name != AUTO:
        return PRECISIONS[name]
    quick = _is_as_good_in_bfloat16(scores or {}) and has_bfloat16(device)
    return torch.bfloat16 if quick else torch.float32


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether a device computes natively in bfloat16, and therefore faster than in float32."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        known: Any = getattr(torch.cpu, "get_capabilities", dict)()  # not in every PyTorch
        return any(known.get(feature, False) for feature in CPU_FEATURES)
    return False


def _is_as_good_in_bfloat16(scores: Mapping[str, Any]) -> bool:
    try:
        lost = scores["model"]["psnr"] - scores["model in bfloat16"]["psnr"]
        return bool(lost <= SAME_SCORE)
    except (KeyError, TypeError):  # a card may hold anything
        return False


def memory_budget(device: torch.device) -> int:
    """Return how many bytes the features of one tile may take on a GPU."""
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
