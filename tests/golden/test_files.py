"""Files that were written before: they open, go on and lead to what they led to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
import zarr
from safetensors import safe_open

from napari_dodn import HyperCube, read, upscale, write
from napari_dodn.distillation.engine.training import train
from napari_dodn.distillation.run.events import Finished, Started, Step
from napari_dodn.distillation.run.folder import RunFolder, Status
from napari_dodn.errors import UserError
from napari_dodn.formats.description import OF_THE_FILE
from napari_dodn.network.model_file import ModelError, read_card

WRITTEN = ("cube.hdr", "bil/cube.hdr", "cube.mat", "cube.h5", "cube.zarr", "cube.tif", "cube.npz")


def described(cube: HyperCube) -> str:
    """Return all that a cube says of itself, but for its source and how it was read."""
    left_out = {*OF_THE_FILE} - {"name"}
    said = {key: value for key, value in cube.description().items() if key not in left_out}
    pixels = np.asarray(cube.data)
    said["nodata"] = float(said["nodata"])
    said |= {"pixels": f"{pixels.dtype} {pixels.shape}", "notes": cube.notes}
    return "\n".join(f"{key}: {_plain(said[key])}" for key in sorted(said))


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return dict(sorted(value.items())) if isinstance(value, dict) else value


@pytest.mark.parametrize("name", WRITTEN)
def test_a_cube_that_was_written_before_opens(assert_golden, files, name):
    cube = read(files / name)
    assert_golden("cube", described(cube))
    np.testing.assert_array_equal(np.asarray(cube.data).ravel(), np.arange(4 * 6 * 5))


def hdf5_items(path: Path) -> Iterator[str]:
    with h5py.File(path) as file:
        yield from (f"/ {key} = {value!r}" for key, value in sorted(file.attrs.items()))
        for name in sorted(file):
            array = file[name]
            yield f"{name} {array.dtype} {array.shape}"
            yield from (f"{name} {key} = {array.attrs[key]!r}" for key in sorted(array.attrs))


def zarr_items(path: Path) -> Iterator[str]:
    group = zarr.open_group(path, mode="r")
    yield from (f"/ {key}" for key in sorted(group.attrs))
    for name, array in sorted(group.arrays()):
        yield f"{name} {array.dtype} {array.shape}"
        yield from (f"{name} {key} = {value!r}" for key, value in sorted(array.attrs.items()))


def npz_items(path: Path) -> Iterator[str]:
    with np.load(path) as arrays:
        yield from (f"{n} {arrays[n].dtype} {arrays[n].shape}" for n in sorted(arrays.files))


def mat_items(path: Path) -> Iterator[str]:
    yield from (f"{name} {kind} {shape}" for name, shape, kind in scipy.io.whosmat(path))


def tiff_items(path: Path) -> Iterator[str]:
    with tifffile.TiffFile(path) as file:
        for tag in file.pages[0].tags:
            named = tag.code >= 33000 or tag.name in {"SampleFormat", "PlanarConfiguration"}
            yield f"{tag.name} = {tag.value!r}" if named else tag.name


def header_lines(path: Path) -> Iterator[str]:
    yield from path.read_text(encoding="utf-8").splitlines()


SAY_MORE = {".h5", ".zarr"}
"""Formats in which cubes say more than before, for other software."""

ITEMS = {
    ".hdr": header_lines,
    ".mat": mat_items,
    ".h5": hdf5_items,
    ".zarr": zarr_items,
    ".tif": tiff_items,
    ".npz": npz_items,
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_cube_is_written_as_it_was_before(files, tmp_path, name):
    target = tmp_path / "cube.bil" if name.startswith("bil") else tmp_path / name
    before, items = files / name, ITEMS[Path(name).suffix]
    after = write(read(before), target)
    had, has = list(items(before)), list(items(after))
    if target.suffix in SAY_MORE:
        has = [item for item in has if item in had]
    assert has == had


def test_a_model_of_before_computes_what_it_computed(files, assert_golden):
    model = files / "tiny-x2.safetensors"
    before = read(files / "result.npz")
    source = read(files / "scene9.npz").derive(name="source")
    after = upscale(source, 2, model=model, device="cpu", precision="float32", tile=8, blur=0)
    expected = before.pixels().clip(min=0)  # results of before could be negative
    np.testing.assert_allclose(after.data, expected, rtol=1e-3, atol=1e-1)
    for cube in (before, after):
        assert_golden(
            "history", re.sub(r"napari-dodn \d\S+\.", "VERSION.", "\n".join(cube.history))
        )


def test_the_header_of_a_model_has_the_keys_that_it_had(files):
    with safe_open(files / "tiny-x2.safetensors", framework="numpy") as model:
        before = model.metadata()
    with safe_open(files / "run" / "best.safetensors", framework="numpy") as model:
        assert set(model.metadata()) == set(before)
    card = read_card(files / "tiny-x2.safetensors")
    assert (card.scale, card.scores["model"]) == (2, {"psnr": 31.0})


def test_a_model_of_the_first_version_is_refused_in_one_sentence(files):
    with pytest.raises(ModelError, match="made by an earlier version .* use 'dodn-x2'"):
        upscale(read(files / "scene9.npz"), 2, model=files / "version-1-x2.safetensors")


def test_a_run_of_the_first_version_is_refused_in_one_sentence(files):
    run = RunFolder.open(files / "version-1-run")
    with pytest.raises(UserError, match=r"\.$") as caught:
        list(train(run, install=False))
    assert len(str(caught.value).splitlines()) == 1


def test_a_run_that_was_stopped_before_goes_on(files, assert_golden):
    run = RunFolder.open(files / "run")
    assert run.status() is Status.STOPPED
    known = len(run.events())
    events = list(train(run, install=False))
    assert [event.step for event in events if isinstance(event, Started)] == [4]
    assert [event.step for event in events if isinstance(event, Step)] == [5, 6]
    assert isinstance(events[-1], Finished)
    assert len(run.events()) > known
    names = (path.name for path in run.path.iterdir() if path.name != ".lock")
    assert_golden("run-folder", "\n".join(sorted(names)))
