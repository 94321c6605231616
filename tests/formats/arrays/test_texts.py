"""Wavelengths as text, tables and JSON in HDF5 and Zarr, and a gain for each band."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import zarr

from napari_dodn.formats import read

IMAGE = np.random.default_rng(11).integers(0, 4000, (8, 20, 18), dtype=np.int16)
CENTRES = 400.0 + 10 * np.arange(8)
WORDS = [f"{value:.1f}" for value in CENTRES]


@pytest.fixture
def hdf5_file(tmp_path):
    def make(attributes=None, said=None, **arrays):
        path = tmp_path / "scene.h5"
        with h5py.File(path, "w") as file:
            file["cube"] = IMAGE
            for name, values in arrays.items():
                file[name] = values
            file.attrs.update(attributes or {})
            file["cube"].attrs.update(said or {})
        return path

    return make


@pytest.mark.parametrize(
    "values",
    [
        np.array(WORDS, "S"),
        WORDS,
        ", ".join(WORDS),
        f"{{{'; '.join(WORDS)}}}",
        [f"{word} nm" for word in WORDS],
    ],
)
def test_wavelengths_in_a_dataset_of_text_are_read(hdf5_file, values):
    np.testing.assert_allclose(read(hdf5_file(wavelength=values)).wavelengths, CENTRES)


@pytest.mark.parametrize("values", [" ".join(WORDS), WORDS])
@pytest.mark.parametrize("place", ["attributes", "said"])
def test_wavelengths_in_a_text_attribute_are_read(hdf5_file, place, values):
    path = hdf5_file(**{place: {"Wavelengths": values}})
    np.testing.assert_allclose(read(path).wavelengths, CENTRES)


@pytest.mark.parametrize(
    "content",
    [
        {"wavelength": [*CENTRES / 1000], "units": "um"},
        {"wavelength": [*CENTRES], "wavelength_units": "nm"},
        {"sensor": {"bands": {"wavelengths": [*CENTRES]}}},
        {"wavelength": WORDS},
        {"wavelength": ", ".join(WORDS)},
    ],
)
def test_wavelengths_in_json_are_read(hdf5_file, content):
    text = json.dumps(content)
    np.testing.assert_allclose(read(hdf5_file({"metadata": text})).wavelengths, CENTRES)
    np.testing.assert_allclose(read(hdf5_file(info=text)).wavelengths, CENTRES)


@pytest.mark.parametrize("text", ["{", "{}", '{"wavelength": "none"}', '{"wavelength": [1, "x"]}'])
def test_json_without_wavelengths_is_no_fault(hdf5_file, text):
    assert read(hdf5_file({"metadata": text})).wavelengths is None


def test_a_table_of_bands_has_their_wavelengths_and_widths(hdf5_file):
    table = np.zeros(8, [("name", "S4"), ("wavelength", "f4"), ("fwhm", "f8")])
    table["wavelength"], table["fwhm"] = CENTRES, 5
    cube = read(hdf5_file(bands=table))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, 5)


def test_gain_and_offset_may_be_one_for_each_band(hdf5_file):
    gain, offset = np.linspace(0.01, 0.02, 8), np.linspace(0, 1, 8)
    cube = read(hdf5_file(said={"scale_factor": gain, "add_offset": offset}, wavelength=CENTRES))
    np.testing.assert_allclose(cube.gain, gain)
    np.testing.assert_allclose(cube.offset, offset)


def test_a_gain_of_another_length_is_left_out_with_a_note(hdf5_file):
    cube = read(hdf5_file(said={"scale_factor": np.ones(5) / 2}, wavelength=CENTRES))
    assert cube.gain is None
    assert any("'scale_factor' is left out" in note for note in cube.notes)


@pytest.mark.parametrize(
    "said",
    [
        {"wavelengths": WORDS},
        {"wavelengths": ", ".join(WORDS)},
        {"info": {"wavelength": [*CENTRES]}},
    ],
)
def test_a_zarr_store_may_have_wavelengths_as_text_or_objects(tmp_path, said):
    group = zarr.create_group(tmp_path / "scene.zarr")
    group.create_array("cube", data=IMAGE)
    group.attrs.update(said)
    np.testing.assert_allclose(read(tmp_path / "scene.zarr").wavelengths, CENTRES)
