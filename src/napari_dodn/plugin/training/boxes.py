"""The boxes that are nothing but fields: model, degradation, distillation and schedule."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QFormLayout, QWidget

from napari_dodn.distillation.config import PRESETS
from napari_dodn.network.model_file import list_models
from napari_dodn.plugin.kit.box import Box, folded
from napari_dodn.plugin.kit.editors import Choice, Editor
from napari_dodn.plugin.kit.models import full_text, models, short_text
from napari_dodn.plugin.training.draft import Draft, preset_values
from napari_dodn.plugin.training.form import FieldLabel, Form, Sentence, label_of

MODEL = (
    "student.start",
    "student.scale",
    "student.components",
    "student.channels",
    "student.blocks",
    "student.branch_2d",
    "student.channels_2d",
)
FIXED_BY_START = MODEL[2:]
DEGRADATION = tuple(f"degradation.{key}" for key in ("kinds", "psf", "noise", "spectral"))
DISTILLATION = ("distillation.variant", "distillation.weight")
PLAIN_SCHEDULE = ("schedule.steps",)
PRESET_TEXT = {
    "quick": "quick look (CPU, minutes)",
    "good": "good (GPU, an hour)",
    "paper": "paper (GPU, long)",
}
OWN = "own settings"


class StartEditor(Editor):
    """A model to go on from, or none."""

    NOTHING = "nothing: a new model"

    def __init__(self) -> None:
        super().__init__()
        self.box = Choice()
        self.row.addWidget(self.box)
        self.fill()
        self.box.activated.connect(lambda _: self.edited.emit(self.box.currentData()))

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


class ModelBox(Box):
    """What network is trained: a new one, or one that is there."""

    def __init__(self, draft: Draft) -> None:
        self.start = StartEditor()
        self.form = Form(draft, MODEL, {"student.start": self.start})
        self.about = Sentence()
        super().__init__("Model and scale", self.form, self.about)
        self._draft = draft
        self.start.edited.connect(self._on_start)
        models.changed.connect(self.start.fill)
        draft.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Listen no longer."""
        models.changed.disconnect(self.start.fill)

    def _on_start(self, name: str | None) -> None:
        for card in list_models():
            if card.name == name:
                sizes = {k: v for k, v in card.architecture.items() if k != "name"}
                self._draft.set({f"student.{key}": value for key, value in sizes.items()})

    def _show(self) -> None:
        start = self._draft["student.start"]
        for name in FIXED_BY_START:
            self.form.editors[name].setEnabled(start is None)
        folded = self._draft["student.branch_2d"] == "folded"
        self.form.show_only(set(MODEL) - ({"student.channels_2d"} if folded else set()))
        card = next((card for card in list_models() if card.name == start), None)
        self.about.say(short_text(card) if card else "")


class DegradationBox(Box):
    """How the low-resolution cubes are made."""

    def __init__(self, draft: Draft) -> None:
        self.form = Form(draft, DEGRADATION)
        super().__init__("Degradation", self.form)
        self._draft = draft
        draft.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        blurred = "gaussian" in self._draft["degradation.kinds"]
        self.form.show_only(set(DEGRADATION) - (set() if blurred else {"degradation.psf"}))


class DistillationBox(Box):
    """What the student is told of the teacher."""

    def __init__(self, draft: Draft) -> None:
        self.form = Form(draft, DISTILLATION)
        super().__init__("Distillation", self.form)
        self._draft = draft
        draft.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        none = self._draft["distillation.variant"] == "none"
        self.form.show_only({"distillation.variant"} if none else set(DISTILLATION))


class ScheduleBox(Box):
    """How long: a preset, and everything behind it under Advanced."""

    def __init__(self, draft: Draft, advanced: tuple[str, ...]) -> None:
        super().__init__("Schedule")
        self._draft = draft
        self.preset = Choice()
        for name in PRESETS:
            self.preset.addItem(PRESET_TEXT.get(name, name), name)
        self.preset.setToolTip("Sizes, steps and rates that go together; change any below.")
        self.preset.activated.connect(self._on_preset)
        line = QWidget()
        form = QFormLayout(line)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(FieldLabel("Preset"), self.preset)
        self.form = Form(draft, PLAIN_SCHEDULE)
        self.advanced = Form(draft, advanced)
        self.folded = folded("Advanced", self.advanced)
        self.hidden_faults = Sentence(fault=True)
        for part in (line, self.form, self.folded, self.hidden_faults):
            self.column.addWidget(part)
        draft.changed.connect(self._show)
        self._show()

    def _on_preset(self, _: int) -> None:
        if (name := self.preset.currentData()) is not None:
            self._draft.set(preset_values(name))

    def _show(self) -> None:
        preset, own = self._draft.preset, self.preset.findText(OWN)
        if preset is None and own < 0:
            self.preset.addItem(OWN, None)
        elif preset is not None and own >= 0:
            self.preset.removeItem(own)
        self.preset.setCurrentIndex(self.preset.findData(preset))
        faulty = [label_of(n) for n in self.advanced.editors if n in self._draft.faults]
        self.hidden_faults.say(f"Look under Advanced: {', '.join(faulty)}." if faulty else "")
