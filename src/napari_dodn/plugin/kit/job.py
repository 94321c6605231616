"""Long work of the core beside a window that goes on answering: in a thread, with a way to stop it.

napari's generator workers drop a RuntimeError without a word, and with it every shortage of memory,
and when they are told to quit they leave the generator open. So a plain worker runs the whole loop:
it closes the core's generator in the thread that ran it, turns whatever is raised into an outcome,
and hands the generator a flag to look at.

Python collects cyclic garbage in whatever thread it happens to be in, and Qt aborts the process
where a canvas or a widget is destroyed in another thread than the window's. So while a job runs
only the window's thread collects.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar
from weakref import WeakMethod

import psygnal
from napari.qt.threading import create_worker
from napari.utils import cancelable_progress
from qtpy.QtCore import QEvent, QObject, QThreadPool, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_dodn.jobs import CancelledError, Progress, Steps, follow

BAR_AFTER_S = 0.5
"""How long a job goes on without a bar: to open one takes longer than many a job."""

LEAST_THREADS = 8
"""So many jobs go on beside each other: Qt allows for one a processor, and a long one on the only
processor, or two on two, would keep all others waiting."""

T = TypeVar("T")

Work: TypeAlias = Callable[[Callable[[], bool]], Steps[T]]
"""Makes the core's generator, given a function that tells whether to stop."""


def without_progress(function: Callable[[], T]) -> Work[T]:
    """Make work of a function that cannot tell how far it is, nor be stopped."""

    def steps(_cancelled: Callable[[], bool]) -> Steps[T]:
        yield from ()
        return function()

    return steps


@dataclass(frozen=True)
class Failure:
    """The end of a job that raised something."""

    error: Exception


@dataclass(frozen=True)
class Cancelled:
    """The end of a job that was stopped before it had a result."""


class _Relay(QObject):
    """Carries progress from the thread of the work to that of the window."""

    progress = Signal(object)


class Job(Generic[T]):
    """One generator of the core in a thread; a long one has a bar in napari's activity dock.

    Parameters
    ----------
    work : callable
        Given a cancel flag, returns the generator. Its progress moves the bar, unless there is no
        total.
    title : str
        What the bar says.

    Notes
    -----
    `progressed` is emitted, and the method of `then` is called, in the thread of the window. The
    methods are held weakly. After `abandon` nothing comes.
    """

    progressed = psygnal.Signal(object)
    _ended = psygnal.Signal(object)

    def __init__(self, work: Work[T], title: str) -> None:
        self._stop = threading.Event()
        self._outcome: T | Failure | Cancelled = Cancelled()
        self._moving_bar = False
        self._phase = ""
        self._phase_began = (time.monotonic(), 0)
        self._bar: cancelable_progress | None = None
        self._began = time.monotonic()
        self._relay = _Relay()
        self._relay.progress.connect(self._on_progress)
        self._work = work
        self._title = title
        self._worker = create_worker(self)
        self._worker.finished.connect(self._on_finished)
        alive.add(self)
        _collect_here()
        threads = QThreadPool.globalInstance()
        threads.setMaxThreadCount(max(LEAST_THREADS, threads.maxThreadCount()))
        self._worker.start()

    def then(self, method: Callable[[T | Failure | Cancelled], None]) -> None:
        """Call a method once, at the end: with the result, a `Failure` or `Cancelled`."""
        self._ended.connect(method)

    def cancel(self) -> None:
        """Ask the job to stop within a tile; the end follows."""
        self._stop.set()

    def abandon(self) -> None:
        """Stop the job and tell nobody, because nobody is there any more."""
        self.cancel()
        self.progressed.disconnect()
        self._ended.disconnect()
        self._close_bar()

    def seconds_left(self, done: int, total: int) -> float | None:
        """Return how long the rest of a phase takes at its speed so far; None at its start.

        A phase is as long as the progress has the same message.
        """
        began, already = self._phase_began
        if done <= already:
            return None
        return (time.monotonic() - began) * (total - done) / (done - already)

    @property
    def is_long(self) -> bool:
        """Whether it has gone on for so long that a bar is worth while."""
        return time.monotonic() - self._began > BAR_AFTER_S

    def is_cancelled(self) -> bool:
        """Tell whether somebody has asked it to stop; it may have had its result already."""
        # napari asks the worker itself to quit when its window closes.
        stopped = self._stop.is_set() or self._worker.abort_requested
        return stopped or (self._bar is not None and self._bar.is_canceled)

    def __str__(self) -> str:
        """Return the title, which napari shows where it asks whether to close a busy window."""
        return self._title

    def __call__(self) -> None:
        """Run the generator; the worker calls this in its thread, and waits for Python's own.

        In threads of Qt, in which Python begins anew with each job, pyproj 3.7 ends the process.
        """
        thread = threading.Thread(target=self._run, name=self._title)
        thread.start()
        thread.join()

    def _run(self) -> None:
        try:
            self._outcome = follow(self._work(self.is_cancelled), self._relay.progress.emit)
        except CancelledError:
            self._outcome = Cancelled()
        except Exception as error:  # noqa: BLE001 - shown, whatever it is; nobody else would see it
            self._outcome = Failure(error)

    def _on_progress(self, event: Progress) -> None:
        if event.message != self._phase:
            self._phase, self._phase_began = event.message, (time.monotonic(), event.done)
        self.progressed.emit(event)
        if event.total and self.is_long:
            self._move_bar(event.done, event.total)

    def _move_bar(self, done: int, total: int) -> None:
        if self._moving_bar or self.is_cancelled():
            return
        # The bar lets the window do what waits: the next events, even the end of the job.
        self._moving_bar = True
        if self._bar is None:
            self._bar = cancelable_progress(total=total, desc=self._title)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        self._moving_bar = False
        if self not in alive:
            self._close_bar()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _on_finished(self) -> None:
        alive.discard(self)
        if not alive:
            gc.enable()
        self._close_bar()
        outcome = self._outcome
        # napari keeps all workers, and these their jobs, as long as its window is open.
        del self._outcome, self._work
        self._ended.emit(outcome)


alive: set[Job[Any]] = set()
"""Jobs whose thread runs; whoever started one may be gone before it has stopped."""

COLLECTION_MS = 2000


def _collect_here() -> None:
    """Collect garbage now and then in this thread, and nowhere else, as long as a job is alive."""
    gc.disable()
    gc.collect(1)  # the young generations: a full collection is long enough to be felt
    if not alive:
        gc.enable()
    elif not _collecting.is_set():  # once, however many jobs begin
        _collecting.set()
        QTimer.singleShot(COLLECTION_MS, _collect_again)


def _collect_again() -> None:
    _collecting.clear()
    _collect_here()


_collecting = threading.Event()
"""Whether the next collection is on its way."""


class Closing(QObject):
    """Calls a method, once, when a widget loses its place in a window, or is destroyed.

    The widget of a dock gets no close event: it is taken from its parent, or goes with the window.
    One that was taken is deleted by Qt: its signals hold most panels for ever, and PySide ends the
    process where Python's garbage collection deletes others.
    """

    def __init__(self, widget: QWidget, method: Callable[[], None]) -> None:
        super().__init__(widget)
        waiting = [WeakMethod(method)]

        def leave(*_: object) -> None:
            if waiting and (call := waiting.pop()()) is not None:
                call()

        self._leave = leave
        widget.installEventFilter(self)
        widget.destroyed.connect(self._leave)

    def eventFilter(self, widget: QObject, event: QEvent) -> bool:
        """Watch for the parent to go."""
        if event.type() == QEvent.Type.ParentChange and widget.parent() is None:
            self._leave()
            widget.deleteLater()
        return False


def duration(seconds: float) -> str:
    """Return a time that is left, as roughly as it is known."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
