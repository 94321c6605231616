"""A panel's place in the window: one dock for all panels, and a question before one closes."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakMethod

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QMessageBox, QPushButton, QWidget

MARK = "napari-dodn panel"
"""Property of the docks that hold a panel of this plugin."""

CLOSE_BUTTON = "QTitleBarCloseButton"
"""The object name that napari gives to the button with which a dock is closed."""


class Docked(QObject):
    """Lets a panel share its dock with the others as tabs, and asks before it is closed at work.

    napari hides a panel that is chosen in the menu once more. One that lies behind another tab
    comes up instead: nobody asks for it to lose it. So does one that was hidden, which Qt would
    show behind the others.

    Parameters
    ----------
    panel : QWidget
        Which napari puts into a dock.
    going_on : callable, optional
        A method that says what would be stopped, as a sentence; empty where nothing would be.
    """

    def __init__(self, panel: QWidget, going_on: Callable[[], str] | None = None) -> None:
        super().__init__(panel)
        self._panel = panel
        self._going_on = None if going_on is None else WeakMethod(going_on)
        self._settled = False
        self._closing = False
        self._soon = QTimer(self)  # which goes with the panel
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._settle)
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.timeout.connect(self._come_up)
        panel.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for the panel to be shown in its dock, for its close button, and to be hidden."""
        panel = getattr(self, "_panel", None)  # PySide takes it away before the filter is gone
        if panel is None:
            return False
        if watched is panel:
            if event.type() == QEvent.Type.Show and not self._settled:
                self._settled = True
                self._soon.start(0)
            return False
        if isinstance(watched, QDockWidget):
            self._on_dock(watched, event.type())
            return False
        pressed = event.type() == QEvent.Type.MouseButtonRelease
        return pressed and not self._may_close()

    def _settle(self) -> None:
        dock = dock_of(getattr(self, "_panel", None))  # which may have gone meanwhile
        window = None if dock is None else dock.parentWidget()
        if dock is None or not isinstance(window, QMainWindow):
            return
        others = [x for x in window.findChildren(QDockWidget) if x.property(MARK) and x is not dock]
        dock.setProperty(MARK, True)
        dock.setWindowTitle(dock.windowTitle().split(" (")[0])  # of the tab, which is narrow
        area = window.dockWidgetArea(dock)
        beside = [
            x
            for x in others
            if not x.isFloating() and not x.isHidden() and window.dockWidgetArea(x) == area
        ]
        if beside and dock not in window.tabifiedDockWidgets(beside[0]):
            window.tabifyDockWidget(beside[-1], dock)
        if beside:
            dock.raise_()
        for button in dock.findChildren(QPushButton, CLOSE_BUTTON):
            button.installEventFilter(self)
        dock.installEventFilter(self)

    def _on_dock(self, dock: QDockWidget, kind: QEvent.Type) -> None:
        if kind == QEvent.Type.Close:
            self._closing = True
        elif kind == QEvent.Type.HideToParent:
            window = dock.parentWidget()
            # Qt keeps what lies behind a tab out of the window's sight.
            behind = window is not None and not window.rect().intersects(dock.geometry())
            if behind and not (dock.isFloating() or self._closing):
                self._back.start(0)
            else:
                self._back.stop()
        elif kind == QEvent.Type.ShowToParent:
            self._closing = False
            if not dock.isFloating():
                self._back.start(0)

    def _come_up(self) -> None:
        dock = dock_of(getattr(self, "_panel", None))
        window = None if dock is None else dock.parentWidget()
        if dock is None or not isinstance(window, QMainWindow):  # it was closed
            return
        if window.dockWidgetArea(dock) != Qt.DockWidgetArea.NoDockWidgetArea:
            dock.show()
            dock.raise_()

    def _may_close(self) -> bool:
        going_on = None if self._going_on is None else self._going_on()
        said = going_on() if going_on is not None else ""
        if not said:
            return True
        question = f"{said} Close the panel and stop it?"
        answer = QMessageBox.question(self._panel, "Close the panel", question)
        return answer == QMessageBox.StandardButton.Yes


def dock_of(widget: QWidget | None) -> QDockWidget | None:
    """Return the dock that a widget is in, None where it is in none."""
    while widget is not None and not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    return widget
