"""What keeps a run from starting is one sentence: in the panel, on the command line, in the run."""

import numpy as np
import pytest

from napari_dodn import HyperCube, write
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.config_file import config_text
from napari_dodn.distillation.data.loading import load_data
from napari_dodn.distillation.faults import ConfigError

VISIBLE = [450, 500, 550, 600, 650]
INFRARED = [1450, 1500, 1550, 1600, 1650]
SMALL = {
    "student": {"scale": 4, "components": 4, "channels": 4, "blocks": 1, "channels_2d": 8},
    "schedule": {"patch": 8},
    "degradation": {"kinds": ["cubic"]},
}


@pytest.fixture
def values(tmp_path):
    """Return a function that writes cubes with some wavelengths, and configures a run of them."""

    def configure(*axes, sides=(64, 96), names=("a", "b"), **sections):
        files = []
        for number, axis in enumerate(axes):
            data = np.random.default_rng(number).random((len(axis), *sides), dtype=np.float32)
            folder = tmp_path / f"of {number}"
            folder.mkdir()
            cube = HyperCube(data, wavelengths=axis)
            files.append(str(write(cube, folder / f"{names[number]}.hdr")))
        settings = SMALL | {key: SMALL.get(key, {}) | value for key, value in sections.items()}
        data = {"cubes": files} | settings.pop("data", {})
        return {"name": "tiny", "data": data, **settings}

    return configure


CASES = {
    "bands in another order": (
        (VISIBLE, VISIBLE[::-1]),
        {},
        "The bands of 'b' are in another order than those of 'a'",
    ),
    "CIE 1931 of the infrared": (
        (INFRARED,),
        {"msi": {"source": "cie 1931"}},
        "CIE 1931 sees none of the cube's wavelengths",
    ),
    "a camera in the infrared": (
        (INFRARED,),
        {"msi": {"source": "camera"}},
        "Nikon 5100 (NPL) sees none of the cube's wavelengths",
    ),
    "other numbers of bands": ((VISIBLE, VISIBLE[:3]), {}, "The cubes have 3 and 5 bands"),
    "more Gaussian bands than bands": (
        (VISIBLE,),
        {"msi": {"source": "gaussian", "bands": 6}},
        "choose at most 5",
    ),
    "a range of the sensor without a band": (
        (VISIBLE,),
        {"msi": {"source": "gaussian", "range": [900, 950]}},
        "has no usable band from 900 to 950 nm",
    ),
    "no picture": ((VISIBLE,), {"msi": {"source": "paired"}}, "has no picture"),
    "a patch that is too large": (
        (VISIBLE,),
        {"schedule": {"patch": 24}},
        "'a (training part)' has 64 × 76 pixels to learn from",
    ),
    "all cubes held out": (
        (VISIBLE, VISIBLE),
        {"data": {"validation": ["a", "b"]}},
        "All cubes are held out",
    ),
    "a model that is not there": (
        (VISIBLE,),
        {"student": {"start": "nobody's"}},
        "nobody's",
    ),
    "a teacher that is not there": (
        (VISIBLE,),
        {"teacher": {"start": "/no/teacher.safetensors"}},
        "There is no file /no/teacher.safetensors",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_panel_command_line_and_loader_say_the_same(case, values, dock, driver, run, tmp_path):
    axes, sections, words = CASES[case]
    config = checked(values(*axes, **sections))
    with pytest.raises(ConfigError) as error:
        load_data(config)
    ((field, sentence),) = error.value.faults.items()
    assert words in sentence

    file = tmp_path / "run.toml"
    file.write_text(config_text(config), encoding="utf-8")
    code, _, err = run("train", "--config", file, "--out", tmp_path / "run")
    assert code == 1
    assert err.endswith(f"cannot be used. {field}: {sentence}\n")
    assert not (tmp_path / "run").exists()

    dock.output.load(file)
    driver.until(lambda: not dock.output.busy)
    assert dock.draft.faults == {field: sentence}
    assert sentence in dock.controls.why.text()
    assert not dock.controls.start_button.isEnabled()


def test_two_cubes_of_one_name_are_no_fault_anywhere(values, dock, driver, run, tmp_path):
    config = checked(values(VISIBLE, VISIBLE, names=("a", "a"), data={"validation": ["a 2"]}))
    data = load_data(config)
    assert [held.scene.name for held in data.validation] == ["a 2"]
    file = tmp_path / "run.toml"
    file.write_text(config_text(config), encoding="utf-8")
    code, _, err = run("train", "--config", file, "--out", tmp_path / "run", "--prepare")
    assert code == 0, err
    dock.output.load(file)
    driver.until(lambda: not dock.output.busy)
    assert dock.draft.faults == {}
    assert dock.data.held_out.text() == "Held out: a 2."
