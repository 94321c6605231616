"""Cubes are compared band by band, by wavelength."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dodn import HyperCube
from napari_dodn.jobs import result_of
from napari_dodn.metrics import ComparisonError, compare, compare_steps
from napari_dodn.spectra.comparison import (
    MapError,
    angle_between_steps,
    consistency_steps,
    error_map_steps,
)

WAVELENGTHS = np.array([400.0, 410, 420, 430, 440, 450])


@pytest.fixture
def cube():
    rng = np.random.default_rng(0)
    good = [True, True, False, True, True, True]
    return HyperCube(
        1 + rng.random((6, 12, 14)),
        WAVELENGTHS,
        name="cube",
        good_bands=good,
        gain=np.arange(1.0, 7),
        offset=np.arange(6.0),
        fwhm=np.arange(1.0, 7),
    )


def in_order(cube, order, **changes):
    kept = ("wavelengths", "good_bands", "gain", "offset", "fwhm")
    chosen = {key: getattr(cube, key)[order] for key in kept}
    return HyperCube(cube.data[order], name="other", **{**chosen, **changes})


def remarks_of(result, reference):
    return " ".join(result_of(compare_steps(result, reference)).remarks)


@pytest.mark.parametrize(
    "order", [[5, 4, 3, 2, 1, 0], [1, 0, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2], [0, 2, 4, 1, 3, 5]]
)
def test_bands_in_another_order_are_matched_and_said(cube, order):
    other = in_order(cube, order)
    assert compare(cube, other).rmse == 0
    assert np.nanmax(result_of(error_map_steps(cube, other))) == 0
    assert np.nanmax(result_of(angle_between_steps(cube, other))) < 1e-3
    assert result_of(consistency_steps(cube, other, 1)).rmse == 0
    assert "matched by their wavelengths" in remarks_of(cube, other)


def test_a_reference_with_more_bands_gives_those_of_the_result(cube):
    few = in_order(cube, [4, 1, 3])
    assert compare(few, cube).rmse == 0
    with pytest.raises(ComparisonError, match="3 bands"):
        compare(cube, few)


def test_bands_in_one_order_are_compared_without_a_word(cube):
    for known in (WAVELENGTHS + 0.3, None):
        other = in_order(cube, range(6), wavelengths=known)
        assert not remarks_of(cube, other.derive(np.asarray(other.data) + 1))


def test_wavelengths_that_differ_a_little_are_said(cube):
    other = in_order(cube, range(6), wavelengths=WAVELENGTHS + 3)
    assert compare(cube, other).rmse == 0
    assert "differ by up to 3 nm" in remarks_of(cube, other)


@pytest.mark.parametrize("wavelengths", [WAVELENGTHS + 300, WAVELENGTHS + 6, WAVELENGTHS[0] + [0]])
def test_wavelengths_that_do_not_agree_are_refused(cube, wavelengths):
    other = in_order(cube, range(6), wavelengths=np.resize(wavelengths, 6))
    for steps, error in ((compare_steps, ComparisonError), (error_map_steps, MapError)):
        with pytest.raises(error, match="do not agree"):
            list(steps(cube, other))


def test_repeated_wavelengths_in_one_order_are_compared(cube):
    repeated = np.array([400, 410, 420, 420, 430, 440.0])
    pair = [in_order(cube, range(6), wavelengths=repeated) for _ in range(2)]
    assert compare(*pair).rmse == 0
