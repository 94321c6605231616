"""Stacks of images that are cubes, or become them."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_dodn import HyperCube
from napari_dodn.plugin.viewer.layers import cube_from_layer, is_cube, layer_data_from_cube
from napari_dodn.plugin.viewer.stacks import cube_of_stack, is_stack, likely_axes, make_cube, stacks

LIMITS = (0.0, 9.0)


def stack(shape=(12, 9, 5), **attributes):
    return Image(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), **attributes)


@pytest.fixture
def cube_layer(cube):
    (data, attributes, _), _ = layer_data_from_cube(cube)
    return Image(data, **attributes)


def test_only_single_images_of_three_axes_are_stacks():
    pyramid = [np.zeros((4, 8, 8)), np.zeros((4, 4, 4))]
    layers = [
        Image(np.zeros((4, 4)), name="flat"),
        Image(np.zeros((4, 4, 3)), name="colours", rgb=True),
        Image(pyramid, name="pyramid", multiscale=True),
        Labels(np.zeros((4, 4, 4), int), name="labels"),
        Image(np.zeros((2, 4, 4, 4)), name="time"),
        stack(name="first"),
        stack(name="second"),
    ]
    assert [layer.name for layer in stacks(layers)] == ["second", "first"]


def test_what_a_layer_calls_its_axes_goes_before_their_lengths():
    layer = stack((5, 40, 40), axis_labels=("y", "x", "channel"))
    assert likely_axes(layer) == ("yxb", "The layer calls its axes y, x, channel.")


@pytest.mark.parametrize(("shape", "axes"), [((5, 40, 40), "byx"), ((40, 40, 5), "yxb")])
def test_without_names_the_lengths_of_the_axes_tell(shape, axes):
    found, reason = likely_axes(stack(shape))
    assert found == axes
    assert reason.endswith("axis, since the other two axes have the same length.")


def test_a_cube_has_the_axes_that_it_has(cube_layer):
    assert likely_axes(cube_layer)[0] == "byx"
    assert cube_of_stack(cube_layer, "byx").wavelengths is not None


def test_a_stack_becomes_a_cube_without_a_copy():
    layer = stack(name="scan", scale=(2, 3, 7), translate=(10, 20, 30), units=("um", "um", "um"))
    pixels = layer.data
    cube = cube_of_stack(layer, "yxb")
    make_cube(layer, cube.derive(wavelengths=[1, 2, 3, 4, 5]), "yxb", LIMITS)
    assert is_cube(layer)
    assert np.shares_memory(layer.data, pixels)
    np.testing.assert_array_equal(layer.data, pixels.transpose(2, 0, 1))
    assert (tuple(layer.scale), tuple(layer.translate)) == ((1, 2, 3), (0, 10, 20))
    assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]
    assert layer.axis_labels == ("band", "y", "x")
    assert tuple(layer.contrast_limits) == LIMITS
    made = cube_from_layer(layer)
    assert (made.pixel_size, made.pixel_unit) == ((2.0, 3.0), "micrometer")
    assert made.wavelengths.tolist() == [1, 2, 3, 4, 5]


def test_wavelengths_alone_change_nothing_else_of_a_cube(cube_layer, cube):
    before = cube_layer.metadata["napari_dodn"]["id"], tuple(cube_layer.contrast_limits)
    corrected = cube_of_stack(cube_layer, "byx").derive(wavelengths=[1, 2, 3, 4, 5])
    make_cube(cube_layer, corrected, "byx", LIMITS)
    after = cube_layer.metadata["napari_dodn"]["id"], tuple(cube_layer.contrast_limits)
    assert after == before
    kept, expected = cube_from_layer(cube_layer).description(), corrected.description()
    assert kept == expected
    assert kept["fwhm"] == cube.description()["fwhm"]


def test_rows_and_columns_can_be_exchanged_and_the_bands_stay_known(cube_layer, cube):
    turned = cube_of_stack(cube_layer, "bxy")
    np.testing.assert_array_equal(turned.data, np.asarray(cube.data).transpose(0, 2, 1))
    np.testing.assert_array_equal(turned.wavelengths, cube.wavelengths)
    assert turned.map_info == ()


def test_what_is_said_of_bands_goes_where_others_become_the_bands(cube_layer, cube):
    turned = cube_of_stack(cube_layer, "yxb")
    assert turned.bands == cube.shape[2]
    assert (turned.wavelengths, turned.fwhm, turned.good_bands) == (None, None, None)
    assert turned.nodata == cube.nodata


def test_a_layer_of_hdf5_turns_lazily(tmp_path):
    import h5py

    pixels = np.arange(60.0).reshape(3, 4, 5)
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        stored = file.create_dataset("pixels", data=pixels)
        layer = Image(stored, contrast_limits=LIMITS)
        assert is_stack(layer)
        cube = cube_of_stack(layer, "yxb")
        assert isinstance(cube, HyperCube)
        np.testing.assert_array_equal(np.asarray(cube.data), pixels.transpose(2, 0, 1))
