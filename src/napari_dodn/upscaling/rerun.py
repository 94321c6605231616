"""Repeat a result from its own metadata, and say what differs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_dodn import __version__
from napari_dodn.cube import HyperCube
from napari_dodn.formats.pixels.blocks import blocks_of
from napari_dodn.jobs import Progress, Steps, never, stop_if
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.upscaling.engine import upscale_steps
from napari_dodn.upscaling.options import Chosen
from napari_dodn.upscaling.run import Run
from napari_dodn.wording import shape_in_words

SAME_SHARE = 1e-5
"""Share of the range up to which results of another tile size or machine count as the same."""

COMPARING = "Comparing"


@dataclass(frozen=True)
class Rerun:
    """A repeated result.

    Attributes
    ----------
    cube : HyperCube
        The new one.
    largest, share : float
        Largest difference, and what part of the range of the old one it is.
    unequal, size : int
        Values that are not the same bit for bit, and all.
    changes : tuple of str
        What has changed since the old one was made, one sentence each.
    """

    cube: HyperCube
    largest: float
    share: float
    unequal: int
    size: int
    changes: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether it is the same result, but for rounding."""
        return self.share <= SAME_SHARE

    def __str__(self) -> str:
        if not self.unequal:
            return f"The same, bit for bit: {self.size:,} values."
        return (
            f"{self.unequal:,} of {self.size:,} values differ, by at most {self.largest:.3g}"
            f" ({self.share:.1g} of the range)."
        )


def rerun_steps(
    result: HyperCube,
    source: HyperCube,
    *,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    cancelled: Callable[[], bool] = never,
) -> Steps[Rerun]:
    """Repeat a result and compare the two.

    Parameters
    ----------
    result : HyperCube
        As it was read.
    source : HyperCube
        What it was made from.
    output, overwrite, cancelled
        As in `upscale_steps`.

    Raises
    ------
    UpscaleError, ModelError, FormatError
        If it cannot be repeated, or has been cropped since.
    """
    run = Run.said_by(result)
    options, part = run.options, run.part
    height, width = (length * options.scale for length in part.shape)
    if result.shape != (shape := (source.bands, height, width)):
        raise UpscaleError(
            f"'{result.name}' was changed since it was made: it has"
            f" {shape_in_words(result.shape)}, not {shape_in_words(shape)}."
        )
    changes = tuple(_changes(run, options.chosen()))
    made = yield from upscale_steps(
        source, options, region=part, output=output, overwrite=overwrite, cancelled=cancelled
    )
    unequal, largest, low, high = 0, 0.0, np.inf, -np.inf
    done, size = 0, int(np.prod(result.shape))
    for place in blocks_of(result.shape, 4):
        stop_if(cancelled)
        yield Progress(done, size, COMPARING)
        old, new = np.asarray(result.data[place]), np.asarray(made.cube.data[place])
        differ = ~((old == new) | (np.isnan(old) & np.isnan(new)))
        unequal += int(np.count_nonzero(differ))
        if differ.any():
            apart = np.abs(old[differ].astype(np.float64) - new[differ])
            largest = max(largest, float(np.nan_to_num(apart, nan=np.inf).max()))
        if (finite := old[np.isfinite(old)]).size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        done += old.size
    span = high - low
    share = 0.0 if not largest else largest / span if 0 < span < np.inf else np.inf
    return Rerun(made.cube, largest, share, unequal, size, changes)


def source_of(result: HyperCube, beside: Path) -> Path:
    """Return the file that a result was made from: where it was, or else beside the result.

    Raises
    ------
    UpscaleError
        If it is not there.
    """
    source = Path(Run.said_by(result).source)
    if not source.name:
        raise UpscaleError(f"'{result.name}' was made from pixels that are in no file.")
    for path in (source, beside.parent / source.name):
        if path.exists():
            return path
    raise UpscaleError(
        f"{source}, the source of '{result.name}', was not found; name it with --source."
    )


def _changes(run: Run, chosen: Chosen) -> Iterator[str]:
    if chosen.card.sha256 != run.sha256:
        yield (
            f"The model {run.model} has changed: sha256 {chosen.card.sha256[:12]}, not"
            f" {run.sha256[:12]}."
        )
    if run.software != __version__:
        yield f"The result was made by napari-dodn {run.software}; this is {__version__}."
