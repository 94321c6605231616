"""Follows a run through its folder: what is new in its event file, and whether somebody trains.

It looks a few times a second in the window's thread, which takes a fraction of a millisecond; where
there is much to read, at the beginning and after a resume, a thread reads.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from qtpy.QtCore import QTimer

from napari_dodn.distillation.run.events import Event, Failed, Finished, Stopped
from napari_dodn.distillation.run.folder import START, Place, RunFolder
from napari_dodn.errors import reason_of
from napari_dodn.jobs import Steps, stop_if
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.kit.timers import end_timer
from napari_dodn.plugin.training.child import last_line
from napari_dodn.plugin.training.history import History
from napari_dodn.plugin.training.state import Phase, RunState

POLL_MS = 250
MUCH = 2**18
"""Bytes of events that are too many for the window's thread."""

ENDS: dict[type, Phase] = {
    Finished: Phase.DONE,
    Stopped: Phase.STOPPED,
    Failed: Phase.FAILED,
}


class _News(NamedTuple):
    """What is new in an event file, up to where, and whether the file is another one."""

    events: list[Event]
    place: Place
    anew: bool


class Follower:
    """Keeps a `RunState` true to its run's folder.

    Parameters
    ----------
    state : RunState
        What is kept.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._place = START
        self._child: subprocess.Popen[bytes] | None = None
        self._end_before: Any = None
        self._failure: tuple[Phase, str] | None = None
        self._was_locked = False
        self._job: Job[_News] | None = None
        self._being_read: RunFolder | None = None
        self._timer = QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.look)

    def follow(
        self, run: RunFolder, child: subprocess.Popen[bytes] | None = None, fault: str = ""
    ) -> None:
        """Follow a run.

        Parameters
        ----------
        run : RunFolder
            The run.
        child : subprocess.Popen, optional
            The process that was started for it.
        fault : str
            Why none could be started; it is shown until somebody trains the run.
        """
        known = self._state.run == run
        self._child, self._was_locked = child, False
        self._failure = (Phase.FAILED, fault) if fault else None
        if not known:
            self._place = START
            self._state.look_at(run)
        self._end_before = self._state.history.end if child is not None else None
        if not fault:
            self._state.turn(Phase.STARTING if child is not None else Phase.READING)
        self._timer.start()
        self.look()

    def close(self) -> None:
        """Look no longer; whoever trains goes on."""
        end_timer(self._timer, self.look)
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def look(self) -> None:
        """Take in what is new."""
        run = self._state.run
        if run is None or self._job is not None:
            return
        try:
            if not run.config_file.is_file():  # another folder may have the name by now
                self._timer.stop()
                self._state.look_at(None)
                gone = f"The run in {run.path} no longer exists."
                self._state.turn(Phase.IDLE, f"{gone} If you moved it, attach to its new folder.")
                return
            # Whether somebody trains is asked first: what they said last is then in the file.
            locked = run.is_locked()
            ended = self._child is not None and self._child.poll() is not None
            size = run.events_file.stat().st_size if run.events_file.exists() else 0
            if size - self._place.offset > MUCH or (self._place.offset > size > MUCH):
                self._read_beside(run)
                return
            events, place = run.events_since(self._place)
        except OSError as error:
            self._state.turn(Phase.BROKEN_OFF, f"{run.path} cannot be read: {reason_of(error)}.")
            return
        self._take(events, place)
        self._find_phase(run, locked, ended)

    def _take(self, events: list[Any], place: Place) -> None:
        if place.file != self._place.file and self._place != START:
            self._state.history = History()
        elif not events:
            self._place = place
            return
        self._failure = None
        for event in events:
            self._state.history.add(event)
        self._place = place
        self._state.grew.emit()

    def _find_phase(self, run: RunFolder, locked: bool, ended: bool) -> None:
        """Find out what the run is doing, from the lock, the child and its last event."""
        state, history = self._state, self._state.history
        has_child = self._child is not None and not ended
        # Another window that asks for the lock has it for a moment: only twice running is true.
        locked, self._was_locked = locked and (self._was_locked or has_child), locked
        if locked or has_child:
            if locked:
                self._failure = None
                state.turn(Phase.STOPPING if run.stop_asked() else Phase.RUNNING)
            return  # without the lock the child is on its way in, or out
        if self._was_locked:
            return
        if ended:
            self._child = None
            run.withdraw()
            if history.end == self._end_before:  # the child has not said a last word
                self._failure = Phase.BROKEN_OFF, self._last_words(run)
        elif run.is_announced():
            state.turn(Phase.STARTING)
            return
        if self._failure is not None:
            state.turn(*self._failure)
        elif history.end is not None:
            text = history.end.text if isinstance(history.end, Failed) else ""
            state.turn(ENDS[type(history.end)], text)
        elif history.started is None and not run.state_file.exists():
            state.turn(Phase.NEW)
        else:
            state.turn(Phase.BROKEN_OFF, self._last_words(run))

    @staticmethod
    def _last_words(run: RunFolder) -> str:
        line = last_line(run)
        said = f" The last line of its log: {line}" if line else ""  # the command line writes none
        return f"The training process ended unexpectedly.{said}"

    # Much to read

    def _read_beside(self, run: RunFolder) -> None:
        self._being_read = run
        self._job = Job(partial(_read, run, self._place), "Reading the run")
        self._job.then(self._on_read)

    def _on_read(self, outcome: _News | Failure | Cancelled) -> None:
        self._job = None
        if self._state.run != self._being_read:  # another one is looked at by now
            self.look()
        elif isinstance(outcome, Failure):
            self._state.turn(Phase.BROKEN_OFF, sentence(outcome.error, "Reading the run"))
        elif not isinstance(outcome, Cancelled):
            history, place, anew = outcome
            if anew or self._place == START:
                self._state.history = History()
            for event in history:
                self._state.history.add(event)
            self._place = place
            self._state.grew.emit()
            self.look()


def _read(run: RunFolder, known: Place, cancelled: Callable[[], bool]) -> Steps[_News]:
    yield from ()  # how much there is to read is known only when it is read
    events, place = run.events_since(known)
    stop_if(cancelled)
    return _News(events, place, place.file != known.file)
