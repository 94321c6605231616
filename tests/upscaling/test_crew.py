"""Results by several processes: workers of this machine, of a cluster, and parts of one result."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from napari_dodn import HyperCube, read, write
from napari_dodn.formats import FormatError
from napari_dodn.jobs import CancelledError, result_of
from napari_dodn.replacing import remove
from napari_dodn.upscaling import UpscaleError, UpscaleOptions, part_steps, upscale_steps
from napari_dodn.upscaling.crew import DaskCrew, LocalCrew


@pytest.fixture
def source(tmp_path):
    """Return an ENVI cube of 3 bands and 192 × 200 pixels."""
    chance = np.random.default_rng(0)
    coarse = chance.standard_normal((3, 24, 25)).repeat(8, axis=1).repeat(8, axis=2)
    data = (coarse + 0.1 * chance.standard_normal((3, 192, 200))).astype(np.float32)
    data[2, 8, 9] = data[1, 180, 160] = 1e6
    (tmp_path / "in").mkdir()
    return write(HyperCube(data), tmp_path / "in" / "field.hdr")


@pytest.fixture
def options(model_path, monkeypatch):
    monkeypatch.setattr("napari_dodn.formats.arrays.zarr_layout.SHARD_SIDES", (128,))
    return UpscaleOptions(scale=2, model=model_path, device="cpu", tile=128)


@pytest.fixture
def whole(source, options):
    """Return what one process makes."""
    return result_of(upscale_steps(read(source), options))


@pytest.fixture
def statistics(source, options, tmp_path):
    path = tmp_path / "statistics.json"
    result_of(upscale_steps(read(source), options, statistics=path))
    return path


WHILE = 20
"""Seconds."""


def workers():
    import psutil

    children = psutil.Process().children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def resume(worker):
    import psutil

    with suppress(psutil.NoSuchProcess):
        worker.resume()


class DyingCrew(LocalCrew):
    """Kills one of its workers after the first tile."""

    killed = False

    def _pooled(self, work, parts, cancelled):
        for done in super()._pooled(work, parts, cancelled):
            yield done
            if not self.killed:
                self.killed = True
                os.kill(workers()[0].pid, signal.SIGKILL)


class StuckCrew(LocalCrew):
    """Has its workers stand still for a while after the first tile, as in a long one."""

    stuck = False

    def _pooled(self, work, parts, cancelled):
        for done in super()._pooled(work, parts, cancelled):
            for worker in workers():
                worker.suspend()
                timer = threading.Timer(WHILE, lambda worker=worker: resume(worker))
                timer.daemon = True
                timer.start()
            self.stuck = True
            yield done


@pytest.mark.parametrize("name", ["fine.zarr", "fine.hdr"])
def test_two_workers_make_what_one_process_makes(source, options, whole, tmp_path, name):
    steps = upscale_steps(read(source), options, output=tmp_path / name, crew=LocalCrew(2))
    done = result_of(steps)
    np.testing.assert_allclose(done.cube.data, whole.cube.data, atol=1e-5)
    assert done.remarks == whole.remarks
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_tiles_of_a_worker_that_dies_are_done_by_others(source, model_path, whole, tmp_path):
    options = UpscaleOptions(scale=2, model=model_path, device="cpu", tile=64)
    crew = DyingCrew(2)
    done = result_of(upscale_steps(read(source), options, output=tmp_path / "fine.hdr", crew=crew))
    assert crew.killed
    np.testing.assert_allclose(done.cube.data, whole.cube.data, atol=1e-5)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows may keep files of a killed process")
def test_a_run_that_is_cancelled_does_not_wait_for_tiles(source, options, tmp_path):
    before, crew = sorted(tmp_path.iterdir()), StuckCrew(1)
    output = tmp_path / "fine.zarr"
    steps = upscale_steps(
        read(source), options, output=output, crew=crew, cancelled=lambda: crew.stuck
    )
    with pytest.raises(CancelledError):
        for _ in steps:
            begun = time.monotonic()
    assert time.monotonic() - begun < WHILE / 2
    assert sorted(tmp_path.iterdir()) == before


def test_workers_that_are_cancelled_leave_nothing(source, options, tmp_path):
    steps = upscale_steps(
        read(source),
        options,
        output=tmp_path / "fine.zarr",
        crew=LocalCrew(1),
        cancelled=iter([False] * 8 + [True] * 99).__next__,
    )
    with pytest.raises(CancelledError):
        result_of(steps)
    assert {file.name for file in tmp_path.iterdir()} == {"in"}


def test_parts_are_gathered_into_what_one_process_makes(
    source, options, whole, statistics, tmp_path
):
    output = tmp_path / "fine.zarr"
    for number in (3, 1):
        result_of(part_steps(read(source), options, output, (number, 3), statistics))
    with pytest.raises(UpscaleError, match="of 4 tiles .* are not done"):
        result_of(
            upscale_steps(read(source), options, output=output, gather=True, statistics=statistics)
        )
    result_of(part_steps(read(source), options, output, (2, 3), statistics))
    done = result_of(
        upscale_steps(read(source), options, output=output, gather=True, statistics=statistics)
    )
    np.testing.assert_allclose(done.cube.data, whole.cube.data, atol=1e-5)
    assert done.cube.history == whole.cube.history
    left = [file.name for file in tmp_path.iterdir() if file.name.startswith(".")]
    assert not [name for name in left if not name.endswith("-lock")]


def test_a_result_that_no_part_has_begun_is_not_gathered(source, options, statistics, tmp_path):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UpscaleError, match=r"no unfinished result for .*fine\.zarr"):
        result_of(upscale_steps(read(source), options, output=tmp_path / "fine.zarr", gather=True))
    assert sorted(tmp_path.iterdir()) == before


def test_parts_of_a_result_that_is_gone_do_not_count(source, options, statistics, tmp_path):
    output = tmp_path / "fine.zarr"
    result_of(part_steps(read(source), options, output, (1, 2), statistics))
    (unfinished,) = tmp_path.glob(".*.part")
    remove(unfinished)
    result_of(part_steps(read(source), options, output, (2, 2), statistics))
    with pytest.raises(UpscaleError, match="2 of 4 tiles .* are not done"):
        result_of(upscale_steps(read(source), options, output=output, gather=True))


def test_parts_of_different_results_are_not_mixed(source, options, statistics, tmp_path):
    output = tmp_path / "fine.zarr"
    result_of(part_steps(read(source), options, output, (1, 2), statistics))
    from dataclasses import replace

    other = replace(options, blur=0.5)
    with pytest.raises(UpscaleError, match="a different sensor blur"):
        result_of(part_steps(read(source), other, output, (1, 2), statistics))
    # Also before it is computed in vain, where it would be the first of its number.
    with pytest.raises(UpscaleError, match="a different sensor blur"):
        result_of(part_steps(read(source), other, output, (2, 2), statistics))
    (journal,) = tmp_path.glob(".*.progress")
    aside = journal.rename(tmp_path / "aside")
    result_of(part_steps(read(source), other, output, (2, 2), statistics))
    aside.rename(journal)
    with pytest.raises(UpscaleError, match="belongs to another result: sensor blur"):
        result_of(upscale_steps(read(source), options, output=output, gather=True))


def test_formats_that_several_machines_cannot_write_are_refused(
    source, options, statistics, tmp_path
):
    with pytest.raises(FormatError, match="in parts by several machines; write .zarr"):
        result_of(part_steps(read(source), options, tmp_path / "a.hdr", (1, 2), statistics))


def test_a_tile_of_several_processes_is_whole_shards(source, options, tmp_path):
    from dataclasses import replace

    with pytest.raises(UpscaleError, match="a multiple of 64 pixels here, not 50"):
        result_of(
            upscale_steps(
                read(source),
                replace(options, tile=50),
                output=tmp_path / "fine.zarr",
                crew=LocalCrew(2),
            )
        )


def test_tiles_of_one_process_that_are_parts_of_shards_are_not_shared_out(
    source, options, whole, tmp_path
):
    from dataclasses import replace

    output, small = tmp_path / "fine.zarr", replace(options, tile=50)

    def begun():
        return any(b'"bad"' in file.read_bytes() for file in tmp_path.glob(".*.progress"))

    with pytest.raises(CancelledError):
        result_of(upscale_steps(read(source), small, output=output, resume=True, cancelled=begun))
    for tile in (50, "auto"):
        again = replace(options, tile=tile)
        steps = upscale_steps(read(source), again, output=output, resume=True, crew=LocalCrew(2))
        with pytest.raises(UpscaleError, match="continue it in one process"):
            result_of(steps)
    done = result_of(upscale_steps(read(source), small, output=output, resume=True))
    np.testing.assert_allclose(done.cube.data, whole.cube.data, atol=1e-5)


def test_a_dask_cluster_makes_what_one_process_makes(source, options, whole, tmp_path):
    distributed = pytest.importorskip("distributed")
    from napari_dodn.upscaling.crew import DaskCrew

    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        crew = DaskCrew(cluster.scheduler_address)
        done = result_of(
            upscale_steps(read(source), options, output=tmp_path / "fine.zarr", crew=crew)
        )
        crew.close()
    np.testing.assert_allclose(done.cube.data, whole.cube.data, atol=1e-5)


def test_a_cluster_whose_workers_die_is_told_how_many_it_was(monkeypatch):
    distributed = pytest.importorskip("distributed")

    class Tile:
        def result(self):
            raise distributed.KilledWorker("tile", None, 5)

    def ready(tiles, *_):
        return SimpleNamespace(done=tiles)

    monkeypatch.setattr(distributed, "wait", ready)
    crew = object.__new__(DaskCrew)
    crew._client = SimpleNamespace(
        nthreads=lambda: {"a": 1}, submit=lambda *_, **__: Tile(), cancel=list
    )
    with pytest.raises(UpscaleError, match="have died 6 times at one tile"):
        list(crew.tiles(None, [None], lambda: False))
