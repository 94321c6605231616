"""The fields that say where to compute."""

import gc
import weakref

import pytest

from napari_dodn.plugin.batch.panel import SuperResolveFolder
from napari_dodn.plugin.kit import computing
from napari_dodn.plugin.upscale.panel import SuperResolution

FOUND = [("auto", "auto"), ("CPU", "cpu"), ("cuda:0 (a card)", "cuda:0")]


@pytest.fixture
def with_cuda(monkeypatch):
    """Let there be a PyTorch with one card."""
    monkeypatch.setattr(computing, "version", lambda _: "2.9.0+cu128")
    monkeypatch.setattr(computing, "devices_found", lambda: FOUND)


@pytest.mark.parametrize("kind", [SuperResolution, SuperResolveFolder])
def test_devices_that_are_found_are_offered_and_keep_no_panel(
    make_napari_viewer, small_models, with_cuda, qtbot, kind
):
    viewer = make_napari_viewer()

    def opened_and_closed():
        panel = kind(viewer)
        viewer.window.add_dock_widget(panel, name="panel")
        qtbot.waitUntil(lambda: "cuda:0" in panel.device.choices)
        dock = panel.native.parent()
        viewer.window.remove_dock_widget(panel.native)
        for part in (panel.native, dock):  # as the dock's own button does
            part.deleteLater()
        return weakref.ref(panel.device)

    box = opened_and_closed()
    qtbot.wait(50)
    gc.collect()
    assert box() is None
