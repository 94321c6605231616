"""Bad values: fill values and glitches are found in a sample, and nothing else is."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dodn import bad_value_search, read
from napari_dodn.bad_value_search import BadValueSearch
from napari_dodn.bad_values import BadCount, BadValues

BANDS, SIDE = 6, 64


def scene(seed=0, bands=BANDS, side=SIDE, bright=8000.0):
    """Return a dark scene with bright things: values to `bright` and a bit, most of them low."""
    random = np.random.default_rng(seed)
    shade = random.random((side, side)) ** 3
    return 10 + bright * shade * (0.5 + random.random((bands, 1, 1)) / 2) * random.uniform(
        0.9, 1, (bands, side, side)
    )


def found(cube, dtype=None, rows=None):
    search = BadValueSearch(dtype)
    for start in range(0, cube.shape[1], rows or cube.shape[1]):
        search.add(cube[:, start : start + (rows or cube.shape[1])])
    return search.result()


def kinds(bad):
    return {fill.value: fill.kind for fill in bad.fill_values}


# Nothing is wrong.


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_an_ordinary_scene_has_no_bad_values(dtype):
    cube = scene(bright=200 if dtype == "uint8" else 8000).astype(dtype)
    bad = found(cube)
    assert not bad.mask(cube).any()
    assert not bad.no_data_values
    assert bad.sentences(bad.count(cube)) == ()


@pytest.mark.parametrize("background", [0.0, 1.0, 100.0])
def test_an_object_on_a_dark_background_is_no_glitch(background):
    cube = np.full((BANDS, SIDE, SIDE), background)
    cube[:, 10:21, 10:21] = 5000 + 100 * np.arange(121).reshape(11, 11)  # 3 %
    assert not found(cube).mask(cube).any()


def test_a_tiny_object_on_a_black_background_is_no_glitch():
    cube = np.zeros((BANDS, SIDE, SIDE), np.uint16)
    cube[:, 10:14, 10:14] = 5000
    assert not found(cube).mask(cube).any()


def test_a_small_fire_keeps_its_value():
    cube = scene(bright=1000.0)
    y, x = np.mgrid[:SIDE, :SIDE]
    fire = 1e5 * np.exp(-((y - 20.3) ** 2 + (x - 31.6) ** 2) / 2)
    cube = np.minimum(cube + fire, 60000).astype(np.uint16)
    assert (cube > 30000).any()
    assert not found(cube).mask(cube).any()


@pytest.mark.parametrize("level", [0, 5, 1e6, -9999, 65535])
def test_a_flat_cube_has_no_bad_values(level):
    cube = np.full((BANDS, SIDE, SIDE), level, np.float32)
    bad = found(cube)
    assert not bad.mask(cube).any()
    assert bad.fill_values == ()


def test_texture_on_a_high_level_is_no_glitch():
    cube = 1e6 + np.random.default_rng(0).normal(size=(BANDS, SIDE, SIDE))
    assert not found(cube).mask(cube).any()


def test_values_that_are_known_to_be_invalid_are_not_marked():
    cube = scene()
    cube[:, :, :20] = np.nan
    cube[2, 40, 40], cube[2, 40, 41] = np.inf, -np.inf
    bad = found(cube)
    assert bad.fill_values == ()
    cube[0, 0, 63] = 1e30
    bad = found(cube)
    assert np.argwhere(bad.mask(cube)).tolist() == [[0, 0, 63]]


def test_a_cube_without_any_valid_value_has_no_bad_values():
    cube = np.full((BANDS, 4, 4), np.nan)
    assert not found(cube).mask(cube).any()
    assert not found(cube).mask(np.ones((BANDS, 4, 4))).any()


# Glitches.


@pytest.mark.parametrize("value", [1e6, -1e6, 3e38, -3e38])
def test_one_value_far_outside_is_a_glitch(value):
    cube = scene().astype(np.float32)
    cube[3, 10, 12] = value
    bad = found(cube)
    assert np.argwhere(bad.mask(cube)).tolist() == [[3, 10, 12]]
    assert bad.count(cube) == BadCount(1, 0, SIDE * SIDE)
    assert bad.sentences(bad.count(cube)) == ("1 outlier was left out.",)


@given(
    seed=st.integers(0, 99),
    count=st.integers(1, 80),
    times=st.floats(35, 1e6),
    unit=st.sampled_from([1e-6, 1.0, 7.3, 1e9]),
    offset=st.sampled_from([0.0, 500.0]),
)
@settings(max_examples=60, deadline=None)
def test_glitches_are_at_most_one_percent_of_a_band(seed, count, times, unit, offset):
    random = np.random.default_rng(seed)
    cube = scene(seed) + offset
    farthest = np.abs(cube[1] - np.median(cube[1])).max()
    places = random.choice(SIDE * SIDE, count, replace=False)
    sides = random.choice([-1, 1], count)
    cube[1].flat[places] = np.median(cube[1]) + sides * farthest * times
    cube *= unit
    planted = np.zeros(cube.shape, bool)
    planted[1].flat[places] = count <= SIDE * SIDE // 100
    assert (found(cube).mask(cube) == planted).all()


def test_thirty_times_is_the_gap():
    cube = np.tile(np.arange(-500.0, 501), (1, 1, 1))
    for value, expected in ((29 * 500, False), (31 * 500, True)):
        cube[0, 0, -1] = value
        assert found(cube, np.float64).mask(cube)[0, 0, -1] == expected


def test_a_glitch_in_a_flat_band_is_found_by_its_level():
    cube = np.full((BANDS, SIDE, SIDE), 5, np.float32)
    cube[3, 10, 12] = 1e6
    assert np.argwhere(found(cube).mask(cube)).tolist() == [[3, 10, 12]]


def test_rounding_is_no_spread_that_a_texture_could_lie_outside_of():
    cube = np.full((1, 100, 100), 1e6, np.float32)
    cube[0, ::2] = np.nextafter(np.float32(1e6), np.float32(2e6))
    cube[0, 5, 5] += 100
    assert not found(cube).mask(cube).any()


def test_a_glitch_that_the_sample_missed_is_found():
    cube = scene().astype(np.float32)
    bad = found(cube[:, :32])
    cube[3, 50, 12] = 1e8
    assert np.argwhere(bad.mask(cube)).tolist() == [[3, 50, 12]]
    cube[3, 10, 12] = 1e8
    cube[3, 51, 12] = 3e7
    bad = found(cube[:, :32])
    assert bad.mask(cube)[3].sum() == 3


def test_a_bright_thing_that_the_sample_missed_is_no_glitch():
    sea = 5 + np.random.default_rng(0).normal(size=(BANDS, SIDE, SIDE))
    bad = found(sea[:, :32])
    sea[:, 50:53, 10:14] = 800
    assert not bad.mask(sea).any()


# Fill values.


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("width", [1, 10, 50])
def test_a_strip_of_a_customary_value_is_no_data(dtype, width):
    cube = scene().astype(dtype)
    cube[:, :, :width] = -9999
    bad = found(cube)
    assert bad.no_data_values == (-9999,)
    marked = bad.mask(cube)
    assert marked[:, :, :width].all()
    assert not marked[:, :, width:].any()
    share = f"{100 * width / SIDE:.0f}"
    assert bad.sentences(bad.count(cube)) == (
        f"No-data value -9999 assumed in {share} % of the pixels.",
    )


@pytest.mark.parametrize(
    "value",
    [-3.4028234663852886e38, 3.4e38, -3.40282e38, 1e20, 9.96921e36, -1.7976931348623157e308],
)
@pytest.mark.parametrize("width", [10, 40])
def test_large_fill_values_are_known_in_every_spelling(value, width):
    cube = scene()
    cube[:, :, :width] = value
    as_single = np.clip(cube, -3.4028234663852886e38, 3.4028234663852886e38).astype(np.float32)
    for spelt in (cube, as_single, as_single.astype(np.float64)):
        bad = found(spelt)
        assert len(bad.no_data_values) == 1
        assert bad.mask(spelt)[:, :, :width].all()
        assert not bad.mask(spelt)[:, :, width:].any()


def test_two_fill_values_are_both_found():
    cube = scene().astype(np.int16)
    cube[:, :, :10] = -32768
    cube[:, :5] = -9999
    bad = found(cube)
    assert sorted(bad.no_data_values) == [-32768, -9999]
    assert bad.mask(cube).sum() == (cube < 0).sum()


def test_a_glitch_beyond_a_fill_value_does_not_hide_it():
    cube = scene(bands=1)
    cube[:, :, :10] = -9999
    cube[0, 30, 30] = -1e8
    bad = found(cube)
    assert bad.no_data_values == (-9999,)
    assert bad.count(cube) == BadCount(1, 10 * SIDE, SIDE * SIDE)


def test_a_fill_value_may_be_absent_in_a_tenth_of_the_bands():
    cube = scene(bands=20)
    cube[:18, :, :10] = -9999
    assert found(cube).no_data_values == (-9999,)
    cube[:17], cube[17:] = cube[:17], scene(bands=3)
    assert found(cube).no_data_values == ()


def test_a_constant_band_has_no_say_in_what_fills_a_pixel():
    cube = scene()
    cube[:, :, :10] = -9999
    cube[3] = 0
    assert found(cube).no_data_values == (-9999,)


def test_a_few_pixels_of_a_customary_value_are_not_called_no_data():
    cube = scene()
    cube[:, 0, :4] = -999  # 0.098 %
    assert found(cube).no_data_values == ()
    cube[:, 0, :5] = -999
    assert found(cube).no_data_values == (-999,)


def test_a_customary_value_amid_the_data_is_none():
    cube = scene().astype(np.int16) - 12000
    cube[:, :, :10] = -9999
    assert found(cube).fill_values == ()


def test_a_value_far_outside_that_is_not_customary_is_only_suspected():
    cube = scene()
    cube[:, :, :10] = -777777
    bad = found(cube)
    assert kinds(bad) == {-777777: "suspected"}
    assert not bad.mask(cube).any()
    (sentence,) = bad.sentences()
    assert sentence.startswith("16 % of the pixels hold -777777, far from all other values;")


def test_a_value_near_the_data_that_is_not_customary_is_none():
    cube = scene()
    cube[:, :, :10] = -7777
    assert found(cube).fill_values == ()


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_zero_is_told_and_not_left_out(dtype):
    cube = scene().astype(dtype) + 200
    cube[:, :, :10] = 0
    bad = found(cube)
    assert kinds(bad) == {0: "told"}
    assert not bad.mask(cube).any()
    assert bad.sentences() == ("16 % of the pixels are 0.",)


@pytest.mark.parametrize("highest", [4095, 65535])
def test_saturation_is_told_and_not_left_out(highest):
    cube = np.minimum(scene(bright=2.0 * highest), highest).astype(np.uint16)
    bad = found(cube)
    assert kinds(bad) == {highest: "told"}
    assert not bad.mask(cube).any()
    assert bad.sentences()[0].endswith(f"of the pixels are saturated at {highest}.")


def test_65535_far_above_the_data_is_no_data():
    cube = scene().astype(np.uint16)
    cube[:, :, :10] = 65535
    assert found(cube).no_data_values == (65535,)


# What both have in common.


def test_the_way_a_cube_is_cut_into_blocks_does_not_matter():
    cube = scene().astype(np.float32)
    cube[:, :, :10] = -9999
    cube[3, 10, 20] = 1e6
    whole, parts = found(cube), found(cube, rows=7)
    np.testing.assert_array_equal(whole.lower, parts.lower)
    np.testing.assert_array_equal(whole.upper, parts.upper)
    assert whole.fill_values == parts.fill_values
    counts = [whole.count(cube[:, start : start + 7]) for start in range(0, SIDE, 7)]
    assert sum(counts, BadCount()) == whole.count(cube)


def test_the_order_of_the_bands_does_not_matter():
    cube = scene()
    cube[:, :, :10] = -9999
    cube[3, 10, 20] = 1e6
    order = np.array([4, 2, 0, 3, 5, 1])
    np.testing.assert_array_equal(
        found(cube[order]).mask(cube[order]), found(cube).mask(cube)[order]
    )


def test_a_block_may_be_reused_after_it_was_added():
    search, cube = BadValueSearch(), scene().astype(np.float32)
    cube[:, :, :10] = -9999
    search.add(cube)
    cube[:] = 0
    assert search.result().no_data_values == (-9999,)


def test_whole_numbers_given_in_float64_are_judged_as_such():
    cube = np.tile([10.0, 11.0], (1, 50, 25))
    cube[0, 0, 0] = 60
    assert found(cube).mask(cube).any()
    assert not found(cube, np.uint8).mask(cube).any()


def test_a_search_keeps_no_more_than_its_limit(monkeypatch):
    monkeypatch.setattr(bad_value_search, "MOST_VALUES", 5000)
    search, cube = BadValueSearch(), scene()
    cube[:, :, :10] = -9999
    for start in range(0, SIDE, 8):
        search.add(cube[:, start : start + 8])
        assert sum(block.size for block in search._blocks) <= 5000
    bad = search.result()
    assert bad.no_data_values == (-9999,)
    assert bad.mask(cube).sum() == BANDS * SIDE * 10


def test_what_was_found_can_be_written_down():
    cube = scene().astype(np.float32)
    cube[:, :, :10] = -9999
    cube[3, 10, 20] = 1e6
    cube[1] = 0
    bad = found(cube)
    again = BadValues.described(json.loads(json.dumps(bad.description(), allow_nan=False)))
    np.testing.assert_array_equal(again.lower, bad.lower)
    np.testing.assert_array_equal(again.mask(cube), bad.mask(cube))
    assert again.fill_values == bad.fill_values


def test_a_search_without_blocks_finds_nothing():
    assert BadValueSearch().result().fill_values == ()


@pytest.mark.parametrize("name", ["feathers", "hairs", "superballs", "watercolors"])
def test_no_real_scene_has_a_bad_value_that_its_header_does_not_state(shared_data, name):
    tifffile = pytest.importorskip("tifffile")
    codes = tifffile.imread(shared_data / "cave_train" / f"{name}.tif").astype(np.float32)
    cube = np.round((codes / 8) ** 2).clip(0, 65535).astype(np.uint16)
    bad = found(cube)
    assert not bad.mask(cube).any()
    assert set(kinds(bad).values()) <= {"told"}


@pytest.mark.parametrize(
    "name",
    [
        "envi_bil_aviris_ng/ang20170323t202244_rdn_7000-7010.hdr",
        "envi_bil_no_byte_order/corn-kernel-hyperspectral.hdr",
        "geotiff_enmap/enmap_potsdam_tile_128_96.tif",
        "mat_unmixing/jasperRidge2_R198.mat",
        "mat_v5/a_hsi_img_for_VI_demo.mat",
        "mat_v5/abu-airport-4.mat",
        "mat_v73/abu-airport-2_glrt.mat",
        "pair_paris_pan/paris_data_hs_pan.mat",
    ],
)
def test_no_real_file_has_a_bad_value_that_its_header_does_not_state(shared_data, name):
    cube = read(shared_data / "formats" / name)
    pixels = cube.pixels()
    bad = found(pixels, cube.data.dtype)
    assert not bad.mask(pixels).any()
    assert bad.fill_values == ()
