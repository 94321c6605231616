"""How a command ends when it is told to from outside, as `kill`, `timeout` and schedulers do."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SHELL_BASE = 128
"""A shell reports this, plus the number of the signal, for a process that a signal has ended."""


def terminating() -> list[int]:
    """Return the signals that tell this process to end; `nohup` has SIGHUP ignored."""
    known = (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))
    ignored = (signal.SIG_IGN, None)
    return [number for number in known if number and signal.getsignal(number) not in ignored]


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, with nothing half-written."""
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        for other in before:  # `timeout` sends its signal twice
            signal.signal(other, signal.SIG_IGN)
        received.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in terminating()}
    try:
        yield
    except SystemExit:
        if received:
            sys.exit(SHELL_BASE + received[0])
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_at_once() -> None:
    """Let these signals end the process at once: while a window waits, Python hears of none."""
    for number in terminating():
        signal.signal(number, signal.SIG_DFL)
