"""How a cube is super-resolved: what a caller decides, and what follows from it here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import ModelCard, find_model, load_network, read_card
from napari_dodn.sensor_blur import LARGEST_BLUR
from napari_dodn.upscaling.devices import (
    UpscaleError,
    check_precision,
    choose_device,
    choose_precision,
)
from napari_dodn.upscaling.views import AS_IT_IS, VIEWS


@dataclass(frozen=True, kw_only=True)
class UpscaleOptions:
    """What a caller decides; the attributes are parameters of `upscale`."""

    scale: int = 4
    model: str | os.PathLike[str] | None = None
    device: str = "auto"
    precision: str = "auto"
    tile: int | str = "auto"
    self_ensemble: bool = False
    blur: float | str = "auto"

    def chosen(self) -> Chosen:
        """Return the model, device and type that these options mean on this machine.

        Raises
        ------
        UpscaleError, ModelError
            If something does not exist or makes no sense, in one sentence.
        """
        check_precision(self.precision)
        check_scale(self.scale)
        sigma = told_blur(self.blur)
        card = find_model(self.model, self.scale)
        device = choose_device(self.device)
        dtype = choose_precision(self.precision, device, card.scores)
        return Chosen(card, device, dtype, VIEWS if self.self_ensemble else AS_IT_IS, sigma)


@dataclass(frozen=True)
class Chosen:
    """A model, and how it is run.

    Attributes
    ----------
    card : ModelCard
        The model.
    device, dtype
        Where it runs, and in which type.
    views : sequence
        What it is asked about; see `views`.
    blur : float or None
        The sensor's blur as given; None if it is to be estimated.
    """

    card: ModelCard
    device: torch.device
    dtype: torch.dtype
    views: Sequence[tuple[int, bool]]
    blur: float | None

    @property
    def precision(self) -> str:
        """The name of the type."""
        return str(self.dtype).removeprefix("torch.")

    def fixed(self, options: UpscaleOptions) -> UpscaleOptions:
        """Return options by which other processes choose the same model, precision and device."""
        return replace(
            options,
            model=self.card.path,
            precision=self.precision,
            device=self.device.type if self.device.index is None else str(self.device),
        )

    def network(self) -> DODN:
        """Return the network, on the device."""
        return _network(self.card.path, self.card.sha256, self.device)


def check_scale(scale: int) -> None:
    """Raise UpscaleError where a scale is no number of pixels; which ones there are, models say."""
    if not isinstance(scale, (int, np.integer)) or scale < 1:
        raise UpscaleError(f"The scale is a whole number above 0, such as 4, not {scale!r}.")


def told_blur(blur: float | str) -> float | None:
    """Return the given blur; None if it is to be estimated.

    Raises
    ------
    UpscaleError
        If it is neither "auto" nor a possible blur.
    """
    if blur == "auto":
        return None
    try:
        sigma = float(blur)
    except (TypeError, ValueError):
        sigma = -1.0
    if not 0 <= sigma <= LARGEST_BLUR:
        raise UpscaleError(
            f"The sensor's blur is 'auto' or a number of pixels from 0 to {LARGEST_BLUR:g}, not"
            f" {blur!r}."
        )
    return sigma


@lru_cache(maxsize=2)
def _network(path: Path, _sha256: str, device: torch.device) -> DODN:
    return load_network(read_card(path)).to(device)
