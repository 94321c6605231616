"""Layers that come hidden can be told apart in the layer list."""

import numpy as np
import pytest
from napari.layers import Layer

from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.setting_up import set_up


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
