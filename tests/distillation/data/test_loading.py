"""What a run learns from and is validated by: split without leaks, in any units, gaps left out."""

import os
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube
from napari_dodn.cube import Region
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.data.loading import load_data
from napari_dodn.distillation.data.patches import PatchSource
from napari_dodn.distillation.data.scenes import BLOCK_VALUES, Scene, blocks_of, scene_of
from napari_dodn.distillation.data.storage import Storage
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.formats import write
from tests.distillation.conftest import smooth_scene


def saved(folder, name, data, **description):
    return write(HyperCube(data, name=name, **description), folder / f"{name}.hdr")


def names(scenes):
    return [scene.name for scene in scenes]


def test_named_cubes_are_held_out(values):
    data = load_data(checked(values))
    assert names(data.training) == ["scene0", "scene1"]
    assert names(held.scene for held in data.validation) == ["scene2"]


def test_without_names_a_share_is_held_out_by_the_seed(values):
    values["data"]["validation"] = []
    held = set()
    for seed in range(8):
        data = load_data(checked(values | {"seed": seed}))
        assert len(data.validation) == 1
        held.add(data.validation[0].scene.name)
        assert any("Held out" in note for note in data.notes)
    assert len(held) > 1


def test_a_single_cube_is_parted_and_the_parts_share_no_pixel(tmp_path, values):
    rows, columns = np.mgrid[:48, :60]
    place = (rows * 100.0 + columns)[None].repeat(2, 0).astype(np.float32)
    values["data"] = {"cubes": [str(saved(tmp_path, "one", place))]}
    values["msi"] = {"source": "gaussian", "bands": 1}
    data = load_data(checked(values))
    learnt, held = data.training[0], data.validation[0].scene

    def places(scene):
        pixels = (scene.hr + scene.offset).numpy() * scene.deviation
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


def test_the_level_of_a_constant_band_makes_no_difference(tmp_path, values):
    scenes = []
    for name, level in (("low", 1), ("high", 1e7)):
        data = smooth_scene(0)
        data[2] = level
        file = saved(tmp_path, name, data, wavelengths=np.linspace(420, 680, 6))
        scenes.append(load_data(checked(values | {"data": {"cubes": [str(file)]}})).training[0])
    assert scenes[0].floor == scenes[1].floor
    np.testing.assert_array_equal(scenes[0].covariance, scenes[1].covariance)


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
    valid = scene.valid().numpy()
    assert not valid[4].any()
    assert not valid[2, 5:9, 5:9].any()
    assert not valid[:, 20:22, 30:34].any()
    assert valid.sum() == 5 * valid[0].size - 16 - 5 * 8


def test_what_is_validated_leaves_the_gaps_out(tmp_path, values):
    data = smooth_scene(0)
    data[:, 40:42, 44:46] = np.nan
    file = saved(tmp_path, "gaps", data, wavelengths=np.linspace(420, 680, 6))
    held = load_data(checked(values | {"data": {"cubes": [str(file)]}})).validation[0]
    assert np.isnan(held.truth()).sum() == 6 * 4
    assert np.isnan(np.asarray(held.lr.data)).sum() == 6
    assert np.isfinite(held.bicubic.psnr)


def test_the_figures_of_a_held_out_scene_are_in_the_given_full_scale(values):
    by_peak = {}
    for peak in (1000.0, 2000.0):
        values["data"]["peak"] = peak
        by_peak[peak] = load_data(checked(values)).validation[0].bicubic.psnr
    assert by_peak[2000.0] - by_peak[1000.0] == pytest.approx(20 * np.log10(2))


def test_what_a_folder_holds_besides_its_cubes_is_in_the_notes(cube_files, values):
    folder = cube_files[0].parent
    np.savez(folder / "two.npz", a=np.ones((5, 9, 7)), b=np.ones((5, 9, 7)))
    data = load_data(checked(values | {"data": {"cubes": [str(folder)]}}))
    assert len(data.training) + len(data.validation) == len(cube_files)
    assert data.notes[0] == (
        f"{folder / 'two.npz'} is left out. It holds several cubes (a, b); convert the one that you"
        " mean into a file of its own."
    )


def test_a_folder_of_what_cannot_be_read_is_refused_with_the_reason(tmp_path, values):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.h5").write_bytes(b"no HDF5")
    with pytest.raises(ConfigError, match="bad holds no cube.*a.h5 is left out"):
        load_data(checked(values | {"data": {"cubes": [str(tmp_path / "bad")]}}))


@pytest.mark.parametrize("variant", ["area", "none"])
def test_cubes_with_other_wavelengths_are_noted(tmp_path, values, variant):
    file = saved(tmp_path, "other", smooth_scene(0), wavelengths=np.linspace(450, 680, 6))
    values["data"]["cubes"].append(str(file))
    notes = load_data(checked(values | {"distillation": {"variant": variant}})).notes
    said = (
        "The bands of 'other' lie up to 30 nm away from those of 'scene0', although there are"
        " as many."
    )
    assert said in notes
    assert not any("'scene1'" in note for note in notes)


def test_a_teacher_wants_one_order_of_bands(tmp_path, values):
    file = saved(tmp_path, "other", smooth_scene(0), wavelengths=np.linspace(680, 420, 6))
    values["data"]["cubes"].append(str(file))
    with pytest.raises(ConfigError, match="'other' are in another order than those of 'scene0'"):
        load_data(checked(values))


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
            "All cubes are held out",
        ),
        ({"schedule": {"patch": 64}}, "schedule.patch", "'scene0' has 48 × 48 pixels"),
        ({"data": {"cubes": ["/nowhere/x.hdr"]}}, "data.cubes", "does not exist"),
        ({"data": {"cubes": ["~no-such-person/x"]}}, "data.cubes", "~no-such-person/x does not"),
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


@pytest.mark.parametrize(
    ("module", "settings"),
    [
        ("scenes", {"BLOCK_VALUES": 1, "BLOCK_SIDE": 10}),
        ("storage", {"MEMORY_SHARE": 0.0}),
    ],
)
def test_a_cube_larger_than_memory_gives_the_same_scene(
    tmp_path, values, monkeypatch, module, settings
):
    data = smooth_scene(0)
    data[2, 5:19, 5:9] = np.nan
    file = saved(tmp_path, "gaps", data, wavelengths=np.linspace(420, 680, 6))
    config = checked(values | {"data": {"cubes": [str(file)]}})
    whole = load_data(config).training[0]
    for name, value in settings.items():
        monkeypatch.setattr(f"napari_dodn.distillation.data.{module}.{name}", value)
    parted = load_data(config).training[0]
    torch.testing.assert_close(parted.hr, whole.hr, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(parted.msi_weights, whole.msi_weights)
    assert torch.equal(parted.valid(), whole.valid())


def test_blocks_are_not_mostly_surroundings_and_share_no_pixel():
    area = Region(8, 1008, 4, 2004)
    seen = np.zeros((1008, 2004), int)
    for block in blocks_of(area, 425, 4):
        seen[block.slices] += 1
        assert all(n % 4 == 0 for n in block.shape)
        assert block.shape[0] >= 64 or block.y1 == area.y1
        assert block.shape[1] >= 64 or block.x1 == area.x1
        assert 425 * block.shape[0] * block.shape[1] <= 2 * BLOCK_VALUES
    assert (seen[area.slices] == 1).all()
    assert seen.sum() == 1000 * 2000


def test_gaps_take_no_more_room_than_they_must(values):
    def scene(data, **described):
        wavelengths = np.linspace(420, 680, 6)
        cube = HyperCube(data, name="x", wavelengths=wavelengths, **described)
        return scene_of(cube, None, checked(values))

    good = np.arange(6) != 4
    assert scene(smooth_scene(0), good_bands=good).valid().shape == (6, 1, 1)
    data = smooth_scene(0)
    data[:, 3:5, 7] = np.nan
    assert scene(data).measured.shape == (1, 48, 48)
    assert scene(data, good_bands=good).measured.shape == (1, 48, 48)
    data[2, 9, 9] = np.nan
    assert scene(data).measured.shape == (6, 48, 48)


def test_making_a_scene_copies_its_pixels_once(values, monkeypatch):
    shapes = []
    array = Storage.array
    monkeypatch.setattr(
        Storage, "array", lambda self, *args: shapes.append(args[0]) or array(self, *args)
    )
    largest = []
    msi = Scene.msi
    monkeypatch.setattr(Scene, "msi", lambda self, place: largest.append(place) or msi(self, place))
    monkeypatch.setattr("napari_dodn.distillation.data.scenes.BLOCK_VALUES", 6 * 16 * 48)
    monkeypatch.setattr("napari_dodn.distillation.data.scenes.BLOCK_SIDE", 16)
    load_data(checked(values))
    assert shapes.count((6, 48, 48)) == 3
    assert max(rows.stop - rows.start for rows, _ in largest) == 16


def test_all_scenes_share_one_budget_of_memory(values, monkeypatch, tmp_path):
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=70_000 * 4))
    given, array = [], Storage.array
    monkeypatch.setattr(
        Storage, "array", lambda self, *args: given.append(array(self, *args)) or given[-1]
    )
    folder = tmp_path / "run"
    folder.mkdir()
    load_data(checked(values), folder)
    in_memory = [pixels.nbytes for pixels in given if not isinstance(pixels, np.memmap)]
    assert len(in_memory) < len(given) == 4
    assert sum(in_memory) <= 70_000 * 4 / 2
    if os.name == "posix":
        assert not list(folder.iterdir())


def test_a_disk_without_room_is_an_error_and_no_crash(tmp_path):
    storage = Storage(tmp_path)
    storage.left = 0
    with pytest.raises(OSError, match=r"."):
        storage.array((2**30, 2**30), np.float32)


def test_a_scene_does_not_keep_its_source_alive(values):
    cube = HyperCube(smooth_scene(0), name="x")
    source = weakref.ref(cube.data)
    scene = scene_of(cube, None, checked(values))
    del cube
    assert source() is None
    assert scene.bands == 6


def test_of_a_large_held_out_cube_the_middle_is_validated_and_that_is_said(values, monkeypatch):
    monkeypatch.setattr("napari_dodn.distillation.data.loading.VALIDATED_VALUES", 6 * 20 * 20)
    data = load_data(checked(values))
    assert data.validation[0].scene.size == (20, 20)
    assert any("at most 20 × 20" in note for note in data.notes)


def test_a_dead_band_is_not_validated_and_that_is_said(tmp_path, values):
    data = smooth_scene(0)
    data[3] = 7
    file = saved(tmp_path, "dead", data, wavelengths=np.linspace(420, 680, 6))
    values["data"] = values["data"] | {"validation": ["dead"]}
    values["data"]["cubes"].append(str(file))
    loaded = load_data(checked(values))
    assert np.isfinite(loaded.validation[0].bicubic.psnr)
    assert np.isnan(loaded.validation[0].truth()[3]).all()
    assert "Band 4 of 'dead' is the same everywhere and not validated." in loaded.notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [("gaps", "'odd' has gaps in every low-resolution pixel"), ("flat", "'odd' is the same")],
)
def test_a_scene_that_cannot_validate_is_named(tmp_path, values, change, sentence):
    data = smooth_scene(0)
    if change == "gaps":
        data[:, ::2, ::2] = np.nan
    else:
        data[:] = 5
    file = saved(tmp_path, "odd", data, wavelengths=np.linspace(420, 680, 6))
    values["data"] = values["data"] | {"validation": ["odd"]}
    values["data"]["cubes"].append(str(file))
    with pytest.raises(ConfigError, match=sentence):
        load_data(checked(values))
