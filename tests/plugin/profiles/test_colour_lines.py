"""The lines R, G and B in the plot, and the picture that they choose."""

import numpy as np
import pytest
from napari.layers import Layer

from napari_dodn import HyperCube
from napari_dodn.plugin.colour.panel import ColourRendering
from napari_dodn.plugin.viewer.layers import layer_data_from_cube, picture_of, rendering_of
from napari_dodn.spectra.colour import Mode, Rendering, render

INFRARED = np.arange(800.0, 2401.0, 100.0)
BAD = 4


@pytest.fixture
def infrared():
    """Return a cube whose picture is a composite, with a bad band at 1200 nm."""
    good = np.ones(INFRARED.size, bool)
    good[BAD] = False
    pixels = np.random.default_rng(0).random((INFRARED.size, 8, 9))
    return HyperCube(pixels, INFRARED, name="infrared", good_bands=good)


@pytest.fixture
def added(viewer):
    """Return a function that adds a cube with its picture."""
    return lambda cube: [viewer.add_layer(Layer.create(*x)) for x in layer_data_from_cube(cube)]


def places(dock):
    return [line.value() for line in dock.plot.colours.lines if line.isVisible()]


def drag(dock, channel, x):
    """Drag a line, as pyqtgraph does it."""
    line = dock.plot.colours.lines[channel]
    line.moving = True
    line.setPos(x)
    line.sigDragged.emit(line)


def release(dock, channel):
    line = dock.plot.colours.lines[channel]
    line.moving = False
    line.sigPositionChangeFinished.emit(line)


def painted(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.composite._painter.busy, timeout=20_000)


def test_a_composite_has_a_line_for_each_colour(dock, added):
    added(HyperCube(np.ones((17, 4, 4)), INFRARED))
    assert places(dock) == [INFRARED[band] for band in (14, 8, 2)]
    assert dock.colour_lines.isChecked()


def test_a_true_colour_picture_has_none_until_they_are_switched_on(dock, added):
    added(HyperCube(np.ones((31, 4, 4)), np.arange(400.0, 701.0, 10.0)))
    assert places(dock) == []
    dock.colour_lines.setChecked(True)
    assert places(dock) == [650, 550, 450]


def test_the_lines_can_be_switched_off(dock, added, infrared):
    added(infrared)
    dock.colour_lines.setChecked(False)
    assert places(dock) == []


def test_dragging_a_line_paints_the_picture_with_the_band_that_it_snaps_to(
    dock, added, infrared, viewer, qtbot
):
    layer, picture = added(infrared)
    _, green, blue = places(dock)
    drag(dock, 0, 2030)
    painted(dock, qtbot)
    wanted = Rendering(Mode.THREE_BANDS, channels=(2000, green, blue))
    np.testing.assert_array_equal(picture.data, render(infrared, rendering=wanted))
    assert rendering_of(picture_of(layer, viewer.layers))["channels"] == (2000, green, blue)
    assert dock.plot.colours.lines[0].value() == 2030  # it stays under the mouse
    release(dock, 0)
    assert places(dock) == [2000, green, blue]


def test_a_line_is_never_at_a_bad_band(dock, added, infrared, qtbot):
    added(infrared)
    drag(dock, 1, INFRARED[BAD] + 10)
    painted(dock, qtbot)
    release(dock, 1)
    assert places(dock)[1] == INFRARED[BAD + 1]


def test_the_picture_follows_while_a_line_is_dragged(dock, added, infrared, qtbot):
    _, picture = added(infrared)
    seen, steps = [], iter(np.tile(INFRARED, 100))
    picture.events.data.connect(lambda: seen.append(1))

    def further():
        drag(dock, 0, next(steps))
        return len(seen) > 3

    qtbot.waitUntil(further, timeout=20_000)


def test_the_lines_follow_the_colour_panel_and_the_other_way_round(
    dock, added, infrared, viewer, qtbot
):
    added(infrared)
    panel = ColourRendering(viewer)
    viewer.window.add_dock_widget(panel)
    panel.mode.value = Mode.THREE_BANDS
    panel.channels[2].value = 1500
    qtbot.waitUntil(lambda: not panel._painter.busy)
    assert places(dock)[2] == 1500
    drag(dock, 2, 1700)
    painted(dock, qtbot)
    release(dock, 2)
    assert panel.channels[2].value == 1700
    panel.mode.value = Mode.ONE_BAND
    qtbot.waitUntil(lambda: not panel._painter.busy)
    assert places(dock) == []


def test_the_lines_are_those_of_the_selected_cube(dock, added, infrared, viewer):
    first, _ = added(infrared)
    second, _ = added(infrared.derive(infrared.data[:8], wavelengths=INFRARED[:8], good_bands=None))
    viewer.layers.selection.active = first
    assert max(places(dock)) > 2000
    viewer.layers.selection.active = second
    assert max(places(dock)) <= 1500


@pytest.mark.parametrize("unit", ["µm", "cm-1", "band"])
def test_the_lines_follow_the_unit_of_the_axis(dock, added, infrared, unit):
    added(infrared)
    before = places(dock)
    dock.unit.setCurrentText(unit.replace("cm-1", "cm⁻¹"))
    bands = [list(INFRARED).index(x) for x in before]
    wanted = {
        "µm": [x / 1e3 for x in before],
        "cm-1": [1e7 / x for x in before],
        "band": [band + 1 for band in bands],
    }
    np.testing.assert_allclose(places(dock), wanted[unit])


def test_a_cube_without_wavelengths_has_lines_over_its_bands(dock, added, infrared, qtbot):
    _, picture = added(infrared.derive(wavelengths=None))
    dock.pins.pin((0, 2, 2))
    before = places(dock)
    drag(dock, 0, 16.2)
    painted(dock, qtbot)
    assert rendering_of(picture)["channels"] == (15, *[x - 1 for x in before[1:]])


def test_deleting_the_cube_while_a_line_is_dragged_raises_nothing(
    dock, added, infrared, viewer, qtbot
):
    added(infrared)
    drag(dock, 0, 1000)
    viewer.layers.clear()
    drag(dock, 0, 1100)
    painted(dock, qtbot)
    assert not viewer.layers
    assert places(dock) == []


def test_a_hidden_picture_is_shown_when_a_line_is_dragged(dock, added, infrared, qtbot):
    _, picture = added(infrared)
    picture.visible = False
    drag(dock, 0, 1000)
    painted(dock, qtbot)
    assert picture.visible
