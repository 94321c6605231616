"""What every benchmark does: each method on each low-resolution cube, judged and timed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from napari_dodn.benchmark.cost import watching
from napari_dodn.benchmark.methods import Method
from napari_dodn.cube import HyperCube
from napari_dodn.events import Done, Progress
from napari_dodn.metrics import Quality


@dataclass(frozen=True, eq=False)
class Task:
    """A cube to super-resolve.

    Attributes
    ----------
    name : str
        What a table calls it.
    lr : HyperCube
        What the methods are given.
    judge : callable
        Compares what they give back, (bands, y, x), with the truth.
    """

    name: str
    lr: HyperCube
    judge: Callable[[np.ndarray], Quality]


def run_methods(
    tasks: Iterable[Task], methods: Sequence[Method], pixels: int, cancelled: Callable[[], bool]
) -> Generator[Progress, None, bool]:
    """Run every method on every task, and give it the figures and the cost.

    Parameters
    ----------
    tasks : iterable of Task
        Made when it is their turn, for all of them together may not fit the memory.
    methods : sequence of Method
        What is compared.
    pixels : int
        LR pixels of all tasks together.
    cancelled : callable
        Asked after each method, and by the methods between tiles.

    Yields
    ------
    Progress
        In LR pixels of all tasks and methods.

    Returns
    -------
    bool
        Whether all was done.
    """
    done, total = 0, pixels * sum(method.passes for method in methods)
    for task in tasks:
        size = task.lr.shape[1] * task.lr.shape[2]
        for method in methods:
            doing = f"{task.name}: {method.name}"
            yield Progress(done, total, doing)
            if not method.figures:
                method.warm_up(task.lr)
            answer: np.ndarray | None = None
            with watching(method.device) as spent, closing(method.steps(task.lr)) as steps:
                for event in steps:
                    if isinstance(event, Done):
                        answer = np.asarray(event.result.data)
                    else:
                        yield Progress(done + event.done * method.passes, total, doing)
            if answer is None or cancelled():
                return False
            method.figures.append((task.name, task.judge(answer)))
            method.spent.append(spent)
            done += size * method.passes
    yield Progress(total, total, "Averaging")
    return True
