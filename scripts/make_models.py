"""Make the bundled models from the CAVE database and photographs, from raw data to shipped file.

    python scripts/make_models.py trunk 4 --cave CAVE --photographs FOLDER --out OUT --steps 90000
    python scripts/make_models.py branch 4 --cave CAVE --photographs FOLDER --out OUT --steps 9000
    python scripts/make_models.py ship 4 --cave CAVE --out OUT

CAVE is the folder with CAVE's scenes as they are downloaded. Test scenes are never read. A model is
trained as a trunk at a constant learning rate, which can be resumed at any time, and as a branch,
which starts from the trunk's weights and whose rate falls linearly to zero. In the last part of its
steps a branch sees cubes with fewer changes; what it was before that becomes the trunk. The branch
ships, as OUT/dodn-xS.safetensors. Both are saved in OUT every few minutes and when they are stopped
(Ctrl-C or SIGTERM); the same command resumes them and arrives at the same numbers as without the
stop. With the model, ship saves the trunk compactly in the folder training of the repository, from
which another machine can continue. A trunk keeps its size, unless --channels asks for more, which
does not change what it computes at first, or --components for fewer, which drops the last ones.
With --all-scenes it also learns from the validation scenes, and neither it nor any model that
continues from it can be measured on them: ship then states the figures of a twin, a model that
learnt in the same way without them. Trunks of twins are in training/twins; see --kept. On a GPU:
--device cuda --workers 12.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learning import ANGLE, Trainer, draws, load_trunk, restore, save_compact, save_trunk, train
from material import SIGMAS, Material, Recipe
from pictures import read_scene
from torch import Tensor

from napari_dodn.benchmark import load_protocol
from napari_dodn.benchmark.protocol import Protocol
from napari_dodn.benchmark.scenes import find_scenes
from napari_dodn.cube import HyperCube
from napari_dodn.degradation import ANTI_ALIASED_SIGMA, decimate_cubic
from napari_dodn.errors import UserError
from napari_dodn.metrics import Quality, quality
from napari_dodn.network.dodn import DODN, resized
from napari_dodn.network.model_file import load_network, read_card, save_network
from napari_dodn.upscaling import bicubic
from napari_dodn.upscaling.engine import upscale_with

ARCHITECTURE: dict[str, Any] = {
    "components": 6,
    "channels": 64,
    "blocks": 6,
    "branch_2d": "folded",
}
"""Sizes of a network that starts from random weights."""

SIZES = ("components", "channels")
"""Sizes that a trunk can change."""

COOLING: dict[str, Any] = {"photographs": 0.1, "clean": 0.35}
"""How the end of a branch differs from its trunk: it sees cubes with fewer changes."""

COOLED = 0.4
"""Share of a branch's steps that is its end."""

KEPT = Path(__file__).parents[1] / "training"

SAVE_EVERY = 180.0
"""Seconds between two saves of what is being trained."""

LICENCE = (
    "The weights were trained on the CAVE multispectral image database (Yasuma et al. 2008), which"
    " is available to the research community, and on photographs of the Berkeley segmentation data"
    " set (BSDS500), which are for non-commercial research and education, and of the Kodak photo CD"
    " samples; they are for research and not covered by the software's licence."
)

FIGURES = ("psnr", "ssim", "sam")


STAGES = ("trunk", "branch")


def photographs_of(folder: Path | None) -> list[Path]:
    """Return every second photograph in a folder: more of them did not help."""
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
    scale: int, files: Iterable[Path], start: Path | None, sizes: Mapping[str, int]
) -> tuple[DODN, dict[str, Tensor] | None, dict[str, Any]]:
    """Return the network to continue with, its moving average, and its history.

    Parameters
    ----------
    scale : int
        Upsampling factor.
    files : iterable of Path
        Where it may lie; the first that exists counts.
    start : Path, optional
        A trunk of another scale whose weights and sizes are taken where no file exists.
    sizes : mapping
        "channels" and "components", where they are to change.
    """
    torch.manual_seed(0)
    for file in files:
        if file.exists():
            return of_size(sizes, *load_trunk(file))
    history: dict[str, Any] = {"steps": 0, "seconds": 0.0}
    if start is None:
        network = DODN(scale, **{**ARCHITECTURE, **sizes})
    else:
        other, _, its_history = of_size(sizes, *load_trunk(start))
        its: dict[str, Any] = other.architecture
        network = DODN(**its | {"scale": scale})
        own = network.state_dict()
        same = {k: v for k, v in other.state_dict().items() if v.shape == own[k].shape}
        network.load_state_dict(same, strict=False)
        history["start"] = f"the trunk for ×{other.scale} of {its_history['steps']} steps"
        history["scenes"] = its_history.get("scenes", [])
    return network, None, history


def of_size(
    sizes: Mapping[str, int], network: DODN, average: dict[str, Tensor], history: dict[str, Any]
) -> tuple[DODN, dict[str, Tensor], dict[str, Any]]:
    """Give a network, and the moving average of its weights, other sizes.

    Raises
    ------
    UserError
        If it has more channels or fewer components.
    """
    had: dict[str, Any] = network.architecture
    present = {**had, **sizes}
    if had["channels"] > present["channels"] or had["components"] < present["components"]:
        raise UserError(
            f"The trunk has {had['channels']} channels and {had['components']} components; it"
            f" cannot get {present['channels']} and {present['components']} without a loss."
        )
    changed = [key for key in SIZES if had[key] != present[key]]
    if not changed:
        return network, average, history
    new = DODN(**present)
    state = new.state_dict()
    new.load_state_dict(resized(network.state_dict(), state))
    words = " and ".join(f"{key} from {had[key]} to {present[key]}" for key in changed)
    said = [history["resized"]] if "resized" in history else []
    said.append(f"{words} after {history['steps']} steps")
    return new, resized(average, state), history | {"resized": ", ".join(said)}


def plain_trainer(network: DODN, recipe: Recipe, device: str) -> Trainer:
    """Return what teaches the bundled models."""
    return Trainer(network, recipe, device=device)


def make(
    args: argparse.Namespace,
    protocol: Protocol,
    trainer_of: Callable[[DODN, Recipe, str], Trainer] = plain_trainer,
    material_of: Callable[[Sequence[Path], Sequence[Path], int], Material] = Material,
) -> None:
    """Continue a trunk, or the branch that a trunk becomes."""
    names = {stage: args.out / f"dodn-x{args.scale}-{stage}.safetensors" for stage in STAGES}
    unfinished = names["branch"].with_suffix(".unfinished")
    is_branch = args.stage == "branch"
    folders = scenes_of(protocol, args.cave, "train")
    if args.all_scenes:
        folders |= scenes_of(protocol, args.cave, "validation")
    trunks = [names["trunk"], args.kept / f"dodn-x{args.scale}.safetensors"]
    files = [unfinished, *trunks] if is_branch else trunks
    sizes = {key: value for key in SIZES if (value := getattr(args, key)) is not None}
    network, average, history = begun(args.scale, files, args.start, sizes)
    recipe = Recipe(args.scale, network.components, args.patch, args.batch)
    trainer = trainer_of(network, recipe, args.device)
    goes_on = not is_branch or "branch steps" in history
    if average is not None and goes_on:
        trainer.average = {key: value.to(trainer.device) for key, value in average.items()}
        restore(trainer, next(file for file in files if file.exists()))
    history.setdefault("branch steps", 0)
    before, spent, started = dict(history), history["seconds"], time.process_time()
    begun_at = trainer.steps
    material = material_of(list(folders.values()), photographs_of(args.photographs), args.scale)

    def steps(key: str) -> int:
        return before[key] + trainer.steps - begun_at

    def save(file: Path) -> None:
        facts = history | {
            "steps": steps("steps"),
            "seconds": round(spent + time.process_time() - started, 1),
            "recipe": asdict(trainer.recipe),
            "scenes": sorted({*folders, *before.get("scenes", [])}),  # and never forgets
            "photographs": len(material.photographs),
            "device": "cpu, one thread" if args.device == "cpu" else args.device,
            "distillation": trainer.distillation,
            "loss": "L1, each cube's in units of its detail,",
        }
        if file in trunks or not is_branch:
            facts.pop("branch steps", None)
        else:
            facts["branch steps"] = steps("branch steps")
        save_trunk(file, trainer, facts)

    def until(last: int, rate: Callable[[], float], file: Path) -> None:
        """Train up to a step, and save every few minutes."""
        saved = time.monotonic()
        key = "branch steps" if is_branch else "steps"

        def factor() -> float | None:
            nonlocal saved
            if time.monotonic() - saved > SAVE_EVERY:
                save(file)
                saved = time.monotonic()
            return None if stopping or steps(key) >= last else rate()

        drawn = draws(material, trainer.recipe, int(is_branch), steps("steps"), args.workers)
        train(trainer, drawn, factor)
        save(file)
        if stopping:
            sys.exit(f"Stopped after {steps(key)} steps; the same command resumes.")

    def falling() -> float:
        return 1 - steps("branch steps") / args.steps

    with asked_to_stop() as stopping:
        if not is_branch:
            until(args.steps, lambda: 1.0, names["trunk"])
            return
        cooling = round((1 - COOLED) * args.steps)
        if steps("branch steps") <= cooling:  # it may have been stopped at this very step
            until(cooling, falling, unfinished)
            save(names["trunk"])
        trainer.recipe = replace(recipe, **COOLING)
        until(args.steps, falling, unfinished)
        unfinished.replace(names["branch"])


@contextmanager
def asked_to_stop() -> Iterator[list[int]]:
    """Note Ctrl-C and SIGTERM in a list, which is empty until then."""
    asked: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: asked.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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


def figures_of_twin(file: Path | None, network: DODN, held_out: Sequence[str]) -> dict[str, Any]:
    """Return how good the twin of a network is that has learnt from the validation scenes.

    Raises
    ------
    UserError
        If there is none, or it is another network or has learnt from those scenes as well.
    """
    if file is None:
        raise UserError(
            "The branch has learnt from the validation scenes. Name with --twin a model that learnt"
            " in the same way without them: its figures will stand on the card."
        )
    card = read_card(file)
    scenes = card.training.get("scenes", held_out)
    same = load_network(card).architecture == network.architecture
    if not same or not set(held_out).isdisjoint(scenes):
        raise UserError(
            f"'{file}' cannot be the twin: it must have the sizes of the branch and not have learnt"
            " from the validation scenes."
        )
    return card.scores | {
        "twin": (
            f"a twin that learnt from {len(scenes)} scenes in {card.training['steps']} steps; the"
            " model itself learnt from the held-out scenes, too."
        )
    }


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
        "loss": f"{history.get('loss', 'L1')} + {ANGLE:g} spectral angle,"
        f" {history.get('distillation', Trainer.distillation)}",
        "steps": history["steps"],
        "schedule": f"constant rate, then {history['branch steps']} steps along a line to zero",
        "batch": f"{recipe['batch']} patches of {recipe['patch']} × {recipe['patch']} LR pixels",
        "minutes": round(hours * 60, 1),
        "seed": 0,
        "start": "; ".join(filter(None, (history.get("start", "random"), history.get("resized")))),
        "device": f"{history.get('device', 'cpu, one thread')}, bfloat16",
        "date": datetime.now(UTC).date().isoformat(),
    }
    file = args.out / f"dodn-x{args.scale}.safetensors"
    held_out = protocol.chosen("validation")
    if set(held_out).isdisjoint(scenes):
        scores = measured(network, protocol, args.cave)
    else:
        scores = figures_of_twin(args.twin, network, held_out)
    save_network(network.half(), file, training=training, scores=scores, licence=LICENCE)
    print(json.dumps(scores))
    trunk = args.out / f"dodn-x{args.scale}-trunk.safetensors"
    args.kept.mkdir(parents=True, exist_ok=True)
    save_compact(args.kept / file.name, load_trunk(trunk)[1], trunk)
    return file


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse a command line; this program's own by default."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=(*STAGES, "ship"))
    parser.add_argument("scale", type=int, choices=(2, 4, 8))
    parser.add_argument("--cave", type=Path, required=True, help="CAVE's scenes as downloaded")
    parser.add_argument("--photographs", type=Path, help="folder of photographs")
    parser.add_argument("--out", type=Path, required=True, help="where trunks and models go")
    parser.add_argument(
        "--kept", type=Path, default=KEPT, help="folder of compact trunks to continue from"
    )
    parser.add_argument("--steps", type=int, default=90000, help="of this trunk or branch in all")
    parser.add_argument("--start", type=Path, help="another scale's trunk to take weights from")
    parser.add_argument("--channels", type=int, help="at least as many as the trunk has")
    parser.add_argument("--components", type=int, help="at most as many as the trunk has")
    parser.add_argument("--all-scenes", action="store_true", help="learn from validation too")
    parser.add_argument("--twin", type=Path, help="model whose figures ship states, see above")
    parser.add_argument("--batch", type=int, default=12, help="patches in a step")
    parser.add_argument("--patch", type=int, default=20, help="side of a patch in LR pixels")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="where the network is trained")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw samples ahead")
    return parser.parse_args(words)


def main() -> None:
    """Do a stage of making a model."""
    args = arguments()
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
