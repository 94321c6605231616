"""The script that makes the bundled models: recipes that hold, and runs that go on."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_dodn import read
from napari_dodn.benchmark import load_protocol
from napari_dodn.benchmark.protocol import BenchmarkError
from napari_dodn.network.model_file import read_card

SCRIPT = Path(__file__).parents[1] / "scripts" / "make_models.py"


@pytest.fixture
def script(monkeypatch):
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("make_models", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def database(tmp_path, script, monkeypatch):
    """Return a CAVE of three small scenes, one of which judges."""
    protocol = load_protocol("cave")
    splits = {"train": ("feathers", "pompoms"), "validation": ("sponges",)}
    small = replace(protocol, splits=splits)
    monkeypatch.setattr(script, "load_protocol", lambda name: small)
    chance = np.random.default_rng(0)
    for scene in ("feathers", "pompoms", "sponges"):
        folder = tmp_path / "CAVE" / f"{scene}_ms"
        folder.mkdir(parents=True)
        coarse = chance.random((31, 12, 12)).repeat(6, 1).repeat(6, 2)
        for band, image in enumerate((coarse * 65535).astype(np.uint16), start=1):
            iio.imwrite(folder / f"{scene}_ms_{band:02d}.png", image)
    return tmp_path / "CAVE"


@pytest.mark.parametrize("cpu", [False, True])
def test_every_model_has_a_recipe_of_its_name(script, database, cpu):
    for model in script.MODELS:
        config = script.recipe(model, database, cpu=cpu)
        assert config.name == model
        assert model.endswith(f"-x{config.student.scale}")
        assert config.degradation.resamples is ("blind" in model)
        assert not config.distils
        assert config.schedule.steps == (4000 if cpu else 70000)


def test_a_scene_that_is_missing_is_named(script, database, tmp_path):
    (database / "sponges_ms").rename(tmp_path / "elsewhere")
    with pytest.raises(BenchmarkError, match="lacks 1 of 3 scenes"):
        script.recipe("dodn-cave-x4", database)


@pytest.fixture
def make(script, database, tmp_path, monkeypatch):
    """Return a function that runs the script with a schedule that is over in seconds."""
    tiny = {"steps": 2, "batch": 1, "patch": 8, "validate_every": 1, "save_every": 1}
    monkeypatch.setattr(script, "CPU_SCHEDULE", tiny)
    monkeypatch.setattr(script.signal, "signal", lambda *_: None)

    def call(*words):
        out = tmp_path / "out"
        words = ["make_models", database, out, "dodn-blind-x2", "--cpu", "--device", "cpu", *words]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        script.main()
        return out / "dodn-blind-x2.safetensors"

    return call


def test_a_model_comes_out_with_its_card(make, capsys):
    card = read_card(make())
    assert "spectral step times 0.25–2" in card.training["degradation"]
    assert card.training["data"] == "CAVE, 2 scenes"
    assert card.training["scenes"] == ["feathers", "pompoms"]
    assert "CAVE" in card.licence
    assert card.scores["validation scenes"] == ["sponges_ms"]
    assert "dB against bicubic" in capsys.readouterr().out


def test_scenes_are_learnt_from_as_seen_from_farther_away_too(make, tmp_path, monkeypatch, script):
    monkeypatch.setattr(script, "FARTHER_SIDES", (64, 60))
    card = read_card(make("--farther"))
    assert card.training["data"] == "CAVE, 2 scenes, also reduced to 64 and 60 pixels a side"
    assert card.training["scenes"] == ["feathers", "pompoms"]
    copies = sorted((tmp_path / "out" / "farther").iterdir())
    assert [file.stem for file in copies] == [
        *("feathers_ms_60", "feathers_ms_64", "pompoms_ms_60", "pompoms_ms_64")
    ]
    small = np.load(copies[0])
    assert small.shape == (31, 60, 60)
    whole = read(tmp_path / "CAVE" / "feathers_ms").data
    assert small.mean() == pytest.approx(np.mean(whole), rel=0.01)


def test_what_is_made_is_not_made_again(make, capsys):
    first = make()
    training = read_card(first).training
    first.unlink()
    capsys.readouterr()
    assert read_card(make()).training == training
    assert "step" not in capsys.readouterr().out


def test_a_model_of_more_blocks_goes_on_from_one_of_fewer(make, tmp_path):
    smaller = tmp_path / "smaller.safetensors"
    make().rename(smaller)
    shutil.rmtree(tmp_path / "out")
    card = read_card(make("--start", smaller, "--blocks", 5))
    assert card.architecture["blocks"] == 5
    begun = read_card(smaller).sha256[:12]
    assert card.training["start"] == f"smaller of 2 steps (SHA-256 {begun}…)"


def test_a_run_with_other_settings_is_refused(make):
    make()
    with pytest.raises(SystemExit, match="begun with other settings"):
        make("--seed", 1)
