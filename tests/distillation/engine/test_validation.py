"""How good a network is on what was held out: on valid pixels, with little memory and no mishap."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.data.held_out import held_out_of
from napari_dodn.distillation.data.privileged import Privileged
from napari_dodn.distillation.data.scenes import scene_of
from napari_dodn.distillation.engine import validation
from napari_dodn.distillation.engine.validation import student_scores, teacher_scores, write_preview
from napari_dodn.metrics import quality
from napari_dodn.network.dodn import DODN
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.upscaling.engine import upscale_with
from tests.distillation.conftest import smooth_scene


@pytest.fixture
def held_out(values):
    """Return a function that makes a held_out of pixels."""

    def make(data):
        cube = HyperCube(data, name="held", wavelengths=np.linspace(420, 680, 6))
        image = Privileged("first", np.eye(3, 6, dtype=np.float32), None)
        config = checked(values)
        return held_out_of(scene_of(cube, image, config), config, 0)

    return make


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = DODN(2, components=4, channels=4, blocks=1)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.1)
    return network.eval()


def test_figures_are_those_of_the_whole_comparison(held_out, network):
    held = held_out(smooth_scene(0))
    result = np.asarray(upscale_with(network, held.lr, "float32", blur=held.blur).data)
    whole = quality(result, held.truth(), data_range=held.peak)
    found = student_scores(network, [held], "float32")["held"]
    assert found == pytest.approx({"psnr": whole.psnr, "ssim": whole.ssim, "sam": whole.sam})


def test_a_teacher_is_validated_where_something_is_valid(held_out, monkeypatch):
    monkeypatch.setattr(validation, "TEACHER_SIDE", 16)
    data = smooth_scene(0)
    data[:, 8:40, 8:40] = np.nan
    teacher = SpectralTeacher(3, 6, 8, 1).eval().requires_grad_(False)
    assert np.isfinite(teacher_scores(teacher, [held_out(data)])["held"]["psnr"])


def test_a_preview_shows_the_middle_as_the_whole_result_has_it(
    held_out, network, tmp_path, monkeypatch
):
    held, path = held_out(smooth_scene(0, side=96)), tmp_path / "preview.npz"
    shown = []
    monkeypatch.setattr(validation, "PREVIEW_SIDE", 32)
    monkeypatch.setattr(
        validation, "render", lambda row: shown.append(row) or np.zeros((*row.shape[1:], 3))
    )
    write_preview(path, network, held, "float32")
    sr = np.split(np.asarray(shown[0].data), 3, axis=2)[1]
    whole = np.asarray(upscale_with(network, held.lr, "float32", blur=held.blur).data)
    np.testing.assert_allclose(sr, whole[:, 32:64, 32:64], rtol=1e-5, atol=1e-5)
    with np.load(path) as pictures:
        assert pictures["hr"].shape == (32, 32, 3)


def test_a_preview_computes_no_more_than_it_shows(held_out, network, tmp_path, monkeypatch):
    held, shapes = held_out(smooth_scene(0, side=96)), []
    monkeypatch.setattr(validation, "PREVIEW_SIDE", 16)

    def recorded(*args):
        result = upscale_with(*args)
        shapes.append(result.shape)
        return result

    monkeypatch.setattr(validation, "upscale_with", recorded)
    write_preview(tmp_path / "preview.npz", network, held, "float32")
    assert shapes == [(6, 16, 16)]


def test_a_preview_in_use_is_written_a_moment_later(held_out, network, tmp_path, monkeypatch):
    path, replace = tmp_path / "preview.npz", Path.replace
    refusals = iter([True, True])

    def in_use(self, target):
        if next(refusals, False):
            raise PermissionError(13, "in use")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", in_use)
    monkeypatch.setattr(validation, "PAUSE", 0)
    write_preview(path, network, held_out(smooth_scene(0)), "float32")
    assert path.exists()


def test_a_preview_that_cannot_be_written_ends_nothing(held_out, network, tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "PAUSE", 0)
    path = tmp_path / "none" / "preview.npz"
    write_preview(path, network, held_out(smooth_scene(0)), "float32")
    assert not path.exists()
