"""The views beside a result, driven as a person drives them."""

import time

import numpy as np
import pytest
from napari.layers import Layer
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_dodn import HyperCube
from napari_dodn.cube import Region
from napari_dodn.errors import UserError
from napari_dodn.jobs import never, result_of
from napari_dodn.plugin.kit.session import camera_of
from napari_dodn.plugin.upscale.panel import SuperResolution
from napari_dodn.plugin.viewer.drawing import view_of
from napari_dodn.plugin.viewer.layers import (
    PICTURE_PIXELS,
    layer_data_from_cube,
    levels_in,
    picture_of,
)
from napari_dodn.plugin.viewer.placing import laid_over
from napari_dodn.plugin.views.bar import CompareBar
from napari_dodn.plugin.views.comparison import Mode, comparison_of
from napari_dodn.plugin.views.content import colours_steps
from napari_dodn.plugin.views.pane import AROUND, Against
from napari_dodn.spectra.colour import Rendering, render, render_steps
from napari_dodn.upscaling import bicubic

TIMEOUT = 30_000
SCALE = 2


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def result(viewer, cube):
    """Return the layer of a result that lies on its source."""
    return add_result(viewer, cube)


def add_result(viewer, cube, region=None, source=None):
    if source is None:
        source, _ = (viewer.add_layer(Layer.create(*x)) for x in layer_data_from_cube(cube))
    fine = bicubic(cube, SCALE, region)
    fine = fine.derive(fine.data + 50.0)
    layers = laid_over(layer_data_from_cube(fine), source, SCALE, region)
    result, _ = [viewer.add_layer(Layer.create(*layer)) for layer in layers]
    viewer.layers.selection.active = result
    return result


@pytest.fixture
def comparison(viewer, result):
    comparison = comparison_of(viewer)
    yield comparison
    comparison.show(Mode.OFF)


def shown(pane):
    *around, layer = [layer for layer in pane.model.layers if layer.visible]
    assert all(x.name == AROUND for x in around)
    return layer


def wait_for(qtbot, pane):
    qtbot.waitUntil(lambda: not pane._latest.busy and pane._latest._job is None, timeout=TIMEOUT)


def hide_colours(viewer, result):
    picture_of(result, viewer.layers).visible = False


def drag(line, pixels):
    """Drag a line sideways with the mouse."""
    middle = line.rect().center()
    for kind, place, buttons in (
        (QEvent.Type.MouseButtonPress, middle, Qt.MouseButton.LeftButton),
        (QEvent.Type.MouseMove, middle + QPoint(pixels, 0), Qt.MouseButton.LeftButton),
        (QEvent.Type.MouseButtonRelease, middle + QPoint(pixels, 0), Qt.MouseButton.NoButton),
    ):
        button = Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseMove:
            button = Qt.MouseButton.NoButton
        at = QPointF(line.mapToGlobal(place))
        event = QMouseEvent(
            kind, QPointF(place), at, button, buttons, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(line, event)


def test_a_button_beside_the_result_opens_the_swipe_and_closes_it(
    viewer, cube, small_models, qtbot, result
):
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    before = list(viewer.layers)
    qtbot.mouseClick(panel.compare.buttons[Mode.SWIPE], Qt.MouseButton.LeftButton)
    comparison = comparison_of(viewer)
    assert comparison.mode is Mode.SWIPE
    assert list(viewer.layers) == before
    qtbot.mouseClick(panel.compare.buttons[Mode.SWIPE], Qt.MouseButton.LeftButton)
    assert comparison.mode is Mode.OFF
    assert comparison.panes == ()


def test_what_kept_from_comparing_is_told_until_something_is_compared(
    viewer, small_models, qtbot, result
):
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    swipe, said = panel.compare.buttons[Mode.SWIPE], panel.saved.native
    viewer.dims.ndisplay = 3
    qtbot.mouseClick(swipe, Qt.MouseButton.LeftButton)
    assert "needs the 2D view" in panel.saved.value
    assert said.isVisibleTo(panel.native)
    viewer.dims.ndisplay = 2
    qtbot.mouseClick(swipe, Qt.MouseButton.LeftButton)
    assert comparison_of(viewer).mode is Mode.SWIPE
    assert not said.isVisibleTo(panel.native)
    panel.saved.value, panel.saved.visible = "Saved as r.hdr.", True
    qtbot.mouseClick(swipe, Qt.MouseButton.LeftButton)
    assert said.isVisibleTo(panel.native)


def test_without_a_result_the_panel_offers_no_comparison(viewer, cube, small_models):
    viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[0]))
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    assert not panel.compare.isVisibleTo(panel.native)


def test_dragging_the_line_moves_the_border_between_source_and_result(viewer, comparison):
    comparison.show(Mode.SWIPE)
    (line,), (clip,) = comparison.swipe.lines, comparison.swipe.clips
    canvas = view_of(viewer).canvas.native
    before = clip.width()
    assert before == round(canvas.width() / 2)
    drag(line, 40)
    assert clip.width() == pytest.approx(before + 40, abs=1)
    drag(line, 10_000)
    assert clip.width() == canvas.width()


def test_the_arrow_keys_move_the_line(comparison, qtbot):
    comparison.show(Mode.SWIPE)
    (line,) = comparison.swipe.lines
    qtbot.keyClick(line, Qt.Key.Key_Left)
    assert line.place < 0.5


def test_a_move_of_the_line_costs_little_python_at_2048_pixels(viewer):
    cube = HyperCube(np.zeros((3, 1024, 1024), np.float32), name="large")
    add_result(viewer, cube)
    comparison = comparison_of(viewer)
    comparison.show(Mode.SWIPE)
    times = []
    for place in np.linspace(0.1, 0.9, 9):
        began = time.thread_time()
        comparison.swipe.move(0, place)
        times.append(time.thread_time() - began)
    comparison.show(Mode.OFF)
    assert np.median(times) < 0.03


def test_two_lines_keep_their_order(comparison):
    comparison.show(Mode.SWIPE, (Against.SOURCE, Against.BICUBIC))
    first, second = comparison.swipe.lines
    comparison.swipe.move(0, 0.9)
    assert first.place == second.place == 0.9


def test_a_held_key_shows_the_source_alone_and_goes_with_it(viewer, comparison):
    presses = comparison._on_hold(viewer)
    next(presses)
    (clip,) = comparison.swipe.clips
    assert clip.width() == view_of(viewer).canvas.native.width()
    with pytest.raises(StopIteration):
        next(presses)
    assert comparison.mode is Mode.OFF


def test_the_held_key_leaves_a_swipe_as_it_was(viewer, comparison):
    comparison.show(Mode.SWIPE)
    (clip,) = comparison.swipe.clips
    before = clip.width()
    presses = comparison._on_hold(viewer)
    next(presses)
    assert clip.width() > before
    next(presses, None)
    assert clip.width() == before
    assert comparison.mode is Mode.SWIPE


@pytest.mark.parametrize("mode", [Mode.SWIPE, Mode.SIDE_BY_SIDE])
def test_the_held_key_shows_the_source_where_bicubic_is_compared(viewer, comparison, mode):
    comparison.show(mode, (Against.BICUBIC,))
    presses = comparison._on_hold(viewer)
    next(presses)
    assert [pane.against for pane in comparison.panes] == [Against.SOURCE]
    next(presses, None)
    assert comparison.mode is mode
    assert [pane.against for pane in comparison.panes] == [Against.BICUBIC]


def test_the_box_says_what_is_compared(viewer, comparison, monkeypatch, qtbot):
    bar = CompareBar(viewer)
    qtbot.addWidget(bar)
    comparison.show(Mode.SWIPE, (Against.SOURCE, Against.BICUBIC))
    assert bar.against.currentText() == "both"
    assert comparison.against == (Against.SOURCE, Against.BICUBIC)
    comparison.show(Mode.SWIPE, (Against.SOURCE,))
    monkeypatch.setattr("napari_dodn.plugin.views.comparison.MOST_PIXELS", 4)
    bar.against.setCurrentText("bicubic")
    assert bar.against.currentText() == "source"
    bar.close_down()


def test_views_side_by_side_follow_each_other(viewer, comparison, result):
    comparison.show(Mode.SIDE_BY_SIDE, (Against.SOURCE, Against.BICUBIC))
    first, second = comparison.panes
    camera_of(viewer).center = (0, 3.0, 4.0)
    camera_of(viewer).zoom = 7.5
    for pane in (first, second):
        assert camera_of(pane.model).center[1:] == pytest.approx((3, 4))
        assert camera_of(pane.model).zoom == 7.5
    camera_of(first.model).zoom = 5.0
    assert camera_of(viewer).zoom == camera_of(second.model).zoom == 5.0
    viewer.dims.set_point(0, 1)
    assert first.model.dims.point[0] == 1
    first.model.dims.set_point(0, 3)
    assert viewer.dims.point[0] == second.model.dims.point[0] == 3


def test_colours_are_compared_as_bright_as_those_of_the_result(viewer, comparison, result, qtbot):
    comparison.show(Mode.SWIPE, (Against.BICUBIC,))
    (pane,) = comparison.panes
    wait_for(qtbot, pane)
    colours = shown(pane)
    assert colours.rgb
    assert colours.data.shape == picture_of(result, viewer.layers).data.shape
    assert tuple(colours.scale) == tuple(result.scale[1:])
    assert tuple(colours.translate) == pytest.approx(tuple(result.translate[1:]))
    # The result is 50 brighter everywhere; in its levels bicubic is the darker one.
    assert colours.data.mean() < picture_of(result, viewer.layers).data.mean()


def test_a_source_whose_levels_its_result_has_is_compared_as_it_is_shown(cube):
    rgb, levels = result_of(render_steps(cube))
    part, rendering = Region(2, 6, 3, 9), Rendering(levels=levels)
    steps = colours_steps(cube, rendering, PICTURE_PIXELS, part, never)
    np.testing.assert_array_equal(result_of(steps), rgb[2:6, 3:9])


@pytest.mark.parametrize("against", [(Against.SOURCE,), (Against.BICUBIC,)])
def test_colours_are_compared_in_the_very_levels_of_a_large_result(viewer, against, qtbot):
    # Of glints a thinned result shows others than the whole.
    pixels = 100 * np.random.default_rng(0).lognormal(size=(3, 150, 150))
    cube = HyperCube(pixels, [450, 550, 650], name="sea")
    result = add_result(viewer, cube)
    comparison = comparison_of(viewer)
    comparison.show(Mode.SWIPE, against)
    (pane,) = comparison.panes
    wait_for(qtbot, pane)
    same = cube if against[0] is Against.SOURCE else bicubic(cube, SCALE)
    levels = levels_in(picture_of(result, viewer.layers))
    np.testing.assert_array_equal(
        shown(pane).data, render(same, rendering=Rendering(levels=levels))
    )
    comparison.show(Mode.OFF)


def test_without_the_colours_the_band_in_view_is_compared(viewer, comparison, result, cube, qtbot):
    hide_colours(viewer, result)
    viewer.dims.set_point(0, 2)
    comparison.show(Mode.SWIPE, (Against.SOURCE, Against.BICUBIC))
    source, interpolated = comparison.panes
    wait_for(qtbot, interpolated)
    assert shown(source).data is viewer.layers["field"].data
    np.testing.assert_allclose(
        shown(interpolated).data, np.asarray(bicubic(cube, SCALE).data)[2], rtol=1e-6
    )
    result.contrast_limits = (120, 300)
    for pane in (source, interpolated):
        assert tuple(shown(pane).contrast_limits) == (120, 300)
    viewer.dims.set_point(0, 4)
    wait_for(qtbot, interpolated)
    np.testing.assert_allclose(
        shown(interpolated).data, np.asarray(bicubic(cube, SCALE).data)[4], rtol=1e-6
    )


def test_a_result_of_a_region_is_compared_at_its_place(viewer, cube, qtbot):
    source, _ = (viewer.add_layer(Layer.create(*x)) for x in layer_data_from_cube(cube))
    result = add_result(viewer, cube, Region(2, 8, 4, 12), source)
    hide_colours(viewer, result)
    comparison = comparison_of(viewer)
    comparison.show(Mode.SWIPE, (Against.BICUBIC,))
    (pane,) = comparison.panes
    wait_for(qtbot, pane)
    assert shown(pane).data.shape == (12, 16)
    assert tuple(shown(pane).translate) == pytest.approx(tuple(result.translate[1:]))
    comparison.show(Mode.OFF)


@pytest.mark.parametrize(
    ("against", "colours", "read"),
    [
        (Against.SOURCE, True, Region(2, 5, 4, 7)),
        (Against.BICUBIC, True, Region(0, 11, 0, 13)),
        (Against.BICUBIC, False, Region(0, 11, 0, 13)),
    ],
)
def test_of_a_region_only_its_part_of_the_source_is_read(
    viewer, cube, qtbot, monkeypatch, against, colours, read
):
    source, _ = (viewer.add_layer(Layer.create(*x)) for x in layer_data_from_cube(cube))
    result = add_result(viewer, cube, Region(2, 5, 4, 7), source)
    if not colours:
        hide_colours(viewer, result)
    crops, crop = [], HyperCube.crop
    monkeypatch.setattr(HyperCube, "crop", lambda own, x: crops.append(x) or crop(own, x))
    comparison = comparison_of(viewer)
    comparison.show(Mode.SWIPE, (against,))
    (pane,) = comparison.panes
    wait_for(qtbot, pane)
    assert crops[0] == read
    made, size = shown(pane), np.array(shown(pane).data.shape[:2])
    first, last = made.data_to_world((-0.5, -0.5)), made.data_to_world(size - 0.5)
    np.testing.assert_allclose(first, result.data_to_world((0, -0.5, -0.5))[1:])
    np.testing.assert_allclose(last, result.data_to_world((0, 5.5, 5.5))[1:])
    comparison.show(Mode.OFF)


def test_around_the_colours_of_a_region_lie_those_of_the_source(viewer, cube, qtbot):
    source, picture = (viewer.add_layer(Layer.create(*x)) for x in layer_data_from_cube(cube))
    add_result(viewer, cube, Region(2, 5, 4, 7), source)
    comparison = comparison_of(viewer)
    comparison.show(Mode.SWIPE, (Against.SOURCE,))
    (pane,) = comparison.panes
    wait_for(qtbot, pane)
    seen = {layer.name: layer for layer in pane.model.layers if layer.visible}
    assert list(seen) == [AROUND, "colours"]
    np.testing.assert_array_equal(seen[AROUND].extent.world, picture.extent.world)
    comparison.show(Mode.OFF)


def test_bicubic_shows_nothing_until_it_is_made(viewer, comparison, result, qtbot):
    comparison.show(Mode.SWIPE, (Against.BICUBIC,))
    (pane,) = comparison.panes
    assert not any(layer.visible for layer in pane.model.layers)
    wait_for(qtbot, pane)
    assert shown(pane).rgb


def test_a_result_that_is_too_large_to_interpolate_is_not_compared_so(
    viewer, comparison, monkeypatch
):
    monkeypatch.setattr("napari_dodn.plugin.views.comparison.MOST_PIXELS", 4)
    with pytest.raises(
        UserError, match="is too large to show bicubic interpolation beside it; compare it with"
    ):
        comparison.show(Mode.SWIPE, (Against.BICUBIC,))
    assert comparison.mode is Mode.OFF
    comparison.show(Mode.SWIPE, (Against.SOURCE,))


def test_deleting_the_result_ends_the_comparison(viewer, comparison, result):
    comparison.show(Mode.SIDE_BY_SIDE)
    viewer.layers.remove(result)
    assert comparison.mode is Mode.OFF
    assert comparison.panes == ()


def test_the_3d_view_ends_the_comparison(viewer, comparison):
    comparison.show(Mode.SWIPE)
    viewer.dims.ndisplay = 3
    assert comparison.mode is Mode.OFF


def test_a_cube_alone_cannot_be_compared(viewer, cube):
    viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[0]))
    comparison = comparison_of(viewer)
    assert not comparison.possible
    comparison.toggle(Mode.SWIPE)
    assert "no result to compare" in notification_manager.records[-1].message
    assert comparison.mode is Mode.OFF


def test_a_view_that_was_closed_is_used_again_and_holds_no_pixels_meanwhile(comparison, qtbot):
    comparison.show(Mode.SIDE_BY_SIDE)
    (first,) = comparison.panes
    wait_for(qtbot, first)
    comparison.show(Mode.OFF)
    assert not first.view.isVisible()
    assert all(layer.data.size <= 3 and not layer.visible for layer in first.model.layers)
    comparison.show(Mode.SWIPE)
    (second,) = comparison.panes
    assert second.view is first.view
    wait_for(qtbot, second)
    assert shown(second).data.size > 3


def test_views_go_with_their_window(viewer, comparison):
    comparison.show(Mode.SWIPE)
    (pane,) = comparison.panes
    comparison.close_views()
    assert comparison.mode is Mode.OFF
    assert not pane.view.isVisible()
    comparison.show(Mode.SWIPE)
    assert comparison.panes[0].view is not pane.view


def test_what_waits_for_the_window_to_close_is_deleted_with_it_and_not_before(viewer, comparison):
    comparison.show(Mode.SWIPE)
    window, guard = view_of(viewer).window(), comparison._guard
    guard.eventFilter(window, QEvent(QEvent.Type.Close))
    QApplication.sendPostedEvents(guard, QEvent.Type.DeferredDelete)
    assert comparison.mode is Mode.OFF
    assert guard.parent() is window


def test_what_lay_around_a_region_goes_with_it(viewer, cube, qtbot):
    source, _ = (viewer.add_layer(Layer.create(*x)) for x in layer_data_from_cube(cube))
    whole = add_result(viewer, cube, source=source)
    part = add_result(viewer, cube, Region(2, 5, 4, 7), source)
    comparison = comparison_of(viewer)
    for result, names in ((whole, ["colours"]), (part, [AROUND, "colours"]), (whole, ["colours"])):
        viewer.layers.selection.active = result
        comparison.show(Mode.SWIPE, (Against.SOURCE,))
        (pane,) = comparison.panes
        wait_for(qtbot, pane)
        assert [layer.name for layer in pane.model.layers if layer.visible] == names
        comparison.show(Mode.OFF)
