"""What a run learns from and is judged by: split without leaks, in any units, gaps left out."""

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube
from napari_dodn.distillation.config import ConfigError, checked
from napari_dodn.distillation.data import found_cubes, load_data
from napari_dodn.distillation.patches import PatchSource
from napari_dodn.formats import write

from .conftest import smooth_scene


def saved(folder, name, data, **description):
    return write(HyperCube(data, name=name, **description), folder / f"{name}.hdr")


def names(scenes):
    return [scene.name for scene in scenes]


def test_named_cubes_are_held_out(values):
    data = load_data(checked(values))
    assert names(data.training) == ["scene0", "scene1"]
    assert names(judge.scene for judge in data.judges) == ["scene2"]


def test_without_names_a_share_is_held_out_by_the_seed(values):
    values["data"]["validation"] = []
    held = set()
    for seed in range(8):
        data = load_data(checked(values | {"seed": seed}))
        assert len(data.judges) == 1
        held.add(data.judges[0].scene.name)
        assert any("Held out" in note for note in data.notes)
    assert len(held) > 1


def test_a_single_cube_is_parted_and_the_parts_share_no_pixel(tmp_path, values):
    rows, columns = np.mgrid[:48, :60]
    place = (rows * 100.0 + columns)[None].repeat(2, 0).astype(np.float32)
    values["data"] = {"cubes": [str(saved(tmp_path, "one", place))]}
    values["msi"] = {"source": "gaussian", "bands": 1}
    data = load_data(checked(values))
    learnt, held = data.training[0], data.judges[0].scene

    def places(scene):
        pixels = scene.normalisation.undo(scene.hr.numpy())
        return set(np.round(pixels[0]).astype(int).ravel().tolist())

    assert not places(learnt) & places(held)
    assert learnt.hr.shape == (2, 48, 48)
    assert held.hr.shape == (2, 48, 12)


def test_units_make_no_difference_to_what_is_learnt(tmp_path, values):
    data = smooth_scene(0)
    patches = []
    for name, factor in (("dn", 10_000.0), ("reflectance", 1.0)):
        file = saved(
            tmp_path, name, (data * factor).astype(np.float32), wavelengths=np.linspace(420, 680, 6)
        )
        config = checked(values | {"data": {"cubes": [str(file)]}})
        patches.append(PatchSource(load_data(config).training, config).batch(1, 0))
    for key in ("lr", "hr", "offset", "msi"):
        a, b = (getattr(patch, key) for patch in patches)
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_nan_nodata_and_bad_bands_never_count(tmp_path, values):
    data = smooth_scene(0)
    data[2, 5:9, 5:9] = np.nan
    data[:, 20:22, 30:34] = -9999
    good = np.array([1, 1, 1, 1, 0, 1], bool)
    file = saved(
        tmp_path,
        "gaps",
        data,
        nodata=-9999.0,
        good_bands=good,
        wavelengths=np.linspace(420, 680, 6),
    )
    config = checked(values | {"data": {"cubes": [str(file)], "validation_share": 0.2}})
    scene = load_data(config).training[0]
    assert torch.isfinite(scene.hr).all()
    valid = scene.valid.numpy()
    assert not valid[4].any()
    assert not valid[2, 5:9, 5:9].any()
    assert not valid[:, 20:22, 30:34].any()
    assert valid.sum() == 5 * valid[0].size - 16 - 5 * 8


def test_what_is_judged_leaves_the_gaps_out(tmp_path, values):
    data = smooth_scene(0)
    data[:, 40:42, 44:46] = np.nan
    file = saved(tmp_path, "gaps", data, wavelengths=np.linspace(420, 680, 6))
    judge = load_data(checked(values | {"data": {"cubes": [str(file)]}})).judges[0]
    assert np.isnan(judge.reference).sum() == 6 * 4
    assert np.isnan(np.asarray(judge.lr.data)).sum() == 6
    assert np.isfinite(judge.bicubic.psnr)


def test_the_judges_figures_are_in_the_given_full_scale(values):
    by_peak = {}
    for peak in (1000.0, 2000.0):
        values["data"]["peak"] = peak
        by_peak[peak] = load_data(checked(values)).judges[0].bicubic.psnr
    assert by_peak[2000.0] - by_peak[1000.0] == pytest.approx(20 * np.log10(2))


def test_a_folder_stands_for_the_cubes_in_it(cube_files):
    assert found_cubes([cube_files[0].parent]) == cube_files


def test_a_cube_given_twice_is_taken_once(cube_files):
    assert found_cubes([cube_files[0], cube_files[0]]) == cube_files[:1]


def test_two_cubes_of_one_name_are_told_apart(tmp_path, values):
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        files.append(
            saved(tmp_path / folder, "same", smooth_scene(0), wavelengths=np.linspace(420, 680, 6))
        )
    values["data"] = {"cubes": [str(f) for f in files], "validation": ["same 2"]}
    data = load_data(checked(values))
    assert names(data.training) == ["same"]


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"data": {"validation": ["scene9"]}}, "data.validation", "no cube named 'scene9'"),
        (
            {"data": {"validation": ["scene0", "scene1", "scene2"]}},
            "data.validation",
            "Every cube is held out",
        ),
        ({"schedule": {"patch": 64}}, "schedule.patch", "'scene0' has 48 × 48 pixels"),
        ({"data": {"cubes": ["/nowhere/x.hdr"]}}, "data.cubes", "does not exist"),
    ],
)
def test_what_cannot_be_learnt_from_is_named(values, change, field, sentence):
    for section, fields in change.items():
        values[section] = values[section] | fields
    with pytest.raises(ConfigError) as error:
        load_data(checked(values))
    assert list(error.value.faults) == [field]
    assert sentence in error.value.faults[field]


def test_an_empty_folder_is_named(tmp_path, values):
    (tmp_path / "empty").mkdir()
    values["data"] = {"cubes": [str(tmp_path / "empty")]}
    with pytest.raises(ConfigError, match="holds no cube"):
        load_data(checked(values))


def test_a_cube_too_small_to_hold_out_a_part_is_named(tmp_path, values):
    file = saved(tmp_path, "dot", smooth_scene(0, side=12))
    values["msi"] = {"source": "gaussian", "bands": 2}
    values["data"] = {"cubes": [str(file)]}
    with pytest.raises(ConfigError, match="too small to hold out a part"):
        load_data(checked(values))


def test_a_teacher_wants_one_number_of_bands(tmp_path, values):
    file = saved(tmp_path, "other", smooth_scene(0, bands=7))
    values["data"]["cubes"].append(str(file))
    with pytest.raises(ConfigError, match="6 and 7 bands"):
        load_data(checked(values))


def test_without_distillation_cubes_of_any_bands_go_together(tmp_path, values):
    file = saved(tmp_path, "other", smooth_scene(0, bands=7))
    values["data"]["cubes"].append(str(file))
    config = checked(values | {"distillation": {"variant": "none"}})
    source = PatchSource(load_data(config).training, config)
    assert {source.batch(1, step).hr.shape[1] for step in range(12)} == {6, 7}


@pytest.mark.parametrize("setting", [("BLOCK_VALUES", 1), ("MEMORY_SHARE", 0.0)])
def test_a_cube_larger_than_memory_gives_the_same_scene(tmp_path, values, monkeypatch, setting):
    data = smooth_scene(0)
    data[2, 5:19, 5:9] = np.nan
    file = saved(tmp_path, "gaps", data, wavelengths=np.linspace(420, 680, 6))
    config = checked(values | {"data": {"cubes": [str(file)]}})
    whole = load_data(config).training[0]
    monkeypatch.setattr(f"napari_dodn.distillation.scenes.{setting[0]}", setting[1])
    parted = load_data(config).training[0]
    torch.testing.assert_close(parted.hr, whole.hr, atol=1e-5, rtol=1e-5)
    assert torch.equal(parted.valid, whole.valid)
