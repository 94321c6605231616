"""Which network is worth its time? Train candidates for equal time, and print a table.

    python benchmarks/architecture.py CAVE PHOTOGRAPHS OUT --minutes 10 --seeds 0 1

Every candidate learns for the same processor time of one thread, by the recipe of the bundled
models, and is measured on the whole validation scenes: clean, and with a blur that it is told. Each
result is a file in OUT: the same command continues with what is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from learning import Trainer, draws, train
from make_models import photographs_of, scenes_of
from material import Material, Recipe
from pictures import read_scene

from napari_dodn.benchmark import load_protocol
from napari_dodn.degradation import reduce_by_blur
from napari_dodn.network.components import components_of
from napari_dodn.network.dodn import DODN

CANDIDATES: dict[str, dict[str, Any]] = {
    "folded, k 6, 64 × 6": {"components": 6, "channels": 64},
    "folded, k 8, 32 × 6": {"components": 8},
    "folded, k 12, 32 × 6": {"components": 12},
    "folded, k 16, 32 × 4": {"components": 16, "blocks": 4},
    "whole, k 12, 16 + 64 × 6": {"branch_2d": "whole", "channels": 16, "channels_2d": 64},
    "whole, k 12, 24 + 96 × 6": {"branch_2d": "whole", "channels": 24, "channels_2d": 96},
    "whole, k 16, 16 + 96 × 8": {
        "branch_2d": "whole", "components": 16, "channels": 16, "channels_2d": 96, "blocks": 8,
    },
    "whole, k 16, 16 + 128 × 6": {
        "branch_2d": "whole", "components": 16, "channels": 16, "channels_2d": 128,
    },
    "folded, k 12, 32 × 6, bicubic rest": {"components": 12, "rest": "bicubic"},
}  # fmt: skip


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
            lr = reduce_by_blur(truth[None], network.scale, sigma)[0]
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


def held_out(cave: Path) -> dict[str, Tensor]:
    """Read the validation scenes."""
    found = scenes_of(load_protocol("cave"), cave, "validation")
    return {name: read_scene(folder) for name, folder in found.items()}


def measured(args: argparse.Namespace, name: str, seed: int, material: Material) -> dict[str, Any]:
    """Train a candidate and say how good it is."""
    options = dict(CANDIDATES[name])
    rest = options.pop("rest", "bilinear")
    torch.manual_seed(seed)
    network = DODN(args.scale, **options)
    recipe = Recipe(scale=args.scale, components=network.components, rest=rest)
    trainer = Trainer(network, recipe, args.alpha)
    total, began = args.minutes * 60, time.process_time()

    def factor() -> float | None:
        left = 1 - (time.process_time() - began) / total
        return min(1.0, left / args.fall) if left > 0 else None

    train(trainer, draws(material, recipe, seed), factor)
    found = validated(trainer.averaged(), held_out(args.cave), rest)
    return {
        "name": name,
        "seed": seed,
        "steps": trainer.steps,
        "parameters": sum(p.numel() for p in network.parameters()),
        "largest": trainer.largest,
        **found,
    }


def main() -> None:
    """Train what has not been trained yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cave", type=Path)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--alpha", type=float, default=0.1)
    parser.add_argument("--fall", type=float, default=0.3, help="share in which the rate falls")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES))
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    material = None
    for seed in args.seeds:
        for name in args.candidates:
            file = (
                args.out
                / f"{name.replace(' ', '_').replace('×', 'x')}-{args.minutes:g}-{seed}.json"
            )
            if file.exists():
                continue
            material = material or Material(
                list(scenes_of(load_protocol("cave"), args.cave, "train").values()),
                photographs_of(args.photographs),
                args.scale,
            )
            found = measured(args, name, seed, material)
            file.write_text(json.dumps(found), encoding="utf-8")
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
