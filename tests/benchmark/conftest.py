"""A CAVE of two small scenes, a model for it, and the protocol that fits their size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from napari_dodn.benchmark import job, load_protocol
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network

SCENES = ("feathers", "pompoms")
BANDS, SIDE = 31, 32


def smooth_scene(seed, side=SIDE):
    """Return 16-bit (bands, y, x) pixels with gradients in y, x and wavelength, and some noise."""
    rng = np.random.default_rng(seed)
    band, y, x = np.meshgrid(
        np.linspace(0.5, 1, BANDS), np.arange(side), np.arange(side), indexing="ij"
    )
    pattern = 0.5 + 0.3 * np.sin(y / 3 + 2 * seed + band) * np.cos(x / (4 - seed) - 3 * band)
    noisy = np.clip(band * pattern + 0.02 * rng.standard_normal(pattern.shape), 0, 1)
    return np.round(65535 * noisy).astype(np.uint16)


@dataclass
class Database:
    """A folder with scenes, nested as the download is, and the pixels of each."""

    folder: Path
    scenes: dict[str, np.ndarray] = field(default_factory=dict)

    def write(self, scene, pixels):
        self.scenes[scene] = pixels
        place = self.place(scene)
        place.mkdir(parents=True, exist_ok=True)
        for band, image in enumerate(pixels, start=1):
            iio.imwrite(place / f"{scene}_ms_{band:02d}.png", image)

    def place(self, scene):
        return self.folder / f"{scene}_ms" / f"{scene}_ms"


@pytest.fixture
def database(tmp_path):
    """Return a CAVE of the two scenes."""
    made = Database(tmp_path / "CAVE")
    for seed, scene in enumerate(SCENES):
        made.write(scene, smooth_scene(seed))
    made.scenes[SCENES[0]][:, 5, 5] = 0  # a pixel without a spectral angle
    made.write(SCENES[0], made.scenes[SCENES[0]])
    return made


@pytest.fixture
def small(monkeypatch):
    """Return CAVE's protocol for scenes of 32 × 32 pixels, which the jobs then run too."""
    size = (BANDS, SIDE, SIDE)
    protocol = replace(load_protocol("cave"), stored_shape=size, shape=size)
    monkeypatch.setattr(job, "load_protocol", lambda name: protocol)
    return protocol


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Return the path of a small ×4 model with random weights."""
    torch.manual_seed(0)
    network = DODN(4, channels=4, blocks=1)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.05)
    path = tmp_path_factory.mktemp("models") / "random-x4.safetensors"
    save_network(network, path, training={"data": "nothing"}, scores={}, licence="BSD-3-Clause")
    return path
