"""What is drawn of a curve."""

import numpy as np
import pytest

from napari_dodn.plugin.profiles.display import (
    Treatment,
    axis,
    drawn,
    likeness,
    likeness_text,
    on_bands_of,
    unit_for,
)
from napari_dodn.plugin.profiles.store import Curve, Source

WAVELENGTHS = np.array([500.0, 600.0, 700.0, 800.0])
VALUES = np.array([1.0, 4.0, 2.0, 3.0])


def curve(y=VALUES, x=WAVELENGTHS, **attributes):
    given = {"id": "a", "name": "a", "colour": "#000000", "source": Source.LIBRARY}
    return Curve(x=x, y=np.asarray(y, float), **{**given, **attributes})


def draw(curve, treatment=Treatment.NONE, chosen=None, unit="nm"):
    return drawn(curve, unit, treatment, chosen)


def test_bad_bands_are_gaps():
    good = np.array([True, True, False, True])
    np.testing.assert_array_equal(draw(curve(good_bands=good)).y, [1, 4, np.nan, 3])


@pytest.mark.parametrize(
    ("unit", "places"),
    [
        ("nm", [500, 600, 700, 800]),
        ("µm", [0.5, 0.6, 0.7, 0.8]),
        ("cm-1", [20000, 1e7 / 600, 1e7 / 700, 12500]),
        ("band", [1, 2, 3, 4]),
    ],
)
def test_bands_lie_where_the_unit_puts_them(unit, places):
    np.testing.assert_allclose(axis(WAVELENGTHS, 4, unit), places)


def test_curves_are_drawn_in_the_order_of_the_axis():
    lines = draw(curve(), unit="cm-1")
    assert (np.diff(lines.x) > 0).all()
    np.testing.assert_array_equal(lines.y, VALUES[::-1])


def test_a_curve_without_wavelengths_is_drawn_over_bands_only():
    assert draw(curve(x=None)) is None
    np.testing.assert_array_equal(draw(curve(x=None), unit="band").x, [1, 2, 3, 4])


def test_the_axis_has_bands_where_no_curve_has_wavelengths():
    assert unit_for([curve(x=None)], "nm") == "band"
    assert unit_for([curve(x=None), curve()], "nm") == "nm"
    assert unit_for([], "nm") == "nm"


def test_the_spread_is_scaled_with_its_curve():
    lines = draw(curve(spread=(VALUES - 1, VALUES + 1)), Treatment.MAX)
    np.testing.assert_allclose(lines.y, VALUES / 4)
    np.testing.assert_allclose(lines.lower, (VALUES - 1) / 4)
    np.testing.assert_allclose(lines.upper, (VALUES + 1) / 4)


def test_a_zero_is_no_gap_after_scaling():
    np.testing.assert_allclose(draw(curve([0, 2, 1, 0]), Treatment.MAX).y, [0, 1, 0.5, 0])


def test_a_curve_of_zeros_cannot_be_scaled_and_is_left_out_quietly():
    assert np.isnan(draw(curve([0, 0, 0, 0]), Treatment.AREA).y).all()


def test_a_curve_of_gaps_can_be_treated_in_every_way():
    for treatment in Treatment:
        assert np.isnan(draw(curve([np.nan] * 4), treatment, curve(id="b")).y).all()


def test_the_area_under_a_scaled_curve_is_one():
    lines = draw(curve(), Treatment.AREA)
    assert np.trapezoid(lines.y, lines.x) == pytest.approx(1)


def test_the_continuum_is_removed():
    np.testing.assert_allclose(draw(curve(), Treatment.CONTINUUM).y, [1, 1, 2 / 3.5, 1])


def test_a_derivative_has_no_spread():
    lines = draw(curve([0, 1, 2, 3], spread=(VALUES, VALUES)), Treatment.DERIVATIVE)
    np.testing.assert_allclose(lines.y, 0.01)
    assert lines.lower is None


def test_the_difference_is_taken_to_the_chosen_one():
    chosen = curve([1, 1, 1, 1], id="b")
    np.testing.assert_allclose(draw(curve(), Treatment.DIFFERENCE, chosen).y, VALUES - 1)


def test_without_a_chosen_one_there_is_no_difference():
    np.testing.assert_allclose(draw(curve(), Treatment.DIFFERENCE).y, VALUES)


def test_another_grid_is_resampled_before_comparing():
    other = curve([1, 3, 5], np.array([500.0, 700.0, 900.0]), id="b")
    np.testing.assert_allclose(on_bands_of(curve(), other), [1, 2, 3, 4])


def test_curves_without_common_bands_cannot_be_compared():
    other = curve([1, 2, 3], None, id="b")
    assert on_bands_of(curve(), other) is None
    assert draw(curve(), Treatment.DIFFERENCE, other) is None
    assert likeness(curve(), other) is None


def test_likeness_leaves_bad_bands_out():
    other = curve([1, 4, 2, 99], id="b", good_bands=np.array([True, True, True, False]))
    alike = likeness(curve(), other)
    assert alike.rmse == 0
    assert likeness_text(alike) == "0.00°, r 1.000, RMSE 0"


def test_a_curve_is_not_compared_with_itself():
    assert likeness(curve(), curve()) is None
    assert likeness(curve(), None) is None
