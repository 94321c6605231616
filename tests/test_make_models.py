"""The script that makes the bundled models: a trunk that goes on, a branch, a model with a card."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_dodn import read
from napari_dodn.benchmark import load_protocol
from napari_dodn.network.model_file import load_network, read_card
from napari_dodn.network.model_page import cards_markdown
from napari_dodn.upscaling.engine import upscale_with

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """Return the script as a module, of a small network."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import make_models

    small = {"components": 3, "channels": 4, "blocks": 1, "branch_2d": "whole", "channels_2d": 6}
    monkeypatch.setattr(make_models, "ARCHITECTURE", small)
    monkeypatch.setattr(make_models.signal, "signal", lambda *_: None)
    return make_models


@pytest.fixture
def database(tmp_path, script, monkeypatch):
    """Return a CAVE of three small scenes, one of which is held out."""
    splits = {"train": ("feathers", "pompoms"), "validation": ("sponges",)}
    small = replace(load_protocol("cave"), splits=splits)
    monkeypatch.setattr(script, "load_protocol", lambda name: small)
    chance = np.random.default_rng(0)
    for scene in ("feathers", "pompoms", "sponges"):
        folder = tmp_path / "CAVE" / f"{scene}_ms"
        folder.mkdir(parents=True)
        planes = gaussian_filter(chance.standard_normal((4, 80, 80)), (0, 1.5, 1.5)) + 0.4
        cube = np.tensordot(chance.random((31, 4)), planes, 1).clip(0, 2) / 2
        for band, image in enumerate((cube * 65535).astype(np.uint16), start=1):
            iio.imwrite(folder / f"{scene}_ms_{band:02d}.png", image)
        colours = (cube[[25, 15, 5]].transpose(1, 2, 0) * 255).astype(np.uint8)
        iio.imwrite(folder / f"{scene}_RGB.bmp", colours)
    return tmp_path / "CAVE"


@pytest.fixture
def make(script, database, tmp_path, monkeypatch):
    """Return a function that does a stage and gives the folder of what was made."""

    def call(stage, scale, *words):
        out = tmp_path / "out"
        kept = tmp_path / "training"
        words = [stage, scale, "--cave", database, "--out", out, "--kept", kept, *words]
        if stage != "ship":
            words += ["--batch", 2, "--patch", 8]
        monkeypatch.setattr(sys, "argv", ["make_models", *map(str, words)])
        script.main()
        return out

    return call


def test_a_model_comes_out_with_its_card(make, script, database, tmp_path):
    make("trunk", 2, "--steps", 3)
    make("branch", 2, "--steps", 2)
    file = make("ship", 2) / "dodn-x2.safetensors"
    card = read_card(file)
    assert card.training["data"] == "CAVE, 2 scenes, and 0 photographs"
    assert card.training["scenes"] == ["feathers", "pompoms"]
    assert card.training["steps"] == 5
    assert "CAVE" in card.licence
    assert card.scores["validation scenes"] == ["sponges"]
    assert set(card.scores["model"]) == set(card.scores["model in bfloat16"])
    kept, _, history = script.load_trunk(tmp_path / "training" / "dodn-x2.safetensors")
    assert history["steps"] == 4
    assert kept.architecture == load_network(card).architecture
    result = upscale_with(load_network(card), read(database / "sponges_ms"), blur=0)
    assert result.shape == (31, 160, 160)


def test_a_model_that_has_learnt_from_all_scenes_states_the_figures_of_its_twin(
    make, script, tmp_path, capsys
):
    make("branch", 2, "--steps", 2)
    twin = make("ship", 2) / "dodn-x2.safetensors"
    twin = twin.rename(tmp_path / "twin.safetensors")
    for file in (tmp_path / "out").iterdir():
        file.unlink()
    make("branch", 2, "--steps", 3, "--all-scenes")
    with pytest.raises(SystemExit, match="--twin"):
        make("ship", 2)
    file = make("ship", 2, "--twin", twin) / "dodn-x2.safetensors"
    card = read_card(file)
    assert card.training["scenes"] == ["feathers", "pompoms", "sponges"]
    assert card.training["steps"] == 4
    assert card.scores["model"] == read_card(twin).scores["model"]
    assert "2 scenes in 2 steps" in card.scores["twin"]
    assert "2 scenes in 2 steps" in cards_markdown([card])
    with pytest.raises(SystemExit, match="cannot be the twin"):
        make("ship", 2, "--twin", file)
    # What goes on from it, at its scale or at another, knows the scenes as well.
    (tmp_path / "out" / "dodn-x2-branch.safetensors").unlink()
    make("branch", 2, "--steps", 2)
    with pytest.raises(SystemExit, match="--twin"):
        make("ship", 2)
    make("trunk", 4, "--steps", 0, "--start", tmp_path / "out" / "dodn-x2-trunk.safetensors")
    make("branch", 4, "--steps", 1)
    with pytest.raises(SystemExit, match="--twin"):
        make("ship", 4)


def test_a_trunk_goes_on_where_it_was_stopped(make, script):
    out = make("trunk", 4, "--steps", 2)
    first, _, history = script.load_trunk(out / "dodn-x4-trunk.safetensors")
    assert history["steps"] == 2
    make("trunk", 4, "--steps", 5)
    second, average, history = script.load_trunk(out / "dodn-x4-trunk.safetensors")
    assert history["steps"] == 5
    assert not torch.equal(first.head[0].weight, second.head[0].weight)
    assert set(average) == set(second.state_dict())


def test_what_a_branch_was_before_it_cooled_is_the_trunk(make, script):
    out = make("trunk", 2, "--steps", 2)
    make("branch", 2, "--steps", 5)
    _, _, trunk = script.load_trunk(out / "dodn-x2-trunk.safetensors")
    _, _, branch = script.load_trunk(out / "dodn-x2-branch.safetensors")
    assert (trunk["steps"], branch["steps"], branch["branch steps"]) == (5, 7, 5)
    assert trunk["recipe"]["clean"] < branch["recipe"]["clean"] == script.COOLING["clean"]
    make("trunk", 2, "--steps", 6)
    assert script.load_trunk(out / "dodn-x2-trunk.safetensors")[2]["steps"] == 6


def broken_off(monkeypatch, call, broken=None):
    """Train by a call that is broken off in a step, and by another; return the rates it took."""
    import learning
    import make_models

    step, steps = learning.Trainer.step, []

    def breaking(trainer, batch, factor):
        steps.append(factor)
        if len(steps) == broken:
            raise RuntimeError("the lights go out")
        return step(trainer, batch, factor)

    with monkeypatch.context() as patched:
        patched.setattr(make_models, "SAVE_EVERY", -1)
        patched.setattr(learning.Trainer, "step", breaking)
        if broken is not None:
            with pytest.raises(RuntimeError, match="lights"):
                call()
        call()
    return steps


@pytest.mark.parametrize("broken", [2, 4])
def test_a_branch_that_was_broken_off_goes_on(make, script, monkeypatch, broken):
    out = make("trunk", 2, "--steps", 2)
    steps = broken_off(monkeypatch, lambda: make("branch", 2, "--steps", 5), broken)
    _, _, history = script.load_trunk(out / "dodn-x2-branch.safetensors")
    assert (history["steps"], history["branch steps"]) == (7, 5)
    del steps[broken - 1]
    np.testing.assert_allclose(steps, [1, 0.8, 0.6, 0.4, 0.2])
    assert sorted(file.name for file in out.iterdir()) == [
        "dodn-x2-branch.safetensors",
        "dodn-x2-trunk.safetensors",
    ]


def test_a_branch_that_is_stopped_when_it_would_cool_still_becomes_the_trunk(
    make, script, monkeypatch
):
    out = make("trunk", 2, "--steps", 2)
    handlers, step = {}, script.Trainer.step

    def stopping(trainer, batch, factor):
        told = step(trainer, batch, factor)
        if trainer.steps == 3:
            handlers[script.signal.SIGTERM](script.signal.SIGTERM, None)
        return told

    with monkeypatch.context() as patched:
        patched.setattr(script.signal, "signal", handlers.__setitem__)
        patched.setattr(script.Trainer, "step", stopping)
        with pytest.raises(SystemExit, match="Stopped after 3 steps"):
            make("branch", 2, "--steps", 5)
    make("branch", 2, "--steps", 5)
    assert script.load_trunk(out / "dodn-x2-trunk.safetensors")[2]["steps"] == 5
    assert script.load_trunk(out / "dodn-x2-branch.safetensors")[2]["branch steps"] == 5


def test_ctrl_c_is_itself_again_once_a_branch_is_made(make, script, monkeypatch):
    handlers = {}

    def setting(number, handler):
        before, handlers[number] = handlers.get(number, "as usual"), handler
        return before

    monkeypatch.setattr(script.signal, "signal", setting)
    make("trunk", 2, "--steps", 1)
    make("branch", 2, "--steps", 2)
    assert set(handlers.values()) == {"as usual"}


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single processor
def test_samples_that_others_draw_ahead_are_the_same(make, script):
    trunks = []
    for workers in (0, 2):
        out = make("trunk", 2, "--steps", 3, "--workers", workers)
        network, _, history = script.load_trunk(out / "dodn-x2-trunk.safetensors")
        assert history["steps"] == 3
        trunks.append(network.state_dict())
        (out / "dodn-x2-trunk.safetensors").unlink()
    for name, weights in trunks[0].items():
        torch.testing.assert_close(weights, trunks[1][name])


def branched(out, monkeypatch, call, broken=None):
    """Return the weights of a branch, which is broken off in a step, and gone on with."""
    import learning

    broken_off(monkeypatch, call, broken)
    return learning.load_trunk(out / "dodn-x4-branch.safetensors")[:2]


def assert_same(ones, others):
    """Check that two branches and their moving averages have the same weights."""
    for name, weights in ones[0].state_dict().items():
        assert torch.equal(weights, others[0].state_dict()[name]), name
    for name, weights in ones[1].items():
        assert torch.equal(weights, others[1][name]), name


@pytest.mark.parametrize("broken", [3, 5])
def test_a_branch_that_was_broken_off_ends_with_the_same_numbers(make, script, monkeypatch, broken):
    out = make("trunk", 4, "--steps", 2)
    trunk = (out / "dodn-x4-trunk.safetensors").read_bytes()

    def call():
        make("branch", 4, "--steps", 6)

    whole = branched(out, monkeypatch, call)
    for file in out.iterdir():
        file.unlink()
    (out / "dodn-x4-trunk.safetensors").write_bytes(trunk)
    assert_same(branched(out, monkeypatch, call, broken), whole)


@pytest.fixture
def with_truth(script, monkeypatch, database):
    """Return the benchmark of teachers that see the truth, for small networks."""
    monkeypatch.syspath_prepend(str(SCRIPTS.parent / "benchmarks"))
    import with_truth

    monkeypatch.setitem(with_truth.NETWORKS, "bundled", script.ARCHITECTURE)
    monkeypatch.setattr(with_truth, "load_protocol", script.load_protocol)
    arguments = with_truth.arguments
    small = ["--batch", "2", "--patch", "8"]
    monkeypatch.setattr(with_truth, "arguments", lambda words: arguments([*words, *small]))
    return with_truth


@pytest.fixture
def pair(with_truth, database, tmp_path, monkeypatch):
    """Return a function that does a command of the benchmark, in the folder `pair`."""

    def call(*words):
        words = [*words, "--cave", database, "--out", tmp_path / "pair"]
        monkeypatch.setattr(sys, "argv", ["with_truth", *map(str, words)])
        with_truth.main()

    return call


def test_a_branch_that_is_broken_off_while_it_is_measured_is_measured_and_not_trained_again(
    make, with_truth, pair, tmp_path, monkeypatch
):
    make("trunk", 4, "--steps", 2)
    make("branch", 4, "--steps", 2)
    make("ship", 4)
    words = ("branch", "--arm", "none", "--steps", 3, "--trunk", tmp_path / "training")
    with monkeypatch.context() as patched:
        patched.delattr(with_truth, "measured")
        with pytest.raises(NameError):
            pair(*words)
    made = tmp_path / "pair" / "branch-none-3" / "dodn-x4-branch.safetensors"
    weights = made.read_bytes()
    pair(*words)
    assert made.read_bytes() == weights
    assert "| none | 1 |" in with_truth.table(tmp_path / "pair")


def test_a_branch_without_a_trunk_or_with_a_seed_is_refused_before_anything_is_trained(
    pair, tmp_path, capsys
):
    words = ("branch", "--arm", "none", "--trunk", tmp_path / "nowhere")
    with pytest.raises(SystemExit, match="nowhere"):
        pair(*words)
    with pytest.raises(SystemExit):
        pair(*words, "--seed", 1)
    assert "--seed" in capsys.readouterr().err
    assert not (tmp_path / "pair").exists()


def test_a_branch_of_a_trunk_that_knows_the_validation_scenes_is_refused(make, pair, tmp_path):
    make("branch", 4, "--steps", 2, "--all-scenes")
    trunk = tmp_path / "out" / "dodn-x4-trunk.safetensors"
    trunk.rename(trunk.with_name("dodn-x4.safetensors"))
    with pytest.raises(SystemExit, match="has learnt from sponges"):
        pair("branch", "--arm", "none", "--steps", 3, "--trunk", tmp_path / "out")


def test_a_branch_has_the_same_patches_with_and_without_a_teacher(
    make, script, with_truth, pair, tmp_path, monkeypatch
):
    make("trunk", 4, "--steps", 2)
    make("branch", 4, "--steps", 2)
    make("ship", 4)
    (tmp_path / "out" / "dodn-x4-trunk.safetensors").unlink()
    plain = branched(tmp_path / "out", monkeypatch, lambda: make("branch", 4, "--steps", 6))
    out = tmp_path / "pair"

    def branch(arm, broken=None):
        folder = out / f"branch-{arm.replace(' ', '-')}-6"
        words = ("branch", "--arm", arm, "--steps", 6, "--trunk", tmp_path / "training")
        return branched(folder, monkeypatch, lambda: pair(*words), broken)

    assert_same(branch("none"), plain)
    teach = ("teach", "--teacher", "fusion", "--network", "bundled", "--patch", 8, "--batch", 2)
    pair(*teach, "--minutes", 0.01)
    whole = branch("fusion last tap")
    assert not torch.equal(whole[0].head[0].weight, plain[0].head[0].weight)
    for file in (*out.glob("*tap-6/*"), *out.glob("truth-*tap*")):
        file.unlink()
    assert_same(branch("fusion last tap", broken=4), whole)
    table = with_truth.table(out)
    assert "| branch, 6 steps |" in table
    assert "| fusion last tap | 1 |" in table


def test_a_model_of_another_scale_begins_with_the_blocks_of_a_trunk(make, script):
    out = make("trunk", 4, "--steps", 2)
    make("trunk", 2, "--steps", 0, "--start", out / "dodn-x4-trunk.safetensors")
    four, two = (script.load_trunk(out / f"dodn-x{scale}-trunk.safetensors") for scale in (4, 2))
    for name, weights in four[0].blocks.state_dict().items():
        assert torch.equal(weights, two[0].blocks.state_dict()[name])
    assert "×4" in two[2]["start"]


def test_a_trunk_keeps_its_size_and_gives_it_to_other_scales(make, script, monkeypatch):
    out = make("trunk", 4, "--steps", 1)
    monkeypatch.setattr(script, "ARCHITECTURE", script.ARCHITECTURE | {"channels": 6})
    make("trunk", 4, "--steps", 2)
    make("trunk", 2, "--steps", 0, "--start", out / "dodn-x4-trunk.safetensors")
    trunks = [script.load_trunk(out / f"dodn-x{scale}-trunk.safetensors") for scale in (4, 2)]
    assert [network.channels for network, _, _ in trunks] == [4, 4]
    assert all("resized" not in history for _, _, history in trunks)


def test_a_trunk_that_is_made_wider_computes_the_same(make, script, monkeypatch):
    folded = script.ARCHITECTURE | {"branch_2d": "folded", "blocks": 2}
    monkeypatch.setattr(script, "ARCHITECTURE", folded)
    out = make("trunk", 2, "--steps", 3)
    narrow, its_average, _ = script.load_trunk(out / "dodn-x2-trunk.safetensors")
    make("trunk", 2, "--steps", 3, "--channels", 6)
    wide, average, history = script.load_trunk(out / "dodn-x2-trunk.safetensors")
    assert wide.channels == 6
    assert history["resized"] == "channels from 4 to 6 after 3 steps"
    z, told = torch.randn(2, 3, 9, 9), torch.tensor([0.0, 0.5])
    for network, weights in ((narrow, its_average), (wide, average)):
        network.load_state_dict(weights)
    with torch.no_grad():
        torch.testing.assert_close(wide(z, told), narrow(z, told))
        assert narrow(z, told).std() > 0
    make("trunk", 2, "--steps", 5)
    taught, _, _ = script.load_trunk(out / "dodn-x2-trunk.safetensors")
    assert not torch.equal(taught.blocks[0].join_2d.weight[:4, 4:], torch.zeros(4, 2))
    make("branch", 2, "--steps", 2)
    file = make("ship", 2) / "dodn-x2.safetensors"
    assert read_card(file).training["start"] == "random; channels from 4 to 6 after 3 steps"


def test_a_trunk_goes_on_with_fewer_components(make, script, monkeypatch):
    folded = script.ARCHITECTURE | {"branch_2d": "folded", "components": 5}
    monkeypatch.setattr(script, "ARCHITECTURE", folded)
    out = make("trunk", 2, "--steps", 3)
    before, _, _ = script.load_trunk(out / "dodn-x2-trunk.safetensors")
    make("trunk", 2, "--steps", 3, "--components", 3)
    after, _, history = script.load_trunk(out / "dodn-x2-trunk.safetensors")
    assert history["resized"] == "components from 5 to 3 after 3 steps"
    assert torch.equal(after.place, before.place[:3])
    for part, other in zip(after.blocks.parameters(), before.blocks.parameters(), strict=True):
        assert torch.equal(part, other)


@pytest.mark.parametrize("words", [("--channels", 3), ("--components", 4)])
def test_a_trunk_that_would_lose_what_it_has_learnt_is_refused(make, script, monkeypatch, words):
    folded = script.ARCHITECTURE | {"branch_2d": "folded"}
    monkeypatch.setattr(script, "ARCHITECTURE", folded)
    out = make("trunk", 2, "--steps", 1)
    trunk = (out / "dodn-x2-trunk.safetensors").read_bytes()
    with pytest.raises(SystemExit, match="4 channels and 3 components"):
        make("trunk", 2, "--steps", 2, *words)
    assert (out / "dodn-x2-trunk.safetensors").read_bytes() == trunk


def test_a_scene_that_is_missing_is_named(make, database, tmp_path):
    (database / "pompoms_ms").rename(tmp_path / "elsewhere")
    with pytest.raises(SystemExit, match="lacks 1 of 2 scenes"):
        make("trunk", 2, "--steps", 1)


def test_statistics_in_training_are_those_of_inference(script, database):
    import material
    import pictures

    from napari_dodn.cube import HyperCube
    from napari_dodn.upscaling.statistics import measure_steps

    scene = pictures.read_scene(database / "feathers_ms")
    seen = material.version(scene, 2, 0.5)
    inner = slice(material.MARGIN, -material.MARGIN)
    steps = measure_steps(HyperCube(seen.lr[:, inner, inner].numpy()), 3, blur=False)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            expected = end.value.components
            break
    found = material.components_from(seen.mean, *seen.eigen, 3)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-4)
    np.testing.assert_allclose(np.abs(found.basis), np.abs(expected.basis), atol=1e-4)
    assert found.deviation == pytest.approx(expected.deviation, rel=1e-6)


def test_samples_are_what_the_network_sees_at_inference(script, database):
    import material

    pool = material.Material([database / "feathers_ms"], [], 2)
    recipe = material.Recipe(2, 3, patch=8, batch=64, mixtures=0.5)
    batch = material.draw(pool, recipe, np.random.default_rng(0))
    for part in vars(batch).values():
        assert part.isfinite().all()
    assert 0.2 < batch.z[:, 0].std() < 3
    assert (batch.told >= 0).all()
    assert (batch.told == 0).any()
    assert (batch.bands.sum(dim=1) < 31).any()


@pytest.mark.parametrize("scale", [2, 4])
def test_a_scene_is_seen_on_every_grid_of_pixels_beside_its_truth(script, database, scale):
    import material

    y, x = np.mgrid[:96, :80]
    ramps = torch.from_numpy(np.stack([y + 10 * x, 3 * y - x, 0 * y + x])).float()
    pool = material.Material([database / "feathers_ms"], [], scale)
    assert [seen.offset for seen in pool.scenes[0].versions] == material.ONLY_OFFSETS[scale]
    pool.scenes = [material.observed(ramps, scale, np.random.default_rng(0))]
    assert {seen.offset for seen in pool.scenes[0].versions} == {
        (y, x) for y in range(scale) for x in range(scale)
    }
    recipe = material.Recipe(
        scale, 3, patch=8, batch=60, farther=0, clean=0.5, mixtures=0, noisy=0, told_off=0
    )
    batch = material.draw(pool, recipe, np.random.default_rng(1))
    off = batch.wanted.abs().flatten(1).median(dim=1).values  # a ramp stays one but at its ends
    assert off.max() < 1e-3 * (batch.truth[0, 0, 0, 0] - batch.truth[0, 0, 0, 1]).abs()


def test_of_a_clean_cube_any_blur_is_told_that_stands_for_none(script):
    import material

    recipe, chance = material.Recipe(2), np.random.default_rng(0)
    told = np.array([material.told_sigma(0.0, recipe, chance) for _ in range(500)])
    assert 0.5 < (told == 0).mean() < 0.7
    assert 0.19 < told.max() <= 0.2  # where the least blur that is learnt at ×2 is 0.3
    blurred = np.array([material.told_sigma(0.3, recipe, chance) for _ in range(500)])
    assert blurred.std() > 0.03
    assert 0.5 < (blurred > 0.3).mean() < 0.7
    exact = material.Recipe(2, told_off=0)
    assert [material.told_sigma(sigma, exact, chance) for sigma in (0.0, 0.3)] == [0.0, 0.3]


def test_a_source_counts_the_less_the_more_detail_it_has(script):
    import material

    chance = np.random.default_rng(0)
    smooth, fine = (np.arange(48) / 48 + chance.normal(0, off, (48, 48)) for off in (0.02, 0.2))
    scenes, photographs = (
        [
            material.observed(
                torch.from_numpy(np.stack([image, image.T])).float(), 2, np.random.default_rng(0)
            )
        ]
        for image in (smooth, fine)
    )
    material.balance([(0.7, scenes), (0.0, []), (0.3, photographs)], 2)
    (scene,), (photograph,) = scenes, photographs
    details = material.detail_of(scene, 2), material.detail_of(photograph, 2)
    typical = 0.7 * details[0] + 0.3 * details[1]
    assert scene.weight == pytest.approx(min(typical / details[0], 4))
    assert scene.weight > 1
    assert photograph.weight == pytest.approx(typical / details[1])
    assert 0.3 < photograph.weight < 1
    recipe = material.Recipe(2, 1, patch=8, batch=30, photographs=0.5, farther=0)
    pool = SimpleNamespace(scenes=scenes, photographs=photographs, farther=[])
    batch = material.draw(pool, recipe, np.random.default_rng(0))
    weights = [photograph.weight, scene.weight]
    assert batch.weight.unique().tolist() == pytest.approx(weights)


def test_errors_of_a_sample_are_multiplied_by_its_weight(script, database):
    import learning
    import material

    pool = material.Material([database / "feathers_ms"], [], 2)
    batch = material.draw(pool, material.Recipe(2, 3, patch=8), np.random.default_rng(0))
    gain = torch.zeros(len(batch.z), 3, 16, 16)
    off = batch.wanted.abs().mean((1, 2, 3)) / batch.bands.mean()
    batch.weight = torch.linspace(0, 3, len(off))
    pixel, _ = learning.loss_of(gain, batch)
    assert pixel == pytest.approx(float((off * batch.weight).mean()), rel=1e-5)
