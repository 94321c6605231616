"""A sharper picture on its cube, shown before a run starts."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QPushButton

from napari_dodn import HyperCube, write
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.data.loading import load_data
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.network import model_file
from napari_dodn.plugin.kit.sentence import FAULT
from napari_dodn.plugin.training import picture_rows
from napari_dodn.plugin.training.state import Phase
from tests.distillation.data.test_sharpened import SENSOR, SIGMA
from tests.distillation.sharper.test_pseudo_truth import picture_of, scene

KINDS = ("cube", "picture on the cube", "overlay of both")


@pytest.fixture
def truth():
    return scene(3, 128)[:, :96]


@pytest.fixture
def field(truth):
    return HyperCube(SENSOR.reduce(truth), name="field")


@pytest.fixture
def box(dock, driver, field):
    """Return the box of a panel with a cube of 48 × 64 pixels."""
    dock.data.add_layer(driver.add(field))
    dock.draft.set({"student.scale": 2, "schedule.patch": 8, "data.blur": SIGMA})
    return dock.sharper


def choose(box, viewer, picture, name="photo"):
    layer = viewer.add_image(picture, name=name)
    (choice,) = box.rows.boxes
    choice.setCurrentIndex(choice.findText(name))
    choice.activated.emit(choice.currentIndex())
    return layer


def button(box):
    (made,) = box.rows.widget().findChildren(QPushButton)
    return made


def show(box, driver):
    button(box).click()
    driver.until(lambda: not box.busy)


def shown(viewer):
    return {x.name.split(" · ")[1]: x for x in viewer.layers if x.name.split(" · ")[-1] in KINDS}


def test_cube_picture_and_overlay_lie_over_the_part_that_is_learnt_from(box, driver, viewer, truth):
    choose(box, viewer, picture_of(truth))
    show(box, driver)
    layers = shown(viewer)
    assert tuple(layers) == KINDS
    for layer in layers.values():
        assert layer.data.shape == (96, 104, 3)
        # 104 pixels of half a cube's pixel, from the cube's corner at -0.5.
        np.testing.assert_allclose(layer.extent.world, [[-0.25, -0.25], [47.25, 51.25]])
    text = box.standing.status.value
    assert "moved by +0.0 and +0.0 pixels of the result" in text
    assert "100 % of the area counts" in text
    assert "10 of 10 bands get a pseudo-truth" in text
    assert box._draft.faults == {}


def test_a_panchromatic_layer_is_a_picture(box, driver, viewer, truth):
    choose(box, viewer, picture_of(truth).mean(axis=0), "pan")
    show(box, driver)
    assert tuple(shown(viewer)) == KINDS
    assert "get a pseudo-truth" in box.standing.status.value


def test_with_a_sharper_picture_the_start_from_the_bundled_model_is_proposed(box, viewer, truth):
    assert box.proposal.text() == ""
    assert not box.start_button.isVisibleTo(box)
    choose(box, viewer, picture_of(truth))
    assert "the bundled model tiny-x2 takes fewer steps" in box.proposal.text()
    assert box.start_button.isVisibleTo(box)
    box.start_button.click()
    assert box._draft["student.start"] == "tiny-x2"
    assert box._draft["student.channels"] == 4
    assert box.proposal.text() == ""
    assert not box.start_button.isVisibleTo(box)


def test_only_a_short_training_is_said_to_take_minutes(box, viewer, truth):
    choose(box, viewer, picture_of(truth))
    for preset, is_short in (("quick", True), ("good", False)):
        box._draft.choose_preset(preset)
        assert "takes fewer steps" in box.proposal.text()
        assert ("minutes on a CPU" in box.proposal.text()) is is_short


def test_a_model_of_ones_own_is_not_said_to_be_bundled(box, viewer, truth, monkeypatch, tmp_path):
    own = model_file.BUNDLED
    monkeypatch.setattr(model_file, "user_models_folder", lambda: own)
    monkeypatch.setattr(model_file, "BUNDLED", tmp_path)
    choose(box, viewer, picture_of(truth))
    assert model_file.list_models(2)
    assert box.proposal.text() == ""
    assert not box.start_button.isVisibleTo(box)


def test_a_shift_is_found_and_said(box, driver, viewer, truth):
    choose(box, viewer, np.roll(picture_of(truth), 2, axis=1))
    show(box, driver)
    assert "moved by +2.0 and +0.0 pixels of the result" in box.standing.status.value


def test_a_picture_that_does_not_fit_keeps_a_run_from_starting(dock, box, driver, viewer, truth):
    assert dock.controls.start_button.isEnabled()
    choose(box, viewer, picture_of(scene(8, 128)[:, :96]), "elsewhere")
    show(box, driver)
    assert tuple(shown(viewer)) == KINDS[:2]
    refusal = box.fault.text()
    assert "elsewhere.hdr does not fit the cube 'field'" in refusal
    assert not dock.controls.start_button.isEnabled()
    assert dock.controls.why.text() == refusal
    choose(box, viewer, picture_of(truth), "photo")
    assert box.fault.text() == ""
    assert dock.controls.start_button.isEnabled()


def test_start_tries_a_picture_that_nobody_has_looked_at(dock, box, driver, viewer, truth):
    choose(box, viewer, picture_of(scene(8, 128)[:, :96]), "elsewhere")
    dock.controls.start_button.click()
    driver.until(lambda: dock.controls.why.text() != "")
    driver.wait_for(dock, Phase.IDLE)
    assert "elsewhere.hdr does not fit the cube 'field'" in box.fault.text()
    assert dock.controls.why.text() == box.fault.text()
    assert dock.controls.note.text() == ""
    assert not dock.draft.folder.exists()
    choose(box, viewer, picture_of(truth), "photo")
    driver.start(dock, Phase.DONE)


def test_a_refusal_is_told_though_the_settings_have_changed_meanwhile(
    dock, box, driver, viewer, truth
):
    choose(box, viewer, picture_of(scene(8, 128)[:, :96]), "elsewhere")
    dock.controls.start_button.click()
    dock.draft.set({"data.blur": 0.3})
    driver.wait_for(dock, Phase.IDLE)
    assert box.fault.text() == ""
    assert "elsewhere.hdr does not fit the cube 'field'" in dock.controls.note.text()


def test_start_tries_no_picture_twice(dock, box, driver, viewer, truth):
    choose(box, viewer, picture_of(truth))
    assert dock.draft.unseen_fits == [0]
    show(box, driver)
    assert dock.draft.unseen_fits == []
    box._draft.set({"data.blur": 0.3})
    assert dock.draft.unseen_fits == [0]
    driver.start(dock, Phase.DONE)
    assert dock.draft.unseen_fits == []


def test_a_run_refuses_a_picture_in_the_same_words(box, driver, viewer, field, tmp_path):
    other = write(HyperCube(picture_of(scene(8, 128)[:, :96])), tmp_path / "other.hdr")
    box._draft.change(box._draft.materials[0], sharper=other)
    show(box, driver)
    cube = write(field, tmp_path / "field.hdr")
    data = {"cubes": [cube], "sharper": {"field": other}, "blur": SIGMA}
    schedule = {"steps": 3, "batch": 1, "patch": 8}
    values = {"name": "m", "data": data, "student": {"scale": 2}, "schedule": schedule}
    with pytest.raises(ConfigError) as error:
        load_data(checked(values))
    assert error.value.faults == {"data.sharper": box.fault.text()}


def test_a_picture_that_cannot_be_read_is_told(box, driver, tmp_path):
    box._draft.change(box._draft.materials[0], sharper=tmp_path / "nowhere.hdr")
    show(box, driver)
    assert "The picture of the cube 'field'" in box.fault.text()


def test_a_fit_can_be_cancelled(box, driver, viewer, truth):
    choose(box, viewer, picture_of(truth))
    button(box).click()
    assert box.standing.cancel_button.enabled
    box.standing.cancel_button.native.click()
    driver.until(lambda: not box.busy)
    assert box.standing.status.value == "Fitting the picture of 'field' was cancelled."
    assert not box.standing.status.native.property(FAULT)
    assert not shown(viewer)


def test_a_fit_of_other_settings_is_not_shown(box, driver, viewer, truth):
    choose(box, viewer, picture_of(truth))
    button(box).click()
    box._draft.set({"data.blur": 0.3})
    driver.until(lambda: not box.busy)
    assert "settings have changed" in box.standing.status.value
    assert not shown(viewer)


def test_of_several_wishes_one_fit_is_shown(box, driver, viewer, truth):
    choose(box, viewer, picture_of(truth))
    button(box).click()
    show(box, driver)
    show(box, driver)
    assert sum(x.name.startswith("field · overlay") for x in viewer.layers) == 1
    assert tuple(shown(viewer)) == KINDS


def test_a_picture_is_chosen_after_the_values_were_looked_at(box, driver, viewer, truth):
    photo = viewer.add_image(picture_of(truth), name="photo")
    driver.until(lambda: box._draft.materials[0].remarks is not None)
    (choice,) = box.rows.boxes
    choice.setCurrentIndex(choice.findText("photo"))
    choice.activated.emit(choice.currentIndex())
    assert box._draft.materials[0].sharper is photo


def test_the_box_in_which_a_picture_is_chosen_stays_where_it_is(box, viewer):
    viewer.add_image(np.zeros((96, 128)), name="another")
    (choice,) = box.rows.boxes
    choice.setCurrentIndex(choice.findText("another"))
    choice.activated.emit(choice.currentIndex())
    assert box.rows.boxes == [choice]  # Qt goes on with it after it has told of the choice
    assert button(box).isEnabled()
    choice.setCurrentIndex(0)
    choice.activated.emit(0)
    assert box.rows.boxes == [choice]
    assert box._draft.materials[0].sharper is None
    assert not button(box).isEnabled()


def test_layers_may_come_while_the_file_of_a_picture_is_chosen(
    box, viewer, truth, tmp_path, monkeypatch
):
    def ask(*_):
        viewer.add_image(picture_of(truth), name="late")
        assert choice.isEnabled()  # it is still there
        return str(tmp_path / "photo.tif"), ""

    monkeypatch.setattr(picture_rows.QFileDialog, "getOpenFileName", ask)
    (choice,) = box.rows.boxes
    choice.setCurrentIndex(choice.count() - 1)
    choice.activated.emit(choice.currentIndex())
    (choice,) = box.rows.boxes
    texts = [choice.itemText(i) for i in range(choice.count())]
    assert texts[-3:] == ["late", "photo.tif", "File…"]
    assert choice.currentText() == "photo.tif"


def test_a_fit_is_no_picture_to_choose(box, driver, viewer, truth):
    choose(box, viewer, picture_of(truth))
    show(box, driver)
    viewer.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True, name="another")
    (choice,) = box.rows.boxes
    texts = [choice.itemText(i) for i in range(choice.count())]
    assert "another" in texts
    assert not any("overlay" in text for text in texts)


def test_what_was_said_goes_when_something_else_is_set(box, driver, viewer, truth):
    choose(box, viewer, picture_of(truth))
    show(box, driver)
    assert box.standing.status.value
    box._draft.set({"data.blur": 0.3})
    assert box.standing.status.value == ""


def test_the_fit_of_a_file_lies_where_the_cube_would_be_opened(
    dock, driver, viewer, field, truth, tmp_path
):
    placed = field.derive(pixel_size=(30.0, 30.0), pixel_unit="m")
    dock.data.add_paths([write(placed, tmp_path / "field.hdr")])
    driver.until(lambda: not dock.data.busy)
    picture = write(HyperCube(picture_of(truth)), tmp_path / "photo.hdr")
    dock.draft.set({"student.scale": 2, "schedule.patch": 8, "data.blur": SIGMA})
    dock.draft.change(dock.draft.materials[0], sharper=picture)
    show(dock.sharper, driver)
    overlay = shown(viewer)["overlay of both"]
    np.testing.assert_allclose(overlay.scale, (15, 15))
    np.testing.assert_allclose(overlay.translate, (-7.5, -7.5))
