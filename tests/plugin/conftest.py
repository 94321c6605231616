"""A small cube, as a value and as a file, and small models."""

import gc

import napari.window  # noqa: F401
import numpy as np
import pyqtgraph  # noqa: F401
import pytest
import torch
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QSettings

from napari_dodn import HyperCube
from napari_dodn.network import model_file
from napari_dodn.network.dodn import DODN


@pytest.fixture(autouse=True, scope="module")
def quick_garbage_collection():
    """Let the collections of napari's fixture, several a test, pass over what will stay anyway.

    That is all that was imported and, of every viewer, what napari's themes hold of its window.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def settings_of_nobody(tmp_path):
    """Leave alone what whoever runs the tests has chosen."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
    yield
    QSettings.setDefaultFormat(QSettings.Format.NativeFormat)


@pytest.fixture
def notices():
    """Return a function that gives what napari has notified since the test began."""
    before = len(notification_manager.records)
    return lambda: [record.message for record in notification_manager.records[before:]]


@pytest.fixture
def cube():
    """Return a cube of 5 bands and 12 × 16 pixels whose values tell their place."""
    data = np.arange(5 * 12 * 16, dtype=np.float32).reshape(5, 12, 16) + 100
    return HyperCube(
        data,
        wavelengths=[450, 500, 550, 600, 650],
        name="field",
        fwhm=[10] * 5,
        good_bands=[True, True, True, True, False],
        nodata=-9999,
        pixel_size=(30.0, 30.0),
        pixel_unit="m",
        map_info=("UTM", "1", "1", "500000", "4000000", "30", "30", "33", "North"),
        metadata={"sensor type": "made up", "numbers": np.array([1.0, 2.0])},
    )


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory):
    """Return a folder with a ×2 and a ×4 model with random weights."""
    folder = tmp_path_factory.mktemp("models")
    for scale in (2, 4):
        torch.manual_seed(scale)
        network = DODN(scale, channels=4, blocks=1)
        torch.nn.init.normal_(network.tail[-1].weight, std=0.1)
        model_file.save_network(
            network,
            folder / f"tiny-x{scale}.safetensors",
            training={"data": "nothing at all"},
            scores={"model": {"psnr": 31.0}, "bicubic": {"psnr": 29.5}},
            licence="BSD-3-Clause",
        )
    return folder


@pytest.fixture
def small_models(models_folder, monkeypatch, tmp_path):
    """Let no test see the bundled models or those of whoever runs it."""
    monkeypatch.setattr(model_file, "BUNDLED", models_folder)
    monkeypatch.setattr(model_file, "user_models_folder", lambda: tmp_path / "no models")


@pytest.fixture
def envi_file(tmp_path, cube):
    """Return the header of the cube as a file."""
    from napari_dodn import write

    return write(cube, tmp_path / "field.hdr")
