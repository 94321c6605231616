"""Layers that come hidden can be told apart in the layer list."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from napari.layers.utils.stack_utils import split_rgb

from napari_dodn.plugin.viewer.layers import layer_data_from_cube, picture_of
from napari_dodn.plugin.viewer.setting_up import set_up
from napari_dodn.plugin.viewer.thumbnails import give_thumbnails


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    set_up(viewer)
    return viewer


@pytest.mark.parametrize("place", [0, 1])
def test_a_hidden_layer_has_the_thumbnail_that_it_has_when_shown(viewer, cube, place):
    data, attributes, kind = layer_data_from_cube(cube)[place]
    layer = viewer.add_layer(Layer.create(data, {**attributes, "visible": False}, kind))
    hidden = layer.thumbnail.mean(axis=-1)
    viewer.dims.set_point(0, 2)  # the band that is shown first
    layer.visible = True
    np.testing.assert_allclose(hidden, layer.thumbnail.mean(axis=-1), atol=20)


def test_the_pixels_of_a_hidden_cube_in_a_file_are_not_read(viewer, cube, tmp_path):
    np.save(tmp_path / "cube.npy", cube.data)
    mapped = np.load(tmp_path / "cube.npy", mmap_mode="r")
    data, attributes, kind = layer_data_from_cube(cube.derive(mapped))[0]
    layer = viewer.add_layer(Layer.create(data, {**attributes, "visible": False}, kind))
    assert not layer.thumbnail[..., :3].any()


def test_the_channels_of_a_hidden_picture_are_no_pictures(cube):
    viewer = ViewerModel()
    give_thumbnails(viewer)
    layer, picture = (viewer.add_layer(Layer.create(*data)) for data in layer_data_from_cube(cube))
    picture.visible = False
    viewer.layers.remove(picture)
    viewer.layers.extend(split_rgb(picture))  # as in napari's menu of the layer
    assert len(viewer.layers) == 4
    assert picture_of(layer, viewer.layers) is None
