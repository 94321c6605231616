from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_dodn
from napari_dodn import HyperCube
from napari_dodn.formats import (
    AmbiguousError,
    FormatError,
    check_not_source,
    check_target,
    create,
    read,
    read_library,
    write,
)
from napari_dodn.formats.envi import raster


def test_the_package_reads_and_writes(tmp_path, cube_of):
    path = napari_dodn.write(HyperCube(cube_of()), str(tmp_path / "a.hdr"))
    cube = napari_dodn.read(str(path))
    np.testing.assert_array_equal(cube.data, cube_of())
    assert cube.name == "a"


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FormatError, match="does not exist"):
        read(tmp_path / "none.hdr")


@pytest.mark.parametrize("name", ["a.hdr", "a.mat", "a.img", "a.tif", "a.npz", "a"])
def test_an_empty_file_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(FormatError, match="is empty"):
        read(tmp_path / name)


def test_an_empty_data_file_is_refused(envi_file, cube_of):
    path = envi_file(cube_of())
    os.truncate(path.with_suffix(".img"), 0)
    with pytest.raises(FormatError, match="is empty"):
        read(path)


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_an_unknown_format_is_refused_with_what_can_be_opened(tmp_path, name):
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(FormatError, match="ENVI header.*MATLAB.*folder of band images"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["scene.hdr", "scene.img"])
def test_a_file_that_may_not_be_read_is_refused(envi_file, cube_of, name, monkeypatch):
    path = envi_file(cube_of()).with_name(name)

    def forbidden(file, *_, **__):
        raise PermissionError(13, "Permission denied", str(file))

    # Not by file modes: those do not hold back the administrator, who may run the tests.
    monkeypatch.setattr("pathlib.Path.open", forbidden)
    with pytest.raises(FormatError, match="cannot be read: Permission denied"):
        read(path)


def test_a_cube_that_does_not_fit_into_memory_is_refused(envi_file, cube_of, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr(raster, "RawPixels", exhausted)
    with pytest.raises(FormatError, match="not enough memory"):
        read(envi_file(cube_of()))


@pytest.mark.parametrize("name", ["a.hdr", "a.img", "a.mat", "a.tif", "a.npz"])
def test_a_target_can_be_asked_about_before_long_work(tmp_path, cube_of, name):
    check_target(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    write(HyperCube(cube_of()), tmp_path / name)
    with pytest.raises(FormatError, match="already exists"):
        check_target(tmp_path / name)
    check_target(tmp_path / name, overwrite=True)


@pytest.mark.parametrize(
    "name", ["none/a.hdr", "none/a.mat", "none/a.tif", "none/a.npz", "a.npy", "a.xyz"]
)
def test_a_target_that_cannot_be_is_told_before_long_work(tmp_path, name):
    with pytest.raises(FormatError, match="cannot be written"):
        check_target(tmp_path / name)


def test_a_file_without_suffix_that_is_matlabs_is_known_by_its_content(tmp_path, cube_of):
    path = write(HyperCube(cube_of()), tmp_path / "a.mat")
    path = path.rename(tmp_path / "a")
    np.testing.assert_array_equal(read(path).data, cube_of())


@pytest.mark.parametrize("wavelengths", [["red"] * 3, [400, -1, 500], [np.nan] * 3, [[1, 2]]])
def test_given_wavelengths_that_cannot_be_are_refused(envi_file, cube_of, wavelengths):
    with pytest.raises(FormatError, match="option 'wavelengths'"):
        read(envi_file(cube_of(3)), wavelengths=wavelengths)


@pytest.mark.parametrize("name", ["a.hdr", "a.h5", "a.zarr", "a.tif", "a.npz", "bands"])
def test_a_cube_that_is_read_when_it_is_looked_at_goes_to_other_processes(tmp_path, name):
    pixels = np.random.default_rng(0).integers(0, 255, (5, 9, 7), np.uint8)
    path = tmp_path / name
    if name == "a.tif":
        tifffile.imwrite(path, pixels, compression="zlib", photometric="minisblack")
    elif name == "a.npz":
        np.savez_compressed(path, cube=pixels)
    elif name == "bands":
        path.mkdir()
        for number, band in enumerate(pixels):
            tifffile.imwrite(path / f"band_{number}.tif", band)
    else:
        write(HyperCube(pixels), path)
    cube = pickle.loads(pickle.dumps(read(path, axes=None if name != "a.npz" else "byx")))
    np.testing.assert_array_equal(cube.data, pixels)


@pytest.mark.parametrize("name", ["a.hdr", "a.h5", "a.zarr"])
def test_pixels_can_be_read_after_the_working_folder_has_changed(tmp_path, monkeypatch, name):
    pixels = np.random.default_rng(0).integers(0, 255, (5, 9, 7), np.uint8)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with create(name, pixels.shape, pixels.dtype) as writer:
        writer.put((slice(None),) * 3, pixels)
        written = writer.finish(HyperCube(pixels))
    cube = read(name)
    monkeypatch.chdir("other")
    for one in (cube, written):
        assert one.source == str(tmp_path / name)
        np.testing.assert_array_equal(one.data, pixels)


def test_a_compressed_array_that_is_gone_is_one_sentence(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", cube=np.ones((4, 40, 50)))
    cube = read(tmp_path / "a.npz")
    (tmp_path / "a.npz").unlink()
    with pytest.raises(FormatError, match="a.npz cannot be read: No such file"):
        cube.pixels()


def test_an_error_of_a_reader_comes_back_from_another_process(tmp_path):
    np.savez(tmp_path / "two.npz", first=np.ones((5, 9, 7)), second=np.ones((5, 9, 7)))
    with pytest.raises(AmbiguousError) as caught:
        read(tmp_path / "two.npz")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.candidates) == (str(caught.value), ["first", "second"])


@pytest.fixture
def room(monkeypatch):
    """Let files grow to a quarter of a megabyte, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["a.hdr", "a.bip", "a.mat", "a.h5", "a.zarr", "a.tif", "a.npz"])
def test_what_the_disk_refuses_is_one_sentence_and_leaves_the_old_file(tmp_path, name, room):
    rng = np.random.default_rng(0)
    small, large = (HyperCube(rng.random((16, side, side)).astype("float32")) for side in (16, 130))
    path = write(small, tmp_path / name)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    with pytest.raises(FormatError, match=rf"{re.escape(name[:2])}\w+ cannot be written: File too"):
        write(large, path, overwrite=True)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before
    np.testing.assert_array_equal(read(path).data, small.data)


@pytest.mark.parametrize("name", ["a.hdr", "a.h5", "a.zarr"])
def test_a_full_disk_is_told_before_anything_is_written(tmp_path, name):
    with (
        pytest.raises(FormatError, match=r"only .* are free"),
        create(tmp_path / name, (1000, 10**6, 10**6)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.hdr", "a.h5", "a.zarr"])
def test_a_disk_that_fills_up_under_the_tiles_is_one_sentence(tmp_path, name, room):
    tile = np.random.default_rng(0).random((16, 128, 130)).astype("float32")
    with (
        pytest.raises(FormatError, match=r"a\.\w+ cannot be written: File too large\.$"),
        create(tmp_path / name, (16, 128, 130)) as file,
    ):
        file.put((slice(None),) * 3, tile)
        file.finish(HyperCube(tile))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.hdr", "a.h5", "a.zarr"])
def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path, cube_of, name):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with (
        pytest.raises(FormatError, match="already exists"),
        create(tmp_path / name, cube_of().shape) as file,
    ):
        file.put((slice(None),) * 3, cube_of())
        # By other software: of our own processes the later one is refused at its start.
        write(HyperCube(cube_of() * 2), elsewhere / name)
        for path in elsewhere.iterdir():
            path.rename(tmp_path / path.name)
        file.finish(HyperCube(cube_of()))
    elsewhere.rmdir()
    np.testing.assert_array_equal(read(tmp_path / name).data, cube_of() * 2)
    assert {path.stem for path in tmp_path.iterdir()} == {"a"}


def test_a_part_of_the_source_is_never_the_output(tmp_path):
    folder = tmp_path / "scene_ms"
    folder.mkdir()
    for band in range(3):
        tifffile.imwrite(folder / f"scene_{band}.tif", np.zeros((4, 5), np.uint8))
    store = write(HyperCube(np.zeros((2, 3, 4))), tmp_path / "a.zarr")
    for path, source in (
        (folder / "scene_1.tif", folder),
        (folder / "scene_1.tif", tmp_path),
        (store, store / "cube"),
    ):
        with pytest.raises(FormatError, match="The output is the file"):
            check_not_source(path, source)
    check_not_source(folder / "scene.tif", folder)
    check_not_source(tmp_path / "b.zarr", store)


def test_a_name_may_begin_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(HyperCube(np.zeros((2, 3, 4))), "~backup.npz")
    assert read("~backup.npz").shape == (2, 3, 4)


@pytest.mark.parametrize("name", ["a", "a.tif", "a.npz"])
def test_what_cannot_be_filled_by_tiles_is_told_with_what_can(tmp_path, name):
    with pytest.raises(FormatError, match=r"tile by tile: .*\.hdr.*\.h5.*\.zarr"):
        create(tmp_path / name, (2, 3, 4))


def test_importing_the_formats_loads_none_of_the_heavy_libraries():
    code = "import sys, napari_dodn.formats; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"torch", "scipy", "h5py", "dask", "spectral", "imageio", "skimage", "napari"}
    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize("name", ["a.hdr", "a.h5", "a.zarr", "a.tif", "a.npz", "a.mat"])
def test_a_read_only_file_is_never_replaced(tmp_path, cube_of, name):
    path = write(HyperCube(cube_of()), tmp_path / name)
    path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with pytest.raises(FormatError, match=r"cannot be written: it is read-only\.$"):
            check_target(path, overwrite=True)
    finally:
        path.chmod(0o755)
    check_target(path, overwrite=True)


@pytest.mark.parametrize("name", ["a.h5", "a.img"])
def test_a_hard_link_of_the_source_is_never_the_output(tmp_path, cube_of, name):
    write(HyperCube(cube_of()), tmp_path / name)
    link = tmp_path / f"link{Path(name).suffix}"
    link.hardlink_to(tmp_path / name)
    with pytest.raises(FormatError, match="is the file that the source comes from"):
        check_not_source(link, tmp_path / name)
    check_not_source(tmp_path / f"other{Path(name).suffix}", tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["a.hdr", "a.csv"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, cube_of, name):
    os.mkfifo(path := tmp_path / name)
    reader = read_library if name == "a.csv" else read
    with pytest.raises(FormatError, match="is neither a file nor a folder"):
        reader(path)
    if name == "a.hdr":
        with pytest.raises(FormatError, match="what is there is not a file"):
            check_target(path, overwrite=True)


def test_a_script_beside_a_header_is_not_its_data(tmp_path, cube_of):
    path = write(HyperCube(cube_of()), tmp_path / "result.hdr")
    script = tmp_path / "result.sh"
    script.write_bytes(bytes(cube_of().nbytes))
    np.testing.assert_array_equal(read(path).data, cube_of())
    write(HyperCube(cube_of() * 2), path, overwrite=True)
    np.testing.assert_array_equal(read(path).data, cube_of() * 2)
    assert script.stat().st_size == cube_of().nbytes
