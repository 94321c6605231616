"""Runs that are over in a second."""

import numpy as np
import pytest

from napari_dodn import HyperCube
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.formats import write

SMALL = {"scale": 2, "components": 4, "channels": 4, "blocks": 1, "channels_2d": 8}
"""A student that a step of takes no time."""


def smooth_scene(seed: int, bands: int = 6, side: int = 48) -> np.ndarray:
    """Return a scene that something can be learnt from: few spectra in soft-edged places."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((3, side // 6, side // 6)).repeat(6, 1).repeat(6, 2)
    spectra = rng.random((bands, 3)) + 0.2
    return np.einsum("bm,myx->byx", spectra, coarse).astype(np.float32) * 1000


@pytest.fixture(autouse=True)
def user_models(tmp_path_factory, monkeypatch):
    """Keep what is trained here away from the person's own models."""
    folder = tmp_path_factory.mktemp("models")
    monkeypatch.setattr("napari_dodn.network.model_file.user_models_folder", lambda: folder)
    monkeypatch.setattr("napari_dodn.distillation.engine.export.user_models_folder", lambda: folder)
    return folder


@pytest.fixture
def cube_files(tmp_path):
    """Return three small cubes with wavelengths of the visible range, on disk."""
    folder = tmp_path / "cubes"
    folder.mkdir()
    return [
        write(
            HyperCube(smooth_scene(i), wavelengths=np.linspace(420, 680, 6), name=f"scene{i}"),
            folder / f"scene{i}.hdr",
        )
        for i in range(3)
    ]


@pytest.fixture
def values(cube_files):
    """Return the smallest configuration that does everything."""
    return {
        "name": "tiny",
        "data": {"cubes": [str(file) for file in cube_files], "validation": ["scene2"]},
        "msi": {"source": "cie 1931"},
        "student": SMALL,
        "teacher": {"channels": 8, "steps": 4},
        "distillation": {"weak_teacher": "follow"},
        "degradation": {"kinds": ["cubic"], "psf": [0.5, 0.5]},
        "schedule": {
            "steps": 8,
            "batch": 2,
            "patch": 8,
            "warm_up": 2,
            "validate_every": 3,
            "save_every": 2,
        },
        "computing": {"device": "cpu", "threads": 1},
    }


@pytest.fixture
def new_run(tmp_path, values):
    """Return a function that makes a run's folder; sections given by name replace fields."""

    def make(folder="run", /, **changes):
        merged = dict(values)
        for key, change in changes.items():
            merged[key] = merged.get(key, {}) | change if isinstance(change, dict) else change
        return RunFolder.create(tmp_path / folder, checked(merged))

    return make
