"""The Super-resolution panel, driven as a person drives it."""

import os
import shlex
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import dask.array
import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDockWidget,
    QFileDialog,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
)

from napari_dodn import read, upscaling, write
from napari_dodn.blur import BlurEstimate
from napari_dodn.cube import Region
from napari_dodn.formats.errors import FormatError
from napari_dodn.jobs import Progress, follow, never, result_of, stop_if
from napari_dodn.network import model_file
from napari_dodn.plugin.kit.dock import CLOSE_BUTTON, MARK
from napari_dodn.plugin.kit.session import camera_of
from napari_dodn.plugin.upscale import panel as super_resolution
from napari_dodn.plugin.upscale.panel import SuperResolution
from napari_dodn.plugin.upscale.recipe import as_command, as_python
from napari_dodn.plugin.upscale.regions import SHAPE, VIEW, WHOLE
from napari_dodn.plugin.upscale.run import Request, super_resolve
from napari_dodn.plugin.viewer import adding, saving
from napari_dodn.plugin.viewer.layers import (
    cube_from_layer,
    is_cube,
    is_picture,
    layer_data_from_cube,
    levels_in,
    picture_of,
)
from napari_dodn.plugin.viewer.pictures import show_picture
from napari_dodn.plugin.viewer.saving import file_name
from napari_dodn.spectra.colour import Mode, Rendering, render, render_steps
from napari_dodn.upscaling import upscale
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.upscaling.tiles import UPSCALING

TIMEOUT = 60_000


def add(viewer, cube):
    layer, _ = (viewer.add_layer(Layer.create(*layer)) for layer in layer_data_from_cube(cube))
    return layer


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def panel(viewer, cube, small_models):
    """Return the docked panel of a viewer that shows a cube."""
    add(viewer, cube)
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    panel.scale.value = 2
    return panel


def is_idle(panel):
    return not panel.cancel_button.enabled and panel._run is None


def finish(panel, qtbot):
    qtbot.waitUntil(lambda: is_idle(panel), timeout=TIMEOUT)


def run(panel, qtbot):
    panel.run_button.clicked.emit(True)
    finish(panel, qtbot)


class Engine:
    """Stands in for the run: goes on until it is stopped, and notes in which thread it ends."""

    def __init__(self, error=None):
        self.error, self.started, self.closed = error, threading.Event(), threading.Event()

    def __call__(self, request, cancelled):
        try:
            self.started.set()
            for done in range(100_000):
                stop_if(cancelled)
                if self.error is not None and done == 3:
                    raise self.error
                yield Progress(done, 100_000, "Working")
                time.sleep(0.005)
        finally:
            self.thread = threading.get_ident()
            self.closed.set()


@pytest.fixture
def engine(monkeypatch):
    """Return a function that puts an engine of ours in the place of the real one."""

    def stand_in(error=None):
        made = Engine(error)
        monkeypatch.setattr(super_resolution, "super_resolve", made)
        return made

    return stand_in


# What the panel asks


def test_without_a_cube_the_panel_says_what_to_do(viewer, small_models):
    panel = SuperResolution(viewer)
    assert panel.status.value.startswith("Choose or open a cube first")


def test_without_a_model_the_panel_says_where_to_put_one(viewer, cube, monkeypatch, tmp_path):
    monkeypatch.setattr(model_file, "BUNDLED", tmp_path)
    monkeypatch.setattr(model_file, "user_models_folder", lambda: tmp_path)
    add(viewer, cube)
    panel = SuperResolution(viewer)
    assert "No model is installed" in panel.status.value


def test_only_cubes_can_be_chosen(panel, viewer):
    viewer.add_image(np.ones((3, 8, 8)), name="stack")
    assert [layer.name for layer in panel.cube.choices] == ["field"]


def test_a_cube_that_is_added_later_can_be_chosen(panel, viewer, cube):
    add(viewer, cube.derive(name="second"))
    assert [layer.name for layer in panel.cube.choices] == ["field", "second"]
    viewer.layers["second"].name = "renamed"
    assert "renamed" in panel.cube._widget._mgui_get_choices()[1][0]


def test_a_cube_stays_chosen_when_it_is_renamed(panel, viewer, cube):
    other = add(viewer, cube.derive(name="other"))
    larger = np.zeros((5, 24, 32), np.float32)
    for name in ("a truth", "the truth"):
        reference = add(viewer, cube.on_finer_grid(larger, 2, name=name))
    panel.cube.value, panel.reference.value = other, reference
    other.name, reference.name = "another", "nothing but the truth"
    assert (panel.cube.value, panel.reference.value) == (other, reference)


def test_the_scales_and_models_are_those_that_there_are(panel):
    assert panel.scale.choices == (2, 4)
    assert [card.name for card in panel.model.choices] == ["tiny-x2"]
    panel.scale.value = 4
    assert [card.name for card in panel.model.choices] == ["tiny-x4"]


def test_the_model_says_what_it_was_trained_on(panel):
    assert panel.choice.about.value == "for any sensor · +1.5 dB over bicubic on nothing at all"
    assert "licence: BSD-3-Clause" in panel.model.tooltip


def test_only_cubes_of_the_size_of_the_result_can_be_the_reference(panel, viewer, cube):
    fine = cube.on_finer_grid(np.repeat(np.repeat(cube.data, 2, 1), 2, 2), 2)
    layer = add(viewer, fine.derive(name="truth"))
    assert panel.reference.choices == (None, layer)
    panel.scale.value = 4
    assert panel.reference.choices == (None,)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing/out.hdr", "There is no folder"),
        ("out.tif", "name must end with .hdr (ENVI), .h5 (HDF5), or .zarr (Zarr)."),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_run(panel, tmp_path, name, sentence):
    panel.output.value = tmp_path / name
    assert sentence in panel.status.value
    panel.run()
    assert is_idle(panel)


def test_the_output_cannot_be_the_source(viewer, envi_file, small_models):
    viewer.open(envi_file, plugin="napari-dodn")
    panel = SuperResolution(viewer)
    panel.output.value = envi_file
    assert "is the file that the source comes from" in panel.status.value


@pytest.mark.parametrize("opened", ["b.bil", "b.bil.hdr"])
def test_the_output_cannot_be_the_source_by_any_of_its_names(
    cube, small_models, tmp_path, monkeypatch, opened
):
    write(cube, tmp_path / "b.bil")
    (tmp_path / "b.hdr").rename(tmp_path / "b.bil.hdr")
    (card,) = model_file.list_models(2)
    monkeypatch.chdir(tmp_path)
    source = read(tmp_path / opened)
    fault = Request(source, card, output=Path("b.bil.hdr")).fault()
    assert fault is not None
    assert "is the file that the source comes from" in fault


def test_the_output_may_have_the_name_of_a_source_of_another_format(cube, small_models, tmp_path):
    (card,) = model_file.list_models(2)
    source = cube.derive(source=str(tmp_path / "b.mat"))
    assert Request(source, card, output=tmp_path / "b.hdr").fault() == ""


# Runs


def test_a_run_puts_the_result_and_its_picture_over_the_source(panel, viewer, qtbot, cube):
    source = viewer.layers["field"]
    source.translate = (0, 600, 60)
    run(panel, qtbot)
    *_, result, picture = viewer.layers
    assert is_cube(result)
    assert is_picture(picture)
    assert result.name == "field ×2"
    assert result.data.shape == (5, 24, 32)
    for y, x in ((0, 0), (7, 12), (23, 31)):
        world = result.data_to_world((1, y, x))
        assert source.world_to_data(world)[1:] == pytest.approx((y / 2 - 0.25, x / 2 - 0.25))


def test_a_result_is_what_the_library_computes_and_keeps_the_description(
    panel, viewer, qtbot, cube
):
    run(panel, qtbot)
    result = cube_from_layer(viewer.layers["field ×2"])
    expected = upscale(cube, 2, panel.model.value.path)
    np.testing.assert_array_equal(result.data, expected.data)
    assert list(result.wavelengths) == list(cube.wavelengths)
    assert result.metadata["sensor type"] == "made up"
    assert result.pixel_size == (15, 15)
    assert "tiny-x2" in result.history[-1]


def test_a_result_can_be_saved_and_opened_again(panel, viewer, qtbot, tmp_path):
    run(panel, qtbot)
    layer = viewer.layers["field ×2"]
    (path,) = layer.save(str(tmp_path / "sharp.hdr"))
    again = read(path)
    np.testing.assert_array_equal(again.data, layer.data)
    assert list(again.wavelengths) == list(cube_from_layer(layer).wavelengths)


def test_after_a_run_the_result_is_selected_and_not_its_colours(panel, viewer, qtbot):
    run(panel, qtbot)
    qtbot.waitUntil(lambda: set(viewer.layers.selection) == {viewer.layers["field ×2"]})


def test_the_panel_follows_the_layer_list_but_neither_a_result_nor_a_reference(
    panel, viewer, cube, qtbot
):
    other = add(viewer, cube.derive(name="other"))
    assert panel.cube.value is other
    reference = cube.derive(np.ones((5, 24, 32)), name="truth", pixel_size=(15.0, 15.0))
    add(viewer, reference)
    assert panel.cube.value is other
    viewer.layers.selection.active = viewer.layers["field"]
    assert panel.cube.value is viewer.layers["field"]
    run(panel, qtbot)
    qtbot.waitUntil(lambda: set(viewer.layers.selection) == {viewer.layers["field ×2"]})
    assert panel.cube.value is viewer.layers["field"]


@pytest.fixture
def choose_file(monkeypatch):
    """Return a function that lets the dialog give a file, and a list of the names it proposed."""
    proposed = []

    def choose(path, kind="ENVI"):
        def answer(_parent, _title, name, filters, *_):
            proposed.append(Path(name).name)
            return str(path), next(x for x in filters.split(";;") if x.startswith(kind))

        monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
        return proposed

    return choose


def save(panel, qtbot):
    panel.save_button.clicked.emit(True)
    qtbot.waitUntil(lambda: not panel._saver.busy, timeout=TIMEOUT)
    return panel.saved.value


def test_there_is_nothing_to_save_before_the_first_run(panel, viewer, qtbot):
    assert not panel.save_button.enabled
    run(panel, qtbot)
    assert panel.save_button.enabled
    viewer.layers.remove("field ×2")
    assert not panel.save_button.enabled


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ENVI", "sharp.hdr"),
        ("GeoTIFF", "sharp.tif"),
        ("HDF5", "sharp.h5"),
        ("Zarr", "sharp.zarr"),
        ("MATLAB", "sharp.mat"),
        ("NumPy", "sharp.npz"),
    ],
)
def test_the_result_is_saved_in_the_chosen_format(
    panel, viewer, qtbot, tmp_path, choose_file, kind, name
):
    run(panel, qtbot)
    proposed = choose_file(tmp_path / "sharp", kind)
    assert save(panel, qtbot) == f"Saved as {tmp_path / name}."
    again, layer = read(tmp_path / name), viewer.layers["field ×2"]
    np.testing.assert_array_equal(again.data, layer.data)
    assert list(again.wavelengths) == list(cube_from_layer(layer).wavelengths)
    assert proposed == ["field_x2"]


def test_saving_replaces_files_only_with_leave(panel, qtbot, tmp_path, choose_file, monkeypatch):
    run(panel, qtbot)
    choose_file(tmp_path / "sharp")
    (tmp_path / "sharp.img").write_text("precious")
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *args: asked.append(args[-1]))
    save(panel, qtbot)
    assert (tmp_path / "sharp.img").read_text() == "precious"
    assert asked == [f"{tmp_path / 'sharp.img'} exists. Replace it?"]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    save(panel, qtbot)
    assert read(tmp_path / "sharp.hdr").shape == (5, 24, 32)


def test_saving_never_replaces_the_file_of_an_open_cube(
    panel, viewer, qtbot, envi_file, choose_file
):
    viewer.open(envi_file, plugin="napari-dodn")
    before = envi_file.with_suffix(".img").read_bytes()
    panel.cube.value = viewer.layers["field"]
    run(panel, qtbot)
    choose_file(envi_file)
    assert "comes from; choose another name." in save(panel, qtbot)
    assert envi_file.with_suffix(".img").read_bytes() == before


def test_a_result_that_cannot_be_saved_is_one_sentence(panel, qtbot, tmp_path, choose_file):
    run(panel, qtbot)
    choose_file(tmp_path / "missing" / "sharp.tif")
    assert save(panel, qtbot).endswith("cannot be written: its folder does not exist.")
    assert panel.save_button.enabled


def test_closing_the_question_saves_nothing(panel, qtbot, tmp_path, monkeypatch):
    run(panel, qtbot)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    panel.save_button.clicked.emit(True)
    assert not panel.saved.visible
    assert list(tmp_path.glob("*.hdr")) == []


def test_the_window_answers_while_the_result_is_saved(
    panel, qtbot, tmp_path, choose_file, monkeypatch
):
    run(panel, qtbot)
    choose_file(tmp_path / "sharp")
    go_on, threads = threading.Event(), []

    def slow(cube, path, **options):
        threads.append(threading.get_ident())
        go_on.wait(10)
        return write(cube, path, **options)

    monkeypatch.setattr(saving, "write", slow)
    panel.save_button.clicked.emit(True)
    qtbot.waitUntil(lambda: bool(threads))
    assert panel.saved.value == f"Saving {tmp_path / 'sharp.hdr'} …"
    assert not panel.save_button.enabled
    go_on.set()
    qtbot.waitUntil(lambda: panel.save_button.enabled, timeout=TIMEOUT)
    assert threads != [threading.get_ident()]


def test_a_file_that_is_being_saved_is_finished_without_the_panel(
    panel, viewer, qtbot, tmp_path, choose_file, monkeypatch
):
    run(panel, qtbot)
    choose_file(tmp_path / "sharp")
    go_on = threading.Event()

    def slow(cube, path, **options):
        go_on.wait(10)
        return write(cube, path, **options)

    monkeypatch.setattr(saving, "write", slow)
    panel.save_button.clicked.emit(True)
    viewer.window.remove_dock_widget(panel.native)
    go_on.set()
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)
    assert read(tmp_path / "sharp.hdr").shape == (5, 24, 32)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("field ×4 [1]", "field_x4"),
        ("gamsberg ×2 · region 1", "gamsberg_x2_region_1"),
        ("a/b: c?", "a_b_c"),
        ("Größe ×8", "Größe_x8"),
        ("…", "cube"),
    ],
)
def test_a_proposed_name_is_one_that_every_system_takes(layer, name):
    assert file_name(layer) == name


def test_the_card_of_the_model_is_behind_a_button(panel, qtbot):
    panel.choice.card_button.clicked.emit(True)
    (window,) = [
        x for x in panel.native.findChildren(QDialog) if x.windowTitle() == "Model tiny-x2"
    ]
    assert "licence: BSD-3-Clause" in window.findChild(QPlainTextEdit).toPlainText()
    window.close()


def test_a_drawn_rectangle_bounds_the_run(panel, viewer, qtbot, cube):
    source = viewer.layers["field"]
    # Rows 2 to 7 and columns 4 to 11: 30 m pixels, counted from their centres.
    corners = np.array([[1.6, 3.6], [1.6, 11.4], [7.4, 11.4], [7.4, 3.6]]) * 30
    viewer.add_shapes([corners], shape_type="rectangle")
    panel.region.value = SHAPE
    run(panel, qtbot)
    result = viewer.layers["field ×2 · region 1"]
    assert result.data.shape == (5, 12, 16)
    assert "field ×2 · region 1 · colours" in viewer.layers
    assert source.world_to_data(result.data_to_world((0, 0, 0)))[1:] == pytest.approx((1.75, 3.75))


def test_without_a_drawn_rectangle_the_panel_says_so(panel, notices):
    panel.region.value = SHAPE
    assert panel.status.value == "Draw a rectangle on the image: press, drag, release."
    assert not panel.run_button.enabled
    panel.run()
    assert is_idle(panel)
    assert notices() == [panel.status.value]


def test_a_rectangle_whose_layer_was_deleted_is_offered_again(panel, viewer):
    panel.region.value = SHAPE
    viewer.layers.remove(viewer.layers["region"])
    assert panel.status.value == "There is no layer to draw in; choose 'drawn rectangle' again."
    panel.region.native.activated.emit(panel.region.native.currentIndex())
    assert viewer.layers["region"].mode == "add_rectangle"
    assert panel.status.value == "Draw a rectangle on the image: press, drag, release."


def test_choosing_a_rectangle_puts_its_tool_into_the_hand(panel, viewer):
    panel.region.value = SHAPE
    layer = viewer.layers.selection.active
    assert (layer.name, layer.mode) == ("region", "add_rectangle")
    assert tuple(layer.units) == tuple(viewer.layers["field"].units[1:])
    layer.add_rectangles([[2, 4], [7, 11]])
    assert panel.about_region.value.startswith("6 × 8 pixels become 12 × 16")
    assert panel.run_button.enabled


def test_the_panel_works_as_napari_opens_it(viewer, cube, small_models, qtbot):
    add(viewer, cube)
    _, panel = viewer.window.add_plugin_dock_widget("napari-dodn", "Super-resolution")
    panel.scale.value = 2
    run(panel, qtbot)
    result, picture = list(viewer.layers)[2:]
    assert (is_cube(result), is_picture(picture)) == (True, True)
    qtbot.waitUntil(lambda: viewer.layers.selection.active is result)


def test_a_run_ends_where_another_plugin_fails_at_its_layers(panel, viewer, qtbot):
    def fail(_):
        raise ValueError("other plugin")

    viewer.layers.events.inserted.connect(fail)
    with qtbot.captureExceptions() as raised:
        run(panel, qtbot)
    assert raised
    assert panel.status.value.startswith("Done")
    assert panel._result is viewer.layers["field ×2"]
    assert len(viewer.layers) == 4


def test_the_outline_of_a_region_lies_over_its_result(panel, viewer, qtbot):
    panel.region.value = SHAPE
    outline = viewer.layers["region"]
    outline.add_rectangles([[2.0, 3.0], [6.0, 9.0]])
    panel.run_button.clicked.emit(True)
    panel.region.value = WHOLE  # for the next run
    finish(panel, qtbot)
    assert viewer.layers[-1] is outline
    assert len(viewer.layers) == 5


@pytest.mark.parametrize("mode", [Mode.AUTOMATIC, Mode.THREE_BANDS])
def test_a_region_is_shown_as_the_source_is_and_as_bright(panel, viewer, qtbot, cube, mode):
    source = viewer.layers["field"]
    channels = () if mode is Mode.AUTOMATIC else (500, 550, 450)
    asked = Rendering(mode, channels=channels, clip=5)
    show_picture(viewer, source, asked, result_of(render_steps(cube, rendering=asked)))
    source.corner_pixels = np.array([[0, 2, 3], [0, 4, 9]])
    panel.region.value = VIEW
    run(panel, qtbot)
    result = cube_from_layer(viewer.layers["field ×2 · region 1"])
    picture = viewer.layers["field ×2 · region 1 · colours"]
    levels = levels_in(picture_of(source, viewer.layers))
    shown = render(result, rendering=replace(asked, levels=levels))
    np.testing.assert_array_equal(picture.data, shown)
    assert (picture.data != render(result, rendering=asked)).any()


def test_two_regions_have_numbers(panel, viewer, qtbot):
    viewer.layers["field"].corner_pixels = np.array([[0, 2, 3], [0, 6, 9]])
    panel.region.value = VIEW
    for _ in range(2):
        run(panel, qtbot)
    assert {"field ×2 · region 1", "field ×2 · region 2"} <= {x.name for x in viewer.layers}
    assert panel.status.value.startswith("Done: 'field ×2 · region 2'")


@pytest.mark.parametrize(("least", "told"), [(0.0, True), (3600.0, False)])
def test_the_time_of_a_run_is_told_after_one_that_took_some(panel, qtbot, monkeypatch, least, told):
    monkeypatch.setattr("napari_dodn.plugin.upscale.speed.LEAST_SECONDS", least)
    monkeypatch.setattr("napari_dodn.plugin.upscale.speed.LEAST_PIXELS", 0)
    assert panel.about_region.value == "12 × 16 pixels become 24 × 32."
    run(panel, qtbot)
    assert told == ("; about " in panel.about_region.value)


@pytest.mark.parametrize(("answer", "count"), [("Yes", 1), ("No", 2), ("Cancel", 1)])
def test_a_second_run_asks_whether_to_replace_the_first_result(
    panel, viewer, qtbot, monkeypatch, answer, count
):
    run(panel, qtbot)
    first = viewer.layers["field ×2"]
    button = getattr(QMessageBox.StandardButton, answer)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: button)
    run(panel, qtbot)
    assert sum(is_cube(layer) for layer in viewer.layers) == count + 1
    assert (first in viewer.layers) == (answer != "Yes")
    names = {"field", "field · colours", "field ×2", "field ×2 · colours"}
    assert {layer.name for layer in viewer.layers if not layer.name.endswith("[1]")} == names


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_result_is_replaced_only_once_the_new_one_is_there(
    panel, viewer, qtbot, monkeypatch, fails_at
):
    run(panel, qtbot)
    before = list(viewer.layers)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    made = []

    class Failing:
        @staticmethod
        def create(*data):
            made.append(data)
            if len(made) == fails_at:
                raise MemoryError
            return Layer.create(*data)

    monkeypatch.setattr(adding, "Layer", Failing)
    with qtbot.captureExceptions() as raised:
        run(panel, qtbot)
    assert raised
    assert list(viewer.layers) == before


def test_a_result_is_replaced_though_the_panel_closes_before_its_second_layer(
    panel, viewer, qtbot, monkeypatch
):
    run(panel, qtbot)
    first = viewer.layers["field ×2"]
    names = sorted(layer.name for layer in viewer.layers)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    closing = viewer.layers.events.inserted.connect(
        lambda _: viewer.window.remove_dock_widget(panel.native) if panel._run else None
    )
    panel.run_button.clicked.emit(True)
    qtbot.waitUntil(lambda: panel._run is None, timeout=TIMEOUT)
    viewer.layers.events.inserted.disconnect(closing)
    qtbot.waitUntil(lambda: sorted(layer.name for layer in viewer.layers) == names)
    assert first not in viewer.layers


def test_a_rectangle_drawn_after_that_lets_the_run_begin(panel, viewer, qtbot):
    panel.region.value = SHAPE
    viewer.add_shapes().add_rectangles([[0, 0], [100, 100]])
    assert panel.status.value == ""
    run(panel, qtbot)
    assert "field ×2 · region 1" in viewer.layers


def test_the_current_view_bounds_the_run(panel, viewer, qtbot):
    # What napari notes when it draws a canvas that is zoomed in.
    viewer.layers["field"].corner_pixels = np.array([[0, 2, 3], [0, 6, 9]])
    panel.region.value = VIEW
    run(panel, qtbot)
    assert viewer.layers["field ×2 · region 1"].data.shape == (5, 10, 14)


def test_the_size_of_the_region_follows_the_view(panel, viewer, qtbot):
    panel.region.value = VIEW
    for corners, zoom, told in (
        ([[0, 2, 3], [0, 6, 9]], 2, "5 × 7 pixels become 10 × 14."),
        ([[0, 0, 0], [0, 0, 0]], 3, ""),
        ([[0, 0, 0], [0, 11, 15]], 4, "12 × 16 pixels become 24 × 32."),
    ):
        viewer.layers["field"].corner_pixels = np.array(corners)
        camera_of(viewer).zoom = zoom
        qtbot.waitUntil(lambda told=told: panel.about_region.value == told)
        assert panel.run_button.enabled == bool(told)


def test_the_way_back_from_3d_lets_the_current_view_be_done(panel, viewer, qtbot):
    viewer.dims.ndisplay = 3
    panel.region.value = VIEW
    assert not panel.run_button.enabled
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: panel.run_button.enabled)


def test_a_region_has_a_number_that_no_renamed_one_has_left_to_its_colours(panel, viewer, qtbot):
    viewer.layers["field"].corner_pixels = np.array([[0, 2, 3], [0, 6, 9]])
    panel.region.value = VIEW
    run(panel, qtbot)
    viewer.layers["field ×2 · region 1"].name = "mine"
    run(panel, qtbot)
    assert {"field ×2 · region 2", "field ×2 · region 2 · colours"} <= {
        x.name for x in viewer.layers
    }


def test_the_current_view_means_nothing_in_3d(panel, viewer):
    viewer.dims.ndisplay = 3
    panel.region.value = VIEW
    assert "only while y and x are on the screen" in panel.status.value


@pytest.mark.parametrize("name", ["out.hdr", "out.h5", "out.zarr"])
def test_an_output_file_is_written_and_shown(panel, viewer, qtbot, tmp_path, name):
    panel.output.value = tmp_path / name
    run(panel, qtbot)
    layer = viewer.layers["out"]
    assert type(layer.data) is not np.ndarray
    np.testing.assert_array_equal(read(tmp_path / name).data, layer.data)


@pytest.mark.parametrize("name", ["out.hdr", "out.h5"])
@pytest.mark.parametrize("answer", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No])
def test_a_file_is_replaced_only_with_leave(
    panel, viewer, qtbot, tmp_path, monkeypatch, name, answer
):
    target = tmp_path / name
    target.write_text("precious")
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)
    panel.output.value = target
    run(panel, qtbot)
    replaced = answer == QMessageBox.StandardButton.Yes
    assert (target.read_bytes() != b"precious") == replaced
    assert ("out" in viewer.layers) == replaced


@pytest.mark.parametrize(
    ("names", "question"),
    [
        (["out.img"], "out.img exists. Replace it?"),
        (["out.hdr", "out.img"], "out.hdr and {}out.img exist. Replace them?"),
    ],
)
def test_the_data_file_is_asked_about_too(panel, tmp_path, monkeypatch, names, question):
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *args: asked.append(args[-1]))
    for name in names:
        (tmp_path / name).write_text("precious")
    panel.output.value = tmp_path / "out.hdr"
    panel.run()
    assert is_idle(panel)
    folder = f"{tmp_path}{os.sep}"
    assert asked == [folder + question.format(folder)]


def test_a_folder_with_foreign_files_is_refused_before_anything_is_asked(
    panel, cube, tmp_path, monkeypatch
):
    monkeypatch.setattr(QMessageBox, "question", lambda *_: pytest.fail("asked"))
    path = write(cube, tmp_path / "out.zarr")
    (path / "notes.txt").write_text("mine")
    panel.output.value = path
    panel.run()
    assert is_idle(panel)
    assert "'notes.txt' in it is not part" in panel.status.value
    assert (path / "notes.txt").read_text() == "mine"


def test_a_file_that_nobody_was_asked_about_is_kept(cube, small_models, tmp_path):
    (card,) = model_file.list_models(2)
    request = Request(cube, card, device="cpu", output=tmp_path / "out.hdr")
    (tmp_path / "out.img").write_text("precious")
    with pytest.raises(FormatError, match="already exists"):
        result_of(super_resolve(request, never))
    assert (tmp_path / "out.img").read_text() == "precious"


def test_the_mean_of_eight_views_is_another_result_and_says_so(panel, viewer, qtbot, monkeypatch):
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    for wanted in (False, True):
        panel.self_ensemble.value = wanted
        run(panel, qtbot)
    once, mean = [cube_from_layer(layer) for layer in viewer.layers if is_cube(layer)][-2:]
    assert "self-ensemble" not in once.history[-1]
    assert "self-ensemble" in mean.history[-1]
    assert not np.allclose(once.data, mean.data)


# A run that was interrupted


@pytest.fixture
def begun(cube, small_models, tmp_path):
    """Return a request whose run has died, with half of its tiles on the disk."""
    (card,) = model_file.list_models(2)
    source = read(write(cube, tmp_path / "in.hdr"))
    folder, left = tmp_path / "results", tmp_path / "left"
    folder.mkdir()
    request = Request(source, card, device="cpu", tile=8, output=folder / "out.zarr")
    steps = super_resolve(request, never)
    while (event := next(steps)).message != UPSCALING or 2 * event.done < event.total:
        pass
    shutil.copytree(folder, left)  # what is there if all ends here
    steps.close()
    assert request.begun() is None
    shutil.rmtree(folder)
    left.rename(folder)
    assert request.begun()
    return request


def test_a_run_that_died_with_napari_goes_on_in_the_window(begun):
    other = replace(begun, output=begun.output.with_name("whole.zarr"))
    whole = result_of(super_resolve(other, never)).cube
    events = super_resolve(replace(begun, resume=True), never)
    first = next(event for event in events if event.message == UPSCALING)
    assert first.done > 0
    np.testing.assert_array_equal(result_of(events).cube.data[:], whole.data[:])
    assert begun.begun() is None


def test_a_run_that_died_can_be_started_over_with_other_settings(begun):
    other = replace(begun, blur=0.35)
    with pytest.raises(UpscaleError, match="begun with a different sensor blur: auto, now 0.35"):
        result_of(super_resolve(replace(other, resume=True), never))
    assert begun.begun()
    result = result_of(super_resolve(replace(other, start_over=True), never)).cube
    assert "sensor blur 0.35" in result.history[-1]


@pytest.mark.parametrize(
    ("answer", "resume", "start_over"),
    [("Yes", True, False), ("No", False, True), ("Cancel", None, None)],
)
def test_run_asks_what_to_do_with_an_unfinished_result(
    panel, begun, qtbot, engine, monkeypatch, answer, resume, start_over
):
    asked = []

    def question(_parent, _title, text, _buttons):
        asked.append(text)
        return QMessageBox.StandardButton[answer]

    monkeypatch.setattr(QMessageBox, "question", question)
    started = []
    monkeypatch.setattr(panel._runner, "start", lambda work, _: started.append(work.args[0]))
    panel.output.value = begun.output
    panel.run()
    assert "has left an unfinished result" in asked[0]
    assert [(r.resume, r.start_over) for r in started] == (
        [] if resume is None else [(resume, start_over)]
    )


def test_an_unfinished_result_is_found_from_the_home_folder(panel, begun, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(begun.output.parent))
    panel.output.line_edit.value = f"~/{begun.output.name}"
    request, _ = panel._asked()
    assert request.begun() == begun.output


def test_an_unfinished_result_that_cannot_be_looked_at_is_told(
    panel, tmp_path, monkeypatch, notices
):
    def refuse(self):
        raise FormatError("The folder cannot be read.")

    panel.output.value = tmp_path / "out.zarr"
    monkeypatch.setattr(Request, "begun", refuse)
    panel.run()
    assert is_idle(panel)
    assert panel.status.value == "The folder cannot be read."
    assert notices() == ["The folder cannot be read."]


def test_who_starts_over_and_cancels_is_told_what_has_gone(panel, begun, qtbot, monkeypatch):
    no = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *_: no)
    panel.output.value = begun.output
    panel.run()
    panel.cancel()
    qtbot.waitUntil(lambda: panel._run is None, timeout=TIMEOUT)
    assert panel.status.value == "Cancelled; the unfinished result was removed."
    assert begun.begun() is None


# A cluster


def test_a_cluster_computes_what_was_changed_lazily_and_no_part_of_a_copy(
    cube, small_models, tmp_path
):
    (card,) = model_file.list_models(2)
    stored = read(write(cube, tmp_path / "in.hdr"))
    copy = np.memmap(tmp_path / "copy", np.float32, "w+", shape=stored.shape)
    lazy = dask.array.from_array(np.asarray(stored.data)) * 2
    for data, can in ((copy, True), (copy[:, 2:], False), (lazy, True)):
        step = "Doubled." if data is lazy else ""
        request = Request(
            stored.derive(data, step=step),
            card,
            output=tmp_path / "out.zarr",
            scheduler="tcp://here:1",
        )
        assert request.fault().startswith("" if can else "A cluster reads the cube from a file")
        assert bool(request.fault()) is not can


def test_a_cluster_does_the_tiles_into_a_file(cube, small_models, tmp_path):
    distributed = pytest.importorskip("distributed")
    (card,) = model_file.list_models(2)
    source = read(write(cube, tmp_path / "in.hdr"))
    here = result_of(super_resolve(Request(source, card, device="cpu"), never)).cube
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        output = tmp_path / "out.zarr"
        request = Request(source, card, device="cpu", output=output, scheduler=address)
        assert request.fault() == ""
        there = result_of(super_resolve(request, never)).cube
        assert f"--scheduler {address}" in as_command(request)
        exec(as_python(replace(request, output=tmp_path / "again.zarr")), {})
    np.testing.assert_allclose(np.asarray(there.data), here.data, rtol=1e-5, atol=1e-5)
    again = read(tmp_path / "again.zarr")
    np.testing.assert_allclose(np.asarray(again.data), here.data, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "in_memory", "sentence"),
    [
        (None, False, "A cluster writes to a file: .hdr (ENVI), or .zarr (Zarr)."),
        ("out.h5", False, "A cluster writes to a file: .hdr (ENVI), or .zarr (Zarr)."),
        ("out.zarr", True, "A cluster reads the cube from a file, and none holds"),
    ],
)
def test_what_a_cluster_cannot_reach_is_told_before_it_is_begun(
    cube, small_models, tmp_path, name, in_memory, sentence
):
    (card,) = model_file.list_models(2)
    source = cube if in_memory else read(write(cube, tmp_path / "in.hdr"))
    output = name and tmp_path / name
    fault = Request(source, card, output=output, scheduler="tcp://here:1").fault()
    assert fault.startswith(sentence)


def test_the_panel_asks_the_cluster_that_is_named(panel, tmp_path):
    panel.output.value = tmp_path / "out.zarr"
    panel.cluster.value = " tcp://nowhere:1 "
    assert panel._asked()[0].scheduler == "tcp://nowhere:1"
    assert "A cluster reads the cube from a file" in panel.status.value


# The sensor's blur


@pytest.fixture
def estimated(monkeypatch):
    """Let every estimate of a blur be 0.42."""
    found = BlurEstimate(0.42)
    monkeypatch.setattr("napari_dodn.upscaling.statistics.estimate_blur", lambda planes: found)


def last_history(viewer):
    cubes = [layer for layer in viewer.layers if is_cube(layer)]
    return cube_from_layer(cubes[-1]).history[-1]


def test_the_blur_is_estimated_unless_it_is_told(panel, viewer, qtbot, estimated):
    assert (panel.blur.label, panel.blur.blur) == ("Sensor blur", "auto")
    assert panel.blur.native.text() == "auto"
    run(panel, qtbot)
    assert panel.blur.native.text() == "auto (0.42)"
    assert "sensor blur 0.42 pixels (estimated)" in last_history(viewer)
    assert panel.blur.blur == "auto"  # the next run estimates again


def test_a_number_that_is_typed_is_told_to_the_network(panel, viewer, qtbot):
    box = panel.blur.native
    box.selectAll()
    qtbot.keyClicks(box, "0.65")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert panel.blur.blur == 0.65
    run(panel, qtbot)
    assert box.text() == "0.65"
    assert "sensor blur 0.65 pixels (as told)" in last_history(viewer)


def test_auto_stands_one_step_below_zero(panel, qtbot):
    box = panel.blur.native
    for key, blur in (("Up", 0.0), ("Up", 0.05), ("Down", 0.0), ("Down", "auto"), ("Down", "auto")):
        qtbot.keyClick(box, getattr(Qt.Key, f"Key_{key}"))
        assert panel.blur.blur == blur
    panel.blur.value = 2
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert panel.blur.blur == 2


def test_the_slider_and_the_box_show_the_same(panel):
    panel.blur_row.slider.setValue(7)
    assert panel.blur.blur == 0.35
    panel.blur.value = 0.6
    assert panel.blur_row.slider.value() == 12
    panel.blur_row.slider.setValue(panel.blur_row.slider.minimum())
    assert panel.blur.blur == "auto"
    panel.blur.value = 1.8  # beyond the slider
    assert panel.blur.blur == 1.8


def test_the_preview_shows_three_blurs_and_takes_the_chosen_one(panel, qtbot):
    panel.blur.value = 0.4
    preview = panel.preview_blur()
    qtbot.waitUntil(lambda: len(preview.buttons) == 3, timeout=TIMEOUT)
    assert [button.text() for button in preview.buttons] == ["0.30", "0.40", "0.50"]
    qtbot.waitUntil(lambda: not preview._latest.busy, timeout=TIMEOUT)
    preview.buttons[2].click()
    assert panel.blur.blur == 0.5


def test_a_preview_ends_with_the_next_one_and_with_the_panel(panel):
    first, second = (panel.preview_blur() for _ in range(2))
    assert (first.isVisible(), second.isVisible()) == (False, True)
    panel._lifetime.end()
    assert not second.isVisible()
    assert not any(preview._latest.busy for preview in (first, second))


def test_what_was_found_is_not_shown_for_another_cube(panel, viewer, qtbot, cube, estimated):
    other = add(viewer, cube.derive(name="other"))
    panel.cube.value = viewer.layers["field"]
    run(panel, qtbot)
    panel.cube.value = other
    assert panel.blur.native.text() == "auto"


def test_the_blur_is_remembered(panel, viewer, cube, small_models):
    panel.blur.value = 0.35
    assert SuperResolution(viewer).blur.blur == 0.35
    panel.blur.value = panel.blur.min
    assert SuperResolution(viewer).blur.blur == "auto"


def test_the_panel_says_what_was_left_out(panel, viewer, qtbot, cube):
    data = np.random.default_rng(0).random((5, 20, 24), np.float32)
    data[2, 12, 12] = 1e9
    panel.cube.value = add(viewer, cube.derive(data, name="spoilt"))
    panel.blur.value = 0
    run(panel, qtbot)
    assert panel.status.value.startswith("Done: ")
    assert panel.status.value.endswith("1 outlier was left out.")
    assert "1 outlier was left out." in last_history(viewer)


def test_the_panel_says_why_no_blur_was_measured(panel, viewer, qtbot, cube):
    panel.cube.value = add(viewer, cube.derive(cube.data[:, :7], name="tiny"))
    run(panel, qtbot)
    assert "no block of 8 × 8 valid pixels" in panel.status.value
    assert panel.blur.native.text() == "auto (0.20)"


def test_a_reference_gives_the_figures_of_the_result_and_of_bicubic(panel, viewer, qtbot, cube):
    rng = np.random.default_rng(0)
    fine = cube.on_finer_grid(
        np.repeat(np.repeat(cube.data, 2, 1), 2, 2) + rng.random((5, 24, 32), np.float32), 2
    )
    panel.reference.reset_choices()
    layer = add(viewer, fine.derive(name="truth"))
    panel.reference.value = layer
    run(panel, qtbot)
    assert not panel.figures.native.isHidden()
    assert list(panel.figures.row_headers) == ["DODN", "bicubic"]
    assert list(panel.figures.column_headers) == ["PSNR (dB)", "SSIM", "SAM (°)", "ERGAS"]
    psnr = [float(row[0]) for row in panel.figures.data.to_list()]
    assert all(np.isfinite(psnr))
    assert psnr[0] != psnr[1]


def test_a_reference_is_cut_to_the_region(panel, viewer, qtbot, cube):
    fine = cube.on_finer_grid(np.repeat(np.repeat(cube.data, 2, 1), 2, 2), 2, name="truth")
    panel.reference.value = add(viewer, fine)
    viewer.layers["field"].corner_pixels = np.array([[0, 1, 1], [0, 10, 12]])
    panel.region.value = VIEW
    run(panel, qtbot)
    assert float(panel.figures.data.to_list()[1][0]) > 20


# The same without the window


def test_what_is_set_can_be_copied_as_python_that_gives_the_same(
    viewer, envi_file, small_models, qtbot, tmp_path
):
    viewer.open(envi_file, plugin="napari-dodn")
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    panel.scale.value, panel.blur.value = 2, 0.35
    viewer.layers["field"].corner_pixels = np.array([[0, 2, 3], [0, 6, 9]])
    panel.region.value = VIEW
    panel.copy_button.copy(lambda: as_python(panel._request()))
    text = QApplication.clipboard().text()
    exec(text, {})
    run(panel, qtbot)
    again = read(envi_file.with_name("field-x2.hdr"))
    np.testing.assert_array_equal(again.data, viewer.layers["field ×2 · region 1"].data)


def test_what_is_set_can_be_copied_as_a_command_line(cube, small_models, tmp_path):
    (card,) = model_file.list_models(2)
    source = read(write(cube, tmp_path / "my cube.hdr"))
    request = Request(source, card, blur=0.35, region=Region(2, 7, 3, 10), self_ensemble=True)
    words = shlex.split(as_command(request))
    assert words[:4] == [
        *("napari-dodn", "upscale"),
        *(str(tmp_path / "my cube.hdr"), str(tmp_path / "my cube-x2.hdr")),
    ]
    told = " ".join(words[4:])
    assert told == "--scale 2 --model tiny-x2 --self-ensemble --blur 0.35 --region 2:7,3:10"


# What can go wrong


def test_a_second_run_is_refused_with_a_word(panel, qtbot, engine, notices):
    working = engine()
    panel.run()
    qtbot.waitUntil(working.started.is_set)
    panel.run()
    assert notices() == ["A super-resolution is running already; wait for it to end, or cancel it."]
    panel.cancel()
    finish(panel, qtbot)


def test_cancel_leaves_everything_as_it_was(panel, viewer, qtbot, engine):
    working, before = engine(), list(viewer.layers)
    panel.run()
    qtbot.waitUntil(lambda: "%" in panel.status.value)
    panel.cancel_button.clicked.emit(True)
    finish(panel, qtbot)
    assert working.closed.is_set()
    assert list(viewer.layers) == before
    assert panel.status.value == "Cancelled; nothing has changed."


def test_cancel_stops_the_real_engine_and_leaves_no_file(panel, viewer, qtbot, tmp_path, cube):
    large = cube.derive(np.tile(cube.data, (1, 20, 20)), name="large")
    panel.cube.value = add(viewer, large)
    panel.tile.value = 16
    panel.output.value = tmp_path / "out" / ".." / "out.hdr"
    (tmp_path / "out").mkdir()
    panel.run()
    qtbot.waitUntil(lambda: "left" in panel.status.value, timeout=TIMEOUT)
    panel.cancel()
    finish(panel, qtbot)
    assert "large ×2" not in viewer.layers
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("name", ["out.hdr", "out.h5", "out.zarr"])
def test_cancel_during_the_comparison_keeps_the_result(
    cube, small_models, tmp_path, monkeypatch, name
):
    (card,) = model_file.list_models(2)
    reference = cube.on_finer_grid(np.repeat(np.repeat(cube.data, 2, 1), 2, 2), 2)
    output = tmp_path / name
    request = Request(cube, card, device="cpu", reference=reference, output=output)
    refuse = lambda *_, **__: pytest.fail("It goes on to bicubic.")  # noqa: E731
    monkeypatch.setattr(upscaling, "bicubic_steps", refuse)
    (tmp_path / "other.img").write_text("precious")
    events, cancelled = [], threading.Event()

    def look(event):
        events.append(event)
        if output.exists():
            cancelled.set()

    outcome = follow(super_resolve(request, cancelled.is_set), look)
    assert outcome.qualities == {}
    assert "kept" in outcome.note
    assert events[-1].message.startswith("Comparing")
    assert read(output).shape == (5, 24, 32)


def test_the_rival_of_a_result_in_a_file_is_a_file_too_and_goes_again(cube, small_models, tmp_path):
    (card,) = model_file.list_models(2)
    reference = cube.on_finer_grid(np.repeat(np.repeat(cube.data, 2, 1), 2, 2), 2)
    request = Request(cube, card, device="cpu", reference=reference)
    memory = result_of(super_resolve(request, never))
    seen, steps = [], super_resolve(replace(request, output=tmp_path / "out.hdr"), never)

    def look(_):
        seen.extend(path.name for path in tmp_path.glob(".*.scratch/*.img"))

    outcome = follow(steps, look)
    assert "scratch.img" in seen
    assert outcome.qualities == memory.qualities
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.hdr", "out.img"]


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_a_run_that_is_stopped_while_bicubic_is_written_leaves_none_of_it(
    cube, small_models, tmp_path, end
):
    (card,) = model_file.list_models(2)
    reference = cube.on_finer_grid(np.repeat(np.repeat(cube.data, 2, 1), 2, 2), 2)
    request = Request(
        cube, card, device="cpu", reference=reference, output=tmp_path / "out.hdr", tile=8
    )
    cancelled = threading.Event()
    steps = super_resolve(request, cancelled.is_set)
    assert any(event.message == "Interpolating" for event in steps)
    assert list(tmp_path.glob(".*.scratch"))
    if end == "cancel":
        cancelled.set()
        assert "kept" in result_of(steps).note
    steps.close()
    assert not list(tmp_path.glob(".*"))


def test_the_output_cannot_be_the_reference(cube, small_models, tmp_path):
    (card,) = model_file.list_models(2)
    fine = cube.on_finer_grid(np.repeat(np.repeat(cube.data, 2, 1), 2, 2), 2)
    reference = read(write(fine, tmp_path / "truth.hdr"))
    fault = Request(cube, card, reference=reference, output=tmp_path / "truth.hdr").fault()
    assert fault is not None
    assert "is the file that the reference comes from" in fault


def test_a_folder_that_cannot_be_listed_is_told_in_a_sentence(
    cube, small_models, tmp_path, monkeypatch
):
    (card,) = model_file.list_models(2)
    (tmp_path / "out.hdr").write_text("ENVI")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    output = tmp_path / "out.hdr"
    fault = Request(cube, card, output=output).fault()
    assert fault == f"{output} cannot be written: Permission denied."


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("the kernel broke\nat line 5"), "failed: the kernel broke."),
        (MemoryError(), "needs more memory than is available"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "needs more memory"),
    ],
)
def test_an_error_is_one_notice_and_the_panel_goes_on(
    panel, qtbot, engine, notices, error, sentence
):
    engine(error)
    panel.run()
    finish(panel, qtbot)
    (notice,) = notices()
    assert sentence in notice
    assert "\n" not in notice
    assert panel.status.value == notice


def test_running_out_of_gpu_memory_is_one_notice(panel, qtbot, engine, notices):
    torch = pytest.importorskip("torch")
    engine(torch.cuda.OutOfMemoryError("CUDA out of memory."))
    panel.run()
    finish(panel, qtbot)
    assert len(notices()) == 1


def test_a_cube_without_a_valid_value_is_remarked_on(panel, viewer, qtbot, cube, notices):
    panel.cube.value = add(viewer, cube.derive(np.full(cube.shape, np.nan), name="empty"))
    run(panel, qtbot)
    assert "empty ×2" in viewer.layers
    assert notices() == ["'empty' has no valid values, so the result has none either."]


def test_a_comparison_that_fails_does_not_cost_the_result(panel, viewer, qtbot, cube, notices):
    empty = cube.on_finer_grid(np.full((5, 24, 32), np.nan, np.float32), 2, name="empty")
    panel.reference.value = add(viewer, empty)
    run(panel, qtbot)
    assert "field ×2" in viewer.layers
    assert len(notices()) == 1


def test_deleting_the_source_asks_and_stops_the_run(panel, viewer, qtbot, engine, monkeypatch):
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    working = engine()
    panel.run()
    qtbot.waitUntil(working.started.is_set)
    viewer.layers.remove("field")
    qtbot.waitUntil(working.closed.is_set)
    qtbot.waitUntil(lambda: panel._run is None)
    assert "field ×2" not in viewer.layers


def test_a_source_deleted_by_mistake_does_not_cost_the_result(panel, viewer, qtbot, monkeypatch):
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    panel.run()
    viewer.layers.remove("field")
    finish(panel, qtbot)
    assert "field ×2" in viewer.layers


def test_a_deleted_source_is_asked_about_after_all_have_heard_of_it(
    panel, viewer, qtbot, engine, monkeypatch
):
    asked, working = [], engine()
    answer = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *args: asked.append(args[2]) or answer)
    panel.run()
    qtbot.waitUntil(working.started.is_set)
    viewer.layers.remove("field")
    assert asked == []
    finish(panel, qtbot)
    assert asked == ["'field' was deleted while it is being sharpened. Stop the run?"]


@pytest.mark.parametrize(("answer", "closed"), [("Yes", True), ("No", False)])
def test_closing_the_panel_at_work_asks(panel, viewer, qtbot, engine, monkeypatch, answer, closed):
    viewer.window.show()
    working = engine()
    panel.run()
    qtbot.waitUntil(working.started.is_set)
    button = getattr(QMessageBox.StandardButton, answer)
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *args: asked.append(args[2]) or button)

    def docks():
        return [x for x in panel.native.window().findChildren(QDockWidget) if x.property(MARK)]

    qtbot.waitUntil(lambda: bool(docks()))  # a moment after the panel is shown
    dock = docks()[0]
    qtbot.mouseClick(dock.findChild(QPushButton, CLOSE_BUTTON), Qt.MouseButton.LeftButton)
    assert asked == ["'field' is being sharpened. Close the panel and stop it?"]
    assert (panel._lifetime.is_open) != closed
    panel.cancel()
    qtbot.waitUntil(working.closed.is_set)


@pytest.mark.parametrize("how", ["close the dock", "close the viewer"])
def test_the_run_stops_with_its_panel(panel, viewer, qtbot, engine, how):
    working = engine()
    panel.run()
    qtbot.waitUntil(working.started.is_set)
    if how == "close the dock":
        viewer.window.remove_dock_widget(panel.native)
    else:
        viewer.close()
    qtbot.waitUntil(working.closed.is_set)
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)


def test_the_engine_is_closed_in_the_thread_that_ran_it(panel, qtbot, engine):
    working = engine()
    panel.run()
    qtbot.waitUntil(working.started.is_set)
    panel.cancel()
    finish(panel, qtbot)
    assert working.thread != threading.get_ident()


def test_the_viewer_goes_on_without_a_panel_that_was_closed(panel, viewer, cube, qtbot, notices):
    viewer.window.remove_dock_widget(panel.native)
    add(viewer, cube.derive(name="later"))
    viewer.layers.remove("field")
    assert notices() == []
