"""Any cubes as a benchmark: reduced as a sensor would, judged where they hold something."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.io import savemat

from napari_dodn import HyperCube, write
from napari_dodn.benchmark import BenchmarkError, report, sensor_steps
from napari_dodn.degradation import blur_and_decimate
from napari_dodn.events import Done, result_of
from napari_dodn.metrics import quality
from napari_dodn.network.model_file import ModelError

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
    done = result_of(sensor_steps([cubes / "whole.hdr"], 4, [], psf=0.6))
    reference = smooth_scene(0).astype(np.float32)
    lr = blur_and_decimate(torch.from_numpy(reference)[None], 4, 0.6)
    answer = F.interpolate(lr, scale_factor=4, mode="bicubic")[0].numpy()
    expected = quality(answer, reference).as_dict()
    found = done.rows[0].mean.as_dict()
    for figure in ("psnr", "ssim", "sam", "ergas", "cc"):
        assert found[figure] == pytest.approx(expected[figure], rel=1e-3)


def test_cubes_are_found_in_folders_and_holes_in_them_do_not_count(cubes, model):
    done = result_of(sensor_steps([cubes], 4, [model]))
    assert done.scenes == ("whole", "holes")
    assert [row.name for row in done.rows] == ["bicubic", "random-x4"]
    for row in done.rows:
        assert np.isfinite(list(row.mean.as_dict().values())).all()
        assert dict(row.scenes)["holes"].psnr > 15  # a bad band would spoil it
    assert done.task == "Gaussian PSF of σ 0.5 LR pixels"
    assert not done.published


def test_noise_makes_it_harder(cubes):
    clean, noisy = (result_of(sensor_steps([cubes], 4, [], noise=n)).rows[0] for n in (0, 0.2))
    assert noisy.mean.psnr < clean.mean.psnr


def test_what_is_too_small_or_no_cube_is_named_and_left_out(cubes):
    write(HyperCube(np.ones((5, 12, 40)), name="tiny"), cubes / "tiny.hdr")
    np.savez(cubes / "matrix.npz", a=np.ones((3, 4)))
    done = result_of(sensor_steps([cubes], 4, []))
    assert done.scenes == ("whole", "holes")
    tiny = next(note for note in report.remarks(done) if note.startswith("tiny.hdr"))
    assert tiny == "tiny.hdr is left out. It has 12 × 40 pixels, too few for ×4."
    assert any(note.startswith("matrix.npz is left out.") for note in done.notes)


def test_of_several_cubes_in_a_file_the_one_with_most_bands_is_taken(tmp_path):
    pixels = smooth_scene(0).transpose(1, 2, 0)
    savemat(tmp_path / "pair.mat", {"ms": pixels[..., :5], "hs": pixels[..., 5:]})
    (note,) = result_of(sensor_steps([tmp_path], 4, [])).notes
    assert note == "Of the cubes in pair.mat, 'hs' is taken, which has most bands."


def test_a_cube_that_is_found_twice_is_measured_once(cubes):
    done = result_of(sensor_steps([cubes / "whole.hdr", cubes], 4, []))
    assert done.scenes == ("whole", "holes")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"scale": 3}, "The scale is one of 2, 4, 8, not 3"),
        ({"psf": -1.0}, "psf: It must be at least 0, not -1.0"),
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
    steps = sensor_steps([cubes], 4, [model], cancelled=lambda: len(seen) >= after)
    seen.extend(steps)
    assert not any(isinstance(event, Done) for event in seen)


def test_the_command_prints_the_table(run, cubes, model, tmp_path):
    words = ["--data", cubes / "whole.hdr", "--data", cubes / "deeper", "--model", model]
    file = tmp_path / "tables.md"
    code, out, _ = run("benchmark", "sensors", *words, "--noise", 0.01, "--markdown", file)
    assert code == 0
    assert "Real sensors ×4, Gaussian PSF of σ 0.5 LR pixels, noise of σ 0.01 deviations" in out
    assert "│ holes │ random-x4 │" in out
    assert "published" not in out
    assert "| whole | bicubic |" in file.read_text()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["sensors", "--data", "a", "--split", "test"], "--split has no meaning with 'sensors'"),
        (["cave", "--data", "a", "--psf", "1"], "--psf has no meaning with 'cave'"),
        (["cave", "--data", "a", "--data", "b"], "--data, twice, has no meaning with 'cave'"),
    ],
)
def test_an_option_without_a_meaning_is_refused(run, words, fault):
    code, _, err = run("benchmark", *words)
    assert code == 2
    assert fault in " ".join(err.replace("│", " ").split())
