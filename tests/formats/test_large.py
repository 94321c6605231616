"""Small files that hold gigabytes are asked about, or refused, before they are unpacked."""

from __future__ import annotations

import gzip
import tracemalloc
import zipfile
from unittest.mock import patch

import h5py
import numpy as np
import pytest
import zarr
from scipy.io import savemat

from napari_dodn.formats import FormatError, LargeError, contents, read
from napari_dodn.formats import options as limits

IMAGE = np.zeros((40, 300, 300), "f8")
"""29 MB, which compress to little."""


@pytest.fixture(autouse=True)
def _less_is_much(monkeypatch):
    monkeypatch.setattr(limits, "MUCH", 2**20)


def npz(path):
    np.savez_compressed(path, cube=IMAGE)
    return path


def mat(path):
    savemat(path, {"cube": IMAGE}, do_compression=True)
    return path


def mat_in_a_structure(path):
    savemat(path, {"a": {"cube": IMAGE, "b": 1.0}}, do_compression=True)
    return path


def hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=IMAGE, compression="gzip")
    return path


def zarr_store(path):
    array = zarr.create_array(path, shape=IMAGE.shape, chunks=(40, 100, 100), dtype="f8")
    array[:] = IMAGE + 1
    return path


def envi(path):
    path.with_suffix(".img").write_bytes(gzip.compress(IMAGE.tobytes()))
    path.write_text(
        "ENVI\nsamples = 300\nlines = 300\nbands = 40\ndata type = 5\ninterleave = bsq\n"
        "byte order = 0\nfile compression = 1\n"
    )
    return path


FILES = {
    "a.npz": npz,
    "a.mat": mat,
    "b.mat": mat_in_a_structure,
    "a.h5": hdf5,
    "a.zarr": zarr_store,
    "a.hdr": envi,
}


@pytest.mark.parametrize("name", FILES)
def test_what_holds_far_more_than_its_size_tells_is_asked_about(tmp_path, name):
    path = FILES[name](tmp_path / name)
    tracemalloc.start()
    with (
        # It inflates up to 128 kB at once to look at what there is, which is all of it here.
        patch("scipy.io.loadmat", side_effect=AssertionError),
        pytest.raises(LargeError, match=r"needs 28\.8 MB, packed in [\d.]+ (kB|bytes);.*--large"),
    ):
        read(path)
    assert name.endswith(".mat") or tracemalloc.get_traced_memory()[1] < IMAGE.nbytes
    tracemalloc.stop()
    assert read(path, large=True).shape in ((40, 300, 300), (300, 40, 300))


def test_a_large_scan_in_a_recorders_folder_opens_where_that_is_allowed(tmp_path):
    for name in ("scan.hdr", "darkref_scan.hdr"):
        envi(tmp_path / name)
    with pytest.raises(LargeError):
        read(tmp_path)
    assert read(tmp_path, large=True).shape == IMAGE.shape


def test_the_question_says_how_much_it_is(tmp_path):
    with pytest.raises(LargeError) as caught:
        read(npz(tmp_path / "a.npz"))
    assert caught.value.question.endswith(" kB. Open it all the same?")


def test_what_compresses_well_for_an_image_is_not_asked_about(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, cube=np.random.default_rng(0).integers(0, 2, IMAGE.shape) * 1.0)
    assert read(path).shape == IMAGE.shape


def test_the_command_line_opens_it_where_it_is_told_to(tmp_path, run):
    path = npz(tmp_path / "a.npz")
    code, _, said = run("info", path)
    assert (code, "--large" in said) == (1, True)
    assert run("info", path, "--large")[0] == 0


def huge_text_in_hdf5(path):
    with h5py.File(path, "w") as file:
        file["cube"] = np.ones((3, 4, 5))
        for name in ("wavelength", "text"):
            file.create_dataset(
                name, (1,), h5py.string_dtype("ascii", 2 * 10**9), chunks=(1,), compression=4
            )
    return path


def huge_chunks_in_zarr(path):
    group = zarr.create_group(path)
    group.create_array("cube", data=np.ones((3, 4, 5)))
    group.create_array("wavelength", shape=(5,), chunks=(2 * 10**9,), dtype="f8")[:2] = 1
    return path


def huge_text_in_npz(path):
    np.savez(path, cube=np.ones((3, 4, 5)))
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("title.npy", "w") as file,
    ):
        header = {"descr": "<U100000000", "fortran_order": False, "shape": ()}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(400):
            file.write(bytes(10**6))
    return path


@pytest.mark.parametrize("make", [huge_text_in_hdf5, huge_text_in_npz])
def test_huge_texts_beside_a_cube_are_let_alone(tmp_path, make):
    path = make(tmp_path / ("a.npz" if make is huge_text_in_npz else "a.h5"))
    tracemalloc.start()
    assert read(path).bands in (3, 5)
    assert len(contents(path)) == 1
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_a_cube_whose_chunks_are_far_larger_than_it_is_refused(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=(3, 4, 5), chunks=(3, 4, 10**9), dtype="f8")
    (path / "c" / "0" / "0").mkdir(parents=True)
    (path / "c" / "0" / "0" / "0").write_bytes(b"\0")
    with pytest.raises(FormatError, match=r"Each of its chunks would hold 96\.0 GB\.$"):
        read(path)
