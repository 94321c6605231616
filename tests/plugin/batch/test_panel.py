"""The panel Super-resolve a folder, driven as a person drives it."""

import csv
import shlex
from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_dodn import read, write
from napari_dodn.plugin.batch.panel import SuperResolveFolder
from napari_dodn.plugin.kit.copying import NothingToCopyError

TIMEOUT = 60_000


@pytest.fixture
def scenes(tmp_path, cube):
    """Return a folder of two cubes and a damaged one."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for name in ("a", "b"):
        write(cube, folder / f"{name}.hdr")
    (folder / "bad.hdr").write_text("ENVI\nsamples = 9\n")
    return folder


@pytest.fixture
def panel(make_napari_viewer, small_models):
    viewer = make_napari_viewer()
    panel = SuperResolveFolder(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    panel.scale.value = 2
    return panel


def done(panel, qtbot):
    panel.run()
    qtbot.waitUntil(lambda: not panel._runner.busy, timeout=TIMEOUT)


def test_a_folder_is_done_past_a_bad_file_and_reported(panel, scenes, tmp_path, qtbot, monkeypatch):
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    done(panel, qtbot)
    assert panel.status.value == "2 done, 0 skipped, 1 failed."
    assert read(tmp_path / "results" / "a-x2.hdr").shape == (5, 24, 32)
    assert panel.report.shape[0] == 3
    file = str(tmp_path / "report.csv")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (file, ""))
    panel.save_report()
    with Path(file).open(encoding="utf-8", newline="") as report:
        assert [row["status"] for row in csv.DictReader(report)] == ["done", "done", "failed"]
    done(panel, qtbot)
    assert panel.status.value == "0 done, 2 skipped, 1 failed."


def test_run_waits_for_two_different_folders(panel, scenes, tmp_path):
    assert "Choose a folder" in panel.status.value
    assert not panel.run_button.enabled
    panel.source.value = panel.target.value = scenes
    assert "another folder" in panel.status.value
    panel.source.value = tmp_path / "nothing"
    assert "There is no folder" in panel.status.value
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    assert panel.run_button.enabled


def test_a_folder_without_cubes_is_told(panel, tmp_path, qtbot):
    (tmp_path / "empty").mkdir()
    panel.source.value, panel.target.value = tmp_path / "empty", tmp_path / "results"
    done(panel, qtbot)
    assert "1 failed" in panel.status.value


def test_what_is_set_is_copied_as_a_command_line(panel, scenes, tmp_path):
    with pytest.raises(NothingToCopyError, match="Choose a folder"):
        panel._as_command()
    panel.source.value, panel.target.value = scenes, tmp_path / "my results"
    words = shlex.split(panel._as_command())
    assert words[:4] == ["napari-dodn", "upscale", str(scenes), str(tmp_path / "my results")]
    assert words[4:] == ["--scale", "2", "--names", f"{{stem}}-x{{scale}}{panel.format.value}"]
