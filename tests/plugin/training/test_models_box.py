"""The person's own models: renamed, exported, imported, removed."""

import shutil

import pytest

from napari_dodn.network import model_file
from napari_dodn.plugin.batch.panel import SuperResolveFolder
from napari_dodn.plugin.training.boxes import StartBox
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.models_box import ModelsBox
from napari_dodn.plugin.upscale.panel import SuperResolution


@pytest.fixture
def own(models_folder, small_models, monkeypatch, tmp_path):
    """Return the user's folder with one model in it."""
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(models_folder / "tiny-x2.safetensors", folder / "mine.safetensors")
    monkeypatch.setattr(model_file, "user_models_folder", lambda: folder)
    return folder


@pytest.fixture
def box(own, qtbot):
    made = ModelsBox()
    qtbot.addWidget(made)
    made.choose("mine")
    yield made
    made.close_down()


def bring_in(box, path, qtbot):
    box.bring_in(path)
    qtbot.waitUntil(lambda: box._job is None, timeout=30_000)


def test_the_card_of_the_selected_model_is_shown(box):
    assert "data: nothing at all" in box.card.text()
    assert "psnr 31" in box.card.text()


def test_a_bundled_model_can_only_be_exported(box):
    box.choose("tiny-x4")
    assert not box.rename_button.isEnabled()
    assert not box.remove_button.isEnabled()
    assert box.export_button.isEnabled()


def test_a_renamed_model_is_chosen_under_its_new_name(box, own):
    box.rename("better")
    assert [path.name for path in own.iterdir()] == ["better.safetensors"]
    assert box.chosen.name == "better"


@pytest.mark.parametrize("panel", [SuperResolution, SuperResolveFolder])
def test_a_panel_keeps_its_model_where_that_is_renamed(box, make_napari_viewer, panel):
    viewer = make_napari_viewer()
    made = panel(viewer)
    viewer.window.add_dock_widget(made, name="panel")
    made.scale.value = 2
    made.model.value = box.chosen
    box.rename("zoom")
    assert (made.model.value.name, made.scale.value) == ("zoom", 2)


def test_a_training_starts_from_its_model_where_that_is_renamed(box, qtbot, tmp_path):
    draft = Draft(tmp_path)
    start = StartBox(draft)
    qtbot.addWidget(start)
    draft.start_from(box.chosen)
    box.rename("zoom")
    assert draft["student.start"] == "zoom"
    assert start.start.box.currentData() == "zoom"
    start.close_down()


def test_a_model_with_braces_in_its_name_is_removed_without_a_fault(box, own):
    (own / "mine.safetensors").rename(own / "mine {2}.safetensors")
    box.fill()
    box.choose("mine {2}")
    box.remove()
    assert box.told.text() == "Removed 'mine {2}'."


@pytest.mark.parametrize("name", ["", "a/b", "..", "tiny-x2"])
def test_a_name_that_cannot_be_is_one_sentence(box, own, name):
    box.rename(name)
    assert "name" in box.told.text()
    assert (own / "mine.safetensors").exists()
    assert box.chosen.name == "mine"


def test_an_exported_model_can_be_imported_again(box, own, tmp_path, qtbot):
    box.export(tmp_path / "copy")
    bring_in(box, tmp_path / "copy.safetensors", qtbot)
    assert box.chosen.name == "copy"
    assert (own / "copy.safetensors").read_bytes() == (own / "mine.safetensors").read_bytes()


@pytest.mark.parametrize("content", [b"", b"no model at all" * 99])
def test_a_file_that_is_no_model_is_one_sentence(box, own, tmp_path, qtbot, content):
    path = tmp_path / "strange.safetensors"
    path.write_bytes(content)
    bring_in(box, path, qtbot)
    assert "is damaged or not a .safetensors file" in box.told.text()
    assert [p.name for p in own.iterdir()] == ["mine.safetensors"]


def test_a_model_that_is_cut_off_is_one_sentence(box, own, tmp_path, qtbot):
    path = tmp_path / "cut.safetensors"
    path.write_bytes((own / "mine.safetensors").read_bytes()[:-100])
    bring_in(box, path, qtbot)
    assert "is damaged" in box.told.text()


def test_a_removed_model_leaves_the_list(box, own):
    box.remove()
    assert list(own.iterdir()) == []
    assert all(card.name != "mine" for card in box._cards)


def test_the_super_resolution_panel_has_a_new_model_at_once(box, make_napari_viewer):
    viewer = make_napari_viewer()
    panel = SuperResolution(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    panel.scale.value = 2
    box.rename("newest")
    assert "newest" in [card.name for card in panel.model.choices]
