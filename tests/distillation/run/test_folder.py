"""The run folder: made once, followed from outside, cut back on resume."""

import math
import subprocess
import sys

import pytest

from napari_dodn.distillation.run.events import (
    Failed,
    Finished,
    Step,
    Stopped,
    Validated,
    Warned,
    from_line,
    to_line,
)
from napari_dodn.distillation.run.folder import START, RunError, RunFolder, Status

STEP = Step("student", 1, 8, {"total": 0.5, "pixel": math.nan}, 1e-3, 0.1, 0.7, 10)


def test_a_new_run_is_not_started(new_run):
    run = new_run()
    assert run.status() is Status.NEW
    assert run.config().name == "tiny"
    assert RunFolder.open(run.path) == run


def test_a_folder_that_holds_something_is_not_taken(new_run, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.docx").touch()
    with pytest.raises(RunError, match="not empty"):
        new_run("run")
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["thesis.docx"]


def test_a_run_is_not_made_over_another_that_has_got_somewhere(new_run):
    new_run().state_file.touch()
    with pytest.raises(RunError, match="already holds a run"):
        new_run()


def test_a_folder_without_a_configuration_is_no_run(tmp_path):
    with pytest.raises(RunError, match="not a training run"):
        RunFolder.open(tmp_path)


def test_an_event_comes_back_from_its_line():
    back = from_line(to_line(STEP))
    assert math.isnan(back.losses["pixel"])
    assert (back.step, back.losses["total"], back.time) == (1, 0.5, STEP.time)


def test_an_event_of_another_version_is_passed_over():
    assert from_line('{"event": "coffee", "cups": 2}') is None


@pytest.mark.parametrize("line", ["", "[1]", '{"event": "step"}'])
def test_what_is_no_event_is_an_error(line):
    with pytest.raises(ValueError):  # noqa: PT011
        from_line(line)


def test_a_watcher_reads_only_what_is_new(new_run):
    run = new_run()
    assert run.events_since(START) == ([], START)
    run.append(Warned("one"))
    first, place = run.events_since(START)
    run.append(Warned("two"))
    second, place = run.events_since(place)
    assert [event.text for event in first + second] == ["one", "two"]
    assert run.events_since(place) == ([], place)


def test_a_line_that_is_being_written_waits(new_run):
    run = new_run()
    run.append(Warned("one"))
    line = to_line(Warned("two"))
    with run.events_file.open("a") as file:
        file.write(line[:10])
        file.flush()
        found, place = run.events_since(START)
        assert [event.text for event in found] == ["one"]
        file.write(line[10:])
    assert [event.text for event in run.events_since(place)[0]] == ["two"]


def test_events_that_are_cut_are_told_again_to_a_watcher(new_run):
    run = new_run()
    run.append(Warned("kept"))
    size = run.events_size()
    run.append(Warned("forgotten"))
    _, place = run.events_since(START)
    run.cut_events(size)
    run.append(Warned("after a long story, longer than what was forgotten"))
    found, new_place = run.events_since(place)
    assert [event.text.split()[0] for event in found] == ["kept", "after"]
    assert new_place.file != place.file


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (Stopped("student", 3), Status.STOPPED),
        (Failed("why"), Status.FAILED),
        (Finished("m", 8, {}, {}), Status.DONE),
        (Validated("student", 3, {}, {}, True), Status.NEW),
    ],
)
def test_the_last_event_tells_what_became_of_a_run(new_run, event, status):
    run = new_run()
    run.append(event)
    assert run.status() is status


def test_a_run_is_running_while_a_process_holds_it(new_run):
    run = new_run()
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_dodn.distillation.run.folder import RunFolder\n"
        "with RunFolder.open(Path(sys.argv[1])).locked():\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout.readline() == "locked\n"
        assert run.status() is Status.RUNNING
        with pytest.raises(RunError, match="another process"), run.locked():
            pass
        child.kill()
    assert run.status() is Status.NEW


def test_a_run_that_may_only_be_read_can_be_looked_at(new_run, monkeypatch):
    run = new_run()

    def refused(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    assert run.status() is Status.NEW
