"""The result of a benchmark: a row for each method, and what must be known to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from napari_dodn.benchmark.protocol import DIGITS, Protocol, Published
from napari_dodn.metrics import METRICS, Quality

BICUBIC = "bicubic"


@dataclass(frozen=True)
class Measured:
    """A row of the table: one method on all scenes.

    Attributes
    ----------
    name : str
        "bicubic", or the name of a model, with what it is told of the blur where that differs,
        and with ", self-ensemble" where it is one.
    scenes : tuple of (str, Quality)
        The figures of each scene.
    seconds : float
        Median time of a scene, with what is needed to know beforehand already loaded.
    memory : int
        Bytes at the peak, the largest of all scenes; see `cost.Spent`.
    operations : float
        Floating-point operations for each LR voxel.
    parameters : int
        Number of trained values.
    sha256 : str
        Hash of the model file; empty for bicubic.
    precision : str
        What it was computed in.
    told : tuple of (str, float)
        σ of the sensor's blur, in LR pixels, that the network was told of each scene; empty for
        bicubic.
    """

    name: str
    scenes: tuple[tuple[str, Quality], ...]
    seconds: float
    memory: int
    operations: float
    parameters: int
    sha256: str = ""
    precision: str = "float32"
    told: tuple[tuple[str, float], ...] = ()

    @property
    def mean(self) -> Quality:
        """The mean over the scenes of each figure."""
        rows = [figures.as_dict() for _, figures in self.scenes]
        return Quality(**{figure: fmean(row[figure] for row in rows) for figure in METRICS})


@dataclass(frozen=True)
class Gain:
    """What a row gains over bicubic; above zero is better.

    Attributes
    ----------
    psnr, sam : float
        Mean over the scenes, in decibels and degrees.
    worst : float
        That of the scene with the least gain in PSNR, in decibels.
    below : int
        Number of scenes with less PSNR than bicubic.
    """

    psnr: float
    sam: float
    worst: float
    below: int


@dataclass(frozen=True)
class Benchmark:
    """The whole table, and what must be known to read it.

    Attributes
    ----------
    title, task : str
        What was measured on, and which part of it or what was done to it.
    scale : int
        Pixels along y and x for each one.
    scenes : tuple of str
        The scenes, in their order.
    rows : tuple of Measured
        Bicubic first.
    device, precision, software : str
        What the models ran on, in what precision, and which version of this package it was.
    notes : tuple of str
        What a reader of the table must know of these scenes, one sentence each.
    protocol : Protocol or None
        What others have published on.
    groups : mapping of str to tuple of str
        Scenes that were reduced in the same way, where there are several ways.
    """

    title: str
    task: str
    scale: int
    scenes: tuple[str, ...]
    rows: tuple[Measured, ...]
    device: str
    precision: str
    software: str
    notes: tuple[str, ...] = ()
    protocol: Protocol | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def gain(self, row: Measured, scenes: Sequence[str] | None = None) -> Gain:
        """Return what a row gains over bicubic on some scenes, or on all."""
        own, bicubic = dict(row.scenes), dict(self.rows[0].scenes)
        scenes = self.scenes if scenes is None else scenes
        psnr, sam = (
            [
                METRICS[key].gain(getattr(own[scene], key), getattr(bicubic[scene], key))
                for scene in scenes
            ]
            for key in ("psnr", "sam")
        )
        below = sum(gain < 0 for gain in psnr)
        return Gain(fmean(psnr), fmean(sam), min(psnr), below)

    @property
    def published(self) -> tuple[Published, ...]:
        """The published rows at this scale; they are about `protocol.published_split`."""
        return self.protocol.published.get(self.scale, ()) if self.protocol else ()

    @property
    def is_comparable(self) -> bool:
        """Whether the scenes are those of the published rows."""
        return self.protocol is not None and self.protocol.is_published_split(self.scenes)

    @property
    def verdict(self) -> str:
        """Say in a sentence whether bicubic came out as published; empty where nothing says so."""
        expected = next((row for row in self.published if row.name == BICUBIC), None)
        if expected is None or not self.is_comparable:
            return ""
        computed, wanted = self.rows[0].mean.as_dict(), expected.quality.as_dict()
        differing = [
            f"{figure.upper()} {computed[figure]:.{DIGITS}f} instead of {wanted[figure]:.{DIGITS}f}"
            for figure in METRICS
            if f"{computed[figure]:.{DIGITS}f}" != f"{wanted[figure]:.{DIGITS}f}"
        ]
        if differing:
            return f"The check fails: bicubic has {', '.join(differing)}."
        return f"The check holds: bicubic is as published, to {DIGITS} digits in all six figures."
