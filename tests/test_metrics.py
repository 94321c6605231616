"""The six figures, against formulas and libraries."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_dodn import HyperCube
from napari_dodn.jobs import CancelledError, result_of
from napari_dodn.metrics import ComparisonError, compare, compare_steps, quality, spectral_angle


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    reference = rng.random((5, 20, 24))
    return reference + 0.05 * rng.standard_normal(reference.shape), reference


def test_psnr_and_ssim_are_scikit_images_averaged_over_bands(pair):
    result, reference = pair
    figures = quality(result, reference, data_range=1.0)
    psnr = [
        peak_signal_noise_ratio(y, x, data_range=1) for x, y in zip(result, reference, strict=True)
    ]
    ssim = [
        structural_similarity(y, x, data_range=1.0) for x, y in zip(result, reference, strict=True)
    ]
    assert figures.psnr == pytest.approx(np.mean(psnr))
    assert figures.ssim == pytest.approx(np.mean(ssim))


@pytest.mark.parametrize("level", [0, 30, 1e3, 1e5, -1e5])
def test_ssim_is_scikit_images_however_far_values_lie_above_the_peak(pair, level):
    result, reference = (cube[:1] + level for cube in pair)
    expected = structural_similarity(reference[0], result[0], data_range=1.0)
    assert quality(result, reference, data_range=1.0).ssim == pytest.approx(expected, abs=1e-5)


def test_rmse_cc_and_ergas_follow_their_formulas(pair):
    result, reference = pair
    figures = quality(result, reference)
    mse = ((result - reference) ** 2).mean(axis=(1, 2))
    relative = mse / reference.mean(axis=(1, 2)) ** 2
    assert figures.rmse == pytest.approx(np.sqrt(mse.mean()))
    assert figures.ergas == pytest.approx(25 * np.sqrt(relative.mean()))
    cc = [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(result, reference, strict=True)]
    assert figures.cc == pytest.approx(np.mean(cc))


def test_the_spectral_angle_ignores_brightness_and_is_exact_when_small():
    spectrum = np.array([1.0, 0.0, 0.0])[:, None, None]
    turned = np.array([np.cos(1e-9), np.sin(1e-9), 0.0])[:, None, None]
    assert spectral_angle(5 * spectrum, spectrum)[0, 0] == 0
    np.testing.assert_allclose(spectral_angle(turned, spectrum), np.degrees(1e-9))
    np.testing.assert_allclose(spectral_angle(-spectrum, spectrum), 180)


def test_pixels_that_are_all_zero_have_no_angle():
    cube = np.ones((3, 2, 2))
    cube[:, 0, 0] = 0
    assert np.isnan(spectral_angle(cube, cube)[0, 0])
    assert quality(cube, np.ones((3, 2, 2))).sam == pytest.approx(0, abs=1e-6)


def test_equal_cubes_are_perfect(pair):
    figures = quality(pair[1], pair[1])
    assert figures.psnr == np.inf
    assert figures.ssim == pytest.approx(1)
    assert figures.rmse == 0
    assert figures.sam == pytest.approx(0, abs=1e-6)


def test_invalid_values_do_not_count(pair):
    result, reference = (cube.copy() for cube in pair)
    clean = quality(result[:, :, :12], reference[:, :, :12], data_range=1.0)
    result[:, :, 12:] = np.nan
    figures = quality(result, reference, data_range=1.0)
    assert figures.as_dict() == pytest.approx(clean.as_dict())


def test_ssim_is_that_of_the_windows_without_invalid_values(pair):
    result, reference = (cube[:1].copy() for cube in pair)
    _, windows = structural_similarity(reference[0], result[0], data_range=1.0, full=True)
    whole = np.zeros(windows.shape, bool)
    whole[3:-3, 3:-3] = True
    whole[10 - 3 : 10 + 4, 12 - 3 : 12 + 4] = False
    result[0, 10, 12] = np.nan
    assert quality(result, reference, data_range=1.0).ssim == pytest.approx(windows[whole].mean())
    result[0, ::3, ::3] = np.nan
    assert np.isnan(quality(result, reference, data_range=1.0).ssim)


def test_a_band_without_valid_values_is_left_out(pair):
    result, reference = (cube.copy() for cube in pair)
    result[2] = np.nan
    kept = [0, 1, 3, 4]
    expected = quality(result[kept], reference[kept], data_range=1.0)
    assert quality(result, reference, data_range=1.0).psnr == pytest.approx(expected.psnr)


@pytest.mark.parametrize("level", [0.1, 1 / 3, 7.7])
def test_a_band_that_is_the_same_everywhere_has_no_correlation(pair, level):
    result, reference = (cube.astype(np.float64) for cube in pair)
    reference[2] = level  # the mean of many such values is another one
    expected = quality(result[[0, 1, 3, 4]], reference[[0, 1, 3, 4]])
    assert quality(result, reference).cc == pytest.approx(expected.cc)


def test_bands_that_are_bad_in_either_cube_do_not_count(pair):
    result, reference = (cube.copy() for cube in pair)
    result[1] += 100
    good = np.array([True, False, True, True, True])
    figures = compare(HyperCube(result, good_bands=good), HyperCube(reference))
    assert figures.psnr == pytest.approx(quality(result[good], reference[good]).psnr)


@pytest.mark.parametrize(
    ("result", "reference", "fault"),
    [
        (np.ones((2, 8, 8)), np.ones((2, 8, 9)), "must be the same"),
        (np.full((2, 8, 8), np.nan), np.ones((2, 8, 8)), "No value is valid"),
        (np.ones((2, 8, 8)), np.zeros((2, 8, 8)), "nowhere above zero"),
    ],
)
def test_cubes_that_cannot_be_compared_get_one_sentence(result, reference, fault):
    with pytest.raises(ComparisonError, match=fault):
        quality(result, reference)


def test_a_reference_of_another_size_is_named():
    with pytest.raises(ComparisonError, match="'big' cannot be the reference of 'small'"):
        compare(
            HyperCube(np.ones((2, 8, 8)), name="small"), HyperCube(np.ones((2, 9, 9)), name="big")
        )


def same(figures, others):
    return figures.as_dict() == pytest.approx(others.as_dict())


def test_comparing_in_parts_gives_the_figures_of_comparing_at_once(pair, monkeypatch):
    result, reference = (HyperCube(cube) for cube in pair)
    monkeypatch.setattr("napari_dodn.metrics.GROUP_VALUES", 2 * 20 * 24)
    monkeypatch.setattr("napari_dodn.spectra.steps.BLOCK_VALUES", 5 * 24 * 7)
    comparison = result_of(compare_steps(result, reference))
    assert same(comparison.quality, compare(result, reference))
    bands = [
        quality(x[None], y[None], data_range=pair[1].max()) for x, y in zip(*pair, strict=True)
    ]
    assert comparison.psnr == pytest.approx([figures.psnr for figures in bands])


def test_comparing_in_parts_leaves_out_bad_bands_and_missing_values(pair):
    result, reference = (cube.copy() for cube in pair)
    result[1] += 100
    result[3] = np.nan
    reference[:, :5] = -1
    good = np.array([True, False, True, True, True])
    cubes = HyperCube(result, good_bands=good), HyperCube(reference, nodata=-1)
    comparison = result_of(compare_steps(*cubes))
    kept = [0, 2, 4]
    expected = quality(result[kept, 5:], reference[kept, 5:])
    assert np.flatnonzero(np.isnan(comparison.psnr)).tolist() == [1, 3]
    for key in ("psnr", "sam", "ergas", "rmse", "cc"):
        assert getattr(comparison.quality, key) == pytest.approx(getattr(expected, key)), key


def test_comparing_in_parts_ends_when_it_is_told_to(pair):
    with pytest.raises(CancelledError):
        result_of(compare_steps(*map(HyperCube, pair), cancelled=lambda: True))


@pytest.mark.parametrize(
    ("result", "reference", "fault"),
    [
        (np.ones((2, 8, 8)), np.ones((2, 8, 9)), "'b' cannot be the reference of 'a'"),
        (np.full((2, 8, 8), np.nan), np.ones((2, 8, 8)), "valid in both 'a' and 'b'."),
        (np.ones((2, 8, 8)), np.zeros((2, 8, 8)), "'b' is nowhere above zero"),
    ],
)
def test_comparing_in_parts_names_the_fault(result, reference, fault):
    with pytest.raises(ComparisonError, match=fault):
        result_of(compare_steps(HyperCube(result, name="a"), HyperCube(reference, name="b")))


def test_cubes_without_a_band_that_is_good_in_both_are_refused(pair):
    result, reference = (
        HyperCube(pixels, good_bands=good)
        for pixels, good in zip(pair, ([1, 0, 0, 0, 0], [0, 1, 1, 1, 1]), strict=True)
    )
    with pytest.raises(ComparisonError, match="No band is good in both"):
        compare(result, reference)


def remarks_of(result, reference, **fields):
    cubes = (HyperCube(data, **fields) for data in (result, reference))
    return result_of(compare_steps(*cubes)).remarks


def test_bands_that_make_the_mean_psnr_infinite_are_named(pair):
    result, reference = pair
    result[[1, 4]] = reference[[1, 4]] = 0
    remark = "Bands 2 and 5 are equal in both cubes, so their PSNR and the mean PSNR are infinite."
    assert remarks_of(result, reference) == (remark,)
    good = [True, False, True, True, False]
    assert remarks_of(result, reference, good_bands=good) == ()


def test_equal_cubes_are_said_to_be_equal(pair):
    assert remarks_of(pair[1], pair[1]) == ("Both cubes are equal, so the PSNR is infinite.",)
