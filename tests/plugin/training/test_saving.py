"""Cubes and pictures that are in no file: written whole with what names them, or not at all."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest

from napari_dodn import write
from napari_dodn.distillation.config_file import load_config
from napari_dodn.jobs import CancelledError, never, result_of
from napari_dodn.plugin.training import saving
from napari_dodn.plugin.training.material import Material


def contents(folder):
    """Return what is in all files of a folder, by path; of folders nothing."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def photo(viewer):
    return viewer.add_image(np.full((64, 96, 3), 7, np.uint8), rgb=True, name="photo")


@pytest.fixture
def with_photos(ready, tmp_path, scene, photo):
    """Return the panel with a cube in memory and one in a file, each with a picture in memory."""
    (layer,) = ready.draft.materials
    file = Material("b", write(scene, tmp_path / "b.hdr"), (5, 64, 96), scene.description())
    ready.draft.set_materials([replace(layer, picture=photo), replace(file, picture=photo)])
    return ready


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def save(dock, driver, path):
    dock.output.save(path)
    driver.until(lambda: not dock.output.busy)


@pytest.mark.parametrize("saved_before", [False, True])
@pytest.mark.parametrize("what", ["a cube that is gone", "a full disk at the end"])
def test_a_configuration_that_cannot_be_saved_leaves_nothing_behind(
    with_photos, driver, tmp_path, photo, monkeypatch, what, saved_before
):
    path, told = tmp_path / "mine.toml", with_photos.output.told
    if saved_before:
        save(with_photos, driver, path)
        photo.data = np.zeros((64, 96, 3), np.uint8)
    if what == "a cube that is gone":
        with_photos.draft.materials[1].origin.unlink()
    else:
        monkeypatch.setattr(saving, "replace_text", full)
    before = contents(tmp_path)
    save(with_photos, driver, path)
    assert ("b.hdr does not exist" if "cube" in what else "mine.toml cannot") in told.text()
    assert contents(tmp_path) == before


def test_a_configuration_whose_saving_is_stopped_leaves_nothing_behind(with_photos, tmp_path):
    before = contents(tmp_path)
    steps = saving.save_configuration(with_photos.draft.plan(), tmp_path / "mine.toml", never)
    next(steps)
    next(steps)
    assert (tmp_path / "mine data" / "meadow MSI.png").exists()
    steps.close()
    assert contents(tmp_path) == before


def test_a_run_that_is_cancelled_during_its_last_cube_is_not_made(ready, monkeypatch):
    cancelled = False

    def write_slowly(*_):
        nonlocal cancelled
        cancelled = True
        return cube_file(*_)

    cube_file = saving._file_of
    monkeypatch.setattr(saving, "_file_of", write_slowly)
    folder = ready.draft.folder
    with pytest.raises(CancelledError):
        result_of(saving.make_run(ready.draft.plan(), folder, lambda: cancelled))
    assert not folder.exists()


def test_a_configuration_that_is_saved_again_leaves_the_pictures_of_the_last(
    with_photos, driver, tmp_path, photo
):
    first, second = tmp_path / "a" / "mine.toml", tmp_path / "mine.toml"
    first.parent.mkdir()
    save(with_photos, driver, second)
    second.rename(first)
    before = contents(tmp_path / "mine data")
    photo.data = np.zeros((64, 96, 3), np.uint8)
    save(with_photos, driver, second)
    assert contents(tmp_path / "mine data").items() > before.items()
    old, new = (set(load_config(path).msi.pictures.values()) for path in (first, second))
    assert len(old | new) == 4


def test_a_folder_is_not_replaced_by_a_configuration(with_photos, driver, tmp_path):
    (tmp_path / "mine.toml").mkdir()
    before = contents(tmp_path)
    save(with_photos, driver, tmp_path / "mine.toml")
    assert with_photos.output.told.text().endswith("is a folder; choose another name.")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("was_there", [False, True])
def test_a_run_that_cannot_be_made_leaves_no_cubes(with_photos, tmp_path, monkeypatch, was_there):
    folder = tmp_path / "runs" / "one"
    if was_there:
        folder.mkdir(parents=True)
    before = contents(tmp_path)
    monkeypatch.setattr("napari_dodn.distillation.run.folder.replace_text", full)
    with pytest.raises(saving.UserError):
        result_of(saving.make_run(with_photos.draft.plan(), folder, never))
    assert {p for p in contents(tmp_path) if p.name != "runs"} == set(before) - {folder.parent}
