"""The training of a run as a generator of events: data, teacher, student, model file.

Everything random derives from the seed, the stage and the step, so a run that was killed goes on
from its last state and tells the same story as one that was not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator

import torch
from torch import nn

from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.loading import load_data
from napari_dodn.distillation.data.scenes import Scene
from napari_dodn.distillation.engine.bundled import Bundled
from napari_dodn.distillation.engine.journal import Journal
from napari_dodn.distillation.engine.loop import StopError
from napari_dodn.distillation.engine.networks import new_student
from napari_dodn.distillation.engine.process_group import (
    ProcessGroup,
    local_device,
    process_group_of,
)
from napari_dodn.distillation.engine.stages import VALIDATED_IN, Stages, device_name
from napari_dodn.distillation.engine.validation import write_overlay
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.run.events import Event, Stage, Started, Stopped
from napari_dodn.distillation.run.folder import RunError, RunFolder
from napari_dodn.errors import UserError, is_disk_full, is_out_of_memory, reason_of
from napari_dodn.jobs import never
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.upscaling.devices import choose_device, exact_float32, has_bfloat16

SCENES_SHARE = 0.5
"""Share of a GPU's free memory that the scenes may take; else they stay in the machine's."""


def train(
    run: RunFolder, *, stop: Callable[[], bool] = never, install: bool = True
) -> Generator[Event, None, None]:
    """Train a run from its last saved state, or from the beginning, to its end.

    Parameters
    ----------
    run : RunFolder
        What to train; everything that happens is written there too.
    stop : callable
        Asked after each step; where it says true the state is saved and the run can be resumed.
    install : bool
        Whether the model joins the user's models at the end; else it stays in the run's folder.

    Yields
    ------
    Event
        Of several processes, only the leading one yields.

    Raises
    ------
    UserError
        One sentence; what was saved before is kept.
    """
    config = run.config()
    device = local_device(choose_device(config.computing.device))
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(process_group_of(device))
        if group.leads:
            stack.enter_context(run.locked())
        stack.enter_context(exact_float32())
        journal = Journal(run, group)
        try:
            if group.size > config.schedule.batch:
                raise ConfigError(
                    {
                        "schedule.batch": f"{group.size} processes cannot share"
                        f" {config.schedule.batch} patches; take a larger batch or fewer processes."
                    }
                )
            journal.open()
            yield from _events(run, config, device, group, journal, stop, install)
        except (UserError, OSError, MemoryError, RuntimeError) as error:
            fault = _sentence(error, run, journal)
            with contextlib.suppress(OSError, UserError):
                yield from journal.end(str(fault))
            raise fault from error


def _sentence(error: Exception, run: RunFolder, journal: Journal) -> UserError:
    """Return what to tell of an error that has ended a run."""
    if isinstance(error, UserError):
        return error
    with contextlib.suppress(OSError):
        try:
            journal.check_place()
        except RunError as moved:
            return moved
    kept = "the run can be started again"
    if run.state_file.exists():
        kept = f"the checkpoint of step {journal.saved_step} is kept, and the run can be resumed"
    if is_out_of_memory(error):
        return RunError(
            "There is not enough memory; make a new run with a smaller batch or patch, fewer"
            " channels, or smaller held-out parts (data.validation_side)."
        )
    if isinstance(error, OSError):
        place = error.filename or run.path
        if is_disk_full(error):
            return RunError(f"The disk of {place} is full; {kept} when there is room.")
        return RunError(f"{place} cannot be used ({reason_of(error)}); {kept}.")
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return RunError(f"PyTorch could not go on ({reason[0]}); {kept}.")


def _events(
    run: RunFolder,
    config: TrainConfig,
    device: torch.device,
    group: ProcessGroup,
    journal: Journal,
    stop: Callable[[], bool],
    install: bool,
) -> Iterator[Event]:
    if config.computing.threads:
        torch.set_num_threads(config.computing.threads)
    yield from journal.tell(Stage("data", 0))
    begun = run.state_file.exists()
    data = load_data(config, run.path, begun=begun)
    if group.leads:
        journal.check_place()
        for found in data.sharpened:
            write_overlay(run.path, found)
    bundled = None
    if data.sharpened and group.leads:  # the cubes' own sensor is what is learnt
        bundled = Bundled.on(data.validation, config.student, VALIDATED_IN, device)
    precision = _precision_of(config, device, journal.facts.get("precision"), data.notes)
    journal.facts["precision"] = precision
    scenes = _placed(data.training, device)
    stages = Stages(
        run,
        config,
        device,
        group,
        journal,
        stop,
        install,
        precision,
        scenes,
        data.validation,
        data.sharpened,
        bundled,
    )
    torch.manual_seed(config.seed)
    begun = journal.at("student")  # then the state has the weights
    student = new_student(config, begun=begun).to(device)
    teacher = None
    if config.distils:
        teacher = SpectralTeacher(
            data.msi_bands,
            scenes[0].bands,
            config.teacher.channels,
            config.student.blocks,
        ).to(device)
    yield from journal.tell(
        Started(
            step=journal.saved_step if begun else 0,
            device=device_name(device),
            precision=stages.precision,
            processes=group.size,
            training=list(dict.fromkeys(scene.name for scene in scenes)),
            validation=[held.scene.name for held in data.validation],
            notes=data.notes,
            bicubic=stages.bicubic,
            bundled=bundled.note if bundled is not None else "",
            parameters={"student": _size(student), "teacher": _size(teacher)},
        )
    )
    try:
        if teacher is not None:
            teacher = yield from stages.train_teacher(teacher)
        yield from stages.train_student(student, teacher)
    except StopError:
        if group.leads:
            run.stop_file.unlink(missing_ok=True)
        yield from journal.tell(Stopped(journal.facts["stage"], journal.saved_step))


def _placed(scenes: list[Scene], device: torch.device) -> list[Scene]:
    """Put scenes on the device, unless they would take too much of its memory."""
    if device.type == "cuda":
        size = sum(scene.hr.nbytes for scene in scenes)
        if size > SCENES_SHARE * torch.cuda.mem_get_info(device)[0]:
            return scenes
    return [scene.to(device) for scene in scenes]


def _precision_of(
    config: TrainConfig, device: torch.device, begun_in: str | None, notes: list[str]
) -> str:
    """Return in which precision a run trains on a device: "float32" or "bfloat16".

    A run that has begun in one keeps it, wherever it is resumed, unless its configuration names
    another; where the device would have another, a note says so.
    """
    if config.computing.precision != "auto":
        return config.computing.precision
    native = "bfloat16" if has_bfloat16(device) else "float32"
    if begun_in in (None, native):
        return native
    notes.append(
        f"The run continues in {begun_in}, in which it began; a new run would use {native} on this"
        " device. computing.precision in its config.toml sets another."
    )
    return begun_in


def _size(network: nn.Module | None) -> int:
    return 0 if network is None else sum(p.numel() for p in network.parameters())
