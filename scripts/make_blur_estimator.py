"""Make the estimator of a sensor's blur, from raw data to the file that is shipped.

    python scripts/make_blur_estimator.py draw --cave CAVE --photographs FOLDER --out OUT
    python scripts/make_blur_estimator.py learn --out OUT
    python scripts/make_blur_estimator.py table --cave CAVE --sensors FOLDER

`draw` reduces scenes and photographs by drawn blurs and saves the features of crops; `learn` fits
the regression and writes it into the package; `table` prints how far estimates are off.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from make_models import folders_of
from material import (
    ANTI_ALIASED_SIGMA,
    LEAST_SIGMA,
    mixing,
    photograph,
    read_scene,
    reduced,
)
from scipy.ndimage import gaussian_filter
from torch import Tensor

from napari_dodn.blur import COMPONENTS, LARGEST, draw_patches, features
from napari_dodn.degradation import decimate_antialiased
from napari_dodn.network.components import components_of

SCALES = (2, 4, 8)
NOISE = 0.03
"""Of the deviation, at most."""

BANDS = 3
"""Every so manieth band is drawn from: neighbours are alike."""

CROPS = (20, 128)
"""Sides of crops, in LR pixels."""

DRAWS = {"scene": (16, 4), "photograph": (2, 2)}
"""Blurs of a source at each scale, and crops of each."""


def components_map(lr: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """Return the leading components (k, y, x) of a cube (bands, y, x)."""
    flat = lr.reshape(len(lr), -1).astype(np.float64)
    mean = flat.mean(axis=1)
    found = components_of(mean, np.cov(flat, bias=True).reshape(len(lr), -1), COMPONENTS)
    return (found.forward @ (flat - mean[:, None])).reshape(-1, *lr.shape[1:])


def drawn_reduction(hr: Tensor, scale: int, chance: np.random.Generator) -> tuple[Tensor, float]:
    """Reduce a cube (bands, y, x) by a drawn blur; return it with the blur."""
    if chance.random() < 0.3:  # the truth itself may be soft
        soft = chance.uniform(0.3, 0.7)
        hr = torch.from_numpy(gaussian_filter(hr.numpy(), (0, soft, soft)))
    kind = chance.random()
    if kind < 0.07:
        return decimate_antialiased(hr[None], scale)[0], ANTI_ALIASED_SIGMA
    sigma = 0.0 if kind < 0.3 else chance.uniform(LEAST_SIGMA[scale], LARGEST)
    return reduced(hr, scale, sigma), sigma


def drawn_crop(lr: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return the components of a crop of a cube, of bands mixed anew, with noise."""
    height, width = (
        min(size, int(np.exp(chance.uniform(*np.log(CROPS))))) for size in lr.shape[1:]
    )
    y, x = (
        int(chance.integers(whole - part + 1))
        for whole, part in zip(lr.shape[1:], (height, width), strict=True)
    )
    crop = lr[:, y : y + height, x : x + width]
    if chance.random() < 0.4:
        count = int(chance.choice([1, 2, 3, 4, 6, len(crop)]))
        crop = np.tensordot(chance.dirichlet(np.full(len(crop), 0.3), count), crop, 1)
    if chance.random() < 0.6:
        deviation = np.sqrt(crop.var(axis=(1, 2)).mean())
        crop = crop + chance.uniform(0, NOISE) * deviation * chance.standard_normal(crop.shape)
    return components_map(crop)


def drawn_rows(
    hr: Tensor, scale: int, kind: str, chance: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield rows of a blur, the scale and features."""
    blurs, crops = DRAWS[kind]
    for _ in range(blurs):
        lr, sigma = drawn_reduction(hr, scale, chance)
        if min(lr.shape[1:]) < CROPS[0]:
            return
        for _ in range(crops):
            patches = draw_patches([drawn_crop(lr.numpy(), chance)])
            if patches[0].std() > 0:
                yield np.concatenate([[sigma, scale], features(patches)])


def draw(cave: Path, photographs: Path, out: Path, seed: int = 0) -> None:
    """Save features of drawn crops of all sources."""
    folders = folders_of(cave)
    scenes = [read_scene(folder)[::BANDS] for folder in folders]
    matrix = mixing(folders, scenes)
    files = sorted(f for f in photographs.rglob("*") if f.suffix in (".jpg", ".png"))[seed % 2 :: 2]
    chance = np.random.default_rng(seed)
    torch.manual_seed(seed)
    rows, sources = [], []
    began = time.monotonic()
    for number, scene in enumerate(scenes):
        for scale in SCALES:
            found = list(drawn_rows(scene, scale, "scene", chance))
            rows += found
            sources += [number] * len(found)
        print(
            f"{folders[number].name}: {len(rows)} rows, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    for number, file in enumerate(files, start=len(scenes)):
        cube = photograph(file, matrix, max(SCALES), float(chance.uniform(1.2, 2))).float()
        for scale in SCALES:
            found = list(drawn_rows(cube, scale, "photograph", chance))
            rows += found
            sources += [number] * len(found)
        if number % 20 == 0:
            print(f"{number}: {len(rows)} rows, {time.monotonic() - began:.0f} s", flush=True)
            np.savez(out / f"rows-{seed}.part.npz", rows=np.stack(rows), sources=sources)
    np.savez(out / f"rows-{seed}.npz", rows=np.stack(rows), sources=sources)


def main() -> None:
    """Run a stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("draw", "learn", "table"))
    parser.add_argument("--cave", type=Path, help="CAVE's scenes as downloaded")
    parser.add_argument("--photographs", type=Path, help="folder of photographs")
    parser.add_argument("--sensors", type=Path, help="folder of cubes")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.stage == "draw":
        args.out.mkdir(parents=True, exist_ok=True)
        draw(args.cave, args.photographs, args.out, args.seed)


if __name__ == "__main__":
    main()
