"""Counts, sizes and lists as parts of sentences, each worded in one way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def counted(count: int, noun: str) -> str:
    """Return a number of things, such as "1 band" or "5 bands"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def shape_in_words(shape: tuple[int, int, int]) -> str:
    """Return the shape of a cube, such as "5 bands of 30 × 40 pixels"."""
    bands, height, width = shape
    return f"{counted(bands, 'band')} of {height} × {width} pixels"


def limit_in_words(value: float) -> str:
    """Return a limit, such as "10,000,000" or "0.5"."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def rounded(value: float, digits: int = 4) -> str:
    """Return a number in so many digits, or in all before its point: "0.55", "1000", "11034"."""
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text else text


def span(low: float, high: float) -> str:
    """Return the ends of a range, such as "400–1000"."""
    return f"{rounded(low)}–{rounded(high)}"


def size_in_words(size: float) -> str:
    """Return a number of bytes in three digits, such as "1.23 GB"; a GB is 10⁹ bytes."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if (amount := size / factor) >= 1:
            return f"{amount:,.{max(0, 3 - len(str(int(amount))))}f} {unit}"
    return counted(int(size), "byte")


def few_of(names: Sequence[object], most: int = 5) -> str:
    """Return the first few of many names, and how many more there are."""
    more = len(names) - most
    return ", ".join(map(str, names[:most])) + f" and {more:,} more" * (more > 0)


def all_of(names: Iterable[object]) -> str:
    """Return names, one at least, with "and" before the last."""
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last


def one_of(names: Iterable[str]) -> str:
    """Return names, one at least, with "or" before the last."""
    *first, last = names
    return f"{', '.join(first)}, or {last}" if first else last
