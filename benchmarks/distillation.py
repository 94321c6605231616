"""Does distillation help? Train DODN with and without, in pairs, and print the differences.

    python benchmarks/distillation.py DATABASE OUT --steps 1500 --seeds 3

DATABASE is the CAVE database's folder. All runs of a seed share initial weights, patches and, where
they have one, the teacher. Every run keeps its folder under OUT: the same command resumes where it
was stopped, and prints the table of what is done.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.benchmark import load_protocol
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.presets import with_preset
from napari_dodn.distillation.run.events import Validated
from napari_dodn.distillation.run.folder import RunFolder, Status

PLAIN, REFERENCE = "no distillation", "area, λ 0.1"
EQUAL_TIME = "no distillation, equal time"
PLAIN_FOLDED = "folded 2D branch, no distillation"

ROWS: dict[str, dict[str, dict[str, Any]]] = {
    PLAIN: {"distillation": {"variant": "none"}},
    REFERENCE: {"distillation": {"variant": "area"}},
    "area, λ 0.02": {"distillation": {"variant": "area", "weight": 0.02}},
    "area, λ 0.1 falling to 0": {"distillation": {"variant": "area", "decay": True}},
    "space to depth, λ 0.1": {"distillation": {"variant": "space to depth"}},
    "affinity, λ 1": {"distillation": {"variant": "affinity", "weight": 1.0}},
    "soft target, λ 0.1": {"distillation": {"variant": "soft target"}},
    "control: area, untrained teacher": {
        "distillation": {"variant": "area"},
        "teacher": {"trained": False, "start": None},
    },
    "control: area, shuffled MSI": {
        "distillation": {"variant": "area"},
        "msi": {"shuffled": True},
    },
    "control: every band, λ 0.1": {"distillation": {"variant": "every band"}},
    EQUAL_TIME: {"distillation": {"variant": "none"}},
    PLAIN_FOLDED: {
        "distillation": {"variant": "none"},
        "student": {"branch_2d": "folded"},
    },
    "folded 2D branch, area, λ 0.1": {
        "distillation": {"variant": "area"},
        "student": {"branch_2d": "folded"},
    },
}


def configuration(args: argparse.Namespace, row: str, seed: int) -> TrainConfig:
    """Return what a run of the table is."""
    protocol = load_protocol("cave")
    scenes = {split: protocol.chosen(split) for split in ("train", "validation")}
    scenes["train"] = scenes["train"][: args.scenes]
    steps = args.steps
    if row == EQUAL_TIME:
        steps = round(steps * cost(args.out, REFERENCE, seed) / cost(args.out, PLAIN, seed))
    values: dict[str, Any] = {
        "name": f"ablation seed {seed}",
        "seed": seed,
        "data": {
            "cubes": [args.database / f"{name}_ms" for part in scenes.values() for name in part],
            "validation": [f"{name}_ms" for name in scenes["validation"]],
            "validation_side": None,
            "peak": 65535,
        },
        "student": {
            "scale": args.scale,
            "components": args.components,
            "channels": args.channels,
            "blocks": args.blocks,
            "channels_2d": args.channels_2d,
        },
        "teacher": {"steps": args.teacher_steps, "channels": 32, "learning_rate": 2e-3},
        "schedule": {"steps": steps, "validate_every": steps, "save_every": 250, "average": 0.995},
        "degradation": {"kinds": ["cubic"], "psf": [0.5, 0.5]},
        "computing": {"threads": 1, "device": args.device},
    }
    if row != REFERENCE:
        values["teacher"]["start"] = folder(args.out, REFERENCE, seed) / "teacher.safetensors"
    for section, fields in ROWS[row].items():
        values[section] = values.get(section, {}) | fields
    values["distillation"] = values.get("distillation", {}) | {"weak_teacher": "follow"}
    return with_preset("quick", values)


def folder(out: Path, row: str, seed: int) -> Path:
    """Return where a run lies."""
    slug = re.sub(r"[^a-z0-9]+", "-", row.replace("λ", "weight").lower()).strip("-")
    return out / f"{slug}-{seed}"


def train(args: argparse.Namespace, row: str, seed: int) -> None:
    """Train a run to its end, resuming it where it was stopped."""
    path, wanted = folder(args.out, row, seed), configuration(args, row, seed)
    if not (path / "config.toml").exists():
        RunFolder.create(path, wanted)
    if RunFolder.open(path).config() != wanted:
        sys.exit(f"{path} is a run with other settings; choose another OUT.")
    if RunFolder.open(path).status() is Status.DONE:
        return
    print(f"seed {seed}: {row}", file=sys.stderr, flush=True)
    # The models of an ablation do not belong among the user's.
    environment = os.environ | {"XDG_DATA_HOME": str(args.out / "models"), "OMP_NUM_THREADS": "1"}
    call = [sys.executable, "-m", "napari_dodn", "train", str(path), "--resume"]
    with (path / "log.txt").open("a") as log:
        process = subprocess.Popen(call, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    with (path / "cpu_seconds.txt").open("a") as file:
        file.write(f"{usage.ru_utime + usage.ru_stime:.1f}\n")
    if status:
        sys.exit(f"The run in {path} has failed; its log.txt says why.")


def cost(out: Path, row: str, seed: int) -> float:
    """Return the CPU seconds that a run took.

    The teacher's are in those of `REFERENCE`, which trains the one that all others take over.
    """
    lines = (folder(out, row, seed) / "cpu_seconds.txt").read_text().split()
    return sum(map(float, lines))


def result(out: Path, row: str, seed: int) -> Validated | None:
    """Return the last validation of a run that is done."""
    run = RunFolder(folder(out, row, seed))
    if not run.config_file.exists() or run.status() is not Status.DONE:
        return None
    found = [e for e in run.events() if isinstance(e, Validated) and e.stage == "student"]
    return found[-1]


def table(args: argparse.Namespace) -> str:
    """Return the table in Markdown: means over the seeds that are done, differences in pairs."""
    lines = [
        "| | seeds | PSNR (dB) | SAM (°) | Δ PSNR (dB) | by scene | Δ SAM (°) | time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rival_rows = {"whole": PLAIN, "folded": PLAIN_FOLDED}
    rivals = {
        branch: {seed: result(args.out, row, seed) for seed in range(args.seeds)}
        for branch, row in rival_rows.items()
    }
    for row, fields in ROWS.items():
        branch = fields.get("student", {}).get("branch_2d", "whole")
        pairs = [
            (seed, own, rival)
            for seed, rival in rivals[branch].items()
            if (own := result(args.out, row, seed)) and rival
        ]
        if not pairs:
            continue
        psnr, sam = (np.mean([own.scores[key] for _, own, _ in pairs]) for key in ("psnr", "sam"))
        gains = np.array(
            [
                [own.scenes[s][k] - rival.scenes[s][k] for k in ("psnr", "sam") for s in own.scenes]
                for _, own, rival in pairs
            ]
        ).reshape(len(pairs), 2, -1)
        by_seed = gains.mean(axis=2)
        several = len(pairs) > 1
        spread = [f" ± {x:.3f}" for x in by_seed.std(axis=0, ddof=1)] if several else ["", ""]
        scenes = " ".join(f"{gain:+.2f}" for gain in gains[:, 0].mean(axis=0))
        mean = by_seed.mean(axis=0)
        time = np.mean(
            [
                cost(args.out, row, seed) / cost(args.out, rival_rows[branch], seed)
                for seed, *_ in pairs
            ]
        )
        lines.append(
            f"| {row} | {len(pairs)} | {psnr:.2f} | {sam:.2f} | {mean[0]:+.3f}{spread[0]} |"
            f" {scenes} | {mean[1]:+.3f}{spread[1]} | {time:.2f} |"
        )
    bicubic = next((r.bicubic for r in rivals["whole"].values() if r), None)
    if bicubic is not None:
        lines.append(f"| bicubic | | {bicubic['psnr']:.2f} | {bicubic['sam']:.2f} | | | | |")
    return "\n".join(lines)


def main() -> None:
    """Train what has not been trained yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=int, default=4, choices=(2, 4, 8))
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--teacher-steps", type=int, default=1500)
    parser.add_argument("--components", type=int, default=8)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--channels-2d", type=int, default=32)
    parser.add_argument("--scenes", type=int, help="how many to learn from; all if left out")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--only-table", action="store_true")
    args = parser.parse_args()
    args.database, args.out = args.database.resolve(), args.out.resolve()
    if not args.only_table:
        first = [REFERENCE, PLAIN]  # whose teacher and whose time the others need
        others = [row for row in args.rows if row not in first]
        with ThreadPoolExecutor(args.jobs) as pool:
            for seed in range(args.seeds):
                for rows in (first, others):
                    list(pool.map(lambda row, seed=seed: train(args, row, seed), rows))
                print(table(args), flush=True)
    print(table(args))


if __name__ == "__main__":
    main()
