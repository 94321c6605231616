"""The steps of a stage, from its saved state where there is one to its end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psutil
import torch

from napari_dodn.distillation.config import Schedule
from napari_dodn.distillation.data.patches import Batch
from napari_dodn.distillation.engine.journal import Journal
from napari_dodn.distillation.engine.learner import Learner, NonFiniteError
from napari_dodn.distillation.engine.losses import Sum
from napari_dodn.distillation.run.events import Event, Step, Warned
from napari_dodn.distillation.run.folder import RunError

TOLD_STEPS = 5000
"""Steps of a stage that are told at most; of a longer one every so many."""

SILENT_SECONDS = 60.0
"""After so long a step of a long stage is told all the same, so that nobody thinks it hangs."""

PACED_STEPS = 50
"""Steps over which the pace is averaged."""

SLOWER = 0.5
"""What the learning rate is multiplied with after the loss was no number."""

MOST_ROLLBACKS = 5


class StopError(Exception):
    """Unwinds a run that was asked to stop, after its state is saved."""


@dataclass(frozen=True)
class Work:
    """What is done in a stage.

    Attributes
    ----------
    name : str
        "teacher" or "student".
    learner : Learner
        What is trained.
    batch : callable
        Given a step, returns its patches.
    terms : callable
        Given patches, returns the weight and the sum of each term of the loss.
    validate : callable or None
        Validates the learner and yields events.
    """

    name: str
    learner: Learner
    batch: Callable[[int], Batch]
    terms: Callable[[Batch], Mapping[str, tuple[float, Sum]]]
    validate: Callable[[Learner], Iterator[Event]] | None = None


def take_steps(
    work: Work, journal: Journal, schedule: Schedule, stop: Callable[[], bool]
) -> Iterator[Event]:
    """Train until the stage's last step.

    Raises
    ------
    StopError
        If somebody wanted to stop; the state is saved.
    RunError
        If the loss keeps being no number.
    """
    learner = work.learner
    device = learner.parameters[0].device
    if journal.at(work.name):
        journal.restore(learner)
    else:
        journal.facts |= {"stage": work.name, "rollbacks": 0}
        journal.save(learner)
    told_every = max(1, learner.steps // TOLD_STEPS)
    paces: deque[float] = deque(maxlen=PACED_STEPS)
    validating, told = 0.0, time.perf_counter()
    while learner.step < learner.steps:
        started, rate = time.perf_counter(), learner.rate
        try:
            losses = learner.update(work.terms(work.batch(learner.step)), journal.group)
        except NonFiniteError:
            yield from _roll_back(learner, journal)
            continue
        paces.append(time.perf_counter() - started)
        journal.facts["seconds"] = journal.facts.get("seconds", 0.0) + paces[-1]
        step, pace = learner.step, sum(paces) / len(paces)
        last = step == learner.steps
        due = work.validate is not None and (last or step % schedule.validate_every == 0)
        if step % told_every == 0 or last or time.perf_counter() - told >= SILENT_SECONDS:
            told = time.perf_counter()
            ahead = learner.steps - step
            left = ahead * pace + -(-ahead // schedule.validate_every) * validating
            yield from journal.tell(
                Step(work.name, step, learner.steps, losses, rate, pace, left, _memory(device))
            )
        if due and work.validate is not None:
            started = time.perf_counter()
            yield from work.validate(learner)
            validating = time.perf_counter() - started
        stopping = journal.group.agrees(stop())
        if due or last or stopping or step % schedule.save_every == 0:
            journal.save(learner)
        if stopping and not last:
            raise StopError


def _roll_back(learner: Learner, journal: Journal) -> Iterator[Event]:
    """Go back to the last good state with a lower rate."""
    broken, rollbacks = learner.step + 1, journal.facts["rollbacks"] + 1
    if rollbacks > MOST_ROLLBACKS:
        raise RunError(
            f"The loss was not a number {rollbacks} times, now at step {broken}; look at the"
            " cubes' values, or lower the learning rate."
        )
    journal.restore(learner)
    journal.forget()
    learner.slowdown *= SLOWER
    journal.facts["rollbacks"] = rollbacks
    yield from journal.tell(
        Warned(
            f"The loss of step {broken} was not a number; the run goes on from step"
            f" {learner.step} at {learner.slowdown:g} times the learning rate."
        )
    )
    journal.save(learner)


def _memory(device: torch.device) -> int:
    """Return the bytes that tensors take on a GPU, else those of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)
