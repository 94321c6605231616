"""What the buttons do: start, stop, resume and attach. It turns the state and shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.errors import UserError, reason_of
from napari_dodn.jobs import Steps
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.training.child import launch
from napari_dodn.plugin.training.draft import Draft, Plan
from napari_dodn.plugin.training.fit import RefusedError, check_fits
from napari_dodn.plugin.training.follower import Follower
from napari_dodn.plugin.training.saving import make_run
from napari_dodn.plugin.training.state import BUSY, GOING, RESUMABLE, Phase, RunState


class Prepared(NamedTuple):
    """A run that can be started, and the questions whether pictures fit, which they do."""

    run: RunFolder
    questions: list[Hashable]


def prepare(
    plan: Plan, folder: Path, unseen: Sequence[int], cancelled: Callable[[], bool]
) -> Steps[Prepared]:
    """Make a run, once the sharper pictures that nobody has tried are seen to fit."""
    questions = yield from check_fits(plan, unseen, cancelled)
    return Prepared((yield from make_run(plan, folder, cancelled)), questions)


class Trainer:
    """Acts on one run at a time.

    Parameters
    ----------
    draft : Draft
        What a new run is made from.
    state : RunState
        What is going on.
    """

    def __init__(self, draft: Draft, state: RunState) -> None:
        self._draft, self._state = draft, state
        self._follower = Follower(state)
        self._job: Job[Prepared] | None = None

    def start(self) -> None:
        """Make the run's folder and start to train, if what is set allows it.

        A sharper picture that nobody has tried is tried first: where it does not fit, no folder is
        made, and that is a fault of the draft.
        """
        state = self._state
        self._draft.renew()
        if state.phase in BUSY | GOING or self._draft.faults:
            return
        draft = self._draft
        steps = partial(prepare, draft.plan(), draft.folder, draft.unseen_fits)
        state.look_at(None)
        state.turn(Phase.PREPARING)
        self._job = Job(steps, f"Preparing {draft['name']}")
        self._job.then(self._on_made)

    def _on_made(self, outcome: Prepared | Failure | Cancelled) -> None:
        job, self._job = self._job, None
        if isinstance(outcome, Failure) and isinstance(outcome.error, RefusedError):
            refusal = str(outcome.error)
            self._draft.note_fit(outcome.error.question, refusal)
            # It is no fault of settings that have changed meanwhile.
            is_told = self._draft.faults.get("data.sharper") == refusal
            self._state.turn(Phase.IDLE, "" if is_told else refusal)
        elif isinstance(outcome, Failure):
            self._state.turn(Phase.IDLE, sentence(outcome.error, "Writing the data"))
        elif isinstance(outcome, Cancelled):
            self._state.turn(Phase.IDLE, "Nothing was started.")
        else:
            self._draft.note_fits(outcome.questions)
            if job is not None and job.is_cancelled():  # when the run was made already
                self._follower.follow(outcome.run)
            else:
                self._launch(outcome.run, resume=False)

    def _launch(self, run: RunFolder, resume: bool) -> None:
        try:
            child = launch(run, resume)
        except UserError as error:
            self._follower.follow(run, fault=str(error))
            return
        self._follower.follow(run, child)

    def stop(self) -> None:
        """Ask the run to stop after its step; the best model and the place are kept."""
        if self._job is not None:
            self._job.cancel()
            return
        run = self._state.run
        if run is None or self._state.phase not in GOING:
            return
        try:
            run.ask_to_stop()
        except OSError as error:
            text = f"Cannot ask the run to stop: {run.path}: {reason_of(error)}."
            self._state.turn(self._state.phase, text)
            return
        self._state.turn(Phase.STOPPING)

    def resume(self) -> None:
        """Go on with a run that has stopped."""
        run = self._state.run
        if run is None or self._state.phase not in RESUMABLE:
            return
        self._launch(run, resume=self._state.phase is not Phase.NEW)

    def attach(self, path: Path) -> None:
        """Look at another run, which goes on or has ended.

        Raises
        ------
        UserError
            If the folder is no run.
        """
        run = RunFolder.open(path)
        run.config()
        self._follower.follow(run)

    def close(self, *_: Any) -> None:
        """Look no longer; a run that goes on does so."""
        if self._job is not None:
            self._job.abandon()
            self._job = None
        self._follower.close()
