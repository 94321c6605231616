"""Panels that go before they have found their place."""

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from napari_dodn.plugin.kit.dock import MARK, Docked


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


@pytest.fixture
def docks(qtbot):
    """Yield two docks that share a place as tabs; the second lies in front."""
    window, docks = QMainWindow(), []
    qtbot.addWidget(window)
    window.show()
    for _ in range(2):
        dock, panel = QDockWidget(window), QWidget()
        Docked(panel)
        dock.setWidget(panel)
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        qtbot.waitUntil(lambda dock=dock: bool(dock.property(MARK)))
        docks.append(dock)
    qtbot.waitUntil(lambda: docks[0].visibleRegion().isEmpty())
    yield docks
    window.close()


def test_a_panel_behind_another_tab_comes_up_when_it_is_chosen_again(docks, qtbot):
    behind, front = docks
    behind.setVisible(False)  # as napari does it where it is open already
    qtbot.waitUntil(lambda: not behind.visibleRegion().isEmpty())
    assert front.visibleRegion().isEmpty()
    behind.setVisible(False)  # in front it goes, as every dock of napari's
    qtbot.wait(50)
    assert behind.isHidden()


def test_a_hidden_panel_that_is_chosen_again_comes_to_the_front(docks, qtbot):
    behind, front = docks
    front.setVisible(False)
    qtbot.waitUntil(lambda: not behind.visibleRegion().isEmpty())
    front.setVisible(True)  # as napari does it where it is hidden
    qtbot.waitUntil(lambda: not front.visibleRegion().isEmpty())


def test_a_panel_behind_another_tab_can_be_closed(docks, qtbot):
    behind, _ = docks
    behind.toggleViewAction().trigger()  # in the menu of the window's docks
    qtbot.wait(50)
    assert behind.isHidden()
