"""The windows that the command line opens."""

import sys

import numpy as np
import pytest
from imageio.v3 import imread
from qtpy.QtCore import QTimer

from napari_dodn.plugin.manifest import demo, launch
from napari_dodn.plugin.manifest.demo import ScreenshotError, show_demo
from napari_dodn.plugin.viewer.layers import is_cube
from napari_dodn.sample import sample_scene


@pytest.fixture
def opened(make_napari_viewer, monkeypatch):
    """Let the modules under test open their viewer through the fixture, and keep it."""
    viewers = []

    def make(**options):
        viewers.append(make_napari_viewer(**options))
        return viewers[-1]

    monkeypatch.setattr("napari.Viewer", make)
    return viewers


@pytest.fixture(scope="module")
def scene():
    sample = sample_scene()
    pixels = np.asarray(sample.lr.data).repeat(4, axis=1).repeat(4, axis=2)
    return sample, sample.lr.on_finer_grid(pixels, 4, name="sharper")


def test_the_demo_writes_a_picture_of_the_window_and_closes(opened, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "SETTLING", 0.1)
    show_demo(*scene, tmp_path / "demo.png")
    picture = imread(tmp_path / "demo.png")
    assert picture.shape[0] > 400
    assert picture.std() > 10


def test_the_demo_lays_the_result_over_the_scene(opened, scene, tmp_path, monkeypatch):
    sample, result = scene
    closing = []
    monkeypatch.setattr("napari.run", lambda: closing.extend(opened[0].layers))
    show_demo(sample, result)
    low = next(x for x in closing if x.data is sample.lr.data)
    fine = next(x for x in closing if x.data is result.data)
    assert low.world_to_data(fine.data_to_world((0, 0, 0)))[1:] == pytest.approx((-0.375, -0.375))
    assert closing[-1].rgb


@pytest.mark.parametrize("name", ["demo", "demo.xyz"])
def test_a_picture_of_an_unknown_kind_is_refused_before_a_window_opens(
    opened, scene, tmp_path, name
):
    with pytest.raises(ScreenshotError, match=r"must end with \.png or \.jpg\.$"):
        show_demo(*scene, tmp_path / name)
    assert opened == []


def test_a_picture_that_cannot_be_written_is_a_sentence(opened, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "SETTLING", 0.1)
    with pytest.raises(ScreenshotError, match="cannot be written"):
        show_demo(*scene, tmp_path / "missing" / "demo.png")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no files")
def test_a_picture_that_the_disk_has_no_room_for_leaves_the_earlier_one(tmp_path):
    import resource

    path = tmp_path / "demo.png"
    path.write_text("an earlier one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(ScreenshotError, match=r"demo\.png cannot be written: "):
            demo._write(np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "an earlier one"
    assert list(tmp_path.iterdir()) == [path]


def test_launching_opens_the_files_that_can_be_opened(opened, envi_file, tmp_path, monkeypatch):
    from qtpy.QtWidgets import QApplication

    bad = tmp_path / "bad.mat"
    bad.write_bytes(b"nothing")

    def run():
        opened[0].layers.events.inserted.connect(
            lambda: QTimer.singleShot(0, QApplication.instance().exit)
        )
        QApplication.instance().exec()

    monkeypatch.setattr("napari.run", run)
    launch.launch([str(bad), str(envi_file)])
    assert [is_cube(layer) for layer in opened[0].layers] == [True, False]
