"""Long work is a generator that yields `Progress` and returns its result.

Its consumer decides what to show: a bar in the terminal, a panel, a test. A job ends when it is
exhausted or closed, or when its cancel flag is set; then it raises `CancelledError`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Attributes
    ----------
    done, total : int
        How much is done and how much there is, in the job's own unit.
    message : str
        What the job is doing, for a progress bar.
    """

    done: int
    total: int
    message: str


@dataclass(frozen=True)
class Preparation(Progress):
    """How far a job has come with what it prepares, in steps of its own, before the work."""


class CancelledError(Exception):
    """Ends a job whose cancel flag is set."""


Steps: TypeAlias = Generator[Progress, None, T]
"""A job whose result is a T."""


def never() -> bool:
    """Return False: a cancel flag that is never set."""
    return False


def stop_if(cancelled: Callable[[], bool]) -> None:
    """Raise `CancelledError` if a job's cancel flag is set."""
    if cancelled():
        raise CancelledError


def follow(steps: Steps[T], on_progress: Callable[[Progress], object]) -> T:
    """Run a job to its end, call `on_progress` with each `Progress`, and return its result."""
    with closing(steps):
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            on_progress(event)


def result_of(steps: Steps[T]) -> T:
    """Run a job without showing its progress, and return its result."""
    return follow(steps, lambda _: None)


def retold(steps: Steps[T], retell: Callable[[Progress], Progress]) -> Steps[T]:
    """Run a job as a part of another one, which reports the progress in its own words."""
    with closing(steps):
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            yield retell(event)
