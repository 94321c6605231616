"""Patches: decided by seed and step, shared out exactly, reduced as asked."""

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.data.loading import load_data
from napari_dodn.distillation.data.patches import PatchSource
from napari_dodn.formats import write
from napari_dodn.network.components import components_of
from tests.distillation.conftest import smooth_scene


@pytest.fixture
def source(values):
    """Return a function that makes a source of patches from changed sections."""

    def make(rank=0, size=1, **changes):
        merged = values | {k: values.get(k, {}) | v for k, v in changes.items() if k != "seed"}
        config = checked(merged | {"seed": changes.get("seed", 0)})
        return PatchSource(load_data(config).training, config, rank, size)

    return make


def test_seed_stage_and_step_decide_what_is_drawn(source):
    first, again, other_seed = source(), source(), source(seed=1)
    torch.testing.assert_close(first.batch(1, 5).hr, again.batch(1, 5).hr)
    for other in (first.batch(1, 6), first.batch(0, 5), other_seed.batch(1, 5)):
        assert not torch.equal(other.hr, first.batch(1, 5).hr)


def test_shares_of_processes_are_the_batch(source):
    noisy = {"degradation": {"noise": [0.0, 0.1]}, "schedule": {"batch": 5}}
    whole = source(**noisy).batch(1, 3)
    shares = [source(rank, 2, **noisy).batch(1, 3) for rank in (0, 1)]
    for key in ("lr", "hr", "offset", "msi", "blur", "forward", "back"):
        torch.testing.assert_close(getattr(shares[0], key), getattr(whole, key)[0::2])
        torch.testing.assert_close(getattr(shares[1], key), getattr(whole, key)[1::2])


@pytest.mark.parametrize("kind", ["cubic", "anti-aliased cubic", "gaussian"])
def test_sizes_are_those_asked_for(source, kind):
    batch = source(degradation={"kinds": [kind]}).batch(1, 0)
    assert batch.lr.shape == (2, 6, 8, 8)
    assert batch.hr.shape == (2, 6, 16, 16)
    assert batch.msi.shape == (2, 3, 16, 16)


def test_the_multispectral_image_is_that_of_the_patch(source):
    drawn = source()
    batch = drawn.batch(1, 0)
    weights = torch.stack([scene.msi_weights for scene in drawn.groups[0]])
    images = torch.einsum("smb,nbyx->snmyx", weights, batch.hr + batch.offset)
    distances = (images - batch.msi).abs().amax(dim=(2, 3, 4)).amin(dim=0)
    assert float(distances.max()) < 1e-5


def test_each_patch_is_turned_and_mirrored_as_it_was_drawn(source):
    drawn = source()
    images = torch.randn(8, 3, 5, 5).unbind()
    views = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]
    for image, moved, (turns, mirrored) in zip(
        images, drawn._moved(images, views), views, strict=True
    ):
        turned = torch.rot90(image, turns, (1, 2))
        torch.testing.assert_close(moved, turned.flip(2) if mirrored else turned, rtol=0, atol=0)


def test_a_shuffled_image_is_that_of_another_patch(source):
    plain, shuffled = source().batch(1, 0), source(msi={"shuffled": True}).batch(1, 0)
    torch.testing.assert_close(plain.hr, shuffled.hr)
    assert float((plain.msi - shuffled.msi).abs().mean()) > 0.1


def test_every_kind_of_reduction_is_drawn(source):
    kinds = ["cubic", "gaussian"]
    mixed = source(degradation={"kinds": kinds, "psf": [0.5, 1.5]}, schedule={"batch": 8})
    batch = mixed.batch(1, 0)
    assert batch.lr.shape == (8, 6, 8, 8)
    rough = (batch.lr[..., 1:] - batch.lr[..., :-1]).abs().mean(dim=(1, 2, 3))
    assert float(rough.max()) > 0
    assert torch.isfinite(batch.lr).all()


def test_a_patch_is_seen_as_the_whole_low_resolution_cube_says(source):
    drawn = source(schedule={"batch": 16})
    scenes = {id(scene): scene for scene in drawn.groups[0]}.values()
    expected = []
    for scene in scenes:
        lr = scene.hr.unflatten(1, (-1, 2)).unflatten(3, (-1, 2)).mean(dim=(2, 4))
        covariance = np.cov(lr.flatten(1).double().numpy(), bias=True)
        expected.append(components_of(np.zeros(6), covariance, 4).back)
    signs = set()
    for back in drawn.batch(1, 0).back.numpy():
        nearest = min(expected, key=lambda other: np.abs(np.abs(other) - np.abs(back)).max())
        np.testing.assert_allclose(np.abs(back), np.abs(nearest), atol=1e-3)
        signs.add(bool((back[:, 0] * nearest[:, 0]).sum() > 0))
    assert signs == {True, False}


@pytest.mark.parametrize(("kind", "told"), [("cubic", 0.0), ("anti-aliased cubic", 0.39)])
def test_the_blur_of_a_cubic_reduction_is_told(source, kind, told):
    assert (
        source(degradation={"kinds": [kind]}).batch(1, 0).blur.tolist() == [pytest.approx(told)] * 2
    )


def test_the_blur_that_is_told_is_near_the_true_one_and_mostly_more(source):
    gaussian = {"kinds": ["gaussian"], "psf": [0.5, 0.5]}
    told = source(degradation=gaussian, schedule={"batch": 64}).batch(1, 0).blur
    assert 0.6 < float((told > 0.5).float().mean()) < 0.9
    assert 0.3 < float(told.min()) < float(told.max()) < 0.8


def test_components_of_other_bands_and_noise_fit_what_is_seen(source):
    batch = resampled(source, 2, 2, schedule={"batch": 3}).batch(1, 0)
    assert batch.forward.shape == (3, 4, 3)
    identity = torch.bmm(batch.forward, batch.back)
    exists = batch.back.square().sum(dim=1) > 0
    torch.testing.assert_close(identity, torch.diag_embed(exists.float()), atol=1e-4, rtol=0)
    noise = {"degradation": {"noise": [0.5, 0.5]}}
    drowned = source(**noise).batch(1, 0)
    assert (drowned.back[:, :, 0] != 0).any()
    assert not drowned.back[:, :, 3].any()  # smaller than the noise


def test_noise_has_the_deviation_asked_for(source):
    clean = source().batch(1, 0)
    noisy = source(degradation={"noise": [0.3, 0.3]}).batch(1, 0)
    assert float((noisy.lr - clean.lr).std()) == pytest.approx(0.3, rel=0.1)


UNTAUGHT = {"distillation": {"variant": "none"}}


def resampled(source, low, high, **changes):
    return source(degradation={"spectral": [low, high]}, **UNTAUGHT, **changes)


def test_a_larger_spectral_step_makes_fewer_bands_of_the_same_place(source):
    plain, broad = source(**UNTAUGHT).batch(1, 0), resampled(source, 2, 2).batch(1, 0)
    for key in ("lr", "hr", "offset"):
        pairs = getattr(plain, key).unflatten(1, (3, 2)).mean(dim=2)
        torch.testing.assert_close(getattr(broad, key), pairs)


def test_a_smaller_spectral_step_makes_as_many_bands_of_a_part_of_the_range(source):
    plain, fine = source(**UNTAUGHT).batch(1, 0), resampled(source, 0.25, 0.25).batch(1, 0)
    assert fine.hr.shape == plain.hr.shape
    assert fine.lr.shape == plain.lr.shape
    bent = (fine.offset.diff(n=2, dim=1).abs() > 1e-5).flatten(1).sum(dim=1)
    assert int(bent.max()) <= 2  # on the line between bands, but where one is crossed


def test_every_step_draws_a_spectral_step_of_its_own(source):
    drawn = resampled(source, 0.5, 3)
    counts = {drawn.batch(1, step).hr.shape[1] for step in range(40)}
    assert counts == {2, 3, 4, 5, 6}
    torch.testing.assert_close(drawn.batch(1, 7).lr, resampled(source, 0.5, 3).batch(1, 7).lr)


def test_processes_draw_the_same_spectral_step(source):
    five = {"schedule": {"batch": 5}}
    whole = resampled(source, 0.5, 2, **five).batch(1, 3)
    for rank in (0, 1):
        share = resampled(source, 0.5, 2, rank=rank, size=2, **five).batch(1, 3)
        torch.testing.assert_close(share.hr, whole.hr[rank::2])
        torch.testing.assert_close(share.lr, whole.lr[rank::2])


@pytest.mark.parametrize(("factor", "bands"), [(2, 3), (3, 2)])
def test_a_broad_band_counts_where_all_that_it_is_made_of_counts(values, tmp_path, factor, bands):
    data = smooth_scene(0)
    data[0, :, 24:] = np.nan
    good = np.arange(6) != 2
    cube = HyperCube(data, np.linspace(420, 680, 6), name="holes", good_bands=good)
    values["data"] = {
        "cubes": [str(write(cube, tmp_path / "holes.hdr")), values["data"]["cubes"][2]],
        "validation": ["scene2"],
    }
    plain, broad = (
        PatchSource(load_data(config).training, config).batch(1, 0)
        for step in (1, factor)
        for config in [checked(values | UNTAUGHT | {"degradation": {"spectral": [step, step]}})]
    )
    assert 0 < float(plain.valid[:, 0].mean()) < 1
    expected = plain.valid.unflatten(1, (bands, factor)).amin(dim=2)
    torch.testing.assert_close(broad.valid, expected)


def test_patches_are_drawn_from_everywhere(source):
    drawn = source(schedule={"batch": 64})
    scene = drawn.groups[0][0]
    corners = {tuple(np.round(scene.hr[:3, y, x].numpy(), 4)) for y in (0, -1) for x in (0, -1)}
    seen = set()
    for step in range(30):
        hr = drawn.batch(1, step).hr
        for y in (0, -1):
            for x in (0, -1):
                seen |= {tuple(np.round(v, 4)) for v in hr[:, :3, y, x].numpy()}
    assert corners & seen


def test_borders_are_drawn_as_if_the_scene_went_on(source):
    drawn = source(schedule={"batch": 64})
    last, side = 96, drawn.side
    starts = [drawn._start(np.random.default_rng(i), last + side) for i in range(2000)]
    assert (min(starts), max(starts)) == (0, last)
    at_borders = [sum(start == edge for start in starts) / len(starts) for edge in (0, last)]
    expected = (side // 2 + 1) / (last + side + 1)
    assert at_borders == pytest.approx([expected, expected], abs=0.02)


@pytest.mark.parametrize("batch", [1, 2])
def test_every_scene_is_drawn_where_scenes_differ_in_bands(values, tmp_path, batch):
    files = [
        write(HyperCube(smooth_scene(i, bands), name=f"of{i}"), tmp_path / f"of{i}.hdr")
        for i, bands in enumerate([3, 3, 3, 5, 5, 5])
    ]
    values["data"]["cubes"] = [*map(str, files), values["data"]["cubes"][2]]
    config = checked(values | UNTAUGHT | {"schedule": values["schedule"] | {"batch": batch}})
    drawn = PatchSource(load_data(config).training, config)
    firsts = [drawn.batch(1, step).offset[0] for step in range(80)]
    for scene in (scene for group in drawn.groups for scene in group):
        assert any(torch.equal(first, scene.offset) for first in firsts), scene.name


def test_patches_without_anything_valid_are_drawn_again(values, tmp_path):
    data = smooth_scene(0, side=96)
    data[:, 30:] = np.nan
    cube = HyperCube(data, name="border", wavelengths=np.linspace(420, 680, 6))
    values["data"] = {
        "cubes": [str(write(cube, tmp_path / "border.hdr")), values["data"]["cubes"][2]],
        "validation": ["scene2"],
    }
    config = checked(values | {"schedule": values["schedule"] | {"batch": 32}})
    batch = PatchSource(load_data(config).training, config).batch(1, 0)
    assert batch.valid.flatten(1).any(dim=1).all()
