"""Large files whose bands lie scattered: shown in colours first, band by band a little later."""

import numpy as np
import pytest
from napari.layers import Layer

from napari_dodn import read, write
from napari_dodn.jobs import CancelledError, result_of
from napari_dodn.plugin.training.saving import is_as_in_file
from napari_dodn.plugin.viewer import by_band
from napari_dodn.plugin.viewer.by_band import by_band_steps, scattered
from napari_dodn.plugin.viewer.contrast import contrast_limits
from napari_dodn.plugin.viewer.drafts import finish_drafts
from napari_dodn.plugin.viewer.layers import cube_from_layer, layer_data_from_cube


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Take every file for a large one, and leave alone the caches of whoever runs the tests."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: folder)
    monkeypatch.setattr(by_band, "LARGE", 1)
    return folder


@pytest.fixture(params=["bip", "bil"])
def stored(request, cube, tmp_path):
    """Return a cube as a file without any band in one piece."""
    return read(write(cube, tmp_path / f"field.{request.param}"))


def opened(viewer, cube):
    finish_drafts(viewer)
    data = layer_data_from_cube(cube, draft=True)
    return [viewer.add_layer(Layer.create(*layer)) for layer in data]


def never():
    return False


def test_a_file_of_whole_bands_is_not_scattered(cube, tmp_path):
    assert not scattered(read(write(cube, tmp_path / "field.bsq")).data)


def test_a_small_file_is_left_as_it_is(stored, monkeypatch):
    assert scattered(stored.data)
    monkeypatch.setattr(by_band, "LARGE", stored.data.nbytes + 1)
    assert not scattered(stored.data)


def test_a_copy_has_the_same_pixels_with_each_band_in_one_piece(stored, monkeypatch):
    monkeypatch.setattr(by_band, "BLOCK_BYTES", 2000)
    copy = result_of(by_band_steps(stored.data, never))
    assert copy[2].flags.c_contiguous
    assert copy.dtype == stored.data.dtype
    np.testing.assert_array_equal(copy, stored.data)


def test_a_copy_leaves_no_file_that_has_a_name(stored, cache):
    copy = result_of(by_band_steps(stored.data, never))
    assert not list(cache.iterdir())
    assert copy[0, 0, 0] == stored.data[0, 0, 0]


def test_a_copy_that_is_cancelled_ends_without_a_result(stored):
    with pytest.raises(CancelledError):
        result_of(by_band_steps(stored.data, lambda: True))


def test_where_the_disk_has_no_room_nothing_is_copied(stored, monkeypatch):
    monkeypatch.setattr(by_band, "ROOM_LEFT", 2**62)
    assert result_of(by_band_steps(stored.data, never)) is None


def test_the_bands_appear_when_they_are_copied(make_napari_viewer, stored, qtbot):
    viewer = make_napari_viewer()
    layer, picture = opened(viewer, stored)
    assert not layer.visible
    qtbot.waitUntil(lambda: layer.visible)
    assert picture.visible
    assert not scattered(layer.data)
    np.testing.assert_array_equal(layer.data, stored.data)
    assert tuple(layer.contrast_limits) == contrast_limits(stored)


def test_the_bands_appear_as_they_are_where_there_is_no_room(
    make_napari_viewer, stored, monkeypatch, qtbot
):
    monkeypatch.setattr(by_band, "ROOM_LEFT", 2**62)
    layer, _ = opened(make_napari_viewer(), stored)
    qtbot.waitUntil(lambda: layer.visible)
    assert layer.data is stored.data


def test_pixels_that_were_replaced_meanwhile_stay(make_napari_viewer, stored, qtbot):
    layer, _ = opened(make_napari_viewer(), stored)
    layer.data = pixels = np.zeros(stored.shape, np.float32)
    layer.visible = True
    qtbot.wait(300)
    assert layer.data is pixels


def test_a_copied_cube_is_still_that_of_its_file(make_napari_viewer, stored, qtbot):
    layer, _ = opened(make_napari_viewer(), stored)
    qtbot.waitUntil(lambda: layer.visible)
    assert is_as_in_file(cube_from_layer(layer))
