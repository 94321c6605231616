"""Runs that learn from a sharper picture, from the first event to the model."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from napari_dodn import HyperCube, upscale
from napari_dodn.distillation.engine.training import train
from napari_dodn.distillation.run.events import Finished, Started, Warned
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
    assert started.training == ["field (training part)"]
    assert any("photo.hdr explains" in note for note in started.notes)

    assert any("The bundled model dodn-x2 reaches" in note for note in started.notes)
    (warned,) = [
        event.text for event in events if isinstance(event, Warned) and "bundled" in event.text
    ]
    assert "use the bundled one" in warned  # eight steps teach little

    card = read_card(run.best_file)
    (facts,) = card.training["sharper pictures"]
    assert facts["picture"] == "photo.hdr"
    assert facts["bands told"] == 10
    assert "1 sharper picture of the same scenes" in card.training["data"]
    result = upscale(HyperCube(SENSOR.reduce(scene(5))), 2, run.best_file, blur=SIGMA)
    assert np.isfinite(np.asarray(result.data)).all()

    overlay = imagecodecs.png_decode((run.path / "overlay field.png").read_bytes())
    assert overlay.shape == (96, 104, 3)
