"""The stages of a run: the teacher is trained or taken up, then the student; both are validated."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.held_out import HeldOut
from napari_dodn.distillation.data.patches import Batch, PatchSource
from napari_dodn.distillation.data.scenes import Scene
from napari_dodn.distillation.data.sharpened import Sharpened
from napari_dodn.distillation.engine.bundled import Bundled
from napari_dodn.distillation.engine.export import installed, rounded, training_card
from napari_dodn.distillation.engine.journal import Journal
from napari_dodn.distillation.engine.learner import Learner
from napari_dodn.distillation.engine.loop import Work, take_steps
from napari_dodn.distillation.engine.losses import FeatureLoss, Sum, angle_loss, pixel_loss
from napari_dodn.distillation.engine.networks import take_up
from napari_dodn.distillation.engine.process_group import ProcessGroup
from napari_dodn.distillation.engine.teaching import weakness
from napari_dodn.distillation.engine.validation import (
    bicubic_figures,
    bicubic_scores,
    mean_scores,
    student_scores,
    teacher_scores,
    write_pair_preview,
    write_preview,
)
from napari_dodn.distillation.run.checkpoint import save_checkpoint
from napari_dodn.distillation.run.events import (
    Event,
    Finished,
    Preview,
    Scores,
    Stage,
    Validated,
    Warned,
)
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.network.assembly import assembled
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network
from napari_dodn.network.teacher import SpectralTeacher

TEACHER, STUDENT, CALIBRATION = range(3)
"""What the random draws of the stages are told apart by."""

VALIDATED_IN = "float32"
"""The precision that models are used in, where nobody asks for another."""

CALIBRATION_PATCHES = 32
"""Patches at least from which the teacher's channels are standardised."""


@dataclass
class Stages:
    """What is trained in a run, one stage after the other.

    Attributes
    ----------
    run : RunFolder
        Where all that happens is written.
    config : TrainConfig
        What is asked for.
    device : torch.device
        Where it computes.
    group : ProcessGroup
        The processes of the run.
    journal : Journal
        What the run remembers.
    stop : callable
        Whether somebody wants the run to stop.
    install : bool
        Whether the model joins the user's models at the end.
    precision : str
        What it computes in, "float32" or "bfloat16".
    scenes : list of Scene
        What patches are drawn from.
    validation : list of HeldOut
        The held-out scenes.
    sharpened : list of Sharpened
        What sharper pictures tell.
    bundled : Bundled or None
        The bundled model, where the student is compared with it.
    """

    run: RunFolder
    config: TrainConfig
    device: torch.device
    group: ProcessGroup
    journal: Journal
    stop: Callable[[], bool]
    install: bool
    precision: str
    scenes: list[Scene]
    validation: list[HeldOut]
    sharpened: list[Sharpened]
    bundled: Bundled | None

    def __post_init__(self) -> None:
        group = self.group
        self.source = PatchSource(self.scenes, self.config, group.rank, group.size, self.device)
        self.bicubic = bicubic_scores(self.validation)
        self.teacher_scores: Scores | None = None

    def train_teacher(
        self, teacher: SpectralTeacher
    ) -> Generator[Event, None, SpectralTeacher | None]:
        """Train the teacher, or take up one that is trained; return it if it is worth following."""
        plan = self.config.teacher
        ready = self.run.teacher_file if self.journal.at("student") else plan.start
        if ready is not None:
            self.teacher_scores = take_up(teacher, ready)
        elif plan.trained and plan.steps:
            yield from self.journal.tell(Stage("teacher", plan.steps))
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
        yield from self.journal.tell(
            self._validated("teacher", self.config.teacher.steps, figures, True)
        )
        weak = ""
        if self.group.leads:
            weak = weakness(
                scores, self.bicubic, self.validation, self.config, VALIDATED_IN, self.device
            )
            self.journal.check_place()
            save_checkpoint(self.run.teacher_file, teacher.state_dict(), {"scores": scores})
        if weak:
            yield from self.journal.tell(Warned(weak))
        is_weak = self.group.agrees(bool(weak))
        self.journal.facts["teacher left out"] = is_weak and not self.config.follows_any_teacher
        self.group.wait()

    def train_student(self, student: DODN, teacher: SpectralTeacher | None) -> Iterator[Event]:
        """Train the student, with a teacher or alone, and export its best weights."""
        schedule, plan = self.config.schedule, self.config.distillation
        features = None
        if teacher is not None and plan.variant != "soft target":
            features = self._feature_loss(student, teacher)
        learner = Learner(student, features, schedule.steps, self.config.student_rate, schedule)
        forward = student.forward_with_taps
        if self.config.computing.compile:
            forward = torch.compile(forward)
        yield from self.journal.tell(Stage("student", schedule.steps))

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
            yield from self.journal.tell(Stage("export", 0))
            path = self.run.best_file
            if self.install:
                path = installed(path, self.config.name)
            facts = self.journal.facts
            best = facts["best"]
            compared = self.bundled.compared(best) if self.bundled is not None else ""
            yield from self.journal.tell(
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
        self.journal.check_place()
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
                    device_name(self.device),
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
        yield from self.journal.tell(self._validated("student", learner.step, figures, best))
        if self.sharpened:
            write_pair_preview(self.run.preview_file, network, self.sharpened[0], VALIDATED_IN)
        else:
            write_preview(self.run.preview_file, network, self.validation[0], VALIDATED_IN)
        yield from self.journal.tell(Preview(learner.step))

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


def device_name(device: torch.device) -> str:
    """Return a device by its number and, of a GPU, its name."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)
