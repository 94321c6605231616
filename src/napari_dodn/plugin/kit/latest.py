"""Jobs of which only the last one asked for counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import psygnal
from qtpy.QtCore import QTimer

from napari_dodn.jobs import Progress
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job, Work
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.kit.timers import end_timer

T = TypeVar("T")

PATIENCE_MS = 150
"""How long to wait for the next wish, as of somebody who is typing."""


class Latest(Generic[T]):
    """Runs one job at a time in a thread; a newer wish replaces the older ones.

    Notes
    -----
    `progressed` gives the progress of the job, `failed` a sentence about an error, or about a job
    that a person has cancelled, which is no error: `was_cancelled` tells of it then. Of a job that
    a newer wish has stopped nothing comes.
    """

    progressed = psygnal.Signal(object)
    _finished = psygnal.Signal(object)
    failed = psygnal.Signal(str)

    def __init__(self) -> None:
        self._wish: tuple[Work[T], str] | None = None
        self._job: Job[T] | None = None
        self._title = ""
        self._outdated = False
        self.was_cancelled = False
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._begin)

    @property
    def busy(self) -> bool:
        """Whether something is waited for."""
        return self._wish is not None or (self._job is not None and not self._outdated)

    def then(self, method: Callable[[T], None]) -> None:
        """Call a method with each result that is still wanted when it comes."""
        self._finished.connect(method)

    def ask(
        self, work: Work[T], title: str, patience_ms: int = 0, *, interrupts: bool = True
    ) -> None:
        """Ask for a job, and drop what was asked before.

        Parameters
        ----------
        work : callable
            Makes the job.
        title : str
            What it is called.
        patience_ms : int
            How long to wait for another wish. It counts from the newest one where that interrupts,
            else from the first, so that something comes while wishes go on.
        interrupts : bool
            Whether the job at work stops at once; else it goes on, and its result is wanted.
        """
        if interrupts:
            self.drop()
        self._wish = work, title
        if interrupts or not self._timer.isActive():
            self._timer.start(patience_ms)

    def drop(self) -> None:
        """Want nothing any more."""
        self._wish = None
        self._stop_job()

    def make_way(self) -> bool:
        """Stop the job at work if there is a newer wish; tell whether there is."""
        if self._wish is not None:
            self._stop_job()
        return self._wish is not None

    def cancel(self) -> None:
        """Do what a person asks who cancels: stop, and tell of it by `failed`."""
        wish, self._wish = self._wish, None
        if wish is not None and (self._job is None or self._outdated):
            self._tell_cancelled(wish[1])
        if self._job is not None:
            self._job.cancel()

    def seconds_left(self, event: Progress) -> float | None:
        """Return how long the job goes on; None where that is not known."""
        return None if self._job is None else self._job.seconds_left(event.done, event.total)

    @property
    def is_long(self) -> bool:
        """Whether the job has gone on for so long that a bar is worth while."""
        return self._job is not None and self._job.is_long

    def _stop_job(self) -> None:
        if self._job is not None:
            self._outdated = True
            self._job.cancel()

    def close(self) -> None:
        """Stop, and tell nobody."""
        end_timer(self._timer, self._begin)
        self._wish = None
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def _begin(self) -> None:
        if self._wish is None or self._job is not None:  # which begins the wish when it ends
            return
        (work, self._title), self._wish = self._wish, None
        self._outdated = False
        self._job = Job(work, self._title)
        self._job.progressed.connect(self._on_progress)
        self._job.then(self._on_ended)

    def _on_progress(self, event: Progress) -> None:
        if not self._outdated:
            self.progressed.emit(event)

    def _on_ended(self, outcome: T | Failure | Cancelled) -> None:
        self._job, outdated = None, self._outdated
        if not outdated:
            self._tell(outcome)
        if not self._timer.isActive():  # else the wish waits for others
            self._begin()

    def _tell(self, outcome: T | Failure | Cancelled) -> None:
        if isinstance(outcome, Cancelled):
            self._tell_cancelled(self._title)
            return
        self.was_cancelled = False
        if isinstance(outcome, Failure):
            self.failed.emit(sentence(outcome.error, self._title))
        else:
            self._finished.emit(outcome)

    def _tell_cancelled(self, title: str) -> None:
        self.was_cancelled = True
        self.failed.emit(f"{title} was cancelled.")
