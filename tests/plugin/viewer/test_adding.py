"""A cube and its picture come one after the other."""

from contextlib import suppress

import pytest
from napari.layers import Layer

from napari_dodn.plugin.viewer.adding import add_in_turns
from napari_dodn.plugin.viewer.layers import is_picture, layer_data_from_cube, picture_of


def test_the_picture_is_there_before_the_cube_comes_below_it(make_napari_viewer, cube, qtbot):
    viewer, told = make_napari_viewer(), []
    below = viewer.add_layer(Layer.create(*layer_data_from_cube(cube.derive(name="old"))[0]))
    add_in_turns(viewer, layer_data_from_cube(cube), told.append)
    _, picture = viewer.layers
    assert is_picture(picture)
    assert not told
    qtbot.waitUntil(lambda: len(told) == 1)
    assert list(viewer.layers) == [below, told[0], picture]
    assert picture_of(told[0], viewer.layers) is picture
    assert viewer.layers.selection.active is told[0]


def test_a_picture_that_is_deleted_at_once_does_not_cost_the_cube(make_napari_viewer, cube, qtbot):
    viewer, told = make_napari_viewer(), []
    add_in_turns(viewer, layer_data_from_cube(cube), told.append)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: len(told) == 1)
    assert list(viewer.layers) == told


@pytest.mark.parametrize("at", [1, 2])
def test_others_that_fail_at_a_layer_do_not_cost_the_cube(make_napari_viewer, cube, qtbot, at):
    viewer, told = make_napari_viewer(), []

    def fail(_):
        if len(viewer.layers) == at:
            raise ValueError("other plugin")

    viewer.layers.events.inserted.connect(fail)
    with suppress(ValueError):
        add_in_turns(viewer, layer_data_from_cube(cube), told.append)
    with qtbot.captureExceptions() as later:
        qtbot.waitUntil(lambda: len(told) == 1)
    assert told[0] is viewer.layers[0]
    assert len(viewer.layers) == 2
    assert [str(error) for _, error, _ in later] == ["other plugin"] * (at - 1)
