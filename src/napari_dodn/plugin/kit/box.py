"""What all boxes are: a title, and things below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)


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


class Folded(QWidget):
    """A part that is closed until its title is clicked, and then as high as it needs to be.

    Parameters
    ----------
    title : str
        What is in it.
    content : QWidget
        Shown below the title.
    """

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setCheckable(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._content = content
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.title)
        column.addWidget(content)
        self.title.toggled.connect(self._show)
        self._show(False)

    def _show(self, opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.title.setArrowType(arrow)
        self._content.setVisible(opened)


class Later(QWidget):
    """Parts below each other that are made when they are first shown.

    Parameters
    ----------
    make : callable
        Returns them.
    """

    def __init__(self, make: Callable[[], Iterable[QWidget]]) -> None:
        super().__init__()
        self._make: Callable[[], Iterable[QWidget]] | None = make
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def showEvent(self, event: QShowEvent) -> None:
        """Make them."""
        make, self._make = self._make, None
        if make is not None:
            parts = list(make())
            for part in parts:
                self._column.addWidget(part)
            tab_on(self, parts)
        super().showEvent(event)


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


def tab_on(last: QWidget, parts: Iterable[QWidget]) -> None:
    """Let the Tab key go from a widget to parts that came later, and through them in their order.

    Qt appends what comes later to the end of the window's chain, wherever it lies on the screen.

    Parameters
    ----------
    last : QWidget
        Before the parts; where it takes no focus itself, the one before it counts.
    parts : iterable of QWidget
        With their fields.
    """
    place = last
    while not _takes_tab(last):
        before = last.previousInFocusChain()
        if before is None or before is place:
            return
        last = before
    window = last.window()
    for part in parts:
        for widget in filter(_takes_tab, (part, *part.findChildren(QWidget))):
            if widget.window() is window:  # the list of a box is a window of its own
                QWidget.setTabOrder(last, widget)
                last = widget


def _takes_tab(widget: QWidget) -> bool:
    policy = Qt.FocusPolicy.TabFocus
    return widget.focusPolicy() & policy == policy
