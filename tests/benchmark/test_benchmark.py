"""The protocols measure what they say, on the scenes that they say, and name what is wrong."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import imageio.v3 as iio
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import napari_dodn
from napari_dodn import HyperCube
from napari_dodn.benchmark import (
    BenchmarkError,
    benchmark_steps,
    cave_steps,
    job,
    load_protocol,
    ntire2020_steps,
    report,
)
from napari_dodn.benchmark.cost import model_operations, watching
from napari_dodn.benchmark.protocol import Published
from napari_dodn.benchmark.scenes import read_reference
from napari_dodn.formats import FormatError
from napari_dodn.jobs import CancelledError, follow, result_of
from napari_dodn.metrics import METRICS
from napari_dodn.network.model_file import ModelError, load_network, read_card, save_network
from napari_dodn.upscaling import UpscaleError

SCENES = ("feathers", "pompoms")


def recomputed(result, reference):
    """The six figures once more, from scikit-image and the definitions; (bands, y, x), float64."""
    pairs = list(zip(reference, result, strict=True))
    psnr = [peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs]
    ssim = [structural_similarity(a, b, data_range=1) for a, b in pairs]
    lengths = np.sqrt((reference**2).sum(0)) * np.sqrt((result**2).sum(0))
    lit = lengths > 0
    cosine = (reference * result).sum(0)[lit] / lengths[lit]
    squares = ((result - reference) ** 2).mean((1, 2))
    return {
        "psnr": np.mean(psnr),
        "ssim": np.mean(ssim),
        "rmse": np.sqrt(squares.mean()),
        "sam": np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean(),
        "ergas": 100 / 4 * np.sqrt((squares / reference.mean((1, 2)) ** 2).mean()),
        "cc": np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]),
    }


def test_a_model_that_has_learnt_from_a_scene_is_told_of(small, database, model, tmp_path):
    card = read_card(model)
    file = tmp_path / "learnt-x4.safetensors"
    training = {"data": "CAVE", "scenes": ["pompoms", "sushi"]}
    save_network(load_network(card), file, training=training, scores={}, licence="BSD-3-Clause")
    done = result_of(cave_steps(database.folder, 4, models=[model, file], scenes=SCENES))
    (note,) = (note for note in done.notes if "learnt from" in note)
    assert note.startswith("learnt-x4 has learnt from pompoms: ")
    assert note in report.markdown(done)
    others = result_of(cave_steps(database.folder, 4, models=[file], scenes=SCENES[:1]))
    assert not [note for note in others.notes if "learnt from" in note]


def cubic(pixels, size):
    return F.interpolate(torch.from_numpy(pixels)[None], size=size, mode="bicubic")[0].numpy()


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_bicubic_has_the_figures_that_independent_code_finds(small, database, scale):
    done = result_of(cave_steps(database.folder, scale, models=[], scenes=SCENES))
    (row,) = done.rows
    each = []
    for scene, figures in row.scenes:
        reference = (database.scenes[scene] / 65535).astype(np.float32)
        result = cubic(cubic(reference, (32 // scale,) * 2), (32, 32))
        each.append(recomputed(result.astype(np.float64), reference.astype(np.float64)))
        assert figures.as_dict() == pytest.approx(each[-1], rel=2e-5)
    mean = {figure: np.mean([one[figure] for one in each]) for figure in each[0]}
    assert row.mean.as_dict() == pytest.approx(mean, rel=2e-5)


def test_a_model_has_the_figures_of_what_the_library_computes(small, database, model):
    done = result_of(cave_steps(database.folder, 4, models=[model], scenes=["pompoms"]))
    reference = (database.scenes["pompoms"] / 65535).astype(np.float32)
    lr = HyperCube(cubic(reference, (8, 8)))
    result = napari_dodn.upscale(lr, 4, model, blur=0).data.astype(np.float64)
    expected = recomputed(result, reference.astype(np.float64))
    assert [row.name for row in done.rows] == ["bicubic", "random-x4"]
    assert done.rows[1].mean.as_dict() == pytest.approx(expected, rel=2e-5)


def test_the_self_ensemble_is_a_row_of_its_own(small, database, model):
    options = {"models": [model], "scenes": ["pompoms"]}
    alone = result_of(cave_steps(database.folder, 4, **options))
    done = result_of(cave_steps(database.folder, 4, self_ensemble=True, **options))
    plain, ensemble = done.rows[1:]
    assert plain.mean == alone.rows[1].mean
    assert ensemble.name == "random-x4, self-ensemble"
    assert ensemble.mean.psnr > plain.mean.psnr  # a mean of eight errors is smaller than one
    assert ensemble.operations == 8 * plain.operations


def test_the_cost_stands_beside_the_quality(small, database, model):
    done = result_of(cave_steps(database.folder, 4, models=[model], scenes=SCENES))
    bicubic, row = done.rows
    network = load_network(read_card(model))
    assert bicubic.operations == 2 * 25 * 16  # 16 phases of 5 × 5 taps
    assert row.operations == model_operations(network, 31)
    assert row.parameters == sum(weight.numel() for weight in network.parameters())
    assert row.seconds > 0
    assert row.sha256 == read_card(model).sha256


def test_the_peak_of_memory_is_what_was_held_in_between():
    with watching(torch.device("cpu")) as spent:
        held = np.ones(64 * 2**20, np.uint8)  # too large for memory that is held already
        time.sleep(0.1)
        del held
    assert 48 * 2**20 < spent.memory < 200 * 2**20
    assert 0.1 <= spent.seconds < 10


def test_the_operations_of_a_model_are_those_of_its_layers(model):
    network = load_network(read_card(model))
    layers = {
        name: weight.numel()
        for name, weight in network.named_parameters()
        if weight.ndim > 1 and "condition" not in name and name != "place"
    }
    of_components = network.components * 2 * sum(layers.values())
    for bands in (1, 31, 224):
        of_bands = 2 * 12 + 2 * 12 * 16 + 2 * 4 * 16  # to 12 components and back, bilinear
        assert model_operations(network, bands) == of_components / bands + of_bands


def test_the_operations_of_a_cube_hardly_depend_on_its_bands(model):
    network = load_network(read_card(model))
    few, many = (bands * model_operations(network, bands) for bands in (31, 224))
    per_band = 2 * 12 + 2 * 12 * 16 + 2 * 4 * 16
    assert many - few == pytest.approx((224 - 31) * per_band)


def test_the_models_are_told_that_nothing_is_blurred_and_it_is_said(small, database, model):
    done = result_of(cave_steps(database.folder, 4, models=[model], scenes=SCENES))
    assert done.rows[1].told == tuple((scene, 0.0) for scene in SCENES)
    assert "The models are told a blur of 0, since the scenes are not blurred." in done.notes
    alone = result_of(cave_steps(database.folder, 4, models=[], scenes=SCENES))
    assert alone.notes == ()


@pytest.mark.parametrize(("lost", "expected"), [(0.0, "bfloat16"), (0.02, "float32")])
def test_each_row_says_in_what_precision_it_was_computed(
    small, database, model, tmp_path, monkeypatch, lost, expected
):
    monkeypatch.setattr("napari_dodn.upscaling.devices.has_bfloat16", lambda device: True)
    scores = {"model": {"psnr": 36.0}, "model in bfloat16": {"psnr": 36.0 - lost}}
    path = tmp_path / "carded-x4.safetensors"
    network = load_network(read_card(model))
    save_network(network, path, training={}, scores=scores, licence="")
    options = {"scenes": ["pompoms"], "device": "cpu"}
    done = result_of(cave_steps(database.folder, 4, models=[model, path], **options))
    assert [row.precision for row in done.rows] == ["float32", "float32", expected]
    assert report.headline(done).count(expected) == 1
    costs = next(table for table in report.tables(done) if table.title == "Cost")
    assert [row[1] for row in costs.rows[:3]] == ["float32", "float32", expected]


def test_without_a_model_of_the_scale_bicubic_stands_alone_and_it_is_said(
    small, database, monkeypatch
):
    monkeypatch.setattr("napari_dodn.benchmark.methods.list_models", lambda scale: [])
    done = result_of(cave_steps(database.folder, 4, scenes=SCENES))
    assert [row.name for row in done.rows] == ["bicubic"]
    assert "no model for ×4" in report.remarks(done)[0]
    assert f"\n- {report.remarks(done)[0]}" in report.markdown(done)


def test_every_installed_model_of_the_scale_is_measured(small, database, model, monkeypatch):
    cards = [read_card(model)]
    monkeypatch.setattr("napari_dodn.benchmark.methods.list_models", lambda scale: cards * 2)
    done = result_of(cave_steps(database.folder, 4, scenes=["pompoms"]))
    assert [row.name for row in done.rows] == ["bicubic", "random-x4", "random-x4"]


def test_progress_rises_to_its_total(small, database, model):
    steps = cave_steps(
        database.folder, 4, models=[model], scenes=SCENES, self_ensemble=True, device="cpu"
    )
    measuring = [event for event in steps if not event.message.startswith("Checking")]
    assert [e.done for e in measuring] == sorted(e.done for e in measuring)
    assert {event.total for event in measuring} == {2 * 64 * (1 + 1 + 8)}
    assert measuring[-1].done == measuring[-1].total


@pytest.mark.parametrize("after", [0, 1, 3, 8, 15])
def test_a_cancelled_run_ends_without_a_result(small, database, model, after):
    seen = []
    steps = cave_steps(
        database.folder,
        4,
        models=[model],
        scenes=SCENES,
        self_ensemble=True,
        cancelled=lambda: len(seen) >= after,
    )
    with pytest.raises(CancelledError):
        follow(steps, seen.append)


# What the package says


def test_the_cave_splits_are_the_32_scenes():
    splits = load_protocol("cave").splits
    names = sorted(splits["test"] + splits["validation"] + splits["train"])
    assert len(names) == len(set(names)) == 32
    assert splits["test"] == tuple(names[:12])
    assert (len(splits["validation"]), len(splits["train"])) == (4, 16)


def test_the_ntire_split_leaves_the_broken_file_out():
    splits = load_protocol("ntire2020").splits
    assert len(splits["test"]) == 40
    assert len(splits["train"]) == 419
    assert "ARAD_HS_0340" not in splits["train"]
    assert not set(splits["test"]) & set(splits["train"])


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (4, (34.6163, 0.9287, 0.0225, 5.1869, 6.8047, 0.9728)),
        (8, (30.0719, 0.8511, 0.0367, 7.0948, 10.8664, 0.9349)),
    ],
)
def test_the_check_is_the_published_bicubic_row(scale, expected):
    (row,) = [row for row in load_protocol("cave").published[scale] if row.name == "bicubic"]
    assert tuple(getattr(row.quality, figure) for figure in METRICS) == expected


def published_as(small, quality):
    """Return the protocol with its two small scenes as the test and one published row."""
    row = Published("bicubic", quality)
    return replace(small, splits={"test": SCENES}, published={4: (row,)})


def test_the_whole_test_split_is_checked_against_the_published_bicubic(small, database):
    done = result_of(benchmark_steps(small, database.folder, 4, models=[], scenes=SCENES))
    assert done.verdict == ""  # other scenes than the published ones
    mean = done.rows[0].mean
    rounded = replace(mean, **{key: round(value, 4) for key, value in mean.as_dict().items()})
    same = result_of(benchmark_steps(published_as(small, rounded), database.folder, 4, models=[]))
    assert same.verdict.startswith("The check holds")
    other = replace(rounded, sam=rounded.sam + 1e-4)
    differs = result_of(benchmark_steps(published_as(small, other), database.folder, 4, models=[]))
    assert differs.verdict == (
        f"The check fails: bicubic has SAM {rounded.sam:.4f} instead of {other.sam:.4f}."
    )


def test_only_the_published_scenes_stand_in_one_table_with_the_published_rows(small, database):
    quality = small.published[4][0].quality
    protocol = published_as(small, quality)
    whole = report.tables(result_of(benchmark_steps(protocol, database.folder, 4, models=[])))
    assert [row[0] for row in whole[0].rows] == ["bicubic", "bicubic (published)"]
    steps = benchmark_steps(protocol, database.folder, 4, models=[], scenes=["pompoms"])
    part = report.tables(result_of(steps))
    assert [row[0] for row in part[0].rows] == ["bicubic"]
    assert "not to be compared" in part[-1].title


def mcnet_operations():
    """Count MCNet's from its layers: 64 features, 4 blocks, ×4; weights that see each LR voxel."""
    spatial, spectral = 9 * 64 * 64, 3 * 64 * 64
    block = 4 * (spatial + spectral) + 3 * 2 * spatial + 3 * 64 * 64
    tail = 3 * 6 * 6 * 64 * 64 + 16 * 27 * 64
    return 2 * (27 * 64 + 4 * block + tail)


def test_the_operations_beside_a_published_row_are_those_of_its_layers():
    (row,) = [row for row in load_protocol("cave").published[4] if row.name == "MCNet"]
    assert row.operations == mcnet_operations()


# What can be wrong


def fault(folder, **options):
    with pytest.raises((BenchmarkError, FormatError, ModelError, UpscaleError)) as caught:
        list(cave_steps(folder, **{"models": [], "scenes": SCENES, **options}))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_scenes_are_named_before_the_work_begins(small, database):
    said = fault(database.folder, scenes=None, split="validation")
    assert "lacks 2 of 4 scenes (real_and_fake_apples_ms, thread_spools_ms)" in said
    assert "cs.columbia.edu" in said


def test_a_folder_that_is_not_there_is_named(small, tmp_path):
    assert "nowhere is not a folder" in fault(tmp_path / "nowhere")


def test_a_scene_of_another_size_is_named(database):
    said = fault(database.folder)
    assert "feathers_ms has 31 bands of 32 × 32 pixels" in said
    assert "31 bands of 512 × 512 pixels" in said


def test_a_scene_that_lacks_a_band_is_named(small, database):
    (database.place("pompoms") / "pompoms_ms_07.png").unlink()
    assert "number 7 is missing" in fault(database.folder)


def test_a_scene_without_its_last_band_is_named(small, database):
    (database.place("pompoms") / "pompoms_ms_31.png").unlink()
    assert "pompoms_ms has 30 bands" in fault(database.folder)


def test_a_scene_in_8_bits_is_named(small, database):
    database.write("pompoms", (database.scenes["pompoms"] >> 8).astype(np.uint8))
    said = fault(database.folder)
    assert "pompoms_ms holds 8-bit values (uint8)" in said


def test_one_file_in_8_bits_is_named(small, database):
    file = database.place("pompoms") / "pompoms_ms_09.png"
    iio.imwrite(file, np.zeros((32, 32), np.uint8))
    assert "pompoms_ms_09.png does not fit" in fault(database.folder)


def test_watercolors_is_taken_in_8_bits_and_divided_as_published(small, database):
    grey = (database.scenes["pompoms"] >> 8).astype(np.uint8)
    alpha = np.full_like(grey, 255)
    database.write("watercolors", np.stack([grey, grey, grey, alpha], axis=-1))
    done = result_of(cave_steps(database.folder, 4, models=[], scenes=["watercolors"]))
    dark = (grey / 65535).astype(np.float32)
    error = cubic(cubic(dark, (8, 8)), (32, 32)).astype(np.float64) - dark
    assert done.rows[0].mean.rmse == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
    assert "'watercolors' is stored in 8 bits" in report.remarks(done)[0]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"scenes": ["feathers", "sky"]}, "'sky' is not a scene of CAVE"),
        ({"scenes": None, "split": "best"}, "no split 'best', only test, validation, train"),
        ({"scale": 3}, "The scale is one of 2, 4, 8, not 3"),
        ({"precision": "float8"}, "Precision 'float8'"),
        ({"device": "cuda:77"}, "Device 'cuda:77' is not available"),
        ({"models": ["missing.safetensors"]}, "missing.safetensors"),
        ({"models": ["MODEL"], "scale": 2}, "'random-x4' is for ×4, not ×2"),
    ],
)
def test_a_request_that_cannot_be_met_is_a_sentence(small, database, model, options, word):
    if options.get("models") == ["MODEL"]:
        options = options | {"models": [model]}
    assert word in fault(database.folder, **options)


def test_the_scenes_may_lie_one_level_deeper(small, database):
    done = result_of(cave_steps(database.folder.parent, 4, models=[], scenes=SCENES))
    assert done.scenes == SCENES


# NTIRE 2020


def write_arad(file, shape=(31, 482, 512), largest=1.0):
    """Write an image as the challenge has it: MATLAB v7.3, `cube` as bands × x × y in HDF5."""
    bands, rows, columns = shape
    band, x, y = np.meshgrid(
        np.linspace(0.4, 1, bands), np.arange(columns), np.arange(rows), indexing="ij", sparse=True
    )
    cube = largest * band * (0.5 + 0.5 * np.sin(x / 9 + band) * np.cos(y / 7))
    with h5py.File(file, "w", userblock_size=512) as opened:
        opened.create_dataset("cube", data=cube.astype(np.float32))
        opened.create_dataset("bands", data=np.linspace(400.0, 700.0, bands)[:, None])
        opened.create_dataset("norm_factor", data=np.ones((1, 1)))
    with file.open("r+b") as opened:
        opened.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return cube.astype(np.float32).transpose(0, 2, 1)


def test_an_image_of_the_challenge_is_read_as_it_is_and_cropped_to_480_rows(tmp_path):
    file = tmp_path / "ARAD_HS_0451.mat"
    pixels = write_arad(file)
    cube = read_reference(load_protocol("ntire2020"), file, "ARAD_HS_0451")
    np.testing.assert_array_equal(cube.data, pixels[:, :480])
    np.testing.assert_allclose(cube.wavelengths, np.arange(400, 701, 10))


@pytest.fixture
def small_arad(monkeypatch):
    """Let the protocol be about images of 42 × 40 pixels."""
    protocol = replace(load_protocol("ntire2020"), stored_shape=(31, 42, 40), shape=(31, 40, 40))
    monkeypatch.setattr(job, "load_protocol", lambda name: protocol)


def test_the_images_of_the_challenge_are_measured(small_arad, tmp_path):
    (tmp_path / "Train_Spectral").mkdir()
    pixels = write_arad(tmp_path / "Train_Spectral" / "ARAD_HS_0451.mat", (31, 42, 40))
    done = result_of(ntire2020_steps(tmp_path, 8, models=[], scenes=["ARAD_HS_0451"]))
    reference = np.ascontiguousarray(pixels[:, :40])
    result = cubic(cubic(reference, (5, 5)), (40, 40))
    expected = recomputed(result.astype(np.float64), reference.astype(np.float64))
    assert done.rows[0].mean.as_dict() == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"shape": (31, 48, 40)}, "31 bands of 48 × 40 pixels, but a scene of NTIRE2020"),
        ({"shape": (31, 42, 40), "largest": 4095}, r"values from \S+ to 409\d\S*, but those of"),
    ],
)
def test_an_image_that_is_not_of_the_challenge_is_named(small_arad, tmp_path, options, word):
    write_arad(tmp_path / "ARAD_HS_0451.mat", **options)
    with pytest.raises(BenchmarkError, match=word):
        list(ntire2020_steps(tmp_path, 8, models=[], scenes=["ARAD_HS_0451"]))


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "ARAD_HS_0451.mat").write_bytes(b"MATLAB 7.3 MAT-file, broken")
    with pytest.raises(FormatError, match="ARAD_HS_0451.mat is damaged"):
        list(ntire2020_steps(tmp_path, 8, models=[], scenes=["ARAD_HS_0451"]))


# Reports


def test_the_csv_has_every_figure_unrounded(small, database, model):
    done = result_of(cave_steps(database.folder, 4, models=[model], scenes=SCENES))
    rows = list(csv.DictReader(io.StringIO(report.csv_text(done))))
    ours = [row for row in rows if row["kind"] == "measured"]
    assert [(row["method"], row["scene"]) for row in ours] == [
        (method, scene) for method in ("bicubic", "random-x4") for scene in (*SCENES, "mean")
    ]
    assert float(ours[-1]["psnr"]) == done.rows[1].mean.psnr
    assert float(ours[-1]["operations"]) == done.rows[1].operations
    theirs = {row["method"]: row for row in rows if row["kind"] == "published"}
    assert float(theirs["F3DUN"]["psnr"]) == 36.9368
    assert theirs["F3DUN"]["scene"] == "mean of test"
    assert theirs["EDSR"]["operations"] == ""


def test_the_markdown_holds_the_tables(small, database, model):
    done = result_of(cave_steps(database.folder, 4, models=[model], scenes=SCENES))
    text = report.markdown(done)
    figures = " | ".join(report.figures_of(done.rows[1].mean))
    assert f"| random-x4 | {figures} |" in text
    assert "| scene |  | PSNR (dB) |" in text
    assert text.startswith("CAVE ×4, chosen scenes, 2 scenes;")


# Other devices


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_gives_the_figures_of_the_cpu_and_says_what_it_held(small, database, model):
    options = {"models": [model], "scenes": ["pompoms"]}
    cpu, gpu = (
        result_of(cave_steps(database.folder, 4, device=device, **options))
        for device in ("cpu", "cuda")
    )
    assert gpu.rows[1].mean.as_dict() == pytest.approx(cpu.rows[1].mean.as_dict(), rel=1e-4)
    assert gpu.rows[1].memory > 0
    assert gpu.device == torch.cuda.get_device_name()


# Real data


@pytest.mark.slow
def test_a_real_scene_has_the_figures_that_independent_code_finds(shared_data, tmp_path):
    unpack = shared_data.parent / "tools" / "unpack_cave.py"
    if not (shared_data / "cave_train" / "feathers.tif").exists() or not unpack.exists():
        pytest.skip("the CAVE scenes are not on this machine")
    words = [sys.executable, str(unpack), str(tmp_path), "--scenes", "feathers"]
    subprocess.run(words, check=True, capture_output=True)
    models = ["dodn-x4"]
    done = result_of(cave_steps(tmp_path, 4, models=models, scenes=["feathers"]))
    files = sorted(Path(tmp_path).rglob("feathers_ms_*.png"))
    reference = (np.stack([iio.imread(file) for file in files]) / 65535).astype(np.float32)
    result = cubic(cubic(reference, (128, 128)), (512, 512))
    expected = recomputed(result.astype(np.float64), reference.astype(np.float64))
    bicubic, model = done.rows
    for figure, value in bicubic.mean.as_dict().items():
        assert f"{value:.4f}" == f"{expected[figure]:.4f}"
    assert model.mean.psnr > bicubic.mean.psnr
    assert model.mean.sam < bicubic.mean.sam
