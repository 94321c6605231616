"""Training on a GPU: a whole run, its resumption, and a model that a CPU can use."""

from typing import get_args

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube, upscale
from napari_dodn.distillation.config import Variant
from napari_dodn.distillation.engine.training import train
from napari_dodn.distillation.run.events import Finished, Step, Validated
from napari_dodn.distillation.run.folder import Status

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.mark.parametrize("variant", get_args(Variant))
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_variant_trains_to_a_model_that_a_cpu_can_use(
    new_run, user_models, variant, precision
):
    run = new_run(
        distillation={"variant": variant},
        computing={"device": "cuda", "precision": precision},
    )
    steps = [event for event in train(run) if isinstance(event, Step)]
    assert all(np.isfinite(list(step.losses.values())).all() for step in steps)
    assert any(isinstance(event, Finished) for event in run.events())
    cube = HyperCube(np.random.default_rng(0).random((6, 12, 12), np.float32))
    assert upscale(cube, 2, user_models / "tiny.safetensors", "cpu", blur=0).shape == (6, 24, 24)


def test_float32_learns_what_the_cpu_learns(new_run):
    losses = {}
    for device in ("cpu", "cuda"):
        run = new_run(device, computing={"device": device, "precision": "float32"})
        events = list(train(run))
        losses[device] = [event.losses["total"] for event in events if isinstance(event, Step)]
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-2)


@pytest.mark.parametrize("kind", ["cubic", "anti-aliased cubic", "gaussian"])
def test_patches_are_reduced_on_the_gpu_whatever_the_degradation(new_run, kind):
    run = new_run(degradation={"kinds": [kind], "noise": (0.0, 0.05)}, computing={"device": "cuda"})
    list(train(run))
    assert run.status() is Status.DONE


def test_a_stopped_run_goes_on(new_run):
    run = new_run(computing={"device": "cuda"})
    for event in train(run):
        if isinstance(event, Step) and event.stage == "student":
            run.ask_to_stop()
    assert run.status() is Status.STOPPED
    list(train(run))
    assert run.status() is Status.DONE
    assert any(isinstance(event, Validated) for event in run.events())


def test_a_compiled_student_learns_the_same(new_run):
    pytest.importorskip("triton")
    losses = []
    for compiled in (False, True):
        computing = {"device": "cuda", "precision": "float32", "compile": compiled}
        run = new_run(f"compiled {compiled}", computing=computing)
        losses.append([e.losses["total"] for e in train(run) if isinstance(e, Step)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
