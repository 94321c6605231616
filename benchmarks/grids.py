"""How much does a model know by heart? Print what it makes of scenes on several grids of LR pixels.

    python benchmarks/grids.py CAVE --scale 4 --model former.safetensors --model dodn-x4

The scenes of the splits train and validation, which the bundled models have learnt from, are
reduced cleanly from the first pixel on, from an offset of half an LR pixel on, and from others. A
model that has learnt from the first grid alone gains less on the second. Of models that have learnt
from the split train only, `--split validation` shows what they make of new scenes. A single grid
tells little of those: where fine structure folds, each grid shows another picture of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from make_models import scenes_of
from pictures import read_scene

from napari_dodn.benchmark import load_protocol
from napari_dodn.cube import HyperCube
from napari_dodn.degradation import decimate_cubic
from napari_dodn.metrics import quality
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import find_model, load_network
from napari_dodn.upscaling import bicubic
from napari_dodn.upscaling.engine import upscale_with

SPLITS = ("train", "validation")


OTHERS = ((1, 3), (3, 1), (1, 0), (0, 3), (2, 3))
"""Where other grids begin, in rows and columns."""


def on_grids(truth: Tensor, scale: int) -> Iterator[Tensor]:
    """Yield what grids cover of a scene (bands, y, x): all but an LR pixel of each side.

    The first grid comes first, and then the one that lies half a pixel off.
    """
    height, width = (side - scale for side in truth.shape[1:])
    half = scale // 2
    others = ((y % scale, x % scale) for y, x in OTHERS)
    for y, x in dict.fromkeys([(0, 0), (half, half), *others]):
        yield truth[:, y : y + height, x : x + width]


def measured(truth: Tensor, networks: Iterable[DODN], scale: int) -> Iterator[tuple[float, float]]:
    """Yield PSNR and spectral angle of bicubic interpolation and of each network."""
    lr = HyperCube(decimate_cubic(truth[None], scale)[0].numpy())
    results = [bicubic(lr, scale), *(upscale_with(n, lr, "auto", blur=0) for n in networks)]
    for result in results:
        found = quality(np.asarray(result.data), truth.numpy(), data_range=1.0)
        yield found.psnr, found.sam


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cave", type=Path, help="CAVE's scenes as downloaded")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--model", action="append", help="name or file; may be repeated")
    parser.add_argument("--split", choices=SPLITS, help="only its scenes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cards = [find_model(model, args.scale) for model in args.model or [None]]
    networks = [load_network(card).eval().requires_grad_(False) for card in cards]
    protocol, found = load_protocol("cave"), []
    for split in SPLITS if args.split is None else [args.split]:
        for folder in scenes_of(protocol, args.cave, split).values():
            grids = on_grids(read_scene(folder), args.scale)
            found.append([list(measured(truth, networks, args.scale)) for truth in grids])
    means = np.mean(found, axis=0)  # grids, methods, figures
    count = f"mean of {len(means)}: PSNR | SAM"
    print(f"| | the first grid: PSNR (dB) | SAM (°) | half a pixel off: PSNR | SAM | {count} |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, grids in zip(
        ("bicubic", *(card.name for card in cards)), means.swapaxes(0, 1), strict=True
    ):
        values = (*grids[0], *grids[1], *grids.mean(axis=0))
        print(f"| {name} |", " | ".join(f"{value:.3f}" for value in values), "|")


if __name__ == "__main__":
    main()
