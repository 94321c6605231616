"""Coarser copies in Zarr stores of our own."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import zarr

from napari_dodn import HyperCube, read
from napari_dodn.formats import FormatError, check_target, has_pyramid, pyramid_steps, write
from napari_dodn.formats.arrays import zarr_pyramid
from napari_dodn.jobs import CancelledError, result_of

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let copies be worth while for small cubes, and of several pieces."""
    monkeypatch.setattr(zarr_pyramid, "TOP", 64)
    monkeypatch.setattr("napari_dodn.formats.arrays.zarr_layout.SHARD_SIDES", (128,))


def stored(tmp_path, pixels, **description):
    return write(HyperCube(pixels, **description), tmp_path / "cube.zarr")


def levels_of(path):
    """Return the arrays that OME-NGFF names, and their transformations, as other programs do."""
    group = zarr.open_group(path, mode="r")
    (image,) = group.attrs["ome"]["multiscales"]
    return [
        (group[level["path"]], level["coordinateTransformations"]) for level in image["datasets"]
    ]


def files_in(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_copies_are_means_of_four_pixels_until_they_are_small(tmp_path):
    pixels = RNG.random((5, 256, 130), np.float32)
    path = stored(tmp_path, pixels, pixel_size=(2.0, 3.0), pixel_unit="m")
    assert result_of(pyramid_steps(path)) == (2, 4)
    (full, _), (half, moved), (quarter, _) = levels_of(path)
    np.testing.assert_array_equal(full[:], pixels)
    assert (half.shape, quarter.shape) == ((5, 128, 65), (5, 64, 33))
    fours = pixels.reshape(5, 128, 2, 65, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(half[:], fours, rtol=1e-6)
    np.testing.assert_allclose(
        quarter[:, :, -1], half[:, :, -1].reshape(5, 64, 2).mean(2), rtol=1e-6
    )
    assert [change.get("scale", change.get("translation")) for change in moved] == [
        [1.0, 4.0, 6.0],
        [0.0, 1.0, 1.5],
    ]


def test_the_cube_is_opened_as_before(tmp_path, assert_same_cube):
    pixels = RNG.integers(0, 4000, (20, 140, 140), np.uint16)
    path = stored(tmp_path, pixels, wavelengths=np.arange(20.0))
    before = read(path)
    result_of(pyramid_steps(path))
    assert_same_cube(read(path), before)
    np.testing.assert_array_equal(np.asarray(before.data), pixels)  # also where it was open
    check_target(path, overwrite=True)


@pytest.mark.parametrize(("dtype", "invalid"), [(np.int16, -9999), (np.float32, np.nan)])
def test_invalid_pixels_have_no_say_in_a_copy(tmp_path, dtype, invalid):
    pixels = np.full((1, 128, 128), 10, dtype)
    pixels[0, 0, 0], pixels[0, 2:4, 2:4], pixels[0, 4, 4] = invalid, invalid, 13
    nodata = None if dtype == np.float32 else invalid
    path = stored(tmp_path, pixels, nodata=nodata)
    result_of(pyramid_steps(path))
    half = levels_of(path)[1][0][0]
    np.testing.assert_array_equal(half[:2, :2], [[10, 10], [10, invalid]])
    assert half[2, 2] == (11 if dtype == np.int16 else 10.75)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("nodata", [0, 5, 127, 255])
def test_a_mean_that_is_the_no_data_value_by_chance_stays_valid(tmp_path, dtype, nodata):
    around = np.clip([nodata - 1, nodata + 1, nodata - 2, nodata + 2], 0, 255)
    pixels = np.full((1, 128, 128), 100, dtype)
    pixels[0, :2, :2] = around.reshape(2, 2)
    pixels[0, 2:4, 2:4] = nodata
    path = stored(tmp_path, pixels, nodata=nodata)
    result_of(pyramid_steps(path))
    half = levels_of(path)[1][0][0]
    assert half[0, 0] != nodata
    assert abs(float(half[0, 0]) - nodata) <= 2
    assert (half[1, 1], half[2, 2]) == (nodata, 100)


def test_only_a_cube_with_all_its_copies_has_a_pyramid(tmp_path):
    path = stored(tmp_path, RNG.random((20, 300, 300), np.float32))
    assert not has_pyramid(path)
    with pytest.raises(CancelledError):
        result_of(pyramid_steps(path, cancelled=lambda: True))
    assert not has_pyramid(path)
    result_of(pyramid_steps(path))
    assert has_pyramid(path)
    assert not has_pyramid(write(HyperCube(np.zeros((2, 3, 4))), tmp_path / "cube.hdr"))


def test_a_pass_that_is_interrupted_anywhere_goes_on_to_the_same_copies(tmp_path, monkeypatch):
    pixels = RNG.random((40, 280, 150), np.float32)
    whole = stored(tmp_path, pixels)
    broken = tmp_path / "broken.zarr"
    shutil.copytree(whole, broken)
    result_of(pyramid_steps(whole))
    left, fsync, halved, computed = 0, os.fsync, zarr_pyramid._halved, []

    def dying(file):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        fsync(file)

    monkeypatch.setattr(os, "fsync", dying)
    monkeypatch.setattr(
        zarr_pyramid, "_halved", lambda *given: computed.append(0) or halved(*given)
    )
    deaths = 0
    while True:
        left = 7
        try:
            result_of(pyramid_steps(broken))
            break
        except KeyboardInterrupt:
            deaths += 1
            assert len(levels_of(broken)) == 1
            np.testing.assert_array_equal(np.asarray(read(broken).data), pixels)
    assert deaths > 3
    assert len(computed) < 2 * (deaths + 3 * 2 * 2)  # what was done is not done again
    assert files_in(broken) == files_in(whole)


def test_a_pass_that_is_cancelled_leaves_the_cube_whole(tmp_path):
    path = stored(tmp_path, RNG.random((20, 300, 300), np.float32))
    asked = iter([False, True])
    with pytest.raises(CancelledError):
        result_of(pyramid_steps(path, cancelled=lambda: next(asked, True)))
    assert read(path).shape == (20, 300, 300)
    assert result_of(pyramid_steps(path)) == (2, 4, 8)


def test_files_that_a_killed_pass_was_writing_do_not_stay_in_the_store(tmp_path):
    path = stored(tmp_path, RNG.random((20, 300, 300), np.float32))
    with pytest.raises(CancelledError):
        result_of(pyramid_steps(path, cancelled=lambda: True))
    (path / "cube_2" / "c" / "0" / "0" / f"1.{'0a' * 16}.partial").write_bytes(b"cut off")
    result_of(pyramid_steps(path))
    assert not list(path.rglob("*.partial"))


def test_a_pass_goes_on_where_what_is_left_is_zero(tmp_path):
    path = stored(tmp_path, np.zeros((20, 300, 300), np.float32))
    with pytest.raises(CancelledError):
        result_of(pyramid_steps(path, cancelled=lambda: True))
    assert result_of(pyramid_steps(path)) == (2, 4, 8)
    assert not read(path).data[:].any()
    assert all((path / level.basename / "c").is_dir() for level, _ in levels_of(path))


def test_napari_shows_the_copies_as_one_layer_of_several_resolutions(tmp_path):
    from napari.layers import Image

    path = stored(tmp_path, RNG.random((3, 256, 256), np.float32))
    result_of(pyramid_steps(path))
    layer = Image([array for array, _ in levels_of(path)], multiscale=True, contrast_limits=(0, 1))
    assert layer.multiscale
    assert [level.shape[1] for level in layer.data] == [256, 128, 64]


def test_what_gets_no_pyramid_is_told_in_one_sentence(tmp_path):
    other = tmp_path / "other.zarr"
    zarr.create_group(other)
    with pytest.raises(FormatError, match="cannot be read|holds no|gets no pyramid"):
        result_of(pyramid_steps(other))
    with pytest.raises(FormatError, match=r"gets no pyramid: only \.zarr \(Zarr\) does"):
        result_of(pyramid_steps(write(HyperCube(np.zeros((2, 3, 4))), tmp_path / "cube.hdr")))


def test_the_command_says_what_it_added(tmp_path, run):
    path = stored(tmp_path, RNG.random((2, 128, 100), np.float32))
    code, out, _ = run("pyramid", path)
    assert code == 0
    assert f"{path} has copies of 1/2 of its rows and columns." in out
