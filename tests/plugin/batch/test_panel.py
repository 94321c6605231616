"""The panel Super-resolve a folder, driven as a person drives it."""

import csv
import shlex
import shutil

import numpy as np
import pytest
from qtpy.QtWidgets import QMessageBox, QTableWidget

from napari_dodn import read, write
from napari_dodn.formats.leftovers import is_begun
from napari_dodn.plugin.batch import panel as batch_panel
from napari_dodn.plugin.batch.panel import SuperResolveFolder
from napari_dodn.plugin.kit import job
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


def saved(panel, path, monkeypatch):
    monkeypatch.setattr(batch_panel, "ask_where", lambda *_: path)
    panel.save_report()
    return panel.status.value


def done(panel, qtbot):
    panel.run()
    qtbot.waitUntil(lambda: not panel._runner.busy, timeout=TIMEOUT)


def test_a_folder_is_done_past_a_bad_file_and_reported(panel, scenes, tmp_path, qtbot, monkeypatch):
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    done(panel, qtbot)
    assert panel.status.value == "2 done, 0 skipped, 1 failed."
    assert read(tmp_path / "results" / "a-x2.hdr").shape == (5, 24, 32)
    assert panel.report.shape[0] == 3
    assert panel.report.column_headers[:2] == ("source", "status")
    assert [row[1] for row in panel.report.value["data"]] == ["done", "done", "failed"]
    file = tmp_path / "report.csv"
    assert saved(panel, file, monkeypatch) == f"Saved as {file}."
    with file.open(encoding="utf-8", newline="") as report:
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


def test_folders_may_be_typed_from_the_home_folder(panel, scenes, tmp_path, qtbot, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(scenes)
    panel.source.line_edit.value = "~/scenes"
    panel.target.line_edit.value = "~/results"
    done(panel, qtbot)
    assert (tmp_path / "results" / "a-x2.hdr").exists()
    assert not (scenes / "~").exists()


def test_a_folder_that_has_gone_is_told_when_run_is_pressed(panel, scenes, tmp_path):
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    scenes.rename(tmp_path / "elsewhere")
    panel.run_button.native.click()
    assert panel.status.value == f"There is no folder {scenes}."


def test_the_report_is_read_whole_and_not_written_in(panel, scenes, tmp_path, qtbot):
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    done(panel, qtbot)
    table = panel.report.native
    cell = table.item(2, panel.report.column_headers.index("reason"))
    assert cell.toolTip() == panel._report.rows[2].columns()["reason"]
    assert [table.item(row, 0).text() for row in range(3)] == ["a.hdr", "b.hdr", "bad.hdr"]
    assert table.item(0, 0).toolTip() == str(scenes / "a.hdr")
    assert cell.text().startswith("bad.hdr ")
    assert table.editTriggers() == QTableWidget.EditTrigger.NoEditTriggers


def test_the_report_of_a_run_before_goes_with_the_next_one(panel, scenes, tmp_path, qtbot):
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    done(panel, qtbot)
    panel.run_button.native.click()
    assert panel._runner.busy
    assert not panel.report_button.enabled
    assert not panel.report.visible
    qtbot.waitUntil(lambda: panel.report_button.enabled, timeout=TIMEOUT)


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
    names = f"{{stem}}-x{{scale}}{panel.format.value}"
    assert words[4:] == ["--scale", "2", "--model", "tiny-x2", "--names", names]
    panel.blur.value, panel.names.value, panel.cluster.value = 0.35, "{folder}", " tcp://a:1 "
    panel.device.value = "cpu"
    told = " ".join(shlex.split(panel._as_command())[8:])
    assert told == "--device cpu --blur 0.35 --scheduler tcp://a:1 --names {folder}.hdr"


def test_results_are_named_and_made_as_the_panel_is_set(panel, scenes, tmp_path, qtbot):
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    panel.names.value, panel.format.value = "{number}-{model}", ".zarr"
    panel.blur.value, panel.device.value = 0.35, "cpu"
    done(panel, qtbot)
    result = read(tmp_path / "results" / "1-tiny-x2.zarr")
    assert "sensor blur 0.35" in result.history[-1]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("names", "{pixel}", "The pattern '{pixel}.hdr' holds '{pixel}', which is not one of"),
        ("names", "{stem", "may hold only text and the fields"),
        ("cluster", "tcp://nowhere:1", "A cluster writes to a file"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_run(
    panel, scenes, tmp_path, field, value, sentence
):
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    panel.format.value = ".h5" if field == "cluster" else ".hdr"
    getattr(panel, field).value = value
    assert sentence in panel.status.value
    assert not panel.run_button.enabled


def test_a_cluster_that_is_not_there_is_told(panel, scenes, tmp_path, qtbot, monkeypatch):
    monkeypatch.setattr("napari_dodn.upscaling.crew.PATIENCE", 0.2)
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    panel.cluster.value = "tcp://127.0.0.1:9"
    done(panel, qtbot)
    assert "There is no Dask scheduler at tcp://127.0.0.1:9" in panel.status.value


@pytest.fixture
def begun(scenes, cube, small_models, tmp_path):
    """Return an output of which a run with a blur of 0.35 has left the first tile."""
    from napari_dodn.upscaling import UpscaleOptions, upscale_steps
    from napari_dodn.upscaling.tiles import UPSCALING

    folder, left = tmp_path / "results", tmp_path / "left"
    folder.mkdir()
    output = folder / "a-x2.zarr"
    options = UpscaleOptions(scale=2, model="tiny-x2", device="cpu", tile=8, blur=0.35)
    steps = upscale_steps(read(scenes / "a.hdr"), options, output=output, resume=True)
    while (event := next(steps)).message != UPSCALING or event.done == 0:
        pass
    shutil.copytree(folder, left)  # what is there if all ends here
    steps.close()
    shutil.rmtree(folder)
    left.rename(folder)
    assert is_begun(output)
    return output


@pytest.mark.parametrize("answer", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No])
def test_what_was_begun_with_other_settings_is_started_over_with_leave(
    panel, scenes, begun, qtbot, monkeypatch, answer
):
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *args: asked.append(args[-1]) or answer)
    (scenes / "bad.hdr").unlink()
    panel.source.value, panel.target.value = scenes, begun.parent
    panel.format.value, panel.blur.value = ".zarr", 0.5
    done(panel, qtbot)
    qtbot.waitUntil(lambda: bool(asked) and not panel._runner.busy, timeout=TIMEOUT)
    assert "unfinished results: a-x2.zarr. Discard them" in asked[0]
    if answer == QMessageBox.StandardButton.Yes:
        assert panel.status.value == "1 done, 1 skipped, 0 failed."
        assert "sensor blur 0.5" in read(begun).history[-1]
    else:
        assert panel.status.value == "1 done, 0 skipped, 1 failed."
        (reason,) = [row.reason for row in panel._report.rows if row.status == "failed"]
        assert reason.endswith("Use the same settings, or press Run again and start over.")
        assert is_begun(begun)
    assert len(asked) == 1


def test_the_blur_and_the_format_are_remembered(panel, make_napari_viewer):
    panel.blur.value, panel.format.value = 0.35, ".zarr"
    again = SuperResolveFolder(make_napari_viewer())
    assert (again.blur.blur, again.format.value) == (0.35, ".zarr")


def test_what_was_set_while_a_folder_is_done_is_judged_in_the_end(panel, scenes, tmp_path, qtbot):
    panel.source.value, panel.target.value = scenes, tmp_path / "results"
    panel.run()
    panel.target.value = scenes
    qtbot.waitUntil(lambda: not panel._runner.busy, timeout=TIMEOUT)
    assert not panel.run_button.enabled
    assert "Choose another folder for the results" in panel.status.value


def whole(results, cube):
    """Return the names of the results, all of which can be opened and read."""
    names = sorted(path.name for path in results.glob("*.hdr"))
    for name in names:
        result = read(results / name)
        assert result.shape == (5, 24, 32)
        assert np.isfinite(np.asarray(result.data)).all()
    return names


def test_a_panel_that_is_closed_in_the_middle_leaves_whole_results_and_a_new_one_goes_on(
    panel, scenes, cube, tmp_path, qtbot
):
    results = tmp_path / "results"
    panel.source.value, panel.target.value = scenes, results
    messages = []
    panel._runner.progressed.connect(lambda event: messages.append(event.message))
    panel.run()
    qtbot.waitUntil(lambda: bool(messages), timeout=TIMEOUT)
    viewer = panel._lifetime._viewer
    viewer.window.remove_dock_widget(panel.native)
    qtbot.waitUntil(lambda: not job.alive, timeout=TIMEOUT)
    before = whole(results, cube) if results.exists() else []
    again = SuperResolveFolder(viewer)
    viewer.window.add_dock_widget(again, name="again")
    again.scale.value = 2
    again.source.value, again.target.value = scenes, results
    done(again, qtbot)
    assert again.status.value == f"{2 - len(before)} done, {len(before)} skipped, 1 failed."
    assert whole(results, cube) == ["a-x2.hdr", "b-x2.hdr"]
    assert not [path.name for path in results.iterdir() if path.name.startswith(".")]


def test_two_windows_that_do_one_folder_leave_whole_results(
    panel, scenes, cube, tmp_path, qtbot, make_napari_viewer
):
    viewer = make_napari_viewer()
    other = SuperResolveFolder(viewer)
    viewer.window.add_dock_widget(other, name="other")
    other.scale.value = 2
    for each in (panel, other):
        each.source.value, each.target.value = scenes, tmp_path / "results"
    for each in (panel, other):
        each.run()
    for each in (panel, other):
        qtbot.waitUntil(lambda each=each: not each._runner.busy, timeout=TIMEOUT)
    assert whole(tmp_path / "results", cube) == ["a-x2.hdr", "b-x2.hdr"]
    rows = [row.columns() for each in (panel, other) for row in each._report.rows]
    taken = [row for row in rows if row["status"] == "failed" and "bad.hdr" not in row["source"]]
    told = ("another process is writing it", "already exist")
    assert all(any(words in row["reason"] for words in told) for row in taken), taken
    assert sum(row["status"] == "done" for row in rows) == 2
    assert not [path for path in (tmp_path / "results").iterdir() if path.name.startswith(".")]
