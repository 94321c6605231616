"""Timers that nobody owns but what they call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from qtpy.QtCore import QTimer


def end_timer(timer: QTimer, method: Callable[[], None]) -> None:
    """Stop a timer, and let go of the method that it calls, which it would keep alive."""
    with suppress(RuntimeError):  # where the program ends, Qt may have gone first
        timer.stop()
        timer.timeout.disconnect(method)
