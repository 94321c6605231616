"""Waits for what a caller needs at once, while the window goes on drawing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from qtpy.QtCore import QEventLoop, Qt
from qtpy.QtWidgets import QApplication

from napari_dodn.errors import UserError
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job, without_progress
from napari_dodn.plugin.kit.session import user_is_waiting

T = TypeVar("T")


class InterruptedWaitError(UserError):
    """Something that was waited for when the window closed."""


def in_thread(function: Callable[[], T], title: str) -> T:
    """Call a function in a thread where a person waits for it, and return what it returns.

    Clicks and keys wait until it has ended, so that nothing begins twice, and the mouse shows it. A
    script gets the call itself.

    Parameters
    ----------
    function : callable
        Which touches neither widgets nor layers of a viewer. What it raises is raised here.
    title : str
        What napari calls it where it asks whether to close a busy window.
    """
    return _Waiting(function, title).outcome() if user_is_waiting() else function()


class _Waiting(Generic[T]):
    """One call, and the event loop in which its end is waited for."""

    def __init__(self, function: Callable[[], T], title: str) -> None:
        self._loop = QEventLoop()
        self._outcome: T | Failure | Cancelled = Cancelled()
        self._job = Job(without_progress(function), title)
        self._job.then(self._on_ended)

    def outcome(self) -> T:
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            self._loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        finally:
            QApplication.restoreOverrideCursor()
        if isinstance(self._outcome, Failure):
            raise self._outcome.error
        if isinstance(self._outcome, Cancelled):
            raise InterruptedWaitError("The window was closed meanwhile.")
        return self._outcome

    def _on_ended(self, outcome: T | Failure | Cancelled) -> None:
        self._outcome = outcome
        self._loop.quit()
