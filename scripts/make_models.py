"""Make a bundled model from the CAVE database, from its raw data to the file that is shipped.

    python scripts/make_models.py DATABASE OUT dodn-cave-x4
    python scripts/make_models.py DATABASE OUT dodn-blind-x4 --cpu --device cpu

DATABASE is the folder with CAVE's scenes as they are downloaded. The run is kept in OUT/MODEL: the
same command goes on where it was stopped, on whatever device, and writes OUT/MODEL.safetensors at
the end. Two families are made: "cave" for the published protocol, and "blind" for real sensors,
which sees every scene with a blur, a noise and a spectral step drawn by chance. With --farther it
also learns from the scenes as a camera farther away would see them; these copies are kept in
OUT/farther. Test scenes are never read. Ctrl-C stops after the step.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from skimage.transform import resize

from napari_dodn import read
from napari_dodn.benchmark import load_protocol
from napari_dodn.benchmark.scenes import find_scenes
from napari_dodn.distillation.config import TrainConfig, with_preset
from napari_dodn.distillation.config_file import config_text
from napari_dodn.distillation.events import Event, Finished, Started, Step, Stopped, Validated
from napari_dodn.distillation.run_folder import RunError, RunFolder, Status, replace_text
from napari_dodn.distillation.training import train
from napari_dodn.errors import UserError
from napari_dodn.network.model_file import list_models, load_network, read_card, save_network
from napari_dodn.replacing import replacing

LICENCE = (
    "The weights were trained on the CAVE multispectral image database (Yasuma et al. 2008), which"
    " is available to the research community; they are for research and not covered by the"
    " software's licence."
)

FAMILIES: dict[str, dict[str, Any]] = {
    "cave": {"kinds": ["cubic"]},
    "blind": {
        "kinds": ["gaussian", "anti-aliased cubic"],
        "psf": [0.3, 0.7],
        "noise": [0.0, 0.02],
        "spectral": [0.25, 2.0],
    },
}
"""The degradation that each family learns to undo."""

MODELS = tuple(f"dodn-{family}-x{scale}" for family in ("cave", "blind") for scale in (4, 2, 8))

CPU_SCHEDULE = {"steps": 4000, "batch": 2, "patch": 16, "validate_every": 500, "save_every": 100}
"""What two cores can do in hours."""


FARTHER_SIDES = (360, 256)
"""Sides in pixels to which scenes of 512 are reduced, so that patches hold finer structure."""


def farther(scenes: Iterable[Path], folder: Path) -> list[Path]:
    """Return files of scenes as a camera farther away would see them; what is missing is made."""
    files = []
    for scene in scenes:
        for side in FARTHER_SIDES:
            file = folder / f"{scene.name}_{side}.npy"
            files.append(file.resolve())
            if not file.exists():
                folder.mkdir(parents=True, exist_ok=True)
                pixels = np.asarray(read(scene).data, np.float32)
                reduced = resize(pixels, (len(pixels), side, side), order=3, anti_aliasing=True)
                with replacing(file) as unfinished, unfinished.open("wb") as opened:
                    np.save(opened, reduced)
    return files


def recipe(
    model: str,
    database: Path,
    *,
    copies: Path | None = None,
    cpu: bool = False,
    start: str | None = None,
    steps: int | None = None,
    rate: float | None = None,
    blocks: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> TrainConfig:
    """Return the configuration that makes a model.

    Parameters
    ----------
    model : str
        One of `MODELS`.
    database : Path
        The folder with CAVE's scenes.
    copies : Path, optional
        Where scenes as seen from farther away are kept, to learn from these as well.
    cpu : bool
        Whether to make the small one, which hours of two CPU cores can train, or the full one.
    start, steps, rate, blocks, seed, device
        As in the configuration; None: nothing to start from, and as many steps and blocks and as
        high a learning rate as are usual.

    Raises
    ------
    UserError
        If a scene is missing.
    """
    _, family, by = model.split("-")
    scale, protocol = int(by[1:]), load_protocol("cave")
    training, validation = (protocol.chosen(split) for split in ("train", "validation"))
    paths = find_scenes(protocol, database, [*training, *validation])
    schedule: dict[str, Any] = dict(CPU_SCHEDULE) if cpu else {}
    if steps is not None:
        schedule["steps"] = steps
    if rate is not None:
        schedule["learning_rate"] = rate
    if start is not None and start.endswith(".safetensors"):
        start = str(Path(start).expanduser().resolve())
    student: dict[str, Any] = {"scale": scale, "start": start}
    if blocks is not None:
        student["blocks"] = blocks
    cubes = [path.resolve() for path in paths.values()]
    if copies is not None:
        cubes += farther((paths[scene] for scene in training), copies)
    return with_preset(
        "good" if cpu else "paper",
        {
            "name": model,
            "seed": seed,
            "licence": LICENCE,
            "data": {
                "cubes": cubes,
                "validation": [paths[scene].name for scene in validation],
                "peak": protocol.divisor,
            },
            "student": student,
            "degradation": FAMILIES[family],
            "distillation": {"variant": "none"},
            "schedule": schedule,
            "computing": {"device": device},
        },
    )


def run_of(config: TrainConfig, folder: Path) -> RunFolder:
    """Return a new run, or the one that is there, to go on with on the device that is wanted.

    Raises
    ------
    UserError
        If the one that is there was begun with other settings.
    """
    if not (folder / "state.safetensors").exists():
        return RunFolder.create(folder, config)
    run = RunFolder.open(folder)
    if run.config().recipe() != config.recipe():
        raise RunError(
            f"{folder} was begun with other settings; repeat them or choose another OUT."
        )
    replace_text(run.config_file, config_text(config))
    run.stop_file.unlink(missing_ok=True)
    return run


def made(run: RunFolder) -> bool:
    """Train a run to its end, telling its validations; return whether it got there."""
    stopping: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: stopping.append(number))
    for event in train(run, stop=lambda: bool(stopping), install=False):
        if text := told(event):
            print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
    return run.status() is Status.DONE


def origin(start: str) -> str:
    """Say which model a run begins from, so that it can be told from others of its name."""
    known = {card.name: card for card in list_models()}
    card = known.get(start) or read_card(Path(start))
    return f"{card.name} of {card.training['steps']} steps (SHA-256 {card.sha256[:12]}…)"


def ship(best: Path, file: Path, start: str) -> None:
    """Write a run's best model with a header that names the database and not its folders."""
    card = read_card(best)
    names = card.training["scenes"]
    scenes = [name.removesuffix("_ms") for name in names if name.endswith("_ms")]
    sides = " and ".join(map(str, FARTHER_SIDES))
    also = f", also reduced to {sides} pixels a side" if len(scenes) < len(names) else ""
    training = card.training | {
        "data": f"CAVE, {len(scenes)} scenes{also}",
        "scenes": scenes,
        "start": start,
        "protocol": "patches of the training scenes; whole validation scenes chose the best step",
    }
    network = load_network(card)
    save_network(network, file, training=training, scores=card.scores, licence=card.licence)


def told(event: Event) -> str:
    """Return a line for what is worth one."""
    match event:
        case Started():
            return f"{event.device}, {event.precision}, from step {event.step}"
        case Step(step=step, steps=steps) if step % 100 == 0:
            loss = event.losses["total"]
            return f"step {step}/{steps}: loss {loss:.4f}, {event.left / 60:.0f} min left"
        case Validated():
            gain = event.scores["psnr"] - event.bicubic["psnr"]
            return f"step {event.step}: {event.scores}, {gain:+.3f} dB against bicubic"
        case Stopped():
            return f"stopped after step {event.step}; the same command goes on"
        case Finished():
            return f"the best step is {event.step}"
    return ""


def main() -> None:
    """Make a model, or go on with making it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("database", type=Path, help="folder with CAVE's scenes as downloaded")
    parser.add_argument("out", type=Path, help="where the run's folder and the model go")
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--cpu", action="store_true", help="the small recipe: hours of two cores")
    parser.add_argument("--farther", action="store_true", help="learn from reduced scenes as well")
    parser.add_argument("--start", help="name or path of a model to go on from; else from nothing")
    parser.add_argument("--steps", type=int, help="else as the recipe says")
    parser.add_argument("--rate", type=float, help="highest learning rate; else as the recipe says")
    parser.add_argument("--blocks", type=int, help="else as the recipe says")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0, mps")
    args = parser.parse_args()
    try:
        config = recipe(
            args.model,
            args.database.expanduser(),
            copies=args.out / "farther" if args.farther else None,
            cpu=args.cpu,
            start=args.start,
            steps=args.steps,
            rate=args.rate,
            blocks=args.blocks,
            seed=args.seed,
            device=args.device,
        )
        wanted = config.student.start
        start = origin(wanted) if wanted else "random"
        run = run_of(config, args.out / args.model)
        if run.status() is not Status.DONE and not made(run):
            return
    except UserError as error:
        sys.exit(str(error))
    file = args.out / f"{args.model}.safetensors"
    ship(run.best_file, file, start)
    print(f"Wrote {file}")


if __name__ == "__main__":
    main()
