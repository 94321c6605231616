"""Scenes that are made of a cube and a sharper picture of the same place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube, read
from napari_dodn.distillation.config import TrainConfig, checked
from napari_dodn.distillation.config_file import config_text, load_config
from napari_dodn.distillation.data.loading import load_data
from napari_dodn.distillation.data.patches import PatchSource
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.sharper.sensor import Sensor
from napari_dodn.distillation.split import split_of
from napari_dodn.formats import write
from tests.distillation.sharper.test_pseudo_truth import picture_of, scene

SIGMA = 0.5
SENSOR = Sensor(2, SIGMA)


@pytest.fixture
def files(tmp_path):
    """Return a cube of 48 × 64 pixels and a picture, twice as fine."""
    truth = scene(3, 128)[:, :96]
    cube = write(HyperCube(SENSOR.reduce(truth), name="field"), tmp_path / "field.hdr")
    return cube, write(HyperCube(picture_of(truth), name="photo"), tmp_path / "photo.hdr")


def config_of(files, **changes) -> TrainConfig:
    cube, picture = files
    values = {
        "name": "m",
        "data": {"cubes": [cube], "sharper": {"field": picture}, "blur": SIGMA},
        "student": {"scale": 2, "components": 4, "channels": 4, "blocks": 1, "channels_2d": 8},
        "distillation": {"variant": "none"},
        "schedule": {"steps": 3, "batch": 4, "patch": 8},
    }
    for key, change in changes.items():
        values[key] = values.get(key, {}) | change
    return checked(values)


def test_patches_are_the_measured_cube_and_what_the_picture_tells(files):
    config = config_of(files)
    data = load_data(config)
    (learnt,) = data.training
    assert learnt.size == (96, 104)
    batch = PatchSource(data.training, config).batch(1, 0)
    seen = SENSOR.reduce(batch.hr.numpy().reshape(-1, 16, 16)).reshape(batch.lr.shape)
    inner = (..., slice(2, -2), slice(2, -2))
    off = np.abs(seen - batch.lr.numpy())[inner].mean()
    assert off < 0.05 * batch.lr.std()
    assert (batch.blur - SIGMA).abs().max() < 0.4


def test_the_cube_is_validated_by_itself_reduced_once_more(files):
    data = load_data(config_of(files))
    (held,) = data.validation
    assert held.scene.lr is None
    assert held.lr.shape[1:] == (24, 6)
    assert held.blur == SIGMA
    expected = SENSOR.reduce((held.scene.hr + held.scene.offset).numpy())
    np.testing.assert_allclose(np.asarray(held.lr.data), expected, atol=1e-4)
    assert any("validated after a blur of σ 0.50 pixels" in note for note in data.notes)


def test_cubes_without_a_picture_are_held_out_first(files, tmp_path):
    others = [
        write(HyperCube(SENSOR.reduce(scene(4, 128)), name=name), tmp_path / f"{name}.hdr")
        for name in ("meadow", "shore")
    ]
    for seed in range(6):
        config = config_of(files, data={"cubes": [files[0], *others]}).model_copy(
            update={"seed": seed}
        )
        cubes = [read(path) for path in config.data.cubes]
        (held_out,) = split_of(cubes, config).held_out
        assert held_out.name != "field"


def test_a_picture_that_is_not_used_is_told(files, tmp_path):
    other = write(HyperCube(SENSOR.reduce(scene(4, 128)), name="meadow"), tmp_path / "meadow.hdr")
    data = load_data(config_of(files, data={"cubes": [files[0], other], "validation": ["field"]}))
    assert "'field' is held out; its sharper picture is not used." in data.notes


def test_an_image_of_the_teacher_beside_sharper_pictures_is_told_to_be_unused(files):
    changes = {"distillation": {"variant": "area"}, "msi": {"source": "gaussian"}}
    notes = load_data(config_of(files, **changes)).notes
    assert "The teacher sees the pictures of data.sharper; msi.* is not used." in notes


def test_what_is_held_out_decides_nothing(files):
    cube, picture = files
    before = load_data(config_of(files)).training[0]
    spoilt = np.array(read(cube).data)
    spoilt[:, :, 52:] = spoilt[:, ::-1, 52:] * 3
    seen = np.array(read(picture).data)
    seen[:, :, 104:] = 0
    write(HyperCube(spoilt, name="field"), cube, overwrite=True)
    write(HyperCube(seen, name="photo"), picture, overwrite=True)
    after = load_data(config_of(files)).training[0]
    torch.testing.assert_close(after.hr, before.hr)
    assert after.deviation == before.deviation


def test_bands_that_are_not_told_are_learnt_from_the_cube_reduced_once_more(tmp_path):
    truth = scene(3, 128)
    truth[3] = scene(9, 128)[3]
    told = picture_of(np.where(np.arange(10)[:, None, None] == 3, 0, truth))
    files = (
        write(HyperCube(SENSOR.reduce(truth), name="field"), tmp_path / "field.hdr"),
        write(HyperCube(told, name="photo"), tmp_path / "photo.hdr"),
    )
    data = load_data(config_of(files))
    fine, once_more = data.training
    assert fine.told is not None
    assert np.flatnonzero(~fine.told.numpy().ravel()).tolist() == [3]
    assert once_more.lr is None
    assert data.sharpened[0].facts["bands without pseudo-truth"] == "4"
    assert any("explains less than half of bands 4 of 'field" in note for note in data.notes)
    valid = fine.valid()
    assert valid is not None
    assert not valid.expand_as(fine.hr)[3].any()
    ((told, others),) = PatchSource(data.training, config_of(files)).areas
    assert others / (told + others) == pytest.approx(1 / 10)  # one of ten bands


def test_bad_bands_are_not_said_to_be_learnt(files):
    good = np.arange(10) != 4
    write(read(files[0]).derive(good_bands=good), files[0], overwrite=True)
    data = load_data(config_of(files))
    assert len(data.training) == 1
    assert data.sharpened[0].facts["bands without pseudo-truth"] == "none"
    assert any("9 of the 9 good bands" in note for note in data.notes)
    assert not any("reduced once more" in note for note in data.notes)


def test_a_teacher_sees_the_picture_on_both_grids(files):
    data = load_data(config_of(files, distillation={"variant": "area"}))
    assert data.msi_bands == 3
    assert data.training[0].msi().shape == (3, 96, 104)
    held = data.validation[0].scene
    assert held.msi().shape == (3, *held.size)


def test_a_picture_that_says_nothing_of_what_is_held_out_keeps_no_teacher_away(files):
    _, picture = files
    seen = np.array(read(picture).data)
    seen[:, :, 104:] = np.random.default_rng(0).random(seen[:, :, 104:].shape)
    write(HyperCube(seen, name="photo"), picture, overwrite=True)
    data = load_data(config_of(files, distillation={"variant": "area"}))
    assert np.isfinite(data.validation[0].scene.msi().numpy()).all()


def test_a_blur_that_is_not_told_is_estimated_and_said(files):
    data = load_data(config_of(files, data={"blur": None}))
    assert any("The blur of 'field' is estimated as σ" in note for note in data.notes)


def test_a_picture_of_another_place_is_refused(files, tmp_path):
    other = write(HyperCube(picture_of(scene(8, 128)[:, :96])), tmp_path / "other.hdr")
    with pytest.raises(ConfigError, match="other.hdr does not fit the cube 'field'") as error:
        load_data(config_of((files[0], other)))
    assert set(error.value.faults) == {"data.sharper"}


def test_a_missing_picture_is_named(files, tmp_path):
    with pytest.raises(ConfigError, match="The picture of the cube 'field'"):
        load_data(config_of((files[0], tmp_path / "nowhere.hdr")))


def test_a_picture_of_an_unknown_cube_is_refused(files):
    with pytest.raises(ConfigError, match="There is no cube named 'fild'; there are field"):
        load_data(config_of(files, data={"sharper": {"fild": files[1]}}))


def test_a_teacher_needs_a_picture_of_every_cube(files, tmp_path):
    second = write(HyperCube(SENSOR.reduce(scene(4, 128)), name="meadow"), tmp_path / "meadow.hdr")
    changes = {"data": {"cubes": [files[0], second]}, "distillation": {"variant": "area"}}
    with pytest.raises(ConfigError, match="'meadow' has no sharper picture"):
        load_data(config_of(files, **changes))


def test_pictures_with_different_numbers_of_channels_are_refused(files, tmp_path):
    truth = scene(4, 128)
    second = write(HyperCube(SENSOR.reduce(truth), name="meadow"), tmp_path / "meadow.hdr")
    grey = write(HyperCube(picture_of(truth)[:1]), tmp_path / "grey.hdr")
    changes = {
        "data": {"cubes": [files[0], second], "sharper": {"field": files[1], "meadow": grey}},
        "distillation": {"variant": "area"},
    }
    with pytest.raises(ConfigError, match="The pictures have 1 and 3 channels; all must"):
        load_data(config_of(files, **changes))


def test_the_configuration_is_read_back_and_counts_in_the_recipe(files, tmp_path):
    config = config_of(files)
    path = tmp_path / "c.toml"
    path.write_text(config_text(config))
    assert load_config(path) == config
    assert config.recipe()["data"]["sharper"] == ["field"]
    plain = config_of(files, data={"sharper": {}, "blur": None}).recipe()
    assert not {"sharper", "blur"} & set(plain["data"])
