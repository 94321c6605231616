"""What every benchmark does: each method on each low-resolution cube, measured and timed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch

from napari_dodn import __version__
from napari_dodn.benchmark.cost import device_in_words, watching
from napari_dodn.benchmark.methods import TRUTH, Telling, cards_of, methods_of
from napari_dodn.benchmark.protocol import BenchmarkError, Protocol
from napari_dodn.benchmark.result import Benchmark, Measured
from napari_dodn.cube import HyperCube
from napari_dodn.jobs import Preparation, Progress, Steps, never, retold, stop_if
from napari_dodn.metrics import Quality
from napari_dodn.network.dodn import SCALES
from napari_dodn.network.model_file import ModelCard
from napari_dodn.sensor_blur import BLUR
from napari_dodn.upscaling.devices import check_precision, choose_device
from napari_dodn.wording import all_of


@dataclass(frozen=True, eq=False)
class Task:
    """A cube to super-resolve.

    Attributes
    ----------
    name : str
        What a table calls it.
    lr : HyperCube
        What the methods are given.
    quality_of : callable
        Compares what they give back, (bands, y, x), with the truth.
    blur : float
        True σ of the blur of `lr`, in its pixels.
    """

    name: str
    lr: HyperCube
    quality_of: Callable[[np.ndarray], Quality]
    blur: float = 0.0


@dataclass(frozen=True)
class Contest:
    """What is compared, and how it is run.

    Attributes
    ----------
    scale : int
        Pixels along y and x for each one: 2, 4 or 8.
    models : sequence of str or path, or None
        Names or paths of models of that scale; None: all that are installed.
    self_ensemble : bool
        Whether each model gets a second row with its self-ensemble.
    device, precision : str
        As in `upscaling.upscale`. Bicubic always runs on the CPU.
    cancelled : callable
        Asked between tiles.
    tellings : sequence of Telling
        What the models are told of a task's blur; a row for each.

    Raises
    ------
    BenchmarkError, ModelError, UpscaleError
        One sentence on what cannot be compared.
    """

    scale: int = 4
    models: Sequence[str | os.PathLike[str]] | None = None
    self_ensemble: bool = False
    device: str = "auto"
    precision: str = "auto"
    cancelled: Callable[[], bool] = never
    tellings: Sequence[Telling] = (TRUTH,)

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            scales = ", ".join(map(str, SCALES))
            raise BenchmarkError(f"The scale is one of {scales}, not {self.scale}.")
        check_precision(self.precision)
        _ = self.place, self.cards

    @cached_property
    def place(self) -> torch.device:
        """Where models run."""
        return choose_device(self.device)

    @cached_property
    def cards(self) -> list[ModelCard]:
        """The models."""
        return cards_of(self.models, self.scale)

    def run(self, tasks: Iterable[Task], bands: int, pixels: int) -> Steps[tuple[Measured, ...]]:
        """Run every method on every task.

        Parameters
        ----------
        tasks : iterable of Task
            Made when it is their turn, for all of them together may not fit the memory.
        bands : int
            Of a cube on which operations are counted.
        pixels : int
            LR pixels of all tasks together.

        Yields
        ------
        Progress
            In LR pixels of all tasks and methods.

        Returns
        -------
        tuple of Measured
            A row for each method.
        """
        methods = list(
            methods_of(
                self.cards,
                self.scale,
                bands,
                self.place,
                self.precision,
                self.self_ensemble,
                self.cancelled,
                self.tellings,
            )
        )
        done, total = 0, pixels * sum(method.passes for method in methods)
        for task in tasks:
            size = task.lr.shape[1] * task.lr.shape[2]
            for method in methods:
                doing = f"{task.name}: {method.name}"
                yield Progress(done, total, doing)
                if not method.figures:
                    method.warm_up(task.lr)
                retell = partial(_share, of=Progress(done, total, doing), passes=method.passes)
                with watching(method.device) as spent:
                    answer = yield from retold(method.steps(task.lr, task.blur), retell)
                stop_if(self.cancelled)
                if (told := answer.metadata.get(BLUR)) is not None:
                    method.told.append((task.name, told))
                method.figures.append((task.name, task.quality_of(np.asarray(answer.data))))
                method.spent.append(spent)
                done += size * method.passes
        yield Progress(total, total, "Averaging")
        return tuple(method.row() for method in methods)

    def table(
        self,
        rows: tuple[Measured, ...],
        title: str,
        task: str,
        notes: Sequence[str],
        protocol: Protocol | None = None,
        groups: Mapping[str, tuple[str, ...]] | None = None,
        cubes: Sequence[str] | None = None,
    ) -> Benchmark:
        """Put the rows beside what must be known to read them; see `Benchmark`.

        `cubes` are what the scenes were made of, where they are not called the same.
        """
        if self.models is None and not self.cards:
            notes = (f"There is no model for ×{self.scale}; bicubic stands alone.", *notes)
        scenes = tuple(name for name, _ in rows[0].scenes)
        precisions = dict.fromkeys(row.precision for row in rows[1:] or rows)
        return Benchmark(
            title=title,
            task=task,
            scale=self.scale,
            scenes=scenes,
            rows=rows,
            device=device_in_words(self.place),
            precision=all_of(precisions),
            software=f"napari-dodn {__version__}",
            notes=(*notes, *self._learnt_from(scenes if cubes is None else cubes)),
            protocol=protocol,
            groups=groups or {},
        )

    def _learnt_from(self, scenes: Iterable[str]) -> Iterator[str]:
        """Yield a sentence for each model that has learnt from what it is measured on."""
        for card in self.cards:
            known = [scene for scene in scenes if scene in card.training.get("scenes", ())]
            if known:
                yield (
                    f"{card.name} has learnt from {all_of(known)}: its figures there do not say how"
                    " good it is on other scenes."
                )


def _share(event: Progress, of: Progress, passes: int) -> Progress:
    """Return how far all is, from how far one method is with one cube."""
    pixels = 0 if isinstance(event, Preparation) else event.done
    return replace(of, done=of.done + pixels * passes)
