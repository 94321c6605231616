"""Which type a network computes in."""

import pytest
import torch

from napari_dodn import upscale as upscale_with_default
from napari_dodn.network.model_file import load_network, read_card, save_network
from napari_dodn.upscaling import UpscaleError, devices
from napari_dodn.upscaling.devices import choose_precision, has_bfloat16

CPU = torch.device("cpu")


def scores(in_bfloat16):
    return {"model": {"psnr": 36.00}, "model in bfloat16": {"psnr": in_bfloat16}}


@pytest.fixture
def native(monkeypatch):
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: True)


@pytest.mark.parametrize("score", [35.9901, 36.0, 36.2])
def test_auto_is_bfloat16_where_device_and_card_allow_it(native, score):
    assert choose_precision("auto", CPU, scores(score)) is torch.bfloat16


@pytest.mark.parametrize(
    "card",
    [
        None,
        {},
        {"model": {"psnr": 36.0}},
        {"model": {"psnr": 36.0}, "model in bfloat16": None},
        {"model": {"psnr": 36.0}, "model in bfloat16": {"psnr": "36.0"}},
        scores(35.98),
        scores(float("nan")),
    ],
)
def test_auto_is_float32_where_the_card_does_not_say_that_it_is_as_good(native, card):
    assert choose_precision("auto", CPU, card) is torch.float32


def test_auto_is_float32_where_bfloat16_is_not_native(monkeypatch):
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: False)
    assert choose_precision("auto", CPU, scores(36.0)) is torch.float32


@pytest.mark.parametrize("feature", ["avx512_bf16", "amx_bf16"])
def test_a_processor_has_bfloat16_by_its_features(monkeypatch, feature):
    for value in (True, False):
        known = {"avx512_bf16": False, "amx_bf16": False, feature: value}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda known=known: known)
        assert has_bfloat16(CPU) is value


def test_a_pytorch_that_cannot_tell_has_no_native_bfloat16(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not has_bfloat16(CPU)


def test_a_gpu_that_emulates_bfloat16_does_not_have_it(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "device", lambda device: torch.inference_mode())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: asked.append(options))
    has_bfloat16(torch.device("cuda:0"))
    assert asked == [{"including_emulation": False}]


def test_a_precision_that_is_asked_for_is_taken(native):
    assert choose_precision("float32", CPU, scores(36.0)) is torch.float32
    assert choose_precision("bfloat16", CPU) is torch.bfloat16


def test_another_precision_is_refused():
    with pytest.raises(UpscaleError, match="'half' is not one of auto, float32, bfloat16"):
        choose_precision("half", CPU)


def test_the_history_names_the_precision_that_auto_took(native, cube, model_path, tmp_path):
    network = load_network(read_card(model_path))
    path = tmp_path / "quick-x2.safetensors"
    save_network(network, path, training={}, scores=scores(36.0), licence="")
    quick = upscale_with_default(cube, 2, path, device="cpu", blur=0)
    assert "bfloat16 on cpu" in quick.history[-1]
    exact = upscale_with_default(cube, 2, model_path, device="cpu", blur=0)
    assert "float32 on cpu" in exact.history[-1]
