"""Runs that learn from a sharper picture, from the first event to the model."""

from __future__ import annotations

import signal
import subprocess
import time

import imagecodecs
import numpy as np
import pytest

from napari_dodn import HyperCube, upscale
from napari_dodn.distillation.engine import stages
from napari_dodn.distillation.engine.bundled import Bundled
from napari_dodn.distillation.engine.training import train
from napari_dodn.distillation.run.events import Finished, Started, Step, Warned
from napari_dodn.distillation.run.folder import Status
from napari_dodn.formats import write
from napari_dodn.network.model_file import read_card
from tests.distillation.data.test_sharpened import SENSOR, SIGMA
from tests.distillation.engine.test_training import (
    alone,
    of,
    story,
    torchrun,
    train_in_child,
    weights,
)
from tests.distillation.sharper.test_pseudo_truth import picture_of, scene


@pytest.fixture
def files(tmp_path):
    truth = scene(3, 128)[:, :96]
    cube = write(HyperCube(SENSOR.reduce(truth), name="field"), tmp_path / "field.hdr")
    return cube, write(HyperCube(picture_of(truth), name="photo"), tmp_path / "photo.hdr")


@pytest.mark.parametrize("variant", ["none", "area"])
def test_a_cube_and_its_picture_become_a_model_for_the_cube_alone(new_run, files, variant):
    cube, picture = files
    data = {"cubes": [cube], "sharper": {"field": picture}, "blur": SIGMA, "validation": []}
    run = new_run(data=data, distillation={"variant": variant}, msi={"source": "auto"})
    events = list(train(run))
    assert isinstance(events[-1], Finished)
    started = next(event for event in events if isinstance(event, Started))
    assert started.training == ["field (training part)"]
    assert any("photo.hdr explains" in note for note in started.notes)

    assert started.bundled.startswith("The bundled model dodn-x2 reaches ")
    compared = events[-1].compared
    assert "does not beat the bundled dodn-x2 on the held-out data, reduced once more" in compared
    assert compared.endswith(  # after eight steps
        "Use the bundled model, start a training from it, or train for longer."
    )

    card = read_card(run.best_file)
    (facts,) = card.training["sharper pictures"]
    assert facts["picture"] == "photo.hdr"
    assert facts["bands with pseudo-truth"] == 10
    assert facts["bands without pseudo-truth"] == "none"
    assert "1 sharper picture of the same scenes" in card.training["data"]
    said = "none of cubes with a sharper picture: PSF of σ 0.5 LR pixels, as measured"
    assert card.training["degradation"] == said
    assert card.scores["against the bundled model"] == compared
    assert card.scores["dodn-x2"]["psnr"] > card.scores["model"]["psnr"]
    result = upscale(HyperCube(SENSOR.reduce(scene(5))), 2, run.best_file, blur=SIGMA)
    assert np.isfinite(np.asarray(result.data)).all()

    with np.load(run.preview_file) as preview:
        shapes = {name: preview[name].shape for name in preview}
        assert np.corrcoef(preview["hr"].ravel(), preview["picture"].ravel())[0, 1] > 0.5
    fine = (96, 96, 3)
    assert shapes == {"lr": (48, 48, 3), "sr": fine, "hr": fine, "picture": fine}

    overlay = imagecodecs.png_decode((run.path / "overlay field.png").read_bytes())
    assert overlay.shape == (96, 104, 3)


def test_a_model_that_beats_the_bundled_one_says_so():
    bundled = Bundled("dodn-x2", {"psnr": 30.0, "ssim": 0.9, "sam": 3.0})
    said = bundled.compared({"psnr": 30.4, "ssim": 0.9, "sam": 2.9})
    assert said == (
        "The model beats the bundled dodn-x2 on the held-out data, reduced once more: 30.40 dB and"
        " 2.90°, the bundled model 30.00 dB and 3.00° (+0.40 dB)."
    )


def test_a_run_that_has_started_from_a_model_is_not_told_to_do_so():
    scores = {"psnr": 30.0, "ssim": 0.9, "sam": 3.0}
    said = Bundled("dodn-x2", scores, started_from=True).compared(scores)
    assert said.endswith("(+0.00 dB). Use the bundled model, or train for longer.")


@pytest.fixture
def pair_run(new_run, files):
    """Return a function that makes a run of the cube and its picture, and how they are trained."""
    cube, picture = files
    data = {"cubes": [cube], "sharper": {"field": picture}, "blur": SIGMA, "validation": []}

    def make(folder, **schedule):
        return new_run(folder, data=data, distillation={"variant": "none"}, schedule=schedule)

    return make


def test_a_killed_run_with_a_picture_goes_on_to_the_same_end(pair_run):
    schedule = {"steps": 30, "validate_every": 10, "save_every": 5}
    whole, killed = pair_run("whole", **schedule), pair_run("killed", **schedule)
    list(train(whole))
    with train_in_child(killed) as child:
        while child.poll() is None and not any(e.step > 11 for e in of(killed, Step)):
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    with train_in_child(killed) as child:
        child.wait(240)
    assert killed.status() is Status.DONE
    assert story(killed)[:-1] == story(whole)[:-1]
    assert of(killed, Finished)[0].compared == of(whole, Finished)[0].compared != ""
    a, b = (weights(run.best_file) for run in (whole, killed))
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_two_processes_with_a_picture_take_the_steps_of_one(pair_run):
    schedule = {"batch": 3, "steps": 4, "validate_every": 4}
    one, two = pair_run("one", **schedule), pair_run("two", **schedule)
    list(train(one))
    call = torchrun(29619, "-m", "napari_dodn", "train", two.path)
    done = subprocess.run(
        call, env=alone(two), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert of(two, Started)[0].processes == 2
    for a, b in zip(of(one, Step), of(two, Step), strict=True):
        assert a.losses == pytest.approx(b.losses, rel=1e-3, abs=1e-5)
    assert of(two, Finished)[0].compared


def test_a_loss_that_is_no_number_is_survived_with_a_picture(pair_run, monkeypatch):
    run, angle, calls = pair_run("run", steps=12, save_every=4), stages.angle_loss, []

    def sometimes(*args):
        calls.append(args)
        found = angle(*args)
        return found._replace(total=found.total * np.nan) if len(calls) == 7 else found

    monkeypatch.setattr(stages, "angle_loss", sometimes)
    assert isinstance(list(train(run))[-1], Finished)
    (warning,) = of(run, Warned)
    assert "The loss of step 7 was not a number" in warning.text
