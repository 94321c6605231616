"""The Colour rendering panel, driven as a person drives it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Layer
from napari.layers._layer_actions import _duplicate_layer

from napari_dodn import HyperCube
from napari_dodn.plugin.colour.panel import ColourRendering
from napari_dodn.plugin.viewer.layers import layer_data_from_cube, picture_of, rendering_of
from napari_dodn.plugin.viewer.pictures import show_picture
from napari_dodn.spectra.colour import Mode, Rendered, Rendering, Stretch, render

WAVELENGTHS = np.arange(400.0, 1001.0, 20.0)


@pytest.fixture
def vivid():
    """Return a cube of 31 bands from 400 to 1000 nm, one of them bad, with noise for pixels."""
    good = np.ones(31, bool)
    good[12] = False  # 640 nm
    data = np.random.default_rng(0).random((31, 8, 9))
    return HyperCube(data, WAVELENGTHS, name="vivid", good_bands=good, pixel_size=(2.0, 3.0))


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def added(viewer):
    """Return a function that adds a cube and its picture to the viewer."""
    return lambda cube: [
        viewer.add_layer(Layer.create(*data)) for data in layer_data_from_cube(cube)
    ]


@pytest.fixture
def panel(viewer, vivid, added):
    added(vivid)
    return docked(viewer)


def docked(viewer):
    panel = ColourRendering(viewer)
    viewer.window.add_dock_widget(panel)
    return panel


@pytest.fixture
def painted(qtbot):
    """Return a function that waits until a panel's picture is made."""
    return lambda panel: qtbot.waitUntil(lambda: not panel._painter.busy, timeout=20_000)


def test_a_mode_changes_the_picture_in_place(panel, viewer, vivid, painted):
    _, picture = viewer.layers
    panel.mode.value = Mode.INFRARED
    painted(panel)
    assert list(viewer.layers)[1] is picture
    np.testing.assert_array_equal(picture.data, render(vivid, rendering=Rendering(Mode.INFRARED)))


def test_the_panel_says_which_bands_are_shown_and_takes_no_bad_one(panel):
    panel.mode.value = Mode.ONE_BAND
    panel.channels[0].value = 640
    assert panel.status.value == "Shows 620 nm (band 12)."


def test_every_setting_reaches_the_picture(panel, viewer, vivid, painted):
    panel.mode.value = Mode.THREE_BANDS
    for box, value in zip(panel.channels, (980, 700, 420), strict=True):
        box.value = value
    panel.stretch.value = Stretch.COMMON
    panel.clip.value = 3
    panel.gamma.value = 1.5
    painted(panel)
    wanted = Rendering(Mode.THREE_BANDS, "D65", (980, 700, 420), Stretch.COMMON, 3, 1.5)
    assert panel.rendering == wanted
    np.testing.assert_array_equal(viewer.layers[1].data, render(vivid, rendering=wanted))


def test_of_many_quick_changes_the_last_one_stands(panel, viewer, vivid, painted):
    panel.mode.value = Mode.ONE_BAND
    for wavelength in range(420, 1000, 20):
        panel.channels[0].value = wavelength
    painted(panel)
    wanted = Rendering(Mode.ONE_BAND, channels=(980,))
    np.testing.assert_array_equal(viewer.layers[1].data, render(vivid, rendering=wanted))


def test_only_the_settings_that_mean_something_are_seen(panel):
    def seen():
        boxes = *panel.channels, panel.illuminant
        *channels, illuminant = (not box.native.isHidden() for box in boxes)
        return channels, illuminant

    panel.mode.value = Mode.TRUE_COLOUR
    assert seen() == ([False, False, False], True)
    panel.mode.value = Mode.ONE_BAND
    assert seen() == ([True, False, False], False)
    panel.mode.value = Mode.THREE_BANDS
    assert seen() == ([True, True, True], False)


def test_a_mode_that_the_cube_has_no_bands_for_is_refused_in_a_sentence(panel, viewer, painted):
    before = viewer.layers[1].data
    panel.mode.value = Mode.SWIR
    painted(panel)
    assert "2200, 860, 650 nm" in panel.status.value
    assert panel.status.value.endswith(".")
    assert viewer.layers[1].data is before


def test_a_deleted_picture_comes_back_over_its_cube(panel, viewer, painted):
    cube, picture = viewer.layers
    place = picture.scale, picture.translate, picture.units
    viewer.layers.remove(picture)
    panel.mode.value = Mode.INFRARED
    painted(panel)
    new = viewer.layers[1]
    assert new.rgb
    assert picture_of(cube, viewer.layers) is new
    np.testing.assert_array_equal((new.scale, new.translate), place[:2])
    assert new.units == place[2]


def test_the_tie_survives_renaming_moving_and_saved_metadata(panel, viewer, painted):
    cube, picture = viewer.layers
    cube.name, picture.name = "one", "another"
    cube.translate = (0, 10, 20)
    for layer in (cube, picture):
        layer.metadata = json.loads(json.dumps(layer.metadata))
    panel.mode.value = Mode.INFRARED
    painted(panel)
    assert len(viewer.layers) == 2
    assert tuple(picture.translate) == (10, 20)
    assert rendering_of(picture)["mode"] == "colour infrared"


def test_a_thinned_picture_lies_over_its_cube(viewer, added, vivid, painted, monkeypatch):
    for module in ("layers", "pictures"):
        monkeypatch.setattr(f"napari_dodn.plugin.viewer.{module}.PICTURE_PIXELS", 20)
    _, picture = added(vivid)
    thin = picture.data.shape, tuple(picture.scale), tuple(picture.translate)
    panel = docked(viewer)
    viewer.layers.remove(picture)
    panel.mode.value = Mode.INFRARED
    painted(panel)
    new = viewer.layers[1]
    assert (new.data.shape, tuple(new.scale), tuple(new.translate)) == thin


def test_an_rgb_picture_that_came_with_a_cube_is_left_alone(viewer, painted):
    viewer.open_sample("napari-dodn", "scene")
    before = {layer.name: layer.data for layer in viewer.layers}
    panel = docked(viewer)
    assert panel.cube.value is viewer.layers["village"]
    panel.mode.value = Mode.INFRARED
    painted(panel)
    changed = [layer.name for layer in viewer.layers if layer.data is not before[layer.name]]
    assert changed == ["village · colours"]


def test_the_panel_follows_the_layer_list_and_shows_the_settings_of_each_picture(
    panel, viewer, added, vivid, painted
):
    panel.mode.value = Mode.INFRARED
    painted(panel)
    first = viewer.layers[0]
    second, _ = added(vivid.derive(name="second"))
    assert panel.cube.value is second
    assert panel.mode.value == Mode.AUTOMATIC
    viewer.layers.selection.active = first
    assert panel.cube.value is first
    assert panel.mode.value == Mode.INFRARED
    viewer.add_points([[0, 0]])
    assert panel.cube.value is first


def test_a_duplicate_of_a_cube_gets_a_picture_of_its_own(panel, viewer, painted):
    cube, picture = viewer.layers
    before = picture.data.copy()
    viewer.layers.selection = {cube}
    _duplicate_layer(viewer.layers)
    panel.cube.value = duplicate = viewer.layers["vivid copy"]
    panel.mode.value = Mode.INFRARED
    painted(panel)
    np.testing.assert_array_equal(picture.data, before)
    assert picture_of(cube, viewer.layers) is picture
    assert rendering_of(picture_of(duplicate, viewer.layers))["mode"] == Mode.INFRARED


def test_a_cube_whose_pixels_no_longer_fit_is_told_in_a_sentence(viewer, added, vivid):
    layer, _ = added(vivid)
    layer.data = layer.data[:3]
    panel = docked(viewer)
    assert "does not fit its metadata" in panel.status.value
    assert not panel.mode.enabled


def test_reset_shows_the_cube_as_it_was_opened(panel, viewer, vivid, painted):
    panel.mode.value = Mode.INFRARED
    panel.gamma.value = 2
    painted(panel)
    panel.reset_button.clicked.emit(True)
    painted(panel)
    assert panel.rendering == Rendering()
    np.testing.assert_array_equal(viewer.layers[1].data, render(vivid))


def test_bands_of_a_cube_without_wavelengths_are_counted_from_one(viewer, added, vivid, painted):
    added(vivid.derive(wavelengths=None))
    panel = docked(viewer)
    panel.mode.value = Mode.ONE_BAND
    panel.channels[0].value = 5
    painted(panel)
    assert panel.status.value == "Shows band 5."
    assert rendering_of(viewer.layers[1])["channels"] == (4,)


def test_true_colour_without_wavelengths_is_refused_in_a_sentence(viewer, added, vivid):
    added(vivid.derive(wavelengths=None))
    panel = docked(viewer)
    panel.mode.value = Mode.TRUE_COLOUR
    assert panel.status.value.startswith("'vivid' has no wavelengths")


def test_without_a_cube_the_panel_says_how_to_get_one(viewer, vivid, added):
    panel = docked(viewer)
    assert "Choose or open a cube first" in panel.status.value
    assert not panel.mode.enabled
    added(vivid)
    assert panel.mode.enabled
    viewer.layers.clear()
    assert not panel.mode.enabled


def test_deleting_the_cube_while_its_picture_is_made_raises_nothing(panel, viewer, painted):
    panel.mode.value = Mode.INFRARED
    viewer.layers.clear()
    painted(panel)
    assert not viewer.layers


def test_a_closed_panel_listens_no_more(panel, viewer, qtbot):
    before = viewer.layers[1].data
    panel.mode.value = Mode.INFRARED
    viewer.window.remove_dock_widget(panel.native)
    assert not panel._painter.busy
    viewer.layers.clear()
    viewer.add_image(before)


def test_a_cube_without_a_picture_begins_with_what_was_last_asked_for(
    panel, viewer, added, vivid, painted
):
    panel.mode.value = Mode.INFRARED
    panel.gamma.value = 1.5
    painted(panel)
    viewer.layers.clear()
    viewer.add_layer(Layer.create(*layer_data_from_cube(vivid)[0]))
    panel = docked(viewer)
    assert (panel.mode.value, panel.gamma.value) == (Mode.INFRARED, 1.5)
    visible = vivid.derive(vivid.data[:16], wavelengths=WAVELENGTHS[:16], good_bands=None)
    viewer.layers.clear()
    viewer.add_layer(Layer.create(*layer_data_from_cube(visible)[0]))
    assert docked(viewer).mode.value == Mode.AUTOMATIC


def test_the_panel_shows_what_somebody_else_has_made_of_the_picture(panel, viewer, vivid, painted):
    cube, _ = viewer.layers
    show_picture(viewer, cube, Rendering(Mode.INFRARED, gamma=2), Rendered(render(vivid), ()))
    assert (panel.mode.value, panel.gamma.value) == (Mode.INFRARED, 2)
    assert not panel._painter.busy


def test_the_levels_of_a_picture_stay_until_something_but_the_gamma_is_changed(
    panel, viewer, vivid, painted
):
    cube, picture = viewer.layers
    levels = (0.0, 0.0, 0.0, 2.0, 2.0, 2.0)
    asked = Rendering(levels=levels)
    show_picture(viewer, cube, asked, Rendered(render(vivid, rendering=asked), levels))
    panel.gamma.value = 2
    painted(panel)
    assert Rendering(**rendering_of(picture)) == Rendering(gamma=2, levels=levels)
    assert panel._last_rendering() == Rendering(gamma=2)
    panel.clip.value = 3
    painted(panel)
    assert Rendering(**rendering_of(picture)) == Rendering(gamma=2, clip=3)


def test_levels_stay_though_wavelengths_have_more_digits_than_their_boxes(
    viewer, vivid, added, painted
):
    vivid = vivid.derive(wavelengths=WAVELENGTHS + 0.37)
    cube, picture = added(vivid)
    levels = (0.0, 0.0, 0.0, 2.0, 2.0, 2.0)
    asked = Rendering(Mode.THREE_BANDS, channels=(860.37, 660.37, 560.37), levels=levels)
    show_picture(viewer, cube, asked, Rendered(render(vivid, rendering=asked), levels))
    panel = docked(viewer)
    panel.gamma.value = 2
    painted(panel)
    assert Rendering(**rendering_of(picture)) == replace(asked, gamma=2)
    panel.channels[1].value = 640
    painted(panel)
    after = Rendering(**rendering_of(picture))
    assert after == replace(asked, gamma=2, channels=(860.37, 640, 560.37), levels=())


def test_a_cube_of_which_few_wavelengths_are_known_has_a_panel(viewer, added):
    wavelengths = [np.nan, 550.0, np.nan, np.nan]
    added(HyperCube(np.random.default_rng(0).random((4, 5, 6)), wavelengths, name="part"))
    panel = docked(viewer)
    assert panel.status.value.startswith("Shows band ")
    panel.mode.value = Mode.THREE_BANDS
    assert "550 nm (band 2) as red" in panel.status.value


def test_many_changes_are_shown_on_the_way(panel, viewer, qtbot):
    _, picture = viewer.layers
    seen = []
    picture.events.data.connect(lambda: seen.append(rendering_of(picture)["channels"]))
    panel.mode.value = Mode.ONE_BAND

    def turn_on():
        panel.channels[0].value = 420 + (panel.channels[0].value + 20 - 420) % 500
        return len(seen) > 3

    qtbot.waitUntil(turn_on, timeout=20_000)


def test_the_settings_of_a_picture_are_plain():
    rendering = Rendering(Mode.THREE_BANDS, "A", (1, 2, 3), Stretch.EACH)
    assert Rendering(**json.loads(json.dumps(rendering.plain()))) == rendering


def test_the_levels_that_a_result_has_of_its_source_are_copied_until_it_is_shown_otherwise(
    viewer, vivid, qtbot
):
    like_source = Rendering(levels=(0, 0, 0, 2, 2, 2))
    for data in layer_data_from_cube(vivid, rendering=like_source):
        viewer.add_layer(Layer.create(*data))
    panel = docked(viewer)
    assert "Rendering(levels=(0.0, 0.0, 0.0, 2.0, 2.0, 2.0))" in panel._as_python()
    panel.clip.value = 2
    qtbot.waitUntil(lambda: "Rendering(clip=2.0)" in panel._as_python(), timeout=20_000)
