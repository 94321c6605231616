"""Bad values: fill values that the file does not state, and glitches. The one owner of the rule.

`BadValueSearch` reads a sample of a cube in blocks; its result, `BadValues`, marks the bad values
in any part of the cube. Only numpy is needed, so that readers and panels may ask as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

CUSTOMARY = (
    *(-999.0, -9999.0, -99999.0, -999999.0, -32767.0, -32768.0, 65535.0),
    *(-2147483647.0, -2147483648.0, 4294967295.0),
    *(1e20, -1e20, 1e30, -1e30, -1e31, -1e34, 1e35, -1e35, 9.969209968386869e36),
)
"""Values that stand for "nothing measured here" in many files; see also `LARGEST`."""

LARGEST = 3.3e38
"""Beyond this, a value is the largest float32 or float64 in one of its spellings: no data."""

SHORTENED_FROM = 1e9
"""From this size on, a stated no-data value may be shortened, as by C's %g to six digits."""

SHORTENED = 1e-5
"""How far, relatively, a shortened number may be from the value that is stored."""

SATURATED = (65535.0, 4294967295.0)
"""Customary fill values that a saturated detector gives as well."""

SATURATION_GAP = 2.0
"""How much farther from the median than all others one of `SATURATED` lies where it is a fill."""

GAP = 30.0
"""A value is far outside where it is so many times as far from the median as the next nearer one.

A gap, not a multiple of the spread: a dark background makes the spread of ordinary scenes tiny.
"""

UNSEEN_GAP = GAP**2
"""The same for values that the sample missed: what lies between may have been missed as well."""

GLITCH_SHARE = 0.01
"""More values of a band than this are no glitches."""

FILL_BANDS = 0.9
"""Share of the bands of a pixel that a fill value fills."""

FILL_PIXELS = 0.001
"""Share of the pixels that a fill value is found in."""

FILL_ROUNDS = 4
"""How often a search looks again for fill values behind those that it has found."""

FLAT_STEPS = 4
"""Deviations of so many steps of float32 are rounding."""

MOST_VALUES = 32 * 2**20
"""Values that a search keeps; of more it keeps every second pixel, every fourth …"""

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
        "assumed": customary, and so treated as no-data. "suspected": far outside, so worth asking.
        "told": zero or saturation, which are measurements for all that is known.
    """

    value: float
    share: float
    kind: FillKind

    @property
    def in_words(self) -> str:
        """How many pixels hold it, as the beginning of a sentence."""
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
        Values below or above are glitches; shape (bands,), infinite where nothing would be one.
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
            stored = _as_kept(pixels)
            for value in self.no_data_values:
                marked |= stored == _same_type(value, stored.dtype)
        return marked

    def glitches(self, pixels: np.ndarray) -> np.ndarray:
        """Return True for each value that is far outside of its band; see `mask`.

        Far outside lie assumed no-data values, too; `no_data` tells them apart.
        """
        marked = np.zeros(pixels.shape, bool)
        lower, upper = self.lower, self.upper
        if pixels.dtype.kind in "iub":
            limits = np.iinfo(pixels.dtype if pixels.dtype.kind != "b" else np.uint8)
            concerned = (lower > limits.min) | (upper < limits.max)
        else:
            concerned = np.isfinite(lower) | np.isfinite(upper)
        for band in np.flatnonzero(concerned):
            low, high = _outermost(lower[band], upper[band], pixels.dtype)
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
            What was marked in the whole cube. Without it the shares are those of the sample, and
            nothing is said of glitches.
        bad_only : bool
            Whether to say nothing of zero and saturation, which are measurements for all that is
            known.
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
            said.append("1 value far outside was left out.")
        elif count is not None and count.glitches:
            said.append(f"{count.glitches:,} values far outside were left out.")
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


class BadValueSearch:
    """Looks for bad values in a cube that comes in blocks.

    A *fill value* is the lowest or highest value of a band, exactly equal in at least 90 % of the
    bands of a pixel and in at least 0.1 % of the pixels, and either customary or beyond a gap.
    A *glitch* lies beyond a gap, with at most 1 % of its band. A gap is a factor of 30 between a
    value's distance from the median and the next smaller one. Nothing else is bad.

    Parameters
    ----------
    dtype : dtype-like, optional
        Type that the source stores; that of the blocks where left out. In whole numbers, a
        deviation of 1 is rounding.

    Notes
    -----
    It keeps at most `MOST_VALUES` values, of 4 bytes at most. Glitches that the sample missed are
    those beyond the geometric middle of its gap or, where it has none, those 900 times as far from
    the median as all of it.
    """

    def __init__(self, dtype: Any = None) -> None:
        self._whole_numbers = None if dtype is None else np.dtype(dtype).kind in "iub"
        self._blocks: list[np.ndarray] = []
        self._kept = 0
        self._step = 1

    def add(self, block: np.ndarray) -> None:
        """Take (bands, ...) stored values; in floating point NaN is an invalid one."""
        if self._whole_numbers is None:
            self._whole_numbers = block.dtype.kind in "iub"
        values = block.reshape(len(block), -1)[:, :: self._step]
        kept = _as_kept(values)
        if np.shares_memory(kept, block):
            kept = kept.copy()
        self._blocks.append(kept)
        self._kept += kept.size
        while self._kept > MOST_VALUES and max(b.shape[1] for b in self._blocks) > 1:
            self._blocks = [b[:, ::2].copy() for b in self._blocks]
            self._kept = sum(b.size for b in self._blocks)
            self._step *= 2

    def result(self) -> BadValues:
        """Return what is bad by all that was added."""
        fills: list[FillValue] = []
        no_data: list[float] = []
        spreads = self._spreads(no_data)
        for _ in range(FILL_ROUNDS):
            found = self._new_fills(spreads, [fill.value for fill in fills], no_data)
            fills += found
            assumed = [fill.value for fill in found if fill.kind == "assumed"]
            if not assumed:
                break
            no_data += assumed
            spreads = self._spreads(no_data)
        return BadValues(
            np.array([spread.lower for spread in spreads]),
            np.array([spread.upper for spread in spreads]),
            tuple(fills),
        )

    def _bands(self, without: Iterable[float]) -> Iterable[np.ndarray]:
        """Yield the valid values of each band."""
        for band in range(len(self._blocks[0]) if self._blocks else 0):
            values = np.concatenate([block[band] for block in self._blocks])
            if values.dtype.kind == "f" and not np.isfinite([values.min(), values.max()]).all():
                values = values[np.isfinite(values)]
            for value in without:
                same = values == _same_type(value, values.dtype)
                values = values[~same] if same.any() else values
            yield values

    def _spreads(self, without: Iterable[float]) -> list[_Spread]:
        return [_spread(values, bool(self._whole_numbers)) for values in self._bands(without)]

    def _new_fills(
        self, spreads: list[_Spread], known: list[float], no_data: list[float]
    ) -> list[FillValue]:
        """Return fill values that are not known yet."""
        alive = np.array([spread.lowest < spread.highest for spread in spreads], bool)
        if not alive.any():
            return []
        fills = []
        for value in _shared_extremes(spreads, alive):
            if value in known:
                continue
            share = self._share_filled(value, alive)
            if share < FILL_PIXELS:
                continue
            kind = self._kind_of(value, spreads, no_data)
            if kind is not None:
                fills.append(FillValue(value, share, kind))
        return fills

    def _share_filled(self, value: float, alive: np.ndarray) -> float:
        """Return the share of the pixels in which a value fills the bands that are alive."""
        enough = FILL_BANDS * np.count_nonzero(alive)
        filled = 0
        for block in self._blocks:
            equal = block == _same_type(value, block.dtype)
            filled += int(np.count_nonzero(equal[alive].sum(axis=0) >= enough))
        return filled / sum(block.shape[1] for block in self._blocks)

    def _kind_of(
        self, value: float, spreads: list[_Spread], no_data: list[float]
    ) -> FillKind | None:
        if value == 0:
            return "told"
        if _customary(value) and value not in SATURATED:
            return "assumed"
        ratios = np.array(
            [
                rest.times_outside(value)
                for rest in self._spreads([*no_data, value])
                if rest.lowest <= rest.highest
            ]
        )
        if not ratios.size:
            return None
        ratio = float(np.quantile(ratios, 1 - FILL_BANDS))
        if value in SATURATED:
            return "assumed" if ratio >= SATURATION_GAP else "told"
        if ratio >= GAP:
            return "suspected"
        alive = [spread.highest for spread in spreads if spread.lowest < spread.highest]
        return "told" if alive.count(value) >= len(alive) / 2 else None


class _Spread(NamedTuple):
    """How the values of a band lie; NaN in a band without values."""

    median: float
    size: float
    """Distance from the median of the last value before the gap, never less than rounding."""
    reach: float
    """Distance from the median beyond which values are glitches."""
    lowest: float
    highest: float
    lowest_plausible: float
    highest_plausible: float

    @property
    def lower(self) -> float:
        return self.median - self.reach if np.isfinite(self.reach) else -np.inf

    @property
    def upper(self) -> float:
        return self.median + self.reach if np.isfinite(self.reach) else np.inf

    def times_outside(self, value: float) -> float:
        """Return how many times as far from the median a value lies as all plausible ones."""
        return abs(value - self.median) / self.size if self.size else 0.0


def _spread(values: np.ndarray, whole_numbers: bool) -> _Spread:
    """Return how the finite values of a band lie, shape (n,)."""
    count = len(values)
    if not count:
        return _Spread(*[np.nan] * 7)._replace(reach=np.inf)
    lowest, highest = float(values.min()), float(values.max())
    median = float(np.partition(values, count // 2)[count // 2])
    farthest = max(highest - median, median - lowest)
    rounding = FLAT_STEPS * float(np.spacing(np.float32(abs(median))))
    if whole_numbers:
        rounding = max(rounding, 1.0)
    # Of what is all rounding, only the level tells what size is ordinary; at zero nothing does.
    level = abs(median)
    most = int(GLITCH_SHARE * count)
    size, gap = farthest, np.inf
    if farthest > rounding and _beyond(values, median, farthest / GAP) <= most:
        distance = np.abs(values.astype(np.float64) - median)
        distance.partition(count - 1 - most)
        tail = np.sort(distance[count - 1 - most :])
        ordinary = np.where(tail[:-1] > rounding, tail[:-1], level)
        far = np.flatnonzero((ordinary > 0) & (tail[1:] >= GAP * ordinary))
        if far.size:
            size = float(ordinary[far[0]])
            gap = float(tail[far[0] + 1]) / size
    if size <= rounding:
        size = level
    reach = size * min(np.sqrt(gap), UNSEEN_GAP) if size else np.inf
    low, high = lowest, highest
    if np.isfinite(gap):
        plausible = values[np.abs(values.astype(np.float64) - median) <= reach]
        low, high = float(plausible.min()), float(plausible.max())
    return _Spread(median, size, reach, lowest, highest, low, high)


def _beyond(values: np.ndarray, median: float, distance: float) -> int:
    """Count values farther from the median than a distance."""
    low, high = _outermost(median - distance, median + distance, values.dtype)
    return int(np.count_nonzero(values < low) + np.count_nonzero(values > high))


def _shared_extremes(spreads: list[_Spread], alive: np.ndarray) -> list[float]:
    """Return values that are the lowest, or the highest, of half of the bands at least.

    Half, not `FILL_BANDS`: a glitch may lie beyond the fill value in some.
    """
    shared: list[float] = []
    ordered = np.array(spreads)[alive]
    for name, plausible in (("lowest", "lowest_plausible"), ("highest", "highest_plausible")):
        ends = ordered[:, [_Spread._fields.index(name), _Spread._fields.index(plausible)]]
        ends[ends[:, 0] == ends[:, 1], 1] = np.nan
        values, counts = np.unique(ends[np.isfinite(ends)], return_counts=True)
        shared += [v for v in values[counts >= len(ordered) / 2].tolist() if v not in shared]
    return shared


def _customary(value: float) -> bool:
    return abs(value) > LARGEST or bool(np.isclose(value, CUSTOMARY, rtol=1e-6, atol=0).any())


def _as_kept(values: np.ndarray) -> np.ndarray:
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


def _same_type(value: float, dtype: np.dtype) -> Any:
    """Return a value to compare arrays of a type with, without widening them."""
    if dtype.kind == "f":
        return np.float32(value)
    limits = np.iinfo(dtype)
    fits = limits.min <= value <= limits.max and value == int(value)
    return dtype.type(int(value)) if fits else value


def _outermost(lower: float, upper: float, dtype: np.dtype) -> tuple[Any, Any]:
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
