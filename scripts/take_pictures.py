"""Take the pictures of the windows that the docs show.

    xvfb-run -a -s "-screen 0 1400x900x24" python scripts/take_pictures.py [--cube FILE] [NAME ...]

Without names all are taken; "training" trains a model for some minutes first. FILE is the 224-band
cube `a_hsi_img_for_VI_demo.mat` of GatorSense's hsi_toolkit_py (MIT licence), for the pictures that
show it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
from imageio.v3 import imread, imwrite
from napari.layers import Layer
from napari.qt import get_qapp
from qtpy.QtCore import QEvent, QSettings, QThreadPool
from qtpy.QtWidgets import QTabWidget

from napari_dodn import read, upscale
from napari_dodn.plugin.compare.maps import Task
from napari_dodn.plugin.kit.panels import open_panel
from napari_dodn.plugin.manifest.samples import layers_of_sample
from napari_dodn.plugin.training.state import BUSY, GOING
from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.placing import laid_over
from napari_dodn.plugin.viewer.setting_up import set_up
from napari_dodn.sample import sample_scene
from napari_dodn.spectra.colour import Mode

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LAPTOP = 1366, 768
SETTLING = 2.0
SHORT = {"schedule.steps": 300, "schedule.validate_every": 30}
"""What is set for the picture of a training: half a minute, where nothing else computes."""


def settle() -> None:
    """Let the window draw and the threads end."""
    until = time.monotonic() + SETTLING
    while time.monotonic() < until:
        if QThreadPool.globalInstance().activeThreadCount():
            until = time.monotonic() + SETTLING
        get_qapp().processEvents()
        get_qapp().sendPostedEvents(None, QEvent.Type.DeferredDelete)
        time.sleep(0.01)


def take(viewer: napari.Viewer, name: str) -> None:
    """Write a picture of the window, and close it."""
    settle()
    imwrite(IMAGES / name, viewer.screenshot(canvas_only=False, flash=False))
    viewer.close()


def opened(dock: str) -> tuple[napari.Viewer, Any]:
    """Return a viewer with the sample scene, and one of our panels in it."""
    viewer = napari.Viewer(title="napari-dodn")
    set_up(viewer)
    for layer in layers_of_sample(sample_scene()):
        viewer.add_layer(Layer.create(*layer))
    return viewer, docked(viewer, dock)


def docked(viewer: napari.Viewer, dock: str) -> Any:
    """Open one of our panels in a window as large as a laptop's."""
    panel = open_panel(viewer, dock)
    viewer.window.set_geometry(0, 0, *LAPTOP)
    settle()  # the panel takes its place among the tabs a moment later
    viewer.reset_view()
    settle()
    return panel


def open_cube(_: Path | None) -> None:
    """Show a MATLAB file with two cubes, of which one is opened with wavelengths typed in."""
    from scipy.io import savemat

    scene = sample_scene()
    cubes = {"hyperspectral": scene.lr.data, "multispectral": scene.reference.data[3::7]}
    viewer = napari.Viewer(title="napari-dodn")
    panel = docked(viewer, "Open a cube")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "village.mat"
        savemat(file, {name: pixels.transpose(1, 2, 0) for name, pixels in cubes.items()})
        panel.open_path(file)
        settle()
        panel.list.setCurrentRow(0)
        panel.wavelengths.line.setText("400:1000")
        settle()
        panel.open_button.click()
        settle()
        panel.path.line.setText(file.name)  # the folder has another name each time
        take(viewer, "open.png")


def profiles(_: Path | None) -> None:
    """Show points, a region and the cursor on the sample scene."""
    viewer, dock = opened("Spectral profiles")
    for place in ((20, 12), (33, 51), (28, 20)):
        dock.pins.pin((0, *place))
    corners = np.array([[40, 4], [40, 20], [56, 20], [56, 4]], float)
    units = viewer.layers[0].units[1:]
    viewer.add_shapes([corners], shape_type="rectangle", name="field", opacity=0.5, units=units)
    dock.region_layer.setCurrentIndex(1)
    viewer.layers.selection.active = viewer.layers[0]
    settle()
    dock.live.follow((0, 10, 35))
    take(viewer, "profiles.png")


def colours(cube: Path | None) -> None:
    """Show the lines R, G and B of a picture in the short-wave infrared, and the Colour panel."""
    if cube is None:  # whose picture stays as it is
        return
    viewer = napari.Viewer(title="napari-dodn")
    set_up(viewer)
    for layer in layer_data_from_cube(read(cube)):
        viewer.add_layer(Layer.create(*layer))
    panel = docked(viewer, "Colour rendering")
    panel.mode.value = Mode.SWIR
    dock = docked(viewer, "Spectral profiles")
    for place in ((20, 20), (60, 45), (75, 80)):
        dock.pins.pin((0, *place))
    viewer.layers.selection.active = viewer.layers[0]
    dock.live.follow((0, 40, 70))
    take(viewer, "colours.png")


def compare(_: Path | None) -> None:
    """Show a result of super-resolution against its reference."""
    sample = sample_scene()
    result = upscale(sample.lr, sample.scale)
    viewer, panel = opened("Compare and map")
    source = viewer.layers[sample.lr.name]
    for layer in laid_over(layer_data_from_cube(result), source, sample.scale):
        viewer.add_layer(Layer.create(*layer))
    panel.task.value = Task.COMPARE
    panel.cube.value = viewer.layers[result.name]
    panel.run()
    while not panel.run_button.enabled:
        settle()
    take(viewer, "compare.png")


def views(_: Path | None) -> None:
    """Show a result beside bicubic and its source, under two lines that can be dragged."""
    from napari_dodn.plugin.views.comparison import Mode, comparison_of
    from napari_dodn.plugin.views.pane import Against

    viewer, panel = opened("Super-resolution")
    panel.run()
    while not panel.run_button.enabled:
        settle()
    comparison = comparison_of(viewer)
    comparison.show(Mode.SWIPE, (Against.SOURCE, Against.BICUBIC))
    viewer.scene.camera.zoom *= 1.6
    take(viewer, "views.png")


def tour(_: Path | None) -> None:
    """Film a run, its comparison and two spectra."""
    from tour import Tour

    viewer, panel = opened("Super-resolution")
    Tour(viewer, panel).film(IMAGES / "tour.webp")
    viewer.close()


def training(_: Path | None) -> None:
    """Show the panel of training three times: set up, and done with its curves and its preview."""
    with TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder  # the person's models and settings stay as they are
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)
        viewer, panel = opened("Train by distillation")
        panel.data.add_layer(viewer.layers["village (reference)"])
        panel.draft.set(SHORT | {"name": "village"})
        shown = Path("/home/me/runs")
        panel.draft.set_parent(Path(folder))
        panel.output.folder.line.setText(str(shown))
        settle()
        files = [Path(folder) / f"{number}.png" for number in range(3)]
        panel.grab().save(str(files[0]))
        panel.controls.start_button.click()
        while panel.state.phase in BUSY | GOING:
            settle()
        panel.progress.title.setText(str(shown / "village"))
        tabs = panel.progress.parentWidget().findChild(QTabWidget)
        shown_last = panel.curves.gain.parentWidget(), panel.preview
        for tab, file in zip(shown_last, files[1:], strict=True):
            tabs.setCurrentWidget(tab)
            settle()
            panel.grab().save(str(file))
        row = np.concatenate([imread(file)[..., :3] for file in files], axis=1)
        imwrite(IMAGES / "training.png", row)
        viewer.close()


PICTURES: dict[str, Callable[[Path | None], None]] = {
    "open": open_cube,
    "profiles": profiles,
    "colours": colours,
    "compare": compare,
    "views": views,
    "tour": tour,
    "training": training,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Take the pictures of the docs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    parser.add_argument("--cube", type=Path, help="the 224-band cube")
    options = parser.parse_args()
    for name in options.names or PICTURES:
        PICTURES[name](options.cube)
