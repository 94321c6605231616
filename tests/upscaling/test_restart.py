"""Results that go on where a run was interrupted, and statistics that are measured once."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_dodn import HyperCube, read, write
from napari_dodn.cube import Region
from napari_dodn.formats import FormatError
from napari_dodn.formats.leftovers import leftovers_in_words, remove_leftovers
from napari_dodn.jobs import follow, result_of
from napari_dodn.replacing import remove
from napari_dodn.upscaling import UpscaleError, UpscaleOptions, upscale_steps
from napari_dodn.upscaling.restart import fingerprint
from napari_dodn.upscaling.tiles import tiles_of

SCRIPT = Path(__file__).with_name("killed_upscaling.py")


class Killed(BaseException):
    """Ends a run as a signal would."""


@pytest.fixture
def source(tmp_path):
    """Return an ENVI cube of 5 bands and 150 × 170 pixels, some of them bad."""
    chance = np.random.default_rng(0)
    coarse = chance.standard_normal((5, 15, 17)).repeat(10, axis=1).repeat(10, axis=2)
    data = (coarse + 0.1 * chance.standard_normal((5, 150, 170))).astype(np.float32)
    data[2, 8, 9] = data[4, 140, 160] = 1e6
    (tmp_path / "in").mkdir()
    cube = HyperCube(data, wavelengths=np.linspace(400, 700, 5), nodata=-9)
    return write(cube, tmp_path / "in" / "field.hdr")


def options(model_path, **more):
    return UpscaleOptions(
        **{"scale": 2, "model": model_path, "device": "cpu", "tile": 64, "blur": 0} | more
    )


def broken_off(cube, chosen, output, tiles=2, resume=True, **more):
    """Run until some tiles are done, then end as if killed: nothing is tidied up."""

    def stop(_):
        journals = [file.read_bytes() for file in output.parent.glob(".*.progress")]
        if sum(journal.count(b'"bad"') for journal in journals) >= tiles:
            raise Killed

    with pytest.raises(Killed):
        follow(upscale_steps(cube, chosen, output=output, resume=resume, **more), stop)


def content_of(path):
    """Return the bytes of all files of a result, by their names."""
    files = path.rglob("*") if path.is_dir() else [path, path.with_suffix(".img")]
    return {f.relative_to(path.parent): f.read_bytes() for f in files if f.is_file()}


@pytest.fixture
def one_thread(monkeypatch):
    """Compute in one thread, here and in other processes: the bits depend on their number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    torch.set_num_threads(threads)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.parametrize("name", ["fine.zarr", "fine.hdr"])
@pytest.mark.usefixtures("one_thread")
def test_a_run_that_is_killed_at_random_places_ends_as_an_unbroken_one(
    source, model_path, tmp_path, name
):
    for folder in ("whole", "broken"):
        (tmp_path / folder).mkdir()
    result_of(
        upscale_steps(
            read(source),
            options(model_path, blur="auto"),
            output=tmp_path / "whole" / name,
            resume=False,
        )
    )
    broken = tmp_path / "broken" / name
    words = [sys.executable, SCRIPT, source, model_path, broken, "1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 20
    assert content_of(broken) == content_of(tmp_path / "whole" / name)
    hidden = [file.name for file in broken.parent.iterdir() if file.name.startswith(".")]
    assert not [name for name in hidden if name.endswith((".part", ".progress"))]


def test_files_that_a_killed_process_was_writing_do_not_stay_in_a_result(
    source, model_path, tmp_path
):
    output = tmp_path / "fine.zarr"
    broken_off(read(source), options(model_path), output)
    (shard, *_) = tmp_path.glob(".*.part/cube/c/0/0/0")
    cut_off = shard.with_name(f"{shard.name}.{'0a' * 16}.partial")  # as Zarr calls them
    cut_off.write_bytes(b"cut off")
    result_of(upscale_steps(read(source), options(model_path), output=output, resume=True))
    assert not list(output.rglob("*.partial"))


@pytest.mark.parametrize("name", ["fine.zarr", "fine.hdr"])
def test_what_is_done_is_not_computed_again_and_counts_once(source, model_path, tmp_path, name):
    cube, chosen = read(source), options(model_path)
    broken_off(cube, chosen, tmp_path / name)
    events = []
    done = follow(upscale_steps(cube, chosen, output=tmp_path / name, resume=True), events.append)
    begun = next(event.done for event in events if event.message == "Super-resolving")
    assert begun > 0
    assert not [event for event in events if "Measuring" in event.message and event.done]
    assert done.remarks == ("2 outliers were left out.",)
    expected = result_of(upscale_steps(cube, chosen)).cube
    np.testing.assert_allclose(done.cube.data, expected.data, rtol=1e-5, atol=1e-5)
    assert done.cube.history == expected.history


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"blur": 0.5}, "sensor blur"),
        ({"precision": "bfloat16"}, "precision"),
        ({"self_ensemble": True}, "views"),
        ({"tile": 32}, "tile"),
    ],
)
def test_another_run_does_not_go_on_and_says_what_differs(
    source, model_path, tmp_path, change, named
):
    output = tmp_path / "fine.zarr"
    broken_off(read(source), options(model_path), output)
    with pytest.raises(UpscaleError, match=f"a different {named}: "):
        result_of(
            upscale_steps(read(source), options(model_path, **change), output=output, resume=True)
        )
    assert result_of(
        upscale_steps(read(source), options(model_path, tile="auto"), output=output, resume=True)
    )


def test_a_source_that_has_changed_does_not_go_on(source, model_path, tmp_path):
    output = tmp_path / "fine.hdr"
    broken_off(read(source), options(model_path), output)
    changed = read(source).derive(np.asarray(read(source).data) + 1)
    write(changed, source, overwrite=True)
    with pytest.raises(UpscaleError, match="a different source's files"):
        result_of(upscale_steps(read(source), options(model_path), output=output, resume=True))


def test_an_unfinished_result_stays_unless_it_may_be_overwritten(source, model_path, tmp_path):
    output = tmp_path / "fine.hdr"
    broken_off(read(source), options(model_path), output)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UpscaleError, match="continue it \\(--resume\\) or start over"):
        result_of(upscale_steps(read(source), options(model_path), output=output, resume=False))
    assert sorted(tmp_path.iterdir()) == before
    steps = upscale_steps(
        read(source), options(model_path, blur=0.3), output=output, resume=False, overwrite=True
    )
    assert "0.30" in result_of(steps).cube.history[-1]
    assert {file.name for file in tmp_path.iterdir()} == {"in", "fine.hdr", "fine.img"}


@pytest.mark.parametrize("name", ["fine.zarr", "fine.hdr"])
def test_tiles_of_a_result_that_is_gone_are_not_taken_for_done(source, model_path, tmp_path, name):
    cube, chosen, output = read(source), options(model_path), tmp_path / name
    broken_off(cube, chosen, output, resume=False)
    assert [file.name for file in tmp_path.iterdir()] == ["in"]
    broken_off(cube, chosen, output)
    (journal,) = tmp_path.glob(".*.progress")
    (unfinished,) = tmp_path.glob(".*.part")
    stale = journal.read_bytes()
    remove(unfinished)
    broken_off(cube, chosen, output, tiles=0)  # while it is measured
    assert not list(tmp_path.glob(".*.progress"))
    journal.write_bytes(stale)
    remove(unfinished)
    broken_off(cube, chosen, output, tiles=0)
    done = result_of(upscale_steps(cube, chosen, output=output, resume=True))
    expected = result_of(upscale_steps(cube, chosen)).cube
    np.testing.assert_allclose(done.cube.data, expected.data, rtol=1e-5, atol=1e-5)


def test_what_is_unfinished_is_never_opened(source, model_path, tmp_path):
    broken_off(read(source), options(model_path), tmp_path / "fine.zarr")
    (unfinished,) = tmp_path.glob(".*.part")
    with pytest.raises(FormatError, match="is not finished"):
        read(unfinished)
    with pytest.raises(FormatError, match="is not finished"):
        read(unfinished.rename(tmp_path / "renamed.zarr"))


@pytest.mark.parametrize("name", ["fine.h5", "fine.mat"])
def test_formats_that_cannot_go_on_say_so(source, model_path, tmp_path, name):
    with pytest.raises(FormatError, match="its format does not allow it; write .hdr"):
        result_of(
            upscale_steps(read(source), options(model_path), output=tmp_path / name, resume=True)
        )


@pytest.mark.parametrize("function", ["replace_text", "os.fsync"])
def test_a_journal_whose_disk_is_full_is_one_sentence_and_nothing_is_lost(
    source, model_path, tmp_path, monkeypatch, function
):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    output = tmp_path / "fine.zarr"
    broken_off(read(source), options(model_path), output)
    before = {path.name for path in tmp_path.iterdir()}
    again = {"output": output, "resume": True}
    said = "progress cannot be written: its disk is full; free some space"
    with monkeypatch.context() as patch:
        patch.setattr(f"napari_dodn.upscaling.restart.{function}", full)
        with pytest.raises(FormatError, match=said):
            result_of(upscale_steps(read(source), options(model_path), **again))
    assert {path.name for path in tmp_path.iterdir()} == before
    done = result_of(upscale_steps(read(source), options(model_path), **again))
    expected = result_of(upscale_steps(read(source), options(model_path))).cube
    np.testing.assert_array_equal(done.cube.data, expected.data)


def test_a_line_that_was_cut_off_does_not_count(source, model_path, tmp_path):
    output = tmp_path / "fine.zarr"
    broken_off(read(source), options(model_path), output, tiles=3)
    (journal,) = tmp_path.glob(".*.progress")
    journal.write_bytes(journal.read_bytes()[:-20])
    done = result_of(upscale_steps(read(source), options(model_path), output=output, resume=True))
    expected = result_of(upscale_steps(read(source), options(model_path))).cube
    np.testing.assert_array_equal(done.cube.data, expected.data)


def test_a_file_beside_band_images_does_not_make_another_cube_of_them(tmp_path):
    for band in (1, 2):
        tifffile.imwrite(tmp_path / f"band_{band}.tif", np.full((9, 9), band, np.uint16))
    before = fingerprint(read(tmp_path))
    (tmp_path / ".fine.img.00000000.part").touch()
    assert fingerprint(read(tmp_path)) == before


def test_statistics_are_measured_once_and_read_by_all_others(source, model_path, tmp_path):
    cube, file = read(source), tmp_path / "statistics.json"
    chosen = options(model_path, blur="auto")
    whole = result_of(upscale_steps(cube, chosen, statistics=file)).cube
    events = []
    steps = upscale_steps(cube, chosen, statistics=file, region=Region(0, 40, 0, 50))
    part = follow(steps, events.append).cube
    assert not [event for event in events if event.message.startswith("Measuring") and event.done]
    np.testing.assert_allclose(part.data, np.asarray(whole.data)[:, :80, :100], atol=1e-5)


def test_statistics_of_another_cube_are_refused(source, model_path, tmp_path):
    cube, file = read(source), tmp_path / "statistics.json"
    result_of(upscale_steps(cube, options(model_path), statistics=file))
    other = cube.derive(np.asarray(cube.data)[:, ::-1])
    with pytest.raises(UpscaleError, match="statistics of another cube"):
        result_of(upscale_steps(other, options(model_path), statistics=file))
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"version": "0.0.1"}))
    with pytest.raises(UpscaleError, match=r"was measured by version 0\.0\.1"):
        result_of(upscale_steps(cube, options(model_path), statistics=file))
    file.write_text(json.dumps({"source": 1}))
    with pytest.raises(UpscaleError, match="is damaged"):
        result_of(upscale_steps(cube, options(model_path), statistics=file))


@pytest.mark.parametrize("unit", [1, 7, 8, 20])
def test_tiles_meet_at_multiples_of_their_unit(unit):
    region = Region(3, 40, 5, 77)
    count = np.zeros((50, 90), int)
    for tile in tiles_of(region, 16, unit):
        count[tile.slices] += 1
        assert max(tile.shape) <= 16
        if unit <= 16:
            assert (tile.y0 - 3) % unit == (tile.x0 - 5) % unit == 0
    assert (count[region.slices] == 1).all()
    assert count.sum() == 37 * 72


def test_what_can_be_gone_on_with_is_not_taken_for_rubbish(
    source, model_path, tmp_path, monkeypatch
):
    monkeypatch.setattr("napari_dodn.formats.leftovers.QUIET", -1)
    broken_off(read(source), options(model_path), tmp_path / "fine.zarr")
    (kept,) = remove_leftovers(tmp_path)
    assert "with --resume continues it" in kept.kept
    told = leftovers_in_words(tmp_path / "other.hdr")
    assert "holds an unfinished fine.zarr" in told
    assert told.endswith("the command that made it continues it with --resume.")
    assert leftovers_in_words(tmp_path / "fine.zarr") == ""
    assert kept.path.is_dir()
    remove(kept.path)
    (journal,) = remove_leftovers(tmp_path)
    assert journal.path.name.endswith(".progress")
    assert [file.name for file in tmp_path.iterdir()] == ["in"]
