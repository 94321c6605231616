"""The wavelengths and widths of bands among the fields of an ENVI header."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from napari_dodn.formats.envi.field_reader import WIDTHS, FieldReader
from napari_dodn.formats.envi.header import OWN
from napari_dodn.formats.wavelengths.named import NOT_WAVELENGTHS, UNIT_AT_END, wavelengths_among
from napari_dodn.formats.wavelengths.spelt import Numbers, numbers_in, numbers_in_names
from napari_dodn.spectra.units import canonical_unit, describe_order, find_wavelengths, find_widths

OF_BANDS = re.compile(r"^(?!.*(cent|wavel)).*band", re.IGNORECASE)
NAMES_OF_THEM = re.compile(r"(spectral[ _]?)?bands?", re.IGNORECASE)
"""Bands themselves; what else is called after them are their means, times and the like."""


def read_wavelengths(reader: FieldReader, bands: int, attributes: dict[str, Any]) -> None:
    """Take what a header says of wavelengths and widths into the attributes of a HyperCube."""
    stated = _stated_unit_of_wavelengths(reader)
    notes, reader.notes = reader.notes, []
    given = _first_wavelengths(reader, bands, stated) or _wavelengths_elsewhere(
        reader, bands, stated
    )
    centres, unit = None, stated
    if given is not None:
        name, centres, unit, wavelengths, note = given
        attributes["wavelengths"] = wavelengths
        reader.notes = [note]  # what could not be read before does not matter now
        reader.notes.append(describe_order(wavelengths))
        if name != "band names":
            reader.done(name)
        reader.done("wavelength units")
    reader.notes = [*notes, *filter(None, reader.notes)]
    called, widths = next(
        ((name, found) for name in WIDTHS if (found := _widths(reader, name, bands)) is not None),
        ("", None),
    )
    if widths is None:
        return
    if widths.unit is not None and widths.unit != canonical_unit(unit):
        centres, unit = None, widths.unit
    if unit is None:
        return
    try:
        attributes["fwhm"], note = find_widths(
            widths.values, unit, centres, attributes.get("wavelengths")
        )
        reader.notes += filter(None, [note])
        reader.done(called, "wavelength units")
        if called != WIDTHS[0]:
            reader.notes.append(f"The widths of the bands are those of '{called}'.")
    except ValueError as error:
        reader.notes.append(f"{reader.whose} '{called}' is left out: {error}")


def _widths(reader: FieldReader, name: str, bands: int) -> Numbers | None:
    """Return the width of each band; a single one is that of all."""
    text = reader.text(name)
    single = None if not text or bands == 1 else numbers_in(text, 1)
    if single is None or single.values.size != 1:
        return reader.numbers_with_unit(name, bands)
    reader.notes.append(f"{reader.whose} '{name}' is one number; it is taken for all bands.")
    return Numbers(np.repeat(single.values, bands), single.unit)


def _stated_unit_of_wavelengths(reader: FieldReader) -> str | None:
    for name in ("wavelength units", "wavelength unit", "wavelengths units"):
        if (text := reader.text(name)) is not None:
            return re.split("[;#]", text)[0].strip(" \t\"'")
    return None


Given = tuple[str, np.ndarray, "str | None", np.ndarray, str]
"""Name of the field, band centres and their unit, wavelengths in nanometres, a note."""


def _first_wavelengths(reader: FieldReader, bands: int, stated: str | None) -> Given | None:
    """Return what the field 'wavelength' says; of several the first that can be wavelengths."""
    names = [name for name in reader.fields if re.fullmatch(r"wavelength( \(\d+\))?", name, re.I)]
    for count, name in enumerate(names):
        numbers = reader.numbers_with_unit(name.casefold(), bands)
        if numbers is None:
            continue
        wavelengths, unit, note = find_wavelengths(numbers.values, numbers.unit or stated)
        notes = [f"The wavelengths {numbers.note}." if numbers.note else "", note]
        if wavelengths is None:
            reader.notes.append(note)
            continue
        if count:
            notes.insert(0, f"The wavelengths are those of '{name}'.")
        if numbers.unit is not None and canonical_unit(stated) not in (None, numbers.unit):
            notes.append(f"Their unit is {numbers.unit}, as the list says, not '{stated}'.")
        return name, numbers.values, unit, wavelengths, " ".join(filter(None, notes))
    return None


def _wavelengths_elsewhere(reader: FieldReader, bands: int, stated: str | None) -> Given | None:
    """Return wavelengths of a field of a similar name, or those in the names of the bands."""
    vectors, units = {}, {}
    for name in reader.fields:
        text = reader.text(name.casefold(), ",") or ""
        numbers = None if name.startswith(OWN) else numbers_in(text, bands)
        if numbers is not None and numbers.values.size == bands:
            vectors[name] = numbers.values
            in_name = UNIT_AT_END.search(name)
            units[name] = numbers.unit or (in_name[1] if in_name else None) or stated or ""
    others = re.compile(r"wavelength( \(\d+\))?|band names|fwhm.*|bbl", re.IGNORECASE)
    vectors = {
        name: values
        for name, values in vectors.items()
        if not others.fullmatch(name)
        and not NOT_WAVELENGTHS.search(name)
        and (not OF_BANDS.search(name) or NAMES_OF_THEM.fullmatch(UNIT_AT_END.sub("", name)))
    }
    found = wavelengths_among(vectors, {}, {bands}, units)
    if found is not None:
        note = f"The wavelengths are those of '{found.name}'. {found.note}".strip()
        return found.name, found.values, found.unit, found.wavelengths, note
    names = reader.items("band names") or []
    if len(names) == 2 * bands:  # with a decimal comma in each
        names = list(map(",".join, zip(names[::2], names[1::2], strict=True)))
    elif len(names) != bands:
        names = re.split(r"\s*[;\n]\s*", reader.text("band names", ",") or "")
    numbers = numbers_in_names(names) if len(names) == bands else None
    if numbers is None:
        return None
    if not np.isfinite(numbers.values).all():
        reader.notes.append("The wavelengths in the band names cannot be read.")
        return None
    wavelengths, unit, note = find_wavelengths(numbers.values, numbers.unit or stated)
    if wavelengths is None:
        return None
    note = f"The wavelengths are those in the band names. {note}".strip()
    return "band names", numbers.values, unit, wavelengths, note
