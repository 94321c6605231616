"""Which band is on the screen, and when the colours step aside."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_dodn import HyperCube
from napari_dodn.plugin.viewer.bands import follow_bands
from napari_dodn.plugin.viewer.contrast import contrast_limits
from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.spectra.shown_bands import first_band


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    follow_bands(viewer)
    return viewer


def add(viewer, cube):
    return [viewer.add_layer(Layer.create(*layer)) for layer in layer_data_from_cube(cube)]


def press_key(viewer):
    next(action for key, action in viewer.keymap.items() if str(key) == "Shift+C")(viewer)


def wide(**facts):
    """Return a radiance-like cube from 400 to 2400 nm, nearly black where water absorbs."""
    wavelengths = np.linspace(400, 2400, 101)
    level = np.where((wavelengths > 1340) & (wavelengths < 1470), 0.01, 10 - wavelengths / 300)
    data = level[:, None, None] * np.linspace(0.5, 1, 30).reshape(5, 6)
    return HyperCube(data.astype(np.float32), wavelengths=wavelengths, name="wide", **facts)


def test_a_cube_begins_with_its_header_s_band():
    assert first_band(wide(default_bands=(30, 20, 10))) == 30


def test_a_bad_default_band_is_not_shown_first():
    good = np.ones(101, bool)
    good[30] = False
    cube = wide(default_bands=(30, 20, 10), good_bands=good)
    assert first_band(cube) == 20


def test_without_a_default_the_green_band_is_first():
    cube = wide()
    assert cube.wavelengths[first_band(cube)] == pytest.approx(550, abs=11)


def test_a_short_wave_cube_begins_with_no_band_that_water_absorbs():
    wavelengths = np.linspace(1300, 1500, 21)
    cube = HyperCube(np.ones((21, 2, 2), np.float32), wavelengths=wavelengths)
    assert not 1340 <= wavelengths[first_band(cube)] <= 1470


def test_without_wavelengths_the_middle_band_is_first():
    assert first_band(HyperCube(np.ones((7, 2, 2), np.float32))) == 3


def test_a_draft_has_the_contrast_of_the_band_that_is_shown_first():
    cube = wide()
    low, high = contrast_limits(cube, 1)
    band = np.asarray(cube.data[first_band(cube)])
    assert (low, high) == pytest.approx(np.percentile(band, [0.5, 99.5]))


def test_absorbed_bands_have_no_say_in_the_contrast():
    low, _ = contrast_limits(wide(), 101)
    assert low > 0.5


def test_the_viewer_goes_to_the_first_band_of_the_first_cube_only(viewer, cube):
    add(viewer, wide())
    assert viewer.dims.current_step[0] == first_band(wide())
    viewer.dims.set_current_step(0, 3)
    add(viewer, cube)
    assert viewer.dims.current_step[0] == 3


def test_moving_the_slider_puts_the_colours_aside_and_the_key_brings_them_back(viewer, cube):
    _, picture = add(viewer, cube)
    assert picture.visible
    viewer.dims.set_current_step(0, 3)
    assert not picture.visible
    press_key(viewer)
    assert picture.visible
    press_key(viewer)
    assert not picture.visible


def test_a_layer_that_comes_or_goes_leaves_the_colours_alone(viewer, cube):
    _, picture = add(viewer, cube)
    other, _ = add(viewer, wide())
    assert picture.visible
    viewer.layers.remove(other)
    assert picture.visible


def test_the_picture_of_a_hidden_cube_does_not_come_with_the_key(viewer, cube):
    layer, picture = add(viewer, cube)
    layer.visible = picture.visible = False
    viewer.dims.set_current_step(0, 3)
    press_key(viewer)
    assert not picture.visible
