"""What a cube looks like: true colour if it covers the visible range, false colour if not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil, sqrt
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.jobs import Progress, Steps, never, result_of, stop_if
from napari_dodn.spectra.colorimetry import (
    ILLUMINANTS,
    XYZ_TO_LINEAR_SRGB,
    adaptation,
    colour_matching,
    relative_power,
    srgb_gamma,
)
from napari_dodn.spectra.shown_bands import (
    INFRARED,
    NATURAL,
    bands_near,
    composite_bands,
    nearest_bands,
    visible_bands,
)
from napari_dodn.spectra.steps import quantity_of

BLOCK_VALUES = 4_000_000
"""Values that are held at once while a large cube is read."""

MOST_VALUES = 4 * BLOCK_VALUES
"""Values that may be held at once where chunks would be read twice with fewer."""

FEW_BANDS = 3
"""So few are read one by one, without those between them."""


class Mode(StrEnum):
    """What is shown as red, green and blue."""

    AUTOMATIC = "automatic"
    TRUE_COLOUR = "true colour"
    INFRARED = "colour infrared"
    SWIR = "short-wave infrared"
    AGRICULTURE = "agriculture"
    THREE_BANDS = "three bands"
    ONE_BAND = "one band"


CHANNELS = {Mode.THREE_BANDS: 3, Mode.ONE_BAND: 1}
"""How many wavelengths have to be named for a mode."""

LEVELS = 6
"""Black and white of three channels."""

COMPOSITES = {
    Mode.INFRARED: (INFRARED,),
    Mode.SWIR: ((2200.0, 860.0, 650.0), (2200.0, 1650.0, 1050.0)),
    Mode.AGRICULTURE: ((1610.0, 860.0, 490.0),),
}
"""Wavelengths shown as red, green and blue; the first triple that a cube has is taken."""


class Stretch(StrEnum):
    """How values become brightness."""

    AUTOMATIC = "automatic"
    """From zero, with one white for all channels, for true colour; else each band for itself."""
    EACH = "each band"
    COMMON = "all bands alike"


class ColourError(UserError):
    """A picture that cannot be made of a cube."""


@dataclass(frozen=True)
class Rendering:
    """How a picture of a cube is made.

    Attributes
    ----------
    mode : Mode
        What is shown as red, green and blue.
    illuminant : str
        For true colour: the CIE illuminant under which a surface is seen by an eye that is adapted
        to it, so that white stays white. For radiance, it is the light of the scene.
    channels : tuple of float
        For `THREE_BANDS` and `ONE_BAND`: wavelengths in nanometres, or bands counted from 0 if the
        cube has no wavelengths. The nearest band that is not bad is taken.
    stretch : Stretch
        How values become brightness.
    clip : float
        Percentage of the pixels that become black; as many become white.
    gamma : float
        Above 1, it brightens the midtones.
    levels : tuple of float
        The values that become black in red, green and blue, then those that become white, as
        `Rendered.levels` has them, so that two cubes can be compared. If empty, `stretch` and
        `clip` find them in the cube.

    Raises
    ------
    ColourError
        If an attribute is out of its range, or the mode needs another number of channels.
    """

    mode: Mode = Mode.AUTOMATIC
    illuminant: str = "D65"
    channels: tuple[float, ...] = ()
    stretch: Stretch = Stretch.AUTOMATIC
    clip: float = 0.5
    gamma: float = 1.0
    levels: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", Mode(self.mode))
        object.__setattr__(self, "stretch", Stretch(self.stretch))
        for name in ("channels", "levels"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        if self.illuminant not in ILLUMINANTS:
            raise ColourError(
                f"'{self.illuminant}' is not an illuminant; choose one of {', '.join(ILLUMINANTS)}."
            )
        needed = CHANNELS.get(self.mode, len(self.channels))
        if len(self.channels) != needed:
            raise ColourError(f"The mode '{self.mode}' needs {needed} in 'channels'.")
        if not 0 <= self.clip < 50:
            raise ColourError(f"'clip' is {self.clip:g} per cent; it must be from 0 to below 50.")
        if not self.gamma > 0:
            raise ColourError(f"'gamma' is {self.gamma:g}; it must be above 0.")
        if len(self.levels) not in (0, LEVELS):
            raise ColourError(f"'levels' has {len(self.levels)} values; it must have {LEVELS}.")

    def plain(self) -> dict[str, Any]:
        """Return the attributes in plain types, from which `Rendering(**plain)` is made again."""
        fields = asdict(self)
        return {**fields, "mode": self.mode.value, "stretch": self.stretch.value}


class Shown(NamedTuple):
    """What a rendering comes to for one cube."""

    is_true: bool
    """Whether colours are those that an eye would see."""
    bands: np.ndarray
    """The bands from 0: all that the eye sees, by wavelength, or those for red, green and blue."""


def thinning(shape: tuple[int, int], max_pixels: int | None) -> int:
    """Return n such that every n-th row and column of an image is about `max_pixels` pixels."""
    if max_pixels is None:
        return 1
    return max(1, ceil(sqrt(shape[0] * shape[1] / max_pixels)))


def render(
    cube: HyperCube, max_pixels: int | None = None, rendering: Rendering | None = None
) -> np.ndarray:
    """Return a picture of a cube for the screen.

    By default, if the usable bands cover the visible range, the picture shows what the CIE 1931 2°
    observer sees, in sRGB: reflectance in daylight, radiance in its own light. Otherwise three
    bands are shown as red, green and blue: the cube's `default_bands`, natural colours or colour
    infrared if bands are near enough, or three bands spread over the range. Bad bands are not used,
    unless all are marked bad.

    Parameters
    ----------
    cube : HyperCube
        May be memory-mapped; only the bands that are shown are read.
    max_pixels : int, optional
        A larger cube is thinned to about that many pixels: see `thinning`.
    rendering : Rendering, optional
        What to show, and how.

    Returns
    -------
    numpy.ndarray
        uint8, shape (y, x, 3). Pixels without a valid value in every band shown are black.

    Raises
    ------
    ColourError
        If the cube has no bands for what is asked.
    """
    return result_of(render_steps(cube, max_pixels, rendering)).rgb


class Rendered(NamedTuple):
    """A picture of a cube."""

    rgb: np.ndarray
    """uint8, shape (y, x, 3)."""
    levels: tuple[float, ...]
    """What became black and white, as `Rendering` takes it."""


def render_steps(
    cube: HyperCube,
    max_pixels: int | None = None,
    rendering: Rendering | None = None,
    *,
    cancelled: Callable[[], bool] = never,
) -> Steps[Rendered]:
    """Do what `render` does, and yield the progress of reading."""
    rendering = rendering or Rendering()
    channels = yield from channels_steps(cube, max_pixels, rendering, cancelled=cancelled)
    levels = levels_of(channels, rendering)
    return Rendered(toned(channels, rendering, levels), tuple(np.ravel(levels).tolist()))


Levels: TypeAlias = tuple[np.ndarray, np.ndarray]
"""The values that become black and white in each channel, shape (3, 1, 1) each."""


@dataclass(frozen=True, eq=False)
class Channels:
    """Red, green and blue of a cube before they become brightness: sums of its bands.

    Attributes
    ----------
    values : numpy.ndarray
        Shape (3, y, x); NaN where a band that is shown is invalid.
    is_true : bool
        Whether they are the linear light that an eye would see.
    """

    values: np.ndarray
    is_true: bool


def channels_steps(
    cube: HyperCube,
    max_pixels: int | None,
    rendering: Rendering,
    *,
    cancelled: Callable[[], bool] = never,
) -> Steps[Channels]:
    """Read the channels of a rendering, thinned as for `render`; yield the progress of reading."""
    step = thinning(cube.shape[1:], max_pixels)
    is_true, bands = shown(cube, rendering)
    weights = np.ones((3, 1)) if bands.size == 1 else np.eye(3)
    if is_true:
        weights = XYZ_TO_LINEAR_SRGB @ _xyz_weights(cube, bands, rendering.illuminant)
    blocks = []
    for row, block in _weighted_blocks(cube, bands, weights, step):
        blocks.append(block)
        yield Progress(row, cube.shape[1], "Reading")
        stop_if(cancelled)
    return Channels(np.concatenate(blocks, axis=1), is_true)


def levels_of(channels: Channels, rendering: Rendering) -> Levels:
    """Return what becomes black and white: the rendering's levels, else those of the channels."""
    if rendering.levels:
        low, high = np.reshape(rendering.levels, (2, 3, 1, 1))
        return low, high
    values = channels.values
    valid = values[:, ~np.isnan(values).any(axis=0)]
    low, high = np.zeros((3, 1, 1)), np.ones((3, 1, 1))
    if not valid.size:
        return low, high
    ends = rendering.clip, 100 - rendering.clip
    if rendering.stretch is Stretch.AUTOMATIC and channels.is_true:
        high[:] = np.percentile(valid.max(axis=0), ends[1])
    elif rendering.stretch is Stretch.COMMON:
        low[:], high[:] = np.percentile(valid, ends)
    else:
        low, high = np.percentile(valid, ends, axis=1)[..., None, None]
    return low, high


def toned(channels: Channels, rendering: Rendering, levels: Levels) -> np.ndarray:
    """Return the picture of channels between levels, uint8, shape (y, x, 3)."""
    low, high = levels
    bright = np.clip((channels.values - low) / np.where(high > low, high - low, 1), 0, 1)
    bright = np.where(np.isnan(bright).any(axis=0), 0.0, bright)
    if channels.is_true:
        bright = srgb_gamma(bright)
    bright = bright ** (1 / rendering.gamma)
    return np.ascontiguousarray(np.moveaxis(np.rint(bright * 255).astype(np.uint8), 0, -1))


def shown(cube: HyperCube, rendering: Rendering) -> Shown:
    """Return the bands that a rendering shows of a cube.

    Raises
    ------
    ColourError
        If the cube has no bands for what is asked.
    """
    mode = rendering.mode
    if mode in CHANNELS:
        return Shown(False, nearest_bands(cube, rendering.channels))
    if mode in COMPOSITES:
        for wanted in COMPOSITES[mode]:
            if (near := bands_near(cube, wanted)) is not None:
                return Shown(False, near)
        raise ColourError(_lacks(cube, mode, COMPOSITES[mode][0]))
    bands = visible_bands(cube)
    if bands.size:
        return Shown(True, bands)
    if mode is Mode.AUTOMATIC:
        return Shown(False, composite_bands(cube))
    if (near := bands_near(cube, NATURAL)) is not None:
        return Shown(False, near)
    raise ColourError(_lacks(cube, mode, NATURAL))


def _lacks(cube: HyperCube, mode: Mode, wanted: tuple[float, ...]) -> str:
    if cube.wavelengths is None:
        return f"'{cube.name}' has no wavelengths, which {mode} needs; choose the bands yourself."
    listed = ", ".join(f"{wavelength:g}" for wavelength in wanted)
    return (
        f"'{cube.name}' has no usable bands near {listed} nm, which {mode} needs; choose another"
        " mode."
    )


def _xyz_weights(cube: HyperCube, bands: np.ndarray, illuminant: str) -> np.ndarray:
    """Return how much each band adds to X, Y and Z as seen by an adapted eye, shape (3, bands)."""
    assert cube.wavelengths is not None  # no band is visible without
    centres = cube.wavelengths[bands]
    light = relative_power(centres, illuminant)
    weights = colour_matching(centres) * light * np.gradient(centres)
    weights /= weights[1].sum()
    weights = adaptation(weights.sum(axis=1)) @ weights
    # Radiance carries its light with it: a white sheet in that light is white in both.
    return weights / light if cube.quantity == "radiance" else weights


def _weighted_blocks(
    cube: HyperCube, bands: np.ndarray, weights: np.ndarray, step: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield three weighted sums of bands, shape (3, rows, x), NaN where any band is invalid.

    It goes down the cube in blocks of rows, so that each page of a file with interleaved bands is
    read once, and each chunk of one in chunks. With each block comes the number of rows that are
    done.
    """
    height, width = cube.shape[1:]
    values_of_row = bands.size * ceil(width / step)
    rows = max(1, BLOCK_VALUES // values_of_row) * step
    if hasattr(cube.data, "dask"):
        chunk = cube.data.chunks[1][0]
        if ceil(chunk / step) * values_of_row <= MOST_VALUES:
            rows = max(1, rows // chunk) * chunk
    for row in range(0, height, rows):
        end, first = min(row + rows, height), ceil(row / step) * step
        if first >= end:  # none of its rows is taken
            continue
        place = slice(first, end, step), slice(None, None, step)
        if bands.size <= FEW_BANDS:
            block = np.stack([cube.data[(int(band), *place)] for band in bands])
        else:
            block = np.asarray(cube.data[(bands, *place)])
        part = HyperCube(
            block,
            nodata=cube.nodata,
            gain=None if cube.gain is None else cube.gain[bands],
            offset=None if cube.offset is None else cube.offset[bands],
            scaled=cube.scaled,
        )
        values = quantity_of(part)
        sums = weights @ values.reshape(bands.size, -1)
        yield end, sums.reshape(3, *values.shape[1:])
