"""Any cubes as a benchmark: reduced as a sensor would, validated where they hold something."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.io import savemat

from napari_dodn import HyperCube, upscale, write
from napari_dodn.benchmark import BenchmarkError, report, sensor_steps
from napari_dodn.blur import BlurEstimate
from napari_dodn.degradation import blur_and_decimate, decimate_cubic
from napari_dodn.jobs import CancelledError, follow, result_of
from napari_dodn.metrics import quality
from napari_dodn.network.model_file import ModelError, load_network, read_card, save_network

from .conftest import smooth_scene


@pytest.fixture
def cubes(tmp_path):
    """Return a folder with two cubes, the second one with holes and in a folder of its own."""
    folder = tmp_path / "cubes"
    (folder / "deeper").mkdir(parents=True)
    write(HyperCube(smooth_scene(0), name="whole"), folder / "whole.hdr")
    holes = smooth_scene(1)[:12].astype(np.float32)
    holes[:, :8, :9] = np.nan
    holes[5] = 7.0  # the same everywhere
    holes[7] = np.random.default_rng(0).random(holes[7].shape) * 1e5
    cube = HyperCube(holes, name="holes", good_bands=np.arange(12) != 7)
    write(cube, folder / "deeper" / "holes.hdr")
    return folder


def test_bicubic_has_the_figures_that_independent_code_finds(cubes):
    done = result_of(sensor_steps([cubes / "whole.hdr"], 4, [], psf=[0.6]))
    reference = smooth_scene(0).astype(np.float32)
    lr = blur_and_decimate(torch.from_numpy(reference)[None], 4, 0.6)
    answer = F.interpolate(lr, scale_factor=4, mode="bicubic")[0].numpy()
    expected = quality(answer, reference).as_dict()
    found = done.rows[0].mean.as_dict()
    for figure in ("psnr", "ssim", "sam", "ergas", "cc"):
        assert found[figure] == pytest.approx(expected[figure], rel=1e-3)


def rows_of(model):
    """Return the rows of a model: all that it can be told."""
    return [f"{model}, {told}" for told in ("told σ", "auto", "told σ − 0.15", "told σ + 0.15")]


def test_clean_decimation_stands_for_a_blur_of_0(cubes):
    done = result_of(sensor_steps([cubes / "whole.hdr"], 4, [], psf=[0]))
    reference = smooth_scene(0).astype(np.float32)
    lr = decimate_cubic(torch.from_numpy(reference)[None], 4)
    answer = F.interpolate(lr, scale_factor=4, mode="bicubic")[0].numpy()
    assert done.rows[0].mean.psnr == pytest.approx(quality(answer, reference).psnr, rel=1e-3)


def test_models_are_told_the_truth_nothing_too_little_and_too_much(cubes, model, monkeypatch):
    found = BlurEstimate(0.33)
    monkeypatch.setattr("napari_dodn.upscaling.statistics.estimate_blur", lambda planes: found)
    done = result_of(sensor_steps([cubes / "whole.hdr"], 4, [model], psf=[0, 0.5]))
    told = {row.name: [round(blur, 2) for _, blur in row.told] for row in done.rows}
    assert told["bicubic"] == []
    assert [told[name] for name in rows_of("random-x4")] == [
        [0, 0.5],
        [0.33, 0.33],
        [0, 0.35],
        [0.15, 0.65],
    ]


def test_each_row_is_what_the_library_computes_with_that_blur(cubes, model):
    done = result_of(sensor_steps([cubes / "whole.hdr"], 4, [model], psf=[0.5]))
    reference = smooth_scene(0).astype(np.float32)
    lr = blur_and_decimate(torch.from_numpy(reference)[None], 4, 0.5)[0].numpy()
    for row, blur in zip(done.rows[1:], (0.5, "auto", 0.35, 0.65), strict=True):
        answer = upscale(HyperCube(lr), 4, model, blur=blur).data
        assert row.mean.psnr == pytest.approx(quality(answer, reference).psnr, abs=1e-3)


def test_a_model_that_has_learnt_from_a_cube_is_told_of(cubes, model, tmp_path):
    file = tmp_path / "learnt-x4.safetensors"
    training = {"data": "field", "scenes": ["whole"]}
    network = load_network(read_card(model))
    save_network(network, file, training=training, scores={}, licence="BSD-3-Clause")
    done = result_of(sensor_steps([cubes / "whole.hdr"], 4, [model, file], psf=[0.5]))
    (note,) = (note for note in done.notes if "learnt from" in note)
    assert note.startswith("learnt-x4 has learnt from whole: ")


def test_gains_over_bicubic_stand_beside_each_row_and_blur(cubes, model):
    done = result_of(sensor_steps([cubes], 4, [model], psf=[0.35, 0.7]))
    table = next(table for table in report.tables(done) if table.title == "Gain over bicubic")
    assert table.columns == (
        *("", "dB", "°", "worst (dB)", "scenes below", "σ 0.35 (dB)", "σ 0.7 (dB)"),
    )
    bicubic, row = done.rows[:2]
    gains = {
        scene: ours.psnr - theirs.psnr
        for (scene, ours), (_, theirs) in zip(row.scenes, bicubic.scenes, strict=True)
    }
    wide = [gain for scene, gain in gains.items() if scene.endswith("0.7")]
    assert table.rows[0] == (
        "random-x4, told σ",
        f"{np.mean(list(gains.values())):+.2f}",
        f"{bicubic.mean.sam - row.mean.sam:+.2f}",
        f"{min(gains.values()):+.2f}",
        str(sum(gain < 0 for gain in gains.values())),
        f"{2 * np.mean(list(gains.values())) - np.mean(wide):+.2f}",
        f"{np.mean(wide):+.2f}",
    )
    assert [row[0] for row in table.rows] == rows_of("random-x4")


def test_four_blurs_are_measured_unless_others_are_asked_for(cubes):
    done = result_of(sensor_steps([cubes / "whole.hdr"], 4, []))
    assert done.scenes == tuple(f"whole, σ {psf}" for psf in ("0", "0.35", "0.5", "0.7"))
    assert done.task == "Gaussian PSF of σ 0, 0.35, 0.5 and 0.7 LR pixels"


def test_cubes_are_found_in_folders_and_holes_in_them_do_not_count(cubes, model):
    done = result_of(sensor_steps([cubes], 4, [model], psf=[0.5]))
    assert done.scenes == ("whole, σ 0.5", "holes, σ 0.5")
    assert [row.name for row in done.rows] == ["bicubic", *rows_of("random-x4")]
    for row in done.rows:
        assert np.isfinite(list(row.mean.as_dict().values())).all()
        assert dict(row.scenes)["holes, σ 0.5"].psnr > 15  # a bad band would spoil it
    assert done.task == "Gaussian PSF of σ 0.5 LR pixels"
    assert not done.published


def test_noise_makes_it_harder(cubes):
    clean, noisy = (
        result_of(sensor_steps([cubes], 4, [], psf=[0.5], noise=n)).rows[0] for n in (0, 0.2)
    )
    assert noisy.mean.psnr < clean.mean.psnr


def test_what_is_too_small_or_no_cube_is_named_and_left_out(cubes):
    write(HyperCube(np.ones((5, 12, 40)), name="tiny"), cubes / "tiny.hdr")
    np.savez(cubes / "matrix.npz", a=np.ones((3, 4)))
    done = result_of(sensor_steps([cubes], 4, [], psf=[0.5]))
    assert done.scenes == ("whole, σ 0.5", "holes, σ 0.5")
    tiny = next(note for note in report.remarks(done) if note.startswith("tiny.hdr"))
    assert tiny == "tiny.hdr is left out. It has 12 × 40 pixels, too few for ×4."
    assert any(note.startswith("matrix.npz is left out.") for note in done.notes)


def test_of_several_cubes_in_a_file_the_one_with_most_bands_is_taken(tmp_path):
    pixels = smooth_scene(0).transpose(1, 2, 0)
    savemat(tmp_path / "pair.mat", {"ms": pixels[..., :5], "hs": pixels[..., 5:]})
    (note,) = result_of(sensor_steps([tmp_path], 4, [], psf=[0.5])).notes
    assert note == "Of the cubes in pair.mat, 'hs' is used, which has the most bands."


def test_a_cube_that_is_found_twice_is_measured_once(cubes):
    done = result_of(sensor_steps([cubes / "whole.hdr", cubes], 4, [], psf=[0.5, 0.5]))
    assert done.scenes == ("whole, σ 0.5", "holes, σ 0.5")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"scale": 3}, "The scale is one of 2, 4, 8, not 3"),
        ({"psf": []}, "at least one σ"),
        ({"psf": [0.5, -1.0]}, "psf: It must be at least 0, not -1.0"),
        ({"models": ["missing.safetensors"]}, "missing.safetensors"),
    ],
)
def test_a_request_that_cannot_be_met_is_a_sentence(cubes, options, word):
    with pytest.raises((BenchmarkError, ModelError), match=word):
        list(sensor_steps([cubes], **{"models": [], **options}))


def test_without_a_cube_it_is_said_why(tmp_path):
    with pytest.raises(BenchmarkError, match="holds no cube"):
        list(sensor_steps([tmp_path], 4, []))
    with pytest.raises(BenchmarkError, match="does not exist"):
        list(sensor_steps([tmp_path / "nowhere"], 4, []))
    write(HyperCube(np.ones((5, 12, 40))), tmp_path / "tiny.hdr")
    with pytest.raises(BenchmarkError, match="no cube to measure on. tiny.hdr is left out"):
        list(sensor_steps([tmp_path], 4, []))


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_cancelled_run_ends_without_a_result(cubes, model, after):
    seen = []
    steps = sensor_steps([cubes], 4, [model], psf=[0.5], cancelled=lambda: len(seen) >= after)
    with pytest.raises(CancelledError):
        follow(steps, seen.append)


def test_the_command_prints_the_table(run, cubes, model, tmp_path):
    words = ["--data", cubes / "whole.hdr", "--data", cubes / "deeper", "--model", model]
    files = tmp_path / "tables.md", tmp_path / "figures.csv"
    words += ["--psf", 0, "--psf", 0.5, "--noise", 0.01, "--markdown", files[0], "--csv", files[1]]
    code, out, _ = run("benchmark", "sensors", *words)
    assert code == 0
    task = "Gaussian PSF of σ 0 and 0.5 LR pixels, noise of σ 0.01 deviations, 4 scenes"
    assert f"Real sensors ×4, {task}" in out
    assert "│ holes, σ 0.5 │ random-x4, told σ + 0.15 │   0.65 │" in out
    assert "published" not in out
    assert "| whole, σ 0 | bicubic |  |" in files[0].read_text()
    assert "| random-x4, auto |" in files[0].read_text()
    table = list(csv.DictReader(files[1].read_text(encoding="utf-8").splitlines()))
    found = [row["blur"] for row in table if row["method"] == "random-x4, told σ − 0.15"]
    assert found == ["0.0", "0.35", "0.0", "0.35", ""]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["sensors", "--data", "a", "--split", "test"], "--split cannot be used with 'sensors'"),
        (
            ["cave", "--data", "a", "--scenes", "a", "--split", "test"],
            "--split cannot be used with --scenes",
        ),
        (["cave", "--data", "a", "--psf", "1"], "--psf cannot be used with 'cave'"),
        (["cave", "--data", "a", "--data", "b"], "--data, twice, cannot be used with 'cave'"),
    ],
)
def test_an_option_without_a_meaning_is_refused(run, words, fault):
    code, _, err = run("benchmark", *words)
    assert code == 2
    assert fault in " ".join(err.replace("│", " ").split())
