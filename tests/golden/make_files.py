"""Make the files under `files/`, as the version of today writes them: python make_files.py FOLDER.

They are to be made anew only for a kind of file that is not there yet; what old ones are for is
that they were written before.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from napari_dodn import HyperCube, read, upscale, write
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.engine.training import train
from napari_dodn.distillation.run.events import Step
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network

WRITTEN = ("cube.hdr", "cube.bil", "cube.mat", "cube.h5", "cube.zarr", "cube.tif", "cube.npz")
BANDS = 4


def cube() -> HyperCube:
    """Return a cube with every part of the description that there is."""
    data = np.arange(BANDS * 6 * 5, dtype=np.int16).reshape(BANDS, 6, 5)
    return HyperCube(
        data,
        wavelengths=[450.5, 550, 650, 750],
        name="field",
        fwhm=[10, 11, 12, 13],
        good_bands=[True, True, False, True],
        nodata=-9999,
        gain=[0.5, 0.25, 0.125, 1],
        offset=[0, 1, 2, 3],
        quantity="reflectance",
        pixel_size=(30.0, 20.0),
        pixel_unit="m",
        map_info=("UTM", "1", "1", "500000", "4000000", "20", "30", "33", "North", "WGS-84"),
        default_bands=(2, 1, 0),
        notes=("A note.",),
        history=("A first step.", "A second step: ×4."),
        metadata={"sensor type": "made up", "acquisition time": "2026-01-02T03:04:05Z"},
    )


def scene(seed: int) -> HyperCube:
    """Return a small scene to train on."""
    rng = np.random.default_rng(seed)
    data = rng.random((BANDS, 5, 5)).repeat(4, 1).repeat(4, 2) * 1000
    return HyperCube(data.astype(np.float32), wavelengths=np.linspace(450, 650, BANDS))


def make(folder: Path) -> None:
    """Make all files in a new folder."""
    folder.mkdir()
    for name in WRITTEN:
        place = folder / "bil" if name == "cube.bil" else folder
        place.mkdir(exist_ok=True)
        write(cube(), place / name)
    torch.manual_seed(0)
    network = DODN(2, 4, 4, 1, "whole", 8)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.1)
    model = folder / "tiny-x2.safetensors"
    save_network(
        network,
        model,
        training={"data": "nothing at all"},
        scores={"model": {"psnr": 31.0}, "bicubic": {"psnr": 29.5}},
        licence="BSD-3-Clause",
    )
    source = read(write(scene(9), folder / "scene9.npz")).derive(name="source")
    result = upscale(source, 2, model=model, device="cpu", precision="float32", tile=8, blur=0)
    write(result, folder / "result.npz")
    make_run(folder / "run")


def make_run(folder: Path) -> None:
    """Make a run that was stopped on its way, without its cubes."""
    cubes = [
        write(scene(seed), folder.parent / f"scene{seed}.npz").relative_to(folder.parent)
        for seed in (0, 1)
    ]
    config = checked(
        {
            "name": "old",
            "data": {"cubes": [f"../{cube}" for cube in cubes], "validation": ["scene1"]},
            "msi": {"source": "cie 1931"},
            "student": {
                "scale": 2,
                "components": 4,
                "channels": 4,
                "blocks": 1,
                "channels_2d": 8,
            },
            "teacher": {"channels": 4, "steps": 2},
            "degradation": {"kinds": ["cubic"], "psf": [0.5, 0.5]},
            "schedule": {
                "steps": 6,
                "batch": 1,
                "patch": 8,
                "warm_up": 1,
                "validate_every": 2,
                "save_every": 2,
            },
            "computing": {"device": "cpu", "threads": 1},
        }
    )
    run = RunFolder.create(folder, config)
    for _ in train(run, stop=lambda: student_steps(run) >= 4, install=False):
        pass


def student_steps(run: RunFolder) -> int:
    """Count the steps that the student of a run has taken."""
    return sum(isinstance(event, Step) and event.stage == "student" for event in run.events())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
