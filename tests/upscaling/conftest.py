"""A small network with random weights: the laws hold for any weights."""

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    """Return the path of a ×2 model whose residual is as large as the image itself."""
    torch.manual_seed(0)
    network = DODN(2, channels=4, blocks=1)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.5)
    path = tmp_path_factory.mktemp("models") / "random-x2.safetensors"
    save_network(network, path, training={"data": "nothing"}, scores={}, licence="BSD-3-Clause")
    return path


@pytest.fixture
def upscale(model_path):
    """Return `napari_dodn.upscale` with the small model."""
    from napari_dodn import upscale

    return lambda cube, **options: upscale(cube, 2, model_path, device="cpu", **options)


@pytest.fixture
def cube():
    """Return a cube of 7 bands and 24 × 30 pixels with a different level in each band."""
    rng = np.random.default_rng(0)
    levels = np.linspace(0.2, 0.9, 7)[:, None, None]
    data = (levels + 0.1 * rng.standard_normal((7, 24, 30))).astype(np.float32)
    return HyperCube(data, wavelengths=np.linspace(400, 700, 7), name="small")
