"""Does a teacher help where the truth is at hand? Train students with and without, in pairs.

    python benchmarks/with_truth.py teach --cave CAVE --teacher fusion --minutes 4 --out OUT
    python benchmarks/with_truth.py run --cave CAVE --arm "fusion taps" --steps 600 --out OUT
    python benchmarks/with_truth.py table OUT

    python benchmarks/with_truth.py teach --cave CAVE --network bundled --teacher fusion --out OUT
    python benchmarks/with_truth.py branch --cave CAVE --arm none --out OUT
    python benchmarks/with_truth.py branch --cave CAVE --arm "fusion taps" --out OUT

Students learn from CAVE's training scenes, cleanly decimated ×4, with the truth. All runs of a seed
have the same initial weights, patches, steps and, where they have one, teacher. A teacher sees the
database's pictures; it is "ssr" (the picture alone, as in the paper), "fusion" (the upsampled LR
cube as well) or "untrained". It hands over what it knows by

    taps        features after every block, compared by L1 after area reduction
    last tap    those of the last block, with a variance that is learnt, and a tiny weight
    affinity    how alike any two places are (FAKD)
    begun       its convolutions, with which the student's 2D branch begins
    target      its result for photographs, whose truth nobody has: a quarter of the patches

The controls are a teacher that is shown other patches ("shuffled"), and photographs that are made
cubes by a map that is the same for all of them ("photographs"). Every run is a file in OUT: a
command whose file is there does nothing. Students are measured on whole validation scenes, at their
last step.

"branch" is for hours: the branch of `scripts/make_models.py` that makes the bundled model from its
trunk, as it is ("none", which may ship) or with a teacher, with the same patches in each step. When
it is stopped, the same command resumes it and arrives at the same numbers. Its teacher is one with
--network bundled, which learns from all that the bundled models learn from; all three take the
folder of their photographs with --photographs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from commands import Commands, of_seed, of_students, on_cave
from privileged import (
    MIXED,
    NETWORKS,
    RATE,
    STEP,
    TAPS,
    Teaching,
    figures_of,
    moments,
    plain_recipe,
    read_picture,
    reduced,
    written,
)
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from learning import Trainer, load_trunk, loss_of
from make_models import KEPT, arguments, make, measured, photographs_of, plain_trainer, scenes_of
from material import (
    FARTHER,
    MARGIN,
    SHRINK,
    Batch,
    Material,
    Recipe,
    Source,
    draw,
)
from pictures import farther, mixing, photograph, read_scene

from napari_dodn.benchmark import load_protocol
from napari_dodn.cube import HyperCube
from napari_dodn.distillation.engine.losses import FeatureLoss
from napari_dodn.network.components import components_from
from napari_dodn.network.dodn import DODN
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.upscaling import bicubic
from napari_dodn.upscaling.engine import upscale_with

BANDS, CHANNELS = 31, 3

WEIGHTS = {"taps": TAPS, "affinity": 1.0, "last tap": 1e-3}
"""Weight of the comparison, by the way in which knowledge is handed over."""

PHOTOGRAPHS = 60
"""How many photographs students of a plain recipe learn from."""


class Arm(NamedTuple):
    """What a student is taught by, and how."""

    teacher: str = ""
    way: str = ""
    shuffled: bool = False


ARMS = {
    "none": Arm(),
    "longer": Arm(),
    "taps": Arm("ssr", "taps"),
    "last tap": Arm("ssr", "last tap"),
    "affinity": Arm("ssr", "affinity"),
    "begun": Arm("ssr", "begun"),
    "target": Arm("ssr", "target"),
    "fusion taps": Arm("fusion", "taps"),
    "fusion last tap": Arm("fusion", "last tap"),
    "fusion affinity": Arm("fusion", "affinity"),
    "fusion target": Arm("fusion", "target"),
    "untrained": Arm("untrained", "taps"),
    "shuffled": Arm("ssr", "taps", shuffled=True),
    "photographs": Arm("", "photographs"),
}
"""The arm "longer" has no teacher, and as much time as "taps" with its teacher."""

TEACHERS = ("ssr", "fusion", "untrained")


def source_of(truth: Tensor, picture: np.ndarray) -> Source:
    """Return a scene, its clean reduction, and its picture with a deviation of 1."""
    return Source(truth, [moments(reduced(truth, STEP, 0), 0)], None, unit(picture))


def unit(picture: np.ndarray) -> Tensor:
    """Return a picture with a deviation of 1."""
    return torch.from_numpy(np.ascontiguousarray(picture / picture.std(), np.float32))


class Pictured(Material):
    """All that the bundled models learn from, with its pictures."""

    def __init__(self, folders: Sequence[Path], photographs: Sequence[Path], scale: int) -> None:
        super().__init__(folders, photographs, scale)
        pictures = [read_picture(folder, "as it is") for folder in folders]
        for near, picture in zip(self.scenes, pictures, strict=True):
            near.picture = unit(picture)
        seen = itertools.product(FARTHER[scale], pictures)
        for far, (factor, picture) in zip(self.farther, seen, strict=True):
            far.picture = unit(farther(torch.from_numpy(picture), factor).numpy())
        for source, file in zip(self.photographs, self.taken, strict=True):
            source.picture = unit(colours_of(file, scale))


def colours_of(file: Path, scale: int) -> np.ndarray:
    """Return a photograph, linear and made smaller, as the picture of the cube made from it."""
    return photograph(file, np.eye(12, CHANNELS, dtype=np.float32), scale, SHRINK).float().numpy()


def sources(args: argparse.Namespace, split: str) -> dict[str, Source]:
    """Read the scenes of a split with their pictures."""
    folders = scenes_of(load_protocol("cave"), args.cave, split)
    some = list(folders.items())[: args.scenes]
    return {name: source_of(read_scene(f), read_picture(f, "as it is")) for name, f in some}


def shown(kind: str, picture: Tensor, upsampled: Tensor) -> Tensor:
    """Return what a teacher sees of (N, M, y, x) and (N, bands, y, x)."""
    return torch.cat([picture, upsampled], 1) if kind == "fusion" else picture


def empty_teacher(kind: str, network: str) -> SpectralTeacher:
    """Return a teacher as wide and deep as a student that has learnt nothing.

    The fusion teacher begins with upsampling.
    """
    seen, sizes = CHANNELS + BANDS * (kind == "fusion"), NETWORKS[network]
    teacher = SpectralTeacher(seen, BANDS, sizes["channels"], sizes["blocks"])
    if kind == "fusion":
        with torch.no_grad():
            teacher.linear.weight.zero_()
            teacher.linear.weight[:, CHANNELS:, 0, 0] = torch.eye(BANDS)
    return teacher


@torch.no_grad()
def taught(teacher: SpectralTeacher, kind: str, source: Source) -> Tensor:
    """Return what a teacher makes of a whole scene, (bands, y, x)."""
    seen, picture = source.versions[0], source.picture
    assert picture is not None
    deviation = components_from(seen.mean, *seen.eigen, BANDS).deviation
    lr = seen.lr[None, :, MARGIN:-MARGIN, MARGIN:-MARGIN] / deviation
    large = F.interpolate(lr, scale_factor=STEP, mode="bilinear", align_corners=False)
    return teacher(shown(kind, picture[None], large))[0][0] * deviation


class Lesson(Teaching):
    """A teacher of one of the kinds while it learns."""

    def __init__(self, teacher: SpectralTeacher, kind: str) -> None:
        super().__init__(CHANNELS, BANDS, len(teacher.blocks))
        self.network, self.kind = teacher, kind
        self.optimiser = torch.optim.Adam(teacher.parameters(), lr=RATE)

    def step(self, batch: Batch, factor: float) -> None:
        """Learn from a batch, at a factor of the learning rate."""
        seen = shown(self.kind, batch.picture, batch.truth - batch.wanted)
        super().step(replace(batch, picture=seen), factor)


def few(scenes: list[Source], photographs: list[Source]) -> Material:
    """Return what patches are drawn from."""
    material = object.__new__(Material)
    material.scenes, material.photographs, material.farther = scenes, photographs, []
    return material


def teacher_files(
    args: argparse.Namespace, kind: str, network: str | None = None
) -> tuple[Path, Path]:
    """Return the files of a teacher's weights and of its figures."""
    stem = f"teacher-{kind}-{network or args.network}-{args.seed}"
    return args.out / f"{stem}.safetensors", args.out / f"{stem}.json"


def lessons(args: argparse.Namespace) -> tuple[Material, Recipe]:
    """Return what a teacher learns from, and how patches of it are drawn."""
    if args.network != "bundled":
        recipe = plain_recipe(STEP, BANDS, args.patch, args.batch)
        return few(list(sources(args, "train").values()), []), recipe
    folders = list(scenes_of(load_protocol("cave"), args.cave, "train").values())[: args.scenes]
    material = Pictured(folders, photographs_of(args.photographs), STEP)
    return material, Recipe(STEP, BANDS, args.patch, args.batch)


def teach(args: argparse.Namespace) -> None:
    """Train a teacher for some processor time, and measure it on the validation scenes."""
    kind = args.teacher
    weights, facts = teacher_files(args, kind)
    if facts.exists():
        return
    torch.manual_seed(args.seed)
    teacher = empty_teacher(kind, args.network)
    steps, started = 0, time.process_time()
    if kind != "untrained":
        material, recipe = lessons(args)
        lesson, chance = Lesson(teacher, kind), np.random.default_rng(args.seed)
        started = time.process_time()
        while (done := (time.process_time() - started) / (60 * args.minutes)) < 1:
            lesson.step(draw(material, recipe, chance), 0.5 * (1 + np.cos(np.pi * done)))
            steps += 1
    seconds = time.process_time() - started
    teacher.eval()
    scenes = {
        name: figures_of(taught(teacher, kind, source).numpy(), source.hr.numpy())
        for name, source in sources(args, "validation").items()
    }
    args.out.mkdir(parents=True, exist_ok=True)
    save_file(teacher.state_dict(), weights)
    written(facts, {"steps": steps, "seconds": round(seconds, 1), "scenes": scenes})


def teacher_of(args: argparse.Namespace, kind: str, network: str) -> SpectralTeacher:
    """Return a teacher that has been trained."""
    weights, _ = teacher_files(args, kind, network)
    if not weights.exists():
        sys.exit(f"There is no {weights}: teach it first.")
    teacher = empty_teacher(kind, network)
    teacher.load_state_dict(load_file(weights))
    return teacher.eval().requires_grad_(False)


class Guided(Trainer):
    """A student that is told a teacher's features."""

    def __init__(
        self,
        network: DODN,
        recipe: Recipe,
        arm: Arm,
        teacher: SpectralTeacher,
        device: str = "cpu",
        **options: Any,
    ) -> None:
        super().__init__(network, recipe, device=device, **options)
        self.arm, self.teacher = arm, teacher.to(device)
        self.distillation = f"distilled from a teacher that sees pictures ({arm.way})"
        blocks = len(network.blocks)
        variant = "affinity" if arm.way == "affinity" else "area"
        self.features = FeatureLoss(
            variant, recipe.scale, network.tap_channels, network.channels, blocks
        )
        self.more.features = self.features
        self.more.register_parameter("spread", torch.nn.Parameter(torch.zeros(network.channels)))
        self.more.register_buffer("measured", torch.tensor(False))
        self.more.to(device)
        self.optimiser.add_param_group({"params": list(self.more.parameters())})

    @torch.no_grad()
    def told(self, batch: Batch) -> list[Tensor]:
        """Return the teacher's features of a batch, or of another one's patches."""
        seen = shown(self.arm.teacher, batch.picture, batch.truth - batch.wanted)
        if self.arm.shuffled:
            seen = seen.roll(1, 0)
        with torch.autocast(self.device.type, torch.bfloat16):
            taps: list[Tensor] = self.teacher(seen)[1]
        if not self.more.measured:
            self.features.measure(taps)
            self.more.measured.fill_(True)
        return taps

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | float]:
        """Return the error, the angle, and how far the features are from the teacher's."""
        with torch.autocast(self.device.type, torch.bfloat16):
            gain, taps = self.network.forward_with_taps(batch.z, batch.told)
        targets = self.told(batch)
        if self.arm.way == "last tap":
            (target,) = self.features.targets(targets[-1:])
            target = (target - self.features.mean[-1]) / self.features.deviation[-1]
            error = (self.features.adapters[-1](taps[-1].float().mean(dim=0)) - target).abs()
            spread = self.more.spread
            apart = (error * torch.exp(-spread) + spread).mean()
        else:
            counted = torch.ones(len(batch.z), 1, 1, 1, device=self.device)
            found = self.features(taps, targets, SimpleNamespace(lr=batch.z, valid=counted))
            apart = found.total / found.number
        return *loss_of(gain, batch), WEIGHTS[self.arm.way] * apart


def begin_with(network: DODN, teacher: SpectralTeacher) -> None:
    """Give the convolutions of a student's 2D branch the weights of the teacher's blocks."""
    for block, theirs in zip(network.blocks, teacher.blocks, strict=True):
        pairs = ((block.branch_2d[0], theirs.body[0]), (block.branch_2d[2], theirs.body[2]))
        for own, other in pairs:
            own.load_state_dict(other.state_dict())


def few_photographs(
    args: argparse.Namespace, scenes: dict[str, Source], teacher: SpectralTeacher | None, kind: str
) -> list[Source]:
    """Return photographs as cubes, with what a teacher makes of them as the high resolution."""
    folders = scenes_of(load_protocol("cave"), args.cave, "train")
    matrix = mixing([folders[n] for n in scenes], [s.hr for s in scenes.values()])
    found = []
    for file in sorted(args.photographs.rglob("*.jpg"))[:: args.every][:PHOTOGRAPHS]:
        source = source_of(photograph(file, matrix, STEP, SHRINK).float(), colours_of(file, STEP))
        if teacher is not None:
            source.hr = taught(teacher, kind, source)
        found.append(source)
    return found


def cost(args: argparse.Namespace, arm: str) -> float:
    """Return the seconds that a student took, and its teacher with it."""
    seconds = json.loads(run_file(args, arm).read_text())["seconds"]
    if kind := ARMS[arm].teacher:
        seconds += json.loads(teacher_files(args, kind)[1].read_text())["seconds"]
    return float(seconds)


def run_file(args: argparse.Namespace, arm: str) -> Path:
    """Return the file of a run."""
    name = f"truth-{arm.replace(' ', '-')}-{args.network}-{args.steps}-{args.seed}.json"
    return Path(args.out / name)


def run(args: argparse.Namespace) -> None:
    """Train a student and measure it, unless that has been done."""
    file, arm = run_file(args, args.arm), ARMS[args.arm]
    if file.exists():
        return
    steps = args.steps
    if args.arm == "longer":
        steps = round(steps * cost(args, "taps") / cost(args, "none"))
    teacher = teacher_of(args, arm.teacher, args.network) if arm.teacher else None
    scenes = sources(args, "train")
    torch.manual_seed(args.seed)
    network = DODN(STEP, **NETWORKS[args.network])
    recipe = plain_recipe(STEP, network.components, args.patch, args.batch)
    others: list[Source] = []
    if arm.way in ("target", "photographs"):
        others = few_photographs(args, scenes, teacher, arm.teacher)
        recipe = replace(recipe, photographs=MIXED)
    if arm.way == "begun":
        assert teacher is not None
        begin_with(network, teacher)
    if arm.way in WEIGHTS:
        assert teacher is not None
        trainer: Trainer = Guided(network, recipe, arm, teacher, rate=RATE)
    else:
        trainer = Trainer(network, recipe, rate=RATE)
    material = few(list(scenes.values()), others)
    chance, started = np.random.default_rng(args.seed), time.process_time()
    for step in range(steps):
        batch = draw(material, recipe, chance)
        trainer.step(batch, 0.5 * (1 + np.cos(np.pi * step / steps)))
    seconds = time.process_time() - started
    network, found, baseline = trainer.averaged(), {}, {}
    for name, source in sources(args, "validation").items():
        truth = source.hr.numpy()
        lr = HyperCube(reduced(source.hr, STEP, 0).numpy())
        result = np.asarray(upscale_with(network, lr, "float32", blur=0).data)
        found[name] = figures_of(result, truth)
        baseline[name] = figures_of(np.asarray(bicubic(lr, STEP).data), truth)
    written(
        file,
        {
            "arm": args.arm, "network": args.network, "steps": args.steps, "taken": steps,
            "seed": args.seed, "seconds": round(seconds, 1), "recipe": asdict(recipe),
            "scenes": found, "bicubic": baseline,
        },
    )  # fmt: skip


def branch(args: argparse.Namespace) -> None:
    """Train a branch of the bundled model, or resume it, and measure it.

    Its patches and its teacher are those of seed 0, as the bundled model has no other.
    """
    arm, stem = ARMS[args.arm], f"branch-{args.arm.replace(' ', '-')}-{args.steps}"
    file = args.out / f"truth-{stem}.json"
    if file.exists():
        return
    if arm.way in ("begun", "photographs") or args.arm == "longer":
        sys.exit(f"The arm '{args.arm}' is none for a branch, which begins with the trunk.")
    trunk = args.trunk / f"dodn-x{STEP}.safetensors"
    if not trunk.exists():
        sys.exit(f"There is no {trunk} to start from.")
    before = load_trunk(trunk)[2]
    if known := set(load_protocol("cave").chosen("validation")) & set(before["scenes"]):
        sys.exit(
            f"{trunk} has learnt from {', '.join(sorted(known))}, on which it would be measured."
        )
    teacher = teacher_of(args, arm.teacher, "bundled") if arm.teacher else None

    def trainer_of(network: DODN, recipe: Recipe, device: str) -> Trainer:
        if teacher is None or arm.way not in WEIGHTS:
            return plain_trainer(network, recipe, device)
        return Guided(network, recipe, arm, teacher, device)

    def material_of(folders: Sequence[Path], files: Sequence[Path], scale: int) -> Material:
        if teacher is None:
            return Material(folders, files, scale)
        material = Pictured(folders, files, scale)
        if arm.way == "target":
            for source in material.photographs:
                source.hr = taught(teacher, arm.teacher, source).half()
        return material

    protocol, out = load_protocol("cave"), args.out / stem
    out.mkdir(parents=True, exist_ok=True)
    options = ["--cave", args.cave, "--kept", args.trunk, "--out", out, "--steps", args.steps]
    if args.photographs is not None:
        options += ["--photographs", args.photographs]
    words = ["branch", STEP, *options]
    made = out / f"dodn-x{STEP}-branch.safetensors"
    if not made.exists():  # it may have been stopped while it was measured
        make(arguments([str(word) for word in words]), protocol, trainer_of, material_of)
    network, average, history = load_trunk(made)
    network.load_state_dict(average)
    found = measured(network.eval().requires_grad_(False), protocol, args.cave)
    written(
        file,
        {
            "arm": args.arm, "network": "branch", "steps": args.steps, "taken": args.steps,
            "seed": args.seed, "seconds": round(history["seconds"] - before["seconds"], 1),
            "trunk": before["steps"], "recipe": history["recipe"],
            "scenes": found["each scene"], "bicubic": found["bicubic, each scene"],
        },
    )  # fmt: skip


def means(scenes: dict[str, dict[str, float]]) -> np.ndarray:
    """Return the mean PSNR and angle."""
    return np.array([[row["psnr"], row["sam"]] for row in scenes.values()]).mean(axis=0)


def table(out: Path) -> str:
    """Return what is measured so far, as Markdown: differences in pairs of the same seed."""
    lines = ["| teacher | seed | PSNR (dB) | SAM (°) | seconds |", "|---|--:|--:|--:|--:|"]
    for file in sorted(out.glob("teacher-*.json")):
        facts, (_, kind, _, seed) = json.loads(file.read_text()), file.stem.split("-")
        psnr, sam = means(facts["scenes"])
        lines.append(f"| {kind} | {seed} | {psnr:.2f} | {sam:.2f} | {facts['seconds']:.0f} |")
    groups: dict[tuple[str, int], dict[str, dict[int, Any]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for file in sorted(out.glob("truth-*.json")):
        row = json.loads(file.read_text())
        groups[row["network"], row["steps"]][row["arm"]][row["seed"]] = row
    for (network, steps), arms in groups.items():
        heads = "seeds | PSNR (dB) | SAM (°) | Δ PSNR | by scene | Δ SAM | seconds"
        lines += [
            "",
            f"| {network}, {steps} steps | {heads} |",
            "|---|--:|--:|--:|--:|---|--:|--:|",
        ]
        for arm in filter(arms.__contains__, ARMS):
            pairs = [(own, arms["none"][s]) for s, own in arms[arm].items() if s in arms["none"]]
            if not pairs:
                continue
            psnr, sam = np.mean([means(own["scenes"]) for own, _ in pairs], axis=0)
            gains = np.array([means(a["scenes"]) - means(b["scenes"]) for a, b in pairs])
            gained = [
                np.mean(
                    [own["scenes"][n]["psnr"] - other["scenes"][n]["psnr"] for own, other in pairs]
                )
                for n in pairs[0][0]["scenes"]
            ]
            by_scene = " ".join(f"{gain:+.2f}" for gain in gained)
            several = len(pairs) > 1
            spread = [f" ± {x:.2f}" for x in gains.std(axis=0, ddof=1)] if several else ["", ""]
            d_psnr, d_sam = gains.mean(axis=0)
            seconds = np.mean([own["seconds"] for own, _ in pairs])
            lines.append(
                f"| {arm} | {len(pairs)} | {psnr:.2f} | {sam:.2f} | {d_psnr:+.2f}{spread[0]} |"
                f" {by_scene} | {d_sam:+.2f}{spread[1]} | {seconds:.0f} |"
            )
        plain = next(iter(next(iter(arms.values())).values()))["bicubic"]
        psnr, sam = means(plain)
        lines.append(f"| bicubic | | {psnr:.2f} | {sam:.2f} | | | | |")
    return "\n".join(lines)


def main() -> None:
    """Do what the command line says."""
    commands = Commands(__doc__, table)
    teaching = commands.add("teach", "train a teacher", teach)
    teaching.add_argument("--teacher", choices=TEACHERS, required=True)
    teaching.add_argument("--minutes", type=float, default=4)
    running = commands.add("run", "train a student", run)
    running.add_argument("--steps", type=int, default=600)
    running.add_argument("--every", type=int, default=8, help="use every Nth photograph")
    branching = commands.add("branch", "train a branch of the bundled model", branch)
    branching.add_argument("--steps", type=int, default=8500)
    branching.add_argument("--trunk", type=Path, default=KEPT / "twins", help="folder of the trunk")
    branching.set_defaults(seed=0)
    for command in (running, branching):
        command.add_argument("--arm", choices=ARMS, required=True)
    for command in (teaching, running):
        of_students(command, NETWORKS)
        of_seed(command)
        command.add_argument("--scenes", type=int, help="how many of a split; all if left out")
    for command in (teaching, running, branching):
        on_cave(command)
        command.add_argument("--photographs", type=Path, help="folder of photographs")
    commands.run()


if __name__ == "__main__":
    main()
