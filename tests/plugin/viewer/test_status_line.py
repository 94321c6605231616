"""What the status bar says of the pixel under the mouse."""

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtWidgets import QLabel

from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.status_line import describe_pixels, pixel_line


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    describe_pixels(viewer)
    return viewer


def shown(viewer, cube, band=0):
    """Show a cube and its picture, with a band in view and the mouse over row 2, column 3."""
    layer, _ = [viewer.add_layer(Layer.create(*data)) for data in layer_data_from_cube(cube)]
    viewer.layers.selection.active = layer
    viewer.dims.set_current_step(0, band)
    viewer.mouse_over_canvas = True
    viewer.cursor.position = (band, *(np.array([2, 3]) * layer.scale[1:]))
    return layer


def said(viewer):
    viewer.update_status_from_cursor()
    return viewer.status["coordinates"]


def test_value_wavelength_place_and_map_coordinates_are_said(viewer, cube):
    shown(viewer, cube)
    assert said(viewer) == (
        "value 135 · 450 nm · row 2, column 3 · 500105 E, 3999925 N (UTM 33 North)"
    )


def test_the_line_follows_the_band(viewer, cube):
    shown(viewer, cube, band=2)
    assert "value 519 · 550 nm" in said(viewer)


def test_gain_and_offset_make_the_quantity_of_a_stored_value(viewer, cube):
    scaled = cube.derive(
        gain=[0.01] * 5, offset=[1.0] * 5, quantity="radiance", metadata={"data units": "W m-2"}
    )
    shown(viewer, scaled)
    assert said(viewer).startswith("radiance 2.35 (stored: 135) W m-2 · ")


def test_values_that_are_scaled_already_are_said_as_they_are(viewer, cube):
    shown(viewer, cube.derive(gain=[0.01] * 5, scaled=True, quantity="reflectance"))
    assert said(viewer).startswith("reflectance 135 · ")


def test_no_data_is_called_so(viewer, cube):
    data = np.array(cube.data)
    data[0, 2, 3] = -9999
    shown(viewer, cube.derive(data))
    assert said(viewer).startswith("no data · 450 nm")


@pytest.mark.parametrize(
    ("stored", "stated"), [(np.float32(-3.4028235e38), -3.40282e38), (np.float32(-0.1), -0.1)]
)
def test_no_data_is_called_so_however_it_is_spelt(viewer, cube, stored, stated):
    data = np.array(cube.data)
    data[0, 2, 3] = stored
    shown(viewer, cube.derive(data, nodata=stated))
    assert said(viewer).startswith("no data · 450 nm")


def test_the_picture_of_a_cube_tells_of_the_cube(viewer, cube):
    shown(viewer, cube)
    viewer.layers.selection.active = viewer.layers["field · colours"]
    assert said(viewer).startswith("value 135 · 450 nm")
    assert viewer.status["layer_base"] == "field"


def test_without_wavelengths_or_map_the_band_and_the_place_are_said(viewer, cube):
    shown(viewer, cube.derive(wavelengths=None, fwhm=None, map_info=()))
    assert said(viewer) == "value 135 · band 1 · row 2, column 3"


@pytest.mark.parametrize(
    ("east", "north", "told"),
    [("10", "50", "49.9975° N, 10.0035° E"), ("-70", "-33", "33.0025° S, 69.9965° W")],
)
def test_degrees_are_said_as_such(viewer, cube, east, north, told):
    info = ("Geographic Lat/Lon", "1", "1", east, north, "0.001", "0.001", "WGS-84")
    shown(viewer, cube.derive(map_info=info))
    assert said(viewer).endswith(f" · {told}")


def test_a_hidden_cube_has_no_value_to_say(viewer, cube):
    layer = shown(viewer, cube)
    layer.visible = False
    assert said(viewer).startswith("450 nm · row 2")


def test_outside_of_the_cube_napari_says_what_it_says(viewer, cube):
    layer = shown(viewer, cube)
    viewer.cursor.position = (0, -1e4, 0)
    assert pixel_line(viewer, layer) == ""
    assert "row" not in said(viewer)


def test_layers_of_others_are_left_to_napari(viewer, cube):
    shown(viewer, cube)
    viewer.add_image(np.zeros((20, 20)))
    assert "row" not in str(viewer.status)


def test_a_viewer_that_is_described_can_go():
    viewer = ViewerModel()
    describe_pixels(viewer)
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None


def test_the_window_shows_the_line(make_napari_viewer, cube):
    viewer = make_napari_viewer()
    describe_pixels(viewer)
    shown(viewer, cube)
    viewer.update_status_from_cursor()
    bar = viewer.window._qt_window.statusBar()
    assert bar.findChild(QLabel, "coordinates status").text().startswith("value 135 · 450 nm")
