"""Degradations: cubic decimation, which is the benchmark's, anti-aliasing, blur and noise."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_dodn.cube import CubeError
from napari_dodn.degradation import (
    add_noise,
    blur_and_decimate,
    decimate_antialiased,
    decimate_cubic,
    degrade,
    spectral_weights,
)
from napari_dodn.reach import margin, patch_side

KINDS = ["cubic", "anti-aliased cubic", "gaussian"]
scales = pytest.mark.parametrize("scale", [2, 4, 8])
kinds = pytest.mark.parametrize("kind", KINDS)


def noise_like(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@kinds
@scales
def test_a_reduced_pixel_lies_in_the_middle_of_its_block(kind, scale):
    size = 24 * scale
    ramp = torch.arange(1.0 * size).reshape(1, 1, 1, -1).expand(1, 1, size, -1)
    low = degrade(ramp, scale, kind, 0.7)
    expected = torch.arange(24) * scale + (scale - 1) / 2
    torch.testing.assert_close(low[0, 0, 12, 4:-4], expected[4:-4])


@kinds
def test_a_constant_stays_constant_up_to_the_border(kind):
    low = degrade(torch.full((1, 2, 16, 24), 0.3), 4, kind, 0.8)
    torch.testing.assert_close(low, torch.full((1, 2, 4, 6), 0.3))


@kinds
def test_turning_the_cube_turns_the_reduced_cube(kind):
    cube = noise_like(1, 2, 24, 16)
    turned = degrade(torch.rot90(cube, 1, (-2, -1)), 4, kind, 0.6)
    torch.testing.assert_close(turned, torch.rot90(degrade(cube, 4, kind, 0.6), 1, (-2, -1)))


@kinds
def test_bands_and_samples_are_reduced_each_for_itself(kind):
    cube = noise_like(2, 3, 16, 16)
    whole = degrade(cube, 4, kind, 0.5)
    torch.testing.assert_close(degrade(cube[1:, 2:], 4, kind, 0.5), whole[1:, 2:])


@kinds
def test_a_size_that_is_no_multiple_is_refused(kind):
    with pytest.raises(CubeError, match="10 × 8 pixels"):
        degrade(torch.ones(1, 1, 10, 8), 4, kind)


@kinds
@scales
@pytest.mark.parametrize("sigma", [0.0, 0.3, 0.5, 1.3])
def test_a_patch_with_its_margin_is_reduced_as_within_the_whole_cube(kind, scale, sigma):
    side, patch = 40 * scale, 4 * scale
    cube = noise_like(1, 2, side, side)
    edge = margin(kind, scale, sigma)
    y0, x0 = 18 * scale, 16 * scale
    grown = cube[..., y0 - edge : y0 + patch + edge, x0 - edge : x0 + patch + edge]
    inner = slice(edge // scale, edge // scale + 4)
    got = degrade(grown, scale, kind, sigma)[..., inner, inner]
    expected = degrade(cube, scale, kind, sigma)[..., 18:22, 16:20]
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


@scales
@pytest.mark.parametrize(("kind", "sigma"), [("anti-aliased cubic", 0.5), ("gaussian", 1.3)])
def test_a_smaller_margin_would_not_do(kind, scale, sigma):
    cube = noise_like(1, 1, 40 * scale, 40 * scale)
    edge = margin(kind, scale, sigma) - scale
    grown = cube[..., 16 * scale - edge : 20 * scale + edge, 16 * scale - edge : 20 * scale + edge]
    inner = slice(edge // scale, edge // scale + 4)
    got = degrade(grown, scale, kind, sigma)[..., inner, inner]
    expected = degrade(cube, scale, kind, sigma)[..., 16:20, 16:20]
    assert (got - expected).abs().max() > 1e-6


@kinds
def test_a_margin_is_a_multiple_of_the_scale(kind):
    assert all(margin(kind, scale, 0.7) % scale == 0 for scale in (2, 3, 4, 8))


def test_cubic_decimation_needs_a_margin_at_scale_2_only():
    assert [margin("cubic", scale) for scale in (2, 4, 8)] == [2, 0, 0]


def test_an_unknown_degradation_is_refused():
    with pytest.raises(CubeError, match="'box' is no degradation; choose 'cubic'"):
        degrade(torch.ones(1, 1, 8, 8), 4, "box")
    with pytest.raises(CubeError, match="'box' is no degradation"):
        margin("box", 4)


def test_the_cubic_kinds_are_the_functions_of_that_name():
    cube = noise_like(1, 1, 16, 16)
    assert torch.equal(degrade(cube, 4, "cubic"), decimate_cubic(cube, 4))
    assert torch.equal(degrade(cube, 4, "anti-aliased cubic"), decimate_antialiased(cube, 4))


def test_anti_aliasing_takes_away_what_a_reduced_grid_cannot_hold():
    stripes = (torch.arange(64) % 2).float().reshape(1, 1, 1, -1).expand(1, 1, 64, -1)
    assert decimate_antialiased(stripes, 4)[..., 4:-4].std() < 1e-3


def test_anti_aliased_decimation_is_that_of_pillow():
    image = pytest.importorskip("PIL.Image")
    cube = noise_like(1, 1, 32, 48)
    with_pillow = image.fromarray(cube[0, 0].numpy()).resize((12, 8), image.Resampling.BICUBIC)
    np.testing.assert_allclose(decimate_antialiased(cube, 4)[0, 0], with_pillow, atol=1e-5)


@scales
@pytest.mark.parametrize("sigma", [0.35, 0.5, 1.0])
def test_the_point_spread_function_has_the_sigma_asked_for(scale, sigma):
    """Measured from an impulse at every place: the weights that one reduced pixel has."""
    size = 24
    impulses = torch.eye(size * scale).reshape(size * scale, 1, 1, size * scale)
    rows = impulses.expand(-1, 1, scale, -1)
    weights = blur_and_decimate(rows, scale, sigma)[:, 0, 0, size // 2].double().numpy()
    place = (np.arange(size * scale) - (size // 2 * scale + (scale - 1) / 2)) / scale
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    assert weights @ place == pytest.approx(0, abs=1e-5)
    assert np.sqrt(weights @ place**2) == pytest.approx(sigma, rel=2e-3)


def test_a_point_spread_function_without_width_takes_the_nearest_pixels():
    cube = noise_like(1, 1, 8, 8)
    low = blur_and_decimate(cube, 4, 0.0)
    torch.testing.assert_close(low[0, 0, 0, 0], cube[0, 0, 1:3, 1:3].mean())


@scales
def test_every_sample_can_have_a_sigma_of_its_own(scale):
    cube = noise_like(3, 2, 8 * scale, 8 * scale)
    sigmas = torch.tensor([0.2, 0.5, 1.1])
    together = degrade(cube, scale, "gaussian", sigmas)
    alone = [
        degrade(cube[i : i + 1], scale, "gaussian", float(sigma)) for i, sigma in enumerate(sigmas)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("sigma", [0.1, torch.tensor([0.1, 0.1, 0.1])])
def test_noise_has_the_deviation_asked_for_and_no_bias(sigma):
    noise = add_noise(torch.zeros(3, 4, 100, 100), sigma, torch.Generator().manual_seed(1))
    assert noise.std() == pytest.approx(0.1, rel=0.01)
    assert noise.mean() == pytest.approx(0, abs=0.001)


def test_every_sample_can_have_noise_of_its_own():
    noise = add_noise(torch.zeros(2, 4, 50, 50), torch.tensor([0.0, 2.0]))
    assert not noise[0].any()
    assert noise[1].std() == pytest.approx(2, rel=0.05)


@kinds
def test_the_seed_decides_the_noise(kind):
    def run(seed):
        generator = torch.Generator().manual_seed(seed)
        return degrade(cube, 4, kind, 0.5, noise=0.1, generator=generator)

    cube = noise_like(2, 3, 16, 16)
    assert torch.equal(run(7), run(7))
    assert not torch.equal(run(7), run(8))


def test_without_noise_the_generator_is_left_alone():
    generator = torch.Generator().manual_seed(3)
    degrade(torch.ones(1, 1, 8, 8), 4, generator=generator)
    untouched = torch.Generator().manual_seed(3)
    assert torch.equal(generator.get_state(), untouched.get_state())


@kinds
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_whatever_the_cube_is_stored_in_the_reduced_one_is_float32(kind, dtype):
    cube = noise_like(1, 1, 16, 16).to(dtype)
    low = degrade(cube, 4, kind, 0.5)
    torch.testing.assert_close(low, degrade(cube.float(), 4, kind, 0.5), rtol=0, atol=0)


@kinds
def test_autocast_does_not_coarsen_it(kind):
    cube = noise_like(1, 1, 16, 16)
    expected = degrade(cube, 4, kind, 0.5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(degrade(cube, 4, kind, 0.5), expected)


@given(
    bands=st.integers(1, 300), factor=st.floats(1 / 16, 16), start=st.floats(0, 1, exclude_max=True)
)
def test_other_bands_are_weighted_means_of_those_there_are(bands, factor, start):
    weights = spectral_weights(bands, factor, start)
    assert 1 <= len(weights) <= bands
    assert weights.shape[1] == bands
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(weights)))


def test_a_spectral_step_of_one_changes_nothing():
    assert torch.equal(spectral_weights(31, 1.0, 0.7), torch.eye(31))


def test_broad_bands_lie_edge_to_edge():
    expected = torch.tensor([[2, 1, 0, 0, 0], [0, 1, 2, 0, 0]]) / 3
    torch.testing.assert_close(spectral_weights(5, 1.5, 0.0)[:2], expected)


@pytest.mark.parametrize("factor", [0.3, 2.0])
def test_the_centres_of_new_bands_are_a_step_apart(factor):
    centres = spectral_weights(40, factor, 0.4) @ torch.arange(40.0)
    torch.testing.assert_close(centres.diff(), torch.full_like(centres[1:], factor))


@pytest.mark.parametrize("factor", [0.3, 1.7])
def test_the_start_slides_the_new_bands_along_the_whole_range(factor):
    first, last = (spectral_weights(40, factor, start) for start in (0, 1))
    torch.testing.assert_close(last, first.flip(0, 1))


def test_a_patch_takes_as_much_as_the_reduction_that_looks_furthest():
    assert patch_side(16, 4, ["cubic"], 0.7) == 64
    assert patch_side(16, 4, ["cubic", "gaussian"], 0.7) == 64 + 2 * 12
