"""What the panels' forms have in common: labels, rows and boxes of layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from magicgui.widgets import ComboBox, Label
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

BLANK = "\u2003"
"""The label of a row that needs none."""

FRAME = 8
"""Pixels that napari's themes leave around the text of a label, at most."""

FIELDS = (QComboBox, QAbstractSpinBox, QLineEdit, QAbstractSlider)
"""What a person fills in."""

LETTERS = 18
"""Letters of a layer's name that a box has room for; its list shows the whole name."""


class LayerBox(ComboBox):
    """A box of layers, and of what lies in them, that keeps its choice when that is renamed.

    magicgui knows choices by their names alone, and takes the first one where the name is gone.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        narrow(self)

    def reset_choices(self, *_: Any) -> None:
        """Look for choices anew; tell of it where another one is chosen then."""
        names = [name for name, _ in self.options["choices"](self)]
        if len(set(names)) < len(names):  # napari is about to rename one of two that are alike
            return
        chosen = self.value
        with self.changed.blocked():
            super().reset_choices()
            if self.value != chosen and chosen in self.choices:
                self.value = chosen
        if self.value != chosen:
            self.changed.emit(self.value)


def sentence_row() -> Label:
    """Return a row of a form for sentences."""
    label = Label(label=BLANK)
    label.native.setWordWrap(True)
    label.native.setMinimumWidth(10)  # a long name of a file has no place to wrap at
    label.native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return label


class LinedUp(QObject):
    """Keeps the labels of a panel as wide as the widest of them, in all of its forms.

    magicgui sees to that by their widths in the program's own letters, which are not napari's.

    Parameters
    ----------
    column : QLayout
        Of the panel: it has magicgui's rows, or forms of them.
    """

    _CHANGES = (QEvent.Type.Show, QEvent.Type.LayoutRequest, QEvent.Type.StyleChange)

    def __init__(self, column: QLayout) -> None:
        panel = column.parentWidget()
        assert panel is not None
        super().__init__(panel)
        panel.installEventFilter(self)

    def eventFilter(self, panel: QObject, event: QEvent) -> bool:
        """Measure the labels again when they may have changed."""
        if event.type() in self._CHANGES and isinstance(panel, QWidget):
            rows = list(_labelled(panel))
            for label, field in rows:
                name_fields(field, label.text())
            labels = [label for label, _ in rows if label.isVisibleTo(panel)]
            width = max((room_for(label, label.text()) for label in labels), default=0)
            for label in labels:
                if not label.minimumWidth() == label.maximumWidth() == width:
                    label.setFixedWidth(width)
        return False


def room_for(label: QLabel, text: str) -> int:
    """Return how wide a label must be for a text; its own hint is never less than it is now."""
    return label.fontMetrics().horizontalAdvance(f"{text}x") + FRAME


def name_fields(field: QWidget, name: str) -> None:
    """Give a field, and what is in it, the name that is read out where nobody sees its label."""
    kinds = (*FIELDS, QCheckBox)
    for part in (field, *(child for kind in kinds for child in field.findChildren(kind))):
        says_itself = isinstance(part, QCheckBox) and part.text()
        if isinstance(part, kinds) and not part.accessibleName() and not says_itself:
            part.setAccessibleName(name)


def _labelled(panel: QWidget) -> Iterator[tuple[QLabel, QWidget]]:
    """Yield the labels and fields of magicgui's rows."""
    for row in panel.findChildren(QWidget):
        layout = row.layout()
        if isinstance(layout, QHBoxLayout) and layout.count() == 2:
            item = layout.itemAt(0)
            label = None if item is None else item.widget()
            after = layout.itemAt(1)
            field = None if after is None else after.widget()
            if isinstance(label, QLabel) and field is not None:
                yield label, field


def grow(label: Label) -> None:
    """Give a sentence the height that it needs now, in all layouts around it.

    Qt passes the wish for another height on by one event for each layout; where one is lost, the
    layouts above never hear of it.
    """
    widget = label.native
    while widget is not None and not isinstance(widget, QScrollArea):
        widget.updateGeometry()
        if (layout := widget.layout()) is not None:
            layout.invalidate()
            layout.activate()
        widget = widget.parentWidget()


def narrow(box: QComboBox | ComboBox, letters: int = LETTERS) -> None:
    """Keep a box narrow whatever is in it, since the dock takes room from the image.

    Parameters
    ----------
    box : QComboBox or ComboBox
        Of Qt or of magicgui.
    letters : int
        How many letters of what is chosen it has room for at least.
    """
    native: QComboBox = box.native if isinstance(box, ComboBox) else box
    native.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    native.setMinimumContentsLength(letters)


def side_by_side(parent: QWidget, first: QWidget, *others: QWidget) -> None:
    """Lay out widgets in a row; the first one takes what room there is."""
    layout = QHBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(first, 1)
    for widget in others:
        layout.addWidget(widget)
