"""What all boxes are: a title, and things below it."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QGroupBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible


class Box(QGroupBox):
    """A titled part of the panel.

    Parameters
    ----------
    title : str
        What it is about.
    *parts : QWidget
        What is in it, from top to bottom.
    """

    def __init__(self, title: str, *parts: QWidget) -> None:
        super().__init__(title)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(8, 6, 8, 8)
        self.column.setSpacing(6)
        for part in parts:
            self.column.addWidget(part)


def folded(title: str, content: QWidget) -> QCollapsible:
    """Return a part that opens when its title is clicked."""
    part = QCollapsible(title)
    part.setContent(content)
    part.setDuration(0)
    if (layout := part.layout()) is not None:
        layout.setContentsMargins(0, 0, 0, 0)
    return part


def buttons(*described: tuple[str, str, Any]) -> tuple[QWidget, list[QPushButton]]:
    """Return a row of buttons, each given by its text, its tooltip and what a click does."""
    row, made = QWidget(), []
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    for text, tooltip, clicked in described:
        button = QPushButton(text)
        button.setToolTip(tooltip)
        button.clicked.connect(lambda _=False, clicked=clicked: clicked())
        line.addWidget(button)
        made.append(button)
    return row, made
