"""Pinned points."""

import dask.array as da
import numpy as np
import pytest
from napari.layers import Layer, Points
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtCore import QItemSelectionModel

from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.profiles.pins import KEY, LAYER
from napari_dodn.plugin.profiles.store import Source
from napari_dodn.plugin.viewer.layers import POINT_COLOUR as COLOUR
from napari_dodn.plugin.viewer.layers import POINT_NAME as NAME
from napari_dodn.plugin.viewer.layers import layer_data_from_cube

PIXEL = 30


def points(viewer):
    return next(layer for layer in viewer.layers if isinstance(layer, Points))


def pinned(dock):
    return [(curve.name, curve.layer, curve.origin) for curve in dock.store.of(Source.POINT)]


def select(dock, row):
    dock.table.selectRow(row)


def hexed(colour):
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])


@pytest.fixture
def two(dock, layer):
    """Return the dock with two points."""
    dock.pins.pin((0, 2 * PIXEL, 3 * PIXEL))
    dock.pins.pin((0, 5 * PIXEL, 6 * PIXEL))
    return dock


def test_shift_and_click_pins_a_point(dock, layer, viewer, cube, mouse):
    mouse.click(2 * PIXEL, 3 * PIXEL, "Shift")
    (curve,) = dock.store
    np.testing.assert_array_equal(curve.y, cube.data[:, 2, 3])
    (place,) = points(viewer).data
    np.testing.assert_allclose(points(viewer).data_to_world(place), (2 * PIXEL, 3 * PIXEL))


def test_a_click_alone_pins_nothing(dock, layer, mouse):
    mouse.click(0, 0)
    mouse.click(0, 0, "Alt")
    assert dock.store.of(Source.POINT) == []


def test_a_drag_with_shift_pins_nothing(dock, layer, mouse):
    mouse.drag((0, 0), (90, 90), modifiers=("Shift",))
    assert dock.store.of(Source.POINT) == []


def test_a_click_that_a_tool_waits_for_pins_nothing(dock, layer, viewer, mouse):
    viewer.add_shapes().mode = "add_rectangle"
    mouse.click(0, 0, "Shift")
    assert dock.store.of(Source.POINT) == []


def test_the_key_pins_the_point_under_the_cursor(dock, layer, viewer, mouse):
    mouse.move(2 * PIXEL, 3 * PIXEL)
    (pin,) = viewer.keymap.values()
    pin(viewer)
    assert pinned(dock) == [("Point 1", "", "row 2, column 3 of field")]


def test_a_key_that_somebody_else_has_is_left_alone(viewer, qtbot):
    taken = []
    viewer.bind_key(KEY, lambda _: taken.append(1))
    dock = SpectralProfiles(viewer)
    qtbot.addWidget(dock)
    (function,) = viewer.keymap.values()
    function(viewer)
    assert taken == [1]
    dock._lifetime.end()
    assert len(viewer.keymap) == 1


def test_outside_of_all_cubes_there_is_nothing_to_pin(dock, layer):
    assert not dock.pins.pin((0, -1000, 0))
    assert len(dock.store) == 0


def test_a_point_has_a_spectrum_of_every_cube_there(dock, layer, finer):
    dock.pins.pin((0, 2 * PIXEL, 3 * PIXEL))
    field, fine = dock.store
    assert {field.layer, fine.layer} == {"field", "finer"}
    assert field.colour == fine.colour
    assert field.style != fine.style


def test_a_cube_that_is_shown_later_is_read_at_the_points(two, finer):
    assert {curve.layer for curve in two.store} == {"field", "finer"}
    finer.visible = False
    assert {curve.origin.split()[-1] for curve in two.store} == {"field"}


def test_markers_have_the_colours_of_their_curves(two, viewer):
    assert [hexed(colour) for colour in points(viewer).face_color] == [x.colour for x in two.store]
    assert len({curve.colour for curve in two.store}) == 2


def test_moving_a_marker_moves_its_spectrum(two, viewer, cube):
    layer = points(viewer)
    layer.data = np.add(layer.data, (PIXEL, 0))
    np.testing.assert_array_equal(next(iter(two.store)).y, cube.data[:, 3, 3])


def test_the_spectrum_follows_while_a_marker_is_dragged(two, viewer, mouse, cube):
    layer = points(viewer)
    viewer.layers.selection.active = layer
    layer.mode = "select"
    layer.selected_data = {0}
    seen = []
    two.store.changed.connect(lambda ids: seen.extend(x.origin for x in two.store))
    with layer.events.data.blocker():  # as napari does until the mouse is let go
        for y in (2, 4):
            layer._move({0}, (y * PIXEL, 3 * PIXEL))
        mouse.drag((400, 400), (401, 401))
    assert "row 4, column 3 of field" in seen


def test_a_cube_that_is_turned_or_replaced_has_other_pixels_under_the_markers(dock, layer, cube):
    dock.pins.pin(layer.data_to_world((0, 2, 3)))
    turned = np.diag([1.0, -1, -1, 1])  # as napari's tool to transform a layer would
    turned[1:3, 3] = 330, 450
    layer.affine = turned
    (curve,) = dock.store.of(Source.POINT)
    np.testing.assert_array_equal(curve.y, cube.data[:, 9, 12])
    layer.data = np.asarray(cube.data) + 1
    (curve,) = dock.store.of(Source.POINT)
    np.testing.assert_array_equal(curve.y, cube.data[:, 9, 12] + 1)


def test_a_marker_that_leaves_the_cube_has_no_spectrum_until_it_comes_back(two, viewer):
    layer, data = points(viewer), points(viewer).data.copy()
    layer.data = data - 10000
    assert pinned(two) == []
    layer.data = data
    assert [name for name, *_ in pinned(two)] == ["Point 1", "Point 2"]


def test_points_added_with_naparis_tool_are_pinned_too(two, viewer):
    points(viewer).add((7 * PIXEL, 8 * PIXEL))
    assert pinned(two)[-1] == ("Point 3", "", "row 7, column 8 of field")
    assert len({curve.colour for curve in two.store}) == 3


def test_a_marker_deleted_on_the_canvas_takes_its_row_along(two, viewer):
    points(viewer).selected_data = {0}
    points(viewer).remove_selected()
    assert [name for name, *_ in pinned(two)] == ["Point 2"]


def test_points_that_are_gone_are_no_longer_selected(two, viewer):
    layer = points(viewer)
    layer.selected_data = {0, 1}
    layer.data = layer.data[:1]
    assert set(layer.selected_data) == {0}
    layer.remove_selected()  # as the key Del does
    assert pinned(two) == []


def test_a_row_that_is_removed_takes_its_marker_along(two, viewer):
    select(two, 0)
    two.remove_selected()
    assert [name for name, *_ in pinned(two)] == ["Point 2"]
    assert list(points(viewer).features[NAME]) == ["Point 2"]


def test_a_drag_survives_that_markers_are_hidden_and_removed_meanwhile(two, viewer, mouse):
    layer = points(viewer)
    layer.mode = "select"
    mouse_press_callbacks(layer, mouse.event("mouse_press", 0, 0, button=1))
    moved = mouse.event("mouse_move", 9 * PIXEL, 9 * PIXEL, button=1, dragging=True)
    mouse_move_callbacks(layer, moved)
    layer.visible = False
    select(two, 1)
    two.remove_selected()
    mouse_release_callbacks(layer, mouse.event("mouse_release", 9 * PIXEL, 9 * PIXEL, button=1))
    assert set(layer.selected_data) == {0}


def test_several_rows_can_be_removed_at_once(two, viewer):
    two.table.selectAll()
    two.remove_selected()
    assert len(two.store) == 0
    assert len(points(viewer).data) == 0


def test_a_point_can_be_renamed_in_the_table(two, viewer):
    model = two.table.model()
    assert model.setData(model.index(0, 0), "roof", 2)
    assert [name for name, *_ in pinned(two)] == ["roof", "Point 2"]
    assert list(points(viewer).features[NAME]) == ["roof", "Point 2"]


def test_a_point_can_have_another_colour(two, viewer):
    two.recolour(next(iter(two.store)), "#123456")
    assert next(iter(two.store)).colour == "#123456"
    assert hexed(points(viewer).face_color[0]) == "#123456"
    assert points(viewer).features[COLOUR][0] == "#123456"


def test_another_name_does_not_wait_for_a_slow_cube(dock, layer, viewer, cube, qtbot):
    lazy = cube.derive(da.from_array(np.asarray(cube.data)))
    slow = viewer.add_layer(Layer.create(*layer_data_from_cube(lazy)[0]))
    dock.pins.pin((0, 0, 0))
    qtbot.waitUntil(lambda: len(dock.store) == 2)
    slow.name, curves = "slow", list(dock.store)
    assert [curve.layer for curve in dock.store] == [layer.name, "slow"]
    dock.pins.rename(curves[0].group, "roof")
    assert [curve.name for curve in dock.store] == ["roof", "roof"]


def test_pinning_leaves_the_selected_layer_selected(dock, layer, viewer):
    viewer.layers.selection.active = layer
    dock.pins.pin((0, 0, 0))
    assert viewer.layers.selection.active is layer


def test_markers_lie_on_every_band(two, viewer):
    assert points(viewer).ndim == 2


def test_saved_markers_come_back_with_names_and_colours(two, viewer, tmp_path):
    layer = points(viewer)
    two.pins.rename(next(iter(two.store)).group, "roof")
    before = [(x.name, x.colour, x.origin) for x in two.store.of(Source.POINT)]
    path = tmp_path / "points.csv"
    layer.save(str(path), plugin="napari")
    viewer.layers.remove(layer)
    assert two.store.of(Source.POINT) == []
    viewer.open(path, plugin="napari", layer_type="points")
    assert [(x.name, x.colour, x.origin) for x in two.store.of(Source.POINT)] == before
    assert [hexed(colour) for colour in points(viewer).face_color] == [x[1] for x in before]


def test_a_second_layer_of_markers_is_told_once_and_shown_after_the_first(two, viewer, notices):
    first = points(viewer)
    before = pinned(two)
    viewer.add_points(
        [[PIXEL, PIXEL]],
        name="saved",
        features={"spectrum": [1], NAME: ["tree"], COLOUR: ["#00ff00"]},
        units=("m", "m"),
    )
    assert pinned(two) == before
    (told,) = notices()
    assert told.startswith("The spectra of 'saved' are not shown, since 'Spectral points' is open")
    viewer.layers.remove(first)
    assert [name for name, *_ in pinned(two)] == ["tree"]
    assert len(notices()) == 1


def test_markers_without_a_name_are_given_one(dock, layer, viewer):
    viewer.add_points(
        [[0, 0], [PIXEL, PIXEL]],
        features={"spectrum": [1, 1], NAME: ["a", "a"], COLOUR: ["no colour", "no colour"]},
        units=("m", "m"),
    )
    assert [name for name, *_ in pinned(dock)] == ["a", "Point 2"]


def test_the_dock_takes_up_the_markers_of_an_earlier_one(two, viewer):
    before = pinned(two)
    viewer.window.remove_dock_widget(two)
    again = SpectralProfiles(viewer)
    viewer.window.add_dock_widget(again, name="again")
    assert pinned(again) == before
    again.pins.pin((0, 0, 0))
    assert [layer.name for layer in viewer.layers].count(LAYER) == 1


def test_a_hidden_row_is_still_hidden_after_its_marker_moved(two, viewer):
    curve = next(iter(two.store))
    two.store.edit([curve.id], visible=False)
    points(viewer).data = np.add(points(viewer).data, (PIXEL, 0))
    assert not two.store.get(curve.id).visible


def test_the_chosen_spectrum_is_compared_with_the_others(two):
    two.table.selectionModel().select(
        two.table.model().index(0, 0),
        QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows,
    )
    assert two.table.isColumnHidden(2)
    two.choose_selected()
    assert not two.table.isColumnHidden(2)
    model = two.table.model()
    assert model.data(model.index(0, 2)) == "chosen"
    assert float(model.data(model.index(1, 4))) == pytest.approx(51)
    two.choose_selected()
    assert two.table.isColumnHidden(2)
