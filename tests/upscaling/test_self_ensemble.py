"""The self-ensemble: a mean of eight, with all that holds for one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dodn import read
from napari_dodn.jobs import CancelledError, result_of
from napari_dodn.upscaling import UpscaleOptions, upscale_steps
from napari_dodn.upscaling.views import VIEWS, seen, seen_back


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_can_be_undone(view):
    pixels = torch.rand(2, 3, 4)
    torch.testing.assert_close(seen_back(seen(pixels, *view), *view), pixels)


def test_the_views_are_eight_different_ones():
    pixels = torch.arange(9).reshape(1, 3, 3)
    assert len({str(seen(pixels, *view)) for view in VIEWS}) == 8


def test_it_is_the_mean_of_what_the_network_says_to_each_view(cube, upscale):
    result = upscale(cube, self_ensemble=True)
    answers = []
    for flip in (False, True):
        for turns in range(4):
            pixels = np.flip(cube.data, 2) if flip else cube.data
            answer = upscale(cube.derive(np.rot90(pixels, turns, (1, 2)).copy())).data
            answer = np.rot90(answer, -turns, (1, 2))
            answers.append(np.flip(answer, 2) if flip else answer)
    np.testing.assert_allclose(result.data, np.mean(answers, axis=0), atol=2e-6)
    assert np.abs(result.data - answers[0]).max() > 1e-3


def test_a_flipped_cube_gives_the_flipped_result(cube, upscale):
    result = upscale(cube, self_ensemble=True)
    flipped = cube.derive(cube.data[:, ::-1].copy())
    other = upscale(flipped, self_ensemble=True)
    np.testing.assert_allclose(other.data[:, ::-1], result.data, atol=2e-6)


def test_invalid_values_stay_as_they_are_and_the_description_is_kept(cube, upscale):
    nodata = np.finfo(np.float32).min
    pixels = cube.data.copy()
    pixels[:, 3, 4] = nodata
    source = cube.derive(pixels, nodata=float(nodata))
    result = upscale(source, self_ensemble=True)
    plain = upscale(source)
    assert (result.data[:, 6:8, 8:10] == nodata).all()
    assert (result.data == nodata).sum() == (plain.data == nodata).sum()
    assert len(result.history) == len(plain.history)
    assert "self-ensemble" in result.history[-1]
    np.testing.assert_array_equal(result.wavelengths, cube.wavelengths)


def test_tiles_regions_and_files_are_exact_as_without_it(cube, upscale, tmp_path):
    whole = upscale(cube, self_ensemble=True)
    tiled = upscale(cube, self_ensemble=True, tile=8, output=tmp_path / "out.hdr")
    np.testing.assert_allclose(tiled.data, whole.data, atol=1e-5)
    part = upscale(cube, self_ensemble=True, region=(4, 12, 6, 20))
    np.testing.assert_allclose(part.data, whole.data[:, 8:24, 12:40], atol=1e-5)
    assert "self-ensemble" in read(tmp_path / "out.hdr").history[-1]


def test_it_can_be_cancelled_between_the_views(cube, model_path):
    asked = []

    def after_five():
        asked.append(1)
        return len(asked) > 5

    options = UpscaleOptions(scale=2, model=model_path, device="cpu", self_ensemble=True)
    steps = upscale_steps(cube, options, cancelled=after_five)
    with pytest.raises(CancelledError):
        result_of(steps)
    assert len(asked) == 6
