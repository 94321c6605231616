"""What a person should know of a model before they trust it, and the news that there is another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import psygnal
from magicgui.widgets import ComboBox

from napari_dodn.network.model_file import is_bundled, list_models

if TYPE_CHECKING:
    from napari_dodn.network.model_file import ModelCard


class Models:
    """The models that can be chosen; `changed` is emitted where there are others than before."""

    changed = psygnal.Signal()


models = Models()

DEFAULT_SCALE = 4


class ScaleBox(ComboBox):
    """A box of the scales that there are models for.

    Parameters
    ----------
    tooltip : str
        What a scale is.
    """

    def __init__(self, tooltip: str) -> None:
        super().__init__(label="Scale", choices=_scales(), tooltip=tooltip)
        if DEFAULT_SCALE in self.choices:
            self.value = DEFAULT_SCALE

    def list_again(self) -> None:
        """Look for models, because there may be others now; the choice stays where it can."""
        chosen = self.value
        self.choices = _scales()
        if chosen in self.choices:
            self.value = chosen


def _scales() -> list[tuple[str, int]]:
    scales = sorted({card.scale for card in list_models()})
    return [(f"×{scale}", scale) for scale in scales]


def listed_again(card: ModelCard | None, cards: Iterable[ModelCard]) -> ModelCard | None:
    """Return the card of a model in another list, also where its file was renamed."""
    if card is None:
        return None

    def unlike(other: ModelCard) -> tuple[bool, bool]:
        return other.path != card.path, other.path.parent != card.path.parent

    found = [other for other in cards if other.path == card.path or other.sha256 == card.sha256]
    return min(found, key=unlike, default=None)


def short_text(card: ModelCard) -> str:
    """Return what a model was trained on and how far it is ahead of bicubic interpolation."""
    text = f"Trained on {card.training.get('data', 'unnamed data')}"
    model, bicubic = (_figures(card.scores.get(name)) for name in ("model", "bicubic"))
    if "psnr" in model and "psnr" in bicubic:
        text += (
            f"; {model['psnr'] - bicubic['psnr']:+.1f} dB over bicubic on held-out data, which"
            " says little about other sensors"
        )
    return f"{text}."


def one_line(card: ModelCard) -> str:
    """Return for which sensors a model is, and how far it is ahead of bicubic on what data."""
    data = str(card.training.get("data", "unnamed data"))
    is_ours = is_bundled(card)
    parts = ["for any sensor" if is_ours else f"trained on {data}"]
    model, bicubic = (_figures(card.scores.get(name)) for name in ("model", "bicubic"))
    if "psnr" in model and "psnr" in bicubic:
        lead = f"{model['psnr'] - bicubic['psnr']:+.1f} dB over bicubic"
        parts.append(f"{lead} on {data.split(',')[0]}" if is_ours else lead)
    return " · ".join(parts)


def full_text(card: ModelCard) -> str:
    """Return what a model's header says, one fact a line, but for the configuration's copy."""
    lines = [f"{card.name}, ×{card.scale} ({card.path})"]
    facts = {key: value for key, value in card.training.items() if key != "configuration"}
    lines += [f"{key}: {_text(value)}" for key, value in facts.items()]
    lines += [f"{key}: {_text(value)}" for key, value in card.scores.items()]
    if card.licence:
        lines.append(f"licence: {card.licence}")
    return "\n".join(lines)


def _figures(score: Any) -> dict[str, float]:
    items = score.items() if isinstance(score, Mapping) else ()
    return {str(key).lower(): value for key, value in items if isinstance(value, int | float)}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
