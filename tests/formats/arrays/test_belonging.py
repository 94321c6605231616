"""Wavelengths of several detectors in one file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from napari_dodn.formats import read

PIXELS = np.random.default_rng(3).random((12, 40, 30), dtype=np.float32)
VNIR, SWIR = np.linspace(400, 455, 12), np.linspace(1000, 1055, 12)


def hdf5_file(tmp_path, arrays, attributes=None):
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
        for name, said in (attributes or {}).items():
            file[name].attrs.update(said)
    return path


@pytest.mark.parametrize(
    ("vnir", "swir", "vnir_wavelengths", "swir_wavelengths"),
    [
        ("vnir_cube", "swir_cube", "vnir_wavelength", "swir_wavelength"),
        ("VnirCube", "SwirCube", "wavelengthsVNIR", "wavelengthsSWIR"),
        ("vnir/cube", "swir/cube", "vnir/wavelength", "swir/wavelength"),
        ("vnir/cube", "swir/cube", "bands/vnir_wl", "bands/swir_wl"),
        ("data/rhot_vnir", "data/rhot_swir", "bands/vnirwavelength", "bands/swirwavelength"),
        ("cube1", "cube2", "wavelength1", "wavelength2"),
        ("scan_a", "scan_b", "lambda_a", "lambda_b"),
    ],
)
def test_each_detector_has_the_wavelengths_of_its_name_or_group(
    tmp_path, vnir, swir, vnir_wavelengths, swir_wavelengths
):
    path = hdf5_file(
        tmp_path,
        {vnir: PIXELS, swir: PIXELS + 1, vnir_wavelengths: VNIR, swir_wavelengths: SWIR},
    )
    np.testing.assert_allclose(read(path, dataset=vnir).wavelengths, VNIR)
    np.testing.assert_allclose(read(path, dataset=swir).wavelengths, SWIR)


@pytest.mark.parametrize("said", [{"wavelengths": "/w2"}, {"coordinates": "w2_wavelength lat"}])
def test_an_attribute_of_the_cube_names_its_wavelengths(tmp_path, said):
    name = next(iter(said.values())).split()[0].strip("/")
    name = name if "wavelength" in name else "w2_wavelength"
    said = {key: text.replace("/w2", f"/{name}") for key, text in said.items()}
    arrays = {"cube": PIXELS, "w1_wavelength": SWIR, name: VNIR}
    np.testing.assert_allclose(read(hdf5_file(tmp_path, arrays, {"cube": said})).wavelengths, VNIR)


def test_an_attribute_of_the_wavelengths_names_their_detector(tmp_path):
    arrays = {"vnir": PIXELS, "swir": PIXELS, "wavelength_x": SWIR, "wavelength_y": VNIR}
    said = {"wavelength_x": {"sensor": "SWIR"}, "wavelength_y": {"sensor": "VNIR"}}
    path = hdf5_file(tmp_path, arrays, said)
    np.testing.assert_allclose(read(path, dataset="vnir").wavelengths, VNIR)


def test_the_dimension_of_the_cube_is_its_wavelengths(tmp_path):
    path = hdf5_file(tmp_path, {"cube": PIXELS, "other_wavelength": SWIR, "wavelength_nir": VNIR})
    with h5py.File(path, "a") as file:
        for name in ("wavelength_nir",):
            file[name].make_scale(name)
            file["cube"].dims[0].attach_scale(file[name])
        for axis, name in ((1, "y"), (2, "x")):
            file[name] = np.arange(PIXELS.shape[axis])
            file[name].make_scale(name)
            file["cube"].dims[axis].attach_scale(file[name])
    np.testing.assert_allclose(read(path).wavelengths, VNIR)


def test_wavelengths_that_only_the_other_detector_has_are_left_out_with_a_note(tmp_path):
    path = hdf5_file(tmp_path, {"vnir_cube": PIXELS, "swir_cube": PIXELS, "swir_wavelength": SWIR})
    cube = read(path, dataset="vnir_cube")
    assert cube.wavelengths is None
    assert any("belong to 'swir_cube'" in note for note in cube.notes)
    np.testing.assert_allclose(read(path, dataset="swir_cube").wavelengths, SWIR)


def test_wavelengths_that_nothing_tells_apart_are_left_out_with_a_note(tmp_path):
    path = hdf5_file(tmp_path, {"cube": PIXELS, "p_wavelength": VNIR, "q_wavelength": SWIR})
    cube = read(path)
    assert cube.wavelengths is None
    assert any("--wavelengths" in note and "'q_wavelength'" in note for note in cube.notes)
    assert cube.bands == 12


def test_the_same_wavelengths_in_two_units_are_no_question(tmp_path):
    arrays = {"cube": PIXELS, "wavelength_nm": VNIR, "wavelength_um": VNIR / 1000}
    np.testing.assert_allclose(read(hdf5_file(tmp_path, arrays)).wavelengths, VNIR)


def test_plain_wavelengths_go_before_limits_of_the_bands(tmp_path):
    arrays = {
        "cube": PIXELS,
        "center_wavelength": VNIR,
        "wavelength_min": VNIR - 2,
        "wavelength_max": VNIR + 2,
    }
    np.testing.assert_allclose(read(hdf5_file(tmp_path, arrays)).wavelengths, VNIR)


def test_widths_are_those_of_the_same_detector(tmp_path):
    arrays = {
        "vnir/cube": PIXELS,
        "swir/cube": PIXELS,
        "vnir/wavelength": VNIR,
        "swir/wavelength": SWIR,
        "swir/fwhm": np.full(12, 9.0),
    }
    path = hdf5_file(tmp_path, arrays)
    assert read(path, dataset="vnir/cube").fwhm is None
    np.testing.assert_allclose(read(path, dataset="swir/cube").fwhm, 9)


@pytest.mark.parametrize(
    "names",
    [
        ("vnir", "swir", "wavelength_vnir", "wavelength_swir"),
        ("img1", "img2", "wl1", "wl2"),
    ],
)
def test_each_detector_of_a_matlab_file_has_its_wavelengths(tmp_path, names):
    vnir, swir, vnir_wavelengths, swir_wavelengths = names
    path = tmp_path / "two.mat"
    image = PIXELS.transpose(1, 2, 0)
    scipy.io.savemat(
        path, {vnir: image, swir: image, vnir_wavelengths: VNIR, swir_wavelengths: SWIR}
    )
    np.testing.assert_allclose(read(path, dataset=vnir).wavelengths, VNIR)
    np.testing.assert_allclose(read(path, dataset=swir).wavelengths, SWIR)


def test_structures_of_a_matlab_file_have_their_own_wavelengths(tmp_path):
    path = tmp_path / "two.mat"
    image = PIXELS.transpose(1, 2, 0)
    scipy.io.savemat(
        path,
        {"p": {"img": image, "wavelength": VNIR}, "q": {"img": image, "wavelength": SWIR}},
    )
    np.testing.assert_allclose(read(path, dataset="q.img").wavelengths, SWIR)
