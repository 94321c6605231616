"""Panels that go before they have found their place."""

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from napari_dodn.plugin.kit.dock import Docked


def test_a_panel_that_goes_at_once_is_not_looked_for(qtbot):
    window, dock, panel = QMainWindow(), QDockWidget(), QWidget()
    qtbot.addWidget(window)
    Docked(panel)
    dock.setWidget(panel)
    window.show()
    dock.show()
    panel.show()
    panel.deleteLater()
    QApplication.sendPostedEvents(panel, QEvent.Type.DeferredDelete)
    qtbot.wait(50)  # in which an error would come up
