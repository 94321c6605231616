"""Rows of fields: a label, an editor, and below it what is wrong with what was put in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_dodn.plugin.kit.editors import Editor, editor_for, limits_text
from napari_dodn.plugin.kit.forms import name_fields, room_for
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.fields import field

LABELS = {
    "name": "Model's name",
    "student.start": "Start from",
    "distillation.variant": "Distillation",
    "msi.source": "Teacher's image",
    "degradation.kinds": "Reduction",
    "degradation.psf": "Blur σ",
    "degradation.noise": "Noise σ",
    "distillation.weight": "Weight λ",
    "msi.bands": "Gaussian bands",
    "msi.range": "Spread over (nm)",
    "data.validation_share": "Held-out share",
}
"""What a field is called on screen, where its own name does not say it well."""

PLACEHOLDERS = {
    "msi.range": "all",
    "licence": "of the data, and therefore of the model",
}
"""What an empty field means."""

WIDEST = "Spread over (nm)"
"""The label that needs the most room."""


class FieldLabel(QLabel):
    """A label before a field: all of them are as wide as the widest, in letters of any size."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the letters."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._fit()

    def elide(self, text: str) -> None:
        """Show a text, without its middle where it is too long."""
        self.ensurePolished()
        room = self.fontMetrics().horizontalAdvance(WIDEST)
        self.setText(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room))

    def _fit(self) -> None:
        self.setFixedWidth(room_for(self, WIDEST))


class Form(QWidget):
    """Fields of the draft, one below the other.

    Parameters
    ----------
    draft : Draft
        What they belong to.
    names : tuple of str
        Their dotted names.
    editors : mapping
        Editors for fields whose type does not say what to show.
    """

    def __init__(
        self, draft: Draft, names: tuple[str, ...], editors: Mapping[str, Editor] | None = None
    ) -> None:
        super().__init__()
        self._draft = draft
        self.editors: dict[str, Editor] = {}
        self.faults: dict[str, Sentence] = {}
        self._rows: dict[str, int] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(4)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name in names:
            self._add(name, (editors or {}).get(name))
        draft.changed.connect(self._show)
        self._show()

    def _add(self, name: str, editor: Editor | None) -> None:
        info = field(name)
        editor = editor or editor_for(info)
        for line in editor.findChildren(QLineEdit):
            line.setPlaceholderText(PLACEHOLDERS.get(name, ""))
        label = FieldLabel(label_of(name))
        name_fields(editor, label_of(name))
        for part in (label, editor):
            part.setToolTip(f"{info.description}{limits_text(info)}")
        fault = Sentence(fault=True)
        cell = QWidget()
        column = QVBoxLayout(cell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(editor)
        column.addWidget(fault)
        self._rows[name] = self._layout.rowCount()
        self._layout.addRow(label, cell)
        editor.edited.connect(partial(self._on_edited, name))
        self.editors[name], self.faults[name] = editor, fault

    def _on_edited(self, name: str, value: Any) -> None:
        self._draft.set({name: value})

    def _show(self) -> None:
        for name, editor in self.editors.items():
            editor.show_value(self._draft[name])
            self.faults[name].say(self._draft.faults.get(name, ""))

    def show_only(self, names: set[str]) -> None:
        """Show some of the rows, because the others have no meaning now."""
        for name in self.editors:
            self._layout.setRowVisible(self._rows[name], name in names)


def row_of(label: str, field: QWidget) -> QWidget:
    """Return a row like those of a `Form`, for what is no field of the configuration."""
    row = QWidget()
    layout = QFormLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addRow(FieldLabel(label), field)
    name_fields(field, label)
    return row


def label_of(name: str) -> str:
    """Return what a field is called on screen."""
    return LABELS.get(name, name.rsplit(".", 1)[-1].replace("_", " ").capitalize())
