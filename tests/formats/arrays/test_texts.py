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
        "; ".join(WORDS).replace(".", ","),
        " ".join(f"{word} nm" for word in WORDS).replace(".", ","),
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
        [{"name": f"b{band}", "wavelength": value} for band, value in enumerate(CENTRES)],
        {"bands": [{"centre": {}, "wavelength": value} for value in CENTRES]},
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


@pytest.mark.parametrize("names", [("gain", "offset"), ("scale_factor", "add_offset")])
def test_gain_and_offset_may_be_datasets_of_one_value_for_each_band(hdf5_file, names):
    gain, offset = np.linspace(0.01, 0.02, 8), np.linspace(0, 1, 8)
    cube = read(hdf5_file(**dict(zip(names, (gain, offset), strict=True))))
    np.testing.assert_allclose(cube.gain, gain)
    np.testing.assert_allclose(cube.offset, offset)


def test_a_gain_of_another_cube_is_not_taken(hdf5_file):
    path = hdf5_file(swir=IMAGE, swir_gain=np.linspace(0.01, 0.02, 8))
    assert read(path, dataset="cube").gain is None
    assert read(path, dataset="swir").gain is not None


def test_a_scale_factor_may_be_a_dataset_of_one_number(hdf5_file):
    np.testing.assert_allclose(read(hdf5_file(scale_factor=0.01)).gain, 0.01)


@pytest.mark.parametrize(("value", "gain"), [(0.01, 0.01), (10000.0, None)])
def test_a_factor_in_another_spelling_multiplies_where_it_is_below_1(hdf5_file, value, gain):
    cube = read(hdf5_file(said={"Scale_Factor": value}))
    assert gain is None if cube.gain is None else (cube.gain == gain).all()


def test_no_data_values_that_are_all_the_same_are_one(hdf5_file):
    assert read(hdf5_file(said={"missing_value": np.full(3, -9999.0)})).nodata == -9999


def test_no_data_values_of_bands_are_read_as_nan(hdf5_file):
    values = IMAGE[:, 0, 0].astype(float)
    cube = read(hdf5_file(said={"no_data_value": values}))
    np.testing.assert_array_equal(np.isnan(np.asarray(cube.data)), values[:, None, None] == IMAGE)
    assert any("differ from band to band" in note for note in cube.notes)


def test_several_no_data_values_of_all_bands_are_read_as_nan(hdf5_file):
    values = np.array([IMAGE[0, 0, 0], IMAGE[5, 4, 3]], float)
    cube = read(hdf5_file(said={"missing_value": values}))
    np.testing.assert_array_equal(np.isnan(np.asarray(cube.data)), np.isin(IMAGE, values))
    assert any("'missing_value'" in note for note in cube.notes)


def test_wavelengths_in_the_header_of_an_envi_file_are_read(hdf5_file):
    lines = ["ENVI", "bands = 8", "wavelength units = um", "fwhm = {" + ",".join(["0.005"] * 8)]
    text = "\n".join([*lines, "}", f"wavelength = {{{', '.join(map(str, CENTRES / 1000))}}}"])
    for path in (hdf5_file({"header": text}), hdf5_file(header=text)):
        cube = read(path)
        np.testing.assert_allclose(cube.wavelengths, CENTRES)
        np.testing.assert_allclose(cube.fwhm, 5)


def test_wavelengths_in_names_of_bands_are_read(hdf5_file):
    names = [f"Band {band} ({word} nm)" for band, word in enumerate(WORDS)]
    for path in (hdf5_file({"band_names": names}), hdf5_file(band_names=names)):
        np.testing.assert_allclose(read(path).wavelengths, CENTRES)


@pytest.mark.parametrize("name", ["noise", "DQ", "weights", "dark", "white_ref", "radiance_nedl"])
def test_noise_and_references_are_not_taken_for_the_cube(hdf5_file, name):
    assert read(hdf5_file(**{name: IMAGE})).notes[0].startswith("The cube is 'cube'")


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


def test_wavelengths_and_widths_in_json_of_catalogues_are_read(hdf5_file):
    bands = [
        {"name": "b", "center_wavelength": centre / 1000, "full_width_half_max": 0.005}
        for centre in CENTRES
    ]
    cube = read(hdf5_file(attributes={"stac": json.dumps({"eo:bands": bands})}))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, np.full(8, 5.0))


@pytest.mark.parametrize("shape", [(8,), (1, 8), (8, 1)])
@pytest.mark.parametrize(
    ("field", "kind"), [("center_nm", "f8"), ("wavelength", "S8"), ("band_name", "S12")]
)
def test_a_table_may_have_texts_and_an_axis_of_length_1(hdf5_file, shape, field, kind):
    table = np.zeros(8, [("number", "i4"), (field, kind)])
    table["number"] = np.arange(1, 9)
    table[field] = [f"{c} nm" for c in CENTRES] if field == "band_name" else CENTRES
    cube = read(hdf5_file(spectral_table=table.reshape(shape)))
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


@pytest.mark.parametrize("place", ["attributes", "said"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("Band_{}", "{} nm"), ("band {}", "Band of {}nm"), ("wavelength_{}", None), ("wl{}", None)],
)
def test_numbered_attributes_say_the_wavelength_of_each_band(hdf5_file, place, name, value):
    said = {
        name.format(number): centre if value is None else value.format(centre)
        for number, centre in enumerate(CENTRES, 1)
    }
    cube = read(hdf5_file(**{place: said}))
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


def test_a_gain_for_each_band_may_be_a_text(hdf5_file):
    gains = np.arange(1, 9) / 8
    said = {"gain": " ".join(map(str, gains)), "wavelength": CENTRES}
    np.testing.assert_allclose(read(hdf5_file(said=said)).gain, gains)


@pytest.mark.parametrize(
    "name",
    [
        *("cube_sd", "cube_var", "rmse", "residuals", "valid", "saturated", "count", "n_obs"),
        *("wavelength", "obs", "glt"),
    ],
)
def test_what_is_said_of_each_pixel_is_no_cube(hdf5_file, name):
    cube = read(hdf5_file(wavelengths=CENTRES, **{name: IMAGE * 2}))
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)


def test_numbers_without_a_unit_in_comments_are_no_wavelengths(hdf5_file):
    comments = {f"step_{band}": f"scaled by {1 + band / 10}" for band in range(1, 9)}
    cube = read(hdf5_file(comments, wavelength=CENTRES))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
