"""A small network with random weights: the laws hold for any weights."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_dodn import HyperCube
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    """Return the path of a ×2 model whose residual is as large as the image itself."""
    torch.manual_seed(0)
    network = DODN(2, components=4, channels=4, blocks=1, channels_2d=6, branch_2d="whole")
    torch.nn.init.normal_(network.tail[-1].weight, std=0.5)
    path = tmp_path_factory.mktemp("models") / "random-x2.safetensors"
    save_network(network, path, training={"data": "nothing"}, scores={}, licence="BSD-3-Clause")
    return path


@pytest.fixture
def upscale(model_path):
    """Return `napari_dodn.upscale` with the small model."""
    from napari_dodn import upscale

    options = {"device": "cpu", "blur": 0.0}
    return lambda cube, **more: upscale(cube, 2, model_path, **options | more)


def texture(shape, seed=0):
    """Return smooth random bands (bands, y, x) of about unit deviation: white noise is no image."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    smooth = gaussian_filter(noise, (0, 1, 1), mode="wrap")
    return (smooth / smooth.std()).astype(np.float32)


@pytest.fixture
def cube():
    """Return a cube of 7 bands and 24 × 30 pixels, no two of its components alike."""
    mixed = np.linalg.qr(np.random.default_rng(0).standard_normal((7, 7)))[0] * 0.7 ** np.arange(7)
    levels = np.linspace(0.2, 0.9, 7)[:, None, None]
    data = (levels + 0.1 * np.tensordot(mixed, texture((7, 24, 30)), 1)).astype(np.float32)
    return HyperCube(data, wavelengths=np.linspace(400, 700, 7), name="small")
