"""Many cubes: which are done, what their results are called, and the report."""

import csv
import errno
import json
import os
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import napari_dodn
from napari_dodn import HyperCube
from napari_dodn.batch import (
    BatchError,
    Row,
    Task,
    batch_steps,
    check_names,
    matching,
    tasks_of,
)
from napari_dodn.cli.many import show
from napari_dodn.errors import UserError
from napari_dodn.formats import has_pyramid
from napari_dodn.formats.finding import find_cubes
from napari_dodn.jobs import Progress, follow, result_of
from napari_dodn.upscaling import UpscaleOptions, upscale_steps


@pytest.fixture
def scenes(tmp_path):
    """Return a folder of three cubes and a damaged one."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    chance = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        data = chance.integers(0, 4000, (4, 10, 9)).astype(np.uint16)
        napari_dodn.write(HyperCube(data, wavelengths=[450, 500, 550, 600]), folder / f"{name}.hdr")
    (folder / "bad.hdr").write_text("ENVI\nsamples = 9\n")
    return folder


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {row["source"].rpartition("/")[2]: row for row in csv.DictReader(file)}


def test_every_cube_of_a_folder_is_upscaled_past_a_bad_one(run, scenes, tmp_path):
    results, report = tmp_path / "results", tmp_path / "report.csv"
    words = ("upscale", scenes, results, "--scale", 2, "--blur", 0, "--report", report)
    code, out, _ = run(*words)
    assert code == 1
    assert "3 done, 0 skipped, 1 failed" in out
    assert napari_dodn.read(results / "b-x2.hdr").shape == (4, 20, 18)
    rows = rows_of(report)
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.hdr": "done",
        "b.hdr": "done",
        "bad.hdr": "failed",
        "c.hdr": "done",
    }
    assert "bad.hdr" in rows["bad.hdr"]["reason"]
    assert rows["a.hdr"]["output"] == str(results / "a-x2.hdr")
    assert float(rows["a.hdr"]["blur"]) == 0


def test_a_report_names_files_whose_names_are_not_utf8(tmp_path):
    report = tmp_path / "report.csv"
    show([Row(Path("\udce9tude.hdr"), "done")], report, as_json=False)
    assert "\\udce9tude.hdr,done" in report.read_text(encoding="utf-8")


def test_a_report_does_not_take_the_place_of_a_result(run, scenes, tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    code, _, err = run("convert", scenes, results, "--report", results / "b.img")
    assert code == 1
    assert "OUT and --report would both write" in err
    assert not list(results.iterdir())


def test_what_is_done_already_is_skipped_and_the_rest_is_done(run, scenes, tmp_path):
    results = tmp_path / "results"
    assert run("upscale", scenes / "a.hdr", scenes / "b.hdr", results, "--scale", 2)[0] == 0
    before = (results / "a-x2.img").stat().st_mtime_ns
    code, out, _ = run("upscale", scenes, results, "--scale", 2, "--json")
    assert code == 1
    status = {row["source"].rpartition("/")[2]: row["status"] for row in json.loads(out)}
    assert status == {"a.hdr": "skipped", "b.hdr": "skipped", "bad.hdr": "failed", "c.hdr": "done"}
    assert (results / "a-x2.img").stat().st_mtime_ns == before
    run("upscale", scenes / "a.hdr", scenes / "b.hdr", results, "--scale", 2, "--overwrite")
    assert (results / "a-x2.img").stat().st_mtime_ns > before


def test_a_result_without_the_pyramid_that_was_asked_for_is_not_done(run, scenes, tmp_path):
    results = tmp_path / "results"
    words = ("upscale", scenes / "a.hdr", scenes / "b.hdr", results, "--scale", 2, "--json")
    words += ("--names", "{stem}.zarr")
    assert run(*words)[0] == 0
    pixels = np.asarray(napari_dodn.read(results / "a.zarr").data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("napari_dodn.formats.arrays.zarr_pyramid.TOP", 16)
        code, out, _ = run(*words, "--pyramid")
        assert code == 0
        assert [row["status"] for row in json.loads(out)] == ["done", "done"]
        assert has_pyramid(results / "a.zarr")
        np.testing.assert_array_equal(napari_dodn.read(results / "a.zarr").data[:], pixels)
        _, out, _ = run(*words, "--pyramid")
        assert [row["status"] for row in json.loads(out)] == ["skipped", "skipped"]


def test_a_pattern_stands_for_the_cubes_that_match_it_once_each(run, scenes, tmp_path):
    code, out, _ = run("convert", scenes / "[ab].*", tmp_path / "out", "--names", "{number}.npz")
    assert code == 0
    assert "2 done" in out
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["1.npz", "2.npz"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a.hdr", "is already the result of"), ("A.hdr", "differ only in capital letters")],
)
def test_two_cubes_of_one_name_do_not_share_a_result(run, scenes, tmp_path, name, reason):
    other = tmp_path / "other"
    other.mkdir()
    napari_dodn.write(napari_dodn.read(scenes / "a.hdr"), other / name)
    words = ("convert", scenes / "a.hdr", other / name, tmp_path / "out")
    code, out, _ = run(*words)
    assert code == 1
    assert reason in out
    assert "1 done" in out
    code, out, _ = run(*words, "--names", "{folder}/{stem}.mat")
    assert code == 0
    assert (tmp_path / "out" / "other" / name).with_suffix(".mat").is_file()


def test_one_cube_as_json_is_a_report_of_one_row(run, scenes, tmp_path):
    code, out, _ = run("convert", scenes / "a.hdr", tmp_path / "a.mat", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert (row["status"], row["output"]) == ("done", str(tmp_path / "a.mat"))


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["nothing*.hdr", "out"], "No file matches"),
        (["a.hdr", "b.hdr", "out.hdr"], "OUT must be a folder if there are several"),
        ([".", "out.hdr"], "OUT must be a folder if there are several"),
        (
            ["a.hdr", "b.hdr", "out", "--names", "{title}.hdr"],
            "holds '{title}', which is not one of {stem}",
        ),
        (["a.hdr", "b.hdr", "out", "--names", "{stem.hdr"], "may hold only text"),
        (["a.hdr", "b.hdr", "out", "--names", "{stem}"], "must end with one of .hdr"),
        (["a.hdr", "b.hdr", "out", "--names", "{stem:d}.hdr"], "may hold only text"),
        (
            ["a.hdr", "b.hdr", "out", "--names", "{stem[0]}.hdr"],
            "holds '{stem[0]}', which is not one of",
        ),
        (
            ["a.hdr", "b.hdr", "out", "--report", "a.img"],
            "a.img already exists and is not a",
        ),
        (["a.hdr", "a.mat", "--report", "a.img"], "a.img already exists and is not a"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_in_a_sentence(
    run, scenes, monkeypatch, words, fault
):
    monkeypatch.chdir(scenes)
    before = sorted(scenes.iterdir())
    code, _, err = run("convert", *words)
    assert code == 1
    assert fault in err
    assert sorted(scenes.iterdir()) == before


def test_results_are_compared_with_the_references_of_their_names(run, scenes, tmp_path):
    results = tmp_path / "results"
    run("upscale", scenes / "a.hdr", scenes / "b.hdr", results, "--scale", 2)
    truth = tmp_path / "truth"
    run("convert", results / "a-x2.hdr", results / "b-x2.hdr", truth)
    (truth / "a-x2.hdr").rename(truth / "a.hdr")
    (truth / "a-x2.img").rename(truth / "a.img")
    (truth / "b-x2.hdr").unlink()
    code, out, _ = run("evaluate", results, truth, "--json")
    rows = {row["source"].rpartition("/")[2]: row for row in json.loads(out)}
    assert code == 1
    assert rows["a-x2.hdr"]["rmse"] == 0
    assert rows["a-x2.hdr"]["reference"] == str(truth / "a.hdr")
    assert "has no reference" in rows["b-x2.hdr"]["reason"]


def test_several_results_are_compared_with_one_reference(run, scenes):
    words = ("evaluate", scenes / "a.hdr", scenes / "b.hdr", scenes / "a.hdr")
    code, out, _ = run(*words, "--json")
    assert code == 0
    assert [row["rmse"] == 0 for row in json.loads(out)] == [True, False]


@pytest.mark.parametrize("command", ["convert", "evaluate"])
def test_an_option_about_one_cube_is_refused_with_many_and_not_forgotten(run, scenes, command):
    code, _, err = run(command, scenes, scenes.parent / "out", "--nodata", "0")
    assert code == 2
    assert "--nodata cannot be used with several" in err


def test_a_result_never_takes_the_place_of_its_source(run, scenes):
    before = (scenes / "a.img").read_bytes()
    words = (scenes / "a.hdr", scenes / "b.hdr", scenes, "--overwrite")
    code, out, _ = run("convert", *words)
    assert code == 1
    assert out.count("is the file that the source comes from") == 2
    assert (scenes / "a.img").read_bytes() == before


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    (tmp_path / "a[1].hdr").write_text("")
    assert matching([str(tmp_path / "a[1].hdr")]) == [tmp_path / "a[1].hdr"]


def test_names_may_hold_what_the_command_knows():
    check_names("{folder}/{stem}-{model}.zarr", {"model": "dodn-x4"})
    with pytest.raises(BatchError):
        check_names("{stem}-{model}.zarr", {})


def test_results_beside_their_sources_are_no_sources(run, scenes):
    (scenes / "bad.hdr").unlink()
    words = ("upscale", scenes, scenes, "--scale", 2, "--blur", 0)
    assert run(*words)[0] == 0
    names = sorted(file.name for file in scenes.iterdir())
    code, out, _ = run(*words, "--json")
    assert code == 0
    reasons = {row["source"].rpartition("/")[2]: row["reason"] for row in json.loads(out)}
    assert reasons["a-x2.hdr"] == f"{scenes / 'a-x2.hdr'} is the result of {scenes / 'a.hdr'}."
    assert reasons["a.hdr"] == f"{scenes / 'a-x2.hdr'} already exists."
    assert "3 done, 3 skipped" in run(*words, "--overwrite")[1]
    assert sorted(file.name for file in scenes.iterdir()) == names


def test_a_result_never_takes_the_place_of_another_source(run, scenes):
    (scenes / "bad.hdr").unlink()
    napari_dodn.write(napari_dodn.read(scenes / "b.hdr"), scenes / "a.npz")
    before = (scenes / "a.npz").read_bytes()
    words = ("convert", scenes, scenes, "--names", "{stem}.npz")
    code, out, _ = run(*words, "--overwrite")
    assert code == 1
    assert f"would replace {scenes / 'a.npz'}, which is a source" in out
    assert (scenes / "a.npz").read_bytes() == before
    assert run(*words)[0] == 0


def test_an_earlier_report_is_replaced(run, scenes, tmp_path):
    report = tmp_path / "report.csv"
    words = ("convert", scenes / "a.hdr", scenes / "b.hdr", tmp_path / "out", "--report", report)
    assert run(*words)[0] == 0
    assert run(*words)[0] == 0
    assert {row["status"] for row in rows_of(report).values()} == {"skipped"}
    words = ("convert", scenes / "a.hdr", tmp_path / "a.mat", "--report", report)
    assert run(*words)[0] == 0
    assert list(rows_of(report)) == ["a.hdr"]


def test_what_was_done_is_told_where_the_report_cannot_be_written(
    run, scenes, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("napari_dodn.cli.many.replace_text", full)
    words = ("convert", scenes / "a.hdr", scenes / "b.hdr", tmp_path / "out")
    code, out, err = run(*words, "--report", tmp_path / "report.csv")
    assert code == 1
    assert "2 done" in out
    assert "report.csv cannot be written: its disk is full; free some space and try again." in err


def test_the_dataset_counts_in_every_file(run, scenes, tmp_path):
    for name in ("first", "second"):
        np.savez(scenes / f"{name}.npz", other=np.ones((4, 5, 6)))
    words = (scenes / "first.npz", scenes / "second.npz", tmp_path / "out")
    code, out, _ = run("convert", *words, "--dataset", "cube")
    assert (code, out.count("cube")) >= (1, 2)
    assert "0 done" in out
    assert run("convert", *words, "--dataset", "other")[0] == 0


def test_figures_that_json_has_no_word_for_are_null(run, scenes):
    words = ("evaluate", scenes / "a.hdr", scenes / "a.hdr", scenes / "a.hdr", "--json")
    code, out, _ = run(*words)
    assert code == 0
    (row, *_) = json.loads(out, parse_constant=pytest.fail)
    assert row["psnr"] is None


def test_memory_that_does_not_suffice_ends_one_cube_and_not_the_rest(tmp_path):
    def failing(error):
        raise error
        yield

    errors = [RuntimeError("CUDA out of memory."), np.linalg.LinAlgError("no convergence")]
    items = [Task(tmp_path / "a.hdr", lambda e=error: failing(e)) for error in errors]
    rows = result_of(batch_steps(items, []))
    assert [row.status for row in rows] == ["failed", "failed"]
    assert rows[0].reason == "There is not enough memory."


@pytest.mark.parametrize("together", [1, 2])
def test_an_error_that_nobody_has_foreseen_is_raised_when_the_rest_is_done(tmp_path, together):
    def failing():
        raise TypeError("shape")
        yield

    def working():
        yield Progress(0, 1, "Working")
        return {}

    items = [Task(tmp_path / "a.hdr", failing), Task(tmp_path / "b.hdr", working)]
    rows = []
    with pytest.raises(TypeError, match="shape"):
        result_of(batch_steps(items, rows, together))
    assert {row.source.name: row.status for row in rows} == {"a.hdr": "failed", "b.hdr": "done"}
    (reason,) = (row.reason for row in rows if row.reason)
    assert reason == f"{tmp_path / 'a.hdr'} cannot be done: TypeError: shape"


def test_some_cubes_at_a_time_wait_for_each_other_and_not_for_a_bad_one():
    barrier = threading.Barrier(2, timeout=30)

    def work(number):
        yield Progress(1, 2, "Working")
        if number == 1:
            raise UserError("It is bad.")
        barrier.wait()
        return {"number": number}

    items = [Task(Path(f"{n}.hdr"), partial(work, n)) for n in range(3)]
    items.append(Row(Path("3.hdr"), "skipped", "It is there."))
    events, rows = [], []
    follow(batch_steps(items, rows, together=3), events.append)
    states = {row.source.name: (row.status, row.reason) for row in rows}
    assert states == {
        "0.hdr": ("done", ""),
        "1.hdr": ("failed", "It is bad."),
        "2.hdr": ("done", ""),
        "3.hdr": ("skipped", "It is there."),
    }
    assert (events[-1].done, events[-1].total) == (4000, 4000)


def test_cubes_at_a_time_are_stopped_together():
    stopped = []

    def work(number):
        try:
            while True:
                time.sleep(0.01)
                yield Progress(0, 1, "Working")
        finally:
            stopped.append(number)

    items = [Task(Path(f"{n}.hdr"), partial(work, n)) for n in range(5)]
    steps = batch_steps(items, [], together=2)
    next(steps)
    steps.close()
    assert sorted(stopped) == [0, 1]


def test_what_is_done_while_cubes_at_a_time_are_stopped_is_in_the_report():
    gate = threading.Event()

    def first():
        yield Progress(0, 1, "Working")
        return {}

    def second():
        yield Progress(0, 1, "Working")
        gate.wait(10)
        return {}

    rows = []
    steps = batch_steps([Task(Path("0.hdr"), first), Task(Path("1.hdr"), second)], rows, together=2)
    next(steps)
    time.sleep(0.2)
    threading.Timer(0.2, gate.set).start()
    steps.close()
    assert sorted(row.source.name for row in rows) == ["0.hdr", "1.hdr"]


def test_what_the_reader_found_out_and_what_went_wrong_stands_below_the_table(
    run, scenes, tmp_path
):
    header = scenes / "a.hdr"
    lines = header.read_text().splitlines()
    header.write_text("\n".join(line for line in lines if not line.startswith("byte order")))
    _, out, _ = run("convert", scenes, tmp_path / "results", "--names", "{stem}.npz")
    _, _, below = out.partition("└")
    assert f"{header}: " in below
    assert "byte order" in below
    assert f"{scenes / 'bad.hdr'}: " in below
    _, out, _ = run("convert", header, scenes / "b.hdr", tmp_path / "more", "--json")
    assert "byte order" in json.loads(out)[0]["notes"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--names", "{stem}.h5", "--workers", 2), 1, "{stem}.h5 cannot be written by several"),
        (("--names", "{stem}.zarr", "--part", "1/2", "--overwrite"), 2, "--overwrite cannot be"),
        (("--part", "1/2", "--gather"), 2, "--gather cannot be used with --part."),
        (("--part", "1/2", "--workers", 2), 2, "--workers cannot be used with --part."),
        (("--part", "1/2", "--scheduler", "a"), 2, "--scheduler cannot be used with --part."),
        (("--part", "1/2", "--report", "a"), 2, "--report cannot be used with --part."),
        (("--part", "1/2", "--json"), 2, "--json cannot be used with --part."),
    ],
)
def test_what_processes_cannot_share_is_refused_before_anything_is_made(
    run, scenes, tmp_path, words, code, sentence
):
    found, _, err = run("upscale", scenes, tmp_path / "results", "--scale", 2, *words)
    assert found == code
    assert sentence in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "goes_on"), [((), "; the same command continues"), (("--overwrite",), "")]
)
def test_an_interrupted_batch_says_how_much_is_left(
    run, scenes, tmp_path, monkeypatch, words, goes_on
):
    def work(cube, output, **_):
        if output.stem == "b":
            raise KeyboardInterrupt
        return write(cube, output)

    write = napari_dodn.write
    monkeypatch.setattr("napari_dodn.formats.write", work)
    code, out, err = run("convert", scenes, tmp_path / "results", *words)
    assert code == 130
    assert "1 done, 0 skipped, 0 failed." in out
    assert f"Interrupted: 2 of 4 are left{goes_on}." in " ".join(err.split())


@pytest.mark.parametrize(("inside", "given"), [("", "a.hdr"), ("", "./a.hdr"), ("deeper", "..")])
def test_the_folder_in_a_name_is_that_of_the_file_however_its_path_is_written(
    scenes, monkeypatch, inside, given
):
    (scenes / "deeper").mkdir()
    monkeypatch.chdir(scenes / inside)
    items = tasks_of(find_cubes([given]), Path("results"), "{folder}/{stem}.hdr", {}, None)
    outputs = [item.more["output"] for item in items if isinstance(item, Task)]
    assert outputs[0] == Path("results/scenes/a.hdr")


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_folder_of_results_that_cannot_be_made_is_a_sentence(run, scenes, tmp_path, inside):
    folder = tmp_path / "a file"
    folder.write_text("")
    code, out, _ = run("convert", scenes, folder / inside)
    assert code == 1
    assert f"{folder / inside} cannot be made: " in out
    assert "Errno" not in out


def test_what_the_system_refuses_is_a_sentence(tmp_path):
    def failing():
        raise OSError(errno.EIO, os.strerror(errno.EIO))
        yield

    (row,) = result_of(batch_steps([Task(tmp_path / "a.hdr", failing)], []))
    assert row.reason == f"{tmp_path / 'a.hdr'} cannot be used: {os.strerror(errno.EIO)}."


@pytest.fixture
def sites(scenes, tmp_path):
    """Return folders of results and of references, in each of which two cubes have one name."""
    for kind in ("results", "truth"):
        for site, name in (("north", "a"), ("south", "b")):
            (tmp_path / kind / site).mkdir(parents=True)
            cube = napari_dodn.read(scenes / f"{name}.hdr")
            napari_dodn.write(cube, tmp_path / kind / site / "field.hdr")
    return tmp_path / "results", tmp_path / "truth"


def test_of_references_of_one_name_the_one_in_a_folder_of_that_name_is_taken(run, sites):
    code, out, _ = run("evaluate", *sites, "--json")
    assert code == 0
    assert [row["rmse"] for row in json.loads(out)] == [0, 0]


def test_which_of_several_references_is_meant_is_not_guessed(run, sites):
    results, truth = sites
    (results / "north").rename(results / "east")
    code, out, _ = run("evaluate", results, truth, "--json")
    reasons = {row["source"]: row["reason"] for row in json.loads(out)}
    both = f"{truth / 'north' / 'field.hdr'} and {truth / 'south' / 'field.hdr'}"
    assert code == 1
    assert both in reasons[str(results / "east" / "field.hdr")]
    assert not reasons[str(results / "south" / "field.hdr")]


@pytest.mark.parametrize("target", ["2026.11.30", "results.old/night.1"])
def test_a_folder_of_results_may_have_a_dot_in_its_name(run, scenes, tmp_path, target):
    (scenes / "bad.hdr").unlink()
    assert run("convert", scenes, tmp_path / target)[0] == 0
    assert (tmp_path / target / "a.hdr").exists()


@pytest.mark.parametrize(
    ("words", "resume"),
    [((), True), (("--overwrite",), False), (("--overwrite", "--resume"), True)],
)
def test_cubes_are_resumed_unless_all_are_started_over(
    run, scenes, tmp_path, monkeypatch, words, resume
):
    asked = []

    def work(*_, **places):
        asked.append(places["resume"])
        raise UserError("Enough.")
        yield

    monkeypatch.setattr("napari_dodn.upscaling.upscale_steps", work)
    run("upscale", scenes / "a.hdr", scenes / "b.hdr", tmp_path / "out", "--scale", 2, *words)
    assert asked == [resume] * 2


@pytest.mark.parametrize("together", [1, 2])
def test_progress_rises_also_where_cubes_are_measured_first(scenes, together):
    def work(cube):
        yield from upscale_steps(cube, UpscaleOptions(scale=2, device="cpu"))
        return {}

    cubes = [napari_dodn.read(scenes / f"{name}.hdr") for name in ("a", "b")]
    items = [Task(Path(cube.name), partial(work, cube)) for cube in cubes]
    events = []
    follow(batch_steps(items, [], together), events.append)
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert (events[-1].done, events[-1].total) == (2000, 2000)


def test_what_is_left_out_by_a_rule_is_said_and_is_no_failure(run, scenes, tmp_path):
    (scenes / "bad.hdr").unlink()
    scan = napari_dodn.read(scenes / "a.hdr")
    for name in ("DARKREF_a.hdr", "deeper/still/d.hdr"):
        (scenes / name).parent.mkdir(parents=True, exist_ok=True)
        napari_dodn.write(scan, scenes / name)
    code, out, _ = run("convert", scenes, tmp_path / "results")
    assert code == 0
    assert "3 done, 2 skipped, 0 failed." in out
    assert f"{scenes / 'DARKREF_a.hdr'} is a reference of the scans beside it." in out
    assert f"{scenes / 'deeper' / 'still'} lies too deep" in out
