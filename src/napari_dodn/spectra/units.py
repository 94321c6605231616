"""Wavelengths in whatever unit a file states, or does not state, to nanometres."""

from __future__ import annotations

import unicodedata

import numpy as np

NANOMETRES_PER_UNIT = {"nm": 1.0, "µm": 1e3, "mm": 1e6, "cm": 1e7, "m": 1e9, "Å": 0.1}
GIGAHERTZ_PER_UNIT = {"MHz": 1e-3, "GHz": 1.0, "THz": 1e3}
WAVENUMBER = "cm⁻¹"
BAND_NUMBER = "band number"
SPEED_OF_LIGHT = 299_792_458.0  # metres per second, and nanometres times gigahertz

FWHM_IN_SIGMAS = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian band."""

GAUSSIAN_REACH = 3.0
"""Sigmas from its centre after which a Gaussian band ends."""

OPTICAL_RANGE = (100.0, 100_000.0)
"""Nanometres between which the bands of spectral imagers lie, ultraviolet to thermal infrared."""

FEWEST_SIDE_BY_SIDE, FARTHEST = 10, 300
"""So many bands do not lie as many of their widths apart; a few filters may."""

_NAMES = {
    "nm": ("nm", "nanometer", "nanometre", "nanometers", "nanometres"),
    "µm": ("um", "micrometer", "micrometre", "micrometers", "micrometres", "micron", "microns"),
    "mm": ("mm", "millimeter", "millimetre", "millimeters", "millimetres"),
    "cm": ("cm", "centimeter", "centimetre", "centimeters", "centimetres"),
    "m": ("m", "meter", "metre", "meters", "metres"),
    "Å": ("å", "a", "angstrom", "angstroms", "ångström", "ångstrom"),
    "MHz": ("mhz", "megahertz"),
    "GHz": ("ghz", "gigahertz"),
    "THz": ("thz", "terahertz"),
    WAVENUMBER: ("cm-1", "cm^-1", "1/cm", "/cm", "cm⁻¹", "wavenumber", "wavenumbers"),
    BAND_NUMBER: ("index", "band", "bands", "bandnumber", "bandnumbers"),
}
_UNIT_OF_NAME = {name: unit for unit, names in _NAMES.items() for name in names}

_BRACKETS = str.maketrans("", "", "()[]{}\"'")


def canonical_unit(text: str | None) -> str | None:
    """Return the unit that a text names, or None where it names none that is known.

    Parameters
    ----------
    text : str or None
        Such as "Nanometers", "um", "µm", "GHz", "Wavenumber" or "cm-1", in any letter case.

    Returns
    -------
    str or None
        "nm", "µm", "mm", "cm", "m", "Å", "MHz", "GHz", "THz", "cm⁻¹", or "band number".
    """
    # Case folding makes one of Unicode's two micro signs; the others are what remains of them
    # where UTF-8 was taken for Latin-1.
    name = unicodedata.normalize("NFC", text or "").casefold()
    for micro in ("âμ", "î¼", "μ"):
        name = name.replace(micro, "u")
    name = "".join(name.split()).replace("−", "-").translate(_BRACKETS)
    return _UNIT_OF_NAME.get(name)


def to_nanometres(values: np.ndarray, unit: str) -> np.ndarray:
    """Convert band centres to wavelengths in nanometres.

    Parameters
    ----------
    values : array-like
        Band centres: lengths, frequencies or wavenumbers, all above 0.
    unit : str
        Name of their unit, as `canonical_unit` understands it.

    Returns
    -------
    numpy.ndarray
        Wavelengths in nanometres, in the same order.

    Raises
    ------
    ValueError
        If the unit is not one of a wavelength, frequency or wavenumber, or a value is not above 0.
    """
    values = np.asarray(values, dtype=np.float64)
    known = canonical_unit(unit)
    if known is None or known == BAND_NUMBER:
        raise ValueError(f"'{unit}' is not a unit of wavelength, frequency or wavenumber.")
    if not (values > 0).all():
        raise ValueError("Wavelengths, frequencies and wavenumbers must be numbers above 0.")
    if known in NANOMETRES_PER_UNIT:
        return values * NANOMETRES_PER_UNIT[known]
    if known == WAVENUMBER:
        return 1e7 / values
    return SPEED_OF_LIGHT / (values * GIGAHERTZ_PER_UNIT[known])


def widths_to_nanometres(centres: np.ndarray | None, widths: np.ndarray, unit: str) -> np.ndarray:
    """Convert full widths at half maximum to nanometres.

    Frequencies and wavenumbers are converted through the two edges of each band, which is exact
    where a factor at the centre is not.

    Parameters
    ----------
    centres : array-like or None
        Band centres in `unit`; needed for frequencies and wavenumbers.
    widths : array-like
        Widths in `unit`, same shape.
    unit : str
        As in `to_nanometres`.

    Raises
    ------
    ValueError
        If the unit is unknown, centres are missing, or a band reaches down to 0.
    """
    widths = np.asarray(widths, np.float64)
    known = canonical_unit(unit)
    if known in NANOMETRES_PER_UNIT:
        return widths * NANOMETRES_PER_UNIT[known]
    if centres is None:
        raise ValueError(f"Widths in '{unit}' cannot be converted without the band centres.")
    centres = np.asarray(centres, np.float64)
    edges = to_nanometres(np.stack([centres - widths / 2, centres + widths / 2]), unit)
    return np.abs(edges[0] - edges[1])


def find_widths(
    widths: np.ndarray,
    unit: str,
    centres: np.ndarray | None = None,
    wavelengths: np.ndarray | None = None,
) -> tuple[np.ndarray, str]:
    """Turn what a file gives as full widths at half maximum into nanometres.

    Some files give wavelengths in micrometres and widths in nanometres, or the other way round.

    Parameters
    ----------
    widths, unit, centres
        As in `widths_to_nanometres`.
    wavelengths : numpy.ndarray, optional
        Those of the bands in nanometres, by which the widths are judged.

    Returns
    -------
    widths : numpy.ndarray
        In nanometres.
    note : str
        That they are taken to be in another unit, as a sentence; empty where they are not.

    Raises
    ------
    ValueError
        As `widths_to_nanometres` does, and if no width is above 0.
    """
    if not (np.asarray(widths) > 0).any():
        raise ValueError("No band has a width above 0.")
    in_nm = widths_to_nanometres(centres, widths, unit)
    known, usual = canonical_unit(unit), float(np.median(in_nm))
    if wavelengths is None or not usual > 0:
        return in_nm, ""
    many = len(wavelengths) >= FEWEST_SIDE_BY_SIDE
    distance = float(np.median(np.abs(np.diff(wavelengths)))) if many else 0.0
    if known == "µm" and usual >= np.median(wavelengths):
        other = "nm"
    elif known == "nm" and usual * FARTHEST < distance:
        other = "µm"
    else:
        return in_nm, ""
    span = f"{np.min(widths):g} to {np.max(widths):g}"
    note = f"The widths of the bands, {span}, are taken to be in {other}, not in {known}."
    return widths_to_nanometres(None, widths, other), note


def infer_unit(values: np.ndarray) -> str | None:
    """Tell the unit of band centres from their size alone.

    The ranges of the units overlap; where they do, the commoner unit is taken: 4,000 to 15,000 are
    nanometres of the thermal infrared rather than wavenumbers of the near infrared.

    Returns
    -------
    str or None
        "µm", "nm", "cm⁻¹" or "GHz"; None for sizes that no spectral imager has.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.size == 0 or not (values > 0).all():
        return None
    low, high = values.min(), values.max()
    for unit, smallest, largest in (
        ("µm", 0.1, 100.0),
        ("nm", 100.0, 15_000.0),
        (WAVENUMBER, 300.0, 100_000.0),
        ("GHz", 20_000.0, 3_000_000.0),
    ):
        if smallest <= low and high <= largest:
            return unit
    return None


def find_wavelengths(
    values: np.ndarray, unit: str | None = None
) -> tuple[np.ndarray | None, str | None, str]:
    """Turn what a file gives as band centres into nanometres, judging whether it can be that.

    Parameters
    ----------
    values : array-like
        Band centres in the order of the bands.
    unit : str, optional
        What the file says about their unit, in its own words.

    Returns
    -------
    wavelengths : numpy.ndarray or None
        In nanometres; None where the values are band numbers or make no sense.
    unit : str or None
        The unit that the values turned out to be in.
    note : str
        What had to be found out or was doubtful, as a sentence; empty where the file was clear.
    """
    values = np.asarray(values, dtype=np.float64)
    stated = canonical_unit(unit)
    if stated == BAND_NUMBER:
        if np.array_equal(values, np.round(values)):
            return None, None, "The wavelengths given are band numbers, and are left out."
        stated = None
    if not np.isfinite(values).all() or not (values > 0).all():
        if _counts_up(values):
            return None, None, "The wavelengths given are band numbers, and are left out."
        return None, None, "The wavelengths are not all numbers above 0; they are left out."
    if stated is not None:
        wavelengths = to_nanometres(values, stated)
        optical = (wavelengths >= OPTICAL_RANGE[0]) & (wavelengths <= OPTICAL_RANGE[1])
        if optical.all() or (optical.any() and not _counts_up(values)):
            return wavelengths, stated, ""
    if _counts_up(values):
        return None, None, "The wavelengths given are band numbers, and are left out."
    inferred = infer_unit(values)
    span = f"{values.min():g} to {values.max():g}"
    if inferred is None:
        if stated is not None:
            return (
                to_nanometres(values, stated),
                stated,
                f"The wavelengths, {span} {stated}, are unusual for a spectral image.",
            )
        return None, None, f"The unit of the wavelengths, {span}, is unknown; they are left out."
    said = f"said to be in '{unit}'" if unit and unit.strip() else "given without a unit"
    return (
        to_nanometres(values, inferred),
        inferred,
        f"The wavelengths, {span}, {said}, are taken to be in {inferred}.",
    )


def describe_order(wavelengths: np.ndarray) -> str:
    """Return a sentence where wavelengths are not in rising or falling order, else nothing."""
    steps = np.diff(wavelengths)
    if (steps > 0).all() or (steps < 0).all():
        return ""
    fault = "repeated" if np.unique(wavelengths).size < wavelengths.size else "not sorted"
    return f"Wavelengths are {fault}; bands stay in the order of the file."


def _counts_up(values: np.ndarray) -> bool:
    """Tell whether values are 1 … B or 0 … B − 1."""
    count = np.arange(values.size)
    return values.size > 0 and (np.array_equal(values, count) or np.array_equal(values, count + 1))
