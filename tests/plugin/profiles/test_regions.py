"""Spectra of the regions of Shapes and Labels layers."""

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Shapes
from qtpy.QtCore import QCoreApplication, QEvent, Qt

from napari_dodn.plugin.profiles.cubes import Cubes
from napari_dodn.plugin.profiles.regions import RegionSpectra
from napari_dodn.plugin.profiles.shapes import (
    MOST_REGIONS,
    labelled,
    outlines,
    pixels_in,
    regions_of_labels,
)
from napari_dodn.plugin.profiles.store import CurveStore, Source
from napari_dodn.plugin.viewer.layers import layer_data_from_cube

PIXEL = 30
METRES = {"units": ("m", "m")}


def rectangle(y0, x0, y1, x1):
    """Return the corners of a rectangle around the centres of pixels."""
    grown = np.array(
        [[y0 - 0.4, x0 - 0.4], [y0 - 0.4, x1 + 0.4], [y1 + 0.4, x1 + 0.4], [y1 + 0.4, x0 - 0.4]]
    )
    return grown * PIXEL


def to_hex(colour):
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])


def measured(dock, layer, qtbot, count):
    """Choose a layer of regions and wait for so many curves."""
    dock.region_layer.setCurrentIndex(dock.regions.choices().index(layer) + 1)
    wait(dock, qtbot, count)
    return dock.store.of(Source.REGION)


def wait(dock, qtbot, count):
    qtbot.waitUntil(
        lambda: (
            len(dock.store.of(Source.REGION)) == count
            and not dock.regions._job.busy
            and not dock.regions._timer.isActive()
            and not dock.regions._marking.isActive()
        ),
        timeout=20_000,
    )


def pixels_of(shape, layer):
    (outline,) = outlines(shape)
    return {tuple(pixel) for pixel in pixels_in(outline, layer).tolist()}


def test_the_pixels_of_a_rectangle_are_those_whose_centres_lie_in_it(layer):
    shape = Shapes([rectangle(2, 3, 3, 5)], **METRES)
    assert pixels_of(shape, layer) == {(y, x) for y in (2, 3) for x in (3, 4, 5)}


def test_a_shape_on_a_finer_cube_has_more_pixels(layer, finer):
    shape = Shapes([rectangle(2, 3, 3, 5)], **METRES)
    assert len(pixels_of(shape, finer)) == 4 * len(pixels_of(shape, layer))


def test_a_shape_smaller_than_a_pixel_has_the_pixel_under_it(layer):
    corners = np.add((2 * PIXEL, 3 * PIXEL), [[3, 3], [3, 4], [4, 4], [4, 3]])
    assert pixels_of(Shapes([corners], **METRES), layer) == {(2, 3)}


def test_an_ellipse_leaves_out_its_corners(layer):
    shape = Shapes([rectangle(2, 2, 8, 8)], shape_type="ellipse", **METRES)
    pixels = pixels_of(shape, layer)
    assert {(2, 5), (5, 2), (8, 5), (5, 8)} <= pixels
    assert not {(2, 2), (2, 8), (8, 2), (8, 8)} & pixels


def test_a_line_has_the_pixels_under_it(layer):
    shape = Shapes([[[0, 0], [0, 2 * PIXEL]]], shape_type="line", **METRES)
    assert pixels_of(shape, layer) == {(0, 0), (0, 1), (0, 2)}


def test_a_shape_beside_the_cube_has_no_pixel(layer):
    assert pixels_of(Shapes([rectangle(50, 50, 60, 60)], **METRES), layer) == set()


def test_labels_on_another_grid_are_looked_up_by_place(layer):
    fine = np.zeros((24, 32), int)
    fine[4:6, 6:8] = 7
    found = labelled(Labels(fine, scale=(15, 15), translate=(-7.5, -7.5), units=("m", "m")), layer)
    assert {tuple(pixel) for pixel in np.argwhere(found == 7)} == {(2, 3)}


def test_labels_of_several_levels_are_those_of_the_finest(layer):
    fine = np.zeros((12, 16), int)
    fine[2:5, 3:6] = 1
    labels = Labels([fine, fine[::2, ::2]], multiscale=True, scale=(30, 30), units=("m", "m"))
    np.testing.assert_array_equal(labelled(labels, layer), fine)


def test_labels_have_their_own_colours_after_shapes(dock, layer, viewer, qtbot):
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES)
    (curve,) = measured(dock, shapes, qtbot, 1)
    dock.store.edit([curve.id], visible=False)
    painted = np.zeros((12, 16), int)
    painted[2:5, 3:6] = 1
    labels = viewer.add_labels(painted, scale=(30, 30), **METRES)
    (curve,) = measured(dock, labels, qtbot, 1)
    red, green, blue = (round(255 * part) for part in labels.get_color(1)[:3])
    assert (curve.name, curve.visible) == ("Label 1", True)
    assert curve.colour == f"#{red:02x}{green:02x}{blue:02x}"


def test_a_label_painted_on_any_band_counts(layer):
    painted = np.zeros((5, 12, 16), int)
    painted[3, 4, 5], painted[0, 1, 1] = 2, 1
    found = labelled(Labels(painted, scale=(1, 30, 30)), layer)
    assert (found[4, 5], found[1, 1]) == (2, 1)
    assert (found > 0).sum() == 2


def test_a_region_shows_mean_and_standard_deviation(dock, layer, viewer, cube, qtbot):
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES)
    (curve,) = measured(dock, shapes, qtbot, 1)
    pixels = cube.data[:, 2:4, 3:6].reshape(5, -1)
    np.testing.assert_allclose(curve.y, pixels.mean(axis=1))
    np.testing.assert_allclose(curve.spread[1] - curve.y, pixels.std(axis=1))
    assert (curve.name, curve.pixels) == ("Region 1", 6)
    assert dock.status.text() == "1 region measured."


def test_a_region_tells_how_many_of_its_pixels_have_values(dock, viewer, cube, qtbot):
    data = np.array(cube.data)
    data[:, 2] = cube.nodata
    viewer.add_layer(Layer.create(*layer_data_from_cube(cube.derive(data))[0]))
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES)
    (curve,) = measured(dock, shapes, qtbot, 1)
    assert curve.pixels == 3
    assert curve.origin == "mean ± standard deviation of 3 pixels of field"


def test_a_region_shows_median_and_quartiles(dock, layer, viewer, cube, qtbot):
    dock.region_kind.setCurrentIndex(1)
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES)
    (curve,) = measured(dock, shapes, qtbot, 1)
    pixels = cube.data[:, 2:4, 3:6].reshape(5, -1)
    np.testing.assert_allclose(
        [*curve.spread, curve.y], np.percentile(pixels, (25, 75, 50), axis=1)
    )


def test_all_regions_and_cubes_are_measured_at_once(dock, layer, finer, viewer, qtbot):
    shapes = viewer.add_shapes([rectangle(0, 0, 1, 1), rectangle(5, 5, 6, 6)], **METRES)
    curves = measured(dock, shapes, qtbot, 4)
    assert {(x.name, x.layer) for x in curves} == {
        (f"Region {number}", name) for number in (1, 2) for name in ("field", "finer")
    }
    assert len({x.colour for x in curves}) == 2


def test_labels_have_the_colours_that_they_have_on_the_canvas(dock, layer, viewer, qtbot):
    data = np.zeros((12, 16), int)
    data[:2], data[5:7] = 1, 4
    labels = viewer.add_labels(data, scale=(30, 30), units=("m", "m"))
    curves = measured(dock, labels, qtbot, 2)
    assert [x.name for x in curves] == ["Label 1", "Label 4"]
    assert [x.pixels for x in curves] == [32, 32]
    red = round(255 * labels.get_color(1)[0])
    assert curves[0].colour.startswith(f"#{red:02x}")


@pytest.mark.parametrize("is_alone", [True, False])
def test_labels_that_are_not_seen_take_no_colour_from_the_canvas(is_alone):
    data = np.zeros((12, 16), int)
    data[:2], data[5:7] = 1, 4
    labels = Labels(data)
    if is_alone:
        labels.selected_label, labels.show_selected_label = 1, True
    else:
        labels.colormap = {1: "red", None: "transparent"}
    colours = [outline.colour for outline, _ in regions_of_labels(data, labels)]
    assert colours == [to_hex(labels.get_color(1)), None]


def test_painting_measures_again(dock, layer, viewer, qtbot):
    labels = viewer.add_labels(np.zeros((12, 16), int), scale=(30, 30), units=("m", "m"))
    dock.region_layer.setCurrentIndex(1)
    labels.paint((3, 3), 1)
    wait(dock, qtbot, 1)
    labels.data = np.zeros((12, 16), int)
    wait(dock, qtbot, 0)


def test_a_changed_shape_is_measured_again(dock, layer, viewer, qtbot):
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES)
    measured(dock, shapes, qtbot, 1)
    shapes.data = [rectangle(0, 0, 0, 0)]
    qtbot.waitUntil(lambda: [x.pixels for x in dock.store.of(Source.REGION)] == [1], timeout=20_000)


def test_a_layer_that_goes_takes_its_curves_along(dock, layer, viewer, qtbot):
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES)
    measured(dock, shapes, qtbot, 1)
    viewer.layers.remove(shapes)
    wait(dock, qtbot, 0)


def test_the_names_of_shapes_are_kept(dock, layer, viewer, qtbot):
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)], features={"name": ["roof"]}, **METRES)
    (curve,) = measured(dock, shapes, qtbot, 1)
    assert curve.name == "roof"


def test_a_dask_cube_is_measured(dock, viewer, cube, qtbot):
    lazy = cube.derive(da.from_array(np.asarray(cube.data), chunks=(2, 5, 5)))
    viewer.add_layer(Layer.create(*layer_data_from_cube(lazy)[0]))
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES)
    (curve,) = measured(dock, shapes, qtbot, 1)
    np.testing.assert_allclose(curve.y, cube.data[:, 2:4, 3:6].mean(axis=(1, 2)))


def test_more_regions_than_can_be_shown_are_told_of(dock, layer, viewer, qtbot):
    data = np.arange(12 * 16).reshape(12, 16)
    labels = viewer.add_labels(data, scale=(30, 30), units=("m", "m"))
    measured(dock, labels, qtbot, MOST_REGIONS)
    assert f"{12 * 16 - 1 - MOST_REGIONS} more are not shown" in dock.status.text()


@pytest.mark.parametrize("kind", ["mean ± std", "median, quartiles"])
def test_what_is_shown_of_regions_is_remembered(dock, viewer, kind):
    from napari_dodn.plugin.profiles.panel import SpectralProfiles

    dock.region_kind.setCurrentText("median, quartiles")
    dock.region_kind.setCurrentText(kind)
    viewer.window.remove_dock_widget(dock)
    again = SpectralProfiles(viewer)
    viewer.window.add_dock_widget(again, name="again")
    assert again.region_kind.currentText() == kind


def test_other_layers_that_come_and_go_measure_nothing_anew(viewer, layer, dock, qtbot):
    measured(dock, viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES), qtbot, 1)
    viewer.add_points(np.zeros((1, 2)), **METRES).name = "elsewhere"
    assert not dock.regions._timer.isActive()
    layer.translate = (0, PIXEL, 0)
    assert dock.regions._timer.isActive()


def test_what_was_said_of_regions_goes_with_them(viewer, layer, dock, qtbot):
    measured(dock, viewer.add_shapes([rectangle(2, 3, 3, 5)], **METRES), qtbot, 1)
    assert dock.status.text() == "1 region measured."
    dock.region_layer.setCurrentIndex(0)
    wait(dock, qtbot, 0)
    assert dock.status.text() == dock.live.reason()


def test_shapes_have_the_colours_and_numbers_of_their_curves(dock, viewer, layer, qtbot):
    shapes = viewer.add_shapes([rectangle(1, 1, 3, 3), rectangle(5, 5, 8, 8)], **METRES)
    curves = measured(dock, shapes, qtbot, 2)
    assert [to_hex(colour) for colour in shapes.edge_color] == [x.colour for x in curves]
    np.testing.assert_allclose(shapes.face_color[:, :3], shapes.edge_color[:, :3])
    assert (shapes.face_color[:, 3] < 0.5).all()
    assert list(shapes.text.values) == ["1", "2"]
    assert [curve.name for curve in curves] == ["Region 1", "Region 2"]
    dock.recolour(curves[1], "#123456")
    assert to_hex(shapes.edge_color[1]) == "#123456"
    assert to_hex(shapes.edge_color[0]) == curves[0].colour
    shapes.add_rectangles(rectangle(9, 1, 10, 3))
    wait(dock, qtbot, 3)
    assert list(shapes.text.values) == ["1", "2", "3"]


def test_texts_and_faces_that_somebody_has_given_shapes_stay(dock, viewer, layer, qtbot):
    shapes = viewer.add_shapes(
        [rectangle(1, 1, 3, 3)],
        face_color="#ff0000",
        text={"string": {"constant": "mine"}},
        **METRES,
    )
    measured(dock, shapes, qtbot, 1)
    dock.regions.mark()  # as after each measurement
    assert to_hex(shapes.face_color[0]) == "#ff0000"
    assert str(shapes.text.values) == "mine"


def test_a_face_that_somebody_gives_a_shape_stays_when_one_before_it_is_deleted(
    dock, viewer, layer, qtbot
):
    corners = [rectangle(1, 1, 3, 3), rectangle(5, 5, 8, 8), rectangle(9, 1, 10, 3)]
    shapes = viewer.add_shapes(corners, **METRES)
    measured(dock, shapes, qtbot, 3)
    faces = np.array(shapes.face_color)
    faces[2] = (1, 0, 0, 1)
    shapes.face_color = faces
    shapes.selected_data = {0}
    shapes.remove_selected()
    wait(dock, qtbot, 2)
    dock.regions.mark()
    assert to_hex(shapes.face_color[1]) == "#ff0000"
    assert shapes.face_color[0, 3] < 0.5


def test_a_region_is_renamed_with_its_shape(dock, viewer, layer, qtbot):
    shapes = viewer.add_shapes([rectangle(1, 1, 3, 3), rectangle(5, 5, 8, 8)], **METRES)
    measured(dock, shapes, qtbot, 2)
    model = dock.table.model()
    row = next(n for n in range(model.rowCount()) if model.curve(n).name == "Region 2")
    assert model.setData(model.index(row, 0), "field", Qt.ItemDataRole.EditRole)
    qtbot.waitUntil(lambda: "field" in {x.name for x in dock.store.of(Source.REGION)})
    assert list(shapes.features["name"]) == ["", "field"]
    qtbot.waitUntil(lambda: list(shapes.text.values) == ["1", "field"])


def test_a_label_is_renamed_in_the_table(dock, viewer, layer, qtbot):
    painted = np.zeros((12, 16), int)
    painted[2:5, 2:5] = 3
    labels = viewer.add_labels(painted, scale=(PIXEL, PIXEL), **METRES)
    (curve,) = measured(dock, labels, qtbot, 1)
    assert curve.name == "Label 3"
    dock._rename(curve, "field")
    qtbot.waitUntil(lambda: [x.name for x in dock.store.of(Source.REGION)] == ["field"])


def test_timers_that_go_first_as_the_program_ends_do_not_keep_the_rest_from_closing(qapp):
    viewer = ViewerModel()
    regions = RegionSpectra(viewer, Cubes(viewer), CurveStore())
    shapes = viewer.add_shapes([rectangle(2, 3, 3, 5)])
    regions.choose(shapes, False)
    heard = len(shapes.events.data.callbacks)
    for timer in (regions._timer, regions._marking):
        timer.deleteLater()
        QCoreApplication.sendPostedEvents(timer, QEvent.Type.DeferredDelete)
    regions.close()
    assert len(shapes.events.data.callbacks) == heard - 1
