"""Where the time of a training step goes: patches, teacher, forward, loss, backward, optimiser.

    python benchmarks/training_step.py [--preset good] [--device cuda:0] [--threads 1 2]
        [--precision float32]

It prints steps a second, and a table of milliseconds and shares, for each number of threads. Of
each part its quickest turn counts, so that other programs disturb little; the time of the
processor, of all threads together, is the mean.
The scene is a made-up one of CAVE's size, so that nothing need be downloaded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_dodn import HyperCube
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.loading import load_data
from napari_dodn.distillation.data.patches import PatchSource
from napari_dodn.distillation.engine.learner import Learner
from napari_dodn.distillation.engine.losses import FeatureLoss, angle_loss, pixel_loss
from napari_dodn.distillation.engine.networks import new_student
from napari_dodn.distillation.engine.process_group import ProcessGroup
from napari_dodn.distillation.engine.training import precision_of
from napari_dodn.distillation.presets import PRESETS, with_preset
from napari_dodn.formats import write
from napari_dodn.network.assembly import assembled
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.upscaling.devices import choose_device


class Clock(NamedTuple):
    """Seconds on the wall, and of the processor."""

    wall: float
    processor: float


def made_up_run(preset: str, folder: Path, bands: int, side: int, precision: str) -> TrainConfig:
    """Return the configuration of a run on a random scene."""
    rng = np.random.default_rng(0)
    data = rng.random((bands, side, side), np.float32)
    file = write(HyperCube(data, np.linspace(400, 700, bands), name="random"), folder / "r.hdr")
    values = {
        "name": "timing",
        "data": {"cubes": [str(file)]},
        "computing": {"precision": precision},
    }
    return with_preset(preset, values)  # type: ignore[arg-type]


def measure(config: TrainConfig, device: torch.device, steps: int) -> dict[str, list[Clock]]:
    """Return the seconds that each part of each step took."""
    data = load_data(config)
    source = PatchSource([scene.to(device) for scene in data.training], config, device=device)
    student = new_student(config).to(device)
    features = None
    if config.distils:
        width, blocks = config.teacher.channels, config.student.blocks
        teacher = SpectralTeacher(data.msi_bands, data.training[0].bands, width, blocks).to(device)
        features = FeatureLoss(
            config.distillation.variant, student.scale, student.tap_channels, width, blocks
        ).to(device)
    learner = Learner(student, features, steps + 3, 1e-3, config.schedule)
    low = precision_of(config, device) == "bfloat16"
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=low)
    seconds: dict[str, list[Clock]] = defaultdict(list)

    def clock() -> Clock:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return Clock(time.perf_counter(), time.process_time())

    def lap(name: str, since: Clock) -> Clock:
        now = clock()
        seconds[name].append(Clock(now.wall - since.wall, now.processor - since.processor))
        return now

    began, take_step = clock(), learner.optimiser.step

    def optimise() -> None:
        nonlocal began
        began = lap("backward", now)
        take_step()

    def ask(z: Tensor, sigma: Tensor) -> tuple[Tensor, list[Tensor]]:
        with autocast:
            return student.forward_with_taps(z, sigma)

    learner.optimiser.step = optimise  # type: ignore[method-assign]
    for step in range(steps + 3):
        if step == 3:
            seconds.clear()
        now = clock()
        batch = source.batch(1, step)
        now = lap("patches", now)
        if features is not None:
            with torch.no_grad(), autocast:
                _, teacher_taps = teacher(batch.msi)
            now = lap("teacher", now)
        result, taps = assembled(
            ask, batch.lr, batch.forward, batch.back, batch.blur, student.scale
        )
        now = lap("student forward", now)
        terms = {
            "pixel": (1.0, pixel_loss(result, batch.hr, batch)),
            "angle": (0.2, angle_loss(result, batch.hr, batch)),
        }
        if features is not None:
            terms["distillation"] = (0.1, features(taps, teacher_taps, batch))
        now = lap("loss", now)
        learner.update(terms, ProcessGroup())
        lap("optimiser and average", began)
    return seconds


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=list(PRESETS), default="quick")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--bands", type=int, default=31)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--threads", type=int, nargs="+", default=[torch.get_num_threads()])
    args = parser.parse_args()
    device = choose_device(args.device)
    with tempfile.TemporaryDirectory() as folder:
        config = made_up_run(args.preset, Path(folder), args.bands, args.side, args.precision)
        for threads in args.threads:
            torch.set_num_threads(threads)
            parts = measure(config, device, args.steps)
            quickest = {name: min(turn.wall for turn in turns) for name, turns in parts.items()}
            whole = sum(quickest.values())
            plural = "s" * (threads != 1)
            precision = precision_of(config, device)
            print(f"\n{args.preset}, {device}, {precision}, {threads} thread{plural}:", end=" ")
            print(f"{1 / whole:.2f} steps a second\n")
            print("| part | ms | share | ms of the processor |\n|---|--:|--:|--:|")
            for name, value in quickest.items():
                processor = sum(turn.processor for turn in parts[name]) / args.steps
                print(
                    f"| {name} | {1e3 * value:.1f} | {value / whole:.1%} | {1e3 * processor:.1f} |"
                )


if __name__ == "__main__":
    main()
