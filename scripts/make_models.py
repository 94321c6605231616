"""Make the bundled models from the CAVE database and photographs, from raw data to shipped file.

    python scripts/make_models.py trunk x4 --cave CAVE --photographs FOLDER --out OUT --steps 60000
    python scripts/make_models.py branch x4 --cave CAVE --photographs FOLDER --out OUT --steps 9000

A model is trained as a trunk at a constant learning rate, which can be gone on with at any time,
and a branch that starts at the trunk's weights and whose rate falls to zero along a line; the
branch is what ships. The trunk is saved in OUT every few minutes and when it is stopped (Ctrl-C or
SIGTERM); the same command goes on with it.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import Batch, Material, Recipe, draw, read_scene, reduced
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from napari_dodn.network.components import components_of
from napari_dodn.network.dodn import DODN

VALIDATION = ("feathers", "pompoms", "real_and_fake_apples", "thread_spools")

NETS: dict[int, dict[str, Any]] = {
    scale: {
        "scale": scale,
        "components": 16,
        "channels": 16,
        "blocks": 8,
        "branch_2d": "whole",
        "channels_2d": 96,
    }
    for scale in (2, 4, 8)
}

RATE = 8e-4
WARM_UP = 300
AVERAGE = 0.999
SAVE_EVERY = 180.0
"""Seconds between two saves of the trunk."""


def loss_of(gain: Tensor, batch: Batch, alpha: float) -> tuple[Tensor, Tensor]:
    """Return the mean absolute error and the mean spectral angle, in radians, of what was gained.

    The angle is that of an error of δ at a spectrum q: the part of δ across q, divided by what is
    along q. Pixels darker than 2 % of the deviation count for less.
    """
    off = torch.bmm(batch.back, gain.flatten(2)).view_as(batch.wanted) - batch.wanted
    off = off * batch.bands
    counted = batch.bands.mean()
    length = batch.truth.square().sum(1).clamp_min(1e-8).sqrt()
    number = batch.bands.sum(1).sqrt()
    along = (off * batch.truth).sum(1) / length
    across = (off.square().sum(1) - along.square()).clamp_min(1e-10).sqrt()
    angle = torch.atan2(across, length + along)
    weight = (length / (0.02 * number)).clamp_max(1)
    several = (number > 1).float()  # one band has no direction
    weight = weight * several
    pixel = off.abs().mean() / counted
    return pixel, (angle * weight).sum() / weight.sum().clamp_min(1)


class Trainer:
    """A network, its optimiser and the moving average of its weights."""

    def __init__(
        self, network: DODN, recipe: Recipe, alpha: float = 0.15, rate: float = RATE
    ) -> None:
        self.network, self.recipe, self.alpha, self.rate = network, recipe, alpha, rate
        self.optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=(0.9, 0.99))
        self.average = {k: v.clone() for k, v in network.state_dict().items()}
        self.steps = 0
        self.largest = 0.0

    def step(self, batch: Batch, factor: float) -> tuple[float, float]:
        """Learn from a batch, at a factor of the learning rate."""
        warm = min(1, (self.steps + 1) / WARM_UP)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * factor * warm
        with torch.autocast("cpu", torch.bfloat16):
            gain = self.network(batch.z, batch.told)
        pixel, angle = loss_of(gain, batch, self.alpha)
        self.optimiser.zero_grad()
        (pixel + self.alpha * angle).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0, error_if_nonfinite=False)
        if all(p.grad.isfinite().all() for p in self.network.parameters() if p.grad is not None):
            self.optimiser.step()
        self.steps += 1
        self.largest = max(self.largest, float(batch.z.abs().max()))
        decay = min(AVERAGE, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for key, value in self.network.state_dict().items():
                self.average[key].lerp_(value, 1 - decay)
        return pixel.item(), angle.item()

    def averaged(self) -> DODN:
        """Return a network with the moving average of the weights."""
        network = DODN(**architecture(self.network))
        network.load_state_dict(self.average)
        return network.eval()


def architecture(network: DODN) -> dict[str, Any]:
    """Return what to call `DODN` with to build such a network."""
    keys = ("scale", "components", "channels", "branch_2d", "channels_2d")
    return {key: getattr(network, key) for key in keys} | {"blocks": len(network.blocks)}


@torch.no_grad()
def upscaled(network: DODN, lr: Tensor, sigma: float, rest: str) -> tuple[Tensor, Tensor]:
    """Return the result (bands, y, x) for a whole LR cube, and the components' basis."""
    flat = lr.flatten(1).double().numpy()
    found = components_of(flat.mean(axis=1), np.cov(flat, bias=True), network.components)
    centred = lr - torch.from_numpy(found.mean).float()[:, None, None]
    z = torch.tensordot(torch.from_numpy(found.forward).float(), centred, 1)
    with torch.autocast("cpu", torch.bfloat16):
        gain = network(z[None], torch.tensor([sigma]))[0].float()
    base = nn.functional.interpolate(lr[None], scale_factor=network.scale, mode=rest)[0]
    basis = torch.from_numpy(found.basis).float()
    return base + torch.tensordot(torch.from_numpy(found.back).float(), gain, 1), basis


def scores(truth: Tensor, result: Tensor, peak: float = 1.0) -> tuple[float, float]:
    """Return PSNR in dB, band by band, and the mean spectral angle in degrees."""
    t, p = truth.flatten(1).double(), result.flatten(1).double()
    psnr = float((10 * torch.log10(peak**2 / (t - p).square().mean(1))).mean())
    lengths = t.norm(dim=0) * p.norm(dim=0)
    there = lengths > 0
    cosine = ((t * p).sum(0)[there] / lengths[there]).clamp(-1, 1)
    return psnr, float(torch.rad2deg(torch.arccos(cosine)).mean())


def validated(network: DODN, scenes: dict[str, Tensor], rest: str) -> dict[str, Any]:
    """Return means over the validation scenes: clean, blurred, and what the components leave."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for truth in scenes.values():
        for sigma in (0.0, 0.5):
            lr = reduced(truth, network.scale, sigma)
            result, basis = upscaled(network, lr, sigma, rest)
            bicubic = nn.functional.interpolate(
                lr[None], scale_factor=network.scale, mode="bicubic"
            )
            if sigma == 0:
                rest_of = truth - result
                ideal = result + rest_of - torch.tensordot(basis @ basis.T, rest_of, 1)
                found.setdefault("with the truth outside the components", []).append(
                    scores(truth, ideal)
                )
            found.setdefault(f"sigma {sigma:g}", []).append(scores(truth, result))
            found.setdefault(f"bicubic, sigma {sigma:g}", []).append(scores(truth, bicubic[0]))
    return {key: [round(float(v), 4) for v in np.mean(rows, axis=0)] for key, rows in found.items()}


def folders_of(cave: Path, *, everything: bool = False) -> list[Path]:
    """Return the folders of the training scenes."""
    return [
        folder
        for folder in sorted(cave.glob("*_ms"))
        if everything or folder.name.removesuffix("_ms") not in VALIDATION
    ]


def validation_scenes(cave: Path) -> dict[str, Tensor]:
    """Read the validation scenes."""
    return {name: read_scene(cave / f"{name}_ms") for name in VALIDATION}


def photographs_of(folder: Path | None) -> list[Path]:
    """Return the photographs in a folder."""
    if folder is None:
        return []
    return sorted(file for file in folder.rglob("*") if file.suffix in (".jpg", ".png"))[::2]


def save_trunk(file: Path, trainer: Trainer, history: dict[str, Any]) -> None:
    """Save weights, their moving average and how they came about; the old file stays until then."""
    tensors = {f"now.{k}": v for k, v in trainer.network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in trainer.average.items()}
    header = {
        "architecture": json.dumps(architecture(trainer.network)),
        "history": json.dumps(history | {"steps": trainer.steps}),
    }
    part = file.with_suffix(".part")
    save_file({k: v.contiguous() for k, v in tensors.items()}, part, header)
    part.replace(file)


def load_trunk(file: Path) -> tuple[DODN, dict[str, Tensor], dict[str, Any]]:
    """Return the network, the moving average of its weights, and how they came about."""
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    tensors = load_file(file)
    network = DODN(**json.loads(header["architecture"]))
    parts = {
        part: {k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)}
        for part in ("now.", "average.")
    }
    network.load_state_dict(parts["now."])
    return network, parts["average."], json.loads(header["history"])


def train(
    trainer: Trainer,
    material: Material,
    chance: np.random.Generator,
    factor: Callable[[], float | None],
    every: Callable[[], None] = lambda: None,
) -> None:
    """Train until `factor`, which says at what share of the rate to learn, returns None."""
    sums, began, count = np.zeros(2), time.process_time(), 0
    while (now := factor()) is not None:
        sums += trainer.step(draw(material, trainer.recipe, chance), now)
        count += 1
        if trainer.steps % 500 == 0:
            pixel, angle = sums / count
            pace = (time.process_time() - began) / count * 1e3
            print(
                f"{time.strftime('%H:%M:%S')} step {trainer.steps}: L1 {pixel:.5f},"
                f" angle {np.degrees(angle):.3f}°, {pace:.0f} ms a step,"
                f" largest input {trainer.largest:.1f}",
                flush=True,
            )
            sums, began, count = np.zeros(2), time.process_time(), 0
        every()


def main() -> None:
    """Go on with a trunk, or cool it down to a branch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("trunk", "branch"))
    parser.add_argument("model", choices=("x2", "x4", "x8"))
    parser.add_argument("--cave", type=Path, required=True, help="CAVE's scenes as downloaded")
    parser.add_argument("--photographs", type=Path, help="folder of photographs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True, help="of this trunk or branch in all")
    parser.add_argument("--start", type=Path, help="another scale's trunk to take the blocks from")
    parser.add_argument("--all-scenes", action="store_true", help="learn from validation too")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    scale = int(args.model[1:])
    recipe = Recipe(scale=scale, components=NETS[scale]["components"])
    trunk = args.out / f"dodn-{args.model}-trunk.safetensors"
    history: dict[str, Any] = {"steps": 0, "seconds": 0.0}
    torch.manual_seed(0)
    network, average = DODN(**NETS[scale]), None
    if trunk.exists():
        network, average, history = load_trunk(trunk)
    elif args.start:
        other, _, history_of_other = load_trunk(args.start)
        same = {
            k: v for k, v in other.state_dict().items() if v.shape == network.state_dict()[k].shape
        }
        network.load_state_dict(same, strict=False)
        history["start"] = f"x{other.scale} of {history_of_other['steps']} steps"
    trainer = Trainer(network, recipe)
    trainer.steps = 0
    before = int(history["steps"])
    material = Material(
        folders_of(args.cave, everything=args.all_scenes), photographs_of(args.photographs), scale
    )
    chance = np.random.default_rng(before + (args.stage == "branch"))
    torch.manual_seed(before)
    stopping: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, _: stopping.append(number))
    scenes = validation_scenes(args.cave)
    began, spent = time.process_time(), history["seconds"]

    if args.stage == "trunk":
        if average is not None:
            trainer.average = average
        last = [time.monotonic()]

        def save() -> None:
            history["seconds"] = round(spent + time.process_time() - began, 1)
            save_trunk(trunk, trainer, history | {"before": before})

        def factor() -> float | None:
            return None if stopping or before + trainer.steps >= args.steps else 1.0

        def every() -> None:
            if time.monotonic() - last[0] > SAVE_EVERY:
                trainer.steps, mine = before + trainer.steps, trainer.steps
                save()
                trainer.steps = mine
                last[0] = time.monotonic()
            if trainer.steps % 5000 == 0:
                print(validated(trainer.averaged(), scenes, recipe.rest), flush=True)

        train(trainer, material, chance, factor, every)
        trainer.steps += before
        save()
        return

    def falling() -> float | None:
        left = 1 - trainer.steps / args.steps
        return left if left > 0 and not stopping else None

    train(trainer, material, chance, falling)
    if stopping:
        sys.exit("The branch was stopped; nothing is written.")
    found = validated(trainer.averaged(), scenes, recipe.rest)
    history = history | {
        "branch steps": args.steps,
        "seconds": round(spent + time.process_time() - began, 1),
        "scores": found,
        "recipe": asdict(recipe),
        "all scenes": args.all_scenes,
    }
    save_trunk(args.out / f"dodn-{args.model}-branch.safetensors", trainer, history)
    print(found)


if __name__ == "__main__":
    main()
