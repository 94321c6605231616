"""Make the bundled models from the CAVE database and photographs, from raw data to shipped file.

    python scripts/make_models.py trunk 4 --cave CAVE --photographs FOLDER --out OUT --steps 90000
    python scripts/make_models.py branch 4 --cave CAVE --photographs FOLDER --out OUT --steps 9000
    python scripts/make_models.py ship 4 --cave CAVE --out OUT

CAVE is the folder with CAVE's scenes as they are downloaded. Test scenes are never read. A model is
trained as a trunk at a constant learning rate, which can be gone on with at any time, and a branch,
which begins with the trunk's weights and whose rate falls to zero along a line. The branch is what
ships, as OUT/dodn-xS.safetensors. The trunk is saved in OUT every few minutes and when it is
stopped (Ctrl-C or SIGTERM); the same command goes on with it. With the model, ship saves the trunk
compactly in the folder training of the repository, from where another machine goes on.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learning import Trainer, load_trunk, save_compact, save_trunk, train
from material import SIGMAS, Material, Recipe, read_scene

from napari_dodn.benchmark import load_protocol
from napari_dodn.benchmark.protocol import Protocol
from napari_dodn.benchmark.scenes import find_scenes
from napari_dodn.cube import HyperCube
from napari_dodn.degradation import ANTI_ALIASED_SIGMA, decimate_cubic
from napari_dodn.errors import UserError
from napari_dodn.metrics import Quality, quality
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network
from napari_dodn.upscaling import bicubic
from napari_dodn.upscaling.engine import upscale_with

ARCHITECTURE: dict[str, Any] = {
    "components": 10,
    "channels": 32,
    "blocks": 6,
    "branch_2d": "folded",
}
"""Of the network for every scale."""

COOLING: dict[str, Any] = {"photographs": 0.1, "clean": 0.35}
"""How a branch differs from its trunk: it ends on cubes as they are."""

KEPT = Path(__file__).parents[1] / "training"

SAVE_EVERY = 180.0
"""Seconds between two saves of the trunk."""

LICENCE = (
    "The weights were trained on the CAVE multispectral image database (Yasuma et al. 2008), which"
    " is available to the research community, and on photographs of the Berkeley segmentation data"
    " set (BSDS500), which are for non-commercial research and education, and of the Kodak photo CD"
    " samples; they are for research and not covered by the software's licence."
)

FIGURES = ("psnr", "ssim", "sam")


def photographs_of(folder: Path | None) -> list[Path]:
    """Return every second photograph in a folder: more of them have not helped."""
    if folder is None:
        return []
    return sorted(file for file in folder.rglob("*") if file.suffix in (".jpg", ".png"))[::2]


def scenes_of(protocol: Protocol, cave: Path, split: str) -> dict[str, Path]:
    """Return the folders of the scenes of a split.

    Raises
    ------
    UserError
        If one is missing.
    """
    return find_scenes(protocol, cave, protocol.chosen(split))


def begun(
    scale: int, trunk: Path, kept: Path, start: Path | None
) -> tuple[DODN, Any, dict[str, Any]]:
    """Return the network to go on with, its moving average, and how it came about."""
    for file in (trunk, kept):
        if file.exists():
            return load_trunk(file)
    torch.manual_seed(0)
    network = DODN(scale, **ARCHITECTURE)
    history: dict[str, Any] = {"steps": 0, "seconds": 0.0}
    if start is not None:
        other, _, its_history = load_trunk(start)
        own = network.state_dict()
        same = {k: v for k, v in other.state_dict().items() if v.shape == own[k].shape}
        network.load_state_dict(same, strict=False)
        history["start"] = f"the trunk for ×{other.scale} of {its_history['steps']} steps"
    return network, None, history


def make(args: argparse.Namespace, protocol: Protocol) -> None:
    """Go on with a trunk, or cool it down to a branch."""
    trunk = args.out / f"dodn-x{args.scale}-trunk.safetensors"
    branch = args.out / f"dodn-x{args.scale}-branch.safetensors"
    folders = scenes_of(protocol, args.cave, "train")
    if args.all_scenes:
        folders |= scenes_of(protocol, args.cave, "validation")
    network, average, history = begun(
        args.scale, trunk, args.kept / f"dodn-x{args.scale}.safetensors", args.start
    )
    recipe = Recipe(args.scale, network.components, args.patch, args.batch)
    if args.stage == "branch":
        recipe = replace(recipe, **COOLING)
    trainer = Trainer(network, recipe)
    before, spent, started = history["steps"], history["seconds"], time.process_time()
    if args.stage == "trunk":
        trainer.average = average or trainer.average
    material = Material(list(folders.values()), photographs_of(args.photographs), args.scale)
    seed = before + (args.stage == "branch")
    chance = np.random.default_rng(seed)
    torch.manual_seed(seed)
    stopping: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, _: stopping.append(number))
    saved = time.monotonic()

    def save(file: Path) -> None:
        facts = history | {
            "steps": before + trainer.steps,
            "seconds": round(spent + time.process_time() - started, 1),
            "recipe": asdict(recipe),
            "scenes": sorted(folders),
            "photographs": len(material.photographs),
        }
        if args.stage == "branch":
            facts["branch steps"] = trainer.steps
        save_trunk(file, trainer, facts)

    def constant() -> float | None:
        nonlocal saved
        if time.monotonic() - saved > SAVE_EVERY:
            save(trunk)
            saved = time.monotonic()
        return None if stopping or before + trainer.steps >= args.steps else 1.0

    def falling() -> float | None:
        left = 1 - trainer.steps / args.steps
        return None if stopping or left <= 0 else left

    if args.stage == "trunk":
        train(trainer, material, chance, constant)
        save(trunk)
        return
    train(trainer, material, chance, falling)
    if stopping:
        sys.exit("The branch was stopped, and nothing is written; begin it again.")
    save(branch)


def measured(network: DODN, protocol: Protocol, cave: Path) -> dict[str, Any]:
    """Return how good a network is on the whole validation scenes, as anybody will use it."""
    figures: dict[str, dict[str, Quality]] = {}
    for name, folder in scenes_of(protocol, cave, "validation").items():
        truth = read_scene(folder)
        lr = HyperCube(decimate_cubic(truth[None], network.scale)[0].numpy(), name=name)
        results = {
            "model": upscale_with(network, lr, "float32", blur=0),
            "model in bfloat16": upscale_with(network, lr, "bfloat16", blur=0),
            "bicubic": bicubic(lr, network.scale),
        }
        for row, result in results.items():
            found = quality(np.asarray(result.data), truth.numpy(), data_range=1.0)
            figures.setdefault(row, {})[name] = found
    scores: dict[str, Any] = {"validation scenes": sorted(figures["model"])}
    for row, scenes in figures.items():
        scores[row] = {
            key: round(float(np.mean([getattr(q, key) for q in scenes.values()])), 4)
            for key in FIGURES
        }
        if row != "model in bfloat16":
            key = "each scene" if row == "model" else "bicubic, each scene"
            scores[key] = {
                name: {figure: round(getattr(q, figure), 4) for figure in FIGURES}
                for name, q in scenes.items()
            }
    return scores


def ship(args: argparse.Namespace, protocol: Protocol) -> Path:
    """Measure a branch and write the model with its card; return its file."""
    network, average, history = load_trunk(args.out / f"dodn-x{args.scale}-branch.safetensors")
    network.load_state_dict({key: value.half() for key, value in average.items()})
    network.eval().requires_grad_(False)
    recipe = history["recipe"]
    scenes, hours = history["scenes"], history["seconds"] / 3600
    training = {
        "data": f"CAVE, {len(scenes)} scenes, and {history['photographs']} photographs",
        "scenes": scenes,
        "protocol": "patches of the training scenes; recipe chosen on whole validation scenes",
        "degradation": (
            f"cubic decimation, Gaussian PSF of σ {SIGMAS[0]:g}–{SIGMAS[-1]:g} LR pixels, or"
            f" anti-aliased cubic decimation (σ {ANTI_ALIASED_SIGMA:g}), noise of σ"
            f" 0–{recipe['noise']:g} deviations; the network is told the σ"
        ),
        "loss": "L1 + 0.15 spectral angle, no distillation",
        "steps": history["steps"],
        "schedule": f"constant rate, then {history['branch steps']} steps along a line to zero",
        "batch": f"{recipe['batch']} patches of {recipe['patch']} × {recipe['patch']} LR pixels",
        "minutes": round(hours * 60, 1),
        "seed": 0,
        "start": history.get("start", "random"),
        "device": "cpu, one thread, bfloat16",
        "date": datetime.now(UTC).date().isoformat(),
    }
    file = args.out / f"dodn-x{args.scale}.safetensors"
    scores = measured(network, protocol, args.cave)
    save_network(network.half(), file, training=training, scores=scores, licence=LICENCE)
    print(json.dumps(scores))
    trunk = args.out / f"dodn-x{args.scale}-trunk.safetensors"
    args.kept.mkdir(parents=True, exist_ok=True)
    save_compact(args.kept / file.name, load_trunk(trunk)[1], trunk)
    return file


def main() -> None:
    """Do a stage of making a model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("trunk", "branch", "ship"))
    parser.add_argument("scale", type=int, choices=(2, 4, 8))
    parser.add_argument("--cave", type=Path, required=True, help="CAVE's scenes as downloaded")
    parser.add_argument("--photographs", type=Path, help="folder of photographs")
    parser.add_argument("--out", type=Path, required=True, help="where trunks and models go")
    parser.add_argument(
        "--kept", type=Path, default=KEPT, help="where trunks lie compactly, to go on from"
    )
    parser.add_argument("--steps", type=int, default=90000, help="of this trunk or branch in all")
    parser.add_argument("--start", type=Path, help="another scale's trunk to take weights from")
    parser.add_argument("--all-scenes", action="store_true", help="learn from validation too")
    parser.add_argument("--batch", type=int, default=12, help="patches in a step")
    parser.add_argument("--patch", type=int, default=20, help="side of a patch in LR pixels")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    protocol = load_protocol("cave")
    try:
        if args.stage == "ship":
            print(f"Wrote {ship(args, protocol)}")
        else:
            make(args, protocol)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
