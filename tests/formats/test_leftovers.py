"""What killed processes leave is named, and removed on request; nothing else is."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_dodn import HyperCube, read, write
from napari_dodn.claims import claim
from napari_dodn.formats import FormatError, create, written_files
from napari_dodn.formats.leftovers import (
    QUIET,
    discard,
    is_begun,
    leftovers,
    leftovers_in_words,
    remove_leftovers,
    resumable_file,
)
from napari_dodn.replacing import unfinished_name
from napari_dodn.scratch import scratch_path

SHAPE = (2, 130, 140)
CUBE = HyperCube(np.ones(SHAPE, "f4"))

KILLED = """
import os, signal, sys
import numpy as np
from napari_dodn.formats import create
with create(sys.argv[1], (2, 130, 140)) as writer:
    writer.put((slice(0, 2), slice(0, 128), slice(0, 128)), np.ones((2, 128, 128)))
    os.kill(os.getpid(), signal.SIGKILL)
"""

every_kind = pytest.mark.parametrize("name", ["a.hdr", "a.bil", "a.h5", "a.zarr"])
needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


def old(path: Path) -> Path:
    """Make a file or folder look as if nobody had touched it for long."""
    before = time.time() - 2 * QUIET
    for each in (path, *path.rglob("*")):
        os.utime(each, (before, before))
    return path


@every_kind
@needs_signals
def test_what_a_killed_run_leaves_is_named_and_removed(tmp_path, name):
    words = [sys.executable, "-c", KILLED, str(tmp_path / name)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    (left,) = leftovers(tmp_path)
    assert (left.kept, left.size > 0) == ("", True)
    assert "an unfinished file" in leftovers_in_words(tmp_path / "new.h5")
    assert remove_leftovers(tmp_path) == [left]
    assert not list(tmp_path.iterdir())
    assert leftovers_in_words(tmp_path / "new.h5") == ""


@every_kind
def test_what_is_being_written_is_let_alone(tmp_path, name):
    with create(tmp_path / name, SHAPE) as writer:
        assert remove_leftovers(tmp_path) == []
        writer.write(CUBE)
    np.testing.assert_array_equal(read(written_files(tmp_path / name)[0]).data, CUBE.data)


def test_a_file_that_nobody_claims_counts_only_when_it_is_old(tmp_path):
    path = unfinished_name(tmp_path / "model.safetensors")
    path.write_bytes(b"half")
    assert remove_leftovers(tmp_path) == []
    old(path)
    assert [item.path for item in remove_leftovers(tmp_path)] == [path]


@pytest.mark.parametrize(
    "name", ["download.part", ".a.hdr.part", ".a.hdr.12345678.PART", "a.hdr.12345678.part", ".old"]
)
def test_files_of_others_stay(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"of others")
    old(path)
    assert remove_leftovers(tmp_path) == []
    assert path.exists()


def test_links_called_like_leftovers_stay(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "a.txt").write_text("a")
    unfinished_name(tmp_path / "a.zarr").symlink_to(precious)
    old(precious)
    assert remove_leftovers(tmp_path) == []
    assert (precious / "a.txt").exists()


def test_a_folder_with_something_foreign_in_it_stays(tmp_path):
    path = write(CUBE, tmp_path / "a.zarr").rename(unfinished_name(tmp_path / "b.zarr"))
    (path / "thesis.txt").write_text("all of it")
    old(path)
    (item,) = remove_leftovers(tmp_path)
    assert item.kept == "'thesis.txt' in it is not part of a cube"
    assert (path / "thesis.txt").exists()
    assert leftovers_in_words(tmp_path / "new.h5") == ""


def test_the_predecessor_of_a_file_that_is_gone_stays(tmp_path):
    path = tmp_path / ".a.h5.12345678.old"
    path.write_bytes(b"the only one")
    old(path)
    (item,) = remove_leftovers(tmp_path)
    assert item.kept.startswith("nothing else is left of a.h5")
    assert path.exists()


def test_a_predecessor_that_was_replaced_goes(tmp_path):
    write(CUBE, tmp_path / "a.h5")
    path = tmp_path / ".a.h5.12345678.old"
    path.write_bytes(b"old")
    old(path)
    remove_leftovers(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]


def test_the_scratch_of_a_killed_process_goes_and_that_of_a_living_one_stays(tmp_path):
    with scratch_path(tmp_path / "a.hdr", ".hdr") as path:
        write(CUBE, path)
        assert remove_leftovers(tmp_path) == []
        assert path.exists()
        copy = tmp_path / ".a.hdr.12345678.scratch"
        shutil.copytree(path.parent, copy)
    assert re.search(r"an unfinished file of [\d.]+ kB", leftovers_in_words(tmp_path / "new.h5"))
    assert [item.path for item in remove_leftovers(tmp_path)] == [copy]
    assert not list(tmp_path.iterdir())


def test_scratch_with_something_foreign_in_it_stays(tmp_path):
    folder = tmp_path / ".a.hdr.12345678.scratch"
    folder.mkdir()
    (folder / "thesis.txt").write_text("all of it")
    (item,) = remove_leftovers(tmp_path)
    assert item.kept == "'thesis.txt' in it is not part of a cube"


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(FormatError, match="No such file or directory"):
        remove_leftovers(tmp_path / "nowhere")
    assert leftovers_in_words(tmp_path / "nowhere" / "new.h5") == ""


def test_a_begun_result_is_discarded_unless_a_part_of_it_is_being_written(tmp_path):
    output = tmp_path / "fine.zarr"
    unfinished = resumable_file(output)
    unfinished.mkdir()
    journal = unfinished.with_name(f"{unfinished.stem}.1-2.progress")
    journal.touch()
    assert is_begun(output)
    with claim(journal), pytest.raises(FormatError, match="wait until that part is done"):
        discard(output)
    assert is_begun(output)
    discard(output)
    assert not list(tmp_path.iterdir())


def test_what_of_a_begun_result_cannot_be_removed_is_told(tmp_path, monkeypatch):
    output = tmp_path / "fine.zarr"
    resumable_file(output).mkdir()
    monkeypatch.setattr("napari_dodn.formats.leftovers.remove", lambda path: None)
    with pytest.raises(FormatError, match="cannot be removed"):
        discard(output)


def test_marks_of_claims_that_have_ended_go(tmp_path):
    with claim(tmp_path / "a.hdr"):
        pass
    (tmp_path / ".b.hdr.napari-dodn-lock").touch()
    with claim(tmp_path / "c.hdr"):
        remove_leftovers(tmp_path)
        assert [entry.name for entry in tmp_path.iterdir()] == [".c.hdr.napari-dodn-lock"]


def test_the_command_line_names_and_removes_them(tmp_path, run):
    source = write(CUBE, tmp_path / "a.hdr")
    path = unfinished_name(tmp_path / "b.h5")
    path.write_bytes(bytes(2_000_000))
    old(path)
    noted = run("convert", source, tmp_path / "c.npz")[2]
    assert f"'napari-dodn clean {tmp_path}' removes them." in noted
    assert f"Unfinished: {path} (2.00 MB)" in run("clean", "--list", tmp_path)[1]
    assert path.exists()
    assert f"Removed {path} (2.00 MB)" in run("clean", tmp_path)[1]
    assert not path.exists()
    assert "Nothing unfinished" in run("clean", tmp_path)[1]
