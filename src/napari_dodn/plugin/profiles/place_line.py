"""One line of text that follows the mouse and costs the window no more than its own painting."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_dodn.plugin.kit.forms import FRAME


class PlaceLine(QWidget):
    """A label without a layout around it.

    In a layout each new text of a label has everything up to the main window laid out and painted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._label = QLabel(self)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def text(self) -> str:
        """Return the whole text."""
        return self._text

    def setText(self, text: str) -> None:
        """Show a text, as much of it as there is room for; the tooltip has all of it."""
        self._text = text
        letters, room = self._label.fontMetrics(), self._label.width() - FRAME
        shown = letters.elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        self._label.setText(shown)
        self._label.setToolTip(text if shown != text else "")

    def sizeHint(self) -> QSize:
        """Return the size of a line."""
        return QSize(0, self._label.fontMetrics().lineSpacing() + FRAME)

    def changeEvent(self, event: QEvent) -> None:
        """Be as high as other letters need it."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._label.ensurePolished()
            self.updateGeometry()

    def resizeEvent(self, _: QResizeEvent) -> None:
        """Let the label fill the line."""
        self._label.setGeometry(self.rect())
        self.setText(self._text)
