"""A cube and its picture come one after the other."""

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
