"""Every control of a panel has a name for a screen reader, and a place for the Tab key."""

from itertools import pairwise

import pytest
from napari.layers import Layer
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QSplitterHandle,
    QTabWidget,
    QTextEdit,
)

from napari_dodn.plugin.batch.panel import SuperResolveFolder
from napari_dodn.plugin.colour.panel import ColourRendering
from napari_dodn.plugin.compare.panel import CompareAndMap
from napari_dodn.plugin.kit.box import Folded
from napari_dodn.plugin.open.panel import OpenCube
from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.training.panel import TrainByDistillation
from napari_dodn.plugin.upscale.panel import SuperResolution
from napari_dodn.plugin.viewer.layers import layer_data_from_cube

CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QAbstractSlider)
PANELS = (
    *(SuperResolution, SuperResolveFolder, ColourRendering, CompareAndMap, SpectralProfiles),
    *(OpenCube, TrainByDistillation),
)


def name_of(control):
    text = control.text() if isinstance(control, QAbstractButton) else ""
    return control.accessibleName() or text.strip(" …+-−?")


def is_inner(control):
    parent = control.parentWidget()
    return isinstance(parent, QComboBox | QAbstractSpinBox | QLineEdit | QAbstractItemView) or (
        type(parent).__module__.startswith("superqt")
    )


def unfolded(kind, viewer, cube):
    """Return a panel about a cube in a window, with all that can be unfolded."""
    for data in layer_data_from_cube(cube):
        viewer.add_layer(Layer.create(*data))
    panel = kind(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    widget = getattr(panel, "native", panel)
    for folded in widget.findChildren(Folded):
        folded.title.setChecked(True)
    return widget


def takes_tab(control):
    return control.focusPolicy() & Qt.FocusPolicy.TabFocus == Qt.FocusPolicy.TabFocus


def place_of(control, widget):
    return QRect(control.mapTo(widget, QPoint()), control.size())


def is_before(one, other):
    """Tell whether a place is read before another: it is above, or in the same line on the left."""
    in_line = one.top() < other.center().y() < one.bottom()
    return one.right() <= other.left() if in_line else one.top() < other.top()


@pytest.mark.parametrize("kind", PANELS[:-1], ids=lambda kind: kind.__name__)
def test_the_tab_key_follows_the_eye(make_napari_viewer, cube, small_models, qtbot, kind):
    widget = unfolded(kind, make_napari_viewer(show=True), cube)
    qtbot.wait(50)  # the layout settles
    control, places = widget.nextInFocusChain(), []
    while widget.isAncestorOf(control):
        shown = control.isVisibleTo(widget)
        if takes_tab(control) and shown and isinstance(control, CONTROLS) and not is_inner(control):
            places.append((name_of(control), place_of(control, widget)))
        control = control.nextInFocusChain()
    assert [
        f"{before} before {after}"
        for (before, one), (after, other) in pairwise(places)
        if not is_before(one, other)
    ] == []


@pytest.mark.parametrize("kind", PANELS, ids=lambda kind: kind.__name__)
def test_the_tab_key_passes_over_what_no_key_moves(make_napari_viewer, cube, small_models, kind):
    widget = unfolded(kind, make_napari_viewer(show=True), cube)
    usable = (QAbstractItemView, QTextEdit)
    stops = [
        type(area).__name__
        for area in widget.findChildren(QAbstractScrollArea)
        if takes_tab(area) and not isinstance(area, usable) and not is_inner(area)
    ]
    assert stops == []


@pytest.mark.parametrize("kind", PANELS, ids=lambda kind: kind.__name__)
def test_every_control_of_a_panel_has_a_name(make_napari_viewer, cube, small_models, kind):
    widget = unfolded(kind, make_napari_viewer(show=True), cube)
    for tabs in widget.findChildren(QTabWidget):  # what is in them is made when it is shown
        for number in range(tabs.count()):
            tabs.setCurrentIndex(number)
    nameless = [
        f"{type(control).__name__} with the tooltip {control.toolTip()!r}"
        for control in {c for kind in CONTROLS for c in widget.findChildren(kind)}
        if not name_of(control)
        and not is_inner(control)
        and not isinstance(control, QScrollBar | QSplitterHandle)
        and control.objectName() not in ("qt_toolbar_ext_button",)
    ]
    assert nameless == []
