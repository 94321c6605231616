"""Matrices of a few columns beside a cube, one of which is the wavelengths."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from napari_dodn.formats import read

IMAGE = np.random.default_rng(4).integers(0, 4000, (8, 10, 9), dtype=np.int16)
CENTRES = 400.5 + 10 * np.arange(8)
NUMBERS, WIDTHS = np.arange(1.0, 9.0), 5.0 + 0.1 * np.array([3, 1, 2, 5, 4, 7, 6, 8])


@pytest.mark.parametrize(
    "columns",
    [
        (NUMBERS, CENTRES),
        (CENTRES, WIDTHS),
        (NUMBERS, CENTRES, WIDTHS),
        (CENTRES[::-1] / 1000, np.sort(WIDTHS) / 1000),
    ],
)
@pytest.mark.parametrize("name", ["wavelengths", "bands", "wl_nm_table"])
def test_the_column_that_can_be_wavelengths_is_taken(tmp_path, columns, name):
    table = np.stack(columns, 1)
    expected = columns[-1] if columns[0] is NUMBERS and len(columns) == 2 else CENTRES
    expected = CENTRES[::-1] if columns[0][0] < 1 else expected
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cube"], file[name] = IMAGE, table
    scipy.io.savemat(tmp_path / "a.mat", {"cube": IMAGE.transpose(1, 2, 0), name: table})
    for path in (tmp_path / "a.h5", tmp_path / "a.mat"):
        cube = read(path)
        np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
        np.testing.assert_allclose(cube.wavelengths, expected)


@pytest.mark.parametrize("name", ["positions", "spectra"])
def test_a_matrix_of_another_name_is_no_table_of_bands(tmp_path, name):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cube"], file[name] = IMAGE, np.stack([NUMBERS, CENTRES], 1)
    assert read(tmp_path / "a.h5").wavelengths is None


def test_whole_numbers_in_a_table_of_a_vague_name_are_no_wavelengths(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cube"], file["band_indices"] = IMAGE, np.stack([NUMBERS, 10 * NUMBERS], 1)
    assert read(tmp_path / "a.h5").wavelengths is None
