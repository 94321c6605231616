"""Bad values: fill values that the file does not state, and glitches, in any part of a cube.

`bad_value_search` finds what is bad in a cube; `BadValues` marks, counts and names it. Only numpy
is needed, so that readers and panels can use it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

LARGEST = 3.3e38
"""Beyond this, a value is the largest float32 or float64 in one of its spellings: no data."""

SHORTENED_FROM = 1e9
"""From this size on, a stated no-data value may be shortened, as by C's %g to six digits."""

SHORTENED = 1e-5
"""How far, relatively, a shortened number may be from the value that is stored."""

FillKind = Literal["assumed", "suspected", "told"]


def equals_no_data(values: np.ndarray, nodata: float) -> np.ndarray:
    """Return True for each value that is the no-data value that a file states.

    The text in a file need not be the stored number. It may be shortened (-3.40282e+38), or the
    number may be one of float32 in pixels of float64.

    Parameters
    ----------
    values : numpy.ndarray
        Stored values of any shape and real type.
    nodata : float
        What the file states; NaN is equal to nothing.
    """
    floats = values.dtype.kind == "f"
    size = abs(nodata)
    with np.errstate(over="ignore"):
        if not np.isfinite(nodata) or size < SHORTENED_FROM:
            if not floats:
                return values == nodata
            # Compared in the stored type: -0.1 in a float32 file is not the double of its text.
            marked = values == values.dtype.type(nodata)
            single = float(np.float32(nodata))
            if values.dtype == np.float64 and single != nodata and np.isfinite(single):
                marked |= values == single
            return marked
        low, high = size * (1 - SHORTENED), size * (1 + SHORTENED)
        if size > LARGEST and floats:
            low, high = LARGEST, np.inf
        if nodata < 0:
            low, high = -high, -low
        if floats:
            low, high = values.dtype.type(low), values.dtype.type(high)
    return (values >= low) & (values <= high)


@dataclass(frozen=True)
class FillValue:
    """A value that fills whole pixels.

    Attributes
    ----------
    value : float
        As stored in the cube, to the precision of float32.
    share : float
        Share of the pixels that it fills.
    kind : str
        "assumed": customary, and so treated as no-data. "suspected": far from all other values, so
        worth a question. "told": zero or saturation, which may well be measurements.
    """

    value: float
    share: float
    kind: FillKind

    @property
    def in_words(self) -> str:
        """The share of the pixels that hold it, as the beginning of a sentence."""
        return f"{_percent(self.share)} of the pixels hold {_number(self.value)}"


LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
LARGEST_OF = {2: float(np.finfo(np.float16).max), 4: LARGEST_FLOAT32}
"""Largest floating point numbers, by their bytes."""


@dataclass(frozen=True)
class BadCount:
    """How many bad values were marked, for the sentences.

    Attributes
    ----------
    glitches : int
        Values far outside.
    filled_pixels : int
        Pixels that hold an assumed no-data value in any band.
    pixels : int
        All pixels that were looked at.
    beyond : int
        Values far outside that float32 does not hold.
    """

    glitches: int = 0
    filled_pixels: int = 0
    pixels: int = 0
    beyond: int = 0

    def __add__(self, other: BadCount) -> BadCount:
        return BadCount(
            self.glitches + other.glitches,
            self.filled_pixels + other.filled_pixels,
            self.pixels + other.pixels,
            self.beyond + other.beyond,
        )


@dataclass(frozen=True, eq=False)
class BadValues:
    """What is bad in a cube.

    Attributes
    ----------
    lower, upper : numpy.ndarray
        Values below or above are glitches; shape (bands,), infinite if there is no bound.
    fill_values : tuple of FillValue
        Fill values that were found; only the assumed ones count as bad.
    """

    lower: np.ndarray
    upper: np.ndarray
    fill_values: tuple[FillValue, ...] = ()

    @property
    def no_data_values(self) -> tuple[float, ...]:
        """Fill values that are treated as no-data."""
        return tuple(fill.value for fill in self.fill_values if fill.kind == "assumed")

    def of_bands(self, bands: slice) -> BadValues:
        """Return what is bad in some bands."""
        return replace(self, lower=self.lower[bands], upper=self.upper[bands])

    def mask(self, pixels: np.ndarray) -> np.ndarray:
        """Return True for each bad value.

        Parameters
        ----------
        pixels : numpy.ndarray
            Stored values, shape (bands, ...). NaN and infinity are known to be invalid, and are
            not marked.
        """
        return self.no_data(pixels) | self.glitches(pixels)

    def no_data(self, pixels: np.ndarray) -> np.ndarray:
        """Return True for each assumed no-data value; see `mask`."""
        marked = np.zeros(pixels.shape, bool)
        if self.no_data_values:
            stored = as_kept(pixels)
            for value in self.no_data_values:
                marked |= stored == same_type(value, stored.dtype)
        return marked

    def glitches(self, pixels: np.ndarray) -> np.ndarray:
        """Return True for each value that is far from the others of its band; see `mask`.

        Assumed no-data values are among them; `no_data` tells them apart.
        """
        marked = np.zeros(pixels.shape, bool)
        lower, upper = self.lower, self.upper
        if pixels.dtype.kind in "iub":
            limits = np.iinfo(pixels.dtype if pixels.dtype.kind != "b" else np.uint8)
            concerned = (lower > limits.min) | (upper < limits.max)
        else:
            concerned = np.isfinite(lower) | np.isfinite(upper)
        for band in np.flatnonzero(concerned):
            low, high = outermost(lower[band], upper[band], pixels.dtype)
            marked[band] = (pixels[band] < low) | (pixels[band] > high)
        if pixels.dtype.kind == "f" and marked.any():
            marked &= np.isfinite(pixels)
        return marked

    def count(self, pixels: np.ndarray) -> BadCount:
        """Count what `mask` marks in (bands, ...) pixels; parts of a cube add up."""
        empty = self.no_data(pixels)
        glitches = self.glitches(pixels) & ~empty
        return BadCount(
            int(np.count_nonzero(glitches)),
            int(np.count_nonzero(empty.any(axis=0))),
            int(np.prod(pixels.shape[1:])),
            int(np.count_nonzero(np.abs(pixels[glitches]) > LARGEST_FLOAT32)),
        )

    def sentences(
        self, count: BadCount | None = None, *, bad_only: bool = False
    ) -> tuple[str, ...]:
        """Say what was found, one sentence each, for a panel, a terminal or a history.

        Parameters
        ----------
        count : BadCount, optional
            What was marked in the whole cube. Without it, the shares are those of the sample, and
            glitches are not mentioned.
        bad_only : bool
            Whether to leave out zero and saturation, which may well be measurements.
        """
        said = []
        assumed = [fill for fill in self.fill_values if fill.kind == "assumed"]
        for fill in assumed:
            share = fill.share
            if count is not None and len(assumed) == 1 and count.pixels:
                share = count.filled_pixels / count.pixels
            where = f" in {_percent(share)} of the pixels" if share else ""
            said.append(f"No-data value {_number(fill.value)} assumed{where}.")
        for fill in self.fill_values:
            number, where = _number(fill.value), f"{_percent(fill.share)} of the pixels"
            if fill.kind == "suspected":
                said.append(
                    f"{fill.in_words}, far from all other values; if it means no data, state it as"
                    " the no-data value."
                )
            elif bad_only:
                continue
            elif fill.kind == "told" and fill.value == 0:
                said.append(f"{where} are 0.")
            elif fill.kind == "told":
                said.append(f"{where} are saturated at {number}.")
        if count is not None and count.glitches == 1:
            said.append("1 outlier was left out.")
        elif count is not None and count.glitches:
            said.append(f"{count.glitches:,} outliers were left out.")
        if count is not None and count.beyond:
            values = "1 value" if count.beyond == 1 else f"{count.beyond:,} values"
            said.append(f"{values} beyond the range of float32 became its largest number.")
        return tuple(said)

    def description(self) -> dict[str, Any]:
        """Return all of it in plain types, fit for JSON; see `described`."""
        return {
            "lower": [None if np.isinf(value) else value for value in self.lower.tolist()],
            "upper": [None if np.isinf(value) else value for value in self.upper.tolist()],
            "fill_values": [vars(fill) for fill in self.fill_values],
        }

    @classmethod
    def described(cls, description: Mapping[str, Any]) -> BadValues:
        """Return what `description` was taken of."""
        lower = [-np.inf if value is None else value for value in description["lower"]]
        upper = [np.inf if value is None else value for value in description["upper"]]
        fills = (FillValue(**fill) for fill in description["fill_values"])
        return cls(np.array(lower, float), np.array(upper, float), tuple(fills))


def as_kept(values: np.ndarray) -> np.ndarray:
    """Return values in at most 4 bytes: short whole numbers as they are, all others as float32.

    So a fill value is equal however it is spelt: 1e20 in float32 is not 1e20 in float64.
    """
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype == np.float32 or (values.dtype.kind in "iu" and values.dtype.itemsize <= 2):
        return values
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if values.dtype.kind == "f" and np.isinf(single).any():
        huge = np.isinf(single) & np.isfinite(values)
        single[huge] = np.copysign(np.finfo(np.float32).max, values[huge])
    return single


def same_type(value: float, dtype: np.dtype) -> Any:
    """Return a value to compare arrays of a type with, without widening them."""
    if dtype.kind == "f":
        return np.float32(value)
    limits = np.iinfo(dtype)
    fits = limits.min <= value <= limits.max and value == int(value)
    return dtype.type(int(value)) if fits else value


def outermost(lower: float, upper: float, dtype: np.dtype) -> tuple[Any, Any]:
    """Return bounds in an array's own type, so that comparing does not widen it."""
    if dtype.kind == "f":
        if dtype.itemsize < 8:
            largest = LARGEST_OF[dtype.itemsize]
            lower = lower if lower > -largest else -np.inf
            upper = upper if upper < largest else np.inf
        return dtype.type(lower), dtype.type(upper)
    if dtype.kind == "b" or dtype.itemsize == 8:
        return lower, upper
    limits = np.iinfo(dtype)
    low = min(max(np.ceil(lower), limits.min), limits.max)
    high = max(min(np.floor(upper), limits.max), limits.min)
    return dtype.type(int(low)), dtype.type(int(high))


def _number(value: float) -> str:
    return f"{value:.10g}" if abs(value) < 1e10 else f"{value:.6g}"


def _percent(share: float) -> str:
    percent = 100 * share
    if percent < 1:
        return f"{percent:.1g} %"
    return f"{percent:.0f} %"
