"""Our own files of arrays after other software has changed what is in them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from napari_dodn import HyperCube
from napari_dodn.formats import contents, read, write

CUBE = HyperCube(
    np.arange(5 * 12 * 14, dtype=np.uint16).reshape(5, 12, 14),
    np.linspace(400, 800, 5),
    fwhm=[9] * 5,
    good_bands=[1, 1, 1, 1, 0],
    nodata=7,
    map_info=("UTM", "1", "1", "500000", "4000000", "4", "4"),
    default_bands=(4, 2, 0),
)

TURNED = dict.fromkeys(("cube", "wavelengths", "fwhm", "good_bands"), np.s_[::-1])
SUFFIXES = pytest.mark.parametrize("suffix", [".npz", ".h5", ".mat"])


@pytest.fixture
def changed(tmp_path):
    """Write the cube, replace arrays by parts of them (b, y, x), and return the path."""

    def change(suffix, parts):
        path = write(CUBE, tmp_path / f"a{suffix}")
        if suffix == ".npz":
            arrays = dict(np.load(path))
            np.savez(path, **(arrays | {name: arrays[name][parts[name]] for name in parts}))
        elif suffix == ".h5":
            with h5py.File(path, "r+") as file:
                for name, part in parts.items():
                    values = file[name][()]
                    del file[name]
                    file[name] = values[part]
        else:
            arrays = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("_")}
            for name, part in parts.items():
                called = "bbl" if name == "good_bands" else name
                bands_first = np.moveaxis(arrays[called], -1, 0)
                arrays[called] = np.moveaxis(bands_first[part], 0, -1)
            scipy.io.savemat(path, arrays)
        return path

    return change


@SUFFIXES
def test_bands_that_were_turned_round_keep_their_wavelengths(changed, suffix):
    cube = read(changed(suffix, TURNED))
    np.testing.assert_array_equal(cube.data, CUBE.data[::-1])
    np.testing.assert_array_equal(cube.wavelengths, CUBE.wavelengths[::-1])
    np.testing.assert_array_equal(cube.good_bands, CUBE.good_bands[::-1])
    assert (cube.nodata, cube.map_info) == (CUBE.nodata, CUBE.map_info)
    if suffix != ".mat":  # where these stand nowhere else
        assert cube.default_bands == ()
        (note,) = cube.notes
        assert note.startswith("Other software has changed 'wavelengths' and 'good_bands' since")


@SUFFIXES
def test_a_cube_that_was_cropped_opens_without_its_place(changed, suffix):
    path = changed(suffix, {"cube": np.s_[:, 2:, 3:]})
    cube = read(path)
    np.testing.assert_array_equal(cube.data, CUBE.data[:, 2:, 3:])
    np.testing.assert_array_equal(cube.wavelengths, CUBE.wavelengths)
    assert cube.map_info == ()
    assert cube.notes[0] == (
        "The description that napari-dodn wrote is left out, since the image has another shape."
    )
    assert [found.name for found in contents(path)] == ["cube"]


@SUFFIXES
def test_a_cube_with_fewer_bands_and_wavelengths_opens(changed, suffix):
    cube = read(changed(suffix, dict.fromkeys(TURNED, np.s_[1:4])))
    np.testing.assert_array_equal(cube.data, CUBE.data[1:4])
    np.testing.assert_array_equal(cube.wavelengths, CUBE.wavelengths[1:4])
