"""What are DODN's parts worth? Train its variants with as many operations each, and print a table.

    python benchmarks/architecture.py DATABASE OUT --steps 1500 --seeds 2 --jobs 2

DATABASE is the CAVE database's folder. Every variant is as wide as makes its operations for each LR
voxel come nearest to those of the reference; all of a seed learn from the same patches, without
distillation, and are judged on whole validation scenes. Each result is a file in OUT: the same
command goes on with what is missing.
"""

from __future__ import annotations

import argparse
import json
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_dodn.benchmark import load_protocol
from napari_dodn.benchmark.cost import operations
from napari_dodn.distillation.config import TrainConfig, with_preset
from napari_dodn.distillation.data import RunData, load_data
from napari_dodn.distillation.held_out import Judge
from napari_dodn.distillation.learner import Learner
from napari_dodn.distillation.losses import angle_loss, pixel_loss
from napari_dodn.distillation.patches import PatchSource
from napari_dodn.distillation.team import Team
from napari_dodn.metrics import Quality
from napari_dodn.network.dodn import DODB, DODN
from napari_dodn.network.normalisation import normalisation_of

WIDTHS = range(4, 129)
BANDS = 31
KEYS = ("psnr", "ssim", "sam")

COLUMNS = (
    *("channels", "parameters", "MFLOP per LR voxel", "seeds"),
    *("PSNR (dB)", "SSIM", "SAM (°)", "Δ PSNR (dB)", "Δ SAM (°)", "time"),
)


class Only3D(DODB):
    """A block without the 2D branch."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        del self.branch_2d, self.join_2d

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output; there is no tap."""
        return x + self.join_3d(x + self.branch_3d(x)), x


class Only2D(DODB):
    """A block without the 3D branch: it knows no other band."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        del self.branch_3d, self.join_3d

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output and its tap."""
        tap = x + self.branch_2d(x)
        return x + self.join_2d(tap), tap


class FullConv3d(nn.Conv3d):
    """A 3 × 3 × 3 convolution that is not separated."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, B, h, w, C) to the same shape."""
        return super().forward(x.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)


class Full3D(DODB):
    """A block with full kernels in its 3D branch."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.branch_3d = nn.Sequential(FullConv3d(channels), nn.ReLU(), FullConv3d(channels))


def with_blocks(kind: type[DODB], scale: int, channels: int, blocks: int = 4) -> DODN:
    """Return a DODN of other blocks."""
    network = DODN(scale, channels, blocks)
    network.blocks = nn.ModuleList(kind(channels) for _ in range(blocks))
    return network


REFERENCE = "4 blocks, both branches"

VARIANTS: dict[str, Callable[[int, int], DODN]] = {
    REFERENCE: DODN,
    "2 blocks": partial(DODN, blocks=2),
    "8 blocks": partial(DODN, blocks=8),
    "pooled 2D branch": partial(DODN, branch_2d="pooled"),
    "3D branch alone": partial(with_blocks, Only3D),
    "2D branch alone": partial(with_blocks, Only2D),
    "full 3D kernels": partial(with_blocks, Full3D),
}
"""Makers of networks, given the scale and the width."""


def cost(network: DODN) -> float:
    """Count the operations for each LR voxel."""
    return operations(network.forward_with_taps, BANDS)


@cache
def width(row: str, scale: int, channels: int) -> int:
    """Return the width at which a variant costs what the reference does with `channels`."""
    if row == REFERENCE:
        return channels
    wanted = cost(VARIANTS[REFERENCE](scale, channels))
    above = bisect_left(WIDTHS, wanted, key=lambda n: cost(VARIANTS[row](scale, n)))
    nearest = WIDTHS[max(above - 1, 0) : above + 1]
    return min(nearest, key=lambda n: abs(cost(VARIANTS[row](scale, n)) - wanted))


def configuration(scale: int, database: Path, seed: int = 0, **schedule: Any) -> TrainConfig:
    """Return what all variants of a seed share."""
    protocol = load_protocol("cave")
    held_out = protocol.chosen("validation")
    return with_preset(
        "quick",
        {
            "name": "ablation",
            "seed": seed,
            "data": {
                "cubes": [
                    database / f"{name}_ms" for name in [*protocol.chosen("train"), *held_out]
                ],
                "validation": [f"{name}_ms" for name in held_out],
                "validation_side": None,
                "peak": protocol.divisor,
            },
            "student": {"scale": scale},
            "distillation": {"variant": "none"},
            "degradation": {"kinds": ["cubic"]},
            "schedule": {**schedule, "average": 0.995},
        },
    )


@cache
def data_of(scale: int, database: Path) -> RunData:
    """Read the scenes, once for each process."""
    return load_data(configuration(scale, database))


def trained(args: argparse.Namespace, row: str, seed: int) -> dict[str, Any]:
    """Train a variant and return how good it is on each validation scene, and what it took."""
    torch.set_num_threads(args.threads)
    config = configuration(
        args.scale,
        args.database,
        seed,
        steps=args.steps,
        batch=args.batch,
        patch=args.patch,
        learning_rate=args.rate,
    )
    data = data_of(args.scale, args.database)
    schedule, device = config.schedule, torch.device(args.device)
    torch.manual_seed(seed)
    network = VARIANTS[row](args.scale, width(row, args.scale, args.channels)).to(device)
    source = PatchSource([scene.to(device) for scene in data.training], config, device=device)
    learner = Learner(network, None, schedule.steps, schedule.learning_rate, schedule)
    started = time.process_time()
    while learner.step < learner.steps:
        batch = source.batch(0, learner.step)
        result, _ = network.forward_with_taps(batch.lr)
        learner.update(
            {
                "pixel": (1.0, pixel_loss(result, batch.hr, batch)),
                "angle": (schedule.angle, angle_loss(result, batch.hr, batch)),
            },
            Team(),
        )
    seconds = time.process_time() - started
    assert isinstance(learner.average, DODN)
    figures = {judge.scene.name: judged(learner.average, judge, device) for judge in data.judges}
    return {"seconds": seconds, "scenes": {name: figure(q) for name, q in figures.items()}}


@torch.no_grad()
def judged(network: DODN, judge: Judge, device: torch.device) -> Quality:
    """Return how good a network is on a scene, run whole: its variants have no tiles."""
    pixels = np.asarray(judge.lr.data)
    normalisation = normalisation_of([pixels.astype(float)], len(pixels))
    x = torch.from_numpy(normalisation.apply(pixels))[None].to(device)
    result = network.forward_with_taps(x)[0][0].cpu().numpy()
    return judge.quality_of(normalisation.undo(result))


def figure(quality: Quality) -> dict[str, float]:
    """Return the figures that the table shows."""
    return {key: getattr(quality, key) for key in KEYS}


def run(args: argparse.Namespace, row: str, seed: int) -> None:
    """Train a variant that has no file yet."""
    file = file_of(args, row, seed)
    if not file.exists():
        text = json.dumps(trained(args, row, seed))
        file.write_text(text, encoding="utf-8")
        print(f"seed {seed}: {row}", flush=True)


def file_of(args: argparse.Namespace, row: str, seed: int) -> Path:
    """Return where a result is kept."""
    said = (args.scale, args.channels, args.steps, args.batch, args.patch, args.rate, seed)
    return args.out / f"{row.replace(' ', '-')}-{'-'.join(map(str, said))}.json"


def table(args: argparse.Namespace) -> str:
    """Return the table in Markdown, of the seeds that the reference has too."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---" + "|--:" * len(COLUMNS) + "|"]
    found = {
        row: {
            seed: json.loads(file.read_text(encoding="utf-8"))
            for seed in range(args.seeds)
            if (file := file_of(args, row, seed)).exists()
        }
        for row in VARIANTS
    }
    for row, results in found.items():
        seeds = sorted(results.keys() & found[REFERENCE].keys())
        if not seeds:
            continue
        own, rival = (
            np.array([_means(results_of[seed]) for seed in seeds])
            for results_of in (results, found[REFERENCE])
        )
        differences = own - rival
        spread = differences.std(axis=0, ddof=1) if len(seeds) > 1 else None
        psnr, sam = (
            f"{differences[:, i].mean():+.3f}" + ("" if spread is None else f" ± {spread[i]:.3f}")
            for i in (0, 2)
        )
        channels = width(row, args.scale, args.channels)
        network = VARIANTS[row](args.scale, channels)
        size = sum(p.numel() for p in network.parameters())
        seconds = [
            np.mean([results_of[seed]["seconds"] for seed in seeds])
            for results_of in (results, found[REFERENCE])
        ]
        means = own.mean(axis=0)
        lines.append(
            f"| {row} | {channels} | {size:,} | {cost(network) / 1e6:.3f} | {len(seeds)} |"
            f" {means[0]:.2f} | {means[1]:.4f} | {means[2]:.2f} | {psnr} | {sam} |"
            f" {seconds[0] / seconds[1]:.2f} |"
        )
    return "\n".join(lines)


def _means(result: dict[str, Any]) -> list[float]:
    scenes = result["scenes"].values()
    return [float(np.mean([scene[key] for scene in scenes])) for key in KEYS]


def main() -> None:
    """Train what is not trained yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=int, default=4, choices=(2, 4, 8))
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--channels", type=int, default=32, help="width of the reference")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--only-table", action="store_true")
    args = parser.parse_args()
    args.database, args.out = args.database.resolve(), args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.only_table:
        rows = [REFERENCE, *(row for row in args.rows if row != REFERENCE)]
        with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
            todo = [(row, seed) for seed in range(args.seeds) for row in rows]
            for done in [pool.submit(run, args, row, seed) for row, seed in todo]:
                done.result()
    print(table(args))


if __name__ == "__main__":
    main()
