from __future__ import annotations

import copy
import pickle

import dask.array as dask
import dask.array.ma as dask_ma
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_dodn.cube import CubeError, HyperCube, Region

MAP_INFO = ("UTM", "1", "1", "500000", "4000000", "30", "20", "11", "North", "units=Meters")


@pytest.fixture
def cube():
    return HyperCube(
        np.arange(60, dtype=np.int16).reshape(3, 4, 5),
        wavelengths=[450, 550, 650],
        name="field",
        fwhm=[5, 6, 7],
        good_bands=[True, False, True],
        nodata=-1,
        gain=1e-4,
        quantity="reflectance",
        pixel_size=(20.0, 30.0),
        pixel_unit="m",
        map_info=MAP_INFO,
        default_bands=(2, 1, 0),
        rgb_picture="field_RGB.png",
        source="field.hdr",
        notes=("Found.",),
        history=("Read.",),
        metadata={"Sensor": "X", "x start": "7"},
    )


def upper_left_corner(map_info):
    """Return where ENVI says the upper left corner of the image is."""
    x, y, east, north, width, height = (float(value) for value in map_info[1:7])
    return east - (x - 1) * width, north + (y - 1) * height


def test_a_printed_cube_reads_like_a_sentence(cube):
    assert str(cube) == (
        "HyperCube 'field': 3 bands of 4 × 5 pixels (int16), 450–650 nm, 1 bad band, no-data -1, "
        "reflectance after scaling, pixels of 20 × 30 m"
    )
    assert str(HyperCube(np.zeros((1, 2, 2)))) == (
        "HyperCube: 1 band of 2 × 2 pixels (float64), no wavelengths"
    )


@pytest.mark.parametrize(
    ("data", "attributes", "word"),
    [
        (np.zeros((4, 5)), {}, r"^The cube 'x' has shape \(4, 5\); a cube has three axes"),
        (np.zeros((3, 0, 5)), {}, "empty"),
        (np.zeros((3, 4, 5), complex), {}, "real numbers"),
        (np.zeros((3, 4, 5), "U1"), {}, "real numbers"),
        (np.ma.masked_equal(np.zeros((3, 4, 5)), 0), {}, "masked values"),
        (np.zeros((3, 4, 5)), {"wavelengths": [1, 2]}, "wavelengths"),
        (np.zeros((3, 4, 5)), {"fwhm": [[1, 2, 3]]}, "fwhm"),
        (np.zeros((3, 4, 5)), {"good_bands": [True]}, "good bands"),
        (np.zeros((3, 4, 5)), {"gain": [1, 2, 3, 4]}, "gain"),
        (dask_ma.masked_equal(dask.zeros((3, 4, 5)), 0), {}, "masked values"),
        (dask.zeros((3, 4, 5))[dask.zeros(3) == 0], {}, "compute the sizes of its chunks"),
        ([[1, 2], [3]], {}, "cannot become a numpy array"),
        (torch.zeros(3, 4, 5, requires_grad=True), {}, "detach"),
        (np.zeros((3, 4, 5)), {"wavelengths": ["red", "green", "blue"]}, "numbers as wavelengths"),
        (np.zeros((3, 4, 5)), {"nodata": "none"}, "a number as nodata"),
        (np.zeros((3, 4, 5)), {"notes": "a note"}, "a list as notes"),
        (np.zeros((3, 4, 5)), {"map_info": "UTM, 1, 1"}, "a list as map_info"),
        (np.zeros((3, 4, 5)), {"pixel_size": 1.0}, "a list as pixel_size"),
        (np.zeros((3, 4, 5)), {"pixel_size": (1, 2, 3)}, "two numbers"),
    ],
)
def test_a_cube_that_cannot_be_is_refused_in_one_sentence(data, attributes, word):
    with pytest.raises(CubeError, match=word) as caught:
        HyperCube(data, name="x", **attributes)
    assert "'x'" in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_part_tells_which_fields_of_its_place_are_left_out(cube):
    told = cube.derive(metadata={"RPC Info": ["1"], "geo points": ["2"], "x start": "7", "a": "b"})
    part = told.crop(Region(0, 2, 0, 2))
    assert dict(part.metadata) == {"a": "b"}
    assert part.history[-1] == (
        "Left out, since the grid of pixels is another: RPC Info, geo points."
    )


def test_an_array_of_torch_becomes_one_of_numpy():
    cube = HyperCube(torch.arange(60.0).reshape(3, 4, 5))
    assert isinstance(cube.data, np.ndarray)
    assert cube.pixels()[2, 3, 4] == 59


@pytest.mark.parametrize("given", ["0:2,0:2", (0, 2), (0.0, 2.0, 0, 2), None])
def test_a_region_that_is_none_is_refused(cube, given):
    with pytest.raises(CubeError, match="four whole numbers"):
        cube.crop(given)


def test_lists_become_arrays_and_one_gain_holds_for_all_bands():
    cube = HyperCube([[[1, 2]], [[3, 4]]], wavelengths=[1, 2], gain=0.5)
    assert cube.shape == (2, 1, 2)
    np.testing.assert_array_equal(cube.gain, [0.5, 0.5])


def test_a_cube_cannot_be_changed_through_what_it_was_made_from(cube):
    wavelengths, metadata = np.array([1.0, 2.0, 3.0]), {"a": "b"}
    cube = cube.derive(wavelengths=wavelengths, metadata=metadata)
    wavelengths[:] = 0
    metadata["a"] = "c"
    np.testing.assert_array_equal(cube.wavelengths, [1, 2, 3])
    assert cube.metadata["a"] == "b"
    with pytest.raises(ValueError, match="read-only"):
        cube.wavelengths[0] = 5


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_a_cube_can_be_copied_and_pickled(cube, again):
    same = again(cube)
    np.testing.assert_array_equal(same.data, cube.data)
    assert same.description() == cube.description()
    assert (same.data is cube.data) == (again is copy.copy)
    with pytest.raises(ValueError, match="read-only"):
        same.wavelengths[0] = 1
    with pytest.raises(TypeError):
        same.metadata["a"] = "b"


def test_bands_are_usable_where_nothing_is_said():
    assert HyperCube(np.zeros((3, 1, 1))).usable_bands.all()


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("i2", -999), ("u2", 65535), ("f4", -3.4028235e38), ("f4", 1e-30), ("f8", -999), ("f4", 0.1)],
)
def test_no_data_and_infinite_values_are_nan_as_pixels(dtype, nodata):
    data = np.ones((1, 2, 2), dtype)
    data[0, 0, 0] = nodata
    if data.dtype.kind == "f":
        data[0, 1, 0] = np.inf
    pixels = HyperCube(data, nodata=nodata).pixels()
    assert pixels.dtype == np.float64
    assert np.isnan(pixels[0, 0, 0])
    assert np.isnan(pixels[0, 1, 0]) == (data.dtype.kind == "f")
    assert pixels[0, 1, 1] == 1


def test_a_no_data_value_beyond_the_type_marks_nothing():
    data = np.full((1, 2, 2), 1e30, np.float32)
    assert np.isfinite(HyperCube(data, nodata=1e300).pixels()).all()


def test_pixels_of_a_region_are_those_of_the_whole(cube):
    region = Region(1, 3, 2, 5)
    np.testing.assert_array_equal(cube.pixels(region), cube.pixels()[:, 1:3, 2:5])


def test_a_derived_cube_keeps_all_that_is_not_changed(cube):
    derived = cube.derive(np.asarray(cube.data) * 2.0, step="Doubled.", name="twice")
    assert (derived.name, derived.history) == ("twice", ("Read.", "Doubled."))
    for name in ("nodata", "quantity", "pixel_size", "map_info", "metadata", "notes", "source"):
        assert getattr(derived, name) == getattr(cube, name)
    for name in ("wavelengths", "fwhm", "good_bands", "gain"):
        np.testing.assert_array_equal(getattr(derived, name), getattr(cube, name))


def test_a_cropped_cube_stays_at_its_place_on_the_map(cube):
    cropped = cube.crop(Region(1, 3, 2, 5))
    np.testing.assert_array_equal(cropped.data, cube.data[:, 1:3, 2:5])
    east, north = upper_left_corner(cube.map_info)
    assert upper_left_corner(cropped.map_info) == (east + 2 * 30, north - 1 * 20)
    assert "rows 1–2, columns 2–4" in cropped.history[-1]
    assert dict(cropped.metadata) == {"Sensor": "X"}
    assert cropped.rgb_picture == ""


def test_a_crop_of_everything_is_the_cube_itself(cube):
    assert cube.crop(Region(-3, 99, -1, 99)) is cube


def test_a_crop_of_nothing_is_refused(cube):
    with pytest.raises(CubeError, match="outside of the cube 'field'"):
        cube.crop(Region(10, 12, 0, 5))


@pytest.mark.parametrize("scale", [2, 4])
def test_a_finer_grid_keeps_its_corner_and_divides_the_pixel_size(cube, scale):
    cube = cube.crop(Region(1, 3, 2, 5))
    finer = cube.on_finer_grid(np.zeros((3, 2 * scale, 3 * scale)), scale)
    assert upper_left_corner(finer.map_info) == upper_left_corner(cube.map_info)
    assert finer.pixel_size == (20 / scale, 30 / scale)
    assert finer.map_info[5:7] == (f"{30 / scale:g}", f"{20 / scale:g}")
    np.testing.assert_array_equal(finer.wavelengths, cube.wavelengths)


def test_a_finer_grid_of_another_shape_is_refused(cube):
    with pytest.raises(CubeError, match=r"needs shape \(3, 8, 10\)"):
        cube.on_finer_grid(np.zeros((3, 8, 9)), 2)


@pytest.mark.parametrize("map_info", [(), ("UTM",), ("UTM", "a", "b", "0", "0", "1", "1")])
def test_map_info_that_makes_no_sense_is_carried_along(cube, map_info):
    cube = cube.derive(map_info=map_info)
    assert cube.crop(Region(0, 2, 0, 2)).map_info == map_info
    assert cube.on_finer_grid(np.zeros((3, 8, 10)), 2).map_info == map_info


@given(
    region=st.builds(Region, *[st.integers(-20, 20)] * 4),
    height=st.integers(1, 15),
    width=st.integers(1, 15),
)
def test_the_part_of_a_region_within_an_image_is_what_slicing_takes(region, height, width):
    inside = region.within(height, width)
    ys = set(range(height)) & set(range(region.y0, region.y1))
    xs = set(range(width)) & set(range(region.x0, region.x1))
    assert inside.shape == (len(ys), len(xs))
    assert np.zeros((height, width))[inside.slices].shape == inside.shape


def test_regions_grow_and_scale():
    assert Region(1, 2, 3, 4).grown(2) == (-1, 4, 1, 6)
    assert Region(1, 2, 3, 4).scaled(4) == (4, 8, 12, 16)


@given(region=st.builds(Region, *[st.integers(-20, 20)] * 4))
def test_a_region_is_read_from_its_text(region):
    assert Region.of_text(region.text) == region


@pytest.mark.parametrize("text", ["", "all", "1:2", "1:2,3", "1:2,3:4,5:6", "1:2:3,4:5", "a:b,c:d"])
def test_words_that_are_no_region_are_refused(text):
    with pytest.raises(CubeError, match="write Y0:Y1,X0:X1"):
        Region.of_text(text)
