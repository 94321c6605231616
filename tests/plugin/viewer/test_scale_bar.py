"""The scale bar comes with cubes whose pixels have a length."""

from napari.components import ViewerModel
from napari.layers import Layer

from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.scale_bar import show_scale


def bar_of(viewer):
    return viewer.canvas.overlays.scale_bar


def add(viewer, cube):
    return viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[0]))


def test_a_cube_with_metres_brings_the_bar_once(cube):
    viewer = ViewerModel()
    show_scale(viewer)
    add(viewer, cube)
    assert bar_of(viewer).visible
    bar_of(viewer).visible = False
    add(viewer, cube.derive(name="second"))
    assert not bar_of(viewer).visible


def test_a_cube_of_plain_pixels_brings_none(cube):
    viewer = ViewerModel()
    show_scale(viewer)
    add(viewer, cube.derive(pixel_size=None, pixel_unit="", map_info=()))
    assert not bar_of(viewer).visible
