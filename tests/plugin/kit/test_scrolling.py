"""Panels in a low place: on a laptop several of them lie above each other."""

from itertools import combinations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from napari_dodn.plugin.colour.panel import ColourRendering
from napari_dodn.plugin.compare.panel import CompareAndMap
from napari_dodn.plugin.kit.scrolling import MOST_OF_WIDTH, Scrolling, scroll_where_low
from napari_dodn.plugin.open.panel import OpenCube
from napari_dodn.plugin.profiles.panel import SpectralProfiles

LAPTOP, MENU_AND_STATUS = 768, 60


def test_any_two_panels_that_ask_for_the_axis_fit_on_a_laptop(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(np.ones((5, 8, 9)), name="a layer of somebody else's")
    heights = []
    for panel in (SpectralProfiles(viewer), ColourRendering(viewer), CompareAndMap(viewer)):
        place = viewer.window.add_dock_widget(panel)
        assert not panel.question.isHidden()
        heights.append(place.minimumSizeHint().height())
    for two in combinations(heights, 2):
        assert sum(two) <= LAPTOP - MENU_AND_STATUS


def test_the_open_panel_leaves_room_for_another_one_on_a_laptop_with_a_file_in_it(
    make_napari_viewer, qtbot, envi_file
):
    viewer = make_napari_viewer()
    panel = OpenCube(viewer)
    place = viewer.window.add_dock_widget(panel)
    panel.open_path(envi_file)
    qtbot.waitUntil(lambda: not panel.busy, timeout=20_000)
    assert not panel.picture.isHidden()
    assert place.minimumSizeHint().height() <= (LAPTOP - MENU_AND_STATUS) / 2


@pytest.fixture
def panel(qtbot):
    """Return a panel of many lines that can be scrolled."""
    panel = QWidget()
    qtbot.addWidget(panel)
    column = QVBoxLayout(panel)
    for line in range(30):
        column.addWidget(QLabel(f"line {line}"))
    scroll_where_low(panel)
    return panel


def test_a_panel_that_is_too_tall_is_scrolled(panel):
    panel.resize(200, 200)
    panel.show()
    bar = panel.findChild(QScrollArea).verticalScrollBar()
    assert panel.height() == 200
    assert bar.maximum() > 0


def test_a_panel_that_fits_is_not_scrolled(panel):
    panel.resize(panel.sizeHint())
    panel.show()
    assert panel.findChild(QScrollArea).verticalScrollBar().maximum() == 0


def test_a_panel_takes_all_of_its_width_up_to_a_part_of_the_screen(panel, qtbot):
    panel.show()
    most = round(MOST_OF_WIDTH * panel.screen().availableSize().width())
    bar = panel.findChild(QScrollArea).horizontalScrollBar()
    panel.findChild(QLabel).setMinimumWidth(most - 60)
    qtbot.waitUntil(lambda: most - 60 < panel.minimumSizeHint().width() <= most)
    panel.resize(panel.minimumSizeHint().width(), 200)
    assert bar.maximum() == 0


def test_a_wider_panel_is_scrolled_sideways(panel, qtbot):
    panel.show()
    most = round(MOST_OF_WIDTH * panel.screen().availableSize().width())
    panel.findChild(QLabel).setMinimumWidth(2 * most)
    qtbot.waitUntil(lambda: panel.minimumSizeHint().width() == most)
    panel.resize(most, 200)
    qtbot.waitUntil(lambda: panel.findChild(QScrollArea).horizontalScrollBar().maximum() > 0)


@pytest.fixture
def fields(qtbot):
    """Return a window, and in it fields that can be scrolled, with one above and one below."""
    window, content = QWidget(), QWidget()
    qtbot.addWidget(window)
    inner, outer = QVBoxLayout(content), QVBoxLayout(window)
    lines = [QLineEdit() for _ in range(20)]
    for line in lines:
        inner.addWidget(line)
    above, below = QLineEdit(), QLineEdit()
    for part in (above, Scrolling(content), below):
        outer.addWidget(part)
    window.resize(200, 300)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    return window, above, lines, below


def is_seen(line):
    return line.visibleRegion().boundingRect().height() == line.height()


def test_the_tab_key_brings_the_field_that_it_comes_to_into_view(fields, qtbot):
    window, above, lines, below = fields
    above.setFocus()
    for line in lines:
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        assert line.hasFocus()
        assert is_seen(line)
    below.setFocus()
    assert not is_seen(lines[0])
    for line in reversed(lines):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Backtab)
        assert line.hasFocus()
        assert is_seen(line)


@pytest.mark.parametrize(("key", "place"), [(Qt.Key.Key_Tab, 0), (Qt.Key.Key_Backtab, -1)])
def test_the_tab_key_finds_the_first_and_the_last_field_though_scrolled_away(
    fields, qtbot, key, place
):
    window, above, lines, below = fields
    bar = window.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum() if place == 0 else 0)
    assert not is_seen(lines[place])
    before = above if place == 0 else below
    before.setFocus()
    qtbot.keyClick(before, key)
    assert lines[place].hasFocus()
    assert is_seen(lines[place])


def test_a_click_into_a_field_that_is_partly_seen_moves_nothing(fields, qtbot):
    window, above, lines, _ = fields
    bar = window.findChild(QScrollArea).verticalScrollBar()
    above.setFocus()
    bar.setValue(lines[0].height() // 2)
    qtbot.mousePress(lines[0], Qt.MouseButton.LeftButton)
    assert lines[0].hasFocus()
    assert bar.value() == lines[0].height() // 2
