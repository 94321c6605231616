"""Reflectance from raw numbers by references."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from napari_dodn import HyperCube
from napari_dodn.calibration import EXPOSURES, CalibrationError, reflectance

BANDS, LINES, COLUMNS = 4, 6, 5
DARK = 100.0 + np.arange(BANDS * COLUMNS).reshape(BANDS, 1, COLUMNS)
SPAN = 1000.0 + 10 * np.arange(BANDS * COLUMNS)[::-1].reshape(BANDS, 1, COLUMNS)
SHARE = np.random.default_rng(5).random((BANDS, LINES, COLUMNS))


def raw(values, **attributes):
    return HyperCube(np.asarray(values, np.float64), **attributes)


@pytest.fixture
def white():
    noise = np.array([-4.0, 4, 0]).reshape(1, 3, 1)  # of which the mean over lines is nothing
    return raw(DARK + SPAN + noise, name="w")


@pytest.fixture
def dark():
    return raw(np.repeat(DARK, 2, axis=1), name="d")


def test_each_column_and_band_has_its_own_reference(white, dark):
    scan = raw(DARK + SHARE * SPAN, wavelengths=[400, 500, 600, 700], gain=2.0)
    cube = reflectance(scan, white, dark)
    np.testing.assert_allclose(np.asarray(cube.data), SHARE, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(cube.data[1:3, 2, ::2]), SHARE[1:3, 2, ::2], rtol=1e-6)
    assert (cube.quantity, cube.gain, np.dtype(cube.data.dtype)) == (
        "reflectance",
        None,
        np.float32,
    )
    np.testing.assert_array_equal(cube.wavelengths, scan.wavelengths)
    assert cube.history == ("Reflectance by 'w' and 'd'.",)


def test_pixels_are_read_when_they_are_sliced(white, dark):
    class Watched:
        shape, dtype, ndim = (BANDS, LINES, COLUMNS), np.dtype(float), 3
        looked = False

        def __getitem__(self, key):
            Watched.looked = True
            return (DARK + SHARE * SPAN)[key]

    cube = reflectance(HyperCube(Watched()), white, dark)
    assert not Watched.looked
    np.testing.assert_allclose(np.asarray(cube.data[0]), SHARE[0], rtol=1e-6)


def test_dead_pixels_of_the_detector_are_invalid_in_all_lines(dark):
    broken = DARK + SPAN
    broken[1, 0, 2] = DARK[1, 0, 2]
    cube = reflectance(raw(DARK + SHARE * SPAN), raw(broken, name="w"), dark)
    values = np.asarray(cube.data)
    assert np.isnan(values[1, :, 2]).all()
    assert np.isnan(values).sum() == LINES
    assert "1 of 20 pixels of the detector are dead and invalid." in cube.history[-1]


def test_a_white_reference_of_another_exposure_is_brought_to_that_of_the_scan(dark):
    white = raw(DARK + 2 * SPAN, name="w", metadata={"tint": "20.0"})
    scan = raw(DARK + SHARE * SPAN, metadata={"Tint": "10.0 ms"})
    cube = reflectance(scan, white, dark)
    np.testing.assert_allclose(np.asarray(cube.data), SHARE, rtol=1e-6)
    assert "White reference of 20 brought to an exposure of 10." in cube.history[-1]


@pytest.mark.parametrize(("first", "second"), list(combinations(EXPOSURES, 2)))
def test_of_several_exposure_times_always_the_same_one_counts(dark, first, second):
    white = raw(DARK + 2 * SPAN, name="w", metadata={first: "20", second: "30"})
    scan = raw(DARK + SHARE * SPAN, metadata={second: "30", first: "10"})
    assert "brought to an exposure of 10." in reflectance(scan, white, dark).history[-1]


@pytest.mark.parametrize("stated", [{"exposure": "20"}, {"tint": "0.02 s"}])
def test_exposures_that_cannot_be_compared_are_told_and_not_used(dark, stated):
    white = raw(DARK + SPAN, name="w", metadata=stated)
    scan = raw(DARK + SHARE * SPAN, metadata={"tint": "20.0 ms"})
    cube = reflectance(scan, white, dark)
    np.testing.assert_allclose(np.asarray(cube.data), SHARE, rtol=1e-6)
    assert "exposure times of scan and white reference cannot be compared" in cube.history[-1]


def test_a_scan_without_a_dark_reference_is_divided_by_white(white):
    cube = reflectance(raw(SHARE * (DARK + SPAN)), white)
    np.testing.assert_allclose(np.asarray(cube.data), SHARE, rtol=1e-6)


def test_no_data_of_scan_and_reference_have_no_say(dark):
    values = np.repeat(DARK + SPAN, 2, axis=1)
    values[:, 1] = -9999
    scan = DARK + SHARE * SPAN
    scan[:, 0] = -1
    cube = reflectance(raw(scan, nodata=-1), raw(values, name="w", nodata=-9999), dark)
    assert np.isnan(np.asarray(cube.data)[:, 0]).all()
    np.testing.assert_allclose(np.asarray(cube.data)[:, 1:], SHARE[:, 1:], rtol=1e-6)
    assert cube.nodata is None


@pytest.mark.parametrize("shape", [(BANDS, 3, COLUMNS + 1), (BANDS + 1, 3, COLUMNS)])
def test_references_of_another_size_are_refused(white, shape):
    scan = raw(DARK + SHARE * SPAN)
    for references in ((raw(np.ones(shape)),), (white, raw(np.ones(shape)))):
        with pytest.raises(CalibrationError, match="the scan has 4 and 5"):
            reflectance(scan, *references)


def test_what_cannot_be_reflectance_is_refused(white, dark):
    with pytest.raises(CalibrationError, match="already"):
        reflectance(raw(SHARE, quantity="reflectance"), white, dark)
    with pytest.raises(CalibrationError, match="nowhere brighter"):
        reflectance(raw(SHARE), dark, dark)
