"""The line on the canvas that says which wavelength is shown."""

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_dodn.plugin.viewer.layers import describe_layer, layer_data_from_cube, map_layer
from napari_dodn.plugin.viewer.wavelength_label import label_wavelengths


@pytest.fixture
def viewer(cube):
    """Return a viewer that shows a cube without its picture."""
    viewer = ViewerModel()
    label_wavelengths(viewer)
    viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[0]))
    viewer.dims.set_current_step(0, 0)
    return viewer


def text(viewer):
    overlay = viewer.canvas.overlays.text
    return overlay.text if overlay.visible else None


def test_the_line_says_wavelength_and_band(viewer):
    assert text(viewer) == "450 nm · band 1 of 5"


def test_the_line_follows_the_slider(viewer):
    viewer.dims.set_current_step(0, 3)
    assert text(viewer) == "600 nm · band 4 of 5"


def test_without_wavelengths_the_band_is_said_alone(viewer, cube):
    viewer.layers.clear()
    bare = cube.derive(wavelengths=None, fwhm=None)
    viewer.add_layer(Layer.create(*layer_data_from_cube(bare)[0]))
    viewer.dims.set_current_step(0, 1)
    assert text(viewer) == "band 2 of 5"


def test_a_thermal_wavelength_is_written_in_full(viewer, cube):
    viewer.layers.clear()
    thermal = cube.derive(wavelengths=[11034.48, 11500, 12000, 12500, 13000], fwhm=None)
    viewer.add_layer(Layer.create(*layer_data_from_cube(thermal)[0]))
    viewer.dims.set_current_step(0, 0)
    assert text(viewer) == "11034 nm · band 1 of 5"


def test_a_picture_that_covers_the_cube_is_mentioned(viewer, cube):
    picture = viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[1]))
    assert text(viewer) == "colours · Shift+C: 450 nm"
    picture.visible = False
    assert text(viewer) == "450 nm · band 1 of 5"
    picture.visible, picture.opacity = True, 0.5
    assert text(viewer) == "450 nm · band 1 of 5"


def test_a_map_that_covers_the_cube_is_named(viewer, cube):
    layer = viewer.layers["field"]
    data = map_layer(np.zeros(layer.data.shape[1:]), layer, {"name": "angle (°) to grass"})
    covering = viewer.add_layer(Layer.create(*data))
    viewer.layers.selection.active = layer
    assert text(viewer) == "angle (°) to grass"
    covering.visible = False
    assert text(viewer) == "450 nm · band 1 of 5"


def test_the_selected_cube_is_the_one_that_counts(viewer, cube):
    other = cube.derive(wavelengths=[1000, 1100, 1200, 1300, 1400], name="other")
    viewer.add_layer(Layer.create(*layer_data_from_cube(other)[0]))
    assert text(viewer) == "1000 nm · band 1 of 5"
    viewer.layers.selection.active = viewer.layers["field"]
    assert text(viewer) == "450 nm · band 1 of 5"


def test_a_cube_that_is_hidden_or_removed_takes_the_line_along(viewer):
    viewer.layers["field"].visible = False
    assert text(viewer) is None
    viewer.layers["field"].visible = True
    viewer.layers.clear()
    assert text(viewer) is None


def test_no_band_is_named_where_bands_are_an_axis_of_the_screen(viewer):
    viewer.dims.ndisplay = 3
    assert text(viewer) is None
    viewer.dims.ndisplay = 2
    assert text(viewer) == "450 nm · band 1 of 5"


def test_a_text_of_somebody_else_is_left_alone(cube):
    viewer = ViewerModel()
    overlay = viewer.canvas.overlays.text
    overlay.text, overlay.visible = "mine", True
    label_wavelengths(viewer)
    viewer.add_points([[0, 0]])
    assert text(viewer) == "mine"


def test_a_text_of_somebody_else_stays_over_a_cube_until_it_is_taken_away(viewer):
    overlay = viewer.canvas.overlays.text
    overlay.text = "mine"
    viewer.dims.set_current_step(0, 3)
    assert text(viewer) == "mine"
    overlay.text = ""
    viewer.dims.set_current_step(0, 1)
    assert text(viewer) == "500 nm · band 2 of 5"


def test_asking_twice_labels_once(viewer, cube):
    label_wavelengths(viewer)
    viewer.dims.set_current_step(0, 2)
    assert text(viewer) == "550 nm · band 3 of 5"


def test_a_cube_that_was_given_other_wavelengths_is_labelled_anew(viewer, cube):
    describe_layer(viewer.layers["field"], cube.derive(wavelengths=[1, 2, 3, 4, 5]))
    label_wavelengths(viewer)
    assert text(viewer) == "1 nm · band 1 of 5"


def test_a_viewer_with_a_label_can_go(cube):
    viewer = ViewerModel()
    label_wavelengths(viewer)
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None


def test_layers_are_not_connected_to_while_the_status_bar_connects_to_them(viewer):
    layer = viewer.layers[0]
    for emitter in (layer.events.visible, layer.events.opacity):
        owners = [callback[0]() for callback in emitter.callbacks if isinstance(callback, tuple)]
        assert not any(type(owner).__name__ == "WavelengthLabel" for owner in owners)
