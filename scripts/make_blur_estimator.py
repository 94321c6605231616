"""Make the estimator of a sensor's blur, from raw data to the file that is shipped.

    python scripts/make_blur_estimator.py draw --cave CAVE --photographs FOLDER --out OUT --side 16
    python scripts/make_blur_estimator.py draw … --far
    python scripts/make_blur_estimator.py learn --out OUT --side 16
    python scripts/make_blur_estimator.py table --cave CAVE --sensors FOLDER

`draw` reduces scenes and half of the photographs by drawn blurs and saves the features of crops, in
patches of 16 × 16 or 8 × 8 pixels; with --far, of photographs alone, as from farther away, so that
more lies in a pixel. For what is shipped, seeds 0 and 1 were drawn (0 to 2 for 8 × 8 pixels), and
seeds 0 to 3 with --far. `learn` fits the regression to all that was drawn and writes it into the
package; `table` prints how far off estimates are.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from make_models import scenes_of
from pictures import mixing, photograph, read_scene
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from napari_dodn.benchmark import load_protocol
from napari_dodn.blur import (
    COMPONENTS,
    LARGEST,
    LEAST,
    SIDES,
    WEIGHTS,
    draw_patches,
    estimate_blur,
    features,
    inputs,
)
from napari_dodn.degradation import (
    ANTI_ALIASED_SIGMA,
    CLEAN_BELOW,
    decimate_antialiased,
    reduce_by_blur,
)
from napari_dodn.formats.finding import FoundCube, find_cubes, most_bands
from napari_dodn.network.components import components_of

SCALES = (2, 4, 8)
NOISE = 0.03
"""Of the deviation, at most."""

STRIPED, STRIPES = 0.15, 0.06
"""Share of crops with stripes, and their size in deviations, at most."""

BANDS = 3
"""Every so many bands one is used, since neighbours are alike."""

CROPS = {16: (16, 128), 8: (8, 32)}
"""Sides of crops, in LR pixels, from which patches of a size are drawn."""

TOO_LARGE_COSTS = 16
"""How much more an estimate that is too large costs than one that is too small, in the smallest
crops; in large ones both cost the same."""

USUAL = 0.1
"""Error, in LR pixels, that costs the same in small and large crops."""

LARGE = 144
"""Patches of a large crop."""

NETS, WIDTH, EPOCHS, BATCH = 8, 64, 40, 128
JITTER = 0.1
"""Noise on features in training, in deviations: another sensor's differ a little."""

SIGMAS = (0.0, 0.35, 0.5, 0.7)
"""Blurs of the table."""

TOO_LARGE = 0.05
"""LR pixels by which an estimate may be too large."""

LEAST_SIDE = 70
"""Pixels a side below which a cube is too small to be reduced and measured."""

TERMS = (
    "Learnt from CAVE (research data, Yasuma et al. 2008), BSDS500 (non-commercial research and"
    " education) and Kodak photographs (unrestricted)."
)

SHRINK, FAR = (1.2, 2.0), (1.2, 4.0)
"""By how much photographs are made smaller, and by how much from afar."""

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
    sigma = 0.0 if kind < 0.3 else chance.uniform(CLEAN_BELOW[scale], LARGEST)
    return reduce_by_blur(hr[None], scale, sigma)[0], sigma


def drawn_crop(lr: np.ndarray, side: int, chance: np.random.Generator) -> np.ndarray:
    """Return the components of a crop of a cube, with remixed bands and noise."""
    height, width = (
        min(size, int(np.exp(chance.uniform(*np.log(CROPS[side]))))) for size in lr.shape[1:]
    )
    y, x = (
        int(chance.integers(whole - part + 1))
        for whole, part in zip(lr.shape[1:], (height, width), strict=True)
    )
    crop = lr[:, y : y + height, x : x + width]
    if chance.random() < 0.4:
        count = int(chance.choice([1, 2, 3, 4, 6, len(crop)]))
        crop = np.tensordot(chance.dirichlet(np.full(len(crop), 0.3), count), crop, 1)
    deviation = np.sqrt(crop.var(axis=(1, 2)).mean())
    if chance.random() < STRIPED:
        columns = chance.standard_normal((len(crop), 1, crop.shape[2]))
        crop = crop + chance.uniform(0, STRIPES) * deviation * columns
    if chance.random() < 0.6:
        crop = crop + chance.uniform(0, NOISE) * deviation * chance.standard_normal(crop.shape)
    return components_map(crop)


def drawn_rows(
    hr: Tensor, scale: int, kind: str, side: int, chance: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield rows of a blur, the scale and features of patches of a size."""
    blurs, crops = DRAWS[kind]
    for _ in range(blurs):
        lr, sigma = drawn_reduction(hr, scale, chance)
        if min(lr.shape[1:]) < side:
            return
        for _ in range(crops):
            patches = draw_patches([drawn_crop(lr.numpy(), side, chance)], side)
            if patches[0].std() > 0:
                yield np.concatenate([[sigma, scale], features(patches)])


def draw(
    cave: Path, photographs: Path, out: Path, side: int, seed: int = 0, far: bool = False
) -> None:
    """Save features of patches of a size in drawn crops of all sources, or of those from afar."""
    folders = list(scenes_of(load_protocol("cave"), cave, "train").values())
    scenes = [read_scene(folder)[::BANDS] for folder in folders]
    matrix = mixing(folders, scenes)
    files = sorted(f for f in photographs.rglob("*") if f.suffix in (".jpg", ".png"))[seed % 2 :: 2]
    chance = np.random.default_rng((seed, 1) if far else seed)
    torch.manual_seed(seed)
    file_of = f"rows-{side}-{'far-' * far}{seed}"
    rows, sources = [], []
    began = time.monotonic()
    for number, scene in enumerate([] if far else scenes):
        for scale in SCALES:
            found = list(drawn_rows(scene, scale, "scene", side, chance))
            rows += found
            sources += [number] * len(found)
        print(
            f"{folders[number].name}: {len(rows)} rows, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    for number, file in enumerate(files, start=len(scenes)):
        cube = photograph(
            file, matrix, max(SCALES), float(chance.uniform(*(FAR if far else SHRINK)))
        ).float()
        for scale in SCALES:
            found = list(drawn_rows(cube, scale, "photograph", side, chance))
            rows += found
            sources += [number] * len(found)
        if number % 20 == 0:
            print(f"{number}: {len(rows)} rows, {time.monotonic() - began:.0f} s", flush=True)
            np.savez(out / f"{file_of}.part.npz", rows=np.stack(rows), sources=sources)
    np.savez(out / f"{file_of}.npz", rows=np.stack(rows), sources=sources)


class Net(nn.Sequential):
    """A small network from features to sigma."""

    def __init__(self, features: int, width: int = WIDTH) -> None:
        super().__init__(
            nn.Linear(features, width),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(width, width // 2),
            nn.ReLU(),
            nn.Linear(width // 2, 1),
        )


def largeness(patches: np.ndarray) -> np.ndarray:
    """Return how much is seen in crops of a number of patches, from 0 to 1."""
    return (np.log(patches) / np.log(LARGE)).clip(0, 1) ** 2


def fitted(
    net: nn.Sequential, x: np.ndarray, sigma: np.ndarray, large: np.ndarray, power: np.ndarray
) -> nn.Sequential:
    """Fit sigma (n,) for inputs (n, features), and return the network.

    Parameters
    ----------
    net : nn.Sequential
        What is fitted.
    x, sigma, large : numpy.ndarray
        Inputs, blurs and the largeness of crops, on which depends what too large an answer costs.
    power : numpy.ndarray
        By which errors count: the first finds quantiles, the second means.
    """
    dearer = TOO_LARGE_COSTS / (1 + (TOO_LARGE_COSTS - 1) * large)
    seen, wanted, factor, exponent = (
        torch.as_tensor(values, dtype=torch.float32) for values in (x, sigma, dearer, power)
    )
    steps = EPOCHS * (len(seen) // BATCH + 1)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for _ in range(steps):
        drawn = torch.randint(len(seen), (BATCH,))
        rows = seen[drawn] + JITTER * torch.randn(BATCH, seen.shape[1])
        off = (net(rows)[:, 0] - wanted[drawn]) / USUAL
        costs = torch.where(off > 0, factor[drawn], 1.0) * (off.abs() + 1e-6) ** exponent[drawn]
        optimiser.zero_grad()
        costs.mean().backward()
        optimiser.step()
        schedule.step()
    return net.eval()


@dataclass
class Rows:
    """Sigmas (n,), scales (n,), sources (n,) and features (n, features) of drawn crops."""

    sigma: np.ndarray
    scale: np.ndarray
    source: np.ndarray
    features: np.ndarray


def drawn_before(out: Path, side: int) -> Rows:
    """Return what `draw` saved with all seeds; those of even seeds share their photographs."""
    files = sorted((*out.glob(f"rows-{side}-?.npz"), *out.glob(f"rows-{side}-far-?.npz")))
    drawn = [np.load(file) for file in files]
    rows = np.concatenate([of_seed["rows"] for of_seed in drawn])
    scenes = len(load_protocol("cave").chosen("train"))
    source = np.concatenate(
        [
            np.where(of_seed["sources"] < scenes, 0, 1000 * (int(file.stem[-1]) % 2))
            + of_seed["sources"]
            for file, of_seed in zip(files, drawn, strict=True)
        ]
    )
    return Rows(rows[:, 0], rows[:, 1], source, rows[:, 2:])


def told(answers: np.ndarray) -> np.ndarray:
    """Return the blur that a network is told, from the regression's answers."""
    return np.where(answers < LEAST, 0, answers.clip(0, LARGEST))


def summary(found: np.ndarray, sigma: np.ndarray) -> str:
    """Return one line on how far off estimates are."""
    off = found - sigma
    return (
        f"bias {off.mean():+.3f}, mean error {np.abs(off).mean():.3f},"
        f" more than {TOO_LARGE} too large {(off > TOO_LARGE).mean():.1%}, at most {off.max():+.2f}"
    )


def learn(out: Path, side: int) -> None:
    """Compare regressions on a fifth of the sources; fit the better one on all and write it.

    What the file holds for patches of another size stays.
    """
    rows = drawn_before(out, side)
    centre = np.nanmedian(rows.features, axis=0)
    spread = np.nanstd(rows.features, axis=0) + 1e-6
    x = inputs(rows.features, centre, spread)
    sources = np.random.default_rng(0).permutation(np.unique(rows.source))
    held = np.isin(rows.source, sources[::5])
    scores = {}
    linear: Callable[[int], nn.Sequential] = lambda n: nn.Sequential(nn.Linear(n, 1))  # noqa: E731
    large = largeness(np.exp(rows.features[:, -1]))
    between = 1 + large
    for name, kind, power in (
        ("linear regression, from quantile to mean", linear, between),
        ("small network, quantile", Net, np.ones_like(large)),
        ("small network, mean", Net, np.full_like(large, 2)),
        ("small network, from quantile to mean", Net, between),
    ):
        torch.manual_seed(0)
        nets = [
            fitted(kind(x.shape[1]), x[~held], rows.sigma[~held], large[~held], power[~held])
            for _ in range(NETS)
        ]
        with torch.no_grad():
            answers = [net(torch.as_tensor(x[held]).float())[:, 0].numpy() for net in nets]
        scores[name] = summary(told(np.mean(answers, axis=0)), rows.sigma[held])
        print(f"{name}: {scores[name]}", flush=True)
    torch.manual_seed(0)
    nets = [fitted(Net(x.shape[1]), x, rows.sigma, large, between) for _ in range(NETS)]
    tensors = {"centre": centre, "spread": spread}
    kept, header = read_weights()
    for number, layer in enumerate((0, 3, 5)):
        for key in ("weight", "bias"):
            parts = [getattr(net[layer], key).detach().numpy() for net in nets]
            tensors[f"{number}.{key}"] = np.stack(parts)
    header |= {
        "format": "napari-dodn blur estimator 2",
        "made by": "scripts/make_blur_estimator.py",
        f"{side}. data": f"{len(rows.sigma)} crops of 16 CAVE scenes and of photographs"
        " (BSDS500, Kodak)",
        "licence": TERMS,
        f"{side}. scores": json.dumps(scores),
    }
    own = {f"{side}.{key}": value.astype(np.float32) for key, value in tensors.items()}
    save_file(kept | own, WEIGHTS, header)
    WEIGHTS.chmod(0o644)


def read_weights() -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return what the package's file holds now, for patches of all sizes."""
    with safe_open(WEIGHTS, framework="numpy") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata())  # noqa: SIM118


def truths(
    cave: Path | None, sensors: Path | None, least: int = LEAST_SIDE
) -> Iterator[tuple[str, Tensor]]:
    """Yield the names and pixels (bands, y, x) of cubes that nothing was learnt from."""
    for found in find_cubes([sensors], choose=most_bands) if sensors else []:
        if not isinstance(found, FoundCube):
            print(found)
            continue
        cube = found.cube
        if cube.bands > 1 and min(cube.shape[1:]) >= least:
            pixels = cube.pixels()[cube.usable_bands]
            yield cube.name, torch.from_numpy(np.nan_to_num(pixels).astype(np.float32))
    if cave:
        for name, folder in scenes_of(load_protocol("cave"), cave, "validation").items():
            yield name, read_scene(folder)


def crops_of(maps: np.ndarray, side: int, chance: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield a few square crops of components (k, y, x)."""
    if min(maps.shape[1:]) > side:
        for _ in range(4):
            y, x = (int(chance.integers(size - side + 1)) for size in maps.shape[1:])
            yield maps[:, y : y + side, x : x + side]


def table(cave: Path | None, sensors: Path | None) -> None:
    """Print, as Markdown, the estimates of cubes that are reduced by known blurs.

    Below stand summaries: with noise, and of small crops.
    """
    print("| cube | scale |", " | ".join(f"σ {sigma:g}" for sigma in SIGMAS), "|")
    print("| --- | --: |", " --: |" * len(SIGMAS))
    chance = np.random.default_rng(0)
    held_out = load_protocol("cave").chosen("validation")
    found: dict[str, list[tuple[float, float]]] = {}
    for name, hr in truths(cave, sensors):
        kind = "validation scenes" if name in held_out else "sensors"
        for scale in SCALES:
            height, width = (size // scale * scale for size in hr.shape[1:])
            if min(height, width) < SIDES[-1] * scale:
                continue
            row = []
            for sigma in SIGMAS:
                lr = reduce_by_blur(hr[None, :, :height, :width], scale, sigma)[0].numpy()
                deviation = np.sqrt(lr.var(axis=(1, 2)).mean())
                for noise in (0, 0.01, 0.03):
                    noisy = lr + noise * deviation * chance.standard_normal(lr.shape)
                    estimate = estimate_blur(components_map(noisy)).sigma
                    key = f"{kind}, noise {noise:.0%}"
                    found.setdefault(key, []).append((estimate, sigma))
                    row += [] if noise else [estimate]
                whole = components_map(lr)
                for side in (8, 12, 16, 24, 32, 48):
                    for crop in crops_of(whole, side, chance):
                        estimate = estimate_blur(crop).sigma
                        key = f"{kind}, crops of {side} × {side}"
                        found.setdefault(key, []).append((estimate, sigma))
            print(f"| {name} | ×{scale} |", " | ".join(f"{f:.2f}" for f in row), "|", flush=True)
    print()
    print("| | estimates | bias | mean error | too large | at most | at σ 0 |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for key, pairs in sorted(found.items()):
        estimates, sigma = np.array(pairs).T
        off = estimates - sigma
        print(
            f"| {key} | {len(off)} | {off.mean():+.3f} | {np.abs(off).mean():.3f}"
            f" | {(off > TOO_LARGE).mean():.0%} | {off.max():+.2f}"
            f" | {(estimates[sigma == 0] > TOO_LARGE).mean():.0%} |"
        )


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
    parser.add_argument("--side", type=int, choices=SIDES, default=SIDES[0], help="of the patches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--far", action="store_true", help="draw photographs from afar")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.stage == "draw":
        args.out.mkdir(parents=True, exist_ok=True)
        draw(args.cave, args.photographs, args.out, args.side, args.seed, args.far)
    elif args.stage == "learn":
        learn(args.out, args.side)
    else:
        table(args.cave, args.sensors)


if __name__ == "__main__":
    main()
