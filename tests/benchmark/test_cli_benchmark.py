"""The commands that judge results: what they print and write, and how they end."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import imageio.v3 as iio
import numpy as np
import pytest

import napari_dodn
from napari_dodn import HyperCube, cli
from napari_dodn.benchmark import cave_steps, report
from napari_dodn.cube import Region
from napari_dodn.jobs import result_of
from napari_dodn.metrics import quality


def test_the_table_stands_beside_the_published_rows(run, small, database, model):
    words = ["--data", database.folder, "--scenes", "feathers,pompoms", "--model", model]
    code, out, _ = run("benchmark", "cave", "--scale", 4, *words)
    assert code == 0
    done = result_of(cave_steps(database.folder, 4, models=[model], scenes=["feathers", "pompoms"]))
    for row in done.rows:
        line = next(line for line in out.splitlines() if line.startswith(f"│ {row.name} "))
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        assert cells == [row.name, *report.figures_of(row.mean)]
    assert "F3DUN (published)" in out
    assert "MFLOP per LR voxel" in out


def test_csv_and_markdown_are_written(run, small, database, tmp_path):
    files = tmp_path / "figures.csv", tmp_path / "tables.md"
    words = ["--data", database.folder, "--scenes", "pompoms", "--scale", 8]
    code, out, _ = run("benchmark", "cave", *words, "--csv", files[0], "--markdown", files[1])
    assert code == 0
    assert files[0].read_text().startswith("kind,method,scene,psnr,ssim,rmse,sam,ergas,cc")
    assert "| bicubic |" in files[1].read_text()
    assert all(f"Wrote {file}" in out for file in files)
    assert sorted(tmp_path.iterdir()) == sorted([database.folder, *files])


def test_one_file_is_written_where_the_other_or_the_output_cannot(
    run, small, database, tmp_path, monkeypatch
):
    def full(path, text):
        if path.suffix == ".csv":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_text(text)

    def gone(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("napari_dodn.cli.benchmark.replace_text", full)
    monkeypatch.setattr("napari_dodn.cli.benchmark.print_in_full", gone)
    files = tmp_path / "figures.csv", tmp_path / "tables.md"
    words = ["--data", database.folder, "--scenes", "pompoms", "--scale", 8]
    code, _, err = run("benchmark", "cave", *words, "--csv", files[0], "--markdown", files[1])
    assert code == 1
    assert "figures.csv cannot be written: its disk is full; free some space and try again." in err
    assert "| bicubic |" in files[1].read_text()


def test_a_file_that_is_there_is_kept_unless_overwrite_is_said(run, small, database, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("mine")
    words = ["--data", database.folder, "--scenes", "pompoms", "--scale", 8, "--csv", file]
    code, out, err = run("benchmark", "cave", *words)
    assert code == 1
    assert out == ""  # refused before the work
    assert "already exists" in err
    assert file.read_text() == "mine"
    assert run("benchmark", "cave", *words, "--overwrite")[0] == 0
    assert file.read_text() != "mine"


def test_the_self_ensemble_is_printed_as_a_row_of_its_own(run, small, database, model):
    words = ["--data", database.folder, "--scenes", "pompoms", "--model", model]
    code, out, _ = run("benchmark", "cave", *words, "--self-ensemble")
    assert code == 0
    assert "│ random-x4, self-ensemble │" in out


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["cave", "--data", "nowhere"], "nowhere is not a folder"),
        (["cave", "--data", "CAVE"], "lacks 12 of 12 scenes (balloons_ms,"),
        (["cave", "--data", "CAVE", "--split", "best"], "no split 'best'"),
        (["cave", "--data", "CAVE", "--scenes", "pompoms", "--model", "gone"], "gone"),
        (["cave", "--data", "CAVE", "--scenes", ","], "No scene is named"),
        (["cave", "--data", "CAVE", "--scenes", "pompoms"], "pompoms_ms has 31 bands of 32 × 32"),
        (["ntire2020", "--data", "CAVE"], "lacks 40 of 40 scenes (ARAD_HS_0421.mat,"),
    ],
)
def test_a_fault_is_one_sentence_and_exit_code_1(run, database, monkeypatch, words, fault):
    monkeypatch.chdir(database.folder.parent)
    code, out, err = run("benchmark", *words)
    assert code == 1
    assert fault in err
    assert out == ""
    assert "Traceback" not in err
    assert err.count("napari-dodn:") == 1


def test_a_file_to_write_may_be_named_from_the_home_folder(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "figures.csv").touch()
    _, _, err = run("benchmark", "cave", "--data", tmp_path, "--csv=~/figures.csv")
    assert f"{tmp_path / 'figures.csv'} already exists" in err


@pytest.mark.parametrize("words", [["cave"], ["icvl", "--data", "."], []])
def test_wrong_words_end_with_2(run, words):
    assert run("benchmark", *words)[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another signal on Windows")
def test_ctrl_c_ends_with_130_and_leaves_no_file(tmp_path):
    scenes = tmp_path / "data"
    (scenes / "feathers_ms").mkdir(parents=True)
    image = iio.imwrite("<bytes>", np.full((512, 512), 9, np.uint16), extension=".png")
    for band in range(1, 32):
        (scenes / "feathers_ms" / f"feathers_ms_{band:02d}.png").write_bytes(image)
    words = ["benchmark", "cave", "--data", scenes, "--scenes", "feathers", "--self-ensemble"]
    log = tmp_path / "err.txt"
    with log.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "napari_dodn", *map(str, words), "--csv", tmp_path / "f.csv"],
            stdout=err,
            stderr=err,
            env=os.environ | {"FORCE_COLOR": "1"},  # so that the bar is drawn as it goes on
        )
        deadline = time.monotonic() + 60
        while "feathers: " not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        # Shells say 130, too, of a process that the signal itself has ended.
        assert process.wait(60) in (130, -signal.SIGINT)
    assert sorted(tmp_path.iterdir()) == sorted([scenes, log])


# evaluate


@pytest.fixture
def pair(tmp_path):
    """Return the files of a result and its reference."""
    rng = np.random.default_rng(0)
    reference = HyperCube(1000 * rng.random((4, 20, 24), np.float32), name="reference")
    result = reference.derive(reference.data + rng.normal(0, 20, reference.shape).astype("f4"))
    return (
        napari_dodn.write(result, tmp_path / "result.hdr"),
        napari_dodn.write(reference, tmp_path / "reference.mat"),
    )


@pytest.mark.parametrize("peak", [None, 2000])
def test_evaluate_prints_the_figures_of_any_two_cubes(run, pair, peak):
    words = [] if peak is None else ["--data-range", peak]
    code, out, _ = run("evaluate", *pair, *words)
    result, reference = (napari_dodn.read(file).data.astype(np.float64) for file in pair)
    figures = quality(result, reference, data_range=peak).as_dict()
    assert code == 0
    for value in figures.values():
        assert f"│ {value:.6g} " in out


@pytest.mark.parametrize("peak", ["0", "-1", "nan", "inf"])
def test_a_peak_is_a_number_above_zero(run, pair, peak):
    code, _, err = run("evaluate", *pair, "--data-range", peak)
    assert code == 2
    assert "The peak must be a number above 0" in err


def test_cubes_of_two_sizes_are_refused(run, pair, tmp_path):
    small = napari_dodn.write(HyperCube(np.ones((4, 10, 12), np.float32)), tmp_path / "small.hdr")
    code, _, err = run("evaluate", small, pair[1])
    assert code == 1
    assert "10 × 12" in err
    assert "Traceback" not in err


def test_evaluate_says_of_which_file_a_note_is(run, tmp_path):
    for name in ("result.npy", "reference.npy"):
        np.save(tmp_path / name, np.random.default_rng(0).random((4, 20, 24)))
    _, _, err = run("evaluate", tmp_path / "result.npy", tmp_path / "reference.npy")
    for name in ("result.npy", "reference.npy"):
        assert f"Note on {tmp_path / name}: The cube is" in err


def test_a_variable_of_the_reference_can_be_named(run, pair, tmp_path):
    from scipy.io import savemat

    cube = np.asarray(napari_dodn.read(pair[1]).data).transpose(1, 2, 0)
    savemat(tmp_path / "two.mat", {"first": cube, "second": cube * 2})
    code, out, _ = run(
        "evaluate", pair[1], tmp_path / "two.mat", "--reference-dataset", "first",
        "--reference-axes", "yxb",
    )  # fmt: skip
    assert code == 0
    assert "inf" in out


def test_a_name_in_a_table_is_printed_as_it_is(capsys):
    cli.benchmark._print(report.Table("Each scene", ("scene", "PSNR"), (("plot [red]", "30"),), 1))
    assert "plot [red]" in capsys.readouterr().out


def test_bands_in_another_order_are_matched_by_evaluate(run, pair, tmp_path):
    reference = napari_dodn.read(pair[1]).derive(wavelengths=[400, 410, 420, 430])
    turned = HyperCube(np.asarray(reference.data)[::-1], [430, 420, 410, 400])
    files = [
        napari_dodn.write(cube, tmp_path / f"{name}.hdr")
        for name, cube in (("a", reference), ("b", turned))
    ]
    code, out, err = run("evaluate", *files)
    assert code == 0
    assert "inf" in out
    assert "matched by their wavelengths" in " ".join(err.split())


@pytest.mark.parametrize("region", [Region(0, 17, 0, 24), Region(0, 20, 0, 21)])
def test_the_common_part_is_compared_where_crop_is_said(run, pair, tmp_path, region):
    reference = napari_dodn.read(pair[1])
    smaller = napari_dodn.write(reference.crop(region), tmp_path / "smaller.hdr")
    for files in ((smaller, pair[1]), (pair[1], smaller)):
        assert run("evaluate", *files)[0] == 1
        code, out, err = run("evaluate", *files, "--crop")
        assert code == 0
        assert "inf" in out
        assert "Both cubes are cropped" in err


def test_crop_does_not_cut_a_cube_of_another_size(run, pair, tmp_path):
    reference = napari_dodn.read(pair[1])
    small = napari_dodn.write(reference.crop(Region(0, 10, 0, 24)), tmp_path / "small.hdr")
    assert run("evaluate", small, pair[1], "--crop")[0] == 1
