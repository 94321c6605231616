"""The self-ensemble: a mean of eight, with all that holds for one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dodn.events import Done, Progress, result_of
from napari_dodn.upscaling.self_ensemble import VIEWS, seen, seen_back, self_ensemble_steps


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_can_be_undone(view):
    pixels = np.random.default_rng(0).random((2, 3, 4))
    np.testing.assert_array_equal(seen_back(seen(pixels, *view), *view), pixels)


def test_the_views_are_eight_different_ones():
    pixels = np.arange(9).reshape(1, 3, 3)
    assert len({seen(pixels, *view).tobytes() for view in VIEWS}) == 8


def test_it_is_the_mean_of_what_the_network_says_to_each_view(cube, model_path, upscale):
    result = result_of(self_ensemble_steps(cube, 2, model_path, "cpu"))
    answers = []
    for flip in (False, True):
        for turns in range(4):
            pixels = np.flip(cube.data, 2) if flip else cube.data
            answer = upscale(cube.derive(np.rot90(pixels, turns, (1, 2)).copy())).data
            answer = np.rot90(answer, -turns, (1, 2))
            answers.append(np.flip(answer, 2) if flip else answer)
    np.testing.assert_allclose(result.data, np.mean(answers, axis=0), atol=2e-6)
    assert np.abs(result.data - answers[0]).max() > 1e-3


def test_a_flipped_cube_gives_the_flipped_result(cube, model_path):
    result = result_of(self_ensemble_steps(cube, 2, model_path, "cpu"))
    flipped = cube.derive(cube.data[:, ::-1].copy())
    other = result_of(self_ensemble_steps(flipped, 2, model_path, "cpu"))
    np.testing.assert_allclose(other.data[:, ::-1], result.data, atol=2e-6)


def test_invalid_values_stay_as_they_are_and_the_description_is_kept(cube, model_path, upscale):
    nodata = np.finfo(np.float32).min
    pixels = cube.data.copy()
    pixels[:, 3, 4] = nodata
    source = cube.derive(pixels, nodata=float(nodata))
    result = result_of(self_ensemble_steps(source, 2, model_path, "cpu"))
    plain = upscale(source)
    assert (result.data[:, 6:8, 8:10] == nodata).all()
    assert (result.data == nodata).sum() == (plain.data == nodata).sum()
    assert result.history == (*plain.history, result.history[-1])
    assert "self-ensemble" in result.history[-1]
    np.testing.assert_array_equal(result.wavelengths, cube.wavelengths)


def test_progress_counts_all_eight_runs(cube, model_path):
    events = list(self_ensemble_steps(cube, 2, model_path, "cpu"))
    counted = [event for event in events if isinstance(event, Progress)]
    assert {event.total for event in counted} == {8 * 24 * 30}
    assert [event.done for event in counted] == sorted(event.done for event in counted)
    assert counted[-1].done == 8 * 24 * 30


def test_a_cancelled_run_has_no_result(cube, model_path):
    seen_events = []
    steps = self_ensemble_steps(cube, 2, model_path, "cpu", cancelled=lambda: len(seen_events) > 5)
    seen_events.extend(steps)
    assert not any(isinstance(event, Done) for event in seen_events)
