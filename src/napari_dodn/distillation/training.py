"""The training of a run as a generator of events: data, teacher, student, model file.

Everything random derives from the seed, the stage and the step, and every state that is saved
knows how long the event file was then. So a run that was killed goes on from its last state and
tells the same story as one that was not.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import nn

from napari_dodn.distillation.card import training_card
from napari_dodn.distillation.config import ConfigError, TrainConfig
from napari_dodn.distillation.events import (
    Event,
    Failed,
    Finished,
    Preview,
    Scores,
    Stage,
    Started,
    Step,
    Stopped,
    Validated,
    Warned,
)
from napari_dodn.distillation.judging import (
    bicubic_scores,
    student_scores,
    teacher_scores,
    write_preview,
)
from napari_dodn.distillation.learner import Learner, NonFiniteError
from napari_dodn.distillation.losses import FeatureLoss, Sum, angle_loss, pixel_loss
from napari_dodn.distillation.patches import Batch, PatchSource
from napari_dodn.distillation.run_folder import RunError, RunFolder
from napari_dodn.distillation.scenes import RunData, load_data
from napari_dodn.distillation.state import State, load_state, save_state
from napari_dodn.distillation.team import Team, local_device, team_of
from napari_dodn.errors import UserError
from napari_dodn.events import never
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import (
    ModelError,
    list_models,
    load_network,
    read_card,
    save_network,
    user_models_folder,
)
from napari_dodn.network.teacher import SpectralTeacher
from napari_dodn.upscaling.devices import choose_device

TEACHER, STUDENT, CALIBRATION = range(3)
"""What the random draws of the stages are told apart by."""

CALIBRATION_PATCHES = 32
"""Patches at least from which the teacher's channels are standardised."""

TOLD_STEPS = 5000
"""Steps of a stage that are told at most; of longer ones every so many."""

SLOWER = 0.5
"""What the learning rate is multiplied with after the loss was no number."""

MOST_ROLLBACKS = 5


def train(run: RunFolder, *, stop: Callable[[], bool] = never) -> Generator[Event, None, None]:
    """Train a run from its last saved state, or from the beginning, to its end.

    Parameters
    ----------
    run : RunFolder
        What to train; everything that happens is written there too.
    stop : callable
        Asked after each step; where it says true the state is saved and the run can be resumed.

    Yields
    ------
    Event
        In one process of several, only the leading one yields.

    Raises
    ------
    UserError
        One sentence; what was saved before is kept.
    """
    config = run.config()
    device = local_device(choose_device(config.computing.device))
    with contextlib.ExitStack() as stack:
        team = stack.enter_context(team_of(device))
        if team.leads:
            stack.enter_context(run.locked())
        job = _Run(run, config, device, team, stop)
        try:
            yield from job.events()
        except UserError as error:
            with contextlib.suppress(OSError):
                yield from job.tell(Failed(str(error)))
            raise
        except OSError as error:
            sentence = (
                f"{run.path} cannot be written to ({error.strerror or error}); the state of step"
                f" {job.saved_step} is kept. Make room and resume the run."
            )
            with contextlib.suppress(OSError):
                yield from job.tell(Failed(sentence))
            raise RunError(sentence) from error


class _StopError(Exception):
    """Unwinds a run that was asked to stop, after its state is saved."""


@dataclass
class _Run:
    run: RunFolder
    config: TrainConfig
    device: torch.device
    team: Team
    stop: Callable[[], bool]
    facts: dict[str, Any] = field(default_factory=dict)
    saved: State = field(default_factory=dict)
    saved_step: int = 0

    def events(self) -> Iterator[Event]:
        if self.config.computing.threads:
            torch.set_num_threads(self.config.computing.threads)
        self.run.stop_file.unlink(missing_ok=True)
        self._load()
        yield from self.tell(Stage("data", 0))
        data = load_data(self.config)
        self.data = RunData(
            [scene.to(self.device) for scene in data.training],
            data.judges,
            data.msi_bands,
            data.notes,
        )
        self.source = PatchSource(self.data.training, self.config, self.team.rank, self.team.size)
        self.bicubic = bicubic_scores(self.data.judges)
        torch.manual_seed(self.config.seed)
        student = self._new_student()
        teacher = self._new_teacher()
        yield from self.tell(
            Started(
                step=self.facts.get("step", 0) if self.facts.get("stage") == "student" else 0,
                device=_device_name(self.device),
                precision=self.precision,
                processes=self.team.size,
                training=[scene.name for scene in self.data.training],
                validation=[judge.scene.name for judge in self.data.judges],
                notes=self.data.notes,
                bicubic=self.bicubic,
                parameters={
                    "student": _parameters(student),
                    "teacher": 0 if teacher is None else _parameters(teacher),
                },
            )
        )
        try:
            if teacher is not None:
                teacher = yield from self._train_teacher(teacher)
            yield from self._train_student(student, teacher)
        except _StopError:
            yield from self.tell(Stopped(self.facts["stage"], self.facts["step"]))

    def tell(self, event: Event) -> Iterator[Event]:
        """Write an event down and pass it on; only the leading process speaks."""
        if self.team.leads:
            self.run.append(event)
            yield event

    # What is trained

    def _new_student(self) -> DODN:
        wanted = self.config.student
        network = DODN(wanted.scale, wanted.channels, wanted.blocks, wanted.branch_2d)
        if wanted.start is not None:
            try:
                known = {card.name: card for card in list_models()}
                card = known.get(wanted.start) or read_card(Path(wanted.start).expanduser())
                donor = load_network(card)
            except ModelError as error:
                raise ConfigError({"student.start": str(error)}) from error
            ours, theirs = network.architecture, donor.architecture
            if differing := [k for k in ours if k != "scale" and ours[k] != theirs[k]]:
                listed = " and ".join(f"{key} {theirs[key]}" for key in differing)
                raise ConfigError(
                    {"student.start": f"'{card.name}' has {listed}; set the student's likewise."}
                )
            own = network.state_dict()
            fitting = {k: v for k, v in donor.state_dict().items() if v.shape == own[k].shape}
            network.load_state_dict(fitting, strict=False)
        return network.to(self.device)

    def _new_teacher(self) -> SpectralTeacher | None:
        if not self.config.distils:
            return None
        bands = self.data.training[0].bands
        teacher = SpectralTeacher(
            self.data.msi_bands, bands, self.config.teacher.channels, self.config.student.blocks
        )
        return teacher.to(self.device)

    def _train_teacher(self, teacher: SpectralTeacher) -> Generator[Event, None, SpectralTeacher]:
        """Train the teacher, or take up one that is trained; return it."""
        plan = self.config.teacher
        if self.run.teacher_file.exists() and self.facts.get("stage") == "student":
            tensors, facts = load_state(self.run.teacher_file)
            teacher.load_state_dict(tensors)
            self.teacher_scores: Scores = facts["scores"]
            return teacher.eval().requires_grad_(False)
        learner = Learner(teacher, None, plan.steps, plan.learning_rate, self.config.schedule)
        trained: nn.Module = teacher
        if plan.trained and plan.steps:
            yield from self.tell(Stage("teacher", plan.steps))

            def terms(batch: Batch) -> dict[str, tuple[float, Sum]]:
                assert batch.msi is not None
                with self._autocast():
                    result, _ = teacher(batch.msi)
                return {"pixel": (1.0, pixel_loss(result.float(), batch.hr, batch))}

            yield from self._learn("teacher", TEACHER, learner, terms)
            trained = learner.average
        assert isinstance(trained, SpectralTeacher)
        scores = teacher_scores(trained.eval(), self.data.judges)
        self.teacher_scores = scores
        yield from self.tell(Validated("teacher", learner.step, scores, self.bicubic, best=True))
        if scores["psnr"] < self.bicubic["psnr"]:
            yield from self.tell(
                Warned(
                    f"The teacher is a bad one: it reaches {scores['psnr']:.2f} dB on the held-out"
                    f" data, where bicubic interpolation reaches {self.bicubic['psnr']:.2f} dB."
                )
            )
        if self.team.leads:
            save_state(self.run.teacher_file, trained.state_dict(), {"scores": scores})
        self.team.wait()
        return trained.requires_grad_(False)

    def _train_student(self, student: DODN, teacher: SpectralTeacher | None) -> Iterator[Event]:
        schedule, plan = self.config.schedule, self.config.distillation
        features = None
        if teacher is not None and plan.variant != "soft target":
            torch.manual_seed(self.config.seed + 1)
            features = FeatureLoss(
                plan.variant,
                student.scale,
                student.channels,
                self.config.teacher.channels,
                len(student.blocks),
            ).to(self.device)
            self._calibrate(features, teacher)
        learner = Learner(student, features, schedule.steps, schedule.learning_rate, schedule)
        forward = student.forward_with_taps
        if self.config.computing.compile:
            forward = torch.compile(forward)
        yield from self.tell(Stage("student", schedule.steps))

        def terms(batch: Batch) -> dict[str, tuple[float, Sum]]:
            with self._autocast():
                result, taps = forward(batch.lr)
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
            term = (
                pixel_loss(result, target.float(), batch)
                if features is None
                else features(taps, teacher_taps, batch)
            )
            return found | {"distillation": (weight, term)}

        yield from self._learn("student", STUDENT, learner, terms)
        yield from self._export()

    @torch.no_grad()
    def _calibrate(self, features: FeatureLoss, teacher: SpectralTeacher) -> None:
        """Measure the teacher's channels on the same patches in every process."""
        source = PatchSource(self.data.training, self.config, 0, 1)
        count = -(-CALIBRATION_PATCHES // self.config.schedule.batch)
        taps: list[list[torch.Tensor]] = []
        for number in range(count):
            batch = source.batch(CALIBRATION, number)
            with self._autocast():
                taps.append(teacher(batch.msi)[1])
        features.measure([torch.cat(same) for same in zip(*taps, strict=True)])

    # The loop

    def _learn(
        self,
        stage: str,
        number: int,
        learner: Learner,
        terms: Callable[[Batch], dict[str, tuple[float, Sum]]],
    ) -> Iterator[Event]:
        """Take the steps of a stage, from its saved state where there is one."""
        schedule = self.config.schedule
        if self.facts.get("stage") == stage:
            learner.restore(self.saved)
            learner.step, learner.slowdown = self.facts["step"], self.facts["slowdown"]
        else:
            self.facts |= {"stage": stage, "rollbacks": 0}
            self._save(learner)
        told_every = max(1, learner.steps // TOLD_STEPS)
        paces: deque[float] = deque(maxlen=50)
        judging = 0.0
        while learner.step < learner.steps:
            started = time.perf_counter()
            rate = learner.rate
            try:
                losses = learner.update(terms(self.source.batch(number, learner.step)), self.team)
            except NonFiniteError:
                yield from self._roll_back(learner)
                continue
            paces.append(time.perf_counter() - started)
            step, pace = learner.step, sum(paces) / len(paces)
            due = stage == "student" and step % schedule.validate_every == 0
            last = step == learner.steps
            if step % told_every == 0 or last:
                ahead = learner.steps - step
                left = ahead * pace + ahead // schedule.validate_every * judging
                yield from self.tell(
                    Step(stage, step, learner.steps, losses, rate, pace, left, self._memory())
                )
            if due or (last and stage == "student"):
                started = time.perf_counter()
                yield from self._validate(learner)
                judging = time.perf_counter() - started
            stopping = self.team.agrees(self.stop() or self.run.stop_asked())
            if step % schedule.save_every == 0 or last or due or stopping:
                self._save(learner)
            if stopping and not last:
                raise _StopError

    def _validate(self, learner: Learner) -> Iterator[Event]:
        """Try the averaged weights, and keep them where they are the best so far."""
        if not self.team.leads:
            return
        network = learner.average
        assert isinstance(network, DODN)
        scores = student_scores(network, self.data.judges, self.precision)
        best = scores["psnr"] > self.facts.get("best", {}).get("psnr", float("-inf"))
        if best:
            self.facts |= {"best": scores, "best_step": learner.step}
            save_network(
                network,
                self.run.best_file,
                training=training_card(
                    self.config,
                    [scene.name for scene in self.data.training],
                    learner.step,
                    getattr(self, "teacher_scores", None),
                    _device_name(self.device),
                ),
                scores={
                    "validation scenes": [judge.scene.name for judge in self.data.judges],
                    "model": _rounded(scores),
                    "bicubic": _rounded(self.bicubic),
                },
                licence=self.config.licence,
            )
        yield from self.tell(Validated("student", learner.step, scores, self.bicubic, best))
        write_preview(self.run.preview_file, network, self.data.judges[0], self.precision)
        yield from self.tell(Preview(learner.step))

    def _roll_back(self, learner: Learner) -> Iterator[Event]:
        """Go back to the last good state with a lower rate."""
        self.facts["rollbacks"] += 1
        if self.facts["rollbacks"] > MOST_ROLLBACKS:
            raise RunError(
                f"The loss was not a number {MOST_ROLLBACKS + 1} times, last after step"
                f" {learner.step}; look at the cubes' values, or lower the learning rate."
            )
        broken = learner.step + 1
        learner.restore(self.saved)
        learner.step = self.facts["step"]
        learner.slowdown *= SLOWER
        if self.team.leads:
            self.run.cut_events(self.facts["events"])
        yield from self.tell(
            Warned(
                f"The loss of step {broken} was not a number; the run goes on from step"
                f" {learner.step} at {learner.slowdown:g} times the learning rate."
            )
        )
        self._save(learner)

    # What is kept

    def _load(self) -> None:
        """Take up the last state, and forget what happened after it."""
        if self.run.state_file.exists():
            self.saved, self.facts = load_state(self.run.state_file)
            self.saved_step = self.facts["step"]
        if self.team.leads and self.run.events_file.exists():
            self.run.cut_events(self.facts.get("events", 0))
        self.team.wait()

    def _save(self, learner: Learner) -> None:
        """Save all that the next step depends on."""
        self.saved = learner.tensors()
        self.facts |= {"step": learner.step, "slowdown": learner.slowdown}
        if self.team.leads:
            self.facts["events"] = self.run.events_size()
            save_state(self.run.state_file, self.saved, self.facts)
        self.saved_step = learner.step

    def _export(self) -> Iterator[Event]:
        """Put the best model where models are looked for."""
        if not self.team.leads:
            return
        yield from self.tell(Stage("export", 0))
        path = installed(self.run.best_file, self.config.name)
        yield from self.tell(
            Finished(str(path), self.facts["best_step"], self.facts["best"], self.bicubic)
        )

    # How it computes

    @property
    def precision(self) -> str:
        """Type in which convolutions compute."""
        wanted = self.config.computing.precision
        if wanted != "auto":
            return wanted
        fast = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        return "bfloat16" if fast else "float32"

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16"
        )

    def _memory(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return psutil.Process().memory_info().rss


def installed(model: Path, name: str) -> Path:
    """Copy a model to the user's models; another one of the same name stays, the new gets a number.

    Raises
    ------
    RunError
        If it cannot be copied.
    """
    folder = user_models_folder()
    content = model.read_bytes()
    digest = hashlib.sha256(content).digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number, target = 1, folder / f"{name}.safetensors"
        while target.exists() and hashlib.sha256(target.read_bytes()).digest() != digest:
            number += 1
            target = folder / f"{name}-{number}.safetensors"
        if not target.exists():
            partial = target.with_name(target.name + ".part")
            shutil.copyfile(model, partial)
            partial.replace(target)
    except OSError as error:
        raise RunError(
            f"The model is trained and lies at {model}, but it cannot be copied to {folder}:"
            f" {error.strerror or error}."
        ) from error
    return target


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _rounded(scores: Scores) -> Scores:
    return {key: round(value, 4) for key, value in scores.items()}


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)
