"""What a run must know to go on, as one file that is there whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from napari_dodn.distillation.run.folder import RunError
from napari_dodn.replacing import replacing

FORMAT = "napari-dodn training state 1"

Tensors = dict[str, Tensor]


def save_checkpoint(path: Path, tensors: Tensors, facts: dict[str, Any]) -> None:
    """Write tensors and facts beside the last state, then put them in its place.

    Raises
    ------
    OSError
        If the disk is full or gone; the last state is untouched.
    """
    header = {"format": FORMAT, "facts": json.dumps(facts)}
    content = save(
        {key: value.detach().cpu().contiguous() for key, value in tensors.items()}, header
    )
    with replacing(path, alone=True) as unfinished, unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load_checkpoint(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read what `save_checkpoint` has written.

    Raises
    ------
    RunError
        If the file is damaged or of another version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            # Copies: Windows replaces no file that is mapped.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
        if header.get("format") != FORMAT:
            raise RunError(f"{path} is not a checkpoint of this version of napari-dodn.")
        return tensors, json.loads(header["facts"])
    except FileNotFoundError as error:
        raise RunError(f"{path} was not found.") from error
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunError(f"{path} is damaged and cannot be used.") from error


def with_prefix(prefix: str, tensors: Tensors) -> Tensors:
    """Put a prefix and a dot before all names."""
    return {f"{prefix}.{key}": value for key, value in tensors.items()}


def under(prefix: str, tensors: Tensors) -> Tensors:
    """Return the tensors whose names begin with a prefix and a dot, without it."""
    return {
        key.removeprefix(f"{prefix}."): value
        for key, value in tensors.items()
        if key.startswith(f"{prefix}.")
    }


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> Tensors:
    """Return an optimiser's state by parameter number and name."""
    return {
        f"{number}.{key}": value
        for number, entry in optimiser.state_dict()["state"].items()
        for key, value in entry.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Give an optimiser the state that `optimiser_tensors` returned."""
    entries: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        # A copy: the optimiser writes into what it is given.
        entries.setdefault(int(number), {})[name] = value.clone()
    optimiser.load_state_dict({**optimiser.state_dict(), "state": entries})
