"""What is set before a run: cubes, fields, faults at their places, configuration files."""

import gc
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication
from skimage.transform import resize

from napari_dodn import HyperCube, read, write
from napari_dodn.distillation.config_file import load_config
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.distillation.split import split_of
from napari_dodn.plugin.kit import scrolling
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training import output_box
from napari_dodn.plugin.training.data_box import HELD
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.fields import SHOWN, field_names
from napari_dodn.plugin.training.form import WIDEST, FieldLabel, label_of
from napari_dodn.plugin.training.kept import keep_cubes, kept_cubes
from napari_dodn.plugin.training.material import of_layer
from napari_dodn.plugin.training.state import Phase
from napari_dodn.plugin.viewer.layers import describe_layer


def type_into(form, name, text):
    """Type a text into a field, as a person does."""
    line = form.editors[name].line
    line.setText(text)
    line.textEdited.emit(text)


def fault_at(form, name):
    """Return what is said at a field; empty where nothing is."""
    label = form.faults[name]
    return label.text() if label.isVisibleTo(form) else ""


def hold_out(dock, row):
    dock.data.table.topLevelItem(row).setCheckState(HELD, Qt.CheckState.Checked)


@pytest.fixture
def with_files(dock, driver):
    """Return a function that adds files to the panel."""

    def add(*paths):
        dock.data.add_paths(list(paths))
        driver.until(lambda: not dock.data.busy)

    return add


@pytest.mark.parametrize("size", [12, 30])
def test_no_label_is_cut_in_letters_of_any_size(qtbot, size):
    for name in field_names():
        label = FieldLabel(label_of(name))
        qtbot.addWidget(label)
        label.setStyleSheet(f"font-size: {size}px")
        label.ensurePolished()
        needed = label.fontMetrics().horizontalAdvance(label.text())
        assert needed < label.width() < 40 + label.fontMetrics().horizontalAdvance(WIDEST)


def test_no_field_is_cut_where_the_panel_is_as_narrow_as_it_can_be(dock, monkeypatch):
    monkeypatch.setattr(scrolling, "MOST_OF_WIDTH", 9)  # on a smaller screen it is scrolled
    dock.setStyleSheet("* { font-size: 24px }")
    dock.ensurePolished()
    for page in range(dock.tabs.count()):
        area = dock.tabs.widget(page)
        assert area.minimumSizeHint().width() >= area.widget().minimumSizeHint().width()


# Cubes


def test_without_a_cube_the_panel_says_what_to_do(dock):
    assert not dock.controls.start_button.isEnabled()
    assert dock.controls.why.text().startswith("Add at least one cube")


def test_a_layer_of_the_viewer_can_be_added_once(dock, driver, scene):
    layer = driver.add(scene)
    dock.data.layers_menu.aboutToShow.emit()
    (action,) = dock.data.layers_menu.actions()
    action.trigger()
    assert [m.origin for m in dock.draft.materials] == [layer]
    assert dock.data.table.topLevelItem(0).text(1) == "5 × 64 × 96"
    dock.data.layers_menu.aboutToShow.emit()
    assert not dock.data.layers_menu.actions()[0].isEnabled()


def test_a_layer_that_is_removed_from_the_viewer_leaves_the_list(ready, viewer):
    viewer.layers.clear()
    assert ready.draft.materials == ()


def test_a_layer_of_somebody_else_is_asked_for_its_axis_and_added(dock, viewer):
    assert dock.data.question.isHidden()
    viewer.add_image(np.zeros((5, 40, 40), np.float32), name="stack")
    assert not dock.data.question.isHidden()
    dock.data.question.button.click()
    assert dock.data.question.isHidden()
    assert [material.name for material in dock.draft.materials] == ["stack"]


def test_a_renamed_layer_has_its_new_name_in_the_list(ready, viewer):
    viewer.layers["meadow"].name = "pasture"
    assert ready.data.table.topLevelItem(0).text(0) == "pasture"


def test_wavelengths_that_a_layer_is_given_later_are_known(dock, driver, scene):
    layer = driver.add(scene.derive(wavelengths=None))
    dock.data.add_layer(layer)
    wanted = {"schedule.patch": 8, "msi.source": "cie 1931", "distillation.variant": "area"}
    dock.draft.set(wanted)
    hold_out(dock, 0)
    assert "has no wavelengths" in fault_at(dock.msi.form, "msi.source")
    describe_layer(layer, scene)
    assert fault_at(dock.msi.form, "msi.source") == ""
    assert dock.draft.materials[0].held_out


def test_a_file_is_added_under_the_name_of_its_cube(dock, with_files, scene_file):
    with_files(scene_file)
    assert dock.draft.materials[0].name == read(scene_file).name
    assert dock.draft.materials[0].shape == (5, 64, 96)


def test_a_folder_gives_the_cubes_in_it_each_once(dock, with_files, tmp_path, scene):
    folder = tmp_path / "cubes"
    folder.mkdir()
    for name in ("one", "two"):
        write(scene.derive(name=name), folder / f"{name}.hdr")
    (folder / "notes.txt").write_text("nothing")
    with_files(folder)
    assert [Path(m.origin).name for m in dock.draft.materials] == ["one.hdr", "two.hdr"]


def test_what_a_folder_holds_that_cannot_be_had_is_told(dock, with_files, tmp_path, scene):
    folder = tmp_path / "cubes"
    folder.mkdir()
    write(scene, folder / "good.hdr")
    (folder / "bad.h5").write_bytes(b"no HDF5")
    np.savez(folder / "two.npz", a=scene.data, b=scene.data)
    with_files(folder)
    assert [Path(m.origin).name for m in dock.draft.materials] == ["good.hdr"]
    damaged, several = dock.data.told.text().splitlines()
    assert damaged.startswith(f"{folder / 'bad.h5'} is left out. It is damaged")
    assert several.startswith(f"{folder / 'two.npz'} is left out. It holds several cubes (a, b)")


def test_a_file_that_is_no_cube_is_told_at_the_list(dock, with_files, tmp_path):
    with_files(tmp_path / "nowhere.hdr")
    assert "does not exist" in dock.data.fault.text()
    assert not dock.controls.start_button.isEnabled()


def test_selected_cubes_are_removed_with_the_delete_key(ready, qtbot):
    ready.data.table.topLevelItem(0).setSelected(True)
    ready.data.remove_button.click()
    assert ready.draft.materials == ()


def test_a_cube_that_is_too_small_is_told_with_the_numbers(ready):
    ready.draft.set({"schedule.patch": 24})
    fault = fault_at(ready.schedule.form, "schedule.patch")
    assert fault.startswith("'meadow (training part)' has 64 × 76 pixels to learn from")
    assert "needs 120 × 120" in fault
    assert ready.controls.why.text() == f"Under Advanced, Patch: {fault}"
    assert not ready.controls.start_button.isEnabled()


def test_a_wider_blur_takes_a_larger_cube(ready):
    ready.draft.set({"degradation.psf": (0.3, 2.0)})
    assert "needs 96 × 96" in fault_at(ready.schedule.form, "schedule.patch")
    ready.draft.set({"degradation.kinds": ("cubic",)})
    assert ready.draft.faults == {}


def test_all_cubes_cannot_be_held_out(ready):
    hold_out(ready, 0)
    assert ready.data.fault.text().startswith("The only cube is held out; do not hold it out")


def test_a_cube_that_is_held_out_judges(ready, driver, scene):
    ready.data.add_layer(driver.add(scene.derive(name="forest")))
    hold_out(ready, 1)
    assert ready.data.held_out.text() == "Held out: forest."
    assert [m.held_out for m in ready.draft.materials] == [False, True]


def test_which_cubes_are_drawn_is_said_by_name_before_the_start(ready, driver, scene):
    assert ready.data.held_out.text() == (
        "Held out: rows 0–63 and columns 76–95 of 'meadow', which the model does not learn from."
    )
    for name in ("forest", "lake", "lake"):
        ready.data.add_layer(driver.add(scene.derive(name=name)))
    said = ready.data.held_out.text()
    driver.start(ready, Phase.DONE)
    config = ready.state.run.config()
    split = split_of([read(file) for file in config.data.cubes], config)
    assert said == split.sentence
    assert said.endswith("(drawn by the seed).")


def test_two_cubes_of_one_name_are_told_apart_in_the_list(ready, driver, scene):
    driver.viewer.layers["meadow"].name = "field"
    ready.data.add_layer(driver.add(scene))
    driver.viewer.layers[-2].name = "field"  # napari numbers what comes with a name, not renames
    shown = [ready.data.table.topLevelItem(row).text(0) for row in range(2)]
    assert len(set(shown)) == 2
    assert ready.draft.faults == {}


def test_unstated_fill_values_are_told_before_the_start(dock, driver, scene):
    data = scene.data.copy()
    data[:, :8] = -9999
    dock.data.add_layer(driver.add(scene.derive(data)))
    driver.until(lambda: bool(dock.data.warning.text()))
    assert dock.data.warning.text() == (
        "⚠ 'meadow': No-data value -9999 assumed in 12 % of the pixels."
    )


def test_cubes_of_other_band_counts_cannot_share_a_teacher(ready, driver, scene):
    ready.data.add_layer(driver.add(scene.derive(scene.data[:3], name="b", wavelengths=None)))
    assert "3 and 5 bands" in ready.data.fault.text()
    ready.draft.set({"distillation.variant": "none"})
    assert ready.draft.faults == {}


# Fields


def forms(dock):
    """Return all forms of the panel."""
    boxes = (dock.split, dock.start, dock.msi, dock.degradation, dock.distillation, dock.schedule)
    return [dock.first.scale, dock.first.name, dock.output.licence, *(box.form for box in boxes)]


def test_every_field_that_is_shown_has_its_place(dock):
    assert sorted(name for form in forms(dock) for name in form.editors) == sorted(SHOWN)


def test_nothing_is_red_before_anything_was_done(dock):
    labels = [x for x in dock.findChildren(Sentence) if x.property("fault") and x.text()]
    assert labels == []


def test_all_that_everybody_sets_fits_a_laptop_without_scrolling(dock, driver, scene, qtbot):
    qtbot.addWidget(dock)
    dock.data.add_layer(driver.add(scene))
    assert not dock.advanced.title.isChecked()
    dock.resize(420, 640)  # of 768 napari leaves a dock so many
    dock.show()
    area = dock.tabs.widget(0)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() == 0)
    dock.advanced.title.click()
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)


def test_what_only_a_configuration_file_sets_is_named_until_a_preset_is_chosen(dock):
    dock.draft.set({"teacher.trained": False, "seed": 3})
    assert dock.first.unseen.text() == "Set by a configuration file: seed, teacher.trained."
    assert dock.first.preset.currentText() == "custom settings"
    dock.draft.choose_preset("good")
    assert dock.first.unseen.text() == ""
    assert dock.draft["teacher.trained"]


def test_a_tooltip_says_what_a_field_means_and_its_limits(dock):
    tip = dock.schedule.form.editors["schedule.patch"].toolTip()
    assert tip.startswith("Side of a training patch in low-resolution pixels.")
    assert "At least 8, at most 256." in tip


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("schedule.patch", "4", "at least 8"),
        ("schedule.patch", "many", "not 'many'"),
        ("schedule.patch", "8.5", "8.5"),
        ("schedule.batch", "0", "at least 1"),
        ("schedule.steps", "", "not ''"),
        ("schedule.steps", "nan", "It must be a finite number, not nan."),
        ("schedule.steps", "1e99", "It must be a smaller number, not 1e+99."),
        ("computing.device", "gpu", "'gpu' is no device; write auto, cpu, cuda:0 or mps."),
        ("computing.device", "cuda0", "'cuda0' is no device"),
        ("computing.device", "", "'' is no device"),
    ],
)
def test_what_cannot_be_is_told_at_its_field_before_the_start(ready, name, text, fault):
    type_into(ready.schedule.form, name, text)
    assert fault in ready.schedule.form.faults[name].text()
    assert ready.controls.why.text().startswith(f"Under Advanced, {label_of(name)}: ")
    assert not ready.controls.start_button.isEnabled()


@pytest.mark.parametrize(("text", "steps"), [("1,000", 1000), ("12,000,000", 12_000_000)])
def test_a_comma_between_thousands_is_no_decimal_comma(ready, text, steps):
    type_into(ready.schedule.form, "schedule.steps", text)
    assert ready.draft["schedule.steps"] == steps
    type_into(ready.distillation.form, "distillation.weight", "0,125")
    assert ready.draft["distillation.weight"] == 0.125


def test_a_fault_goes_when_it_is_mended(ready):
    type_into(ready.schedule.form, "schedule.steps", "0")
    assert fault_at(ready.schedule.form, "schedule.steps") == "It must be at least 1, not 0."
    type_into(ready.schedule.form, "schedule.steps", "10")
    assert fault_at(ready.schedule.form, "schedule.steps") == ""
    assert ready.controls.start_button.isEnabled()


def test_a_range_in_the_wrong_order_is_told(ready):
    ready.degradation.form.editors["degradation.noise"].ends[0].line.setText("1")
    ready.degradation.form.editors["degradation.noise"]._on_edited()
    assert "above the highest" in fault_at(ready.degradation.form, "degradation.noise")


def type_range(dock, *texts):
    form = dock.msi.form
    for end, text in zip(form.editors["msi.range"].ends, texts, strict=True):
        end.line.setText(text)
        end.line.textEdited.emit(text)
    return fault_at(form, "msi.range")


def test_gaussian_bands_have_a_range_which_may_stay_empty(ready):
    ready.draft.set({"msi.source": "gaussian"})
    assert type_range(ready, "480", "560.5") == ""
    assert ready.draft["msi.range"] == (480, 560.5)
    assert type_range(ready, "", "") == ""
    assert ready.draft["msi.range"] is None


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        (("900", "1000"), "has no usable band from 900 to 1000 nm"),
        (("600", "500"), "above the highest"),
        (("600", ""), "not ''"),
        (("600", "600"), "no room for a band"),
    ],
)
def test_a_range_that_cannot_be_is_told_at_its_field(ready, texts, fault):
    ready.draft.set({"msi.source": "gaussian"})
    assert fault in type_range(ready, *texts)
    assert not ready.controls.start_button.isEnabled()


def test_a_source_that_needs_wavelengths_is_told_where_there_are_none(ready, driver, scene):
    ready.data.add_layer(driver.add(HyperCube(scene.data, name="nameless")))
    ready.draft.set({"msi.source": "cie 1931"})
    assert "has no wavelengths, which CIE 1931 needs" in fault_at(ready.msi.form, "msi.source")


def test_more_gaussian_bands_than_a_cube_has_are_told_at_their_field(ready):
    ready.draft.set({"msi.source": "gaussian"})
    type_into(ready.msi.form, "msi.bands", "6")
    assert fault_at(ready.msi.form, "msi.bands").startswith("The cube 'meadow' has 5 usable bands")


def test_a_teacher_that_is_not_there_is_told(ready, tmp_path):
    ready.draft.set({"teacher.start": tmp_path / "teacher.safetensors"})
    assert "There is no file" in ready.controls.why.text()


def test_a_preset_sets_its_fields_and_own_ones_are_called_so(dock):
    box = dock.first.preset
    box.setCurrentIndex(box.findData("good"))
    box.activated.emit(box.currentIndex())
    assert dock.draft["schedule.steps"] == 30000
    assert dock.schedule.form.editors["schedule.steps"].line.text() == "30000"
    type_into(dock.schedule.form, "schedule.steps", "123")
    assert box.currentText() == "custom settings"


def test_going_on_from_a_model_takes_its_size(ready):
    start = ready.start.start.box
    start.setCurrentIndex(start.findData("tiny-x2"))
    start.activated.emit(start.currentIndex())
    sizes = [ready.draft[f"student.{key}"] for key in ("scale", "channels", "blocks")]
    assert sizes == [2, 4, 1]
    ready.draft.choose_preset("good")
    assert [ready.draft[f"student.{key}"] for key in ("channels", "blocks")] == [4, 1]
    ready.draft.set({"student.components": 16})
    assert "'tiny-x2' has components" in fault_at(ready.start.form, "student.start")


def test_a_preset_stays_one_where_a_model_is_started_from_and_no_longer(ready):
    ready.draft.choose_preset("quick")
    start, steps = ready.start.start.box, "schedule.steps"

    def choose(name):
        start.setCurrentIndex(start.findData(name))
        start.activated.emit(start.currentIndex())

    choose("tiny-x2")
    assert (ready.draft.preset, ready.draft[steps]) == ("quick", 600)
    assert ready.first.unseen.text() == ""
    choose(None)
    assert (ready.draft.preset, ready.draft[steps]) == ("quick", 2000)
    assert (ready.draft["student.start"], ready.draft["student.channels"]) == (None, 8)
    ready.draft.set({steps: 77})
    choose("tiny-x2")
    assert (ready.draft.preset, ready.draft[steps]) == (None, 77)


def test_a_table_has_to_be_there(ready, tmp_path):
    ready.draft.set({"msi.source": "table"})
    assert "Choose the CSV file" in fault_at(ready.msi.form, "msi.table")
    type_into(ready.msi.form, "msi.table", str(tmp_path / "none.csv"))
    assert "cannot be read" in fault_at(ready.msi.form, "msi.table")


def test_pictures_are_chosen_cube_by_cube(ready, viewer):
    ready.draft.set({"msi.source": "paired"})
    assert ready.msi.fault.text() == "The cube 'meadow' has no picture; name one for it."
    photo = viewer.add_image(np.zeros((64, 96, 3), np.uint8), rgb=True, name="photo")
    (box,) = ready.msi.pictures.boxes
    box.setCurrentIndex(box.findText("photo"))
    box.activated.emit(box.currentIndex())
    assert ready.draft.materials[0].picture is photo
    assert ready.draft.faults == {}
    viewer.layers.remove("photo")
    assert ready.draft.materials[0].picture is None


def test_a_camera_can_be_chosen_among_those_that_are_known(ready, driver):
    ready.draft.set({"msi.source": "camera"})
    ready.advanced.title.click()
    ready.show()
    driver.until(lambda: ready.msi.camera.box.count() > 1)
    assert ready.msi.camera.box.currentText() == "Nikon 5100 (NPL)"


# Where it goes


def test_a_folder_that_is_not_empty_is_told_at_its_field(ready, runs):
    (runs / "my model").mkdir(parents=True)
    (runs / "my model" / "letter.txt").write_text("mine")
    ready.draft.renew()
    assert "is not empty" in ready.output.fault.text()
    assert not ready.controls.start_button.isEnabled()


def test_a_folder_that_became_full_since_is_left_alone(ready, runs):
    (runs / "my model").mkdir(parents=True)
    (runs / "my model" / "letter.txt").write_text("mine")
    ready.controls.start_button.click()
    assert ready.state.phase is Phase.IDLE
    assert [path.name for path in (runs / "my model").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("name", ["teacher.start", "msi.table"])
def test_a_path_that_cannot_be_looked_at_is_told_at_its_field(ready, tmp_path, name):
    path = tmp_path / (300 * "n")  # which no disk has
    ready.draft.set({"msi.source": "table", "msi.table": tmp_path / "none.csv"} | {name: path})
    assert str(path) in ready.draft.faults[name]
    ready.draft.set_parent(path)
    assert str(path) in ready.output.fault.text()


def test_a_folder_on_a_disk_that_is_gone_does_not_keep_the_panel_from_opening(ready, new_dock):
    ready._settings.setValue("folder", "/" + 300 * "n")  # which no disk has
    assert new_dock().draft.parent == ready.draft.parent


def test_a_folder_that_is_not_there_is_told(ready, tmp_path):
    folder = ready.output.folder
    folder.line.setText(str(tmp_path / "no" / "such"))
    folder.line.textEdited.emit(folder.line.text())
    assert "There is no folder" in ready.output.fault.text()


def test_a_name_that_no_file_can_have_is_told_at_its_field(ready):
    type_into(ready.first.name, "name", "a/b")
    assert "file names should not have" in fault_at(ready.first.name, "name")
    type_into(ready.first.name, "name", 300 * "a")
    assert fault_at(ready.first.name, "name") == "It must have at most 80 characters, not 300."


# What a run is given


def test_a_layer_in_memory_is_written_into_the_run(ready, driver, scene):
    driver.start(ready, Phase.DONE)
    config = ready.state.run.config()
    (file,) = config.data.cubes
    assert file.parent == ready.state.run.data_folder
    np.testing.assert_array_equal(np.asarray(read(file).data), scene.data)
    np.testing.assert_array_equal(read(file).wavelengths, scene.wavelengths)


def test_a_layer_of_a_file_is_named_by_that_file(dock, driver, scene_file):
    dock.data.add_layer(driver.add(read(scene_file)))
    dock.draft.set({"schedule.patch": 8})
    driver.start(dock, Phase.DONE)
    assert dock.state.run.config().data.cubes == (scene_file,)
    assert not dock.state.run.data_folder.exists()


def test_a_layer_that_differs_from_its_file_is_written(dock, driver, scene_file):
    cube = read(scene_file)
    dock.data.add_layer(driver.add(cube.derive(np.asarray(cube.data) * 2)))
    dock.draft.set({"schedule.patch": 8})
    driver.start(dock, Phase.DONE)
    (file,) = dock.state.run.config().data.cubes
    np.testing.assert_array_equal(np.asarray(read(file).data), np.asarray(cube.data) * 2)


def test_a_mirrored_layer_of_a_file_is_written(dock, driver, scene_file):
    layer = driver.add(read(scene_file))
    layer.data = layer.data[:, ::-1]
    dock.data.add_layer(layer)
    dock.draft.set({"schedule.patch": 8})
    driver.start(dock, Phase.DONE)
    (file,) = dock.state.run.config().data.cubes
    np.testing.assert_array_equal(np.asarray(read(file).data), np.asarray(layer.data))


def test_pictures_and_held_out_cubes_go_by_the_names_that_the_run_knows(
    ready, driver, viewer, scene
):
    forest = driver.add(scene.derive(name="a: forest"))
    ready.data.add_layer(forest)
    photo = viewer.add_image(np.full((64, 96, 4), 7, np.uint8), rgb=True, name="photo")
    ready.draft.change(ready.draft.materials[0], picture=photo)
    ready.draft.change(ready.draft.materials[1], held_out=True, picture=photo)
    driver.start(ready, Phase.DONE)
    config = ready.state.run.config()
    (name,) = config.data.validation
    assert name == read(config.data.cubes[1]).name
    from imageio.v3 import imread

    assert imread(config.msi.pictures[name]).shape == (64, 96, 3)


def test_a_sharper_picture_is_chosen_beside_its_cube(ready, driver, viewer, scene):
    box = ready.sharper
    assert "If you have a sharper" in box.use.text()
    colours = np.asarray(scene.data)[[4, 2, 0]].transpose(1, 2, 0)
    colours = (colours - colours.min()) / np.ptp(colours)
    sharper = (resize(colours, (256, 384), order=3) * 255).round().astype(np.uint8)
    photo = viewer.add_image(sharper, rgb=True, name="photo")
    (choice,) = box.rows.boxes
    choice.setCurrentIndex(choice.findText("photo"))
    choice.activated.emit(choice.currentIndex())
    assert ready.draft.materials[0].sharper is photo
    assert "needs no picture" in box.use.text()
    assert ready.draft.faults == {}
    driver.start(ready, Phase.DONE)
    config = ready.state.run.config()
    ((name, path),) = config.data.sharper.items()
    assert name == read(config.data.cubes[0]).name
    from imageio.v3 import imread

    assert imread(path).shape == (256, 384, 3)
    viewer.layers.remove("photo")
    assert ready.draft.materials[0].sharper is None


def test_a_teacher_without_a_sharper_picture_of_every_cube_is_a_fault(ready, driver, viewer, scene):
    ready.data.add_layer(driver.add(scene.derive(name="forest")))
    photo = viewer.add_image(np.full((256, 384, 3), 7, np.uint8), rgb=True, name="photo")
    ready.draft.change(ready.draft.materials[0], sharper=photo)
    ready.draft.set({"distillation.variant": "area"})
    assert ready.sharper.fault.text().startswith("'forest' has no sharper picture")


def test_a_picture_of_several_levels_is_written_as_the_finest(ready, driver, viewer):
    fine = np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8)
    photo = viewer.add_image([fine, fine[::2, ::2]], rgb=True, multiscale=True)
    ready.draft.change(ready.draft.materials[0], picture=photo)
    driver.start(ready, Phase.DONE)
    from imageio.v3 import imread

    (path,) = ready.state.run.config().msi.pictures.values()
    np.testing.assert_array_equal(imread(path), fine)


# Configuration files and settings


def saved(dock, driver, path):
    dock.output.save(path)
    driver.until(lambda: not dock.output.busy)
    return path


OTHER_VALUES = {
    "name": "another name",
    "seed": 3,
    "licence": "for tests",
    "data.validation_share": 0.3,
    "data.validation_side": 64,
    "data.peak": 1.5,
    "data.blur": 0.3,
    "msi.source": "table",
    "msi.camera": "Sigma SDMerill (NPL)",
    "msi.bands": 3,
    "msi.range": (460.0, 640.0),
    "msi.shuffled": True,
    "student.scale": 2,
    "student.components": 5,
    "student.channels": 12,
    "student.blocks": 5,
    "student.branch_2d": "folded",
    "student.channels_2d": 12,
    "teacher.channels": 16,
    "teacher.steps": 7,
    "teacher.learning_rate": 0.004,
    "teacher.trained": False,
    "degradation.kinds": ("gaussian", "cubic"),
    "degradation.psf": (0.4, 0.6),
    "degradation.noise": (0.1, 0.2),
    "distillation.variant": "affinity",
    "distillation.weight": 0.3,
    "distillation.decay": True,
    "distillation.weak_teacher": "follow",
    "schedule.steps": 77,
    "schedule.batch": 3,
    "schedule.patch": 9,
    "schedule.learning_rate": 0.003,
    "schedule.start_rate": 0.002,
    "schedule.warm_up": 5,
    "schedule.angle": 0.1,
    "schedule.average": 0.9,
    "schedule.clip": 2.0,
    "schedule.validate_every": 11,
    "schedule.save_every": 12,
    "computing.device": "cpu",
    "computing.precision": "float32",
    "computing.compile": True,
    "computing.threads": 1,
}
EXCLUDED = {
    *("degradation.spectral", "student.start", "teacher.start", "msi.table"),
}
"""What does not go with the values above, or is a file."""


def test_a_configuration_file_sets_every_field_of_the_panel(
    ready, new_dock, driver, tmp_path, scene, with_files
):
    with_files(write(scene.derive(name="field"), tmp_path / "field.hdr"))
    ready.draft.change(ready.draft.materials[1], held_out=True)
    table = tmp_path / "sensor.csv"
    table.write_text("nm,a,b\n400,1,0\n700,0,1\n")
    ready.draft.set(OTHER_VALUES | {"msi.table": table})
    assert ready.draft.faults == {}
    fresh = Draft(ready.draft.parent)
    assert {name for name in field_names() if fresh[name] != ready.draft[name]} == (
        set(field_names()) - EXCLUDED | {"msi.table"}
    )
    path = saved(ready, driver, tmp_path / "mine.toml")
    assert load_config(path).schedule.steps == 77
    other = new_dock()
    other.output.load(path)
    driver.until(lambda: not other.output.busy)
    assert other.draft.plain() == ready.draft.plain()
    assert [m.held_out for m in other.draft.materials] == [False, True]
    assert [m.shape for m in other.draft.materials] == [(5, 64, 96)] * 2
    assert other.draft.faults == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name = ", "It is not TOML"),
        ("name = 'x'\n[data]\ncubes = ['a']\n[schedule]\nsteps = 0\n", "at least 1"),
        ("name = 'x'\n[data]\ncubes = ['a']\n[nonsense]\n", "There is no such field"),
    ],
)
def test_a_damaged_configuration_is_one_sentence_and_changes_nothing(
    ready, tmp_path, content, sentence
):
    path = tmp_path / "broken.toml"
    path.write_text(content)
    before = ready.draft.plain()
    ready.output.load(path)
    assert sentence in ready.output.told.text()
    assert ready.draft.plain() == before


def test_a_configuration_with_a_cube_that_is_gone_loads_and_says_so(
    ready, driver, tmp_path, scene_file
):
    ready.draft.set_materials(())
    ready.data.add_paths([scene_file])
    driver.until(lambda: not ready.data.busy)
    path = saved(ready, driver, tmp_path / "mine.toml")
    scene_file.unlink()
    ready.output.load(path)
    driver.until(lambda: not ready.output.busy)
    assert "does not exist" in ready.data.fault.text()


def test_the_command_line_trains_what_is_set(ready, driver, tmp_path, monkeypatch):
    path = tmp_path / "my file.toml"
    monkeypatch.setattr(output_box, "ask_where", lambda *_: path)
    ready.output.copy_command()
    driver.until(lambda: not ready.output.busy)
    words = shlex.split(QApplication.clipboard().text())
    folder = str(ready.draft.folder)
    assert words == ["napari-dodn", "train", "--config", str(path), "--out", folder]
    assert load_config(path).name == "my model"


def test_a_sharper_picture_that_is_chosen_later_is_in_the_command_line(
    ready, driver, tmp_path, scene, monkeypatch
):
    path = saved(ready, driver, tmp_path / "mine.toml")
    picture = write(scene, tmp_path / "photo.hdr")
    ready.draft.change(ready.draft.materials[0], sharper=picture)
    monkeypatch.setattr(output_box, "ask_where", lambda *_: path)
    ready.output.copy_command()
    driver.until(lambda: not ready.output.busy)
    assert list(load_config(path).data.sharper.values()) == [picture]


def test_what_is_changed_while_a_file_is_saved_is_not_taken_for_saved(
    ready, driver, tmp_path, monkeypatch
):
    ready.output.save(tmp_path / "first.toml")
    ready.draft.set({"seed": 7})
    driver.until(lambda: not ready.output.busy)
    path = tmp_path / "second.toml"
    monkeypatch.setattr(output_box, "ask_where", lambda *_: path)
    ready.output.copy_command()
    driver.until(lambda: not ready.output.busy)
    assert load_config(path).seed == 7


def test_what_was_set_is_there_in_the_next_session(ready, new_dock):
    ready.draft.set({"schedule.steps": 321, "degradation.psf": (0.3, 0.7)})
    again = new_dock()
    assert again.draft["schedule.steps"] == 321
    assert again.draft["degradation.psf"] == (0.3, 0.7)


def test_settings_of_another_version_are_left_out(dock, new_dock):
    dock._settings.setValue("fields", '{"schedule.steps": -3, "what.is": 1, "seed": 5}')
    again = new_dock()
    assert again.draft["schedule.steps"] == 2000
    assert again.draft["seed"] == 5


def test_opening_the_panel_loads_no_torch():
    code = "import sys, napari_dodn.plugin.training.panel; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_run_can_be_opened_by_anybody(ready, driver):
    driver.start(ready, Phase.DONE)
    assert RunFolder.open(ready.state.run.path).config().name == "my model"


def test_the_choice_of_a_sharper_picture_needs_no_more_room_than_other_fields(ready):
    rows = ready.sharper.rows
    assert rows.boxes
    assert rows.widget().minimumSizeHint().width() < ready.first.minimumSizeHint().width()


def test_the_tab_key_goes_through_the_panel_from_top_to_bottom(ready, qtbot):
    with qtbot.waitExposed(ready):
        ready.show()
    ready.advanced.title.click()
    qtbot.waitUntil(ready.output.isVisible)
    tabbed, field = [], ready.data.remove_button
    for _ in range(1000):
        field = field.nextInFocusChain()
        if (
            field.isVisible()
            and field.isEnabled()
            and field.focusPolicy() != Qt.FocusPolicy.NoFocus
        ):
            tabbed.append(field)
        if field is ready.controls.start_button:
            break
    wanted = [
        *(ready.sharper.rows.boxes[0], ready.first.scale.editors["student.scale"].box),
        *(ready.advanced.title, ready.split.form.editors["data.validation_share"].line),
        *(ready.schedule.form.editors["schedule.steps"].line, ready.output.folder.line),
        ready.controls.start_button,
    ]
    assert [field for field in tabbed if field in wanted] == wanted


def test_several_files_and_folders_can_be_dropped_on_the_data(dock, driver, scene, tmp_path):
    (tmp_path / "more").mkdir()
    paths = [write(scene, tmp_path / "a.hdr"), write(scene, tmp_path / "b.hdr")]
    write(scene, tmp_path / "more" / "c.hdr")
    urls = [QUrl.fromLocalFile(str(path)) for path in (*paths, tmp_path / "more")]
    files = QMimeData()
    files.setUrls(urls)
    words = files, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(3, 3), Qt.DropAction.CopyAction, *words)
    dock.data.dragEnterEvent(enter)
    assert enter.isAccepted()
    dock.data.dropEvent(QDropEvent(QPointF(3, 3), Qt.DropAction.CopyAction, *words))
    driver.until(lambda: not dock.data.busy)
    assert [m.origin.name for m in dock.draft.materials] == ["a.hdr", "b.hdr", "c.hdr"]


def test_a_panel_that_is_opened_again_has_the_cubes_of_the_last(
    ready, new_dock, driver, viewer, scene, scene_file
):
    ready.data.add_paths([scene_file])
    driver.until(lambda: len(ready.draft.materials) == 2)
    gone = driver.add(scene.derive(name="gone"))
    ready.data.add_layer(gone)
    first, second, _ = ready.draft.materials
    ready.draft.change(second, held_out=True, sharper=first.origin)
    ready._lifetime.end()
    viewer.layers.remove(gone)
    again = new_dock().draft.materials
    assert [m.origin for m in again] == [first.origin, second.origin]
    assert [m.held_out for m in again] == [False, True]
    assert again[1].sharper is first.origin


def test_a_layer_that_is_removed_is_not_kept_alive_for_the_next_panel(viewer, scene):
    keep_cubes(viewer, [of_layer(Image(scene.data, metadata={}))])
    gc.collect()
    assert kept_cubes(viewer) == ()
