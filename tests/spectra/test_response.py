"""Response functions sampled at a cube's bands, and the tables that they are read from."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dodn.spectra.response import (
    ResponseError,
    ResponseFunctions,
    camera,
    cameras,
    cie_1931,
    cie_1964,
    from_table,
    gaussian_bands,
)

CAVE = np.arange(400.0, 701.0, 10.0)


def box(low, high, name="box"):
    """A sensor of one band that sees all between two wavelengths alike."""
    return ResponseFunctions(name, np.array([low, high]), np.ones((2, 1)), ("all",))


@pytest.fixture(scope="module")
def observers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from colour.colorimetry import MSDS_CMFS
    return MSDS_CMFS


def table(observers, name, wavelengths):
    curves = observers[name]
    values = [np.interp(wavelengths, curves.wavelengths, column) for column in curves.values.T]
    return np.array(values) / np.sum(values, axis=1, keepdims=True)


def test_cie_1931_weighs_bands_as_the_tables_do(observers):
    expected = table(observers, "CIE 1931 2 Degree Standard Observer", CAVE)
    np.testing.assert_allclose(cie_1931().weights(CAVE), expected, atol=0.0025)


def test_cie_1964_weighs_bands_as_the_tables_do(observers):
    expected = table(observers, "CIE 1964 10 Degree Standard Observer", CAVE)
    np.testing.assert_allclose(cie_1964().weights(CAVE), expected, atol=1e-12)


def test_cie_1964_is_the_response_that_ntire_2020_published(shared_data):
    with np.load(shared_data / "formats" / "response" / "cie_1964_w_gain.npz") as file:
        wavelengths, filters = file["bands"].ravel(), file["filters"]
    np.testing.assert_allclose(cie_1964().weights(wavelengths), filters.T / 255, atol=1e-12)


def test_every_camera_sees_the_visible_range_in_three_bands():
    assert len(cameras()) >= 2
    for name in cameras():
        weights = camera(name).weights(CAVE)
        red, green, blue = weights @ CAVE
        assert red > green > blue


def test_an_unknown_camera_is_refused_with_the_known_ones():
    with pytest.raises(
        ResponseError, match="'Box Brownie' is not a known camera; choose one of Nik"
    ):
        camera("Box Brownie")


@pytest.mark.parametrize("bands", [1, 4, 9])
def test_gaussian_bands_overlap_at_half_maximum(bands):
    response = gaussian_bands(400, 760, bands)
    edges = np.linspace(400, 760, bands + 1)
    for band, curve in enumerate(response.sensitivities.T):
        heights = np.interp(edges[band : band + 2], response.wavelengths, curve)
        np.testing.assert_allclose(heights, 0.5, atol=2e-3)
        assert curve.max() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize(
    ("low", "high", "bands"), [(700, 400, 3), (400, 400, 3), (400, 700, 0), (float("nan"), 1, 1)]
)
def test_gaussian_bands_over_nothing_are_refused(low, high, bands):
    with pytest.raises(ResponseError, match="cannot be spread over"):
        gaussian_bands(low, high, bands)


@given(st.lists(st.floats(300, 2500), min_size=1, max_size=60))
def test_weights_are_shares(wavelengths):
    weights = box(200, 2600).weights(wavelengths)
    assert weights.shape == (1, len(wavelengths))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_the_order_of_the_bands_does_not_matter():
    order = np.random.default_rng(0).permutation(CAVE.size)
    weights = cie_1931().weights(CAVE)
    np.testing.assert_allclose(cie_1931().weights(CAVE[order]), weights[:, order])


def test_a_band_counts_by_the_spacing_to_its_neighbours():
    weights = box(400, 700).weights([400.0, 410.0, 420.0, 440.0, 460.0])
    np.testing.assert_allclose(weights[0], np.array([10, 10, 15, 20, 20]) / 75)


def test_uneven_bands_see_the_same_light_as_even_ones():
    even = np.arange(400.0, 701.0, 2.0)
    uneven = np.concatenate([np.arange(400.0, 500.0, 2.0), np.arange(500.0, 701.0, 5.0)])
    for response in (cie_1931(), cie_1964()):
        a = response.weights(even) @ np.sin(even / 50)
        b = response.weights(uneven) @ np.sin(uneven / 50)
        np.testing.assert_allclose(a, b, atol=3e-3)


def test_two_bands_at_one_wavelength_share_its_weight():
    weights = box(400, 700).weights([450.0, 500.0, 500.0, 550.0])
    assert weights[0, 1:3].sum() == pytest.approx(1 / 3)


def test_a_wide_band_sees_a_sharp_curve_that_its_centre_misses():
    sharp = gaussian_bands(540, 550, 1)
    centres = np.array([500.0, 570.0])
    with pytest.raises(ResponseError, match="sees none"):
        sharp.weights(centres)
    weights = sharp.weights(centres, fwhm=[60.0, 60.0])
    assert weights[0, 1] > weights[0, 0] > 0


def test_a_width_that_is_not_known_is_taken_for_none():
    np.testing.assert_array_equal(
        cie_1931().weights(CAVE, np.full(CAVE.size, np.nan)), cie_1931().weights(CAVE)
    )


def test_a_band_without_a_wavelength_counts_nothing():
    weights = cie_1931().weights(np.append(CAVE, np.nan))
    np.testing.assert_allclose(weights[:, :-1], cie_1931().weights(CAVE))
    assert not weights[:, -1].any()


def test_a_single_band_has_all_the_weight():
    np.testing.assert_array_equal(cie_1931().weights([450.0]), np.ones((3, 1)))


@pytest.mark.parametrize("wavelengths", [None, [], [np.nan, np.nan]])
def test_a_cube_without_wavelengths_is_refused(wavelengths):
    with pytest.raises(ResponseError, match="no wavelengths, which CIE 1931 needs"):
        cie_1931().weights(wavelengths)


def test_a_cube_that_a_band_cannot_see_is_refused():
    with pytest.raises(ResponseError, match="'z̄' of CIE 1931 sees none .* 600–700 nm"):
        cie_1931().weights(np.arange(600.0, 701.0, 10.0))


@pytest.mark.parametrize(
    ("wavelengths", "curve", "sentence"),
    [
        ([400, 500], [[1.0], [np.nan]], "value missing"),
        ([400, 500], [[0.0], [0.0]], "has no sensitivity"),
        ([400, 500], [[1.0], [-1.0]], "negative sensitivities"),
        ([500, 400], [[1.0], [1.0]], "must be numbers that rise"),
        ([400, 500, 600], [[1.0], [1.0]], "3 wavelengths and 1 bands"),
    ],
)
def test_what_cannot_be_sensitivities_is_refused(wavelengths, curve, sentence):
    with pytest.raises(ResponseError, match=sentence):
        ResponseFunctions("S", np.array(wavelengths), np.array(curve), ("a",))


def test_noise_below_zero_is_taken_for_zero():
    response = ResponseFunctions("S", np.array([4.0, 5]), np.array([[1.0], [-0.01]]), ("a",))
    assert response.sensitivities.min() == 0


@pytest.fixture
def written(tmp_path):
    def write(text, name="sensor.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "nm,red,blue\n400,0,1\n500,0.5,0.25\n600,1,0\n",
        "\ufeffnm,red,blue\r\n400,0,1\r\n500,0.5,0.25\r\n600,1,0\r\n",
        "# from a calibration\nnm, red, blue\n\n400, 0, 1\n500, .5, .25\n600, 1, 0\n,,\n",
        "nm;red;blue\n400;0;1\n500;0,5;0,25\n600;1;0\n",
        "nm\tred\tblue\n600\t1\t0\n500\t0.5\t0.25\n400\t0\t1\n",
        "nm red blue\n400 0 1\n500 5e-1 0.25\n600 1 0",
    ],
    ids=["plain", "from Windows", "comments", "decimal comma", "falling, tabs", "blanks"],
)
def test_a_table_is_read(written, text):
    response = from_table(written(text))
    assert response.name == "sensor.csv"
    assert response.band_names == ("red", "blue")
    np.testing.assert_array_equal(response.wavelengths, [400, 500, 600])
    np.testing.assert_array_equal(response.sensitivities, [[0, 1], [0.5, 0.25], [1, 0]])


def test_a_table_without_names_numbers_its_bands(written):
    assert from_table(written("400,0,1\n500,1,0\n")).band_names == ("band 1", "band 2")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no response functions"),
        ("nm,red\n", "holds no response functions"),
        ("400\n500\n", "holds no response functions"),
        ("400,1\n500,1,2\n", "3 columns in line 2, but 2 before it"),
        ("nm,r\n400,1\n500,much\n", "in line 3 that is not a number"),
        ("400,1\n500,\n", "in line 2 that is not a number"),
        ("400,1\n500,nan\n", "in line 2 that is not a number"),
        ("nm,r,g\n400,1\n500,1\n", "names 2 bands in its first line, but has 1 columns"),
        ("400,1\n400,2\n", "two lines for the wavelength 400 nm"),
        ("0.4,1\n0.5,2\n", "not nanometres; multiply micrometres by 1000"),
        ("400,0\n500,0\n", "has no sensitivity"),
        (b"\xff\xfe\x00\x81", "not a text table"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_a_sentence(written, text, sentence):
    with pytest.raises(ResponseError, match=sentence):
        from_table(written(text))


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ResponseError, match="none.csv cannot be read: No such file"):
        from_table(tmp_path / "none.csv")
