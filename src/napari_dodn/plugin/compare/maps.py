"""One job of the Compare and map panel: what is asked, what is wrong with it, doing it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.jobs import Steps, never
from napari_dodn.metrics import METRICS, Comparison, compare_steps
from napari_dodn.plugin.viewer.selection import NO_CUBE
from napari_dodn.spectra.comparison import (
    Consistency,
    angle_between_steps,
    consistency_steps,
    error_map_steps,
)
from napari_dodn.spectra.library import Spectrum, on_different_scales
from napari_dodn.spectra.maps import (
    angle_map_steps,
    band_near,
    band_ratio_steps,
    distance_map_steps,
    normalised_difference_steps,
)
from napari_dodn.spectra.profiles import point_spectrum
from napari_dodn.spectra.reduction import AREA, BLUR, CUBIC
from napari_dodn.wording import rounded

PERCENTILES = (0.5, 99.5)
"""Of the values of a map: between them lie its contrast limits."""


class Task(StrEnum):
    """What the panel can do."""

    ANGLE = "spectral angle to a spectrum"
    DISTANCE = "Euclidean distance to a spectrum"
    RATIO = "band ratio"
    DIFFERENCE = "normalised difference"
    COMPARE = "compare with a reference"
    CONSISTENCY = "consistency with the source"


OTHER_SCALE = (
    "The spectrum and the cube are on different scales, so the map mostly shows brightness; the"
    " spectral angle does not depend on the scale."
)

OF_A_SPECTRUM = (Task.ANGLE, Task.DISTANCE)
OF_TWO_BANDS = (Task.RATIO, Task.DIFFERENCE)
OF_TWO_CUBES = (Task.COMPARE, Task.CONSISTENCY)

ERROR, ANGLE, SIGNED, PLAIN = "magma", "viridis", "PiYG", "gray"
"""Colormaps of errors, of angles and distances, of what has two signs, and of ratios."""


@dataclass(frozen=True, eq=False)
class Map:
    """A map to be shown.

    Attributes
    ----------
    values : numpy.ndarray
        Shape (y, x).
    name : str
        What it is a map of.
    colormap : str
        For napari.
    on_other : bool
        Whether it lies over the other cube of the request.
    """

    values: np.ndarray
    name: str
    colormap: str
    on_other: bool = False

    def attributes(self) -> dict[str, Any]:
        """Return attributes of the map's layer."""
        limits = _limits(self.values, self.colormap)
        return {"name": self.name, "colormap": self.colormap, "contrast_limits": limits}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a job gives.

    Attributes
    ----------
    maps : list of Map
        To be shown as layers.
    figures : dict
        Figures of a comparison by their keys in `METRICS`.
    psnr : numpy.ndarray or None
        Peak signal-to-noise ratio of each band.
    words : str
        What came out, in a sentence.
    """

    maps: list[Map]
    figures: dict[str, float] = field(default_factory=dict)
    psnr: np.ndarray | None = None
    words: str = ""


@dataclass(frozen=True, eq=False)
class Request:
    """What the panel is set to.

    Attributes
    ----------
    task : Task
        What to do.
    cube : HyperCube or None
        With what; of two cubes the sharper, or the result.
    other : HyperCube or None
        The reference or the source.
    spectrum : Spectrum or None
        What pixels are compared with.
    wavelengths : tuple of float
        The two bands of a ratio or difference, in nanometres.
    scale : int
        Pixels of the cube for each of its source.
    region : Region or None
        The part of the source that the cube covers.
    """

    task: Task
    cube: HyperCube | None
    other: HyperCube | None = None
    spectrum: Spectrum | None = None
    wavelengths: tuple[float, float] = (0.0, 0.0)
    scale: int = 1
    region: Region | None = None

    def fault(self) -> str:
        """Return what keeps this from being done, in one sentence; empty where nothing does."""
        if self.cube is None:
            return NO_CUBE
        if self.task in OF_TWO_CUBES and self.other is None:
            if self.task is Task.COMPARE:
                return f"Choose the reference of '{self.cube.name}'."
            return f"Choose the cube that '{self.cube.name}' was made from."
        if self.task in OF_A_SPECTRUM and self.spectrum is None:
            return (
                "Pick a pixel, mark a point in a Points layer, or choose a spectrum from a library."
            )
        try:
            for steps in self._parts(never):
                with closing(steps):
                    next(steps)  # no core function reads pixels before its first event
        except UserError as error:
            return str(error)
        return ""

    def steps(self, cancelled: Callable[[], bool]) -> Steps[Outcome]:
        """Do it; yield the core's progress."""
        assert self.cube is not None
        if self.task is Task.CONSISTENCY:
            return self._consistent((yield from self._consistency(cancelled)))
        maps = []
        for part in self._maps(cancelled):
            maps.append((yield from part))  # noqa: PERF401 - a comprehension yields nothing
        if self.task is Task.COMPARE:
            error, angle = maps
            return self._compared(error, angle, (yield from self._comparison(cancelled)))
        (values,) = maps
        if self.task in OF_TWO_BANDS:
            return Outcome([self._of_two_bands(values)], words=_spread(values))
        assert self.spectrum is not None
        is_angle = self.task is Task.ANGLE
        name = (
            f"{self.cube.name}: {'angle (°)' if is_angle else 'distance'} to {self.spectrum.name}"
        )
        unit = "°" if is_angle else f" in {self.cube.quantity or 'the units of the cube'}"
        words = _spread(values, unit)
        if not is_angle and self._is_on_other_scale(values):
            words = f"{words} {OTHER_SCALE}"
        return Outcome([Map(values, name, ANGLE)], words=words)

    def _is_on_other_scale(self, distances: np.ndarray) -> bool:
        """Tell whether the spectrum and the pixel of middling distance differ by their scales."""
        assert self.cube is not None
        assert self.spectrum is not None
        if not np.isfinite(distances).any():
            return False
        place = np.nanargmin(np.abs(distances - np.nanmedian(distances)))
        y, x = np.unravel_index(place, distances.shape)
        pixel = point_spectrum(self.cube, int(y), int(x))[self.cube.usable_bands]
        return on_different_scales(pixel, self.spectrum.valid_values)

    def _parts(self, cancelled: Callable[[], bool]) -> list[Steps[object]]:
        """Return the core's jobs that this one is made of."""
        if self.task is Task.CONSISTENCY:
            return [self._consistency(cancelled)]
        if self.task is Task.COMPARE:
            return [*self._maps(cancelled), self._comparison(cancelled)]
        return [*self._maps(cancelled)]

    def _maps(self, cancelled: Callable[[], bool]) -> list[Steps[np.ndarray]]:
        assert self.cube is not None
        cube, other = self.cube, self.other
        if self.task in OF_A_SPECTRUM:
            assert self.spectrum is not None
            steps = angle_map_steps if self.task is Task.ANGLE else distance_map_steps
            return [steps(cube, self.spectrum, cancelled=cancelled)]
        if self.task in OF_TWO_BANDS:
            of_bands = band_ratio_steps if self.task is Task.RATIO else normalised_difference_steps
            return [of_bands(cube, *self.wavelengths, cancelled=cancelled)]
        assert other is not None
        return [
            error_map_steps(cube, other, cancelled=cancelled),
            angle_between_steps(cube, other, cancelled=cancelled),
        ]

    def _comparison(self, cancelled: Callable[[], bool]) -> Steps[Comparison]:
        assert self.cube is not None
        assert self.other is not None
        return compare_steps(self.cube, self.other, cancelled=cancelled)

    def _consistency(self, cancelled: Callable[[], bool]) -> Steps[Consistency]:
        assert self.cube is not None
        assert self.other is not None
        return consistency_steps(
            self.cube, self.other, self.scale, region=self.region, cancelled=cancelled
        )

    def _of_two_bands(self, values: np.ndarray) -> Map:
        assert self.cube is not None
        assert self.cube.wavelengths is not None
        a, b = (rounded(self.cube.wavelengths[band_near(self.cube, x)]) for x in self.wavelengths)
        if self.task is Task.RATIO:
            return Map(values, f"{self.cube.name}: {a} / {b} nm", PLAIN)
        return Map(values, f"{self.cube.name}: ({a} − {b}) / ({a} + {b}) nm", SIGNED)

    def _compared(self, error: np.ndarray, angle: np.ndarray, comparison: Comparison) -> Outcome:
        assert self.cube is not None
        assert self.other is not None
        name, other = self.cube.name, self.other.name
        quality = comparison.quality
        figures = {key: getattr(quality, key) for key in METRICS if key != "rmse"}
        maps = [
            Map(error, f"{name} against {other}: RMSE", ERROR),
            Map(angle, f"{name} against {other}: angle (°)", ANGLE),
        ]
        words = f"'{name}' against '{other}': RMSE {quality.rmse:.4g}."
        return Outcome(maps, figures, comparison.psnr, " ".join((words, *comparison.remarks)))

    def _consistent(self, found: Consistency) -> Outcome:
        assert self.cube is not None
        assert self.other is not None
        name, other = self.cube.name, self.other.name
        figures = {"psnr": found.psnr, "sam": found.angle, "rmse": found.rmse}
        maps = [
            Map(found.error_map, f"{name} against its source: RMSE", ERROR, on_other=True),
            Map(found.angle_map, f"{name} against its source: angle (°)", ANGLE, on_other=True),
        ]
        how = {
            AREA: "pixel averaging",
            CUBIC: "cubic interpolation",
            BLUR: f"the sensor's blur (σ {found.sigma:.2f} pixels)",
        }
        words = (
            f"'{name}', reduced ×{self.scale} by {how[found.reduction]}, differs from"
            f" '{other}' by an RMSE of {found.rmse:.3g} and a spectral angle of {found.angle:.2f}°."
        )
        return Outcome(maps, figures, words=" ".join((words, *found.remarks)))


def labelled(values: np.ndarray, threshold: float, above: bool) -> np.ndarray:
    """Return labels of a map: 1 where it is at most, or at least, a threshold, else 0."""
    with np.errstate(invalid="ignore"):
        chosen = values >= threshold if above else values <= threshold
    return chosen.astype(np.uint8)


def _spread(values: np.ndarray, unit: str = "") -> str:
    valid = values[np.isfinite(values)]
    if not valid.size:
        return "No pixel has a valid value."
    ends = (valid.min(), valid.max(), np.median(valid))
    low, high, middle = (f"{x:.2f}" if unit == "°" else f"{x:.4g}" for x in ends)
    if unit == "°":
        return f"From {low}° to {high}°, median {middle}°."
    return f"From {low} to {high}, median {middle}{unit}."


def _limits(values: np.ndarray, colormap: str) -> tuple[float, float]:
    valid = values[np.isfinite(values)]
    if not valid.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(valid, PERCENTILES))
    if colormap == SIGNED:  # its middle colour is zero
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    elif colormap in (ERROR, ANGLE):
        low = 0.0
    return (low, high) if low < high else (low, low + 1.0)
