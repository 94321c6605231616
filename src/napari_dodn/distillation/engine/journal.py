"""What a run remembers: its last saved state, and the events until then.

A state that is saved knows how long the event file was. Going back to a state, after a kill or
because the loss was no number, cuts the file to that length: the story has no loose ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from napari_dodn.distillation.engine.learner import Learner
from napari_dodn.distillation.engine.process_group import ProcessGroup
from napari_dodn.distillation.run.checkpoint import Tensors, load_checkpoint, save_checkpoint
from napari_dodn.distillation.run.events import Event, Failed
from napari_dodn.distillation.run.folder import RunError, RunFolder
from napari_dodn.network.model_file import FORMAT


class Journal:
    """The memory of one run, written by the leading process.

    Parameters
    ----------
    run : RunFolder
        Where it lies.
    group : ProcessGroup
        The processes of the run.

    Attributes
    ----------
    facts : dict
        What is saved beside the tensors: `stage`, `step`, `slowdown`, `rollbacks`, `best`,
        `best_step`, `seconds` that the steps took, `precision` that they compute in, `plan`, a hash
        of the configuration, `model`, the format of the models that it makes, and `events`, the
        length of the event file.
    """

    def __init__(self, run: RunFolder, group: ProcessGroup) -> None:
        self.run, self.group = run, group
        self._identity = run.identity()
        self.facts: dict[str, Any] = {}
        self.tensors: Tensors = {}
        self._failed_before = len(self._failures())
        self.plan = hashlib.sha256(json.dumps(run.config().recipe()).encode()).hexdigest()

    def open(self) -> None:
        """Take up the last saved state, and forget what happened after it."""
        if self.run.state_file.exists():
            self.tensors, self.facts = load_checkpoint(self.run.state_file)
            if self.facts.get("model") != FORMAT:
                raise RunError(
                    f"{self.run.path} was begun by an earlier version of napari-dodn, whose"
                    " networks cannot be trained any more; make a new run of its"
                    f" {self.run.config_file.name}."
                )
            if self.facts.get("plan", self.plan) != self.plan:
                raise RunError(
                    f"{self.run.config_file} was changed after the run had begun; put it back, or"
                    " make a new run of it."
                )
        self.forget()
        self.group.wait()
        self._failed_before = len(self._failures())

    def check_place(self) -> None:
        """Raise RunError if another folder has the run's name by now, or none."""
        self.run.refuse_if_moved(self._identity)

    def tell(self, event: Event) -> Iterator[Event]:
        """Write an event down and pass it on; only the leading process speaks."""
        if self.group.leads:
            self._write(event)
            yield event

    def _write(self, event: Event) -> None:
        self.check_place()
        self.run.append(event)

    def end(self, reason: str) -> Iterator[Event]:
        """Write down why this process cannot go on; the others then break off for want of it.

        The first reason is the one that counts: the leading process repeats it as its last word,
        others are silent after it.
        """
        told = self._failures()[self._failed_before :]
        if self.group.leads:
            yield from self.tell(told[0] if told else Failed(reason))
        elif not told:
            self._write(Failed(f"The process of rank {self.group.rank} has ended. {reason}"))

    def _failures(self) -> list[Failed]:
        return [event for event in self.run.events() if isinstance(event, Failed)]

    def at(self, stage: str) -> bool:
        """Tell whether the saved state is of a stage."""
        return bool(self.facts.get("stage") == stage)

    @property
    def saved_step(self) -> int:
        """The step of the saved state."""
        return int(self.facts.get("step", 0))

    def save(self, learner: Learner) -> None:
        """Save all that the next step depends on."""
        tensors = learner.tensors()
        facts = self.facts | {
            "plan": self.plan,
            "model": FORMAT,
            "step": learner.step,
            "slowdown": learner.slowdown,
        }
        if self.group.leads:
            self.check_place()
            facts["events"] = self.run.events_size()
            save_checkpoint(self.run.state_file, tensors, facts)
        self.tensors, self.facts = tensors, facts

    def restore(self, learner: Learner) -> None:
        """Bring a learner back to the saved state.

        Raises
        ------
        RunError
            If the state is that of another configuration.
        """
        try:
            learner.restore(self.tensors)
        except (RuntimeError, ValueError, KeyError) as error:
            raise RunError(
                f"{self.run.state_file} does not fit {self.run.config_file.name}, which was changed"
                " after the run had begun; make a new run of it."
            ) from error
        learner.step, learner.slowdown = self.facts["step"], self.facts["slowdown"]

    def forget(self) -> None:
        """Cut the events that came after the saved state."""
        if self.group.leads and self.run.events_file.exists():
            self.run.cut_events(self.facts.get("events", 0))
