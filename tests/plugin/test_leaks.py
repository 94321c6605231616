"""Panels that come and go, many times: nothing of them stays behind."""

import gc
import weakref
from collections import Counter

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QApplication, QPushButton

from napari_dodn.plugin.batch.panel import SuperResolveFolder
from napari_dodn.plugin.colour.panel import ColourRendering
from napari_dodn.plugin.compare.panel import CompareAndMap
from napari_dodn.plugin.kit.dock import CLOSE_BUTTON
from napari_dodn.plugin.kit.job import alive
from napari_dodn.plugin.open.panel import OpenCube
from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.training.panel import TrainByDistillation
from napari_dodn.plugin.upscale.panel import SuperResolution
from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.spectra.colour import Mode

TIMES = 2
PANELS = [SpectralProfiles, ColourRendering, CompareAndMap, SuperResolution, OpenCube]


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def settled(qtbot):
    """Return a function that lets Qt and Python throw away what is no more."""

    def settle():
        qtbot.waitUntil(lambda: not alive, timeout=20_000)
        for _ in range(3):
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            QApplication.processEvents()
            gc.collect()

    return settle


def callbacks(viewer):
    """Return how many callbacks the viewer and its layers hold."""
    emitters = [
        *viewer.events.emitters.items(),
        *viewer.dims.events.emitters.items(),
        *viewer.layers.events.emitters.items(),
        *viewer.layers.selection.events.emitters.items(),
        *(emitter for layer in viewer.layers for emitter in layer.events.emitters.items()),
    ]
    held = Counter(name for name, emitter in emitters for _ in emitter.callbacks)
    lists = {"moves": viewer.mouse_move_callbacks, "drags": viewer.mouse_drag_callbacks}
    return {**held, **{name: len(x) for name, x in lists.items()}, "keys": len(viewer.keymap)}


def stir(viewer):
    """Let napari tell of all kinds of changes, at which it drops callbacks of what is dead."""
    layer = viewer.add_points(np.empty((0, 2)), units=("m", "m"))
    layer.name = "renamed"
    viewer.layers.move(len(viewer.layers) - 1, 0)
    viewer.layers.remove(layer)


def running_timers():
    return sum(issubclass(type(x), QTimer) and x.isActive() for x in gc.get_objects())


def use(panel):
    """Do what makes a panel start threads, timers and layers."""
    if isinstance(panel, SpectralProfiles):
        panel.live.follow((0, 60, 60))
        panel.pins.pin((0, 90, 90))
        panel.colour_lines.setChecked(True)
        panel.plot.colours.dragged.emit(0, 1)
    elif isinstance(panel, ColourRendering):
        panel.mode.value = Mode.ONE_BAND
    elif isinstance(panel, CompareAndMap):
        panel.spectrum.pick_button.native.click()


def come_and_go(viewer, kind, cube):
    """Open a panel, use it, change the layers below it, and close it; return what should die."""
    panel = kind(viewer)
    dock = viewer.window.add_dock_widget(panel, name="panel")
    use(panel)
    layer = viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[0]))
    layer.visible = False
    viewer.layers.remove(layer)
    dock.findChild(QPushButton, CLOSE_BUTTON).click()
    parts = [panel._watch, *(getattr(panel, name, panel._watch) for name in ("store", "live"))]
    return [weakref.ref(part) for part in (*parts, layer, panel)]


@pytest.mark.endurance
@pytest.mark.parametrize("kind", PANELS)
def test_a_closed_panel_is_forgotten_however_often_it_comes(
    viewer, cube, small_models, settled, kind
):
    for layer in layer_data_from_cube(cube):
        viewer.add_layer(Layer.create(*layer))
    viewer.add_labels(np.ones((12, 16), int), scale=(30, 30), units=("m", "m"))
    come_and_go(viewer, kind, cube)  # what napari and we make once for all
    settled()
    stir(viewer)
    before, widgets, timers = callbacks(viewer), len(QApplication.allWidgets()), running_timers()
    dead = [part for _ in range(TIMES) for part in come_and_go(viewer, kind, cube)]
    settled()
    stir(viewer)
    assert callbacks(viewer) == before
    assert [part() for part in dead if part() is not None] == []
    assert len(QApplication.allWidgets()) <= widgets
    assert running_timers() <= timers


@pytest.mark.parametrize("kind", [SuperResolveFolder, TrainByDistillation])
def test_a_panel_that_is_closed_by_its_button_is_deleted(viewer, cube, small_models, settled, kind):
    for layer in layer_data_from_cube(cube):
        viewer.add_layer(Layer.create(*layer))
    counts = []
    for _ in range(3):
        panel = kind(viewer)
        dock = viewer.window.add_dock_widget(panel, name="panel")
        dock.findChild(QPushButton, CLOSE_BUTTON).click()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        stir(viewer)  # which napari tells the panel that is no more
        del panel, dock
        settled()
        counts.append(len(QApplication.allWidgets()))
    assert counts[1] >= counts[2]
