"""Wavelengths among the vectors of a file, under their many and often misspelt names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from napari_dodn.spectra.units import WAVENUMBER, find_wavelengths

CLEAR_NAMES = (
    "wavelength",
    "wavelengths",
    "lambda",
    "lambdas",
    "centerwavelengths",
    "bandcenters",
    "wavenumbers",
)
VAGUE_NAMES = (
    *("wave", "waves", "wl", "wls", "wvl", "wvls", "wv", "lam", "cw", "cwl", "wavelen", "nm"),
    *("bands", "band", "centers", "center", "centres", "centre"),
)
"""Names of wavelengths; what stands under a vague one must also look like wavelengths."""

FWHM_NAMES = (
    *("fwhm", "fwhms", "fullwidthhalfmax", "fullwidthhalfmaximum", "fullwidthathalfmaximum"),
    *("bandwidths", "bandwidth"),
)

NEAR_MISS = 0.8
"""Likeness, by difflib's ratio, from which a name is taken for a misspelt one."""

LEAST_INTEGER_WAVELENGTH = 200
"""Whole numbers below this under a vague name are numbers of bands."""

UNIT_AT_END = re.compile(r"[_( ](nm|um|µm|nanomet\w+|micromet\w+|ghz|cm-?1)\)?$", re.IGNORECASE)

NOT_WAVELENGTHS = re.compile(
    r"good|bad|^default|flag|valid|mask|uncert|err|width|(?<!wave)number|gain|offset", re.IGNORECASE
)
"""Names of what is said about wavelengths or bands, one by one."""

NAMES_OF_BANDS = re.compile(r"(bands?|channels?)(names?|labels?|descriptions?)?", re.IGNORECASE)
"""Names of what bands are called, in which wavelengths may stand."""


LABELS = re.compile(r"(long|short|standard)?(names?|labels?|titles?|descriptions?)")
"""Names, of letters alone, of what something is called: of bands where there is one for each."""


@dataclass(frozen=True)
class NamedWavelengths:
    """A vector that is called like wavelengths.

    Attributes
    ----------
    name : str
        Of the vector.
    values, unit : numpy.ndarray, str
        As they are stored.
    wavelengths : numpy.ndarray
        In nanometres.
    note : str
        What had to be found out about the unit.
    is_vague : bool
        Whether its name may also mean something else.
    """

    name: str
    values: np.ndarray
    wavelengths: np.ndarray
    unit: str
    note: str
    is_vague: bool = False


def wavelengths_among(
    vectors: Mapping[str, np.ndarray],
    texts: Mapping[str, str],
    lengths: set[int],
    units: Mapping[str, str] = MappingProxyType({}),
) -> NamedWavelengths | None:
    """Return the vector that is most clearly the wavelengths, one of a fitting length first.

    Parameters
    ----------
    vectors : mapping
        Vectors by their names.
    texts : mapping
        Texts by their names, one of which may be a unit.
    lengths : set of int
        Possible numbers of bands.
    units : mapping, optional
        What the file says of the vectors' units, by their names.
    """
    found = all_wavelengths(vectors, texts, units)
    return min(found, key=lambda named: named.values.size not in lengths, default=None)


def all_wavelengths(
    vectors: Mapping[str, np.ndarray],
    texts: Mapping[str, str] = MappingProxyType({}),
    units: Mapping[str, str] = MappingProxyType({}),
) -> list[NamedWavelengths]:
    """Return all vectors that may be wavelengths, the most clearly named first.

    Parameters
    ----------
    vectors, texts, units
        As in `wavelengths_among`.
    """
    found = []
    ranked = ((_rank(name), name) for name in vectors)
    for rank, name in sorted((rank, name) for rank, name in ranked if rank is not None):
        values, is_vague = vectors[name], rank >= len(CLEAR_NAMES)
        wavelengths, unit, note = find_wavelengths(
            values, units.get(name) or _stated_unit(name, texts)
        )
        if wavelengths is None or unit is None:
            continue
        if is_vague and not looks_like_wavelengths(values):
            continue
        found.append(NamedWavelengths(name, values, wavelengths, unit, note, is_vague))
    return found


def is_called_wavelengths(name: str) -> bool:
    """Tell whether a name is clearly one of wavelengths."""
    rank = _rank(name)
    return rank is not None and rank < len(CLEAR_NAMES)


def is_said_per_band(name: str) -> bool:
    """Tell whether a name is one of wavelengths, perhaps a vague one, or of widths."""
    return _rank(name) is not None or letters(name).endswith(FWHM_NAMES)


def letters(name: str) -> str:
    """Return a name without case, digits and signs."""
    return re.sub(r"[^a-z]", "", name.casefold())


def may_tell_wavelengths(name: str, *, with_unit: bool = False) -> bool:
    """Tell whether numbers in texts of a name may be wavelengths, not widths, gains or the like."""
    last = re.split("[./]", name)[-1]
    if NOT_WAVELENGTHS.search(last) or letters(last).endswith(FWHM_NAMES):
        return False
    is_label = is_names_of_bands(last) or LABELS.fullmatch(letters(last)) is not None
    return with_unit or is_label or _rank(last) is not None


def is_names_of_bands(name: str) -> bool:
    """Tell whether a text is called like one of names of bands."""
    return NAMES_OF_BANDS.fullmatch(re.sub(r"[^A-Za-z]", "", name.rpartition(".")[2])) is not None


def _rank(name: str) -> int | None:
    """Return how clearly a name is one of wavelengths, 0 being the clearest; None if not at all."""
    names = CLEAR_NAMES + VAGUE_NAMES
    last = UNIT_AT_END.sub("", name.rpartition(".")[2]).casefold()
    letters = re.sub(r"[^a-z]", "", last)
    if letters in names:
        return names.index(letters)
    for rank, clear in enumerate(CLEAR_NAMES):
        if clear in letters:
            return rank
    if close := difflib.get_close_matches(letters, CLEAR_NAMES, n=1, cutoff=NEAR_MISS):
        return CLEAR_NAMES.index(close[0])
    words = [word for word in re.split(r"[^a-z]+", last) if word in VAGUE_NAMES]
    return names.index(words[0]) if words else None


def looks_like_wavelengths(values: np.ndarray) -> bool:
    """Tell whether numbers under a vague name are wavelengths rather than numbers of bands."""
    steps = np.diff(values)
    whole = np.array_equal(values, np.round(values))
    in_order = bool((steps > 0).all() or (steps < 0).all())
    return in_order and not (whole and values.min() < LEAST_INTEGER_WAVELENGTH)


def _stated_unit(name: str, texts: Mapping[str, str]) -> str | None:
    if found := UNIT_AT_END.search(name):
        return found[1]
    if "wavenumber" in letters(name):
        return WAVENUMBER
    return next((text for other, text in texts.items() if "unit" in other.casefold()), None)
