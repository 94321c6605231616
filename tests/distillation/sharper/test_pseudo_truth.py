"""What a sharper picture tells of a cube, on scenes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter, shift

from napari_dodn.distillation.sharper.overlay import overlay_of
from napari_dodn.distillation.sharper.places import (
    UnfitPictureError,
    sampled,
    scale_within,
    stated_place,
)
from napari_dodn.distillation.sharper.pseudo_truth import Pair, paired, placed, pseudo_truth_of
from napari_dodn.distillation.sharper.regression import ReducedTerms, Regression, fit
from napari_dodn.distillation.sharper.sensor import Sensor

SCALE, SIDE, BANDS = 4, 128, 10
SENSOR = Sensor(SCALE, 0.4)
RESPONSE = np.abs(np.random.default_rng(5).normal(1, 0.4, (3, BANDS)))


def scene(seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Return a truth (bands, y, x): three materials with soft and hard borders."""
    chance = np.random.default_rng(seed)
    noise = gaussian_filter(chance.normal(size=(3, side, side)), (0, 3, 3))
    amounts = np.where(noise > 0, 1.0, 0.2) + 4 * np.abs(noise)
    amounts += 2 * np.abs(gaussian_filter(chance.normal(size=(3, side, side)), (0, 1, 1)))
    spectra = np.random.default_rng(7).uniform(0.2, 1, (BANDS, 3))
    return np.tensordot(spectra, amounts, 1).astype(np.float32)


def picture_of(truth: np.ndarray) -> np.ndarray:
    return np.tensordot(RESPONSE, truth, 1).astype(np.float32)


def pair_of(
    truth: np.ndarray,
    picture: np.ndarray,
    valid: np.ndarray | None = None,
    lr: np.ndarray | None = None,
) -> Pair:
    lr = SENSOR.reduce(truth) if lr is None else lr
    valid = np.ones(lr.shape, bool) if valid is None else valid
    place = stated_place(lr.shape[1:], picture.shape[1:], SCALE)
    return paired(placed(lr, valid, picture, place, SENSOR))


def error(result: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(np.square(result - truth))))


def test_a_picture_brings_the_truth_back() -> None:
    truth = scene()
    pair = pair_of(truth, picture_of(truth))
    found = pseudo_truth_of(pair)
    assert found.weight.all()
    assert pair.regression.predicted.all()
    blurred = error(SENSOR.expand(SENSOR.reduce(truth)), truth)
    assert error(found.pixels, truth) < 0.1 * blurred


def test_the_pseudo_truth_reduces_to_the_cube() -> None:
    truth = scene()
    curved = picture_of(truth) ** 1.3
    pair = pair_of(
        truth, curved + np.float32(0.02) * np.random.default_rng(0).normal(size=curved.shape)
    )
    found = pseudo_truth_of(pair)
    told = SENSOR.reduce(pair.regression(pair.picture, np.arange(BANDS)))
    assert error(SENSOR.reduce(found.pixels), pair.cube) < 0.3 * error(told, pair.cube)


def test_units_do_not_matter() -> None:
    truth = scene()
    one = pseudo_truth_of(pair_of(truth, picture_of(truth) ** 1.2))
    other = pseudo_truth_of(pair_of(5000 * truth, 0.01 * picture_of(truth) ** 1.2))
    np.testing.assert_allclose(other.pixels / 5000, one.pixels, atol=1e-3 * truth.max())


def test_a_picture_whose_mean_is_below_zero_tells_as_much() -> None:
    truth = scene()
    picture = picture_of(truth)
    pair = pair_of(truth, picture - np.float32(1.2) * picture.mean())
    found = pseudo_truth_of(pair)
    assert pair.regression.predicted.all()
    blurred = error(SENSOR.expand(SENSOR.reduce(truth)), truth)
    assert error(found.pixels, truth) < 0.1 * blurred


@pytest.mark.parametrize("moved", [(0.5, 0.0), (-1.5, 1.0), (8.0, -6.0)])
def test_a_shift_is_found(moved: tuple[float, float]) -> None:
    truth = scene(1)
    picture = shift(picture_of(truth), (0, *moved), order=3, mode="nearest")
    pair = pair_of(truth, picture)
    np.testing.assert_allclose(pair.registration.shift, moved, atol=0.3)
    found = pseudo_truth_of(pair)
    counted = np.where(found.weight, truth, np.nan)
    assert error(found.pixels, counted) < 0.4 * error(SENSOR.expand(pair.cube), counted)


def test_a_turned_picture_is_found() -> None:
    truth = scene(2, 384)
    angle = np.deg2rad(1.2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, (384 - 1) / 2)
    turned = np.stack(
        [
            affine_transform(plane, turn, middle - turn @ middle, order=3, mode="nearest")
            for plane in picture_of(truth)
        ]
    )
    pair = pair_of(truth, turned)
    assert pair.registration.is_affine
    found = pseudo_truth_of(pair)
    counted = np.where(found.weight, truth, np.nan)
    assert error(found.pixels, counted) < 0.6 * error(SENSOR.expand(pair.cube), counted)


def test_a_blurred_picture_takes_its_neighbours() -> None:
    truth = scene()
    sharp, soft = (
        pair_of(truth, picture)
        for picture in (picture_of(truth), gaussian_filter(picture_of(truth), (0, 0.8, 0.8)))
    )
    assert sharp.regression.side == 1
    assert soft.regression.side == 3


def test_places_that_changed_have_no_weight() -> None:
    truth = scene()
    picture = picture_of(truth)
    picture[:, 40:64, 40:64] = picture.max() * np.array([1.5, 0.1, 0.8])[:, None, None]
    found = pseudo_truth_of(pair_of(truth, picture))
    assert not found.weight[40:64, 40:64].any()
    assert found.weight.mean() > 0.85


def test_bands_that_the_picture_cannot_tell_are_left_out() -> None:
    truth = scene()
    other = scene(9)
    truth[3] = other[3]
    pair = pair_of(truth, picture_of(np.delete(np.insert(truth, 3, 0, 0), 4, 0)))
    found = pseudo_truth_of(pair)
    assert np.flatnonzero(~pair.regression.predicted).tolist() == [3]
    lr = SENSOR.reduce(truth)
    np.testing.assert_allclose(found.pixels[3], SENSOR.expand(lr)[3], rtol=1e-5)


def test_a_picture_of_another_scene_is_refused() -> None:
    with pytest.raises(UnfitPictureError, match=r"explains \d+ % of the variance"):
        pair_of(scene(0), picture_of(scene(1)))


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_a_picture_that_shows_nothing_is_refused(value: float) -> None:
    picture = np.full_like(picture_of(scene()), value)
    with pytest.raises(UnfitPictureError, match=r"explains 0 %|shows nothing"):
        pair_of(scene(), picture)


def test_nothing_explains_a_cube_that_is_the_same_everywhere() -> None:
    truth = scene()
    flat = np.zeros((BANDS, SIDE // SCALE, SIDE // SCALE), np.float32)
    with pytest.raises(UnfitPictureError, match="explains 0 %"):
        pair_of(truth, picture_of(truth), lr=flat)


def test_a_picture_of_many_channels_is_used_linearly() -> None:
    chance = np.random.default_rng(0)
    picture = chance.normal(size=(60, 32, 32)).astype(np.float32)
    terms = ReducedTerms.of(picture, lambda image: image[::2, ::2])
    assert set(terms.groups) == {"linear", "neighbours"}
    cube = np.tensordot(chance.normal(size=(4, 60)), terms.planes[1:61], 1)
    assert fit(terms, cube, np.ones((16, 16))).kind == ("linear",)


def test_invalid_pixels_do_not_spread() -> None:
    truth = scene()
    lr = SENSOR.reduce(truth)
    valid = np.ones(lr.shape, bool)
    valid[:, 10:12, 10:12] = False
    spoilt = np.where(valid, lr, 1e6).astype(np.float32)
    found = pseudo_truth_of(pair_of(truth, picture_of(truth), valid, spoilt))
    assert not found.weight[40:48, 40:48].any()
    counted = np.where(found.weight, truth, np.nan)
    assert error(found.pixels, counted) < 0.1 * error(SENSOR.expand(lr), counted)


def test_gaps_of_the_picture_have_no_weight() -> None:
    truth = scene()
    picture = picture_of(truth)
    picture[:, 20:30, 20:30] = np.nan
    found = pseudo_truth_of(pair_of(truth, picture))
    assert np.isfinite(found.pixels).all()
    assert not found.weight[20:30, 20:30].any()
    assert found.weight[60:, 60:].all()


def test_a_picture_that_is_too_coarse_names_the_scale_it_is_for() -> None:
    truth = scene()
    with pytest.raises(UnfitPictureError, match="choose ×2"):
        pair_of(truth, picture_of(truth)[:, ::2, ::2] + 0)
    with pytest.raises(UnfitPictureError, match="at least 2"):
        pair_of(truth, picture_of(truth)[:, ::4, ::4] + 0)


@pytest.mark.parametrize(
    ("factor", "scale"), [(1.5, 0), (1.99, 2), (3, 2), (4, 4), (7.5, 4), (8, 8), (20, 8)]
)
def test_the_scale_is_the_largest_that_the_picture_has(factor: float, scale: int) -> None:
    assert scale_within(factor) == scale


def test_a_picture_that_is_too_fine_is_reduced() -> None:
    truth = scene()
    fine = picture_of(truth).repeat(2, axis=1).repeat(2, axis=2)
    found = pair_of(truth, fine)
    assert error(found.picture, picture_of(truth)) < 0.15 * picture_of(truth).std()


def test_map_coordinates_say_where_a_picture_lies() -> None:
    cube_map = ("UTM", "1", "1", "1000", "2000", "30", "30", "31", "North")
    picture_map = ("UTM", "1", "1", "970", "2015", "10", "10", "31", "North")
    matrix = stated_place((20, 20), (80, 90), 2, cube_map, picture_map)
    np.testing.assert_allclose(matrix, [[1.5, 0, 1.5 + 0.25], [0, 1.5, 3 + 0.25]])


def test_without_map_coordinates_shapes_must_agree() -> None:
    with pytest.raises(UnfitPictureError, match="crop one of them"):
        stated_place((20, 20), (80, 90), 2)


def test_pixels_that_lie_on_the_grid_are_taken_as_they_are() -> None:
    picture = np.random.default_rng(0).uniform(size=(2, 12, 12)).astype(np.float32)
    matrix = np.array([[1.0, 0, 2], [0, 1.0, 3]])
    placed, valid = sampled(picture, matrix, (12, 12))
    np.testing.assert_array_equal(placed[:, :10, :9], picture[:, 2:, 3:])
    assert valid[:10, :9].all()
    assert not valid[10:].any()


def test_the_overlay_takes_all_told_bands_as_one(monkeypatch) -> None:
    truth = scene()
    pair = pair_of(truth, picture_of(truth))
    band_by_band = pair.regression(pair.picture, np.arange(BANDS)).mean(axis=0)
    made: list[np.ndarray] = []
    compute = Regression.__call__

    def noted(own: Regression, picture: np.ndarray, bands: np.ndarray) -> np.ndarray:
        made.append(compute(own, picture, bands))
        return made[-1]

    monkeypatch.setattr(Regression, "__call__", noted)
    assert overlay_of(pair).shape == (SIDE, SIDE, 3)
    assert [image.shape for image in made] == [(1, SIDE, SIDE)]
    np.testing.assert_allclose(made[0][0], band_by_band, rtol=1e-4)
