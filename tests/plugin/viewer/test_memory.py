"""Memory that a cube no longer needs once its layer is gone."""

import gc

import numpy as np
import pytest
from napari.layers import Layer

from napari_dodn import HyperCube
from napari_dodn.formats.pixels.cache import KeptChunks
from napari_dodn.formats.pixels.lazy import lazy_pixels
from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.memory import let_go_with_layers

VALUES = np.random.default_rng(0).integers(0, 200, (4, 30, 40), np.int16)


class Stored:
    """An array in chunks."""

    shape, dtype, chunks = VALUES.shape, VALUES.dtype, (2, 10, 10)

    def __getitem__(self, key):
        return VALUES[key]


@pytest.fixture
def cube():
    wavelengths = [450.0, 550.0, 650.0, 800.0]
    return HyperCube(lazy_pixels(Stored(), "byx"), wavelengths, name="field")


def kept_bytes():
    """Return the bytes that are kept of the array, which Python may not have collected."""
    arrays = (x for x in gc.get_objects() if type(x) is KeptChunks and type(x._stored) is Stored)
    return sum(x.nbytes for array in arrays for x in array._kept._kept.values())


def test_pixels_that_are_kept_of_a_file_go_with_the_layer(make_napari_viewer, cube):
    viewer = make_napari_viewer()
    let_go_with_layers(viewer)
    for layer in layer_data_from_cube(cube):
        viewer.add_layer(Layer.create(*layer))
    viewer.dims.set_current_step(0, 3)
    assert kept_bytes()
    viewer.layers.pop(1)  # the picture; the cube is still there
    assert kept_bytes()
    viewer.layers.clear()
    assert kept_bytes() == 0
