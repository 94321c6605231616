"""Whatever happens to a file, its reader answers with a cube or a sentence."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from napari_dodn import HyperCube
from napari_dodn.formats import FormatError, contents, read, read_library, write

DAMAGE = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CUTS = st.floats(0, 1)
FLIPS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)


def damaged(content: bytes, cut: float, flips: list[tuple[float, int]]) -> bytes:
    changed = bytearray(content)
    for place, value in flips:
        changed[int(place * len(changed))] = value
    return bytes(changed[: int(cut * len(changed)) + 1])


def opens_or_explains(path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(FormatError):
            assert np.asarray(read(path).data).ndim == 3


@pytest.fixture(params=["v5", "v5 compressed", "v7.3"])
def matlab_content(request, tmp_path):
    path = tmp_path / "whole.mat"
    image = np.arange(6 * 7 * 31.0).reshape(6, 7, 31)
    if request.param == "v7.3":
        with h5py.File(path, "w", userblock_size=512) as file:
            file["cube"] = image.T
            file["wavelength"] = np.linspace(400, 700, 31)[None]
    else:
        variables = {"cube": image, "wavelength": np.linspace(400, 700, 31), "info": {"a": 1}}
        savemat(path, variables, do_compression=request.param.endswith("compressed"))
    return path.read_bytes()


@DAMAGE
@given(cut=CUTS, flips=FLIPS)
def test_a_damaged_matlab_file_opens_or_is_refused_in_a_sentence(
    tmp_path, matlab_content, cut, flips
):
    path = tmp_path / "damaged.mat"
    path.write_bytes(damaged(matlab_content, cut, flips))
    opens_or_explains(path)


@DAMAGE
@given(cut=CUTS, flips=FLIPS)
def test_a_damaged_envi_header_opens_or_is_refused_in_a_sentence(tmp_path, cut, flips):
    cube = HyperCube(
        np.zeros((3, 4, 5)),
        wavelengths=[450, 550, 650],
        fwhm=[5, 6, 7],
        good_bands=[True, True, False],
        gain=0.5,
        quantity="reflectance",
        map_info=("UTM", "1", "1", "5", "6", "7", "8", "units=Meters"),
        history=["Done."],
    )
    path = write(cube, tmp_path / "a.hdr", overwrite=True)
    path.write_bytes(damaged(path.read_bytes(), cut, flips))
    opens_or_explains(path)
    path.unlink()


@pytest.fixture(params=["of others", "ours"])
def hdf5_content(request, tmp_path):
    path = tmp_path / "whole.h5"
    image = np.arange(31 * 6 * 7.0).reshape(31, 6, 7)
    wavelengths = np.linspace(400, 700, 31)
    if request.param == "ours":
        write(HyperCube(image, wavelengths=wavelengths, history=["Done."]), path)
    else:
        with h5py.File(path, "w") as file:
            cube = file.create_dataset("scene/data", data=image.T, chunks=(7, 3, 31))
            cube.attrs.update({"_FillValue": -1.0, "long_name": "radiance"})
            file["scene/wavelength"] = wavelengths
            file["scene/wavelength"].make_scale("wavelength")
            cube.dims[2].attach_scale(file["scene/wavelength"])
    return path.read_bytes()


@DAMAGE
@given(cut=CUTS)
def test_an_hdf5_file_that_is_cut_off_opens_or_is_refused_in_a_sentence(
    tmp_path, hdf5_content, cut
):
    # Only cut off: HDF5's own library dies of about one wrong byte in four thousand.
    path = tmp_path / "damaged.h5"
    path.write_bytes(damaged(hdf5_content, cut, []))
    opens_or_explains(path)


@pytest.mark.parametrize("name", ["a.h5", "a.mat"])
@pytest.mark.parametrize("free", [0, 8, 2**63])
def test_texts_that_hdf5_would_look_through_forever_are_refused(tmp_path, name, free):
    path = tmp_path / name
    with h5py.File(path, "w") as file:
        file["cube"] = np.zeros((3, 4, 5))
        file["cube"].attrs["DIMENSION_LABELS"] = ["bands", "y", "x"]
        file["cube"].attrs["MATLAB_class"] = "double"
    content = bytearray(path.read_bytes())
    place = content.index(b"GCOL") + 16
    while struct.unpack_from("<H", content, place)[0]:
        length = struct.unpack_from("<Q", content, place + 8)[0]
        place += 16 + length + -length % 8
    struct.pack_into("<Q", content, place + 8, free)
    path.write_bytes(content)
    code = "import sys, napari_dodn; napari_dodn.read(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=False
    )
    assert "FormatError" in done.stderr
    assert "its texts at byte" in done.stderr


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\0\x10\0{'descr': '<f8'\n(("])
def test_damaged_wavelengths_beside_a_cube_are_left_out_with_a_note(tmp_path, content):
    np.save(tmp_path / "a.npy", np.zeros((4, 5, 6)))
    (tmp_path / "wavelengths.npy").write_bytes(content)
    assert any(
        "wavelengths.npy beside the cube is left out" in note
        for note in read(tmp_path / "a.npy").notes
    )


@pytest.mark.parametrize("described", ["[" * 100_000, "[]", '{"columns": 1, "spectra": {}}'])
def test_a_table_whose_description_is_damaged_opens_with_a_note(tmp_path, described):
    path = tmp_path / "a.csv"
    path.write_text(f"# napari-dodn spectra 1\n# {described}\nnm,a\n400,1\n500,2\n")
    library = read_library(path)
    assert library[0].values.tolist() == [1, 2]
    assert library.notes[0].startswith("The description above the table is damaged")


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("cube", "chunk_grid"), [4, 0, 3], "hold nothing"),
        (("", "attributes"), [10**400] * 3, "makes no sense"),
    ],
)
def test_numbers_that_a_store_cannot_have_are_told(tmp_path, place, value, sentence):
    path = write(HyperCube(np.ones((3, 4, 5)), [1, 2, 3]), tmp_path / "a.zarr")
    mark = path / place[0] / "zarr.json"
    content = json.loads(mark.read_text())
    if place[1] == "attributes":
        text = json.loads(content["attributes"]["napari_dodn"])
        text["napari_dodn"]["wavelengths"] = value
        content["attributes"]["napari_dodn"] = json.dumps(text, separators=(", ", " : "))
    else:
        content["chunk_grid"]["configuration"]["chunk_shape"] = value
    mark.write_text(json.dumps(content))
    with pytest.raises(FormatError, match=sentence):
        read(path)


def test_what_no_reader_has_foreseen_is_a_sentence_too(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((4, 5, 6)))

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("napari_dodn.formats.arrays.numpy_file.cube_of", broken)
    monkeypatch.setattr("napari_dodn.formats.arrays.numpy_file.candidates_of", broken)
    for ask in (read, contents):
        with pytest.raises(FormatError, match="is damaged, or of a kind that is not known"):
            ask(path)
