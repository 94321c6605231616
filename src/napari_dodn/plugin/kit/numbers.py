"""Boxes for numbers, which are written with a point in every language, as all over the window.

Qt writes them as the system does, and drops the other sign without a word: 1.5 becomes 15.
"""

from __future__ import annotations

from typing import Any

from magicgui.widgets import FloatSpinBox
from qtpy.QtCore import QLocale
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox


class NumberBox(FloatSpinBox):
    """A box for a number, which may be typed with a point or a comma."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        take_point_or_comma(self.native)


def take_point_or_comma(box: QDoubleSpinBox) -> None:
    """Let a number be typed and pasted with a point or a comma, and show it with a point."""
    box.setLocale(QLocale.c())
    box.lineEdit().setValidator(_PointOrComma(box))


class _PointOrComma(QValidator):
    """Judges a text as its box does, with a point for each comma."""

    def __init__(self, box: QDoubleSpinBox) -> None:
        super().__init__(box)
        self._box = box

    def validate(self, text: str, place: int) -> object:
        """Return whether a text is a number, the text with a point, and the cursor's place."""
        return self._box.validate(text.replace(",", "."), place)
