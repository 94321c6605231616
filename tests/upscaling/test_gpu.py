"""The job on a GPU: the CPU's result, less exact types within their bounds, real lack of memory."""

import gc
import logging

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube, metrics, upscaling
from napari_dodn.jobs import Progress
from napari_dodn.upscaling import UpscaleOptions, upscale_steps

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.fixture
def on_cpu(cube, model_path):
    return upscaling.upscale(cube, 2, model_path, device="cpu").data


@pytest.mark.parametrize("tile", ["auto", 9])
def test_float32_is_the_cpus_result(cube, model_path, on_cpu, tile):
    result = upscaling.upscale(cube, 2, model_path, device="cuda", tile=tile)
    np.testing.assert_allclose(result.data, on_cpu, rtol=1e-4, atol=1e-4 * np.ptp(on_cpu))
    assert "float32 on cuda:0" in result.history[-1]


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_less_exact_types_stay_near_the_cpus_result(cube, model_path, on_cpu, precision):
    result = upscaling.upscale(cube, 2, model_path, device="cuda", precision=precision)
    assert np.ptp(on_cpu) > 0
    error = np.sqrt(np.mean((result.data - on_cpu) ** 2))
    assert error < 0.01 * np.ptp(on_cpu)
    assert precision in result.history[-1]


def test_the_self_ensemble_is_the_cpus(cube, model_path):
    results = [
        upscaling.upscale(cube, 2, model_path, device=device, self_ensemble=True)
        for device in ("cpu", "cuda")
    ]
    assert metrics.compare(*results).sam < 0.05


def test_a_memory_that_is_too_small_is_met_with_smaller_tiles(model_path, caplog):
    rng = np.random.default_rng(0)
    cube = HyperCube(rng.random((31, 128, 128), np.float32))
    expected = upscaling.upscale(cube, 2, model_path, device="cpu").data
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 48 * 2**20) / total)
    try:
        with caplog.at_level(logging.WARNING):
            result = upscaling.upscale(cube, 2, model_path, device="cuda", tile=128)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "Out of memory on cuda:0" in caplog.text
    np.testing.assert_allclose(result.data, expected, rtol=1e-4, atol=1e-4)


def test_a_cancelled_job_gives_its_memory_back(cube, model_path):
    upscaling.upscale(cube, 2, model_path, device="cuda")  # the network stays, as it should
    before, seen = torch.cuda.memory_allocated(), []
    steps = upscale_steps(
        cube,
        UpscaleOptions(scale=2, model=model_path, device="cuda", tile=8),
        cancelled=lambda: len(seen) >= 3,
    )
    for event in steps:
        seen.append(event)  # noqa: PERF402 - the flag looks at what was seen
    assert all(isinstance(event, Progress) for event in seen)
    del steps
    gc.collect()
    assert torch.cuda.memory_allocated() == before
