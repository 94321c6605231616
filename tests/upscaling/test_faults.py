"""Faults that cannot be made here are put where they would happen; the old result stays."""

from __future__ import annotations

import errno
import os
import shutil
import time

import numpy as np
import pytest

from napari_dodn import HyperCube, read, upscale, write
from napari_dodn.errors import UserError, reason_of
from napari_dodn.formats.leftovers import QUIET, remove_leftovers
from napari_dodn.jobs import result_of
from napari_dodn.network.inference import infer_steps
from napari_dodn.replacing import unfinished_name
from napari_dodn.upscaling import UpscaleOptions, upscale_steps


@pytest.fixture
def old(tmp_path):
    """Write an earlier result, which is to stay as it is."""
    write(HyperCube(np.full((2, 3, 4), 7, "f4")), tmp_path / "out.hdr")

    def check():
        assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.hdr", "out.img"]
        assert (np.asarray(read(tmp_path / "out.hdr").data) == 7).all()

    return check


def fails(cube, model_path, tmp_path, said):
    with pytest.raises(UserError, match=said):
        upscale(cube, 2, model_path, "cpu", tile=8, output=tmp_path / "out.hdr", overwrite=True)


def test_a_gpu_that_is_lost_is_one_sentence_and_the_old_result_stays(
    cube, model_path, tmp_path, monkeypatch, old
):
    tiles = []

    def lost(*arguments):
        tiles.append(arguments)
        if len(tiles) > 2:
            raise RuntimeError("CUDA error: unspecified launch failure\nCompile with …")
        yield from infer_steps(*arguments)

    monkeypatch.setattr("napari_dodn.upscaling.views.infer_steps", lost)
    said = r"^cpu has failed \(CUDA error: unspecified launch failure\); start again.*'cpu'\.$"
    fails(cube, model_path, tmp_path, said)
    old()


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="needs os.preadv")
@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ETIMEDOUT])
def test_a_network_drive_that_goes_is_one_sentence_and_the_old_result_stays(
    cube, model_path, tmp_path, monkeypatch, old, number
):
    source = read(write(cube, tmp_path / "source.hdr"))
    real, reads = os.preadv, []

    def gone(*arguments):
        reads.append(arguments)
        if len(reads) > 10:
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", gone)
        fails(source, model_path, tmp_path, f"source.img cannot be read: {os.strerror(number)}")
    old()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_the_last_step_is_one_sentence_and_the_old_result_stays(
    cube, model_path, tmp_path, monkeypatch, old, number
):
    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("napari_dodn.formats.envi.raster.put_in_place", refused)
    fails(
        cube,
        model_path,
        tmp_path,
        f"cannot be written: {reason_of(OSError(number, os.strerror(number)))}",
    )
    old()


@pytest.mark.parametrize("name", ["fine.hdr", "fine.h5", "fine.zarr", "fine.tif"])
def test_an_output_folder_that_goes_away_is_one_sentence_and_is_not_made_again(
    cube, model_path, tmp_path, monkeypatch, name
):
    output = tmp_path / "results" / name
    output.parent.mkdir()

    def removed(*arguments):
        shutil.rmtree(output.parent, ignore_errors=True)
        yield from infer_steps(*arguments)

    monkeypatch.setattr("napari_dodn.upscaling.views.infer_steps", removed)
    resume = False if name in ("fine.hdr", "fine.zarr") else None
    options = UpscaleOptions(scale=2, model=model_path, device="cpu", tile=8)
    with pytest.raises(UserError, match=r"fine\..* cannot be written: "):
        result_of(upscale_steps(cube, options, output=output, resume=resume))
    assert not output.parent.exists()


def test_a_clock_that_went_backwards_removes_nothing(tmp_path):
    path = unfinished_name(tmp_path / "a.hdr")
    path.write_bytes(b"half")
    future = time.time() + 10 * QUIET
    os.utime(path, (future, future))
    assert remove_leftovers(tmp_path) == []
    assert path.exists()
