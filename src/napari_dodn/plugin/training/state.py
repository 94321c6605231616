"""What the panel's run is doing: one evented object that all displays listen to."""

from __future__ import annotations

from enum import Enum

import psygnal

from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.plugin.training.history import History


class Phase(Enum):
    """What is going on, in words for the screen."""

    IDLE = "No run"
    PREPARING = "Preparing the data"
    READING = "Reading the run"
    STARTING = "Starting"
    RUNNING = "Training"
    STOPPING = "Stopping after this step"
    NEW = "Not started yet"
    STOPPED = "Stopped; it can be resumed"
    DONE = "Done"
    FAILED = "Failed"
    BROKEN_OFF = "Interrupted; it can be resumed"


BUSY = {Phase.PREPARING, Phase.READING}
GOING = {Phase.STARTING, Phase.RUNNING, Phase.STOPPING}
RESUMABLE = {Phase.NEW, Phase.STOPPED, Phase.FAILED, Phase.BROKEN_OFF}


class RunState:
    """The run that is looked at.

    Attributes
    ----------
    run : RunFolder or None
        Its folder.
    phase : Phase
        What it is doing.
    note : str
        A sentence about how it came to that.
    history : History
        What it has told.
    """

    changed = psygnal.Signal()
    grew = psygnal.Signal()

    def __init__(self) -> None:
        self.run: RunFolder | None = None
        self.phase = Phase.IDLE
        self.note = ""
        self.history = History()

    def turn(self, phase: Phase, note: str = "") -> None:
        """Go to a phase, and tell of it."""
        if (phase, note) != (self.phase, self.note):
            self.phase, self.note = phase, note
            self.changed.emit()

    def look_at(self, run: RunFolder | None) -> None:
        """Look at another run, of which nothing is known yet."""
        self.run, self.history = run, History()
        self.grew.emit()
