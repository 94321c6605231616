"""The panel with the real trainer: from a layer to a model in the super-resolution panel's list."""

import subprocess
import sys

import pytest

from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.network import model_file
from napari_dodn.network.model_file import load_network
from napari_dodn.plugin.training import child
from napari_dodn.plugin.training.child import command
from napari_dodn.plugin.training.state import Phase

TINY = {
    "student.channels": 4,
    "student.blocks": 1,
    "teacher.channels": 4,
    "teacher.steps": 2,
    "schedule.steps": 3,
    "schedule.batch": 1,
    "schedule.patch": 8,
    "schedule.validate_every": 1,
    "schedule.save_every": 1,
    "data.validation_share": 0.3,
}


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of models can be chosen there")
def test_a_layer_becomes_a_model_that_can_be_chosen(dock, driver, scene, monkeypatch, tmp_path):
    monkeypatch.setattr(child, "command", command)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "napari-dodn" / "models"
    monkeypatch.setattr(model_file, "user_models_folder", lambda: folder)
    dock.data.add_layer(driver.add(scene))
    dock.draft.set(TINY)
    dock.controls.start_button.click()
    driver.qtbot.waitUntil(lambda: dock.state.history.end is not None, timeout=240_000)
    driver.wait_for(dock, Phase.DONE)
    assert dock.preview.images["hr"].shape[2] == 3
    assert "bicubic on the held-out data" in dock.progress.verdict.text()
    dock.models.choose("my model")
    card = dock.models.chosen
    assert (card.name, card.scale) == ("my model", 4)
    assert "meadow" in dock.models.card.text()
    assert load_network(card).channels == 4


def test_no_code_in_the_folder_of_a_run_is_executed(tmp_path):
    (tmp_path / "napari_dodn.py").write_text("raise SystemExit('a stranger's code')")
    (tmp_path / "typer.py").write_text("raise SystemExit('a stranger's code')")
    words = [*command(RunFolder(tmp_path), resume=False), "--help"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0
