"""A viewer with cubes, the dock in it, and a mouse."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Layer
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.placing import laid_over

FINER = 2


class Mouse:
    """Moves over the canvas of a viewer, in the coordinates of the world."""

    def __init__(self, viewer):
        self.viewer = viewer

    def event(self, kind, y, x, modifiers=(), button=None, dragging=False):
        position = (*self.viewer.dims.point[:-2], y, x)
        self.viewer.cursor.position = position
        event = SimpleNamespace(
            type=kind,
            position=position,
            pos=np.array([x, y], float),
            modifiers=modifiers,
            button=button,
            is_dragging=dragging,
            handled=False,
            dims_displayed=list(self.viewer.dims.displayed),
            view_direction=None,
            up_direction=None,
        )
        return ReadOnlyWrapper(event, exceptions=("handled",))

    def move(self, y, x):
        mouse_move_callbacks(self.viewer, self.event("mouse_move", y, x))

    def drag(self, *places, modifiers=()):
        """Press at the first place, go through the others, let go at the last."""
        (y, x), *rest = places
        press = self.event("mouse_press", y, x, modifiers, 1)
        mouse_press_callbacks(self.viewer, press)
        for y, x in rest:
            moved = self.event("mouse_move", y, x, modifiers, 1, dragging=True)
            mouse_move_callbacks(self.viewer, moved)
        mouse_release_callbacks(self.viewer, self.event("mouse_release", y, x, modifiers, 1))

    def click(self, y, x, *modifiers):
        self.drag((y, x), modifiers=modifiers)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def mouse(viewer):
    return Mouse(viewer)


@pytest.fixture
def layer(viewer, cube):
    """Return the layer of the cube, with its picture on top."""
    below, above = (Layer.create(*data) for data in layer_data_from_cube(cube))
    viewer.add_layer(below)
    viewer.add_layer(above)
    return below


@pytest.fixture
def finer(viewer, layer, cube):
    """Return a layer of the same cube with twice the pixels, exactly over it."""
    pixels = np.asarray(cube.data).repeat(FINER, axis=1).repeat(FINER, axis=2)
    layers = layer_data_from_cube(cube.on_finer_grid(pixels, FINER, name="finer"))
    placed, _ = laid_over(layers, layer, FINER)
    return viewer.add_layer(Layer.create(*placed))


@pytest.fixture
def dock(viewer):
    """Return the dock of the viewer."""
    dock = SpectralProfiles(viewer)
    viewer.window.add_dock_widget(dock, name="Spectral profiles")
    return dock
