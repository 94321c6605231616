"""What is measured of a cube: a bounded sample, fixed by its shape, whose moments are exact."""

import json

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_dodn import HyperCube
from napari_dodn.jobs import result_of
from napari_dodn.network.components import leading, signed
from napari_dodn.upscaling import statistics
from napari_dodn.upscaling.statistics import Statistics, measure_steps


def measured(cube, count=4):
    """Return a cube's statistics."""
    return result_of(measure_steps(cube, count, blur=False))


def test_moments_are_exact_where_the_mean_is_far_above_the_deviation():
    data = np.random.default_rng(0).standard_normal((4, 20, 30)).cumsum(axis=2)
    found = measured(HyperCube(data + 1e9))
    np.testing.assert_allclose(found.components.mean, data.mean(axis=(1, 2)) + 1e9, rtol=1e-14)
    deviation = np.sqrt(data.var(axis=(1, 2)).mean())
    np.testing.assert_allclose(found.components.deviation, deviation, rtol=1e-6)


def test_components_are_orthonormal_and_of_unit_deviation():
    data = np.random.default_rng(0).standard_normal((6, 20, 30)).cumsum(axis=2).cumsum(axis=1)
    found = measured(HyperCube(data)).components
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(4), atol=1e-12)
    z = np.tensordot(found.forward, data - found.mean[:, None, None], 1)
    np.testing.assert_allclose(z.std(axis=(1, 2)), 1, rtol=1e-6)


def test_components_that_do_not_exist_are_zero():
    plane = np.random.default_rng(0).standard_normal((1, 20, 30)).cumsum(axis=2)
    found = measured(HyperCube(np.concatenate([plane, 2 * plane, -plane]))).components
    assert (found.weights > 0).tolist() == [True, False, False, False]
    assert not found.basis[:, 1:].any()


def test_statistics_can_be_written_down():
    data = np.random.default_rng(0).standard_normal((4, 20, 30)).cumsum(axis=2)
    data[2, 3, 4] = np.nan
    found = measured(HyperCube(data))
    again = Statistics.described(json.loads(json.dumps(found.description())))
    np.testing.assert_array_equal(again.components.basis, found.components.basis)
    np.testing.assert_array_equal(again.components.mean, found.components.mean)
    np.testing.assert_array_equal(again.usable, found.usable)
    np.testing.assert_array_equal(again.bad_values.upper, found.bad_values.upper)
    assert again.blur is None


def test_a_result_of_values_that_are_not_negative_is_not_either():
    data = np.random.default_rng(2).random((3, 64, 64)) - 0.01  # a negative value in a hundred
    assert measured(HyperCube(data)).lowest.tolist() == [0, 0, 0]


def test_values_around_zero_are_kept_from_gross_errors_only():
    data = np.random.default_rng(2).standard_normal((3, 64, 64))
    found = measured(HyperCube(data)).lowest
    assert (found < data.min(axis=(1, 2))).all()
    np.testing.assert_allclose(measured(HyperCube(1000 * data)).lowest, 1000 * found)


def test_how_low_a_result_may_be_moves_with_noise():
    data = np.random.default_rng(2).random((3, 64, 64)).round()  # half of it is 0
    noise = 1e-3 * np.random.default_rng(1).standard_normal(data.shape)
    found = measured(HyperCube(data + noise)).lowest
    assert (found < 0).all()
    assert (found > -0.01).all()


def test_bands_that_do_not_count_are_left_as_they_are():
    data = np.random.default_rng(2).random((4, 16, 16))
    data[1] = np.nan
    found = measured(HyperCube(data, good_bands=np.array([True, True, False, True]))).lowest
    assert found.tolist() == [0, -np.inf, -np.inf, 0]


def test_statistics_of_a_version_that_did_not_measure_it_bound_nothing():
    found = measured(HyperCube(np.random.default_rng(2).random((2, 16, 16)))).description()
    del found["lowest"]
    assert Statistics.described(found).lowest.tolist() == [-np.inf, -np.inf]


def test_negative_values_in_a_single_column_are_few():
    data = np.random.default_rng(2).random((2, 128, 128))
    data[:, :, 0] -= 1
    assert measured(HyperCube(data)).lowest.tolist() == [0, 0]


def test_measuring_says_how_far_it_is():
    cube = HyperCube(np.random.default_rng(0).standard_normal((4, 700, 30)))
    seen = [event.done / event.total for event in measure_steps(cube, 4, blur=False)]
    assert len(seen) > 20
    assert seen == sorted(seen)


def test_ties_are_found_among_the_components_that_exist():
    runs = statistics._ties(np.array([3, 0, 1, 0.99, 0.5, 0.49, 0.48, 0]))
    assert [run.tolist() for run in runs] == [[2, 3], [4, 5, 6]]
    assert list(statistics._ties(np.zeros(4))) == []


def test_the_components_of_many_bands_are_those_of_the_whole_spectrum():
    spectra = np.random.default_rng(0).standard_normal((12, 250)) * 0.7 ** np.arange(12)[:, None]
    covariance = spectra.T @ spectra + 1e-6 * np.eye(250)
    covariance[[3, 200]] = covariance[:, [3, 200]] = 0  # bands that do not count
    variance, vectors = leading(covariance, 10)
    expected, all_vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(variance, expected, atol=1e-12 * expected[-1])
    np.testing.assert_allclose(signed(vectors[:, -10:]), signed(all_vectors[:, -10:]), atol=1e-9)
    assert not vectors[[3, 200]].any()  # not even by rounding


def test_of_many_bands_those_without_any_valid_value_do_not_make_pixels_invalid():
    rng = np.random.default_rng(0)
    maps = gaussian_filter(rng.standard_normal((6, 40, 40)), (0, 1, 1))
    data = np.tensordot(rng.random((230, 6)), maps, 1) + 0.01 * rng.standard_normal((230, 40, 40))
    lost = np.insert(data, [100] * 5, np.nan, axis=0)
    expected, found = (result_of(measure_steps(HyperCube(part), 4)) for part in (data, lost))
    assert found.blur == expected.blur
    assert not found.blur.reason
    np.testing.assert_allclose(found.components.weights, expected.components.weights)
    assert not found.components.basis[100:105].any()
