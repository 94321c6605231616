"""Editors for plain fields, chosen by the field's type: one place for all boxes.

An editor gives whatever a person has put in, right or wrong; the configuration checks it, and the
sentence appears at the field.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_dodn.paths import expanded
from napari_dodn.plugin.kit.forms import narrow
from napari_dodn.wording import limit_in_words

THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+")
"""A whole number as the progress of a run shows it."""


CHOICE_LETTERS = 8
"""Letters of a choice that its box has room for."""


class Editor(QWidget):
    """Shows a value and lets a person change it.

    Notes
    -----
    `edited` is emitted with the new value where a person has changed it, never by `show_value`.
    """

    edited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)

    def show_value(self, value: Any) -> None:
        """Show a value."""
        raise NotImplementedError


class Choice(QComboBox):
    """A box that the wheel scrolls past, so that scrolling a form changes nothing in it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        narrow(self, CHOICE_LETTERS)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the form."""
        event.ignore()


class TextEditor(Editor):
    """A line of text, which `parse` turns into a value."""

    def __init__(self, parse: Callable[[str], Any] = str) -> None:
        super().__init__()
        self._parse = parse
        self.line = QLineEdit()
        self.row.addWidget(self.line)
        self.line.textEdited.connect(lambda text: self.edited.emit(parse(text)))

    def show_value(self, value: Any) -> None:
        """Show a value; what a person is typing is left alone where it means the same."""
        text = text_of(value)
        if self._parse(self.line.text()) != value:
            self.line.setText(text)


class ChoiceEditor(Editor):
    """One of a few values."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        super().__init__()
        self.box = Choice()
        for value in values:
            self.box.addItem(str(value), value)
        self.row.addWidget(self.box)
        self.box.activated.connect(lambda _: self.edited.emit(self.box.currentData()))

    def show_value(self, value: Any) -> None:
        """Choose a value."""
        self.box.setCurrentIndex(self.box.findData(value))


class SwitchEditor(Editor):
    """Yes or no."""

    def __init__(self) -> None:
        super().__init__()
        self.switch = QCheckBox()
        self.row.addWidget(self.switch)
        self.switch.clicked.connect(lambda on: self.edited.emit(bool(on)))

    def show_value(self, value: Any) -> None:
        """Tick or not."""
        self.switch.setChecked(bool(value))


class SeveralEditor(Editor):
    """Any of a few values."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        super().__init__()
        column = QVBoxLayout()
        column.setSpacing(2)
        self.row.addLayout(column)
        self.switches = {value: QCheckBox(str(value)) for value in values}
        for switch in self.switches.values():
            column.addWidget(switch)
            switch.clicked.connect(self._on_clicked)

    def _on_clicked(self) -> None:
        self.edited.emit(tuple(v for v, switch in self.switches.items() if switch.isChecked()))

    def show_value(self, value: Any) -> None:
        """Tick those that are among the values."""
        for name, switch in self.switches.items():
            switch.setChecked(name in value)


class SpanEditor(Editor):
    """A lowest and a highest number; where it is optional, none at all if both are empty."""

    def __init__(self, optional: bool = False) -> None:
        super().__init__()
        self._optional = optional
        self.ends = [TextEditor(number), TextEditor(number)]
        self.row.addWidget(self.ends[0])
        self.row.addWidget(QLabel("to"))
        self.row.addWidget(self.ends[1])
        for end in self.ends:
            end.edited.connect(self._on_edited)

    def _on_edited(self) -> None:
        value = tuple(number(end.line.text()) for end in self.ends)
        self.edited.emit(None if self._optional and value == ("", "") else value)

    def show_value(self, value: Any) -> None:
        """Show both ends."""
        for end, item in zip(self.ends, ("", "") if value is None else value, strict=True):
            end.show_value(item)


class PathEditor(TextEditor):
    """A file or a folder, typed or chosen."""

    def __init__(self, folder: bool = False, files: str = "") -> None:
        super().__init__(path_or_none)
        self._folder, self._files = folder, files
        self.browse = QToolButton()
        self.browse.setText("…")
        self.browse.setToolTip("Choose…")
        self.browse.setAccessibleName("Choose")
        self.row.addWidget(self.browse)
        self.browse.clicked.connect(self._choose)

    def _choose(self) -> None:
        start = self.line.text()
        if self._folder:
            chosen = QFileDialog.getExistingDirectory(self, "Choose a folder", start)
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, "Choose a file", start, self._files)
        if chosen:
            self.line.setText(chosen)
            self.edited.emit(Path(chosen))


def number(text: str) -> float | int | str:
    """Return the number that a text means, or the text where it means none."""
    text = text.strip().replace(",", ".")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def count(text: str) -> float | int | str:
    """Return the number that a text means where numbers are whole: 1,000 is a thousand."""
    return number(text.replace(",", "") if THOUSANDS.fullmatch(text.strip()) else text)


def or_none(parse: Callable[[str], Any], text: str) -> Any:
    """Return what a text means; nothing where there is no text."""
    return parse(text) if text.strip() else None


def text_or_none(text: str) -> str | None:
    """Return a text; nothing where there is none."""
    return text.strip() or None


def path_or_none(text: str) -> Path | None:
    """Return the path that a text names; nothing where there is no text."""
    return expanded(text.strip()) if text.strip() else None


def text_of(value: Any) -> str:
    """Return the text by which a person knows a value."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def editor_for(info: FieldInfo) -> Editor:
    """Return an editor for a field of the configuration, by its type."""
    kind, optional = info.annotation, False
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
        optional = True
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return ChoiceEditor(get_args(kind))
    if get_origin(kind) is tuple:
        first, second = get_args(kind)
        return SeveralEditor(get_args(first)) if second is ... else SpanEditor(optional)
    if kind is bool:
        return SwitchEditor()
    if kind in (int, float):
        parse = count if kind is int else number
        return TextEditor(partial(or_none, parse) if optional else parse)
    if kind is Path:
        return PathEditor()
    return TextEditor(text_or_none if optional else str)


def limits_text(info: FieldInfo) -> str:
    """Return the limits of a field as a sentence."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{word} {limit_in_words(value)}"
        for limit in info.metadata
        for key, word in words.items()
        if (value := getattr(limit, key, None)) is not None
    ]
    return f" {', '.join(found).capitalize()}." if found else ""
