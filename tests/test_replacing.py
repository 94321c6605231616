"""Files that take the place of others: wholly or not at all, whenever the process is killed."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest

from napari_dodn import HyperCube, read, write
from napari_dodn.formats import (
    FormatError,
    check_target,
    contents,
    read_library,
    write_library,
    written_files,
)
from napari_dodn.formats.finding import find_cubes
from napari_dodn.replacing import (
    JOURNAL,
    finish_replacements,
    put_in_place,
    replace_text,
    replacing,
    unfinished_name,
)
from napari_dodn.spectra.library import SpectralLibrary, Spectrum

OLD, NEW = (np.full((2, 3, 4), value, "f4") for value in (1, 2))
KILLED = Path(__file__).with_name("killed_replacing.py")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


def prepare(folder: Path, name: str, *, old: bool = True) -> list[tuple[Path, Path]]:
    """Write an old cube under its name, a new one under hidden names; return what to rename."""
    new = folder / "new"
    new.mkdir(parents=True)
    if old:
        write(HyperCube(OLD), folder / name)
    write(HyperCube(NEW, history=["New."]), new / name)
    renames = []
    for file in reversed(written_files(new / name)):
        target = folder / file.name
        renames.append((file.rename(unfinished_name(target)), target))
    new.rmdir()
    return renames


def hidden(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.name.startswith(".")}


def journal_of(folder: Path) -> Path | None:
    return next(folder.glob(f".*{JOURNAL}"), None)


def content(path: Path) -> dict[str, bytes]:
    """Return all files at a path or below, by their names from there."""
    files = (file for file in (path, *path.rglob("*")) if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def visible(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in content(folder).items() if not name.startswith(".")}


def allowed_leftovers(folder: Path) -> set[str]:
    """Return what may stay: new files of which no journal tells, as of a kill while computing."""
    journal = journal_of(folder)
    if journal is not None and journal.stat().st_size > 0:
        return set()
    return {name for name in hidden(folder) if name.endswith(".part")}


@pytest.fixture(scope="module")
def left_by_kills(tmp_path_factory):
    """Return a function that gives the folders which processes killed at every call leave."""
    made = {}

    def left(name: str, *, old: bool, twice: bool) -> list[Path]:
        if (name, old) not in made:
            folder = made[name, old] = tmp_path_factory.mktemp("killed")
            prepare(folder / "before", name, old=old)
            subprocess.run([sys.executable, KILLED, folder, name], check=True, timeout=300)
        found = [p for p in made[name, old].glob("[0-9]*") if ("-" in p.name) == twice]
        assert len(found) > 10
        return found

    return left


WAYS = {
    "read": lambda path: read(path),
    "read by data": lambda path: read(path.with_suffix(".img")),
    "contents": lambda path: contents(path),
    "check_target": lambda path: check_target(path, overwrite=True),
    "written_files": lambda path: written_files(path),
}


@needs_fork
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("name", "way"),
    [*(("a.hdr", way) for way in WAYS), ("a.zarr", "read"), ("a.zarr", "check_target")],
)
def test_whenever_a_process_is_killed_the_old_or_the_new_cube_is_there(
    left_by_kills, tmp_path, name, way, old
):
    outcomes = set()
    for left in left_by_kills(name, old=old, twice=False):
        folder = shutil.copytree(left, tmp_path / left.name)
        leftovers = allowed_leftovers(folder)
        with nullcontext() if old else suppress(FormatError):  # there is nothing yet
            WAYS[way](folder / name)
        assert hidden(folder) <= leftovers, left
        outcome = "nothing"
        if visible(folder):
            cube = read(folder / name)
            outcome = "new" if cube.history else "old"
            np.testing.assert_array_equal(cube.data, NEW if cube.history else OLD, str(left))
        outcomes.add(outcome)
    assert outcomes == {"old" if old else "nothing", "new"}


@needs_fork
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("name", ["a.hdr", "a.zarr"])
def test_a_process_that_finishes_the_work_of_a_killed_one_may_be_killed_too(
    left_by_kills, tmp_path, name, old
):
    folders = left_by_kills(name, old=old, twice=True)
    before = folders[0].with_name("before")
    complete = (
        visible(before),
        {
            re.sub(r"^\.(.*)\.\w{8}\.part", r"\1", key): value
            for key, value in content(before).items()
            if key.startswith(".")
        },
    )
    for folder in folders:
        leftovers = allowed_leftovers(folder)
        finish_replacements(folder / name)
        assert visible(folder) in complete, folder
        assert hidden(folder) <= leftovers, folder


@needs_fork
@pytest.mark.parametrize("old", [True, False])
def test_at_no_moment_does_a_header_lie_beside_pixels_of_another(left_by_kills, old):
    for left in left_by_kills("a.hdr", old=old, twice=False):
        if (header := left / "a.hdr").exists():
            is_new = b"New." in header.read_bytes()
            assert (left / "a.img").read_bytes() == (NEW if is_new else OLD).tobytes(), left


@needs_fork
@pytest.mark.parametrize("old", [True, False])
def test_after_a_kill_the_cube_can_be_written_again(left_by_kills, tmp_path, old):
    for left in left_by_kills("a.hdr", old=old, twice=False):
        folder = shutil.copytree(left, tmp_path / left.name)
        write(HyperCube(OLD + 2), folder / "a.hdr", overwrite=True)
        np.testing.assert_array_equal(read(folder / "a.hdr").data, OLD + 2)
        assert journal_of(folder) is None


def interrupted(folder: Path, name: str = "a.hdr", *, after: int = 2) -> None:
    """Leave a replacement after some of its renames, as a killed process does."""
    renames = prepare(folder, name)
    script = f"""
import os, sys
from pathlib import Path
from napari_dodn.replacing import put_in_place
left = {after}
def die(event, _):
    global left
    if event == "os.rename":
        if left == 0:
            os._exit(0)
        left -= 1
sys.addaudithook(die)
put_in_place(*[(Path(new), Path(name)) for new, name in {[(str(n), str(t)) for n, t in renames]!r}])
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert journal_of(folder) is not None


@pytest.mark.parametrize("name", ["a.hdr", "a.img"])
def test_half_replaced_files_in_a_folder_that_cannot_be_written_are_one_sentence(
    tmp_path, monkeypatch, name
):
    interrupted(tmp_path / "x")
    before = content(tmp_path)
    forbid_writing(monkeypatch)
    with pytest.raises(
        FormatError, match=r"was killed while replacing it.*\(Read-only file system\)\.$"
    ):
        read(tmp_path / "x" / name)
    assert content(tmp_path) == before


@pytest.mark.parametrize("after", [0, 4])
def test_whole_files_in_a_folder_that_cannot_be_written_open(tmp_path, monkeypatch, after):
    interrupted(tmp_path / "x", after=1)
    folder = tmp_path / "x"
    if after == 0:
        prepare(tmp_path / "y", "a.hdr")
        folder = tmp_path / "y"
        new = sorted(hidden(folder), reverse=True)
        journal = [[file, file[1:-14], True] for file in new]
        (folder / f".a.hdr{JOURNAL}").write_text(json.dumps(journal))
    else:
        finished = journal_of(folder).read_bytes()
        finish_replacements(folder / "a.hdr")
        (folder / f".a.hdr{JOURNAL}").write_bytes(finished)
    forbid_writing(monkeypatch)
    np.testing.assert_array_equal(read(folder / "a.hdr").data, OLD if after == 0 else NEW)


def test_another_file_opens_beside_half_replaced_ones_that_cannot_be_finished(
    tmp_path, monkeypatch
):
    interrupted(tmp_path / "x")
    path = write(HyperCube(OLD), tmp_path / "x" / "b.h5")
    assert journal_of(tmp_path / "x") is None
    interrupted(tmp_path / "y")
    shutil.copy(path, tmp_path / "y")
    forbid_writing(monkeypatch)
    np.testing.assert_array_equal(read(tmp_path / "y" / "b.h5").data, OLD)


def forbid_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let journals be read only, as on a file system that is; root may write into any folder."""
    opened = Path.open

    def reading(path: Path, mode: str = "r", *rest: object, **options: object) -> object:
        if "+" in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", reading)


@pytest.mark.parametrize("text", ["", "[", "[[]]", "[[1, 2, 3]]", "[" * 60_000, '{"a": 1}', "7"])
def test_a_journal_that_was_cut_off_is_removed(tmp_path, text):
    path = write(HyperCube(OLD), tmp_path / "a.hdr")
    (tmp_path / f".a.hdr{JOURNAL}").write_text(text)
    np.testing.assert_array_equal(read(path).data, OLD)
    assert not hidden(tmp_path)


@pytest.mark.parametrize(
    ("new", "name"),
    [
        ("victim", "a.hdr"),
        ("../victim", "a.hdr"),
        (".a.hdr.12345678.part", "../a.hdr"),
        ("....12345678.part", ".."),
        (".a\0.12345678.part", "a\0"),
        (".victim.part", "a.hdr"),
    ],
)
def test_a_forged_journal_touches_no_file_of_others(tmp_path, new, name):
    folder = tmp_path / "x"
    folder.mkdir()
    for place in (tmp_path / "victim", folder / "victim", folder / ".victim.part"):
        place.write_text("mine")
    path = write(HyperCube(OLD), folder / "b.hdr")
    (folder / f".a.hdr{JOURNAL}").write_text(json.dumps([[new, name, True]]))
    before = {k: v for k, v in content(tmp_path).items() if JOURNAL not in k}
    read(path)
    assert content(tmp_path) == before


def test_a_file_that_somebody_has_put_in_the_place_meanwhile_is_kept(tmp_path):
    interrupted(tmp_path / "x")
    path = write_by_hand(tmp_path / "x")
    np.testing.assert_array_equal(read(path).data, OLD + 5)
    assert journal_of(tmp_path / "x") is None


def write_by_hand(folder: Path) -> Path:
    """Write a cube as other software does, which knows no journal."""
    other = folder.with_name("other")
    other.mkdir()
    write(HyperCube(OLD + 5), other / "a.hdr")
    for file in other.iterdir():
        shutil.copy(file, folder / file.name)
    return folder / "a.hdr"


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("lost", ["a.hdr", "a.img"])
def test_the_old_cube_comes_back_where_a_new_file_was_deleted_by_hand(tmp_path, after, lost):
    interrupted(tmp_path / "x", after=after)
    found = list((tmp_path / "x").glob(f".{lost}.*.part"))
    assert len(found) == (0 if (after, lost) == (3, "a.img") else 1)
    for file in found:
        file.unlink()
    expected = OLD if found else NEW
    np.testing.assert_array_equal(read(tmp_path / "x" / "a.hdr").data, expected)
    assert not hidden(tmp_path / "x")


@needs_fork
def test_what_a_living_process_is_replacing_is_left_to_it(tmp_path):
    import fcntl

    interrupted(tmp_path / "x", after=1)
    before = content(tmp_path)
    with journal_of(tmp_path / "x").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        finish_replacements(tmp_path / "x" / "a.hdr")
        assert content(tmp_path) == before
        renames = [
            (unfinished_name(p), p) for p in (tmp_path / "x" / n for n in ("a.img", "a.hdr"))
        ]
        with pytest.raises(OSError, match="another process is replacing it"):
            put_in_place(*renames)
    np.testing.assert_array_equal(read(tmp_path / "x" / "a.hdr").data, NEW)


def test_a_new_file_that_is_missing_takes_nothing_away(tmp_path):
    renames = prepare(tmp_path / "x", "a.hdr")
    renames[-1][0].unlink()
    with pytest.raises(FileNotFoundError):
        put_in_place(*renames)
    np.testing.assert_array_equal(read(tmp_path / "x" / "a.hdr").data, OLD)
    assert journal_of(tmp_path / "x") is None


def test_a_file_does_not_take_the_name_of_a_folder(tmp_path):
    kept = tmp_path / "notes.txt" / "kept"
    kept.parent.mkdir()
    kept.write_text("old")
    with pytest.raises(IsADirectoryError):
        replace_text(kept.parent, "new")
    assert list(tmp_path.rglob("*")) == [kept.parent, kept]
    assert kept.read_text() == "old"


def test_a_library_that_was_half_replaced_is_finished_when_it_is_opened(tmp_path):
    library = SpectralLibrary((Spectrum("oak", [1.0, 2.0], [400.0, 500.0]),))
    write_library(library, tmp_path / "a.sli")
    for name in ("a.sli", "a.hdr"):
        (tmp_path / name).rename(tmp_path / f".{name}.12345678.part")
    rows = [[f".{name}.12345678.part", name, False] for name in ("a.sli", "a.hdr")]
    (tmp_path / ".a.sli.12345678.part").rename(tmp_path / "a.sli")
    (tmp_path / f".a.hdr{JOURNAL}").write_text(json.dumps(rows))
    assert read_library(tmp_path / "a.sli").names == ("oak",)
    assert not hidden(tmp_path)


def test_a_folder_of_cubes_has_the_one_whose_replacement_was_interrupted(tmp_path):
    interrupted(tmp_path / "x")
    assert [found.path.name for found in find_cubes([tmp_path / "x"])] == ["a.hdr"]


def test_a_file_reaches_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    calls = []
    replace = Path.replace
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("fsync"))
    monkeypatch.setattr(Path, "replace", lambda *p: (calls.append("rename"), replace(*p))[1])
    with replacing(tmp_path / "a") as unfinished:
        unfinished.write_text("new")
    assert calls[:2] == ["fsync", "rename"]
