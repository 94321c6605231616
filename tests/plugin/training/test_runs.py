"""Runs from the panel: started, watched, stopped, resumed, attached to, and what goes wrong."""

import errno
import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_dodn.distillation.config import checked
from napari_dodn.distillation.run.events import Finished, Stage, Started, Step, Stopped
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress, never, result_of
from napari_dodn.network import model_file
from napari_dodn.plugin.kit.models import models
from napari_dodn.plugin.training import child, follower, saving, trainer
from napari_dodn.plugin.training.panel import RUN
from napari_dodn.plugin.training.state import Phase, RunState

LOSSES = {"total": 1.0, "pixel": 0.5}
BICUBIC = {"psnr": 30.0, "sam": 5.0}


def started(step=0):
    return Started(step, "cpu", "float32", 1, ["a"], ["b"], [], BICUBIC, {})


def step(number, stage="student"):
    return Step(stage, number, 100, LOSSES, 1e-3, 0.1, 9.0, 2**30)


@pytest.fixture
def run(tmp_path):
    """Return the folder of a run that nobody trains."""
    config = checked({"name": "outside", "data": {"cubes": [str(tmp_path / "a.hdr")]}})
    return RunFolder.create(tmp_path / "outside", config)


# From start to end


def test_of_two_windows_that_make_one_run_the_second_leaves_the_data_of_the_first(
    tmp_path, monkeypatch
):
    folder = tmp_path / "runs" / "one"

    def store(plan, data, cancelled, finish):
        yield Progress(0, 1, "Looking")  # for long, before anything is in the folder
        data.mkdir(parents=True, exist_ok=True)
        (data / f"{plan}.img").write_text(plan)
        return finish(checked({"name": plan, "data": {"cubes": [str(data / f"{plan}.img")]}}))

    monkeypatch.setattr(saving, "store", store)
    first = saving.make_run("first", folder, never)
    next(first)
    with pytest.raises(UserError, match="another process is writing it"):
        result_of(saving.make_run("second", folder, never))
    assert result_of(first).path == folder
    assert (folder / "data" / "first.img").read_text() == "first"
    with pytest.raises(UserError, match="is not empty"):
        result_of(saving.make_run("second", folder, never))
    assert sorted(path.name for path in folder.parent.iterdir()) == ["one"]


def test_a_run_goes_from_start_to_done(ready, driver):
    driver.start(ready, Phase.DONE)
    assert ready.state.run.path.name == "my model"
    assert ready.controls.phase.text() == "Done. The model is called 'my model'."
    assert "32.00 dB, bicubic 30.00 dB (+2.00)" in ready.progress.verdict.text()
    assert len(ready.state.history.losses["student", "total"]) == 20
    assert "teacher is worse" in ready.progress.warnings.text()
    assert ready.tabs.currentIndex() == RUN


def test_the_preview_is_that_of_the_last_validation(ready, driver):
    driver.start(ready, Phase.DONE)
    assert ready.preview.images["sr"][0, 0, 0] == 20
    assert ready.preview.images["lr"].shape == (4, 4, 3)
    assert not ready.preview.pictures["hr"].pixmap().isNull()


def test_all_panels_hear_of_the_new_model(ready, driver):
    class Listener:
        heard = 0

        def hear(self):
            self.heard += 1

    listener = Listener()
    models.changed.connect(listener.hear)
    driver.start(ready, Phase.DONE)
    assert listener.heard == 1


def test_after_a_run_a_free_name_is_proposed(ready, driver):
    driver.start(ready, Phase.DONE)
    assert ready.draft["name"] == "my model 2"
    assert ready.controls.start_button.isEnabled()


def test_no_name_is_proposed_that_a_model_has_in_other_letters(
    ready, driver, models_folder, monkeypatch, tmp_path
):
    (tmp_path / "models").mkdir()
    shutil.copy(
        models_folder / "tiny-x2.safetensors", tmp_path / "models" / "My Model 2.safetensors"
    )
    monkeypatch.setattr(model_file, "user_models_folder", lambda: tmp_path / "models")
    driver.start(ready, Phase.DONE)
    assert ready.draft["name"] == "my model 3"


def test_the_progress_says_step_speed_time_left_and_memory(ready, driver, fake):
    fake("steps", "1000", "pause", "0.05")
    driver.start(ready, Phase.RUNNING)
    driver.until(lambda: "of 1,000" in ready.progress.stage.text())
    text = ready.progress.stage.text()
    assert text.startswith("Training the student: step")
    assert "50 ms per step; about 5 s left; 1.0 GiB of memory" in text
    ready.controls.stop_button.click()
    driver.wait_for(ready, Phase.STOPPED)


def test_a_run_that_is_stopped_just_as_it_is_made_does_not_start(ready, driver, monkeypatch):
    def prepare(plan, folder, unseen, cancelled):
        run = yield from saving.make_run(plan, folder, cancelled)
        while not cancelled():
            yield Progress(1, 1, "Made")
        return trainer.Prepared(run, [])

    monkeypatch.setattr(trainer, "prepare", prepare)
    made = ready.draft.folder / "config.toml"
    driver.start(ready, Phase.PREPARING)
    driver.until(made.exists)
    ready.controls.stop_button.click()
    driver.wait_for_end(ready)
    assert ready.state.phase is Phase.NEW
    assert ready.controls.resume_button.text() == "Start run"


def test_a_stopped_run_can_be_resumed(ready, driver, fake):
    fake("steps", "1000", "pause", "0.05")
    driver.start(ready, Phase.RUNNING)
    ready.controls.stop_button.click()
    assert ready.state.phase is Phase.STOPPING
    driver.wait_for(ready, Phase.STOPPED)
    fake()
    ready.controls.resume_button.click()
    driver.wait_for(ready, Phase.DONE)


def test_nothing_else_can_be_started_meanwhile(ready, driver, fake):
    fake("steps", "1000", "pause", "0.05")
    driver.start(ready, Phase.RUNNING)
    buttons = ready.controls
    assert not buttons.start_button.isEnabled()
    assert not buttons.resume_button.isEnabled()
    assert buttons.stop_button.isEnabled()
    ready.trainer.stop()
    driver.wait_for_end(ready)


# What goes wrong


def test_a_child_that_dies_is_reported_with_the_last_line_of_its_log(ready, driver, fake):
    fake("crash")
    driver.start(ready, Phase.BROKEN_OFF)
    assert ready.controls.note.text() == (
        "The training process ended unexpectedly. The last line of its log:"
        " MemoryError: what it died of"
    )
    assert ready.controls.resume_button.isEnabled()


def test_a_child_that_dies_at_once_is_reported_too(ready, driver, fake):
    fake("mute")
    driver.start(ready, Phase.BROKEN_OFF)
    assert "no word of mine is an event" in ready.controls.note.text()


def test_a_child_that_dies_at_once_on_a_resume_is_not_taken_for_stopped(ready, driver, fake):
    fake("steps", "1000", "pause", "0.05")
    driver.start(ready, Phase.RUNNING)
    ready.trainer.stop()
    driver.wait_for(ready, Phase.STOPPED)
    fake("mute")
    ready.controls.resume_button.click()
    driver.wait_for(ready, Phase.BROKEN_OFF)
    assert "no word of mine" in ready.controls.note.text()


def test_a_run_that_fails_says_why(ready, driver, fake):
    fake("fail")
    driver.start(ready, Phase.FAILED)
    assert ready.controls.note.text() == "The cube 'a' holds no valid value."


def test_a_program_that_is_not_there_is_one_sentence(ready, driver, monkeypatch, tmp_path, qtbot):
    program = tmp_path / "nothing"
    monkeypatch.setattr(child, "command", lambda run, resume: [str(program)])
    driver.start(ready, Phase.FAILED)
    qtbot.wait(3 * follower.POLL_MS)
    said = f"cannot be started: {program} cannot be used (No such file or directory)."
    assert said in ready.controls.note.text()
    assert ready.draft["name"] == "my model 2"
    assert ready.controls.start_button.isEnabled()
    assert ready.controls.resume_button.isEnabled()


@pytest.mark.parametrize("fails", ["before it begins", "at once"])
def test_after_a_failed_start_a_training_from_elsewhere_is_seen(
    ready, driver, fake, monkeypatch, qtbot, fails
):
    if fails == "at once":
        fake("mute")
    else:
        monkeypatch.setattr(child, "command", lambda run, resume: ["/no/such/program"])
    driver.start(ready, Phase.BROKEN_OFF if fails == "at once" else Phase.FAILED)
    run, said = ready.state.run, ready.controls.note.text()
    run.announce()
    driver.wait_for(ready, Phase.STARTING)
    qtbot.wait(3 * follower.POLL_MS)
    assert run.is_announced()
    run.withdraw()
    driver.until(lambda: ready.controls.note.text() == said)
    with run.locked():
        driver.wait_for(ready, Phase.RUNNING)
        run.append(started())
        run.append(Stopped("student", 1))
    driver.wait_for(ready, Phase.STOPPED)


# Attaching


def test_a_missing_folder_is_not_attached_to(dock, tmp_path):
    dock.controls.attach(tmp_path / "nowhere")
    assert "is not a training run" in dock.controls.note.text()
    assert dock.state.phase is Phase.IDLE


def test_a_run_that_has_ended_elsewhere_is_shown(dock, run, driver):
    for event in (started(), Stage("student", 100), step(50), Stopped("student", 50)):
        run.append(event)
    dock.controls.attach(run.path)
    driver.wait_for(dock, Phase.STOPPED)
    assert len(dock.state.history.losses["student", "total"]) == 1
    assert dock.controls.resume_button.isEnabled()


def test_a_run_that_nobody_has_started_can_be_started(dock, run, driver):
    dock.controls.attach(run.path)
    driver.wait_for(dock, Phase.NEW)
    assert dock.controls.resume_button.text() == "Start run"
    dock.controls.resume_button.click()
    driver.wait_for(dock, Phase.DONE)


def test_a_run_that_was_killed_elsewhere_is_broken_off(dock, run, driver):
    for event in (started(), step(1)):
        run.append(event)
    dock.controls.attach(run.path)
    driver.wait_for(dock, Phase.BROKEN_OFF)
    assert dock.controls.note.text() == "The training process ended unexpectedly."


def test_a_run_that_cannot_be_resumed_stays_in_view_with_the_reason(
    dock, run, driver, monkeypatch, qtbot
):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for event in (started(), Stage("student", 100), step(50), Stopped("student", 50)):
        run.append(event)
    dock.controls.attach(run.path)
    driver.wait_for(dock, Phase.STOPPED)
    monkeypatch.setattr("pathlib.Path.unlink", read_only)
    dock.controls.resume_button.click()
    qtbot.wait(3 * follower.POLL_MS)
    assert f"cannot be used ({os.strerror(errno.EROFS)})." in dock.controls.note.text()
    assert len(dock.state.history.losses["student", "total"]) == 1
    monkeypatch.undo()
    assert dock.controls.resume_button.isEnabled()


def test_a_run_that_goes_on_elsewhere_is_followed(dock, run, driver):
    with run.locked():
        run.append(started())
        dock.controls.attach(run.path)
        driver.wait_for(dock, Phase.RUNNING)
        run.append(step(7))
        driver.until(lambda: dock.state.history.step is not None)
        run.append(Finished("model", 7, {"psnr": 29.0}, BICUBIC))
        driver.until(lambda: dock.state.history.end is not None)
        assert dock.state.phase is Phase.RUNNING
    driver.wait_for(dock, Phase.DONE)
    assert "does not beat bicubic" in dock.progress.verdict.text()


def test_a_run_that_another_window_resumes_is_not_shown_as_stopped(dock, run, driver):
    for event in (started(), step(50), Stopped("student", 50)):
        run.append(event)
    run.announce()
    dock.controls.attach(run.path)
    driver.wait_for(dock, Phase.STARTING)
    assert not dock.controls.resume_button.isEnabled()
    with run.locked():
        driver.wait_for(dock, Phase.RUNNING)
        run.append(started(50))
    driver.wait_for(dock, Phase.BROKEN_OFF)


def test_a_process_that_was_announced_and_never_came_is_not_waited_for(
    dock, run, driver, monkeypatch
):
    run.append(started())
    run.append(Stopped("student", 50))
    run.announce()
    dock.controls.attach(run.path)
    driver.wait_for(dock, Phase.STARTING)
    monkeypatch.setattr("napari_dodn.distillation.run.folder.STARTING_S", 0)
    driver.wait_for(dock, Phase.STOPPED)


def test_the_model_of_a_run_is_put_to_use_with_a_click(ready, driver, models_folder, monkeypatch):
    assert not ready.controls.use_button.isVisibleTo(ready)
    chosen = []
    panel = SimpleNamespace(choose_model=chosen.append)
    monkeypatch.setattr("napari_dodn.plugin.training.panel.open_panel", lambda *_: panel)
    driver.start(ready, Phase.DONE)
    model, history = models_folder / "tiny-x4.safetensors", ready.state.history
    history.end = replace(history.end, model=str(model))
    ready.controls.use_button.click()
    assert chosen == [model]
    monkeypatch.undo()


def test_no_other_model_is_put_to_use_where_that_of_a_run_has_gone(ready, driver, monkeypatch):
    opened = []
    monkeypatch.setattr("napari_dodn.plugin.training.panel.open_panel", opened.append)
    driver.start(ready, Phase.DONE)
    ready.controls.use_button.click()
    model = ready.state.history.end.model
    assert ready.controls.note.text().startswith(f"{model} is not there; its model was renamed")
    assert opened == []


def test_events_that_a_resume_has_cut_off_are_forgotten(dock, run, driver):
    with run.locked():
        run.append(started())
        run.append(step(1))
        size = run.events_size()
        run.append(step(2))
        dock.controls.attach(run.path)
        driver.until(lambda: dock.state.history.step and dock.state.history.step.step == 2)
        run.cut_events(size)
        run.append(step(3))
        driver.until(lambda: dock.state.history.step.step == 3)
        series = dock.state.history.losses["student", "total"]
        np.testing.assert_array_equal(series.steps, [1, 3])
        dock.curves.draw()
    driver.wait_for(dock, Phase.BROKEN_OFF)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_run_whose_folder_is_moved_is_gone_and_stays_so(dock, run, driver, tmp_path, replaced):
    for event in (started(), step(50), Stopped("student", 50)):
        run.append(event)
    dock.controls.attach(run.path)
    driver.wait_for(dock, Phase.STOPPED)
    run.path.rename(tmp_path / "elsewhere")
    if replaced:
        run.path.mkdir()
    driver.wait_for(dock, Phase.IDLE)
    assert f"The run in {run.path} no longer exists." in dock.controls.note.text()
    assert not dock.controls.resume_button.isEnabled()
    assert not run.is_locked()
    assert not run.path.exists() or list(run.path.iterdir()) == []
    dock.controls.attach(tmp_path / "elsewhere")
    driver.wait_for(dock, Phase.STOPPED)


def test_a_long_event_file_is_read_beside_the_window(dock, run, driver, monkeypatch):
    monkeypatch.setattr(follower, "MUCH", 1000)
    run.append(started())
    for number in range(1, 200):
        run.append(step(number))
    run.append(Stopped("student", 199))
    dock.controls.attach(run.path)
    assert dock.state.phase is Phase.READING
    driver.wait_for(dock, Phase.STOPPED)
    assert len(dock.state.history.losses["student", "total"]) == 199


def test_a_run_that_is_left_while_it_is_read_is_not_shown_as_the_next_one(
    run, tmp_path, qtbot, monkeypatch
):
    monkeypatch.setattr(follower, "MUCH", 1000)
    for number in range(1, 200):
        run.append(step(number))
    other = RunFolder.create(tmp_path / "other", run.config())
    other.append(Stopped("student", 7))
    state, shown = RunState(), []
    state.grew.connect(lambda: shown.append((state.run, dict(state.history.losses))))
    follows = follower.Follower(state)
    follows.follow(run)
    follows.follow(other)
    qtbot.waitUntil(lambda: state.phase is Phase.STOPPED)
    follows.close()
    assert [losses for at, losses in shown if at == other and losses] == []


def test_two_panels_show_one_run_and_either_can_stop_it(ready, driver, new_dock, fake):
    fake("steps", "1000", "pause", "0.05")
    driver.start(ready, Phase.RUNNING)
    other = new_dock()
    driver.wait_for(other, Phase.RUNNING)  # it looks at what goes on by itself
    other.controls.stop_button.click()
    driver.wait_for(ready, Phase.STOPPED)
    driver.wait_for(other, Phase.STOPPED)
