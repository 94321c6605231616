"""The training of a run as a generator of events: data, teacher, student, model file.

Everything random derives from the seed, the stage and the step, so a run that was killed goes on
from its last state and tells the same story as one that was not.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Generator, Iterator

import torch
from torch import Tensor, nn

from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.loading import load_data
from napari_dodn.distillation.data.patches import Batch, PatchSource
from napari_dodn.distillation.data.scenes import Scene
from napari_dodn.distillation.engine.bundled import Bundled
from napari_dodn.distillation.engine.export import installed, rounded, training_card
from napari_dodn.distillation.engine.journal import Journal
from napari_dodn.distillation.engine.learner import Learner
from napari_dodn.distillation.engine.loop import StopError, Work, take_steps
from napari_dodn.distillation.engine.losses import FeatureLoss, Sum, angle_loss, pixel_loss
from napari_dodn.distillation.engine.networks import new_student, take_up
from napari_dodn.distillation.engine.process_group import (
    ProcessGroup,
    local_device,
    process_group_of,
)
from napari_dodn.distillation.engine.teaching import weakness
from napari_dodn.distillation.engine.validation import (
    bicubic_figures,
    bicubic_scores,
    mean_scores,
    student_scores,
    teacher_scores,
    write_overlay,
    write_pair_preview,
    write_preview,
)
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.run.checkpoint import save_checkpoint
from napari_dodn.distillation.run.events import (
    Event,
    Finished,
    Preview,
    Scores,
    Stage,
    Started,
    Stopped,
    Validated,
    Warned,
)
from napari_dodn.distillation.run.folder import RunError, RunFolder
from napari_dodn.errors import UserError, is_out_of_memory
from napari_dodn.jobs import never
from napari_dodn.network.assembly import assembled
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.upscaling.devices import (
    choose_device,
    exact_float32,
    has_bfloat16,
)

TEACHER, STUDENT, CALIBRATION = range(3)
"""What the random draws of the stages are told apart by."""

SCENES_SHARE = 0.5
"""Share of a GPU's free memory that the scenes may take; else they stay in the machine's."""

VALIDATED_IN = "float32"
"""The precision that models are used in, where nobody asks for another."""

CALIBRATION_PATCHES = 32
"""Patches at least from which the teacher's channels are standardised."""


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
            yield from _Run(run, config, device, group, journal, stop, install).events()
        except (UserError, OSError, MemoryError, RuntimeError) as error:
            fault = _sentence(error, run, journal.saved_step)
            with contextlib.suppress(OSError):
                yield from journal.end(str(fault))
            raise fault from error


def _sentence(error: Exception, run: RunFolder, step: int) -> UserError:
    """Return what to tell of an error that has ended a run."""
    if isinstance(error, UserError):
        return error
    kept = f"the checkpoint of step {step} is kept, and the run can be resumed"
    if is_out_of_memory(error):
        return RunError(
            "There is not enough memory; make a new run with a smaller batch or patch, fewer"
            " channels, or smaller held-out parts (data.validation_side)."
        )
    if isinstance(error, OSError):
        place = error.filename or run.path
        if error.errno == errno.ENOSPC:
            return RunError(f"The disk of {place} is full; {kept} when there is room.")
        return RunError(f"{place} cannot be used ({error.strerror or error}); {kept}.")
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return RunError(f"PyTorch could not go on ({reason[0]}); {kept}.")


class _Run:
    """One run on its way."""

    def __init__(
        self,
        run: RunFolder,
        config: TrainConfig,
        device: torch.device,
        group: ProcessGroup,
        journal: Journal,
        stop: Callable[[], bool],
        install: bool,
    ) -> None:
        self.run, self.config, self.device, self.group = run, config, device, group
        self.journal, self.tell, self.stop, self.install = journal, journal.tell, stop, install
        self.precision = precision_of(config, device)
        self.teacher_scores: Scores | None = None

    def events(self) -> Iterator[Event]:
        if self.config.computing.threads:
            torch.set_num_threads(self.config.computing.threads)
        yield from self.tell(Stage("data", 0))
        begun = self.run.state_file.exists()
        data = load_data(self.config, self.run.path, begun=begun)
        self.validation = data.validation
        self.sharpened = data.sharpened
        if self.group.leads:
            for found in data.sharpened:
                write_overlay(self.run.path, found)
        self.scenes = _placed(data.training, self.device)
        self.source = PatchSource(
            self.scenes, self.config, self.group.rank, self.group.size, self.device
        )
        self.bicubic = bicubic_scores(self.validation)
        self.bundled = None
        if data.sharpened and self.group.leads:  # the cubes' own sensor is what is learnt
            self.bundled = Bundled.on(
                self.validation, self.config.student, VALIDATED_IN, self.device
            )
        torch.manual_seed(self.config.seed)
        begun = self.journal.at("student")  # then the state has the weights
        student = new_student(self.config, begun=begun).to(self.device)
        teacher = None
        if self.config.distils:
            teacher = SpectralTeacher(
                data.msi_bands,
                self.scenes[0].bands,
                self.config.teacher.channels,
                self.config.student.blocks,
            ).to(self.device)
        yield from self.tell(
            Started(
                step=self.journal.saved_step if begun else 0,
                device=_name(self.device),
                precision=self.precision,
                processes=self.group.size,
                training=list(dict.fromkeys(scene.name for scene in self.scenes)),
                validation=[held.scene.name for held in self.validation],
                notes=data.notes,
                bicubic=self.bicubic,
                bundled=self.bundled.note if self.bundled is not None else "",
                parameters={"student": _size(student), "teacher": _size(teacher)},
            )
        )
        try:
            if teacher is not None:
                teacher = yield from self._train_teacher(teacher)
            yield from self._train_student(student, teacher)
        except StopError:
            if self.group.leads:
                self.run.stop_file.unlink(missing_ok=True)
            yield from self.tell(Stopped(self.journal.facts["stage"], self.journal.saved_step))

    def _train_teacher(
        self, teacher: SpectralTeacher
    ) -> Generator[Event, None, SpectralTeacher | None]:
        """Train the teacher, or take up one that is trained; return it if it is worth following."""
        plan = self.config.teacher
        ready = self.run.teacher_file if self.journal.at("student") else plan.start
        if ready is not None:
            self.teacher_scores = take_up(teacher, ready)
        elif plan.trained and plan.steps:
            yield from self.tell(Stage("teacher", plan.steps))
            learner = Learner(teacher, None, plan.steps, plan.learning_rate, self.config.schedule)
            network = teacher

            def terms(batch: Batch) -> dict[str, tuple[float, Sum]]:
                assert batch.msi is not None
                with self._autocast():
                    result, _ = network(batch.msi)
                spectra = batch.hr + batch.offset
                return {"pixel": (1.0, pixel_loss(result.float(), spectra, batch))}

            yield from self._steps(Work("teacher", learner, self._batches(TEACHER), terms))
            assert isinstance(learner.average, SpectralTeacher)
            teacher = learner.average
        teacher.eval().requires_grad_(False)
        if not self.journal.at("student"):
            yield from self._validate_teacher(teacher)
        return None if self.journal.facts.get("teacher left out") else teacher

    def _validate_teacher(self, teacher: SpectralTeacher) -> Iterator[Event]:
        """Measure the teacher, say where it is a bad one, and keep it."""
        figures = teacher_scores(teacher, self.validation)
        scores = self.teacher_scores = mean_scores(figures)
        yield from self.tell(self._validated("teacher", self.config.teacher.steps, figures, True))
        weak = ""
        if self.group.leads:
            weak = weakness(
                scores, self.bicubic, self.validation, self.config, VALIDATED_IN, self.device
            )
            save_checkpoint(self.run.teacher_file, teacher.state_dict(), {"scores": scores})
        if weak:
            yield from self.tell(Warned(weak))
        is_weak = self.group.agrees(bool(weak))
        self.journal.facts["teacher left out"] = is_weak and not self.config.follows_any_teacher
        self.group.wait()

    def _train_student(self, student: DODN, teacher: SpectralTeacher | None) -> Iterator[Event]:
        schedule, plan = self.config.schedule, self.config.distillation
        features = None
        if teacher is not None and plan.variant != "soft target":
            features = self._feature_loss(student, teacher)
        learner = Learner(student, features, schedule.steps, self.config.student_rate, schedule)
        forward = student.forward_with_taps
        if self.config.computing.compile:
            forward = torch.compile(forward)
        yield from self.tell(Stage("student", schedule.steps))

        def ask(z: Tensor, sigma: Tensor) -> tuple[Tensor, list[Tensor]]:
            with self._autocast():
                answer: tuple[Tensor, list[Tensor]] = forward(z, sigma)
            return answer

        def terms(batch: Batch) -> dict[str, tuple[float, Sum]]:
            result, taps = assembled(
                ask, batch.lr, batch.forward, batch.back, batch.blur, student.scale
            )
            found = {
                "pixel": (1.0, pixel_loss(result, batch.hr, batch)),
                "angle": (schedule.angle, angle_loss(result, batch.hr, batch)),
            }
            if teacher is None:
                return found
            with torch.no_grad(), self._autocast():
                target, teacher_taps = teacher(batch.msi)
            weight = plan.weight
            if plan.decay:
                weight *= 1 - learner.step / schedule.steps
            if features is None:
                term = pixel_loss(result, target.float() - batch.offset, batch)
            else:
                term = features(taps, teacher_taps, batch)
            return found | {"distillation": (weight, term)}

        work = Work("student", learner, self._batches(STUDENT), terms, self._validate_student)
        yield from self._steps(work)
        if self.group.leads:
            yield from self.tell(Stage("export", 0))
            path = self.run.best_file
            if self.install:
                path = installed(path, self.config.name)
            facts = self.journal.facts
            best = facts["best"]
            compared = self.bundled.compared(best) if self.bundled is not None else ""
            yield from self.tell(
                Finished(str(path), facts["best_step"], best, self.bicubic, compared)
            )

    @torch.no_grad()
    def _feature_loss(self, student: DODN, teacher: SpectralTeacher) -> FeatureLoss:
        """Make the feature term, its channels measured on the same patches in every process."""
        torch.manual_seed(self.config.seed + 1)
        features = FeatureLoss(
            self.config.distillation.variant,
            student.scale,
            student.tap_channels,
            self.config.teacher.channels,
            len(student.blocks),
        ).to(self.device)
        source = PatchSource(self.scenes, self.config, device=self.device)
        taps = []
        for number in range(-(-CALIBRATION_PATCHES // self.config.schedule.batch)):
            with self._autocast():
                taps.append(teacher(source.batch(CALIBRATION, number).msi)[1])
        features.measure([torch.cat(same) for same in zip(*taps, strict=True)])
        return features

    def _validate_student(self, learner: Learner) -> Iterator[Event]:
        """Try the averaged weights, and keep them where they are the best so far."""
        if not self.group.leads:
            return
        network = learner.average
        assert isinstance(network, DODN)
        figures = student_scores(network, self.validation, VALIDATED_IN)
        scores, facts = mean_scores(figures), self.journal.facts
        best = scores["psnr"] > facts.get("best", {}).get("psnr", float("-inf"))
        if best:
            facts |= {"best": scores, "best_step": learner.step}
            names = list(dict.fromkeys(scene.name for scene in self.scenes))
            save_network(
                network,
                self.run.best_file,
                training=training_card(
                    self.config,
                    names,
                    learner.step,
                    facts["seconds"],
                    self.teacher_scores,
                    _name(self.device),
                    [found.facts for found in self.sharpened],
                    any(scene.lr is None for scene in self.scenes),
                    bool(facts.get("teacher left out")),
                ),
                scores={
                    "validation scenes": [held.scene.name for held in self.validation],
                    "model": rounded(scores),
                    "bicubic": rounded(self.bicubic),
                    **({} if self.bundled is None else self.bundled.entry(scores)),
                    "each scene": {name: rounded(figure) for name, figure in figures.items()},
                    "bicubic, each scene": {
                        name: rounded(figure)
                        for name, figure in bicubic_figures(self.validation).items()
                    },
                },
                licence=self.config.licence,
            )
        yield from self.tell(self._validated("student", learner.step, figures, best))
        if self.sharpened:
            write_pair_preview(self.run.preview_file, network, self.sharpened[0], VALIDATED_IN)
        else:
            write_preview(self.run.preview_file, network, self.validation[0], VALIDATED_IN)
        yield from self.tell(Preview(learner.step))

    def _validated(
        self, stage: str, step: int, figures: dict[str, Scores], best: bool
    ) -> Validated:
        return Validated(stage, step, mean_scores(figures), self.bicubic, best, figures)

    def _steps(self, work: Work) -> Iterator[Event]:
        def stop() -> bool:
            return self.stop() or self.run.stop_asked()

        yield from take_steps(work, self.journal, self.config.schedule, stop)

    def _batches(self, stage: int) -> Callable[[int], Batch]:
        return lambda step: self.source.batch(stage, step)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16"
        )


def _placed(scenes: list[Scene], device: torch.device) -> list[Scene]:
    """Put scenes on the device, unless they would take too much of its memory."""
    if device.type == "cuda":
        size = sum(scene.hr.nbytes for scene in scenes)
        if size > SCENES_SHARE * torch.cuda.mem_get_info(device)[0]:
            return scenes
    return [scene.to(device) for scene in scenes]


def precision_of(config: TrainConfig, device: torch.device) -> str:
    """Return in which precision a run trains on a device: "float32" or "bfloat16"."""
    if config.computing.precision != "auto":
        return config.computing.precision
    return "bfloat16" if has_bfloat16(device) else "float32"


def _size(network: nn.Module | None) -> int:
    return 0 if network is None else sum(p.numel() for p in network.parameters())


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)
