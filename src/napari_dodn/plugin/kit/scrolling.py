"""Lets a panel that is taller than its place be scrolled, so that no window must grow for it."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QApplication, QFrame, QScrollArea, QVBoxLayout, QWidget

MOST_OF_WIDTH = 0.36
"""Of the screen a panel insists on this part: with letters of twice the size, napari's own parts
take three fifths of a laptop's."""

LEAST_HEIGHT = 180
"""Pixels that a panel in a low place keeps: three of them fit above each other on a laptop."""


def scroll_where_low(panel: QWidget) -> QVBoxLayout:
    """Let a finished panel be scrolled where its place is too low.

    Parameters
    ----------
    panel : QWidget
        With a vertical layout, which goes to a new widget in it.

    Returns
    -------
    QVBoxLayout
        The layout.
    """
    content, column = QWidget(), panel.layout()
    assert isinstance(column, QVBoxLayout)
    content.setLayout(column)
    column.addStretch()
    around = QVBoxLayout(panel)
    around.setContentsMargins(0, 0, 0, 0)
    around.addWidget(Scrolling(content))
    return column


class ScrolledByTab(QScrollArea):
    """An area without a frame in which the Tab key stops at the fields alone, and shows them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus)

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        """Show a field that the Tab key has come to from outside, where Qt does not.

        What is clicked is seen, and must not move under the mouse; nor must anything when the
        window comes back to the front.
        """
        if old is None or new is None or not self.isAncestorOf(new) or self.isAncestorOf(old):
            return
        if QApplication.mouseButtons() == Qt.MouseButton.NoButton:
            self.ensureWidgetVisible(new)


class Scrolling(ScrolledByTab):
    """A panel, with bars to scroll it where it does not fit.

    Parameters
    ----------
    panel : QWidget
        What is shown.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__()
        self.setWidget(panel)
        self._panel = panel

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass on that the panel needs another size; Qt's scroll area keeps that to itself."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def sizeHint(self) -> QSize:
        """Return the size at which there is nothing to scroll."""
        return self._panel.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Return room for the panel's width, as far as the screen has it, and for some height."""
        least, screen = self._panel.minimumSizeHint(), self.screen()
        wide = least.width() + self.verticalScrollBar().sizeHint().width()
        if screen is not None:
            wide = min(wide, round(MOST_OF_WIDTH * screen.availableSize().width()))
        return QSize(wide, min(least.height(), LEAST_HEIGHT))
