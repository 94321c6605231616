"""Layers of somebody else's: the question for the spectral axis, and what becomes of them."""

import dask.array as da
import numpy as np
import pytest

from napari_dodn import write
from napari_dodn.cube import CubeError
from napari_dodn.plugin.colour.panel import ColourRendering
from napari_dodn.plugin.compare.panel import CompareAndMap
from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.upscale.panel import SuperResolution
from napari_dodn.plugin.viewer.axis_question import AxisQuestion
from napari_dodn.plugin.viewer.layers import cube_from_layer, is_cube
from napari_dodn.plugin.viewer.watch import LayerWatch

PIXELS = np.arange(5 * 8 * 8, dtype=np.float32).reshape(5, 8, 8)
TIMES = 3


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def question(viewer, qtbot):
    watch = LayerWatch(viewer)
    question = AxisQuestion(viewer, watch)
    question.watch = watch
    qtbot.addWidget(question)
    yield question
    watch.close()
    question.close_down()


def test_without_a_cube_the_panels_offer_to_open_one(question, viewer, cube):
    assert not question.isHidden()
    assert question.axis.isHidden()
    assert question.text.text().startswith("No cube is open yet")
    question.sample_button.click()
    assert "village" in viewer.layers
    assert question.isHidden()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_is_proposed_with_a_reason_and_becomes_that_of_the_bands(viewer, question, axis):
    layer = viewer.add_image(np.moveaxis(PIXELS, 0, axis), name="field")
    assert "'field'" in question.text.text()
    if axis != 1:  # of which nothing tells
        assert question.axis.currentData() == axis
        assert "the other two axes have the same length" in question.text.text()
    question.axis.setCurrentIndex(axis)
    question.button.click()
    cube = cube_from_layer(viewer.layers.selection.active)
    np.testing.assert_array_equal(cube.data, PIXELS)
    assert question.isHidden()
    assert layer in viewer.layers


def test_a_file_that_napari_has_taken_is_read_as_a_cube_by_one_click(
    viewer, question, cube, tmp_path
):
    path = write(cube, tmp_path / "field.tif")
    viewer.open(path, plugin="napari")
    assert not any(is_cube(layer) for layer in viewer.layers)
    assert not question.read_button.isHidden()
    question.read_button.click()
    (layer,) = [layer for layer in viewer.layers if is_cube(layer)]
    assert list(cube_from_layer(layer).wavelengths) == list(cube.wavelengths)
    assert cube_from_layer(layer).nodata == cube.nodata
    assert len(viewer.layers) == 2
    assert question.isHidden()


def test_the_question_follows_the_layer_and_keeps_the_axis_that_was_chosen(viewer, question):
    layer = viewer.add_image(PIXELS, name="field")
    question.axis.setCurrentIndex(1)
    layer.name = "meadow"
    assert "'meadow'" in question.text.text()
    assert question.axis.currentData() == 1
    layer.data = PIXELS[:, :6]
    assert question.axis.currentText() == "axis 2: length 6"


def test_a_layer_without_a_file_has_none_to_be_read(viewer, question):
    viewer.add_image(PIXELS)
    assert question.read_button.isHidden()


def test_the_name_of_an_axis_decides(viewer, question):
    viewer.add_image(np.ones((8, 8, 5)), axis_labels=("y", "wavelength", "x"))
    assert question.axis.currentData() in (1, 2)
    viewer.add_image(np.ones((2, 8, 8, 5)), axis_labels=("t", "y", "x", "wavelength"))
    assert question.axis.currentData() == 3
    assert "wavelength" in question.text.text()


def test_pixel_size_and_wavelengths_of_the_layer_are_kept(viewer, question):
    viewer.add_image(
        PIXELS,
        scale=(1, 3, 2),
        units=("pixel", "um", "um"),
        metadata={"Wavelengths": [0.4, 0.5, 0.6, 0.7, 0.8]},
    )
    question.button.click()
    cube = cube_from_layer(viewer.layers[0])
    assert cube.pixel_size == (3, 2)
    np.testing.assert_allclose(cube.wavelengths, [400, 500, 600, 700, 800])


def test_what_is_called_wavenumbers_is_not_taken_for_nanometres(viewer, question):
    viewer.add_image(PIXELS, metadata={"wavenumbers": [10000, 8000, 6250, 5000, 4000]})
    question.button.click()
    cube = cube_from_layer(viewer.layers[0])
    np.testing.assert_allclose(cube.wavelengths, [1000, 1250, 1600, 2000, 2500])


@pytest.mark.parametrize("lazy", [False, True])
def test_of_more_axes_what_is_on_the_screen_is_taken(viewer, question, lazy):
    times = np.stack([PIXELS + 1000 * time for time in range(TIMES)])
    layer = viewer.add_image(
        da.from_array(times) if lazy else times, scale=(1, 1, 2, 2), translate=(0, 0, 7, 9)
    )
    viewer.dims.set_current_step(0, 1)
    assert question.axis.currentData() == 1
    question.button.click()
    made = viewer.layers[1]
    np.testing.assert_array_equal(cube_from_layer(made).data, times[1])
    assert not layer.visible
    np.testing.assert_allclose(made.data_to_world((0, 3, 4)), layer.data_to_world((1, 0, 3, 4))[1:])
    assert not is_cube(layer)


def test_a_turned_layer_of_more_axes_gives_a_cube_that_lies_on_it(viewer, question):
    layer = viewer.add_image(np.stack([PIXELS] * 2), rotate=np.eye(4), scale=(1, 1, 2, 2))
    layer.affine = np.array(
        [
            [1, 0, 0, 0, 0],
            [0, 1, 0, 0, 0],
            [0, 0, 0.8, -0.6, 5],
            [0, 0, 0.6, 0.8, 6],
            [0, 0, 0, 0, 1],
        ]
    )
    question.button.click()
    made = viewer.layers[1]
    np.testing.assert_allclose(
        made.data_to_world((0, 3, 4))[1:], layer.data_to_world((0, 0, 3, 4))[2:], rtol=1e-5
    )


def test_levels_of_resolution_become_a_cube_of_the_finest(viewer, question):
    viewer.add_image([PIXELS, PIXELS[:, ::2, ::2]], multiscale=True)
    question.button.click()
    np.testing.assert_array_equal(cube_from_layer(viewer.layers[1]).data, PIXELS)


def test_a_layer_of_which_a_cube_is_there_is_not_asked_for_again(viewer, question):
    layer = viewer.add_image(np.stack([PIXELS] * 2))
    question.axis.setCurrentIndex(0)
    question.button.click()
    viewer.layers.selection.active = layer
    assert question.isHidden()
    viewer.layers.remove(viewer.layers[1])
    viewer.layers.selection.active = layer
    assert not question.isHidden()
    assert question.axis.currentData() == 0
    assert "chosen before" in question.text.text()


def test_pixels_that_can_be_no_cube_are_refused_in_a_sentence(viewer, question, monkeypatch):
    def refuse(*_):
        raise CubeError("A cube holds real numbers.")

    monkeypatch.setattr("napari_dodn.plugin.viewer.axis_question.adopt", refuse)
    viewer.add_image(PIXELS)
    question.button.click()
    assert question.text.text() == "A cube holds real numbers."


@pytest.mark.parametrize("panel", [SpectralProfiles, ColourRendering, CompareAndMap])
def test_every_panel_asks_and_goes_on_with_the_answer(viewer, panel, small_models, qtbot):
    viewer.add_image(PIXELS, name="field")
    docks = [panel(viewer), SuperResolution(viewer)]
    for dock in docks:
        viewer.window.add_dock_widget(dock)
        assert not dock.question.isHidden()
    docks[0].question.button.click()
    assert all(dock.question.isHidden() for dock in docks)
    assert docks[1].cube.value is viewer.layers[0]
    if panel is SpectralProfiles:
        assert docks[0].pins.pin((0, 2, 3))
    else:
        assert docks[0].cube.value is viewer.layers[0]
    if panel is ColourRendering:  # which makes its picture
        qtbot.waitUntil(lambda: len(viewer.layers) == 2)
