"""The contract between cubes and layers."""

import json

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_dodn import HyperCube, read, write
from napari_dodn.cube import Region
from napari_dodn.plugin.viewer import layers
from napari_dodn.plugin.viewer.contrast import contrast_limits
from napari_dodn.plugin.viewer.layers import (
    LayerError,
    cube_from_layer,
    is_cube,
    is_picture,
    layer_data_from_cube,
    picture_layer,
    picture_of,
)
from napari_dodn.plugin.viewer.overlap import pixel_at, placed
from napari_dodn.plugin.viewer.placing import laid_over


def made(cube):
    return [Layer.create(*layer) for layer in layer_data_from_cube(cube)]


def finer(cube, scale, region=None):
    part = cube if region is None else cube.crop(region)
    pixels = np.asarray(part.data).repeat(scale, axis=1).repeat(scale, axis=2)
    return part.on_finer_grid(pixels, scale)


def test_a_cube_becomes_a_cube_layer_with_its_picture_on_top(cube):
    below, above = made(cube)
    assert is_cube(below)
    assert not is_picture(below)
    assert is_picture(above)
    assert not is_cube(above)
    assert above.rgb
    assert above.data.shape == (12, 16, 3)


def test_the_layer_keeps_the_pixels_uncopied(cube):
    assert made(cube)[0].data is cube.data


def test_no_pixels_of_a_file_stay_in_the_cache_of_napari(cube, tmp_path):
    from napari.utils._dask_utils import resize_dask_cache

    file = write(cube, tmp_path / "cube.h5")
    layer, *_ = made(read(file))
    layer.set_view_slice()
    np.testing.assert_array_equal(layer._data_view, cube.data[0])
    assert not resize_dask_cache().cache.total_bytes


def test_a_cube_comes_back_from_its_layer_with_its_whole_description(cube):
    back = cube_from_layer(made(cube)[0])
    assert back.description() == cube.description()
    assert back.data is cube.data


def test_a_cube_takes_the_name_that_its_layer_was_given(cube):
    layer = made(cube)[0]
    layer.name = "another"
    assert cube_from_layer(layer).name == "another"


def test_the_description_survives_json(cube):
    (data, attributes, _), _ = layer_data_from_cube(cube)
    attributes["metadata"] = json.loads(json.dumps(attributes["metadata"]))
    assert cube_from_layer(Image(data, **attributes)).description() == cube.description()


def test_scale_units_and_axis_names_are_set_on_both_layers(cube):
    below, above = made(cube)
    assert tuple(below.scale) == (1, 30, 30)
    assert tuple(above.scale) == (30, 30)
    assert [str(unit) for unit in below.units] == ["pixel", "meter", "meter"]
    assert below.axis_labels == ("band", "y", "x")
    assert above.axis_labels == ("y", "x")
    viewer = ViewerModel()
    for layer in (below, above):
        viewer.add_layer(layer)
    assert [str(unit) for unit in viewer.layers.units] == ["pixel", "meter", "meter"]


@pytest.mark.parametrize("unit", ["", "US survey furlongs", "m m"])
def test_a_unit_that_nobody_knows_leaves_only_the_shape_of_a_pixel(cube, unit):
    layer = made(cube.derive(pixel_size=(30.0, 15.0), pixel_unit=unit))[0]
    assert layer.scale[1] / layer.scale[2] == 2
    assert [str(u) for u in layer.units] == ["pixel"] * 3


def test_a_narrow_cube_is_not_taken_for_an_rgb_image():
    layer = made(HyperCube(np.ones((5, 8, 3), np.float32)))[0]
    assert layer.ndim == 3
    assert is_cube(layer)


@pytest.mark.parametrize("dtype", [">u2", ">f4", "i2", "f8", "u1", "?"])
def test_every_real_type_can_be_shown(dtype):
    data = (np.arange(2 * 8 * 8).reshape(2, 8, 8) % 7).astype(dtype)
    viewer = ViewerModel()
    for layer in made(HyperCube(data)):
        viewer.add_layer(layer)
    assert len(viewer.layers) == 2


def test_contrast_limits_leave_out_missing_values_and_bad_bands(cube):
    data = cube.data.copy()
    data[0, 0, 0], data[1, 1, 1], data[4] = -9999, np.nan, 1e9
    low, high = contrast_limits(cube.derive(data))
    assert 100 <= low < high < 1000


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_contrast_limits_of_a_flat_or_empty_cube_still_differ(value):
    low, high = contrast_limits(HyperCube(np.full((2, 4, 4), value)))
    assert low < high


def test_contrast_limits_read_a_small_part_of_a_large_cube():
    class Watched:
        shape, dtype, read = (200, 3000, 3000), np.dtype("u2"), 0

        def __getitem__(self, key):
            part = np.broadcast_to(np.uint16(1), self.shape)[key]
            self.read += part.size
            return part

    data = Watched()
    contrast_limits(HyperCube(data))
    assert data.read < 300_000


def test_a_layer_without_our_metadata_is_no_cube():
    layer = Image(np.ones((3, 8, 8)), name="stack")
    assert not is_cube(layer)
    with pytest.raises(LayerError, match="'stack' is not a hyperspectral cube"):
        cube_from_layer(layer)


def test_labels_that_napari_has_made_of_a_cube_are_no_cube(cube):
    (_, attributes, _), _ = layer_data_from_cube(cube)
    labels = Labels(np.ones(cube.shape, int), metadata=attributes["metadata"])
    assert not is_cube(labels)


def test_a_layer_whose_pixels_no_longer_fit_is_refused_in_a_sentence(cube):
    layer = made(cube)[0]
    layer.data = layer.data[:3]
    with pytest.raises(LayerError, match="'field' does not fit its metadata.*3 bands"):
        cube_from_layer(layer)


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("region", [None, Region(3, 9, 5, 6)])
@pytest.mark.parametrize(
    "placing",
    [
        {},
        {"translate": (0, 1000, -7.5)},
        {"scale": (1, 0.25, 3)},
        {"scale": (1, 2, 2), "rotate": 30, "translate": (0, 5, 5)},
        {"shear": (0, 0, 0.5)},
        {"affine": [[1, 0, 0, 0], [0, 0.8, -0.6, 3], [0, 0.6, 0.8, 4], [0, 0, 0, 1]]},
    ],
)
def test_every_fine_pixel_lies_in_the_source_pixel_it_came_from(cube, scale, region, placing):
    source = made(cube)[0]
    for key, value in placing.items():
        setattr(source, key, value)
    result = finer(cube, scale, region)
    fine, picture = (
        Layer.create(*x) for x in laid_over(layer_data_from_cube(result), source, scale, region)
    )
    y0, x0 = (0, 0) if region is None else (region.y0, region.x0)
    for y in range(result.shape[1]):
        for x in range(0, result.shape[2], 3):
            world = fine.data_to_world((2, y, x))
            band, row, column = source.world_to_data(world)
            assert band == pytest.approx(2)
            # The centres of the fine pixels divide the source's pixel evenly.
            assert row == pytest.approx(y0 + (y + 0.5) / scale - 0.5, abs=1e-9)
            assert column == pytest.approx(x0 + (x + 0.5) / scale - 0.5, abs=1e-9)
            assert source.data[2, round(row), round(column)] == fine.data[2, y, x]
            assert picture.world_to_data(world[1:]) == pytest.approx((y, x))


def test_a_cube_in_another_unit_of_length_lies_where_it_is_seen():
    viewer = ViewerModel()
    for size, unit in ((1.0, "mm"), (0.05, "cm"), (2.0, "degree"), (500.0, "um")):
        cube = HyperCube(np.ones((3, 40, 40)), pixel_size=(size, size), pixel_unit=unit, name=unit)
        for data in placed(layer_data_from_cube(cube), viewer.layers):
            viewer.add_layer(Layer.create(*data))
    millimetres, centimetres, degrees, micrometres = (x for x in viewer.layers if is_cube(x))
    assert [str(x.units[-1]) for x in (centimetres, micrometres)] == ["millimeter"] * 2
    for layer in (centimetres, micrometres):
        assert pixel_at(layer, millimetres.data_to_world((0, 10, 15))) == (20, 30)
        picture = picture_of(layer, viewer.layers)
        np.testing.assert_allclose(picture.extent.world, layer.extent.world[:, 1:])
        assert picture.units == layer.units[1:]
    assert str(degrees.units[-1]) == "degree"
    assert cube_from_layer(centimetres).pixel_size == (0.05, 0.05)


def test_a_result_has_the_extent_of_its_source(cube):
    source = made(cube)[0]
    for layer in laid_over(layer_data_from_cube(finer(cube, 4)), source, 4):
        extent = Layer.create(*layer).extent.world
        # napari's extent runs from centre to centre of the outermost pixels.
        half = np.array([15, 15]) / 4
        whole = source.extent.world[:, 1:]
        inner = [whole[0] - 15 + half, whole[1] + 15 - half]
        assert extent[:, -2:] == pytest.approx(np.array(inner))


def test_a_thinned_picture_lies_over_its_cube(cube, monkeypatch):
    monkeypatch.setattr(layers, "PICTURE_PIXELS", 48)
    below, above = made(cube)
    assert above.data.shape == (6, 8, 3)
    corner, centre = below.data_to_world((0, 0, 0))[1:], above.data_to_world((0, 0))
    assert centre == pytest.approx(np.array(corner) + 15)
    assert tuple(above.scale) == (60, 60)


def test_a_thinned_picture_of_a_result_lies_over_the_source(cube, monkeypatch):
    source = made(cube)[0]
    result = finer(cube, 4)
    monkeypatch.setattr(layers, "PICTURE_PIXELS", 12 * 16)
    _, picture = laid_over(layer_data_from_cube(result), source, 4)
    layer = Layer.create(*picture)
    assert layer.data.shape == (12, 16, 3)
    assert layer.data_to_world((3, 5)) == pytest.approx(source.data_to_world((0, 3, 5))[1:])


def test_a_picture_with_more_pixels_covers_its_cube(cube):
    rgb = np.zeros((48, 64, 3), np.uint8)
    layer = Layer.create(*picture_layer(rgb, cube, "picture"))
    assert tuple(layer.scale) == (7.5, 7.5)
    assert layer.data_to_world((0, 0)) == pytest.approx((-11.25, -11.25))
