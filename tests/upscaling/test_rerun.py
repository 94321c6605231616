"""The same input leads to the same bits, and a result can be made again from what it says."""

from __future__ import annotations

import os

import numpy as np
import pytest

from napari_dodn import HyperCube, read, upscale, write
from napari_dodn.cube import Region
from napari_dodn.jobs import result_of
from napari_dodn.replacing import unfinished_name
from napari_dodn.upscaling import UpscaleError
from napari_dodn.upscaling.rerun import rerun_steps, source_of
from napari_dodn.upscaling.run import RUN, Run


@pytest.fixture
def source(cube, tmp_path):
    """Return a cube that lies in a file."""
    return read(write(cube, tmp_path / "a source; of {mine}.hdr"))


def test_the_same_input_and_settings_lead_to_the_same_bits(cube, model_path):
    first, second = (upscale(cube, 2, model_path, "cpu") for _ in range(2))
    assert first.data.tobytes() == second.data.tobytes()


@pytest.mark.parametrize("tile", [8, 13])
def test_another_tile_size_leads_to_the_same_but_for_rounding(cube, model_path, tile):
    whole = upscale(cube, 2, model_path, "cpu", "float32").data
    tiled = upscale(cube, 2, model_path, "cpu", "float32", tile).data
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5 * np.ptp(whole))


@pytest.mark.parametrize("name", ["r.hdr", "r.h5", "r.zarr", "r.mat", "r.npz", "r.tif"])
def test_a_result_is_made_again_bit_for_bit(source, model_path, tmp_path, name):
    options = {"region": Region(2, 20, 3, 25), "self_ensemble": True, "blur": 0.4}
    write(upscale(source, 2, model_path, "cpu", "float32", 9, **options), tmp_path / name)
    result = read(tmp_path / name)
    assert str(source_of(result, tmp_path / name)) == source.source
    done = result_of(rerun_steps(result, source))
    assert (done.unequal, done.is_same, done.changes) == (0, True, ())
    assert str(done) == f"The same, bit for bit: {result.data.size:,} values."


def test_a_source_whose_name_is_not_utf8_is_named(source, model_path, tmp_path):
    named = source.derive(source="/data/\udce9tude.hdr")
    write(upscale(named, 2, model_path, "cpu"), tmp_path / "fine.hdr")
    assert Run.said_by(read(tmp_path / "fine.hdr")).source == "/data/\udce9tude.hdr"


def test_what_differs_is_said(source, model_path):
    result = upscale(source, 2, model_path, "cpu", blur=0)
    other = source.derive(np.asarray(source.data) + np.float32(1))
    done = result_of(rerun_steps(result, other))
    assert not done.is_same
    assert done.largest == pytest.approx(1, abs=1e-3)
    assert "values differ, by at most" in str(done)
    run = Run.said_by(result)
    old = str(Run(**{**vars(run), "sha256": "0" * 64, "software": "0.0.1"}))
    changed = result.derive(metadata={**result.metadata, RUN: old})
    done = result_of(rerun_steps(changed, source))
    assert done.unequal == 0
    assert "has changed: sha256" in done.changes[0]
    assert "was made by napari-dodn 0.0.1" in done.changes[1]


def test_one_value_that_became_invalid_differs(source, model_path):
    result = upscale(source, 2, model_path, "cpu", blur=0)
    data = result.data.copy()
    data[0, 0, 0] = np.nan
    done = result_of(rerun_steps(result.derive(data), source))
    assert (done.unequal, done.is_same) == (1, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.crop(Region(0, 4, 0, 4)), "was changed since it was made"),
        (lambda r: HyperCube(r.data), "does not say how it was made"),
        (lambda r: r.derive(metadata={RUN: "scale=2"}), "does not say how it was made"),
    ],
)
def test_what_cannot_be_made_again_is_told(source, model_path, change, said):
    result = change(upscale(source, 2, model_path, "cpu", blur=0))
    with pytest.raises(UpscaleError, match=said):
        result_of(rerun_steps(result, source))


def test_a_source_that_moved_is_found_beside_the_result(source, model_path, tmp_path):
    result = upscale(source, 2, model_path, "cpu", blur=0)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for file in tmp_path.glob("a source*"):
        file.rename(moved / file.name)
    assert source_of(result, moved / "r.hdr").parent == moved
    with pytest.raises(UpscaleError, match="was not found; name it with --source"):
        source_of(result, tmp_path / "r.hdr")


def test_a_result_of_a_layer_names_no_file(cube, model_path, tmp_path):
    result = upscale(cube.derive(source=""), 2, model_path, "cpu", blur=0)
    with pytest.raises(UpscaleError, match="from pixels that are in no file"):
        source_of(result, tmp_path / "r.hdr")


def test_the_command_line_makes_a_result_again(run, cube, model_path, tmp_path):
    source = write(cube, tmp_path / "a.hdr")
    result = tmp_path / "r.hdr"
    words = ("--scale", 2, "--model", model_path, "--device", "cpu")
    assert run("upscale", source, result, *words)[0] == 0
    left = unfinished_name(tmp_path / "other.npz")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    code, out, err = run("rerun", result, "--out", tmp_path / "again.npz")
    assert (code, out) == (0, "The same, bit for bit: 20,160 values.\n")
    assert "holds an unfinished file of 4 bytes that killed processes left" in err
    np.testing.assert_array_equal(read(tmp_path / "again.npz").data, read(result).data)
    write(cube.derive(cube.data * 2), source, overwrite=True)
    code, out, _ = run("rerun", result)
    assert (code, "values differ" in out) == (1, True)


def test_a_result_of_a_cube_whose_no_data_value_was_told_is_made_again(
    run, cube, model_path, tmp_path
):
    pixels = np.asarray(cube.data).copy()
    pixels[:, 5:9, 5:9] = 0
    source, result = write(cube.derive(pixels), tmp_path / "a.hdr"), tmp_path / "r.hdr"
    words = ("--scale", 2, "--model", model_path)
    assert run("upscale", source, result, *words, "--nodata", 0, "--device", "cpu")[0] == 0
    assert run("rerun", result)[0] == 1
    code, out, _ = run("rerun", result, "--nodata", 0)
    assert (code, out) == (0, "The same, bit for bit: 20,160 values.\n")


def test_a_cube_whose_no_data_value_is_told_is_measured_for_its_parts(
    run, cube, model_path, tmp_path
):
    source, file = write(cube, tmp_path / "a.hdr"), tmp_path / "m.json"
    words = ("--scale", 2, "--model", model_path, "--nodata", 0)
    assert run("measure", source, file, *words)[0] == 0
    words = (*words, "--device", "cpu", "--statistics", file, "--part", "1/1")
    assert run("upscale", source, tmp_path / "r.zarr", *words)[0] == 0
