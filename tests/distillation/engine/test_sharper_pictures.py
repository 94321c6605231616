"""Runs that learn from a sharper picture, from the first event to the model."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from napari_dodn import HyperCube, upscale
from napari_dodn.distillation.engine.bundled import Bundled
from napari_dodn.distillation.engine.training import train
from napari_dodn.distillation.run.events import Finished, Started
from napari_dodn.formats import write
from napari_dodn.network.model_file import read_card
from tests.distillation.data.test_sharpened import SENSOR, SIGMA
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
    assert started.training == ["field (learnt part)"]
    assert any("photo.hdr explains" in note for note in started.notes)

    assert any("The bundled model dodn-x2 reaches" in note for note in started.notes)
    compared = events[-1].compared
    assert "does not beat the bundled dodn-x2 on the held-out data, reduced once more" in compared
    assert compared.endswith("Use the bundled model, or train for longer.")  # eight steps

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

    overlay = imagecodecs.png_decode((run.path / "overlay field.png").read_bytes())
    assert overlay.shape == (96, 104, 3)


def test_a_model_that_beats_the_bundled_one_says_so():
    bundled = Bundled("dodn-x2", {"psnr": 30.0, "ssim": 0.9, "sam": 3.0})
    said = bundled.compared({"psnr": 30.4, "ssim": 0.9, "sam": 2.9})
    assert said == (
        "The model beats the bundled dodn-x2 on the held-out data, reduced once more: 30.40 dB and"
        " 2.90°, the bundled model 30.00 dB and 3.00° (+0.40 dB)."
    )
