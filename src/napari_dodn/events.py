"""Long work is a generator of events: `Progress` on the way, `Done` last.

Who consumes them decides what to show: a bar in the terminal, a panel, a test. A job ends by being
exhausted, by being closed, or by a cancel flag that it is given and looks at; then without `Done`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias


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


@dataclass(frozen=True)
class Done:
    """The end of a job that was not cancelled.

    Attributes
    ----------
    result : object
        What the job was for.
    remarks : tuple of str
        What a person should know of it, one sentence each.
    """

    result: Any
    remarks: tuple[str, ...] = ()


Steps: TypeAlias = Generator[Progress | Done, None, None]


def never() -> bool:
    """Tell that nobody cancels."""
    return False


def result_of(steps: Iterable[Progress | Done]) -> Any:
    """Run a job that nobody watches and return its result."""
    return next(event.result for event in steps if isinstance(event, Done))
