"""The Compare and map panel, driven as a person drives it."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels, Layer
from qtpy.QtCore import QCoreApplication, QEvent

from napari_dodn import HyperCube
from napari_dodn.cube import Region
from napari_dodn.formats import write_library
from napari_dodn.jobs import Progress, never, result_of, stop_if
from napari_dodn.metrics import compare
from napari_dodn.plugin.compare.maps import Map, Request, Task
from napari_dodn.plugin.compare.panel import CompareAndMap
from napari_dodn.plugin.kit.settings import settings_of
from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.overlap import OverlapError, grid_on
from napari_dodn.plugin.viewer.placing import laid_over
from napari_dodn.spectra.library import SpectralLibrary, Spectrum

WAVELENGTHS = np.arange(450.0, 951.0, 50.0)
SCALE = 4


@pytest.fixture
def source():
    """Return a cube of 11 bands from 450 to 950 nm and 6 × 5 pixels of 10 × 20 m."""
    data = np.random.default_rng(0).random((11, 6, 5)) + 0.1
    return HyperCube(data, WAVELENGTHS, name="field", pixel_size=(10.0, 20.0), pixel_unit="m")


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def coarse(viewer, source):
    """Return the layer of the cube, moved away from the origin."""
    layer = viewer.add_layer(Layer.create(*layer_data_from_cube(source)[0]))
    layer.translate = (0, 100, -40)
    return layer


@pytest.fixture
def finer(viewer, coarse, source):
    """Return a function that adds a finer cube over the layer of the first."""

    def add(name="field ×4", noise=0.0, region=None):
        part = source if region is None else source.crop(region)
        pixels = np.asarray(part.data).repeat(SCALE, axis=1).repeat(SCALE, axis=2)
        pixels = pixels + noise * np.random.default_rng(1).standard_normal(pixels.shape)
        cube = part.on_finer_grid(pixels, SCALE, name=name)
        data = laid_over(layer_data_from_cube(cube), coarse, SCALE, region)[0]
        return viewer.add_layer(Layer.create(*data))

    return add


@pytest.fixture
def docked(viewer):
    """Return a function that opens the panel for a task."""

    def dock(task):
        panel = CompareAndMap(viewer)
        viewer.window.add_dock_widget(panel)
        panel.task.value = task
        return panel

    return dock


@pytest.fixture
def run(qtbot):
    """Return a function that runs a panel's task and waits for its end."""

    def run_it(panel):
        assert panel.run_button.enabled, panel.status.value
        panel.run_button.clicked.emit(True)
        qtbot.waitUntil(lambda: panel._run is None, timeout=30_000)

    return run_it


def click(panel, viewer, world):
    """Pick the pixel at a place of the world, through the viewer's callbacks."""
    panel.spectrum.pick_button.native.click()
    for callback in list(viewer.mouse_drag_callbacks):
        callback(viewer, SimpleNamespace(position=world, type="mouse_press"))


def covers(layer, cube_layer):
    """Tell whether a 2-D layer has the corners and the units of a cube layer."""
    same_units = tuple(layer.units) == tuple(cube_layer.units)[1:]
    extents = layer.extent.world, cube_layer.extent.world[:, 1:]
    return same_units and np.allclose(*extents)


def test_the_angle_to_a_picked_pixel_is_zero_there(viewer, coarse, docked, run):
    panel = docked(Task.ANGLE)
    assert "Pick a pixel" in panel.status.value
    click(panel, viewer, coarse.data_to_world((0, 2, 3)))
    assert not panel.spectrum.pick_button.native.isChecked()
    run(panel)
    made = viewer.layers[-1]
    assert made.name == "field: angle (°) to row 2, column 3"
    assert made.data[2, 3] == pytest.approx(0, abs=1e-6)
    assert np.delete(made.data.ravel(), 2 * 5 + 3).min() > 1
    assert covers(made, coarse)
    assert made.contrast_limits[0] == 0


def test_a_click_in_3d_picks_no_pixel_and_is_waited_for_in_2d(viewer, coarse, docked):
    panel = docked(Task.ANGLE)
    viewer.dims.ndisplay = 3
    click(panel, viewer, coarse.data_to_world((0, 2, 3)))
    assert not panel.run_button.enabled
    assert "2D" in panel.spectrum.pick_button.text
    viewer.dims.ndisplay = 2
    for callback in list(viewer.mouse_drag_callbacks):
        callback(viewer, SimpleNamespace(position=coarse.data_to_world((0, 2, 3))))
    assert panel.run_button.enabled
    assert panel.spectrum.pick_button.text == "Pick a pixel"


def test_a_map_over_a_turned_and_moved_cube_lies_on_it(viewer, finer, docked, run):
    layer = finer()
    layer.rotate = 30
    panel = docked(Task.DIFFERENCE)
    run(panel)
    made = viewer.layers[-1]
    for place in ((0, 0), (23, 19), (7, 11)):
        np.testing.assert_allclose(
            made.data_to_world(place), layer.data_to_world((0, *place))[1:], rtol=1e-6
        )


def test_the_spectrum_of_a_marked_point_is_that_of_its_pixel(viewer, coarse, docked, run):
    points = viewer.add_points([coarse.data_to_world((0, 0, 0)), coarse.data_to_world((0, 4, 1))])
    points.selected_data = {0}
    panel = docked(Task.DISTANCE)
    run(panel)
    assert viewer.layers[-1].data[0, 0] == 0
    points.selected_data = set()
    run(panel)
    assert viewer.layers[-1].data[4, 1] == 0


def test_points_that_are_pinned_while_the_panel_is_open_can_be_chosen_by_their_names(
    viewer, coarse, docked, run
):
    panel = docked(Task.DISTANCE)
    profiles = SpectralProfiles(viewer)
    viewer.window.add_dock_widget(profiles)
    for place in ((0, 0, 0), (0, 4, 1)):
        profiles.pins.pin(coarse.data_to_world(place))
    chooser = panel.spectrum.spectrum
    assert [chooser.native.itemText(i) for i in range(2)] == ["Point 1", "Point 2"]
    chooser.native.setCurrentIndex(1)
    run(panel)
    assert viewer.layers[-1].name == "field: distance to Point 2"
    assert viewer.layers[-1].data[4, 1] == 0
    profiles.pins.rename("point/2", "grass")
    assert chooser.current_choice == "grass"
    profiles.pins.remove("point/1")
    assert [chooser.native.itemText(i) for i in range(chooser.native.count())] == ["grass"]
    run(panel)
    assert viewer.layers[-1].name == "field: distance to grass"
    assert viewer.layers[-1].data[4, 1] == 0
    profiles.pins.remove("point/2")
    assert not chooser.choices
    assert not panel.run_button.enabled


def test_a_point_stays_chosen_when_one_before_it_is_removed(viewer, coarse, docked):
    panel = docked(Task.DISTANCE)
    profiles = SpectralProfiles(viewer)
    viewer.window.add_dock_widget(profiles)
    for place in ((0, 0, 0), (0, 4, 1), (0, 2, 2)):
        profiles.pins.pin(coarse.data_to_world(place))
    chooser = panel.spectrum.spectrum
    chooser.native.setCurrentIndex(1)
    profiles.pins.remove("point/1")
    assert chooser.current_choice == panel.spectrum.of(coarse).name == "Point 2"


def test_a_map_and_a_cube_stay_chosen_when_they_are_renamed(viewer, finer, docked, run):
    cubes = [finer(name) for name in ("first", "second")]
    panel = docked(Task.RATIO)
    for cube in cubes:
        panel.cube.value = cube
        run(panel)
        chosen = panel.cube.value, panel.thresholds.map.value
        for layer in chosen:
            layer.name = "renamed"  # to which napari adds a number where there is one already
        assert (panel.cube.value, panel.thresholds.map.value) == chosen


def test_a_point_added_to_an_empty_layer_can_be_chosen(viewer, coarse, docked, run):
    points = viewer.add_points(np.empty((0, 3)), name="mine")
    panel = docked(Task.DISTANCE)
    assert not panel.run_button.enabled
    points.add(coarse.data_to_world((0, 4, 1)))
    assert panel.spectrum.spectrum.current_choice == "point of mine"
    run(panel)
    assert viewer.layers[-1].data[4, 1] == 0


def test_spectra_with_the_same_name_can_all_be_chosen(viewer, coarse, docked, tmp_path):
    names = ("grass", "grass", "grass (2)", "grass")
    spectra = tuple(
        Spectrum(name, np.full(3, value), np.array([450.0, 550.0, 950.0]))
        for value, name in enumerate(names)
    )
    panel = docked(Task.ANGLE)
    panel.spectrum.file.value = write_library(SpectralLibrary(spectra), tmp_path / "library.csv")
    assert [spectrum.values[0] for spectrum in panel.spectrum.spectrum.choices] == [0, 1, 2, 3]


@pytest.mark.parametrize(("factor", "told"), [(1, False), (1e-3, True), (1e3, True)])
def test_a_distance_to_a_spectrum_on_another_scale_is_remarked_on(
    viewer, coarse, source, docked, run, tmp_path, factor, told
):
    values = factor * source.data[:, 1, 1]
    library = SpectralLibrary((Spectrum("grass", values, WAVELENGTHS),))
    panel = docked(Task.DISTANCE)
    panel.spectrum.file.value = write_library(library, tmp_path / "library.csv")
    run(panel)
    assert ("mostly shows brightness" in panel.status.value) == told


def test_a_pixel_outside_of_the_cube_is_refused_in_a_sentence(viewer, coarse, docked):
    panel = docked(Task.ANGLE)
    click(panel, viewer, (0, 0, 0))
    assert "lies outside of 'field'" in panel.status.value
    assert not panel.run_button.enabled


def test_a_spectrum_of_a_library_is_brought_to_the_bands_of_the_cube(
    viewer, coarse, source, docked, run, tmp_path
):
    wavelengths = np.arange(400.0, 1001.0, 25.0)
    values = np.interp(wavelengths, WAVELENGTHS, source.data[:, 1, 1])
    library = SpectralLibrary((Spectrum("grass", values, wavelengths),))
    panel = docked(Task.ANGLE)
    panel.spectrum.file.value = write_library(library, tmp_path / "library.csv")
    run(panel)
    made = viewer.layers[-1]
    assert made.name == "field: angle (°) to grass"
    assert made.data[1, 1] == pytest.approx(0, abs=1e-4)


def test_a_file_that_is_no_library_is_refused_in_a_sentence(viewer, coarse, docked, tmp_path):
    path = tmp_path / "broken.csv"
    path.write_text("nothing\n")
    panel = docked(Task.ANGLE)
    panel.spectrum.file.value = path
    assert "broken.csv" in panel.status.value
    assert not panel.run_button.enabled


@pytest.fixture
def refused(viewer, coarse, docked, tmp_path):
    """Return the panel after a library was loaded and then a file that is none."""
    spectrum = Spectrum("grass", np.ones(3), np.array([450.0, 550.0, 950.0]))
    panel = docked(Task.ANGLE)
    panel.spectrum.file.value = write_library(SpectralLibrary((spectrum,)), tmp_path / "good.csv")
    assert panel.run_button.enabled
    (tmp_path / "broken.csv").write_text("nothing\n")
    panel.spectrum.file.value = tmp_path / "broken.csv"
    return panel


def test_the_spectra_of_another_library_go_with_it_when_a_file_is_refused(refused):
    assert "broken.csv" in refused.status.value
    assert not refused.spectrum.spectrum.choices
    assert not refused.run_button.enabled


def test_the_fault_of_a_file_goes_when_another_spectrum_is_picked(refused, viewer, coarse):
    click(refused, viewer, coarse.data_to_world((0, 2, 3)))
    assert refused.status.value == ""
    assert refused.run_button.enabled


def test_a_refused_file_is_not_there_in_the_next_session(refused, docked):
    assert "broken" not in str(docked(Task.ANGLE).spectrum.file.value)


@pytest.mark.parametrize("task", [Task.RATIO, Task.DIFFERENCE])
def test_a_ratio_is_that_of_the_bands_nearest_to_the_wavelengths(
    viewer, coarse, source, docked, run, task
):
    panel = docked(task)
    panel.bands[0].value, panel.bands[1].value = 860, 645
    run(panel)
    a, b = source.data[8], source.data[4]
    wanted = a / b if task is Task.RATIO else (a - b) / (a + b)
    np.testing.assert_allclose(viewer.layers[-1].data, wanted, rtol=1e-6)
    assert "850" in viewer.layers[-1].name
    assert "650" in viewer.layers[-1].name


def test_labels_follow_the_threshold_of_a_map(viewer, coarse, docked, run):
    panel = docked(Task.RATIO)
    assert panel.thresholds.native.isHidden()
    run(panel)
    ratio = viewer.layers[-1]
    panel.thresholds.side.value = "at least"
    panel.thresholds.threshold.value = 1.0
    panel.thresholds.make_button.clicked.emit(True)
    labels = viewer.layers[-1]
    assert isinstance(labels, Labels)
    np.testing.assert_array_equal(labels.data, ratio.data >= 1)
    assert covers(labels, coarse)
    panel.thresholds.threshold.value = 2.0
    assert viewer.layers[-1] is labels
    np.testing.assert_array_equal(labels.data, ratio.data >= panel.thresholds.threshold.value)
    assert labels.name == f"{ratio.name} ≥ 2"
    assert panel.status.value.startswith("From ")
    panel.task.value = Task.DIFFERENCE
    assert panel.status.value == ""


def test_a_map_that_was_there_before_the_panel_has_thresholds_of_its_own_range(
    viewer, coarse, docked, run
):
    run(docked(Task.DIFFERENCE))
    values = viewer.layers[-1].data
    assert values.min() < 0
    thresholds = docked(Task.DIFFERENCE).thresholds
    assert thresholds.threshold.value == pytest.approx(np.percentile(values, 10), abs=1e-3)
    thresholds.threshold.value = float(values.min())
    assert thresholds.threshold.value == pytest.approx(values.min(), abs=1e-3)


def test_the_suggested_threshold_takes_a_tenth_on_either_side_until_a_person_sets_it(
    viewer, coarse, docked, run
):
    panel = docked(Task.RATIO)
    run(panel)
    values, thresholds = viewer.layers[-1].data, panel.thresholds
    thresholds.side.value = "at least"
    assert thresholds.threshold.value == pytest.approx(np.percentile(values, 90), abs=1e-2)
    thresholds.threshold.value = 1.0
    thresholds.side.value = "at most"
    assert thresholds.threshold.value == 1.0


def test_a_comparison_gives_two_maps_the_table_and_the_plot(viewer, finer, docked, run):
    reference, result = finer("truth"), finer("guess", noise=0.05)
    panel = docked(Task.COMPARE)
    assert panel.cube.value is result
    assert panel.other.value is reference  # suggested, since it has the same size
    run(panel)
    error, angle = viewer.layers[-2:]
    assert error.name == "guess against truth: RMSE"
    assert angle.name == "guess against truth: angle (°)"
    assert covers(error, result)
    figures = compare(HyperCube(result.data), HyperCube(reference.data))
    table = panel.quality.table
    shown = {
        table.horizontalHeaderItem(column).text(): float(table.item(0, column).text())
        for column in range(table.columnCount())
    }
    assert list(shown) == ["PSNR (dB)", "SSIM", "SAM (°)", "ERGAS", "CC"]
    assert shown["PSNR (dB)"] == pytest.approx(figures.psnr, rel=1e-3)
    assert shown["CC"] == pytest.approx(figures.cc, rel=1e-3)
    x, y = panel.quality.line.getData()
    assert list(x) == list(WAVELENGTHS)
    assert np.mean(y) == pytest.approx(figures.psnr)
    assert not panel.quality.isHidden()
    panel.task.value = Task.RATIO
    assert panel.quality.isHidden()


def test_figures_are_seen_only_with_the_cubes_that_they_are_of(viewer, finer, docked, run):
    reference, result, other = finer("truth"), finer("guess", noise=0.05), finer("bad", noise=0.5)
    panel = docked(Task.COMPARE)
    panel.cube.value, panel.other.value = result, reference
    run(panel)
    assert not panel.quality.isHidden()
    viewer.layers.selection.active = other
    assert panel.cube.value is other
    assert panel.quality.isHidden()
    panel.cube.value, panel.other.value = result, reference
    assert not panel.quality.isHidden()
    panel.other.value = other
    assert panel.quality.isHidden()


def test_without_a_source_the_panel_asks_for_what_the_cube_was_made_from(viewer, coarse, docked):
    panel = docked(Task.CONSISTENCY)
    assert panel.status.value == "Choose the cube that 'field' was made from."


@pytest.mark.parametrize("region", [None, Region(1, 5, 2, 5)])
def test_a_result_is_consistent_with_the_source_that_it_repeats(
    viewer, coarse, finer, docked, run, region
):
    finer(region=region)
    panel = docked(Task.CONSISTENCY)
    assert panel.other.value is coarse
    run(panel)
    error, angle = viewer.layers[-2:]
    shape = (6, 5) if region is None else region.shape
    assert error.data.shape == angle.data.shape == shape
    np.testing.assert_allclose(error.data, 0, atol=1e-12)
    corner = (0, 0) if region is None else (region.y0, region.x0)
    np.testing.assert_allclose(error.data_to_world((0, 0)), coarse.data_to_world((0, *corner))[1:])
    assert "by an RMSE of 0" in panel.status.value


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "reduced ×4 by pixel averaging, differs"),
        ({"dodn sensor blur": 0.0}, "reduced ×4 by cubic interpolation, differs"),
        ({"dodn sensor blur": 0.421}, "reduced ×4 by the sensor's blur (σ 0.42 pixels), differs"),
    ],
)
def test_the_panel_says_how_a_result_is_reduced(source, told, words):
    pixels = np.asarray(source.data).repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    result = source.on_finer_grid(pixels, SCALE, metadata=told)
    request = Request(Task.CONSISTENCY, result, source, scale=SCALE)
    assert words in result_of(request.steps(never)).words


def test_a_long_sentence_has_room_although_a_request_for_it_was_lost(
    viewer, finer, docked, run, qtbot
):
    finer("a result with quite a long name")
    panel = docked(Task.CONSISTENCY)
    panel.native.window().show()
    label = panel.status.native
    qtbot.waitUntil(lambda: label.height() == label.heightForWidth(label.width()))
    panel._runner.say("short")
    column = label.parentWidget()
    column.layout().invalidate()
    QCoreApplication.removePostedEvents(column, QEvent.Type.LayoutRequest)
    run(panel)
    assert label.heightForWidth(label.width()) > label.fontMetrics().height() * 2
    qtbot.waitUntil(lambda: label.height() >= label.heightForWidth(label.width()), timeout=3000)


@pytest.mark.parametrize("goes", ["source", "result"])
def test_a_run_is_cancelled_when_a_layer_goes_that_its_maps_need(
    viewer, coarse, finer, docked, qtbot, goes
):
    result = finer()
    panel = docked(Task.CONSISTENCY)
    panel.run()
    viewer.layers.remove(coarse if goes == "source" else result)
    assert panel.status.value == "Cancelling …"
    qtbot.waitUntil(lambda: panel._run is None, timeout=20_000)


def test_an_invented_detail_shows_where_it_is(viewer, coarse, finer, docked, run):
    layer = finer()
    layer.data[:, 8:12, 4:8] += 1
    panel = docked(Task.CONSISTENCY)
    run(panel)
    error = viewer.layers[-2].data
    assert np.argwhere(error > 0.5).tolist() == [[2, 1]]


def test_cubes_of_different_sizes_are_refused_in_a_sentence(viewer, coarse, finer, docked):
    finer()
    panel = docked(Task.COMPARE)
    assert "only cubes of the same size can be compared." in panel.status.value
    assert not panel.run_button.enabled
    panel.task.value = Task.CONSISTENCY
    assert panel.run_button.enabled
    panel.cube.value = coarse
    assert "'field' is not a finer version of 'field ×4'" in panel.status.value


def test_long_names_make_the_panel_no_wider(viewer, coarse, finer, docked):
    panel = docked(Task.COMPARE)
    width = panel.native.minimumSizeHint().width()
    for layer in (coarse, finer()):
        layer.name = 150 * "n"
    panel.other.value = coarse
    assert "nnn" in panel.status.value
    assert panel.native.minimumSizeHint().width() == width


def test_a_cube_without_wavelengths_is_refused_a_ratio_in_a_sentence(viewer, source, docked):
    data = layer_data_from_cube(source.derive(wavelengths=None))[0]
    viewer.add_layer(Layer.create(*data))
    panel = docked(Task.RATIO)
    assert panel.status.value.startswith("'field' has no wavelengths")


def test_a_picture_is_no_cube_and_the_panel_says_so(viewer, source, docked):
    for data in layer_data_from_cube(source):
        viewer.add_layer(Layer.create(*data))
    viewer.add_image(np.ones((5, 5, 3), np.uint8), rgb=True, name="photo")
    panel = docked(Task.RATIO)
    assert panel.cube.choices == (viewer.layers[0],)
    assert "'photo' is an RGB picture" in panel.question.text.text()


def test_what_was_asked_for_is_there_again_in_the_next_session(viewer, coarse, docked, tmp_path):
    spectrum = Spectrum("grass", np.ones(3), np.array([450.0, 550.0, 950.0]))
    library = write_library(SpectralLibrary((spectrum,)), tmp_path / "library.csv")
    panel = docked(Task.DISTANCE)
    panel.bands[1].value, panel.thresholds.side.value = 1240, "at least"
    panel.spectrum.file.value = library
    again = CompareAndMap(viewer)
    viewer.window.add_dock_widget(again)
    assert again.task.value == Task.DISTANCE
    assert again.bands[1].value == 1240
    assert again.thresholds.side.value == "at least"
    assert again.spectrum.spectrum.value.name == "grass"


def test_a_library_that_is_gone_is_forgotten(viewer, coarse, docked, tmp_path):
    spectrum = Spectrum("grass", np.ones(3), np.array([450.0, 550.0, 950.0]))
    library = write_library(SpectralLibrary((spectrum,)), tmp_path / "library.csv")
    docked(Task.ANGLE).spectrum.file.value = library
    library.unlink()
    panel = docked(Task.ANGLE)
    assert panel.spectrum.spectrum.value is None
    assert "Pick a pixel" in panel.status.value


def test_a_library_on_a_disk_that_is_gone_is_left_alone(viewer, coarse, docked):
    settings_of("compare and map").setValue("library", "/" + 300 * "n")  # which no disk has
    assert docked(Task.ANGLE).spectrum.file.value is None


def test_without_a_cube_the_panel_says_how_to_get_one(docked):
    for task in Task:
        panel = docked(task)
        assert panel.status.value.startswith("Choose or open a cube first")


def test_a_cancelled_run_leaves_no_layer(viewer, coarse, docked, qtbot, monkeypatch):
    def endless(*_, cancelled):
        yield Progress(0, 1, "Waiting")
        while True:
            stop_if(cancelled)
            time.sleep(0.01)

    monkeypatch.setattr("napari_dodn.plugin.compare.maps.band_ratio_steps", endless)
    panel = docked(Task.RATIO)
    panel.run_button.clicked.emit(True)
    panel.cancel_button.clicked.emit(True)
    qtbot.waitUntil(lambda: panel._run is None, timeout=30_000)
    assert panel.status.value == "Cancelled; nothing has changed."
    assert list(viewer.layers) == [coarse]


def test_a_fault_in_the_middle_of_a_run_is_told_in_a_sentence(
    viewer, coarse, docked, run, monkeypatch
):
    def fail(*_, **__):
        yield Progress(0, 1, "Dividing")
        raise MemoryError

    monkeypatch.setattr("napari_dodn.plugin.compare.maps.band_ratio_steps", fail)
    panel = docked(Task.RATIO)
    run(panel)
    assert "more memory than is available" in panel.status.value


def test_deleting_the_cube_during_a_run_ends_it_quietly(viewer, coarse, docked, qtbot):
    panel = docked(Task.RATIO)
    panel.run_button.clicked.emit(True)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: panel._run is None, timeout=30_000)
    assert not viewer.layers


def test_a_closed_panel_listens_no_more(viewer, coarse, docked):
    panel = docked(Task.ANGLE)
    panel.spectrum.pick_button.native.click()
    before = len(viewer.mouse_drag_callbacks)
    panel.task.value = Task.RATIO
    panel.run_button.clicked.emit(True)
    viewer.window.remove_dock_widget(panel.native)
    assert len(viewer.mouse_drag_callbacks) == before - 1
    assert not panel._runner.busy
    viewer.layers.clear()
    viewer.theme = "light"


def test_a_result_read_from_a_file_is_matched_to_its_source_by_size(viewer, coarse, finer):
    result = finer()
    result.translate = (0, 0, 0)
    assert grid_on(result, coarse) == (SCALE, None)


def test_a_part_with_twice_the_pixels_of_the_whole_is_taken_for_the_part():
    cube, part = HyperCube(np.ones((3, 8, 8)), name="field"), Region(1, 5, 3, 7)
    whole = Layer.create(*layer_data_from_cube(cube)[0])
    fine = cube.crop(part).on_finer_grid(np.ones((3, 16, 16)), SCALE)
    result = Layer.create(*laid_over(layer_data_from_cube(fine), whole, SCALE, part)[0])
    assert grid_on(result, whole) == (SCALE, part)


def test_a_part_that_lies_between_the_pixels_of_the_source_is_refused(coarse, finer):
    result = finer(region=Region(1, 5, 2, 5))
    assert grid_on(result, coarse) == (SCALE, Region(1, 5, 2, 5))
    result.translate = np.add(result.translate, (0, 5, 0))
    with pytest.raises(OverlapError, match="not a finer version"):
        grid_on(result, coarse)


@pytest.mark.parametrize(
    ("values", "colormap", "limits"),
    [
        (np.full((2, 2), np.nan), "magma", (0, 1)),
        (np.full((2, 2), 3.0), "gray", (3, 4)),
        (np.array([[-0.2, 0.8]]), "PiYG", (-0.795, 0.795)),
        (np.zeros((2, 2)), "viridis", (0, 1)),
    ],
)
def test_contrast_limits_suit_the_kind_of_map(values, colormap, limits):
    found = Map(values, "map", colormap).attributes()["contrast_limits"]
    assert found == pytest.approx(limits)


def test_a_request_judges_itself_without_reading_pixels(source):
    class Unread:
        shape, dtype = (11, 6, 5), np.dtype(float)

        def __getitem__(self, key):
            raise AssertionError("read")

    cube = source.derive(Unread())
    spectrum = Spectrum("flat", np.ones(11), WAVELENGTHS)
    for request in (
        Request(Task.ANGLE, cube, spectrum=spectrum),
        Request(Task.RATIO, cube, wavelengths=(860, 650)),
        Request(Task.COMPARE, cube, cube),
    ):
        assert request.fault() == ""


def test_a_map_of_the_thermal_infrared_is_named_by_whole_nanometres():
    cube = HyperCube(np.ones((2, 3, 3)), [10605.0, 12001.0], name="roofs")
    request = Request(Task.RATIO, cube, wavelengths=(10600, 12000))
    (made,) = result_of(request.steps(never)).maps
    assert made.name == "roofs: 10605 / 12001 nm"
