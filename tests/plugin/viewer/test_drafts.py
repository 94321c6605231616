"""Cubes that a person opens: at once, and their pictures a little later."""

import threading

import numpy as np
import pytest
from napari.layers import Layer

from napari_dodn import HyperCube
from napari_dodn.jobs import CancelledError, Progress
from napari_dodn.plugin.manifest.readers import read_layers
from napari_dodn.plugin.viewer import drafts, pictures
from napari_dodn.plugin.viewer.contrast import contrast_limits
from napari_dodn.plugin.viewer.drafts import finish_drafts
from napari_dodn.plugin.viewer.layers import (
    is_draft,
    layer_data_from_cube,
    picture_of,
    rendering_of,
    tie_picture,
)
from napari_dodn.spectra.colour import Mode, Rendering, render


@pytest.fixture
def cube():
    pixels = np.random.default_rng(0).random((31, 8, 9)) * np.arange(1, 32)[:, None, None]
    return HyperCube(pixels, np.arange(400.0, 1001.0, 20.0), name="vivid")


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def opened(viewer, cube):
    """Return a function that adds the cube as a reader does for a person at the window."""

    def add():
        finish_drafts(viewer)
        data = layer_data_from_cube(cube, draft=True)
        return [viewer.add_layer(Layer.create(*layer)) for layer in data]

    return add


def test_a_draft_is_black_and_hidden_and_looks_at_one_band(cube):
    class Watched:
        shape, dtype, looked = cube.shape, cube.data.dtype, []

        def __getitem__(self, key):
            self.looked.append(key[0])
            return cube.data[key]

    (_, below, _), (rgb, above, _) = layer_data_from_cube(cube.derive(Watched()), draft=True)
    assert [list(bands) for bands in Watched.looked] == [[7]]  # the nearest one to 550 nm
    assert below["contrast_limits"] == contrast_limits(cube, 1)
    assert not rgb.any()
    assert rgb.shape == (8, 9, 3)
    assert not above["visible"]


def test_the_picture_appears_when_it_is_made(opened, viewer, cube, qtbot):
    layer, picture = opened()
    assert is_draft(picture)
    qtbot.waitUntil(lambda: picture.visible)
    np.testing.assert_array_equal(picture.data, render(cube))
    assert not is_draft(picture)
    assert picture_of(layer, viewer.layers) is picture


def test_the_contrast_limits_are_mended_when_more_bands_have_been_seen(opened, cube, qtbot):
    layer, picture = opened()
    qtbot.waitUntil(lambda: picture.visible)
    assert tuple(layer.contrast_limits) == contrast_limits(cube) != contrast_limits(cube, 1)


def test_contrast_limits_that_a_person_has_set_stay(opened, qtbot):
    layer, picture = opened()
    layer.contrast_limits = 2, 3
    qtbot.waitUntil(lambda: picture.visible)
    assert tuple(layer.contrast_limits) == (2, 3)


def test_a_large_picture_is_shown_thinned_first(opened, monkeypatch, qtbot):
    monkeypatch.setattr(pictures, "PREVIEW_PIXELS", 20)
    shapes, show = [], drafts.show_picture

    def shown(viewer, layer, rendering, rendered, step):
        shapes.append((rendered.rgb.shape[:2], step))
        return show(viewer, layer, rendering, rendered, step)

    monkeypatch.setattr(drafts, "show_picture", shown)
    layer, picture = opened()
    qtbot.waitUntil(lambda: len(shapes) == 2)
    assert shapes == [((4, 5), 2), ((8, 9), None)]
    np.testing.assert_allclose(picture.extent.world, layer.extent.world[:, 1:])


def test_a_picture_that_was_asked_for_meanwhile_is_left_alone(opened, cube, qtbot):
    layer, picture = opened()
    wanted = render(cube, rendering=Rendering(Mode.INFRARED))
    picture.data = wanted
    tie_picture(picture, layer, Rendering(Mode.INFRARED), ())
    qtbot.wait(300)
    np.testing.assert_array_equal(picture.data, wanted)
    assert rendering_of(picture)["mode"] == "colour infrared"


def test_deleting_the_cube_before_its_picture_is_made_raises_nothing(opened, viewer, qtbot):
    opened()
    viewer.layers.clear()
    qtbot.wait(300)
    assert not viewer.layers


def test_the_pixels_of_a_cube_that_was_deleted_are_read_no_further(
    opened, viewer, monkeypatch, qtbot
):
    stopped, may_stop = [], threading.Event()

    def endless(cube, cancelled):
        while not cancelled():
            if may_stop.wait(0.01):
                break
            yield Progress(0, 0, "Reading")
        else:
            stopped.append(cube)
        raise CancelledError

    monkeypatch.setattr(drafts, "_finished", endless)
    opened()
    viewer.layers.clear()
    try:
        qtbot.waitUntil(lambda: bool(stopped))
    finally:
        may_stop.set()


def test_pixels_that_cannot_be_read_are_told_in_a_sentence(viewer, cube, qtbot):
    from napari.utils.notifications import notification_manager

    class Broken:
        shape, dtype, ndim, broken = cube.shape, cube.data.dtype, 3, False

        def __getitem__(self, key):
            if self.broken:
                raise OSError("no such disk")
            return cube.data[key]

    pixels = Broken()
    finish_drafts(viewer)
    layers = [Layer.create(*x) for x in layer_data_from_cube(cube.derive(pixels), draft=True)]
    viewer.add_layer(layers[0])
    pixels.broken = True
    viewer.add_layer(layers[1])
    records = notification_manager.records
    qtbot.waitUntil(lambda: any("no such disk" in record.message for record in records))
    assert not layers[1].visible


def test_a_script_gets_the_picture_with_the_layers(viewer, cube, tmp_path):
    from napari_dodn import write

    _, (rgb, attributes, _) = read_layers(str(write(cube, tmp_path / "vivid.hdr")))
    assert rgb.any()
    assert attributes.get("visible", True)
