"""What a layer was drawn with is deleted in the OpenGL context that it was made in."""

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from vispy.gloo.context import GLContext

from napari_dodn.errors import UserError
from napari_dodn.plugin.viewer.drawing import view_of
from napari_dodn.plugin.viewer.setting_up import set_up

TIMEOUT = 30_000


@pytest.fixture
def viewer(make_napari_viewer, qtbot):
    """Return a viewer that draws two images."""
    viewer = make_napari_viewer(show=True)
    set_up(viewer)
    for _ in range(2):
        viewer.add_image(np.ones((4, 4)))
    qtbot.waitUntil(view_of(viewer).canvas.native.isValid, timeout=TIMEOUT)
    return viewer


@pytest.fixture
def finished(viewer, monkeypatch):
    """Return a list of whether napari would finish deletions in its canvas; it is elsewhere now."""
    canvas, where = view_of(viewer).canvas.native, []

    def note(_):
        where.append(QOpenGLContext.currentContext() is canvas.context())

    monkeypatch.setattr(GLContext, "finish", note)
    other, surface = QOpenGLContext(), QOffscreenSurface()
    surface.create()
    assert other.create()
    assert other.makeCurrent(surface)
    yield where
    other.doneCurrent()


def test_a_removed_layer_is_deleted_in_the_context_of_its_canvas(viewer, finished):
    viewer.layers.pop(0)
    assert finished == [True]


def test_a_layer_of_a_viewer_without_a_window_goes_as_ever(qapp):
    viewer = ViewerModel()
    set_up(viewer)
    viewer.add_image(np.ones((4, 4)))
    viewer.layers.clear()
    assert not viewer.layers


def test_a_viewer_without_a_window_has_no_view(qapp):
    with pytest.raises(UserError, match="no window"):
        view_of(ViewerModel())
