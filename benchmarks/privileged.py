"""Is a sharper picture worth as much as the truth? Train students on each, and print the table.

    python benchmarks/privileged.py quality --cave CAVE --out OUT
    python benchmarks/privileged.py run --cave CAVE --arm b --seed 0 --minutes 8 --out OUT
    python benchmarks/privileged.py run --cave CAVE --arm b --picture blur --steps 1200 --out OUT
    python benchmarks/privileged.py paris --file PAIR.mat --arm b --seed 0 --minutes 2 --out OUT
    python benchmarks/privileged.py table OUT

Low-resolution cubes are CAVE's training scenes, cleanly decimated ×4, and the pictures are the
database's own. A student learns, for the same processor time of one thread (with
--steps, for the same number of steps, which other programs cannot shorten), from

    a      the cubes reduced once more; no picture
    b      the cubes and the pseudo-truth that the pictures give
    c      the same, and its 2D branch from the features of a teacher that sees the pictures
    mixed  three patches in four from b, the others from a
    d      the cubes and the truth itself

It is measured on whole validation scenes at full resolution, at its last step, so that no truth
chooses anything. Students start from random weights: none has seen CAVE before. `paris` does the
same with a real pair, one level down, on a strip that no arm has seen; there `--start dodn-x2`
starts from the bundled model. Every run is a file in OUT: a command whose file is there does
nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import torch
import torch.nn.functional as F
from commands import Commands, of_seed, of_students, on_cave
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from learning import Trainer
from make_models import ARCHITECTURE, scenes_of
from material import MARGIN, Batch, Material, Recipe, Source, Version, draw
from pictures import linear, read_scene

from napari_dodn.benchmark import load_protocol
from napari_dodn.cube import HyperCube
from napari_dodn.degradation import reduce_by_blur
from napari_dodn.distillation.sharper.places import UnfitPictureError, stated_place
from napari_dodn.distillation.sharper.pseudo_truth import Pair, paired, placed, pseudo_truth_of
from napari_dodn.distillation.sharper.sensor import Sensor
from napari_dodn.metrics import Quality, quality
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import find_model, load_network
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.upscaling import bicubic
from napari_dodn.upscaling.engine import upscale_with

NETWORKS: dict[str, dict[str, Any]] = {
    "short": {"components": 8, "channels": 32, "blocks": 4, "branch_2d": "folded"},
    "bundled": ARCHITECTURE,
}
"""The first is a smaller one of the same kind, and learns enough in minutes to tell arms apart."""

ARMS = ("a", "b", "c", "mixed", "d")

MIXED = 0.25
"""Share of the patches of the arm "mixed" that come from cubes reduced once more."""

RATE = 1e-3

TEACHER_SHARE, TEACHER_RATE, TEACHER_CHANNELS = 0.2, 1e-3, 32
"""Share of the time of the arm "c" that its teacher learns for, and how."""

TAPS = 0.1
"""Weight of the comparison of features."""

STEP = 4
"""Of the scale of CAVE's arms."""

Disturb = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def shifted(pixels: float) -> Disturb:
    """Return what moves a picture (M, y, x) by some of its pixels, up and to the right."""
    from scipy.ndimage import shift

    def move(picture: np.ndarray, _: np.random.Generator) -> np.ndarray:
        return shift(picture, (0, -0.6 * pixels, 0.8 * pixels), order=3, mode="nearest").clip(0)

    return move


def blurred(picture: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Blur a picture by a Gaussian of one of its pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(picture, (0, 1, 1))


def noisy(picture: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Add noise of 1 % of the full scale."""
    return picture + chance.normal(0, 0.01, picture.shape)


def changed(picture: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Replace a square of 3 % of the area by another part of the picture, turned around."""
    _, height, width = picture.shape
    rows, columns = (round(length * 0.03**0.5) for length in (height, width))
    y, x = int(chance.integers(height - rows)), int(chance.integers(width - columns))
    part = (slice(None), slice(y, y + rows), slice(x, x + columns))
    result = picture.copy()
    result[part] = picture[:, ::-1, ::-1][part]
    return result


def recoloured(picture: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Change the gains of the channels and the gamma by 10 %."""
    gains = np.resize([1.1, 0.9, 1.0], len(picture))[:, None, None]
    return (picture * gains).clip(0) ** 1.1


PICTURES: dict[str, Disturb | None] = {
    "as it is": None,
    "shift-0.5": shifted(0.5),
    "shift-1.5": shifted(1.5),
    "shift-8": shifted(8),
    "gain-gamma": recoloured,
    "blur": blurred,
    "noise": noisy,
    "changed": changed,
    "sigma": None,
}
"""How pictures are disturbed; with "sigma" the blur that is told is 0.15 LR pixels too large."""

WRONG_SIGMA = 0.15


def moments(lr: Tensor, sigma: float) -> Version:
    """Return an LR cube (bands, y, x) as the network sees it."""
    flat = lr.flatten(1).double().numpy()
    covariance = np.cov(flat, bias=True)
    variance, vectors = np.linalg.eigh(covariance)
    padded = F.pad(lr[None], (MARGIN,) * 4, mode="replicate")[0]
    return Version(sigma, padded, flat.mean(axis=1), covariance, (variance, vectors))


def reduced(cube: Tensor, scale: int, sigma: float) -> Tensor:
    """Reduce a cube (bands, y, x) as a sensor with some blur does."""
    return reduce_by_blur(cube[None], scale, sigma)[0]


def pair_of(lr: Tensor, picture: np.ndarray, scale: int, told: float) -> Pair:
    """Place a picture (M, Y, X) on an LR cube (bands, y, x)."""
    cube = lr.numpy()
    place = stated_place(
        (cube.shape[1], cube.shape[2]), (picture.shape[1], picture.shape[2]), scale
    )
    valid = np.ones(cube.shape, bool)
    return paired(placed(cube, valid, picture, place, Sensor(scale, told)))


def source_of(pair: Pair, lr: Tensor, told: float) -> Source:
    """Return a cube with its pseudo-truth as something to learn from."""
    found = pseudo_truth_of(pair)
    predicted = torch.from_numpy(pair.regression.predicted)
    counts = predicted[:, None, None] & torch.from_numpy(found.weight)
    picture = pair.picture / pair.picture.std()
    return Source(
        torch.from_numpy(found.pixels), [moments(lr, told)], counts, torch.from_numpy(picture)
    )


def sources_of(
    arm: str, lr: Tensor, truth: Tensor, picture: np.ndarray, scale: int, sigma: float, told: float
) -> tuple[list[Source], list[Source]]:
    """Return what an arm learns from, of one scene: at its own resolution, and reduced once more.

    `sigma` is the blur by which cubes are reduced, `told` that of the cube itself as told.
    """
    once_more = [Source(lr, [moments(reduced(lr, scale, sigma), sigma)])]
    if arm == "a":
        return [], once_more
    if arm == "d":
        return [Source(truth, [moments(lr, told)])], []
    found = source_of(pair_of(lr, picture, scale, told), lr, told)
    if arm != "mixed":
        return [found], []
    assert found.picture is not None
    once_more[0].picture = torch.zeros(len(found.picture), *lr.shape[1:])
    once_more[0].counts = torch.ones(1, 1, 1, dtype=torch.bool)
    return [found], once_more


class Teaching:
    """A teacher that sees pictures, while it learns to return the pseudo-truth."""

    def __init__(self, channels: int, bands: int, blocks: int) -> None:
        self.network = SpectralTeacher(channels, bands, TEACHER_CHANNELS, blocks)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=TEACHER_RATE)

    def step(self, batch: Batch, factor: float) -> None:
        """Learn from a batch, at a factor of the learning rate."""
        for group in self.optimiser.param_groups:
            group["lr"] = TEACHER_RATE * factor
        with torch.autocast("cpu", torch.bfloat16):
            spectra, _ = self.network(batch.picture)
        off = (spectra.float() - batch.truth) * batch.bands
        self.optimiser.zero_grad()
        off.abs().mean().backward()
        self.optimiser.step()


class Distilled(Trainer):
    """A student whose taps follow those of a teacher."""

    def __init__(
        self, network: DODN, recipe: Recipe, teacher: SpectralTeacher, rate: float
    ) -> None:
        super().__init__(network, recipe, rate=rate)
        self.teacher = teacher.eval().requires_grad_(False)
        self.adapters = torch.nn.ModuleList(
            torch.nn.Linear(network.tap_channels, TEACHER_CHANNELS) for _ in network.blocks
        )
        self.optimiser.add_param_group({"params": list(self.adapters.parameters())})
        self.scaling: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def targets(self, batch: Batch) -> list[Tensor]:
        """Return the teacher's features on the student's grid, each channel of unit deviation."""
        with torch.autocast("cpu", torch.bfloat16):
            taps = self.teacher(batch.picture)[1]
        small = [F.avg_pool2d(t.float(), self.recipe.scale).permute(0, 2, 3, 1) for t in taps]
        if not self.scaling:
            self.scaling = [
                (t.flatten(0, 2).mean(0), t.flatten(0, 2).std(0).clamp_min(1e-6)) for t in small
            ]
        return [(t - m) / d for t, (m, d) in zip(small, self.scaling, strict=True)]

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | float]:
        """Return the error, the angle, and how far the taps are from the teacher's."""
        from learning import loss_of

        with torch.autocast("cpu", torch.bfloat16):
            gain, taps = self.network.forward_with_taps(batch.z, batch.told)
        counted = F.avg_pool2d(batch.bands.amax(1, keepdim=True), self.recipe.scale)[
            :, 0, :, :, None
        ]
        off = [
            ((adapter(tap.float().mean(dim=0)) - target).abs() * counted).mean()
            for adapter, tap, target in zip(self.adapters, taps, self.targets(batch), strict=True)
        ]
        return *loss_of(gain, batch), TAPS * torch.stack(off).mean()


def trained(
    arm: str,
    network: DODN,
    fine: list[Source],
    coarse: list[Source],
    recipe: Recipe,
    seed: int,
    minutes: float,
    rate: float = RATE,
    steps: int | None = None,
) -> tuple[DODN, dict[str, Any]]:
    """Train at a rate that falls to zero along half a cosine.

    Learning takes so many minutes of the processor, or so many steps where their number is given.
    """
    material = object.__new__(Material)
    material.scenes, material.photographs, material.farther = fine or coarse, [], []
    if fine and coarse:
        material.photographs, recipe = coarse, replace(recipe, photographs=MIXED)
    chance, started, budget = np.random.default_rng(seed), time.process_time(), 60 * minutes

    def factor(first: float, last: float) -> float | None:
        spent = trainer.steps / steps if steps else (time.process_time() - started) / budget
        done = (spent - first) / (last - first)
        return None if done >= 1 else 0.5 * (1 + np.cos(np.pi * max(done, 0)))

    facts: dict[str, Any] = {}
    if arm == "c":
        first = fine[0]
        assert first.picture is not None
        teaching = Teaching(len(first.picture), len(first.hr), len(network.blocks))
        assert steps is None, "steps of a teacher and of a student are not the same"
        taught = 0
        while (now := factor(0, TEACHER_SHARE)) is not None:
            teaching.step(draw(material, recipe, chance), now)
            taught += 1
        facts["teacher steps"] = taught
        trainer: Trainer = Distilled(network, recipe, teaching.network, rate)
    else:
        trainer = Trainer(network, recipe, rate=rate)
    begun = TEACHER_SHARE if arm == "c" else 0.0
    sums = np.zeros(2)
    while (now := factor(begun, 1)) is not None:
        sums += trainer.step(draw(material, recipe, chance), now)
        if trainer.steps % 500 == 0:
            print(f"step {trainer.steps}: L1, angle {sums / 500}", file=sys.stderr, flush=True)
            sums[:] = 0
    facts |= {"steps": trainer.steps, "seconds": round(time.process_time() - started, 1)}
    return trainer.averaged(), facts


def figures_of(result: np.ndarray, truth: np.ndarray, peak: float = 1.0) -> dict[str, float]:
    """Return the figures that are compared."""
    found: Quality = quality(result, truth, data_range=peak)
    return {key: round(getattr(found, key), 4) for key in ("psnr", "ssim", "sam")}


def written(file: Path, values: dict[str, Any]) -> None:
    """Write a result, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(values, indent=1))
    part.replace(file)
    print(file)


def read_picture(folder: Path, kind: str) -> np.ndarray:
    """Return the database's picture of a scene, linear and disturbed, (3, y, x)."""
    picture = linear(iio.imread(next(iter(folder.rglob("*_RGB.bmp")))))
    disturb = PICTURES[kind]
    seed = sum(folder.name.encode())
    return picture if disturb is None else disturb(picture, np.random.default_rng(seed))


def measure_pictures(args: argparse.Namespace) -> None:
    """Write how near the truth the pseudo-truth of each training scene is."""
    for kind in args.pictures:
        file = args.out / f"quality-{kind.replace(' ', '-')}.json"
        if file.exists():
            continue
        told = WRONG_SIGMA if kind == "sigma" else 0.0
        rows = {}
        for name, folder in scenes_of(load_protocol("cave"), args.cave, "train").items():
            truth = read_scene(folder)
            lr = reduced(truth, STEP, 0)
            row = {"bicubic": figures_of(
                np.asarray(bicubic(HyperCube(lr.numpy()), STEP).data), truth.numpy()
            )}  # fmt: skip
            started = time.process_time()
            try:
                pair = pair_of(lr, read_picture(folder, kind), STEP, told)
            except UnfitPictureError as error:
                rows[name] = row | {"refused": str(error)}
                continue
            found = pseudo_truth_of(pair)
            seconds = time.process_time() - started
            counted = np.where(found.weight, truth.numpy(), np.nan)
            rows[name] = row | {
                "all": figures_of(found.pixels, truth.numpy()),
                "counted": figures_of(found.pixels, counted),
                "weight": round(float(found.weight.mean()), 4),
                "explained": [round(float(x), 3) for x in pair.regression.explained],
                "kind": pair.regression.kind,
                "shift": pair.registration.shift,
                "affine": pair.registration.is_affine,
                "seconds": round(seconds, 1),
            }
            print(kind, name, rows[name]["all"], file=sys.stderr, flush=True)
        written(file, rows)


def run_cave(args: argparse.Namespace) -> None:
    """Train an arm on CAVE and evaluate it, unless that has been done."""
    if args.steps and args.arm == "c":
        raise SystemExit("With arm c, a part of the time is the teacher's: give --minutes.")
    budget = f"{args.steps} steps" if args.steps else f"{args.minutes:g} minutes"
    name = f"cave-{args.arm}-{args.picture}-{args.network}-{budget}-{args.seed}"
    file = args.out / f"{name.replace(' ', '-')}.json"
    if file.exists():
        return
    protocol = load_protocol("cave")
    told = WRONG_SIGMA if args.picture == "sigma" else 0.0
    fine: list[Source] = []
    coarse: list[Source] = []
    refused = {}
    for scene, folder in scenes_of(protocol, args.cave, "train").items():
        truth = read_scene(folder)
        lr = reduced(truth, STEP, 0)
        try:
            found = sources_of(
                args.arm, lr, truth, read_picture(folder, args.picture), STEP, 0, told
            )
        except UnfitPictureError as error:
            refused[scene] = str(error)
            continue
        fine += found[0]
        coarse += found[1]
    if not fine and not coarse:
        written(file, {"arm": args.arm, "picture": args.picture, "refused": refused})
        return
    torch.manual_seed(args.seed)
    network = DODN(STEP, **NETWORKS[args.network])
    recipe = plain_recipe(STEP, network.components, args.patch, args.batch)
    network, facts = trained(
        args.arm, network, fine, coarse, recipe, args.seed, args.minutes, steps=args.steps
    )
    scenes, baseline = {}, {}
    for scene, folder in scenes_of(protocol, args.cave, "validation").items():
        truth = read_scene(folder)
        lr = HyperCube(reduced(truth, STEP, 0).numpy())
        result = np.asarray(upscale_with(network, lr, "float32", blur=told).data)
        scenes[scene] = figures_of(result, truth.numpy())
        baseline[scene] = figures_of(np.asarray(bicubic(lr, STEP).data), truth.numpy())
    written(
        file,
        {
            "pair": "cave", "arm": args.arm, "picture": args.picture, "network": args.network,
            "budget": budget, "seed": args.seed, "refused": refused,
            "recipe": asdict(recipe), **facts, "scenes": scenes, "bicubic": baseline,
        },
    )  # fmt: skip


def plain_recipe(scale: int, components: int, patch: int, batch: int) -> Recipe:
    """Return a recipe that changes nothing about the patches but how they are turned."""
    return Recipe(
        scale, components, patch, batch, photographs=0, farther=0, clean=1, mixtures=0, noisy=0,
        truncated=0, told_off=0,
    )  # fmt: skip


PARIS_SCALE, PARIS_SIGMA, PARIS_GAP, PARIS_HELD = 2, 0.5, 8, 24
"""Scale; blur of the level down, in LR pixels; rows between what is learnt and what is held out;
rows that are held out."""

BLOCK = 8
"""Side of the blocks whose errors tell how certain a difference is."""


def run_paris(args: argparse.Namespace) -> None:
    """Train an arm on a part of the real pair, one level down, and evaluate it on another part."""
    from scipy.io import loadmat
    from skimage.measure import block_reduce

    start = "" if args.start is None else f"-from-{Path(args.start).stem}"
    file = args.out / f"paris-{args.arm}{start}-{args.minutes:g}min-{args.seed}.json"
    if file.exists():
        return
    content = loadmat(args.file)
    truth = np.ascontiguousarray(content["HSim"].transpose(2, 0, 1), np.float32)
    sharp = np.ascontiguousarray(content["PCim"], np.float32)
    factor = sharp.shape[0] // truth.shape[1]
    width = truth.shape[2] // 4 * 4
    truth, sharp = truth[:, :, :width], sharp[:, : width * factor]
    parts = {}
    for end in ("top", "bottom"):
        cube, picture = (truth, sharp) if end == "bottom" else (truth[:, ::-1], sharp[::-1])
        cube, picture = np.ascontiguousarray(cube), np.ascontiguousarray(picture)
        rows = cube.shape[1] - PARIS_HELD - PARIS_GAP
        learnt = torch.from_numpy(cube[:, :rows])
        held = cube[:, -PARIS_HELD:]
        lr = reduced(learnt, PARIS_SCALE, PARIS_SIGMA)
        # One level down the picture is as much coarser as the cube.
        seen = block_reduce(picture[: rows * factor], PARIS_SCALE, np.mean)[None]
        torch.manual_seed(args.seed)
        if args.start is None:
            network = DODN(PARIS_SCALE, **NETWORKS["short"])
        else:
            network = load_network(find_model(args.start, PARIS_SCALE)).requires_grad_(True)
        recipe = plain_recipe(PARIS_SCALE, network.components, 8, 32)
        told: dict[str, Any] = {"refused": ""}
        if args.arm != "none":
            try:
                fine, coarse = sources_of(
                    args.arm, lr, learnt, seen, PARIS_SCALE, PARIS_SIGMA, PARIS_SIGMA
                )
            except UnfitPictureError as error:
                written(file, {"pair": "paris", "arm": args.arm, "refused": str(error)})
                return
            if fine and args.arm != "d":
                found = fine[0]
                assert found.counts is not None
                told["predicted bands"] = int(found.counts.flatten(1).any(1).sum())
                told["weight"] = float(found.counts.any(0).float().mean())
            network, facts = trained(
                args.arm, network, fine, coarse, recipe, args.seed, args.minutes,
                RATE if args.start is None else 0.2 * RATE,
            )  # fmt: skip
            told |= facts
        test = HyperCube(reduced(torch.from_numpy(held), PARIS_SCALE, PARIS_SIGMA).numpy())
        result = np.asarray(upscale_with(network.eval(), test, "float32", blur=PARIS_SIGMA).data)
        plain = np.asarray(bicubic(test, PARIS_SCALE).data)
        peak = float(truth.max())
        parts[end] = told | {
            "model": figures_of(result, held, peak),
            "bicubic": figures_of(plain, held, peak),
            "errors": block_errors(result, held),
        }
    written(
        file,
        {"pair": "paris", "arm": args.arm, "start": args.start or "random", "seed": args.seed,
         "minutes": args.minutes, "peak": peak, "parts": parts},
    )  # fmt: skip


def block_errors(result: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return the mean squared error of each block of pixels, over all bands."""
    square = np.square(result - truth).mean(axis=0)
    height, width = (length // BLOCK * BLOCK for length in square.shape)
    blocks = square[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return [float(x) for x in blocks.mean(axis=(1, 3)).ravel()]


def tables(out: Path) -> str:
    """Return what is measured so far, as Markdown."""
    lines: list[str] = []
    for file in sorted(out.glob("quality-*.json")):
        rows = json.loads(file.read_text())
        good = [row for row in rows.values() if "refused" not in row]
        if not lines:
            lines += [
                "| pictures | scenes | refused | bicubic | pseudo-truth | what counts | share |",
                "|---|--:|--:|--:|--:|--:|--:|",
            ]
        means = {
            key: [np.mean([row[key][figure] for row in good]) for figure in ("psnr", "sam")]
            for key in ("bicubic", "all", "counted")
        }
        cells = " | ".join(f"{psnr:.2f} / {sam:.2f}°" for psnr, sam in means.values())
        weight = np.mean([row["weight"] for row in good])
        name = file.stem.removeprefix("quality-")
        lines.append(f"| {name} | {len(rows)} | {len(rows) - len(good)} | {cells} | {weight:.3f} |")
    lines += cave_table([json.loads(file.read_text()) for file in sorted(out.glob("cave-*.json"))])
    lines += paris_table(out)
    return "\n".join(lines)


def cave_table(runs: list[dict[str, Any]]) -> list[str]:
    """Return the rows of CAVE's students: differences from arm a in pairs of the same seed."""
    groups: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = defaultdict(dict)
    refused = [
        f"Arm {run['arm']}, {run['picture']}: all refused." for run in runs if "seed" not in run
    ]
    for run in runs:
        if "seed" in run:
            groups[run["picture"], run["network"], run["budget"], run["arm"]][run["seed"]] = run
    if not groups:
        return refused
    figures = "PSNR | SAM | Δ from a | by scene | Δ SAM"
    lines = [
        "",
        f"| pictures | network, budget | arm | seeds | {figures} | refused | steps |",
        "|---|---|---|--:|--:|--:|--:|---|--:|--:|--:|",
    ]
    for (picture, network, budget, arm), same in groups.items():
        base = groups.get((picture, network, budget, "a"), {})
        base = base or groups.get(("as it is", network, budget, "a"), {})
        psnr, sam = (
            spread([mean_of(run, key) for run in same.values()]) for key in ("psnr", "sam")
        )
        pairs = [(run, base[seed]) for seed, run in same.items() if seed in base]
        cells = ["", "", ""]
        if pairs and arm != "a":
            cells[0], cells[2] = (
                spread([mean_of(run, key) - mean_of(other, key) for run, other in pairs], "+")
                for key in ("psnr", "sam")
            )
            gained = np.mean([gains(run, other) for run, other in pairs], axis=0)
            cells[1] = " ".join(f"{gain:+.2f}" for gain in gained)
        left_out = max(len(run["refused"]) for run in same.values())
        steps = np.mean([run["steps"] for run in same.values()])
        lines.append(
            f"| {picture} | {network}, {budget} | {arm} | {len(same)} | {psnr} | {sam}° |"
            f" {' | '.join(cells)} | {left_out} | {steps:.0f} |"
        )
    base = next(iter(next(iter(groups.values())).values()))["bicubic"].values()
    psnr, sam = (np.mean([row[key] for row in base]) for key in ("psnr", "sam"))
    return [*lines, f"| | | bicubic | | {psnr:.2f} | {sam:.2f}° | | | | | |", *refused]


def gains(run: dict[str, Any], other: dict[str, Any]) -> list[float]:
    """Return by how much a run is ahead of another on each validation scene, in dB."""
    return [row["psnr"] - other["scenes"][name]["psnr"] for name, row in run["scenes"].items()]


def mean_of(run: dict[str, Any], key: str) -> float:
    """Return the mean of a figure over the validation scenes."""
    return float(np.mean([row[key] for row in run["scenes"].values()]))


def spread(values: list[float], sign: str = "") -> str:
    """Return the mean, and with several values the deviation between them."""
    text = f"{np.mean(values):{sign}.2f}"
    return text + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def paris_table(out: Path) -> list[str]:
    """Return the rows of the real pair: differences from arm a with intervals by blocks."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for file in sorted(out.glob("paris-*.json")):
        run = json.loads(file.read_text())
        if "parts" in run:
            groups[run["start"], run["arm"]].append(run)
    if not groups:
        return []
    lines = [
        "",
        "| start | arm | seeds | PSNR | SAM | against a, 95 % by blocks |",
        "|---|---|--:|--:|--:|--:|",
    ]
    first = next(iter(groups.values()))[0]["parts"].values()
    psnr, sam = (np.mean([part["bicubic"][key] for part in first]) for key in ("psnr", "sam"))
    lines.append(f"| | bicubic | | {psnr:.2f} | {sam:.2f}° | |")
    chance = np.random.default_rng(0)
    for (start, arm), same in groups.items():
        parts = [part for run in same for part in run["parts"].values()]
        psnr, sam = (np.mean([part["model"][key] for part in parts]) for key in ("psnr", "sam"))
        cell = ""
        if arm != "a" and (start, "a") in groups:
            ours, theirs = (
                np.mean(
                    [[e for p in run["parts"].values() for e in p["errors"]] for run in some], 0
                )
                for some in (same, groups[start, "a"])
            )
            drawn = chance.integers(len(ours), size=(2000, len(ours)))
            gains = 10 * np.log10(theirs[drawn].mean(1) / ours[drawn].mean(1))
            low, high = np.quantile(gains, [0.025, 0.975])
            cell = f"{10 * np.log10(theirs.mean() / ours.mean()):+.2f} ({low:+.2f} to {high:+.2f})"
        lines.append(f"| {start} | {arm} | {len(same)} | {psnr:.2f} | {sam:.2f}° | {cell} |")
    return lines


def main() -> None:
    """Do what the command line says."""
    commands = Commands(__doc__, tables)
    measure = commands.add("quality", "how near the truth pseudo-truths are", measure_pictures)
    measure.add_argument("--pictures", nargs="+", choices=PICTURES, default=list(PICTURES))
    run = commands.add("run", "train an arm on CAVE", run_cave)
    run.add_argument("--arm", choices=ARMS, required=True)
    run.add_argument("--picture", choices=PICTURES, default="as it is")
    of_students(run, NETWORKS)
    run.add_argument("--steps", type=int, help="learn for so many steps, however long they take")
    paris = commands.add("paris", "train an arm on the real pair", run_paris)
    paris.add_argument("--file", type=Path, required=True)
    paris.add_argument("--arm", choices=("none", *ARMS), required=True)
    paris.add_argument("--start", help="a model to start from; random weights by default")
    for command in (measure, run):
        on_cave(command)
    for command in (run, paris):
        of_seed(command)
        command.add_argument("--minutes", type=float, default=8)
    commands.run()


if __name__ == "__main__":
    main()
