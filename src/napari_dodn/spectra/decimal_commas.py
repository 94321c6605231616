"""Commas in lists of numbers: between two of them, or in one of them in place of a point."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[;:\s]+|,(?!\d)")
_NUMBER = re.compile(r"[-+]?\d+(?:,\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_COMMA = re.compile(r"(?<=\d),(?=\d)")


def with_points(text: str) -> str | None:
    """Return a list with points for its decimal commas; None where its commas cannot be decimal.

    A decimal comma stands between two digits, and only one in a number. Semicolons, colons, blanks
    and commas before blanks separate: "450,5; 460,5" or "450,5, 460,5".
    """
    parts = [part for part in _SEPARATORS.split(text) if part]
    if not _COMMA.search(text) or not all(map(_NUMBER.fullmatch, parts)):
        return None
    return _COMMA.sub(".", text)
