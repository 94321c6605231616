"""Jobs of which only the last one asked for counts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import psygnal
from qtpy.QtCore import QTimer

from napari_dodn.jobs import Progress
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job, Work
from napari_dodn.plugin.kit.session import sentence

T = TypeVar("T")

PATIENCE_MS = 150
"""How long to wait for the next wish, as of somebody who is typing."""


class Latest(Generic[T]):
    """Runs one job at a time in a thread; a newer wish replaces the older ones.

    Notes
    -----
    `progressed` gives the progress of the job, `failed` a sentence about an error, or about a job
    that a person has cancelled at its bar.
    """

    progressed = psygnal.Signal(object)
    _finished = psygnal.Signal(object)
    failed = psygnal.Signal(str)

    def __init__(self) -> None:
        self._wish: tuple[Work[T], str] | None = None
        self._job: Job[T] | None = None
        self._title = ""
        self._outdated = False
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

    def ask(self, work: Work[T], title: str, patience_ms: int = 0) -> None:
        """Ask for a job, and drop what was asked before."""
        self.drop()
        self._wish = work, title
        self._timer.start(patience_ms)

    def drop(self) -> None:
        """Want nothing any more."""
        self._wish = None
        if self._job is not None:
            self._outdated = True
            self._job.cancel()

    def close(self) -> None:
        """Stop, and tell nobody."""
        with suppress(RuntimeError):  # where the program ends, Qt may have gone first
            self._timer.stop()
            self._timer.timeout.disconnect(self._begin)  # which would keep this alive
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
        if self._wish is not None:
            self._begin()
        elif outdated:
            return
        elif isinstance(outcome, Failure):
            self.failed.emit(sentence(outcome.error, self._title))
        elif isinstance(outcome, Cancelled):
            self.failed.emit(f"{self._title} was cancelled.")
        else:
            self._finished.emit(outcome)
