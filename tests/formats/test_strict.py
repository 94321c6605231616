"""Every repair and every guess has a note of the kind that `info --strict` refuses."""

from __future__ import annotations

import gzip
import json

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
import zarr

from napari_dodn.formats import read
from napari_dodn.formats.contents import Explanation

IMAGE = np.random.default_rng(8).integers(0, 4000, (6, 14, 15), dtype=np.int16)
CENTRES = np.array([450.0, 500.0, 555.5, 610.0, 700.0, 800.0])
NAMES = [f"{centre} nm" for centre in CENTRES]


def repaired(path, **options):
    """Return whether a file is one that --strict refuses."""
    return any(not isinstance(note, Explanation) for note in read(path, **options).notes)


@pytest.mark.parametrize(
    "lines",
    [
        ["description = {a} tail"],
        ["band names = {a, b, c, d, e, f"],
        ["x = 1", "x = 2"],
        ["data ignore value = {1, 2, 3, 4, 5, 6}"],
        ["data ignore value = {1, 2, 3}"],
        ["nodata = -9999"],
        ["reflectance scale factor = 0.0001"],
        [f"spectral bands = {{{', '.join(map(str, CENTRES))}}}"],
        [f"band names = {{{', '.join(NAMES)}}}"],
        ["band names = {450, 500, 555, 610, 700, 800}"],
        ["wavelength units = nm", "wavelength = {450,5; 500,0; 555,5; 610,1; 700,2; 800,3}"],
        ["wavelength units = um", f"wavelength = {{{', '.join(NAMES)}}}"],
        ["wavelength = {red, green, blue}"],
        ["fwhm = 5", "wavelength units = nm"],
        ["band widths = {5, 5, 5, 5, 5, 5}", "wavelength units = nm"],
        ["file compression = 1"],
    ],
)
def test_repairs_of_headers_are_refused(envi_file, lines):
    assert repaired(envi_file(IMAGE, *lines))
    assert not repaired(envi_file(IMAGE))


@pytest.mark.parametrize("content", [lambda c: c + b"x", lambda c: c[:-9], gzip.compress])
def test_repairs_of_data_files_are_refused(envi_file, content):
    path = envi_file(IMAGE)
    data = path.with_suffix(".img")
    data.write_bytes(content(data.read_bytes()))
    assert repaired(path)


@pytest.mark.parametrize(
    "said",
    [
        {"band_names": NAMES},
        {f"Band_{number}": name for number, name in enumerate(NAMES, 1)},
        {"omero": json.dumps({"channels": [{"label": name} for name in NAMES]})},
    ],
)
@pytest.mark.parametrize("kind", ["hdf5", "zarr"])
def test_wavelengths_in_names_are_guesses(tmp_path, kind, said):
    path = tmp_path / "scene"
    if kind == "hdf5":
        with h5py.File(path, "w") as file:
            file["cube"] = IMAGE
            file.attrs.update(said)
    else:
        group = zarr.create_group(path, zarr_format=2)
        group.create_array("cube", data=IMAGE)
        group.attrs.update(said)
    assert read(path).wavelengths is not None
    assert repaired(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"cube": IMAGE[None]},
        {"cube": IMAGE, "bands": np.stack([np.arange(1, 7), CENTRES], 1)},
        {"cube": IMAGE, "wavelength": CENTRES[:, None] + np.linspace(-1, 1, 15)},
        {f"Lt_{centre:.0f}": band for centre, band in zip(CENTRES, IMAGE, strict=True)},
        {"cube": IMAGE, "wavelength_1": CENTRES, "wavelength_2": CENTRES + 9},
        {"cube": IMAGE},
    ],
)
def test_repairs_of_files_of_arrays_are_refused(tmp_path, arrays):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
    assert repaired(tmp_path / "a.h5")


def test_guesses_of_matlab_files_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"cube": IMAGE.transpose(1, 2, 0)})
    assert repaired(tmp_path / "a.mat")


@pytest.mark.parametrize(
    "names",
    [
        [f"scene_{centre:g}nm" for centre in CENTRES],
        [f"scene_{centre:.1f}" for centre in CENTRES],
        [f"T32_B{band:02d}" for band in (2, 3, 4, 8, 11, 12)],
    ],
)
def test_guesses_of_folders_of_band_images_are_refused(tmp_path, names):
    for name, image in zip(names, IMAGE, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    assert repaired(tmp_path)


def test_wavelengths_in_a_file_beside_an_image_are_a_guess(tmp_path):
    options = {"photometric": "minisblack", "planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, **options)
    assert not repaired(tmp_path / "a.tif")
    (tmp_path / "wavelengths.txt").write_text("\n".join(map(str, CENTRES)), encoding="utf-8")
    assert repaired(tmp_path / "a.tif")
