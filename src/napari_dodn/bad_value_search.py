"""The search for bad values in a cube: the one owner of the rule what a bad value is.

It reads a sample of the cube in blocks; its result, `BadValues`, marks the bad values in any part.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from napari_dodn.bad_values import (
    LARGEST,
    BadValues,
    FillKind,
    FillValue,
    as_kept,
    outermost,
    same_type,
)

CUSTOMARY = (
    *(-999.0, -9999.0, -99999.0, -999999.0, -32767.0, -32768.0, 65535.0),
    *(-2147483647.0, -2147483648.0, 4294967295.0),
    *(1e20, -1e20, 1e30, -1e30, -1e31, -1e34, 1e35, -1e35, 9.969209968386869e36),
)
"""Values that stand for "nothing measured here" in many files; see also `LARGEST`."""

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

BANDS_AT_ONCE = 32
"""Bands whose values are looked at together."""

MOST_VALUES = 32 * 2**20
"""Values that a search keeps; of more it keeps every second pixel, every fourth …"""


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
        kept = as_kept(values)
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
                same = values == same_type(value, values.dtype)
                values = values[~same] if same.any() else values
            yield values

    def _spreads(self, without: Iterable[float]) -> list[_Spread]:
        whole = bool(self._whole_numbers)
        without = list(without)
        if without or not self._blocks:
            return [_spread(values, whole) for values in self._bands(without)]
        spreads = []
        for first in range(0, len(self._blocks[0]), BANDS_AT_ONCE):
            some = [block[first : first + BANDS_AT_ONCE] for block in self._blocks]
            spreads += _spreads_of(np.concatenate(some, axis=1), whole)
        return spreads

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
            equal = block == same_type(value, block.dtype)
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


def _spreads_of(bands: np.ndarray, whole_numbers: bool) -> list[_Spread]:
    """Return how the values of bands lie, shape (bands, n): `_spread` with fewer calls."""
    if not bands.shape[1]:
        return [_spread(values, whole_numbers) for values in bands]
    lowest, highest = bands.min(axis=1), bands.max(axis=1)
    middle = bands.shape[1] // 2
    median = np.partition(bands, middle, axis=1)[:, middle]
    spreads = []
    for values, *known in zip(bands, lowest, highest, median, strict=True):
        low, high, between = map(float, known)
        if np.isfinite(low) and np.isfinite(high):
            spreads.append(_spread_around(values, whole_numbers, low, high, between))
        else:
            spreads.append(_spread(values[np.isfinite(values)], whole_numbers))
    return spreads


def _spread(values: np.ndarray, whole_numbers: bool) -> _Spread:
    """Return how the finite values of a band lie, shape (n,)."""
    count = len(values)
    if not count:
        return _Spread(*[np.nan] * 7)._replace(reach=np.inf)
    median = float(np.partition(values, count // 2)[count // 2])
    return _spread_around(values, whole_numbers, float(values.min()), float(values.max()), median)


def _spread_around(
    values: np.ndarray, whole_numbers: bool, lowest: float, highest: float, median: float
) -> _Spread:
    """Return how values lie of which lowest, highest and median are known."""
    farthest = max(highest - median, median - lowest)
    rounding = FLAT_STEPS * float(np.spacing(np.float32(min(abs(median), LARGEST))))
    if whole_numbers:
        rounding = max(rounding, 1.0)
    # Of what is all rounding, only the level tells what size is ordinary; at zero nothing does.
    level = abs(median)
    most = int(GLITCH_SHARE * len(values))
    size, gap = farthest, np.inf
    if farthest > rounding and _beyond(values, median, farthest / GAP) <= most:
        distance = np.abs(values.astype(np.float64) - median)
        first = len(values) - 1 - most
        distance.partition(first)
        tail = np.sort(distance[first:])
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
    low, high = outermost(median - distance, median + distance, values.dtype)
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
