"""Train the bundled models on the CAVE database, resumably.

    python scripts/train_models.py DATABASE RUN --scale 4 --steps 6000

DATABASE is the folder with CAVE's scenes as they are downloaded. RUN keeps the state: the same
command goes on where it was stopped, and writes RUN/dodn-cave-x4.safetensors at the end.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import napari_dodn
from napari_dodn.degradation import decimate_cubic
from napari_dodn.metrics import quality
from napari_dodn.network.bicubic import bicubic_upsample
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import load_network, read_card, save_network
from napari_dodn.network.normalisation import Normalisation, normalisation_of

TEST_SCENES = {
    "balloons", "beads", "cd", "chart_and_stuffed_toy", "clay", "cloth", "egyptian_statue",
    "face", "fake_and_real_beers", "fake_and_real_food", "fake_and_real_lemon_slices",
    "fake_and_real_lemons",
}  # fmt: skip
"""The benchmark's test scenes; never read here."""

VALIDATION_SCENES = {"feathers", "pompoms", "real_and_fake_apples", "thread_spools"}

PATCH = 24  # LR pixels
BATCH = 2
PEAK_RATE = 1e-3
WARM_UP = 100
ANGLE_WEIGHT = 0.2
EMA_DECAY = 0.998
EVERY = 250  # steps between two saved states
LICENCE = (
    "The weights were trained on the CAVE multispectral image database (Yasuma et al. 2008), which"
    " is available to the research community; they are for research and not covered by the"
    " software's licence."
)


@dataclass
class Scene:
    """One scene with the normalisation of its LR cube."""

    name: str
    hr: Tensor  # (1, bands, y, x), values / 65535
    lr: Tensor
    normalisation: Normalisation


def load_scenes(database: Path, scale: int) -> list[Scene]:
    """Read every scene of the database but the test scenes."""
    scenes = []
    for folder in sorted(database.glob("*_ms")):
        name = folder.name.removesuffix("_ms")
        if name in TEST_SCENES:
            continue
        cube = napari_dodn.read(folder)
        peak = np.iinfo(cube.data.dtype).max
        hr = torch.from_numpy(np.asarray(cube.data, np.float32) / peak)[None]
        lr = decimate_cubic(hr, scale)
        stats = normalisation_of([lr[0].double().numpy()], lr.shape[1])
        scenes.append(Scene(name, hr, lr, stats))
    return scenes


Upsample = Callable[[Scene], np.ndarray]


def draw_batch(scenes: list[Scene], scale: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Draw LR and HR patches at any HR offset, flipped and turned, and their normalisations."""
    margin = scale  # so that the cubic kernel never meets the patch's border
    size = PATCH * scale + 2 * margin
    hr_patches, means, deviations = [], [], []
    for scene in rng.choice(np.arange(len(scenes)), BATCH):
        hr, stats = scenes[scene].hr, scenes[scene].normalisation
        y, x = (int(rng.integers(0, n - size + 1)) for n in hr.shape[-2:])
        patch = hr[0, :, y : y + size, x : x + size]
        patch = torch.rot90(patch, int(rng.integers(4)), (-2, -1))
        hr_patches.append(patch.flip(-1) if rng.integers(2) else patch)
        means.append(torch.from_numpy(stats.mean).float()[:, None, None])
        deviations.append(torch.tensor(stats.deviation).float().reshape(1, 1, 1))
    hr, mean, deviation = torch.stack(hr_patches), torch.stack(means), torch.stack(deviations)
    lr = decimate_cubic(hr, scale)[..., 1:-1, 1:-1]
    hr = hr[..., margin:-margin, margin:-margin]
    return (lr - mean) / deviation, (hr - mean) / deviation, mean / deviation


def angle_loss(result: Tensor, target: Tensor) -> Tensor:
    """Mean spectral angle in radians, with a floor on the lengths so that dark pixels stay calm."""
    floor = 0.05 * target.shape[1] ** 0.5
    u, v = (t / t.norm(dim=1, keepdim=True).clamp_min(floor) for t in (result, target))
    return (2 * torch.atan2((u - v + 1e-8).norm(dim=1), (u + v + 1e-8).norm(dim=1))).mean()


def scores(upsample: Upsample, scenes: list[Scene]) -> dict[str, float]:
    """Return the figures of the published protocol, averaged over scenes."""
    figures = []
    for scene in scenes:
        result = upsample(scene)
        figures.append(quality(result, scene.hr[0].numpy(), data_range=1.0).as_dict())
    return {key: round(float(np.mean([f[key] for f in figures])), 4) for key in figures[0]}


def upsample_with(network: DODN) -> Upsample:
    """Return a function that super-resolves a whole scene."""

    def upsample(scene: Scene) -> np.ndarray:
        x = torch.from_numpy(scene.normalisation.apply(scene.lr[0].numpy()))[None]
        with torch.inference_mode():
            return scene.normalisation.undo(network(x)[0].numpy()).astype(np.float32)

    return upsample


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    return PEAK_RATE * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def main() -> None:
    """Train, or go on with training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--scale", type=int, default=4, choices=(2, 4, 8))
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start-from", type=Path, help="a model whose body is taken over")
    args = parser.parse_args()
    args.run.mkdir(parents=True, exist_ok=True)

    scenes = load_scenes(args.database, args.scale)
    training = [s for s in scenes if s.name not in VALIDATION_SCENES]
    validation = [s for s in scenes if s.name in VALIDATION_SCENES]
    bicubic = scores(lambda s: bicubic_upsample(s.lr, args.scale)[0].numpy(), validation)
    print(
        f"{len(training)} training scenes; bicubic on {len(validation)} others: {bicubic}",
        flush=True,
    )

    torch.manual_seed(args.seed)
    network = DODN(args.scale)
    if args.start_from:
        donor = load_network(read_card(args.start_from)).state_dict()
        same = {k: v for k, v in donor.items() if v.shape == network.state_dict()[k].shape}
        network.load_state_dict(same, strict=False)
    average = deepcopy(network).requires_grad_(False)
    optimiser = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
    state_file, first = args.run / "state.pt", 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]

    def save_state(step: int) -> None:
        state = {
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
        }
        torch.save(state, state_file.with_suffix(".part"))
        state_file.with_suffix(".part").replace(state_file)

    started = time.monotonic()
    for step in range(first, args.steps):
        rng = np.random.default_rng((args.seed, step))
        lr, hr, mean = draw_batch(training, args.scale, rng)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, args.steps)
        result = network(lr)
        pixel_loss = (result - hr).abs().mean()
        loss = pixel_loss + ANGLE_WEIGHT * angle_loss(result + mean, hr + mean)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, new in zip(average.parameters(), network.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        done = step + 1
        if done % EVERY == 0 or done == args.steps:
            save_state(done)
            pace = (time.monotonic() - started) / (done - first)
            line = {"step": done, "loss": round(loss.item(), 5), "seconds per step": round(pace, 3)}
            if done % (4 * EVERY) == 0 or done == args.steps:
                line["validation"] = scores(upsample_with(average), validation)
            print(json.dumps(line), flush=True)

    save_network(
        average,
        args.run / f"dodn-cave-x{args.scale}.safetensors",
        training={
            "data": f"CAVE, {len(training)} scenes",
            "scenes": [s.name for s in training],
            "protocol": "values / 65535, training on patches, validation on whole scenes",
            "degradation": "cubic decimation without anti-aliasing",
            "loss": f"L1 + {ANGLE_WEIGHT} spectral angle, no distillation",
            "steps": args.steps,
            "batch": f"{BATCH} patches of {PATCH} × {PATCH} LR pixels",
            "seed": args.seed,
            "start": args.start_from.stem if args.start_from else "random",
            "device": "CPU",
        },
        scores={
            "validation scenes": sorted(s.name for s in validation),
            "model": scores(upsample_with(average), validation),
            "bicubic": bicubic,
        },
        licence=LICENCE,
    )


if __name__ == "__main__":
    main()
