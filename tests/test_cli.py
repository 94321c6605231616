"""The command line: what it prints, how it ends, and what it leaves behind."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import torch

import napari_dodn
from napari_dodn import HyperCube
from napari_dodn.blur import BlurEstimate
from napari_dodn.formats.registry import written_suffixes
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network


@pytest.fixture
def cube_file(tmp_path):
    rng = np.random.default_rng(0)
    cube = HyperCube(
        rng.integers(0, 4000, (5, 12, 10)).astype(np.uint16),
        wavelengths=[450, 500, 550, 600, 650],
        name="field",
        metadata={"Sensor Type": "none"},
    )
    return napari_dodn.write(cube, tmp_path / "field.hdr")


def test_info_reads_like_a_sentence(run, cube_file):
    code, out, _ = run("info", cube_file)
    assert code == 0
    assert "5 bands of 12 × 10 pixels (uint16), 450–650 nm" in out
    assert "Sensor Type: none" in out


def test_info_as_json_is_json(run, cube_file):
    code, out, _ = run("info", cube_file, "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["shape"] == [5, 12, 10]
    assert facts["wavelengths"] == [450, 500, 550, 600, 650]


def test_info_as_json_has_null_for_what_is_no_number(run, tmp_path):
    cube = HyperCube(np.ones((2, 3, 4), np.float32), nodata=float("nan"))
    code, out, _ = run("info", napari_dodn.write(cube, tmp_path / "holes.hdr"), "--json")
    assert code == 0
    assert "NaN" not in out


@pytest.fixture
def filled_file(tmp_path):
    pixels = np.random.default_rng(1).random((5, 20, 10)).astype(np.float32)
    pixels[:, :4] = -9999
    return napari_dodn.write(HyperCube(pixels), tmp_path / "filled.hdr")


def test_info_tells_values_that_fill_pixels_without_being_stated(run, filled_file):
    _, _, err = run("info", filled_file)
    assert "20 % of the pixels hold -9999, and no no-data value is stated." in err
    code, out, err = run("info", filled_file, "--nodata", "-9999")
    assert (code, err) == (0, "")
    assert "no-data -9999" in out


def test_convert_writes_the_no_data_value_that_is_stated(run, filled_file, tmp_path):
    assert run("convert", filled_file, tmp_path / "new.h5", "--nodata", "-9999")[0] == 0
    assert napari_dodn.read(tmp_path / "new.h5").nodata == -9999


def test_convert_makes_reflectance_by_references(run, tmp_path):
    raw = np.full((3, 4, 5), 60, np.uint16)
    for name, factor in (("scan", 1), ("WHITEREF_scan", 2), ("DARKREF_scan", 0)):
        napari_dodn.write(HyperCube(raw * factor), tmp_path / f"{name}.hdr")
    assert run("convert", tmp_path / "scan.hdr", tmp_path / "a.h5", "--dark", "d.hdr")[0] == 2
    code, _, err = run(
        *("convert", tmp_path / "scan.hdr", tmp_path / "new.h5"),
        *("--white", tmp_path / "WHITEREF_scan.hdr", "--dark", tmp_path / "DARKREF_scan.hdr"),
    )
    assert code == 0
    assert "References lie beside the scan" in err
    cube = napari_dodn.read(tmp_path / "new.h5")
    np.testing.assert_allclose(cube.data, 0.5)
    assert "WHITEREF_scan" in cube.history[0]


def test_evaluate_leaves_out_the_no_data_value_that_is_stated(run, filled_file):
    code, out, _ = run("evaluate", filled_file, filled_file, "--nodata", "-9999")
    assert code == 0
    assert "RMSE" in out


def test_strict_info_refuses_what_would_be_repaired(run, cube_file):
    assert run("info", cube_file, "--strict")[0] == 0
    with cube_file.with_suffix(".img").open("ab") as file:
        file.write(b"end")
    assert run("info", cube_file)[0] == 0
    code, out, err = run("info", cube_file, "--strict")
    assert (code, out) == (1, "")
    assert "last 3 bytes" in err


def test_strict_info_takes_what_explains_itself(run, tmp_path):
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["cube"] = np.ones((5, 8, 9))
        file["wavelength"] = np.arange(400.0, 450, 10)
        file["wavelength"].attrs["units"] = "nm"
    assert run("info", tmp_path / "scene.h5", "--strict")[0] == 0


def test_convert_keeps_pixels_and_wavelengths(run, cube_file, tmp_path):
    assert run("convert", cube_file, tmp_path / "field.mat")[0] == 0
    before, after = napari_dodn.read(cube_file), napari_dodn.read(tmp_path / "field.mat")
    np.testing.assert_array_equal(after.data, before.data)
    np.testing.assert_allclose(after.wavelengths, before.wavelengths)


def test_the_help_names_every_ending_that_can_be_written(run):
    for command in ("convert", "upscale"):
        words = run(command, "--help")[1].split()
        said = {word.strip("(),.│") for word in words}
        assert {suffix.strip(".") for suffix in written_suffixes()} <= said


@pytest.mark.parametrize("ending", ["tif", "npz", "h5", "zarr", "hdr"])
def test_convert_writes_every_format_and_reads_it_back(run, cube_file, tmp_path, ending):
    target = tmp_path / f"other.{ending}"
    assert run("convert", cube_file, target)[0] == 0
    code, out, _ = run("info", target)
    assert code == 0
    assert "5 bands of 12 × 10 pixels (uint16), 450–650 nm" in out


def test_the_options_axes_and_wavelengths_decide_how_a_cube_is_read(run, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((6, 7, 8), np.float32))
    code, out, _ = run("info", tmp_path / "x.npy", "--axes", "byx", "--wavelengths", "400:500:20")
    assert code == 0
    assert "6 bands of 7 × 8 pixels (float32), 400–500 nm" in out


@pytest.mark.parametrize("text", ["400:500", "400, 425, 450, 475, 500", "FILE"])
def test_wavelengths_are_a_range_a_list_or_a_file(run, tmp_path, text):
    np.save(tmp_path / "x.npy", np.zeros((5, 7, 8), np.float32))
    (tmp_path / "list.csv").write_text("wavelength\n400\n425\n450\n475\n500\n")
    text = text.replace("FILE", str(tmp_path / "list.csv"))
    target = tmp_path / "y.tif"
    options = ("--axes", "byx", "--wavelengths", text)
    assert run("convert", tmp_path / "x.npy", target, *options)[0] == 0
    np.testing.assert_allclose(napari_dodn.read(target).wavelengths, [400, 425, 450, 475, 500])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("400:700:10", "31 values"),
        ("400:x", "not a wavelength"),
        ("400:100:x", "400:100:x"),  # with two colons no emoji
        ("none.csv", "nor an existing file"),
    ],
)
def test_wavelengths_that_do_not_fit_are_refused_in_a_sentence(run, cube_file, text, fault):
    code, _, err = run("info", cube_file, "--wavelengths", text)
    assert code == 1
    assert fault in err
    assert err.count("napari-dodn:") == 1


def test_the_option_dataset_chooses_among_cubes(run, tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros((5, 60, 70)), b=np.zeros((6, 60, 70)))
    code, _, err = run("info", tmp_path / "two.npz")
    assert code == 1
    assert "--dataset" in err
    assert "6 bands of 60 × 70" in run("info", tmp_path / "two.npz", "--dataset", "b")[1]


def test_info_says_whether_a_gain_is_applied(run, tmp_path):
    cube = HyperCube(np.ones((2, 3, 4), np.int16), gain=1e-4, name="scaled")
    out = run("info", napari_dodn.write(cube, tmp_path / "scaled.tif"))[1]
    assert "gain: 0.0001, not applied" in out


@pytest.mark.parametrize("ending", ["hdr", "mat", "bip", "tif", "h5", "npz"])
def test_upscale_writes_what_the_library_computes(run, cube_file, tmp_path, ending):
    target = tmp_path / f"fine.{ending}"
    code, out, _ = run("upscale", cube_file, target, "--scale", 2, "--device", "cpu")
    assert code == 0
    assert "5 bands of 24 × 20 pixels" in out
    expected = napari_dodn.upscale(napari_dodn.read(cube_file), 2, device="cpu")
    np.testing.assert_allclose(napari_dodn.read(target).data, expected.data, rtol=1e-5)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Return the path of a small ×2 model with random weights."""
    torch.manual_seed(0)
    network = DODN(2, components=3, channels=4, blocks=1)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.5)
    path = tmp_path_factory.mktemp("models") / "random-x2.safetensors"
    save_network(network, path, training={"data": "nothing"}, scores={}, licence="BSD-3-Clause")
    return path


def test_a_told_blur_is_used_and_said(run, model, tmp_path):
    y, x = np.mgrid[:20, :24]
    pixels = np.stack([np.sin(y / 3 + band) * np.cos(x / (3 + band)) for band in range(5)])
    cube_file = napari_dodn.write(HyperCube(pixels.astype(np.float32)), tmp_path / "smooth.hdr")
    results = {}
    for blur in ("0", "0.6"):
        target = tmp_path / f"fine{blur}.hdr"
        words = ("--scale", 2, "--model", model, "--device", "cpu", "--blur", blur)
        code, out, _ = run("upscale", cube_file, target, *words)
        assert code == 0
        assert f"sensor blur {float(blur):.2f} pixels (as told)" in out
        results[blur] = napari_dodn.read(target).data
    expected = napari_dodn.upscale(napari_dodn.read(cube_file), 2, model, device="cpu", blur=0.6)
    np.testing.assert_allclose(results["0.6"], expected.data, atol=1e-6)
    assert np.abs(results["0"] - results["0.6"]).max() > 1e-3


def test_the_blur_is_estimated_unless_it_is_told(run, cube_file, model, tmp_path, monkeypatch):
    found = BlurEstimate(0.42)
    monkeypatch.setattr("napari_dodn.upscaling.statistics.estimate_blur", lambda planes: found)
    words = ("upscale", cube_file, tmp_path / "fine.hdr", "--scale", 2, "--model", model)
    assert "sensor blur 0.42 pixels (estimated)" in run(*words)[1]


@pytest.fixture
def tiny_file(cube_file, tmp_path):
    """Return the file of a cube that is too small to measure a blur on."""
    cube = napari_dodn.read(cube_file)
    return napari_dodn.write(cube.derive(cube.data[:, :7], name="tiny"), tmp_path / "tiny.hdr")


def test_a_cube_too_small_to_measure_blur_on_is_told(run, tiny_file, model, tmp_path):
    words = ("upscale", tiny_file, tmp_path / "fine.hdr", "--scale", 2, "--model", model)
    _, out, err = run(*words, "--blur", "auto")
    assert "sensor blur 0.20 pixels (assumed)" in out
    assert "Note: The cube has no block of 8 × 8 valid pixels" in err


def test_values_that_were_left_out_are_told(run, model, tmp_path):
    data = np.random.default_rng(0).random((5, 20, 24), np.float32)
    data[:, :5] = -9999
    data[2, 12, 12] = 1e9
    source = napari_dodn.write(HyperCube(data, name="field"), tmp_path / "field.hdr")
    words = ("upscale", source, tmp_path / "fine.mat", "--scale", 2, "--model", model)
    _, _, err = run(*words, "--blur", 0)
    said = "No-data value -9999 assumed in 25 % of the pixels.", "1 outlier was left out."
    history = napari_dodn.read(tmp_path / "fine.mat").history[-1]
    for sentence in said:
        assert f"Note: {sentence}" in err
        assert sentence in history


def test_upscale_of_a_region_writes_that_region(run, cube_file, tmp_path):
    target = tmp_path / "fine.hdr"
    assert run("upscale", cube_file, target, "--scale", 2, "--region", "2:8,1:5")[0] == 0
    assert napari_dodn.read(target).shape == (5, 12, 8)


def test_an_existing_output_is_kept_unless_overwrite_is_said(run, cube_file, tmp_path):
    target = tmp_path / "fine.hdr"
    target.write_text("mine")
    code, _, err = run("upscale", cube_file, target, "--scale", 2)
    assert code == 1
    assert "already exists" in err
    assert target.read_text() == "mine"
    assert run("upscale", cube_file, target, "--scale", 2, "--overwrite")[0] == 0
    assert napari_dodn.read(target).shape == (5, 24, 20)


def test_an_output_that_cannot_hold_the_result_is_refused_before_it_is_computed(
    run, cube_file, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "napari_dodn.formats.arrays.matlab.LARGEST_V5_VARIABLE", 5 * 24 * 20 * 4 - 1
    )
    monkeypatch.setattr("napari_dodn.upscaling.job.Job.run", None)
    code, _, err = run("upscale", cube_file, tmp_path / "fine.mat", "--scale", 2)
    assert code == 1
    assert "write the cube as ENVI" in err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["info", "nowhere.hdr"], "nowhere.hdr"),
        (["upscale", "FILE", "out.hdr", "--scale", "3"], "no model for ×3"),
        (["upscale", "FILE", "out.hdr", "--model", "missing.safetensors"], "no model or file"),
        (["upscale", "FILE", "out.hdr", "--device", "cuda:77"], "is not available here"),
        (["upscale", "FILE", "out.hdr", "--region", "90:99,0:5"], "does not lie inside the"),
        (["upscale", "FILE", "out.hdr", "--region=-2:5,0:5"], "does not lie inside the"),
        (["upscale", "FILE", "FILE", "--overwrite"], "is the file that the source comes from"),
        (["convert", "FILE", "FILE", "--overwrite"], "is the file that the source comes from"),
        (["upscale", "FILE", "out.hdr", "--tile", "tiny"], "A tile is"),
        (["upscale", "FILE", "out.hdr", "--blur", "wide"], "blur is 'auto' or a number of pixels"),
        (["upscale", "FILE", "out.hdr", "--blur", "3"], "from 0 to 2, not '3'"),
        (["upscale", "FILE", "out.hdr", "--model", "dodn-blind-x4"], "use 'dodn-x4'"),
        (["upscale", "FILE", "out.docx"], "out.docx"),
        (["upscale", "FILE", "out.hdr", "--report", "out.img"], "OUT and --report would both"),
        (["upscale", "FILE", "out.hdr", "--statistics", "./out.hdr"], "OUT and --statistics"),
        (
            ["upscale", "FILE", "out.h5", "--statistics", "a.json", "--report", "a.json"],
            "--statistics and --report would both write",
        ),
        (["convert", "FILE", "out.hdr", "--report", "out.hdr"], "OUT and --report would both"),
        (
            ["benchmark", "cave", "--data", ".", "--csv", "a.txt", "--markdown", "a.txt"],
            "--csv and --markdown would both write",
        ),
        (["upscale", "FILE", "no/such/folder/out.hdr"], "no/such/folder"),
    ],
)
def test_a_fault_is_one_sentence_and_exit_code_1(run, cube_file, monkeypatch, words, fault):
    monkeypatch.chdir(cube_file.parent)
    before = sorted(cube_file.parent.iterdir())
    code, _, err = run(*[str(cube_file) if word == "FILE" else word for word in words])
    assert code == 1
    assert fault in err
    assert "Traceback" not in err
    assert err.count("napari-dodn:") == 1
    assert sorted(cube_file.parent.iterdir()) == before


def test_a_region_in_other_words_is_a_usage_error(run, cube_file, tmp_path):
    code, _, err = run("upscale", cube_file, tmp_path / "o.hdr", "--region", "all")
    assert code == 2
    assert "Y0:Y1,X0:X1" in err


def test_models_are_listed_with_what_they_were_trained_on(run):
    code, out, _ = run("models")
    assert code == 0
    assert "×4, trained on CAVE" in out


@pytest.mark.parametrize("words", [["info", ""], ["clean", ""], ["convert", "FILE", ""]])
def test_an_empty_argument_does_not_stand_for_this_folder(run, cube_file, monkeypatch, words):
    monkeypatch.chdir(cube_file.parent)
    before = sorted(cube_file.parent.iterdir())
    code, out, err = run(*[str(cube_file) if word == "FILE" else word for word in words])
    assert (code, out) == (2, "")
    assert "An argument is empty" in err
    assert sorted(cube_file.parent.iterdir()) == before
    assert run("convert", cube_file, "out.hdr", "--report=")[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_that_ends_a_run_leaves_no_half_written_output(tmp_path, name, code):
    source = napari_dodn.write(
        HyperCube(np.random.default_rng(0).random((31, 300, 300), np.float32)), tmp_path / "in.hdr"
    )
    before = sorted(tmp_path.iterdir())
    words = ["-m", "napari_dodn", "upscale", str(source), str(tmp_path / "out.hdr"), "--tile", "32"]
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while sorted(tmp_path.iterdir()) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(tmp_path.iterdir()) != before, "the job never started to write"
    for _ in range(2):  # as `timeout` does
        os.kill(process.pid, getattr(signal, name))
        if name == "SIGINT":
            break
    assert process.wait(60) == code
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("could not create a primitive"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
    ids=["numpy", "oneDNN", "import"],
)
def test_too_little_memory_is_one_sentence(run, monkeypatch, error):
    def short_of_memory(*_, **__):
        raise error

    monkeypatch.setattr("napari_dodn.formats.read", short_of_memory)
    expected = "napari-dodn: There is not enough memory; take a region or smaller tiles.\n"
    assert run("info", "a.hdr") == (1, "", expected)


def test_another_error_of_a_library_is_not_taken_for_missing_memory(run, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("something else")

    monkeypatch.setattr("napari_dodn.formats.read", broken)
    with pytest.raises(RuntimeError, match="something else"):
        run("info", "a.hdr")


def test_an_output_that_is_full_is_one_sentence(run, cube_file, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("napari_dodn.cli.cubes.out.print", full)
    reason = "Standard output cannot be used: its disk is full; free some space and try again."
    assert run("info", cube_file) == (1, "", f"napari-dodn: {reason}\n")


def test_what_is_measured_does_not_replace_the_cube(run, cube_file, model):
    before = {file: file.read_bytes() for file in cube_file.parent.iterdir()}
    assert len(before) > 1
    for file in before:
        words = ("measure", cube_file, file, "--scale", 2, "--model", model, "--overwrite")
        code, _, err = run(*words)
        assert (code, len(err.splitlines())) == (1, 1)
    assert {file: file.read_bytes() for file in cube_file.parent.iterdir()} == before


def test_measuring_says_where_the_blur_is_assumed(run, tiny_file, model, tmp_path):
    words = ("measure", tiny_file, tmp_path / "m.json", "--scale", 2, "--model", model)
    _, out, err = run(*words)
    assert "sensor blur 0.20 pixels (assumed)" in out
    assert "Note: The cube has no block of 8 × 8 valid pixels" in err


def test_a_cube_is_measured_once_for_later_runs(run, cube_file, model, tmp_path):
    file = tmp_path / "statistics.json"
    words = ("measure", cube_file, file, "--scale", 2, "--model", model)
    code, out, _ = run(*words)
    assert (code, " component" in out) == (0, True)
    found = file.read_text()
    code, _, err = run(*words)
    assert (code, "already exists" in err) == (1, True)
    file.write_text("spoilt")
    assert run(*words, "--overwrite")[0] == 0
    assert file.read_text() == found
    fine = tmp_path / "fine.hdr"
    upscale = ("upscale", cube_file, fine, "--scale", 2, "--model", model, "--statistics", file)
    assert run(*upscale)[0] == 0
