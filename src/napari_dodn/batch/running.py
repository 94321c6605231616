"""Tasks one after the other, or some at a time: a bad one does not stop the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from numpy.linalg import LinAlgError

from napari_dodn.batch.report import Figures, Row
from napari_dodn.errors import UserError, is_out_of_memory, reason_of
from napari_dodn.jobs import CancelledError, Preparation, Progress, Steps, follow, retold, stop_if

GRAIN = 1000
"""Steps of the progress of one cube."""

PAUSE = 0.5
"""Seconds after which the progress of several cubes is told again."""


@dataclass(frozen=True)
class Task:
    """A cube that is still to be done, and how; `more` as of its `Row`."""

    source: Path
    work: Callable[[], Steps[Figures]]
    more: Figures = field(default_factory=dict)


def batch_steps(
    items: Sequence[Task | Row], rows: list[Row], together: int = 1
) -> Steps[list[Row]]:
    """Do tasks one after the other, or some at a time.

    Parameters
    ----------
    items : sequence of Task or Row
        What to do, and what stands in the report without being done.
    rows : list of Row
        Gets the rows as they come, so that they are there where the batch is interrupted, too.
    together : int
        How many tasks are in work at a time: of those that mostly wait for other machines.

    Returns
    -------
    list of Row
        The same list.

    Raises
    ------
    Exception
        At the end, when all others are done, the first error that nobody has foreseen.
    """
    total = len(items) * GRAIN
    unforeseen: list[Exception] = []
    if together > 1:
        yield from _some_at_a_time(items, rows, unforeseen, together)
    else:
        for number, item in enumerate(items):
            yield from _one(number, item, rows, unforeseen, len(items))
    yield Progress(total, total, "Done")
    if unforeseen:
        raise unforeseen[0]
    return rows


def _one(
    number: int, item: Task | Row, rows: list[Row], unforeseen: list[Exception], count: int
) -> Steps[None]:
    """Do a task of so many, whose progress is a part of that of all."""
    if isinstance(item, Row):
        rows.append(item)
        return
    total = count * GRAIN
    about = f"{number + 1} of {count}, {item.source.name}"
    yield Progress(number * GRAIN, total, about)

    def retell(event: Progress) -> Progress:
        done = number * GRAIN + _share(event)
        return Progress(done, total, f"{about}: {event.message}")

    begun = time.monotonic()
    try:
        more = yield from retold(item.work(), retell)
        row = Row(item.source, "done", more={**item.more, **more})
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - raised at the end
        row = _failed(item, error, unforeseen)
    rows.append(replace(row, seconds=time.monotonic() - begun))


def _some_at_a_time(
    items: Sequence[Task | Row], rows: list[Row], unforeseen: list[Exception], together: int
) -> Steps[None]:
    """Do tasks in threads."""
    shares, over = [GRAIN] * len(items), threading.Event()

    def do(number: int, item: Task) -> Row:
        def note(event: Progress) -> None:
            stop_if(over.is_set)
            shares[number] = _share(event)

        begun = time.monotonic()
        try:
            row = Row(item.source, "done", more={**item.more, **follow(item.work(), note)})
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - raised at the end
            row = _failed(item, error, unforeseen)
        shares[number] = GRAIN
        return replace(row, seconds=time.monotonic() - begun)

    waiting: set[Future[Row]] = set()
    with ThreadPoolExecutor(together) as pool:
        try:
            for number, item in enumerate(items):
                if isinstance(item, Row):
                    rows.append(item)
                    continue
                shares[number] = 0
                waiting.add(pool.submit(do, number, item))
            while waiting:
                ready, _ = wait(waiting, PAUSE, FIRST_COMPLETED)
                for future in ready:
                    waiting.remove(future)
                    rows.append(future.result())
                message = f"{len(items) - len(waiting)} of {len(items)} done"
                yield Progress(sum(shares), len(items) * GRAIN, message)
        finally:
            over.set()
            pool.shutdown(cancel_futures=True)
            left = (future for future in waiting if not future.cancelled())
            rows += [future.result() for future in left if future.exception() is None]


def _share(event: Progress) -> int:
    """Return how much of a task is done, of `GRAIN`."""
    if isinstance(event, Preparation):
        return 0
    return GRAIN * event.done // max(event.total, 1)


def _failed(item: Task, error: Exception, unforeseen: list[Exception]) -> Row:
    """Return the row of a task that could not be done; note an error that nobody has foreseen."""
    if isinstance(error, UserError):
        reason = str(error)
    elif isinstance(error, OSError):
        reason = f"{error.filename or item.source} cannot be used: {reason_of(error)}."
    elif isinstance(error, LinAlgError):
        reason = f"{item.source} cannot be computed: {error}."
    elif is_out_of_memory(error):
        reason = "There is not enough memory."
    else:
        unforeseen.append(error)
        reason = f"{item.source} cannot be done: {type(error).__name__}: {error}"
    return Row(item.source, "failed", reason, more=item.more)
