"""Maps of likeness and of bands, and where two cubes differ, against naive formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spectral import spectral_angles

from napari_dodn import HyperCube, metrics
from napari_dodn.cube import Region
from napari_dodn.degradation import blur_and_decimate, decimate_cubic
from napari_dodn.jobs import CancelledError, follow, result_of
from napari_dodn.sample import sample_scene
from napari_dodn.sensor_blur import BLUR
from napari_dodn.spectra import steps
from napari_dodn.spectra.angle import spectral_angle
from napari_dodn.spectra.comparison import (
    MapError,
    angle_between_steps,
    consistency_steps,
    error_map_steps,
)
from napari_dodn.spectra.library import LibraryError, Spectrum, resample
from napari_dodn.spectra.maps import (
    angle_map_steps,
    band_near,
    band_ratio_steps,
    distance_map_steps,
    normalised_difference_steps,
)

WAVELENGTHS = np.array([450.0, 550.0, 650.0, 750.0, 850.0])


@pytest.fixture(params=[1, 300, 10**7], ids=lambda values: f"blocks of {values} values")
def blocks(request, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_VALUES", request.param)


@pytest.fixture
def cube():
    data = np.random.default_rng(0).random((5, 12, 16)) + 0.1
    return HyperCube(data, WAVELENGTHS, name="scene")


@pytest.fixture
def noisy(cube):
    noise = np.random.default_rng(1).normal(0, 0.02, cube.shape)
    return cube.derive(cube.data + noise, name="result")


def angle_map(cube, spectrum):
    return result_of(angle_map_steps(cube, spectrum))


def distance_map(cube, spectrum):
    return result_of(distance_map_steps(cube, spectrum))


# One spectrum


@pytest.mark.usefixtures("blocks")
def test_the_angle_map_is_spectral_pythons(cube):
    spectrum = np.array([0.3, 0.5, 0.2, 0.9, 0.4])
    theirs = spectral_angles(np.moveaxis(cube.data, 0, -1), spectrum[None])[..., 0]
    np.testing.assert_allclose(angle_map(cube, spectrum), np.degrees(theirs), rtol=1e-5)


@pytest.mark.usefixtures("blocks")
def test_the_distance_map_is_euclids(cube):
    spectrum = np.array([0.3, 0.5, 0.2, 0.9, 0.4])
    expected = np.linalg.norm(cube.data - spectrum[:, None, None], axis=0)
    np.testing.assert_allclose(distance_map(cube, spectrum), expected, rtol=1e-5)


def test_a_pixels_own_spectrum_is_at_no_angle_and_no_distance(cube):
    own = cube.data[:, 3, 4]
    assert angle_map(cube, own)[3, 4] == distance_map(cube, own)[3, 4] == 0


@pytest.mark.parametrize("map_of", [angle_map, distance_map])
def test_bad_bands_and_gaps_of_the_spectrum_do_not_count(cube, map_of):
    spectrum = np.array([0.3, 0.5, np.nan, 0.9, 0.4])
    good = np.array([True, False, True, True, True])
    found = map_of(cube.derive(good_bands=good), spectrum)
    kept = [0, 3, 4]
    expected = map_of(HyperCube(cube.data[kept]), spectrum[kept])
    np.testing.assert_allclose(found, expected)


def test_bands_that_are_bad_in_the_spectrum_do_not_count(cube):
    spectrum = Spectrum("x", np.arange(5.0), WAVELENGTHS, good_bands=[1, 1, 0, 1, 1])
    expected = angle_map(cube, [0, 1, np.nan, 3, 4])
    np.testing.assert_array_equal(angle_map(cube, spectrum), expected)


def test_an_invalid_band_is_left_out_of_its_pixel_alone(cube):
    spectrum = np.array([0.3, 0.5, 0.2, 0.9, 0.4])
    data = cube.data.copy()
    data[2, 1, 1] = np.nan
    holed = cube.derive(data)
    kept = [0, 1, 3, 4]
    found = angle_map(holed, spectrum)
    expected = angle_map(HyperCube(data[kept]), spectrum[kept])
    assert found[1, 1] == pytest.approx(expected[1, 1])
    assert found[0, 0] == pytest.approx(angle_map(cube, spectrum)[0, 0])
    distance = np.linalg.norm((data[:, 1, 1] - spectrum)[kept]) * np.sqrt(5 / 4)
    assert distance_map(holed, spectrum)[1, 1] == pytest.approx(distance)


@pytest.mark.parametrize("map_of", [angle_map, distance_map])
def test_a_pixel_with_most_bands_invalid_is_not_judged(cube, map_of):
    data = cube.data.copy()
    data[:3, 1, 1] = np.nan
    data[:2, 2, 2] = np.nan
    found = map_of(cube.derive(data), np.ones(5))
    assert np.isnan(found[1, 1])
    assert np.isfinite(found[2, 2])


def test_no_data_has_no_angle(cube):
    data = cube.data.copy()
    data[:, 0, 0] = -9999
    found = angle_map(cube.derive(data, nodata=-9999), np.ones(5))
    assert np.isnan(found[0, 0])
    assert np.isfinite(found).sum() == found.size - 1


def test_maps_are_in_the_quantity_of_the_cube(cube):
    gain = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    stored = cube.derive(cube.data / gain[:, None, None], gain=gain)
    spectrum = np.array([0.3, 0.5, 0.2, 0.9, 0.4])
    np.testing.assert_allclose(distance_map(stored, spectrum), distance_map(cube, spectrum))


def test_a_spectrum_of_other_bands_is_resampled_to_those_of_the_cube(cube):
    fine = np.arange(400.0, 900.0)
    spectrum = Spectrum("oak", np.sin(fine / 100) + 2, fine)
    wide = cube.derive(fwhm=np.full(5, 20.0))
    expected = resample(spectrum, WAVELENGTHS, wide.fwhm).values
    np.testing.assert_array_equal(angle_map(wide, spectrum), angle_map(cube, expected))


def test_a_spectrum_of_as_many_but_other_bands_is_resampled_too(cube):
    spectrum = Spectrum("oak", [1.0, 2, 3, 4, 5], WAVELENGTHS + 50)
    found = angle_map(cube, spectrum)
    np.testing.assert_allclose(found, angle_map(cube, [np.nan, 1.5, 2.5, 3.5, 4.5]))


def test_without_wavelengths_the_number_of_bands_must_do(cube):
    values = [0.3, 0.5, 0.2, 0.9, 0.4]
    found = angle_map(cube.derive(wavelengths=None), Spectrum("x", values, WAVELENGTHS + 50))
    np.testing.assert_array_equal(found, angle_map(cube, values))


def test_a_spectrum_that_does_not_fit_the_cube_gets_one_sentence(cube):
    with pytest.raises(MapError, match=r"has 4 bands and 'scene' has 5.*\.$"):
        angle_map(cube, np.ones(4))
    with pytest.raises(MapError, match=r"'far' and 'scene' have no usable band in common\.$"):
        angle_map(cube, Spectrum("far", [1, 2], [2000, 2100]))
    with pytest.raises(LibraryError, match=r"'oak' has no wavelengths.*\.$"):
        angle_map(cube, Spectrum("oak", [1, 2]))


def test_a_map_tells_how_far_it_is_and_can_be_cancelled(cube, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_VALUES", 5 * 16 * 3)
    events = []
    found = follow(angle_map_steps(cube, np.ones(5)), events.append)
    assert [(e.done, e.total) for e in events] == [
        (0, 12),
        (3, 12),
        (6, 12),
        (9, 12),
        (12, 12),
    ]
    assert found.shape == cube.shape[1:]
    events, answers = [], iter([False, True])
    with pytest.raises(CancelledError):
        follow(angle_map_steps(cube, np.ones(5), cancelled=lambda: next(answers)), events.append)
    assert len(events) == 2


# Two bands


@pytest.mark.usefixtures("blocks")
def test_ratio_and_normalised_difference_take_the_nearest_bands(cube):
    red, infrared = cube.data[2], cube.data[4]
    np.testing.assert_allclose(
        result_of(band_ratio_steps(cube, 640, 845)), red / infrared, rtol=1e-6
    )
    ndvi = (infrared - red) / (infrared + red)
    np.testing.assert_allclose(
        result_of(normalised_difference_steps(cube, 850, 650)), ndvi, atol=1e-6
    )


def test_a_quotient_by_zero_is_no_value():
    data = np.array([[[1.0, 0.0, 2.0]], [[0.0, 0.0, 4.0]]])
    cube = HyperCube(data, [500, 600])
    np.testing.assert_array_equal(
        result_of(band_ratio_steps(cube, 500, 600)), [[np.nan, np.nan, 0.5]]
    )
    np.testing.assert_allclose(
        result_of(normalised_difference_steps(cube, 500, 600)), [[1, np.nan, -1 / 3]]
    )


def test_ratios_are_of_the_quantity_of_the_cube(cube):
    scaled = cube.derive(gain=[1, 1, 2, 1, 1], offset=[0, 0, 0, 0, 0.5], nodata=-1)
    expected = 2 * cube.data[2] / (cube.data[4] + 0.5)
    np.testing.assert_allclose(result_of(band_ratio_steps(scaled, 650, 850)), expected, rtol=1e-6)


def test_ratios_read_two_bands_only():
    class Watched:
        shape, dtype = (50, 20, 20), np.dtype("f4")
        read = 0

        def __getitem__(self, index):
            part = np.ones(self.shape, self.dtype)[index]
            self.read += part.size
            return part

    watched = Watched()
    result_of(band_ratio_steps(HyperCube(watched, np.arange(400, 900, 10)), 500, 600))
    assert watched.read == 2 * 20 * 20


def test_a_bad_band_never_stands_for_a_wavelength(cube):
    good = np.array([True, True, False, True, True])
    close = cube.derive(wavelengths=[450, 550, 650, 660, 850], good_bands=good)
    assert band_near(close, 650) == 3


def test_a_wide_band_stands_for_a_wavelength_within_its_width(cube):
    with pytest.raises(MapError, match="no usable band near 700 nm"):
        band_near(cube, 700)
    assert band_near(cube.derive(fwhm=np.full(5, 60.0)), 700) in (2, 3)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"wavelengths": None}, "'scene' has no wavelengths"),
        ({"good_bands": np.zeros(5, bool)}, "no usable band near 650 nm"),
        ({"wavelengths": WAVELENGTHS + 1000}, "near 650 nm; the nearest is at 1450 nm"),
    ],
)
def test_a_wavelength_without_a_band_gets_one_sentence(cube, changes, fault):
    with pytest.raises(MapError, match=rf"{fault}.*\.$"):
        result_of(normalised_difference_steps(cube.derive(**changes), 650, 850))


def test_two_wavelengths_with_one_band_get_one_sentence(cube):
    cube = cube.derive(wavelengths=[450.0, 550.0, 650.0, 850.0, 950.0])
    fault = "nearest to 540 nm and to 570 nm is the same band of 'scene', that at 550 nm"
    for of_bands in (band_ratio_steps, normalised_difference_steps):
        with pytest.raises(MapError, match=rf"{fault}.*\.$"):
            result_of(of_bands(cube, 540, 570))


# Two cubes


@pytest.mark.usefixtures("blocks")
def test_error_and_angle_between_cubes_follow_their_formulas(noisy, cube):
    error = np.sqrt(((noisy.data - cube.data) ** 2).mean(axis=0))
    np.testing.assert_allclose(result_of(error_map_steps(noisy, cube)), error, rtol=1e-5)
    angle = spectral_angle(noisy.data, cube.data)
    np.testing.assert_allclose(result_of(angle_between_steps(noisy, cube)), angle, rtol=1e-5)


@pytest.mark.usefixtures("blocks")
def test_maps_average_to_the_figures_of_the_whole(noisy, cube):
    figures = metrics.compare(noisy, cube)
    error = result_of(error_map_steps(noisy, cube)).astype(float)
    assert np.sqrt((error**2).mean()) == pytest.approx(figures.rmse)
    assert result_of(angle_between_steps(noisy, cube)).mean() == pytest.approx(figures.sam)


def test_bands_bad_in_either_cube_do_not_count_between_them(noisy, cube):
    data = noisy.data.copy()
    data[1] += 100
    result = noisy.derive(data, good_bands=[True, False, True, True, True])
    reference = cube.derive(good_bands=[True, True, True, True, False])
    kept = [0, 2, 3]
    expected = np.sqrt(((data - cube.data)[kept] ** 2).mean(axis=0))
    np.testing.assert_allclose(result_of(error_map_steps(result, reference)), expected, rtol=1e-5)


def test_values_invalid_in_either_cube_do_not_count_between_them(noisy, cube):
    data = noisy.data.copy()
    data[0, 0, 0] = np.nan
    data[:, 1, 1] = np.nan
    result = noisy.derive(data)
    error = result_of(error_map_steps(result, cube))
    expected = np.sqrt(((noisy.data - cube.data)[1:, 0, 0] ** 2).mean())
    assert error[0, 0] == pytest.approx(expected)
    assert np.isnan(error[1, 1])
    assert np.isnan(result_of(angle_between_steps(result, cube))[1, 1])


def test_equal_cubes_have_no_error(cube):
    assert (result_of(error_map_steps(cube, cube)) == 0).all()


def test_cubes_that_cannot_be_compared_get_one_sentence(cube):
    other = HyperCube(np.ones((5, 12, 15)), name="other")
    for compare in (error_map_steps, angle_between_steps):
        with pytest.raises(MapError, match=r"only cubes of the same size can be compared\.$"):
            result_of(compare(other, cube))
    bad = cube.derive(good_bands=np.zeros(5, bool))
    with pytest.raises(MapError, match=r"No band is good in both 'scene' and 'scene'\.$"):
        result_of(error_map_steps(bad, cube))
    dark, fine = cube.derive(-cube.data, name="dark"), cube.data.repeat(2, 1).repeat(2, 2)
    with pytest.raises(MapError, match=r"'dark' is nowhere above 0, so PSNR cannot be computed\.$"):
        result_of(consistency_steps(HyperCube(-fine, name="fine"), dark, 2))


# A result and its source


def reduced_by_means(data, scale):
    bands, height, width = data.shape
    cells = data.reshape(bands, height // scale, scale, width // scale, scale)
    return cells.mean(axis=(2, 4))


def reduced_by_cubic(data, scale):
    return decimate_cubic(torch.from_numpy(data.astype(np.float32))[None], scale)[0].numpy()


def reduced_by_blur(data, scale):
    cube = torch.from_numpy(data.astype(np.float32))[None]
    return blur_and_decimate(cube, scale, 0.42)[0].numpy()


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize(
    ("reduction", "reduced"),
    [("area", reduced_by_means), ("cubic", reduced_by_cubic), ("blur", reduced_by_blur)],
)
def test_a_cube_is_consistent_with_what_it_was_reduced_to(scale, reduction, reduced):
    data = np.random.default_rng(0).random((3, 24, 48)) + 1
    source = HyperCube(reduced(data, scale))
    result = HyperCube(data, metadata={BLUR: 0.42})
    found = result_of(consistency_steps(result, source, scale, reduction=reduction))
    assert found.reduction == reduction
    assert found.rmse == pytest.approx(0, abs=1e-6)
    assert found.psnr > 100
    assert found.angle == pytest.approx(0, abs=1e-4)
    assert found.error_map.shape == found.angle_map.shape == source.shape[1:]


@given(st.integers(1, 4), st.floats(-0.5, 0.5))
def test_the_figures_of_consistency_say_by_how_much_a_result_is_off(scale, error):
    source = HyperCube(np.full((3, 4, 5), 2.0))
    data = np.full((3, 4 * scale, 5 * scale), 2.0)
    data[0] += error
    found = result_of(consistency_steps(HyperCube(data), source, scale))
    expected = abs(error) / np.sqrt(3)
    np.testing.assert_allclose(found.error_map, expected, rtol=1e-6, atol=1e-12)
    assert found.rmse == pytest.approx(expected)
    if found.rmse:
        assert found.psnr == pytest.approx(20 * np.log10(2 / found.rmse))
    np.testing.assert_allclose(
        found.angle, float(spectral_angle([2 + error, 2, 2], [2, 2, 2])), atol=1e-5
    )


@pytest.mark.parametrize(
    ("told", "reduction", "sigma"),
    [
        ({}, "area", 0),
        ({"step": "Interpolated ×4 (bicubic)."}, "cubic", 0),
        ({"metadata": {BLUR: 0.0}}, "cubic", 0),
        ({"metadata": {BLUR: 0.14}}, "cubic", 0),
        ({"metadata": {BLUR: 0.2}}, "blur", 0.2),
        ({"metadata": {BLUR: "0.42"}, "step": "Interpolated ×2 (bicubic)."}, "blur", 0.42),
        ({"metadata": {BLUR: "unknown"}}, "area", 0),
        ({"metadata": {BLUR: "nan"}}, "area", 0),
        ({"metadata": {BLUR: 1e9}}, "area", 0),
    ],
)
def test_a_result_is_reduced_as_what_it_tells_of_itself_stands_for(told, reduction, sigma):
    lr, reference, scale = (getattr(sample_scene(), key) for key in ("lr", "reference", "scale"))
    found = result_of(consistency_steps(reference.derive(**told), lr, scale))
    assert found.reduction == reduction
    assert found.sigma == sigma


def test_a_blur_shows_where_means_would_show_differences_that_are_not_there():
    data = np.random.default_rng(0).random((3, 32, 32)) + 1
    result = HyperCube(data, metadata={BLUR: 0.42})
    source = HyperCube(reduced_by_blur(data, 4))
    assert result_of(consistency_steps(result, source, 4)).psnr > 100
    assert result_of(consistency_steps(result, source, 4, reduction="area")).psnr < 40


@pytest.mark.parametrize("values", [1, 300])
def test_blocks_of_any_size_give_the_same_reduced_by_a_blur(values, monkeypatch):
    rng = np.random.default_rng(0)
    data = rng.random((5, 24, 40))
    data[:, 9:14, 3:20] = np.nan
    data[2, 20, 30] = np.nan
    result = HyperCube(data, metadata={BLUR: 0.5})
    source = HyperCube(rng.random((5, 6, 10)))
    whole = result_of(consistency_steps(result, source, 4))
    monkeypatch.setattr(steps, "BLOCK_VALUES", values)
    parts = result_of(consistency_steps(result, source, 4))
    np.testing.assert_array_equal(parts.error_map, whole.error_map)
    np.testing.assert_array_equal(parts.angle_map, whole.angle_map)
    assert parts.rmse == pytest.approx(whole.rmse, rel=1e-12)


def test_a_blur_reads_no_more_at_once_than_a_few_rows_of_a_few_bands(monkeypatch):
    class Watched:
        shape, dtype = (40, 400, 16), np.dtype("f4")
        most = 0

        def __getitem__(self, index):
            part = np.ones(self.shape, self.dtype)[index]
            self.most = max(self.most, part.size)
            return part

    monkeypatch.setattr(steps, "BLOCK_VALUES", 2000)
    watched = Watched()
    result = HyperCube(watched, metadata={BLUR: 0.5})
    found = result_of(consistency_steps(result, HyperCube(np.ones((40, 100, 4))), 4))
    assert found.rmse == pytest.approx(0, abs=1e-6)
    assert watched.most <= 2000


def test_the_sample_scene_is_consistent_with_itself():
    sample = sample_scene()
    found = result_of(consistency_steps(sample.reference, sample.lr, sample.scale))
    assert found.psnr > 60


def test_a_result_of_a_region_is_held_against_that_region():
    data = np.random.default_rng(0).random((2, 16, 24))
    source = HyperCube(reduced_by_means(data, 2))
    region = Region(2, 6, 1, 9)
    result = HyperCube(data[(slice(None), *region.scaled(2).slices)])
    found = result_of(consistency_steps(result, source, 2, region=region))
    assert found.error_map.shape == region.shape
    assert found.rmse == pytest.approx(0, abs=1e-12)


def test_invalid_pixels_of_a_result_do_not_count_in_a_blur():
    data = np.random.default_rng(0).random((2, 16, 16))
    ones = np.ones_like(data)
    ones[1, 5, 6] = data[1, 5, 6] = np.nan
    data[:, 8:, 8:] = ones[:, 8:, 8:] = np.nan
    even, source = HyperCube(ones, metadata={BLUR: 0.3}), HyperCube(np.ones((2, 8, 8)))
    found = result_of(consistency_steps(even, source, 2))
    np.testing.assert_allclose(found.error_map[:4], 0, atol=1e-12)
    assert np.isnan(found.error_map[6:, 6:]).all()
    filled = HyperCube(np.where(np.isfinite(data), data, 1), metadata={BLUR: 0.3})
    errors = [
        result_of(consistency_steps(cube, source, 2)).error_map
        for cube in (filled.derive(data), filled)
    ]
    np.testing.assert_array_equal(errors[0][:, :1], errors[1][:, :1])
    assert errors[0][2, 3] != errors[1][2, 3]


def test_invalid_pixels_of_a_result_do_not_count_in_means():
    data = np.ones((2, 4, 4))
    data[:, 0, 0] = np.nan
    data[:, 2:, 2:] = np.nan
    found = result_of(consistency_steps(HyperCube(data), HyperCube(np.ones((2, 2, 2))), 2))
    np.testing.assert_array_equal(found.error_map, [[0, 0], [0, np.nan]])


def test_bad_bands_do_not_count_in_consistency():
    data = np.ones((2, 4, 4))
    data[1] = 50
    source = HyperCube(np.ones((2, 2, 2)), good_bands=[True, False])
    assert result_of(consistency_steps(HyperCube(data), source, 2)).rmse == 0


def test_what_does_not_fit_its_source_gets_one_sentence(cube):
    with pytest.raises(MapError, match=r"which is not 4 times the size of 'scene'.*\.$"):
        consistency_steps(HyperCube(np.ones((5, 12, 16)), name="result"), cube, 4)
    with pytest.raises(MapError, match=r"'max' is not one of auto, area, cubic, blur\.$"):
        consistency_steps(cube, cube, 1, reduction="max")
    with pytest.raises(MapError, match=r"'scene' does not say what sensor blur.*\.$"):
        consistency_steps(cube, cube, 1, reduction="blur")
