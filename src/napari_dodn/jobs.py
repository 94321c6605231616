"""Long work is a generator that yields `Progress` and returns its result.

Who consumes it decides what to show: a bar in the terminal, a panel, a test. A job ends by being
exhausted, by being closed, or by a cancel flag that it is given and looks at; then it raises
`CancelledError`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    done, total : int
        What is ready and all that there is, in a unit of the job's own.
    message : str
        What is being done, for a progress bar.
    """

    done: int
    total: int
    message: str


class CancelledError(Exception):
    """Unwinds a job whose cancel flag is up."""


Steps: TypeAlias = Generator[Progress, None, T]
"""A job whose result is a T."""


def never() -> bool:
    """Tell that nobody cancels."""
    return False


def stop_if(cancelled: Callable[[], bool]) -> None:
    """Raise `CancelledError` where a job's cancel flag is up."""
    if cancelled():
        raise CancelledError


def follow(steps: Steps[T], on_progress: Callable[[Progress], object]) -> T:
    """Run a job to its end, hand on its progress, and return its result."""
    with closing(steps):
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            on_progress(event)


def result_of(steps: Steps[T]) -> T:
    """Run a job that nobody watches and return its result."""
    return follow(steps, lambda _: None)


def retold(steps: Steps[T], retell: Callable[[Progress], Progress]) -> Steps[T]:
    """Do a job that is a part of another one, which tells of its progress in its own words."""
    with closing(steps):
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            yield retell(event)
