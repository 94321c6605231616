"""Where the time of a training step goes: patches, teacher, forward, loss, backward, update.

    python benchmarks/training_step.py [--preset good] [--device cuda:0] [--steps 20]

The scene is a made-up one of CAVE's size, so that nothing need be downloaded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from napari_dodn import HyperCube
from napari_dodn.distillation.config import PRESETS, TrainConfig, with_preset
from napari_dodn.distillation.data import load_data
from napari_dodn.distillation.learner import Learner
from napari_dodn.distillation.losses import FeatureLoss, angle_loss, pixel_loss
from napari_dodn.distillation.networks import new_student
from napari_dodn.distillation.patches import PatchSource
from napari_dodn.distillation.team import Team
from napari_dodn.formats import write
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.upscaling.devices import choose_device


def made_up_run(preset: str, folder: Path, bands: int, side: int) -> TrainConfig:
    """Return the configuration of a run on a random scene."""
    rng = np.random.default_rng(0)
    data = rng.random((bands, side, side), np.float32)
    file = write(HyperCube(data, np.linspace(400, 700, bands), name="random"), folder / "r.hdr")
    return with_preset(preset, {"name": "timing", "data": {"cubes": [str(file)]}})  # type: ignore[arg-type]


def measure(config: TrainConfig, device: torch.device, steps: int) -> dict[str, float]:
    """Return the mean seconds of each part of a step."""
    data = load_data(config)
    source = PatchSource([scene.to(device) for scene in data.training], config, device=device)
    student = new_student(config).to(device)
    width, blocks = config.teacher.channels, config.student.blocks
    teacher = SpectralTeacher(data.msi_bands, data.training[0].bands, width, blocks).to(device)
    features = FeatureLoss("area", student.scale, student.channels, width, blocks).to(device)
    learner = Learner(student, features, steps + 3, 1e-3, config.schedule)
    low = device.type == "cuda" and torch.cuda.is_bf16_supported()
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=low)
    seconds: dict[str, float] = defaultdict(float)

    def lap(name: str, since: float) -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        now = time.perf_counter()
        seconds[name] += now - since
        return now

    for step in range(steps + 3):
        if step == 3:
            seconds.clear()
        now = time.perf_counter()
        batch = source.batch(1, step)
        now = lap("patches", now)
        with torch.no_grad(), autocast:
            _, teacher_taps = teacher(batch.msi)
        now = lap("teacher", now)
        with autocast:
            result, taps = student.forward_with_taps(batch.lr)
        now = lap("student forward", now)
        terms = {
            "pixel": (1.0, pixel_loss(result, batch.hr, batch)),
            "angle": (0.2, angle_loss(result, batch.hr, batch)),
            "distillation": (0.1, features(taps, teacher_taps, batch)),
        }
        now = lap("loss", now)
        learner.update(terms, Team())
        lap("backward and update", now)
    return {name: total / steps for name, total in seconds.items()}


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=list(PRESETS), default="quick")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--bands", type=int, default=31)
    parser.add_argument("--side", type=int, default=512)
    args = parser.parse_args()
    device = choose_device(args.device)
    with tempfile.TemporaryDirectory() as folder:
        config = made_up_run(args.preset, Path(folder), args.bands, args.side)
        parts = measure(config, device, args.steps)
    whole = sum(parts.values())
    pace = f"{torch.get_num_threads()} threads: {1 / whole:.2f} steps a second"
    print(f"{args.preset}, {device}, {pace}\n")
    print("| part | ms | share |\n|---|---|---|")
    for name, value in parts.items():
        print(f"| {name} | {1e3 * value:.1f} | {value / whole:.1%} |")


if __name__ == "__main__":
    main()
