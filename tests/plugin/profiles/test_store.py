"""The store of curves."""

import numpy as np
import pytest
from napari.utils.theme import get_theme

from napari_dodn.plugin.profiles.store import COLOURS_OF_CUBES, PALETTE, Curve, CurveStore, Source


def curve(id_, **attributes):
    given = {"name": id_, "x": None, "y": np.arange(3.0), "colour": PALETTE[0], "group": id_}
    return Curve(id=id_, source=Source.LIBRARY, **{**given, **attributes})


@pytest.fixture
def store():
    store = CurveStore()
    store.put([curve("a"), curve("b")])
    return store


@pytest.fixture
def told(store):
    told = []
    store.changed.connect(lambda ids: told.append(set(ids)))
    return told


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return np.dot(linear, (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("colour", PALETTE)
def test_every_colour_stands_out_from_the_theme(colour, theme):
    """WCAG asks for a contrast of 3 for graphics; 2.8 is what one colour for both themes can do."""
    background = get_theme(theme).background.as_hex("long")
    dark, light = sorted((luminance(colour), luminance(background)))
    assert (light + 0.05) / (dark + 0.05) > 2.8


def test_a_curve_of_the_same_id_takes_the_place_of_the_old_one(store):
    store.put([curve("a", name="new")])
    assert [x.name for x in store] == ["new", "b"]


def test_who_listens_hears_which_curves_changed(store, told):
    store.edit(["b"], visible=False)
    store.drop(["a", "never there"])
    assert told == [{"b"}, {"a"}]


def test_nothing_is_said_where_nothing_changed(store, told):
    store.drop(["never there"])
    store.put([])
    assert told == []


def test_all_are_told_of_when_the_chosen_one_changes(store, told):
    store.choose("a")
    store.edit(["a"], visible=False)
    assert told == [{"a", "b"}, {"a", "b"}]


def test_a_chosen_curve_that_goes_is_chosen_no_more(store, told):
    store.choose("a")
    store.drop(["a"])
    assert store.chosen is None
    assert told[-1] == {"a", "b"}
    store.put([curve("a")])
    assert store.chosen is None


def test_choosing_what_is_not_there_chooses_nothing(store):
    store.choose("never there")
    assert store.chosen is None


def test_free_colours_differ_until_all_are_used(store):
    store.drop(["a", "b"])
    colours = []
    for number in range(len(PALETTE)):
        colours.append(store.free_colour())
        store.put([curve(str(number), colour=colours[-1])])
    assert sorted(colours) == sorted(PALETTE)
    assert colours[: len(PALETTE) - COLOURS_OF_CUBES] == list(PALETTE[COLOURS_OF_CUBES:])


def test_curves_of_one_point_count_as_one_use_of_its_colour(store):
    taken = PALETTE[COLOURS_OF_CUBES]
    store.put([curve(id_, colour=taken, group="point") for id_ in ("x", "y")])
    assert store.free_colour(PALETTE) == PALETTE[COLOURS_OF_CUBES + 1]


def test_bad_bands_are_not_usable():
    bad = curve("a", good_bands=np.array([True, False, True]))
    np.testing.assert_array_equal(bad.usable, [0, np.nan, 2])


def test_a_curve_names_its_layer_only_where_there_is_one():
    assert curve("a").label == "a"
    assert curve("a", layer="field").label == "a · field"
