"""Files changed at random are cubes, or are refused in one sentence: a few of `scripts/fuzz.py`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

FIRST, COUNT = 50_000, 6


@pytest.fixture
def fuzz(monkeypatch):
    """Return the script as a module."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "scripts"))
    import fuzz

    return fuzz


def test_damaged_files_of_every_kind_open_or_are_refused(fuzz):
    # In a process of its own: those of a process with threads cannot use what these hold.
    words = [sys.executable, fuzz.__file__, "--first", str(FIRST), "--count", str(COUNT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} == set(fuzz.KINDS)


def test_a_file_is_made_again_by_its_seed(fuzz, tmp_path, capfd):
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        fuzz.main(["envi:7", "--keep", str(folder)])
        made.append([file.read_bytes() for file in sorted(folder.iterdir())])
    assert made[0] == made[1]
    assert capfd.readouterr().out.startswith(str(tmp_path))


def test_a_tally_goes_on_where_it_was_stopped(fuzz, monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(fuzz, "REHEARSED", 0)
    monkeypatch.setattr(fuzz, "TALLIED", 2)
    monkeypatch.setattr(fuzz, "KINDS", {"x": fuzz.Kind(fuzz.envi, broken)})
    tally = ["--tally", str(tmp_path / "tally.json")]
    for files in (3, 5, 5):
        monkeypatch.setattr(fuzz, "WANTED", {"x": files})
        fuzz.main(tally)
    said = [line for line in capfd.readouterr().out.splitlines() if ":" in line and "Zero" in line]
    assert [line.split()[0] for line in said] == ["x:0", "x:1", "x:2", "x:3", "x:4"]


def broken(_):
    raise ZeroDivisionError


def endless(_):
    time.sleep(60)


def busy(_):
    while True:
        pass


def greedy(_):
    bytearray(2 * 2**30)


def ended(_):
    os._exit(3)


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        (broken, "ZeroDivisionError at "),
        (endless, "it does not end"),
        (busy, "it does not end"),
        (greedy, "MemoryError at "),
        (ended, "the process ended: 3"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_it_looks_for_is_found(fuzz, monkeypatch, capfd, opening, said):
    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    monkeypatch.setattr(fuzz, "REHEARSED", 0)
    monkeypatch.setattr(fuzz, "KINDS", {"x": fuzz.Kind(fuzz.envi, opening)})
    assert fuzz.main(["x:3"]) == 1
    assert f"x:3 {said}" in capfd.readouterr().out


def test_a_child_that_has_to_wait_for_the_processor_is_not_stopped(fuzz, monkeypatch, capfd):
    used = iter([(0.0, True), (0.1, True), (0.2, True), (0.3, True), (0.4, True)])
    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    monkeypatch.setattr(fuzz, "REHEARSED", 0)
    monkeypatch.setattr(fuzz, "processor_time", lambda _: next(used))
    monkeypatch.setattr(fuzz, "KINDS", {"x": fuzz.Kind(fuzz.envi, lambda _: time.sleep(1.5))})
    assert fuzz.main(["x:3"]) == 0
    assert "1 opened" in capfd.readouterr().out


def test_a_child_that_is_stopped_for_a_while_is_waited_for(fuzz, monkeypatch, capfd):
    def stopped(_):
        wake = ["sh", "-c", f"sleep 3; kill -CONT {os.getpid()}"]
        subprocess.Popen(wake)
        os.kill(os.getpid(), signal.SIGSTOP)

    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    monkeypatch.setattr(fuzz, "REHEARSED", 0)
    monkeypatch.setattr(fuzz, "KINDS", {"x": fuzz.Kind(fuzz.envi, stopped)})
    assert fuzz.main(["x:3"]) == 0
    assert "1 opened" in capfd.readouterr().out


def test_a_file_outside_of_the_folder_is_found(fuzz, monkeypatch, capfd, tmp_path):
    outside = tmp_path / "secret"
    outside.write_text("a")
    monkeypatch.setattr(fuzz, "REHEARSED", 0)
    monkeypatch.setattr(fuzz, "KINDS", {"x": fuzz.Kind(fuzz.envi, lambda _: outside.read_text())})
    assert fuzz.main(["x:3"]) == 1
    assert f"outside: ['{outside}']" in capfd.readouterr().out
