"""Lines over the canvas: left of each lies another view, clipped; all widgets, no layers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QRect, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QWidget

if TYPE_CHECKING:
    from napari_dodn.plugin.views.pane import Pane

LINE_WIDTH, GRIP, STEP = 13, 17, 0.02
"""Pixels of the line that can be taken and of its grip; what an arrow key moves it by."""

FOOT = 46
"""Pixels from a caption to the lower edge of its view: above the scale bar."""

DARK, LIGHT = "#202020", "#ffffff"
"""Of a line and of a caption: seen on any image."""


def caption(text: str, parent: QWidget) -> QLabel:
    """Return a word over an image that no mouse can touch."""
    label = QLabel(text, parent)
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    label.setStyleSheet(
        f"background: rgba(32, 32, 32, 190); color: {LIGHT}; padding: 2px 7px; border-radius: 3px;"
    )
    label.adjustSize()
    return label


class SwipeLine(QWidget):
    """A line to drag from side to side; `moved` gives its new place from 0 to 1."""

    moved = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.place = 0.5
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Drag the line, or move it with ← and →.")
        self.setAccessibleName("Swipe line")
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)

    def paintEvent(self, _: QPaintEvent | None) -> None:
        """Draw the line with its grip."""
        painter, middle = QPainter(self), self.width() // 2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(QRect(middle - 2, 0, 5, self.height()), QColor(32, 32, 32, 120))
        painter.fillRect(QRect(middle - 1, 0, 3, self.height()), QColor(LIGHT))
        grip = QRect(0, (self.height() - 3 * GRIP) // 2, self.width(), 3 * GRIP)
        painter.setPen(QColor(DARK))
        painter.setBrush(QColor(LIGHT))
        painter.drawRoundedRect(grip.adjusted(0, 0, -1, -1), 4, 4)
        for shift in (-2, 2):
            x = middle + shift
            painter.drawLine(x, grip.top() + GRIP, x, grip.bottom() - GRIP)
        painter.end()  # whoever still holds this frame, such as a debugger, would hold the painter

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Follow the mouse."""
        parent = self.parentWidget()
        if event is not None and parent is not None:
            # In the parent's pixels: the line itself moves under the mouse.
            x = parent.mapFromGlobal(self.mapToGlobal(event.pos())).x()
            self.moved.emit(x / max(parent.width(), 1))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Take the mouse, which would go to the image otherwise."""
        if event is not None:
            event.accept()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move by the arrow keys."""
        steps = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}
        if event is None:
            return
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.moved.emit(self.place + step)


class Swipe(QObject):
    """Views over a canvas, each from the line before it to its own.

    What moves with a line is the place of widgets: no pixel is touched, and no canvas resized.

    Parameters
    ----------
    canvas : QWidget
        Of the viewer; its neighbours are the views.
    panes : list of Pane
        From left to right.
    title : str
        What lies right of the last line.
    """

    def __init__(self, canvas: QWidget, panes: list[Pane], title: str) -> None:
        super().__init__(canvas)
        self._canvas, self._panes = canvas, panes
        self._held = False
        parent = canvas.parentWidget()
        assert parent is not None
        self.clips: list[QWidget] = []
        self.lines: list[SwipeLine] = []
        self._captions = [caption(pane.title, parent) for pane in panes]
        self._captions.append(caption(title, parent))
        for number, pane in enumerate(panes):
            clip = QWidget(parent)
            clip.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            native = pane.view.canvas.native
            native.setParent(clip)
            native.show()
            line = SwipeLine(parent)
            line.place = (number + 1) / (len(panes) + 1)
            line.moved.connect(lambda place, number=number: self.move(number, place))
            self.clips.append(clip)
            self.lines.append(line)
        canvas.installEventFilter(self)
        self._lay_out()
        for widget in (*self.clips, *self.lines, *self._captions):
            widget.show()
            widget.raise_()

    def move(self, number: int, place: float) -> None:
        """Move a line to a place from 0 to 1; those beyond it make room."""
        place = min(max(place, 0.0), 1.0)
        for index, line in enumerate(self.lines):
            if index == number:
                line.place = place
            elif index < number:
                line.place = min(line.place, place)
            else:
                line.place = max(line.place, place)
        self._lay_out()

    def hold(self, held: bool) -> None:
        """Show the first view alone as long as it is held."""
        self._held = held
        for widget in (*self.lines, *self._captions[1:]):
            widget.setVisible(not held)
        self._lay_out()

    def close(self) -> None:
        """Take everything off the canvas."""
        self._canvas.removeEventFilter(self)
        for widget in (*self.clips, *self.lines, *self._captions):
            widget.hide()
            widget.deleteLater()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size and place of the canvas."""
        if watched is self._canvas and event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._lay_out()
        return False

    def _lay_out(self) -> None:
        area = self._canvas.geometry()
        edges = [0, *(round(line.place * area.width()) for line in self.lines), area.width()]
        if self._held:
            edges[1:] = [area.width()] * (len(edges) - 1)
        for (left, right), pane, clip in zip(
            pairwise(edges), self._panes, self.clips, strict=False
        ):
            clip.setGeometry(area.left() + left, area.top(), right - left, area.height())
            pane.view.canvas.native.setGeometry(-left, 0, area.width(), area.height())
        for edge, line in zip(edges[1:], self.lines, strict=False):
            left = area.left() + edge - LINE_WIDTH // 2
            line.setGeometry(left, area.top(), LINE_WIDTH, area.height())
        for (left, right), label in zip(pairwise(edges), self._captions, strict=True):
            label.move(
                area.left() + (left + right - label.width()) // 2,
                area.bottom() - label.height() - FOOT,
            )
            label.setVisible(right - left >= label.width() + LINE_WIDTH)
