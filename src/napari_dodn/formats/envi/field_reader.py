"""Takes the fields out of an ENVI header one by one, as texts, lists and numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from napari_dodn.formats.envi.header import Fields
from napari_dodn.formats.wavelengths.spelt import Numbers, numbers_in, numbers_in_names
from napari_dodn.spectra.decimal_commas import with_points
from napari_dodn.wording import counted

WIDTHS = ("fwhm", "bandwidth", "bandwidths", "band width", "band widths")
"""Names of the widths of bands, which neither rise nor fall all along."""


OF_WINDOWS = re.compile(r"([-+]?)1\.#(IND|QNAN|SNAN|INF)0*", re.IGNORECASE)
"""How older software of Windows writes what is no number, or infinite."""


class FieldReader:
    """Takes fields out of a header one by one; what is never taken is the cube's metadata."""

    def __init__(self, fields: Fields, whose: str = "The header's") -> None:
        self.fields = dict(fields)
        self.whose = whose
        self.notes: list[str] = []

    def text(self, name: str, between: str = ", ") -> str | None:
        """Return a field's value as one string, or None where there is none."""
        value = self._value(name)
        if value is None:
            return None
        return between.join(value) if isinstance(value, list) else value

    def items(self, name: str) -> list[str] | None:
        """Return a field's value as a list, or None where there is none."""
        value = self._value(name)
        if isinstance(value, str):
            return [item.strip() for item in value.split(",")] if value else None
        return value

    def numbers(
        self,
        name: str,
        count: int | None = None,
        words: Mapping[str, str] = MappingProxyType({}),
        *,
        often_single: bool = False,
    ) -> np.ndarray | None:
        """Return a field's value as numbers, for which words may stand.

        Two numbers around a comma are one with a decimal comma where it is `often_single`.
        Returns None, with a note, where they are none or not `count`, the number of bands.
        """
        items = self.items(name)
        if items is None:
            return None
        try:
            parts = _without_comments(items)
            values = np.array([float(words.get(part.casefold(), part)) for part in parts])
        except ValueError:
            self.notes.append(f"{self.whose} '{name}' is left out, since it is not only numbers.")
            return None
        usual = 1 if often_single else count
        if usual is not None and values.size != usual:
            values = self._with_decimal_commas(name, usual, values)
        return values if self._are(values, name, count) else None

    def _with_decimal_commas(self, name: str, count: int, values: np.ndarray) -> np.ndarray:
        """Return numbers between semicolons, or a single one without braces; else the values."""
        text = self.text(name, ",") or ""
        if isinstance(self._value(name), list) and ";" not in text:
            return values
        parts = [part for part in re.split(r"[;\s]+", with_points(text) or text) if part]
        try:
            return np.array(parts, np.float64) if len(parts) == count else values
        except ValueError:
            return values

    def numbers_with_unit(self, name: str, count: int) -> Numbers | None:
        """Return what `numbers` does of wavelengths or widths, in any of their spellings."""
        text = self.text(name, ",")
        if not text and text is not None and not isinstance(self._value(name), list):
            return None
        numbers = None if text is None else numbers_in(text, count, ordered=name not in WIDTHS)
        if text is not None and numbers is None:
            named = numbers_in_names(self.items(name) or [])  # as in "Band 1: 450.0"
            if named is not None and np.isfinite(named.values).all():
                numbers = Numbers(named.values, named.unit)
        if text is not None and numbers is None:
            self.notes.append(f"{self.whose} '{name}' is left out, since it is not only numbers.")
        return None if numbers is None or not self._are(numbers.values, name, count) else numbers

    def _are(self, values: np.ndarray, name: str, count: int | None) -> bool:
        """Tell whether numbers are as many as bands; else note that they are left out."""
        if count is None or values.size == count:
            return True
        self.notes.append(
            f"{self.whose} '{name}' is left out, since it has {values.size} values "
            f"for {counted(count, 'band')}."
        )
        return False

    def done(self, *names: str) -> None:
        """Take fields out that are fully held by attributes now."""
        gone = set(map(_folded, names))
        self.fields = {k: v for k, v in self.fields.items() if _folded(k) not in gone}

    def _value(self, name: str) -> str | list[str] | None:
        for key, value in self.fields.items():
            if _folded(key) == _folded(name):
                return value
        return None


def _without_comments(items: list[str]) -> list[str]:
    """Return the numbers of a list that may have brackets around it and comments in it."""
    lines = OF_WINDOWS.sub(_in_plain_words, ",".join(items)).split("\n")
    text = "\n".join(re.split("[;#]", line)[0] for line in lines)
    return [part for part in re.split(r"[,\s]+", text.strip(" \t\n[]()\"'")) if part]


def _in_plain_words(match: re.Match[str]) -> str:
    return f"{match[1]}inf" if match[2].upper() == "INF" else "nan"


def _folded(name: str) -> str:
    """Return a name so that letter case, and lines below in place of blanks, do not count."""
    return name.casefold().replace("_", " ")
