"""The boxes that are nothing but fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_dodn.distillation.presets import PRESETS
from napari_dodn.network.model_file import list_models
from napari_dodn.plugin.kit.box import Box
from napari_dodn.plugin.kit.editors import Choice, Editor
from napari_dodn.plugin.kit.models import full_text, listed_again, models, short_text
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.form import Form, row_of

if TYPE_CHECKING:
    from napari_dodn.network.model_file import ModelCard

DEGRADATION = ("degradation.kinds", "degradation.psf", "degradation.noise")
DISTILLATION = ("distillation.variant", "distillation.weight")
SCHEDULE = (
    *("schedule.steps", "schedule.batch", "schedule.patch"),
    *("computing.device", "computing.precision"),
)
PRESET_TEXT = {
    "quick": "quick: minutes on a CPU",
    "good": "good: on a GPU",
    "paper": "paper: long, on a GPU, with a teacher",
}
OWN = "custom settings"


class StartEditor(Editor):
    """A model to go on from, or none; with it, other fields are to be set."""

    chosen = Signal(object)
    """Emitted with the model's name, or None."""

    NOTHING = "none: a new model"

    def __init__(self) -> None:
        super().__init__()
        self.box = Choice()
        self.row.addWidget(self.box)
        self.fill()
        self.box.activated.connect(lambda _: self.chosen.emit(self.box.currentData()))

    def fill(self) -> None:
        """List the models that there are now."""
        chosen = self.box.currentData()
        self.box.clear()
        self.box.addItem(self.NOTHING, None)
        for card in list_models():
            self.box.addItem(f"{card.name} (×{card.scale})", card.name)
            self.box.setItemData(self.box.count() - 1, full_text(card), 3)
        self.show_value(chosen)

    def show_value(self, value: Any) -> None:
        """Choose a model; one that is not listed is added."""
        if value is not None and self.box.findData(value) < 0:
            self.box.addItem(str(value), value)
        self.box.setCurrentIndex(max(0, self.box.findData(value)))


class StartBox(Box):
    """A model to go on from, whose sizes the new one takes."""

    def __init__(self, draft: Draft) -> None:
        self.start = StartEditor()
        self.form = Form(draft, ("student.start",), {"student.start": self.start})
        self.about = Sentence()
        super().__init__("Model to start from", self.form, self.about)
        self._draft = draft
        self._card: ModelCard | None = None
        self.start.chosen.connect(self._on_start)
        models.changed.connect(self._on_models)
        draft.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Listen no longer."""
        models.changed.disconnect(self._on_models)

    def _on_models(self) -> None:
        """List the models that there are now; a chosen one that was renamed stays chosen."""
        self.start.fill()
        there = listed_again(self._card, list_models())
        if self._card is not None and there is not None and there.name != self._card.name:
            self._draft.set({"student.start": there.name})

    def _on_start(self, name: str | None) -> None:
        self._draft.start_from(next((card for card in list_models() if card.name == name), None))

    def _show(self) -> None:
        start = self._draft["student.start"]
        self._card = next((card for card in list_models() if card.name == start), None)
        self.about.say(short_text(self._card) if self._card else "")


class FormBox(Box):
    """Fields under a title; those that mean nothing now are hidden."""

    def __init__(self, title: str, draft: Draft, names: tuple[str, ...]) -> None:
        self.form = Form(draft, names)
        super().__init__(title, self.form)
        self._draft = draft
        draft.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        hidden = set()
        if "gaussian" not in self._draft["degradation.kinds"]:
            hidden.add("degradation.psf")
        if self._draft["distillation.variant"] == "none":
            hidden.add("distillation.weight")
        self.form.show_only(set(self.form.editors) - hidden)


class FirstBox(QWidget):
    """What everybody sets: the scale, a preset and the model's name."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self.preset = Choice()
        for name in PRESETS:
            self.preset.addItem(PRESET_TEXT[name], name)
        self.preset.setToolTip(
            "Sets the size of the network and the length of the training. Advanced and the"
            " configuration file show what else it sets."
        )
        self.preset.activated.connect(self._on_preset)
        line = row_of("Preset", self.preset)
        self.scale, self.name = Form(draft, ("student.scale",)), Form(draft, ("name",))
        self.unseen = Sentence()
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 0, 8, 0)
        column.setSpacing(4)
        for part in (self.scale, line, self.unseen, self.name):
            column.addWidget(part)
        draft.changed.connect(self._show)
        self._show()

    def _on_preset(self, _: int) -> None:
        if (name := self.preset.currentData()) is not None:
            self._draft.choose_preset(name)

    def _show(self) -> None:
        preset, own = self._draft.preset, self.preset.findText(OWN)
        if preset is None and own < 0:
            self.preset.addItem(OWN, None)
        elif preset is not None and own >= 0:
            self.preset.removeItem(own)
        self.preset.setCurrentIndex(self.preset.findData(preset))
        unseen = ", ".join(self._draft.unseen)
        self.unseen.say(f"Set by a configuration file: {unseen}." if unseen else "")
