"""The estimate of a sensor's blur: low by rule, and none where nothing can be known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dodn.blur import SIDES, UNMEASURED, estimate_blur
from napari_dodn.degradation import blur_and_decimate, decimate_cubic
from napari_dodn.network.components import components_of

TOO_LARGE = 0.05


def dead_leaves(seed: int = 0, side: int = 384) -> np.ndarray:
    """Return a sharp cube of 6 bands: discs of all sizes, one over another, with fine texture."""
    chance = np.random.default_rng(seed)
    cube = np.ones((6, side, side))
    y, x = np.mgrid[:side, :side]
    for _ in range(1500):
        radius = chance.uniform(50**-2.0, 3**-2.0) ** -0.5
        centre = chance.uniform(0, side, 2)
        inside = np.hypot(y - centre[0], x - centre[1]) < radius
        cube[:, inside] = chance.uniform(0.1, 1, 6)[:, None]
    return cube * (1 + 0.1 * chance.standard_normal(cube.shape[1:]))


def components(cube: np.ndarray) -> np.ndarray:
    """Return the leading components (3, y, x) of a cube."""
    flat = cube.reshape(len(cube), -1)
    found = components_of(flat.mean(axis=1), np.cov(flat, bias=True), 3)
    centred = flat - flat.mean(axis=1, keepdims=True)
    return (found.forward @ centred).reshape(-1, *cube.shape[1:])


@pytest.fixture(scope="module")
def sharp():
    return torch.from_numpy(dead_leaves()).float()[None]


@pytest.fixture(scope="module")
def blurred(sharp):
    """Return a function: the components of the sharp cube as a sensor sees it."""

    def seen(sigma: float, scale: int = 4, noise: float = 0.0) -> np.ndarray:
        lr = blur_and_decimate(sharp, scale, sigma) if sigma else decimate_cubic(sharp, scale)
        lr = lr[0].double().numpy()
        random = np.random.default_rng(0).standard_normal(lr.shape)
        return components(lr + noise * lr.std() * random)

    return seen


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("noise", [0, 0.01])
def test_a_wider_blur_is_estimated_wider_and_never_too_wide(blurred, scale, noise):
    sigmas = [0, 0.35, 0.5, 0.7]
    found = [estimate_blur(blurred(sigma, scale, noise)).sigma for sigma in sigmas]
    assert found[0] == 0
    assert found[1:] == sorted(found[1:])
    assert found[-1] > 0.4
    assert all(f <= sigma + TOO_LARGE for f, sigma in zip(found, sigmas, strict=True))


def test_the_unit_and_sign_of_components_do_not_matter(blurred):
    maps = blurred(0.6)
    other = maps * 1e6 * np.array([-1, 0.01, -7])[:, None, None]
    assert estimate_blur(other).sigma == pytest.approx(estimate_blur(maps).sigma, abs=1e-9)


def test_flips_and_turns_do_not_matter(blurred):
    maps = blurred(0.6)
    for other in (maps[:, ::-1], maps.transpose(0, 2, 1)):
        assert estimate_blur(other).sigma == pytest.approx(estimate_blur(maps).sigma, abs=0.02)


def test_the_same_cube_gives_the_same_number(blurred):
    assert estimate_blur(blurred(0.6)) == estimate_blur(blurred(0.6))


def test_blocks_of_rows_tell_about_what_the_whole_tells(blurred):
    maps = blurred(0.6)
    blocks = [maps[:, start : start + 20] for start in range(0, 80, 30)]
    assert estimate_blur(blocks).sigma == pytest.approx(estimate_blur(maps).sigma, abs=0.1)


def test_components_beyond_the_third_and_missing_ones_are_passed_over(blurred):
    maps = blurred(0.6)
    more = np.concatenate([maps, np.random.default_rng(0).random(maps.shape)])
    assert estimate_blur(more) == estimate_blur(maps)
    one = np.concatenate([maps[:1], np.zeros_like(maps[1:])])
    assert estimate_blur(one) == estimate_blur(maps[:1])
    assert 0.3 < estimate_blur(one).sigma < 0.65


def test_invalid_pixels_are_left_out(blurred):
    maps = blurred(0.6)
    with_hole = maps.copy()
    with_hole[:, :40] = np.nan
    assert estimate_blur(with_hole).sigma == pytest.approx(
        estimate_blur(maps[:, 40:]).sigma, abs=0.05
    )
    lost = np.full_like(maps, np.nan)
    assert estimate_blur([maps, lost, maps[:, :5]]) == estimate_blur(maps)
    sprinkled = maps.copy()
    sprinkled[:, np.random.default_rng(0).random(maps.shape[1:]) < 0.01] = np.nan
    assert estimate_blur(sprinkled).sigma == pytest.approx(estimate_blur(maps).sigma, abs=0.1)


def test_a_flat_cube_says_nothing():
    found = estimate_blur(np.full((3, 40, 40), 7.0))
    assert found.sigma == 0
    assert "flat" in found.reason


@pytest.mark.parametrize("shape", [(3, SIDES[-1] - 1, 200), (3, 200, SIDES[-1] - 1)])
def test_of_a_cube_of_less_than_8_pixels_a_side_a_small_blur_is_assumed(shape):
    found = estimate_blur(np.random.default_rng(0).random(shape))
    assert found.sigma == UNMEASURED < 0.3
    assert found.reason.endswith("so 0.2 pixels are assumed.")
    assert "8 × 8 valid pixels" in found.reason


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("shape", [(8, 8), (12, 20)])
def test_of_small_cubes_the_blur_is_estimated_too_low_rather_than_too_high(blurred, scale, shape):
    height, width = shape
    corners = [(0, 0), (13, 7), (40, 60), (61, 30)]
    found = []
    for sigma in (0, 0.35, 0.5, 0.7):
        maps = blurred(sigma, scale)
        crops = [maps[:, y : y + height, x : x + width] for y, x in corners]
        estimates = [estimate_blur(crop) for crop in crops]
        assert not any(estimate.reason for estimate in estimates)
        found.append([estimate.sigma for estimate in estimates])
    means = np.mean(found, axis=1)
    assert means[0] < 0.1
    assert (np.diff(means) > 0).all()
    assert 0.4 < means[-1] < 0.7
    assert means[1] < 0.4


def test_a_cube_of_too_few_valid_pixels_says_so(blurred):
    maps = blurred(0.6)
    maps[:, ::3, ::3] = np.nan
    assert "valid" in estimate_blur(maps).reason


def test_smaller_patches_are_taken_where_no_larger_one_is_valid(blurred):
    maps = blurred(0.6)
    maps[:, ::12] = np.nan
    found = estimate_blur(maps)
    assert not found.reason
    assert 0.3 < found.sigma < 0.65


def test_without_blocks_nothing_is_measured():
    assert "valid" in estimate_blur([]).reason


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("factor", [1.3, 2])
def test_a_resampled_cube_says_nothing(blurred, axis, factor):
    maps = blurred(0.6)
    nearest = (np.arange(int(maps.shape[axis] * factor)) / factor).astype(int)
    found = estimate_blur(maps.take(nearest, axis))
    assert found.sigma == 0
    assert "resampled" in found.reason


def test_a_black_frame_is_not_taken_for_resampling(blurred):
    maps = np.pad(blurred(0.6), ((0, 0), (20, 20), (20, 20)))
    assert not estimate_blur(maps).reason


def test_a_smooth_cube_says_nothing():
    y, x = np.mgrid[:64, :64] / 64
    found = estimate_blur(np.stack([y + x / 3, np.sin(3 * y + x)]))
    assert found.sigma == 0
    assert "smooth" in found.reason


def test_noise_alone_is_not_blurred():
    assert estimate_blur(np.random.default_rng(0).standard_normal((3, 64, 64))).sigma == 0
