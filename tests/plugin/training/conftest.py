"""A viewer with a cube, the panel in it, and a trainer that only pretends to train."""

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QSettings

from napari_dodn import HyperCube, write
from napari_dodn.plugin.training import child, panel
from napari_dodn.plugin.training.panel import TrainByDistillation
from napari_dodn.plugin.training.state import BUSY, GOING
from napari_dodn.plugin.viewer.layers import layer_data_from_cube

FAKE = Path(__file__).with_name("fake_trainer.py")
TIMEOUT = 30_000


@pytest.fixture(autouse=True)
def settings_of_nobody(tmp_path):
    """Leave alone what whoever runs the tests has chosen."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    folder = str(tmp_path / "settings")
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)
    yield
    QSettings.setDefaultFormat(QSettings.Format.NativeFormat)


@pytest.fixture
def fake(monkeypatch):
    """Put a trainer in the real one's place; give a function that says how it behaves."""

    def behave(*words):
        monkeypatch.setattr(
            child,
            "command",
            lambda run, resume: (
                [sys.executable, str(FAKE), str(run.path), *words] + ["--resume"] * resume
            ),
        )

    behave()
    return behave


@pytest.fixture
def scene():
    """Return a cube that is large enough for a patch of 8 at ×4."""
    data = np.random.default_rng(0).random((5, 64, 96), dtype=np.float32)
    return HyperCube(data, wavelengths=[450, 500, 550, 600, 650], name="meadow")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Return the folder for runs, which no test shares with whoever runs it."""
    folder = tmp_path / "runs"
    monkeypatch.setattr(panel, "default_parent", lambda: folder)
    return folder


@pytest.fixture
def viewer():
    """Return a viewer without a window, which opens much faster."""
    return ViewerModel()


@pytest.fixture
def new_dock(viewer, runs, small_models, fake, qtbot):
    """Return a function that opens the panel."""
    made = []

    def open_panel():
        made.append(TrainByDistillation(viewer))
        return made[-1]

    yield open_panel
    for panel_ in made:
        for run in child.going():
            run.ask_to_stop()
        panel_._lifetime.end()
        with suppress(RuntimeError):  # it may have gone with a window
            panel_.deleteLater()


@pytest.fixture
def dock(new_dock):
    """Return the panel."""
    return new_dock()


@pytest.fixture
def ready(dock, driver, scene):
    """Return the panel with a cube of the viewer, ready to start."""
    dock.data.add_layer(driver.add(scene))
    dock.draft.set({"schedule.patch": 8, "distillation.variant": "area"})
    assert dock.draft.faults == {}
    return dock


@pytest.fixture
def scene_file(tmp_path, scene):
    return write(scene, tmp_path / "meadow.hdr")


@pytest.fixture
def driver(viewer, qtbot):
    """Return what does with the panel what a person does, and waits."""
    return Driver(viewer, qtbot)


class Driver:
    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot

    def add(self, cube):
        """Add the layers of a cube; return that of the cube itself."""
        layers = layer_data_from_cube(cube)
        layer, _ = (self.viewer.add_layer(Layer.create(*layer)) for layer in layers)
        return layer

    def until(self, true):
        self.qtbot.waitUntil(true, timeout=TIMEOUT)

    def wait_for(self, dock, phase):
        self.until(lambda: dock.state.phase is phase)

    def wait_for_end(self, dock):
        self.until(lambda: dock.state.phase not in BUSY | GOING)

    def start(self, dock, phase):
        """Press Start and wait."""
        assert dock.controls.start_button.isEnabled()
        dock.controls.start_button.click()
        self.wait_for(dock, phase)
