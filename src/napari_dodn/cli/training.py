"""The command that trains a model: train."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dodn.cli.app import app, err, out
from napari_dodn.cli.signals import SHELL_BASE, terminating
from napari_dodn.errors import reason_of
from napari_dodn.paths import expanded
from napari_dodn.wording import few_of

if TYPE_CHECKING:
    from rich.progress import Progress

    from napari_dodn.cube import HyperCube
    from napari_dodn.distillation.run.events import Event
    from napari_dodn.distillation.run.folder import RunFolder


MOST_NOTES = 8
"""Notes that are printed at the start of a run; one sharper picture gives up to seven."""


@app.command()
def train(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN_FOLDER", help="The folder of a run to train.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A configuration file (TOML).")] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="A cube, or a folder of cubes; may be repeated.")
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(help="With --data: scale factor along y and x: 2, 4 (the default) or 8."),
    ] = None,
    picture: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CUBE=FILE",
            help="With --data: a sharper picture of a cube's scene: RGB, multispectral or"
            " panchromatic. The cube is the low resolution, and the picture shows the high"
            " one; the trained model needs no picture. CUBE is a cube's name or file; with a"
            " single cube, FILE alone is enough. May be repeated.",
        ),
    ] = None,
    blur: Annotated[
        float | None,
        typer.Option(
            help="With --picture: blur of the cubes, σ of the sensor's point spread function in"
            " their pixels. If left out, it is estimated."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="With --data: name or file of a model to start from; its sizes are used, and the"
            " preset quick takes fewer steps."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="With --data: quick (the default), good or paper.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="With --data: name of the model.")] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The folder to make. If left out, it has the name of the model."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run.")] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Make the run's folder without training yet.")
    ] = False,
) -> None:
    """Train a model on your own cubes, in a new folder or in that of a run.

    Ctrl-C and SIGTERM stop after the current step; the run can be resumed.
    """
    if run is not None:
        given: dict[str, Any] = {
            "--config": config,
            "--data": data,
            "--out": target,
            "--prepare": prepare,
        }
    elif config is not None:
        given = {"--data": data}
    else:
        given = {}
    if data is None:
        given |= {"--scale": scale, "--preset": preset, "--name": name}
        given |= {"--picture": picture, "--start": start}
    if not picture:
        given |= {"--blur": blur is not None}
    for option, value in given.items():
        if value:
            raise typer.BadParameter("It cannot be used in this call.", param_hint=option)
    told: list[str] = []
    if run is not None:
        folder = _begun(run, resume)
    elif "RANK" in os.environ:
        raise typer.BadParameter("Several processes need a run: make one with --prepare.")
    else:
        folder, told = _made(
            config, data, scale or 4, preset or "quick", name, target, picture or [], blur, start
        )
        if prepare:
            out.print(f"Train it with: napari-dodn train {folder.path}", markup=False)
            return
    interrupted = _Interrupt()
    try:
        from napari_dodn.distillation.engine.training import train as events_of

        with interrupted, closing(events_of(folder, stop=interrupted)) as events:
            ended = _show(events, told)
    finally:
        folder.withdraw()
    if ended == "stopped":
        out.print(f"Continue with: napari-dodn train {folder.path} --resume", markup=False)
        raise typer.Exit(SHELL_BASE + interrupted.received if interrupted() else 0)


def _begun(path: Path, resume: bool) -> RunFolder:
    """Return the folder of a run that is there and may be trained."""
    from napari_dodn.distillation.run.folder import RunError, RunFolder, Status

    folder = RunFolder.open(path)
    if os.environ.get("RANK", "0") != "0":  # the first of several processes decides
        return folder
    folder.refuse_if_locked()
    outcome = folder.outcome()
    if outcome is Status.DONE:
        raise RunError(f"{folder.path} is done; its model is trained.")
    if folder.state_file.exists() and not resume:
        raise RunError(
            f"{folder.path} was begun before ({outcome.value}); continue it with --resume."
        )
    try:
        folder.forget_old_stop()
        folder.announce()
    except OSError as error:
        raise RunError(f"{folder.path} cannot be trained: {reason_of(error)}.") from error
    return folder


def _made(
    config_file: Path | None,
    data: list[Path] | None,
    scale: int,
    preset: str,
    name: str | None,
    target: Path | None,
    pictures: list[str],
    blur: float | None,
    start: str | None,
) -> tuple[RunFolder, list[str]]:
    """Make the folder of a new run; return it, and what was told about its cubes."""
    from napari_dodn.distillation.config_file import load_config
    from napari_dodn.distillation.presets import with_preset
    from napari_dodn.distillation.run.folder import RunFolder

    if config_file is not None:
        config = load_config(expanded(config_file))
    elif not data:
        raise typer.BadParameter("Give a run's folder, --config, or --data.")
    elif name is None and target is None:
        raise typer.BadParameter("Name the model, or the folder to make.", param_hint="--out")
    else:
        values: dict[str, Any] = {
            "name": name or (target or Path()).resolve().name,
            "data": {
                "cubes": [str(expanded(path).resolve()) for path in data],
                "sharper": _sharper(pictures, data),
                "blur": blur,
            },
            "student": {"scale": scale, **_sizes_of(start, scale)},
        }
        config = with_preset(preset, values)  # type: ignore[arg-type]
    from napari_dodn.distillation.data.loading import trainable_cubes

    left_out: list[str] = []
    cubes = trainable_cubes(config, left_out)  # before a folder is made for nothing
    for sentence in left_out:
        err.print(sentence, markup=False)
    for cube in cubes:
        _warn_of_fill_values(cube)
    return RunFolder.create(target or Path(config.name), config), left_out


def _warn_of_fill_values(cube: HyperCube) -> None:
    """Say which values of a cube are no measurements, and how its file can state that."""
    from napari_dodn.sampling import unstated_no_data

    for sentence in unstated_no_data(cube):
        err.print(
            f"Warning: '{cube.name}': {sentence} 'napari-dodn convert' with --nodata writes a copy"
            " that states it.",
            markup=False,
        )


def _sizes_of(start: str | None, scale: int) -> dict[str, Any]:
    """Return the student that goes on from a model."""
    if start is None:
        return {}
    from napari_dodn.distillation.config import Student
    from napari_dodn.network.model_file import find_model

    card = find_model(start, scale)
    sizes = {key: size for key, size in card.architecture.items() if key in Student.model_fields}
    return sizes | {"start": card.name if card.name == start else str(card.path)}


def _sharper(pictures: list[str], data: list[Path]) -> dict[str, str]:
    """Return the file of each sharper picture by the name of its cube in the configuration."""
    from napari_dodn.distillation.split import named_apart
    from napari_dodn.formats.finding import FoundCube, find_cubes

    if not pictures:
        return {}
    found = [
        cube for cube in find_cubes(expanded(path) for path in data) if isinstance(cube, FoundCube)
    ]
    names: dict[str, list[str]] = {}
    for cube, name in zip(found, named_apart([cube.cube.name for cube in found]), strict=True):
        for path in {cube.given.resolve(), cube.path.resolve()}:
            names.setdefault(str(path), []).append(name)
    sharper = {}
    for text in pictures:
        whose, given, file = text.rpartition("=")
        if not given and len(found) != 1:
            raise typer.BadParameter("Say which cube it shows: CUBE=FILE.", param_hint="--picture")
        place = str(expanded(Path(whose)).resolve())
        name, *others = names.get(place, [whose]) if given else [found[0].cube.name]
        if others:
            raise typer.BadParameter(
                f"{whose} stands for several cubes: {', '.join([name, *others])}; name one.",
                param_hint="--picture",
            )
        if name in sharper:
            raise typer.BadParameter(f"'{name}' has two pictures.", param_hint="--picture")
        sharper[name] = str(expanded(Path(file)).resolve())
    return sharper


class _Interrupt:
    """Ctrl-C, or SIGTERM, as a wish that is asked for; a second Ctrl-C breaks off at once."""

    def __init__(self) -> None:
        self.received = 0

    def __call__(self) -> bool:
        return bool(self.received)

    def __enter__(self) -> None:
        numbers = (signal.SIGINT, *terminating())
        self.before = {number: signal.signal(number, self._call) for number in numbers}

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _call(self, number: int, _: object) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.received:
            err.print("Stopping after this step. Press Ctrl-C again to stop at once.")
        self.received = self.received or number


def _show(events: Iterator[Event], told: list[str]) -> str:
    """Print what happens, with a live line for the stage at hand; return the last event's kind.

    Notes that have been told already are not repeated.
    """
    from rich.progress import BarColumn, Progress, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}")
    kind = ""
    with Progress(*columns, console=err) as bar:
        for event in events:
            _tell(bar, event, told)
            kind = event.kind
    return kind


def _tell(bar: Progress, event: Event, told: list[str]) -> None:
    from napari_dodn.distillation.run import events

    match event:
        case events.Started():
            err.print(
                f"Training on {few_of(event.training, 4)}; validating on"
                f" {few_of(event.validation, 4)}; computing on {event.device} in {event.precision}"
                + (f", {event.processes} processes" if event.processes > 1 else "")
                + (f", from step {event.step}" if event.step else ""),
                markup=False,
            )
            notes = [note for note in event.notes if note not in told]
            for note in notes[:MOST_NOTES]:
                err.print(f"Note: {note}", markup=False)
            if (more := len(notes) - MOST_NOTES) > 0:
                err.print(f"({more} more notes are in the run's events.jsonl)")
            err.print(f"bicubic: {_scores(event.bicubic)}")
            if event.bundled:
                err.print(event.bundled, markup=False)
        case events.Stage(stage="data"):
            err.print("Reading the cubes")
        case events.Stage(stage="teacher" | "student" as stage, steps=steps):
            for task in bar.task_ids:
                bar.remove_task(task)
            bar.add_task(stage, total=steps, facts="")
        case events.Step():
            for task in bar.task_ids:
                bar.update(task, completed=event.step, facts=_facts(event))
        case events.Validated():
            better = event.scores["psnr"] - event.bicubic["psnr"]
            mark = " (best)" if event.best and event.stage == "student" else ""
            err.print(
                f"{event.stage} at step {event.step}: {_scores(event.scores)},"
                f" {better:+.2f} dB over bicubic{mark}"
            )
        case events.Warned():
            err.print(f"Warning: {event.text}", markup=False)
        case events.Finished():
            gain = event.scores["psnr"] - event.bicubic["psnr"]
            out.print(
                f"Wrote {event.model}: {_scores(event.scores)}; bicubic {_scores(event.bicubic)}"
                f" ({gain:+.2f} dB)",
                markup=False,
            )
            if event.compared:
                out.print(event.compared, markup=False)
        case events.Stopped():
            out.print(f"Stopped after step {event.step} of the {event.stage}.")


def _facts(step: Any) -> str:
    losses = " ".join(f"{name} {value:.4f}" for name, value in step.losses.items())
    minutes, seconds = divmod(round(step.left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{step.step}/{step.steps} · {losses} · {hours}:{minutes:02}:{seconds:02} left"


def _scores(scores: dict[str, float]) -> str:
    return f"{scores['psnr']:.2f} dB, SSIM {scores['ssim']:.4f}, {scores['sam']:.2f}°"
