"""Two who write one output: the later one is refused before it computes anything."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading

import numpy as np
import pytest

from napari_dodn import HyperCube, read, write
from napari_dodn.claims import claim, claim_file, is_claimed, lock
from napari_dodn.formats import FormatError, create, reserved
from napari_dodn.formats.pixels import blocks

SHAPE = (2, 3, 4)
CUBE = HyperCube(np.ones(SHAPE, "f4"))
TAKEN = r"cannot be written: another process is writing it at this moment\.$"

CLAIMS = """
import sys, time
from pathlib import Path
from napari_dodn.claims import claim
with claim(Path(sys.argv[1])):
    print("claimed", flush=True)
    time.sleep(60)
"""

every_kind = pytest.mark.parametrize(
    "name", ["a.hdr", "a.img", "a.h5", "a.zarr", "a.mat", "a.npz", "a.tif"]
)


@pytest.fixture
def other_process(tmp_path):
    """Return a function that starts a process which claims a path."""
    started = []

    def start(path):
        words = [sys.executable, "-c", CLAIMS, str(path)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "claimed\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@every_kind
def test_the_later_of_two_runs_into_one_output_is_refused_at_its_start(tmp_path, name):
    path = tmp_path / name
    begin = create if name in ("a.hdr", "a.img", "a.h5", "a.zarr") else None
    first = create(path, SHAPE) if begin else reserved(path)
    second = create(path, SHAPE, overwrite=True) if begin else reserved(path, overwrite=True)
    with first, pytest.raises(FormatError, match=TAKEN), second:
        pytest.fail("It was not refused.")


def test_a_run_in_another_process_counts_too(tmp_path, other_process):
    path = tmp_path / "a.hdr"
    other_process(path)
    with pytest.raises(FormatError, match=TAKEN):
        write(CUBE, path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["a.hdr", "a.zarr"])
def test_a_run_is_refused_where_another_finishes_just_before_its_claim(tmp_path, name, monkeypatch):
    path = tmp_path / name
    late = create(path, SHAPE, goes_on=lambda there: there)

    def claim_after_another(entry):
        monkeypatch.undo()
        write(CUBE, path)
        return claim(entry)

    monkeypatch.setattr("napari_dodn.formats.pixels.writer.claim", claim_after_another)
    with pytest.raises(FormatError, match="already exists"), late:
        pass
    np.testing.assert_array_equal(read(path).data, CUBE.data)
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


@every_kind
def test_nothing_of_a_claim_is_left(tmp_path, name):
    written = write(CUBE, tmp_path / name)
    np.testing.assert_array_equal(read(written).data, CUBE.data)
    assert not list(tmp_path.glob(".*"))


def test_a_killed_process_claims_nothing(tmp_path, other_process):
    path = tmp_path / "a.npz"
    process = other_process(path)
    assert is_claimed(path)
    process.kill()
    process.wait()
    assert claim_file(path).exists()
    assert is_claimed(path) is False
    write(CUBE, path)
    assert is_claimed(path) is None


def test_a_failed_run_ends_its_claim(tmp_path):
    path = tmp_path / "a.hdr"
    with pytest.raises(ZeroDivisionError), create(path, SHAPE):
        _ = 1 / 0
    write(CUBE, path)


def test_a_link_called_like_a_claim_is_not_followed(tmp_path):
    target = tmp_path / "precious.txt"
    path = tmp_path / "a.npz"
    claim_file(path).symlink_to(target)
    with pytest.raises(OSError, match="another process") as caught, claim(path):
        pytest.fail("It was not refused.")
    assert caught.value.errno == errno.EBUSY
    assert not target.exists()


def test_without_locks_in_the_file_system_files_are_written(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("napari_dodn.claims.lock", no_locks)
    write(CUBE, tmp_path / "a.npz")
    assert not list(tmp_path.glob(".*"))


def test_what_appears_during_the_work_is_not_replaced(tmp_path):
    path = tmp_path / "a.mat"
    with reserved(path) as put:
        path.write_bytes(b"of somebody else")
        with pytest.raises(FormatError, match="already exists"):
            put(CUBE)
    assert path.read_bytes() == b"of somebody else"


@pytest.mark.parametrize("name", ["a.mat", "a.npz", "a.tif"])
def test_a_disk_that_is_too_small_is_seen_at_the_start(tmp_path, monkeypatch, name):
    monkeypatch.setattr(blocks.shutil, "disk_usage", lambda _: type("", (), {"free": 10}))
    with (
        pytest.raises(FormatError, match=r"but only 10 bytes are free there\.$"),
        reserved(tmp_path / name, shape=SHAPE),
    ):
        pytest.fail("It was not refused.")


def test_who_only_asks_does_not_keep_a_run_from_beginning(tmp_path):
    path = tmp_path / "a.hdr"
    with claim_file(path).open("ab") as file:
        assert lock(file, claim_file(path))
        timer = threading.Timer(0.05, file.close)
        timer.start()
        with claim(path):
            pass
        timer.join()
