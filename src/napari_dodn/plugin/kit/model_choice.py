"""The rows in which a scale and a model for it are chosen, with what is known of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox, Container, PushButton, Widget

from napari_dodn.network.model_file import ModelCard, list_models, user_models_folder
from napari_dodn.plugin.kit.forms import narrow, sentence_row
from napari_dodn.plugin.kit.models import ScaleBox, full_text, listed_again, one_line
from napari_dodn.plugin.kit.reading import show_text

LETTERS = 8
"""Letters of a model's name that its box has room for, beside a button."""


def no_model() -> str:
    """Say that there is no model to choose, and what to do."""
    return f"No model is installed; put one into {user_models_folder()}."


class ModelChoice:
    """A box of scales, one of the models of that scale, and a button for the model's card."""

    def __init__(self) -> None:
        self._cards = list_models()
        self.scale = ScaleBox(
            "How many pixels each pixel of the cube becomes, along y and along x."
        )
        self.model = ComboBox(label="Model", choices=self._listed)
        narrow(self.model, LETTERS)
        self.card_button = PushButton(
            text="Card…", tooltip="Show what the model was trained on, its scores and its licence."
        )
        self.about = sentence_row()
        self._row = Container(
            widgets=[self.model, self.card_button], layout="horizontal", labels=False, label="Model"
        )
        self._row.margins = (0, 0, 0, 0)
        self.card_button.clicked.connect(self.show_card)

    @property
    def widgets(self) -> list[Widget]:
        """What to put into a form, from top to bottom."""
        return [self.scale, self._row, self.about]

    @property
    def card(self) -> ModelCard | None:
        """The model that is chosen."""
        card: ModelCard | None = self.model.value
        return card

    def follow(self) -> None:
        """Offer the models of the scale, and say what is known of the one that is chosen."""
        self.model.reset_choices()
        card = self.card
        self.about.value = one_line(card) if card else ""
        self.model.tooltip = full_text(card) if card else f"Models lie in {user_models_folder()}."
        self.card_button.enabled = card is not None

    def list_again(self) -> None:
        """Look for models, because there may be others now; a chosen one that is renamed stays."""
        chosen = self.card
        self._cards = list_models()
        self.scale.list_again()
        self.follow()
        self._choose(listed_again(chosen, self._cards))

    def choose(self, path: Path) -> None:
        """Choose the model of a file, and its scale; nothing changes where it is not listed."""
        self.list_again()
        self._choose(next((card for card in self._cards if card.path == path), None))

    def _choose(self, card: ModelCard | None) -> None:
        if card is not None:
            self.scale.value = card.scale
            self.model.value = card

    def show_card(self) -> None:
        """Show what the model's file says of it."""
        if (card := self.card) is not None:
            show_text(self.model.native, f"Model {card.name}", full_text(card))

    def _listed(self, _: Any = None) -> list[tuple[str, ModelCard]]:
        return [(card.name, card) for card in self._cards if card.scale == self.scale.value]
