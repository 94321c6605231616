"""ENVI spectral libraries: a text header beside a raw file with one row for each spectrum.

What ENVI has no field for (colours, names with commas, metadata of one spectrum) stands as JSON in
a field of our own, so that a library comes back exactly as it was written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.envi import fields as envi_fields
from napari_dodn.formats.envi import header as envi_header
from napari_dodn.formats.envi.field_reader import FieldReader
from napari_dodn.formats.envi.files import check_described_by, data_candidates, header_beside
from napari_dodn.formats.envi.layout import Layout
from napari_dodn.formats.errors import FormatError, check_new_file
from napari_dodn.plain_types import plain
from napari_dodn.replacing import put_in_place, unfinished_name
from napari_dodn.spectra.library import SpectralLibrary, Spectrum
from napari_dodn.spectra.steps import quantity_of

OWN_SPECTRA = envi_header.OWN + "spectra"
NAME = "ENVI spectral library"
SUFFIXES = (".sli", ".hdr")
DATA_SUFFIXES = (".sli", ".slb", ".lib", ".dat", ".img", ".bsq", ".raw", "")


class _LibraryLayout(Layout):
    """How a library is laid out: `x` counts the bands and `y` the spectra."""

    def _refuse_other_kinds(self) -> None:
        if "library" not in self._text("file type").casefold():
            raise FormatError(
                f"{self._header} does not describe a spectral library; open it as a cube."
            )


def read(path: Path) -> SpectralLibrary:
    """Read a library, given its header or its data file.

    Raises
    ------
    FormatError
        If a file is missing or damaged, or header and data do not fit each other.
    """
    header, data = _header_and_data(path)
    said: list[str] = []
    fields = envi_header.read_header(header, said)
    layout = _LibraryLayout(header, fields)
    if layout.bands != 1:
        raise FormatError(f"{header} has {layout.bands} as bands; a library has 1.")
    if data.stat().st_size != layout.size:
        raise FormatError(
            f"{data} does not fit its header: it has {data.stat().st_size:,} bytes, not"
            f" {layout.size:,}."
        )
    shape = layout.shape["y"], layout.shape["x"]
    rows = np.fromfile(data, layout.dtype, offset=layout.offset).reshape(shape)
    described = _described(fields, rows)
    spectra, notes, metadata = described or _as_envi_says(fields, rows)
    notes = (*said, *layout.notes, *notes)
    name = header.stem.removesuffix(".sli")
    return SpectralLibrary(tuple(spectra), name, str(path), notes, metadata)


def write(library: SpectralLibrary, path: Path, *, overwrite: bool = False) -> Path:
    """Write a library as .sli and .hdr, float64; return the data file.

    Raises
    ------
    FormatError
        If the spectra have not all the same bands.
    """
    header, data = _written_names(path)
    for target in (data, header):
        check_new_file(target, overwrite=overwrite)
    check_described_by(data, header)
    if header.exists() and (others := data_candidates(header)):
        raise FormatError(
            f"{data} cannot be written: its header {header.name} already belongs to"
            f" {others[0].name}; choose another name."
        )
    if not all(_same(spectrum.wavelengths, library[0].wavelengths) for spectrum in library) or (
        len({spectrum.bands for spectrum in library}) > 1
    ):
        raise FormatError(
            f"{data} cannot be written: the spectra of an ENVI library all have the same bands;"
            " write a .csv file, or resample them first."
        )
    text = envi_header.format_header(_fields_of(library))
    partial = unfinished_name(data)
    partial_header = unfinished_name(header)
    try:
        rows = np.stack([spectrum.values for spectrum in library]).astype("<f8")
        partial.write_bytes(rows.tobytes())  # numpy does not say that the disk is full
        partial_header.write_text(text, encoding="utf-8", newline="\n")
        put_in_place((partial, data), (partial_header, header))
    finally:
        partial.unlink(missing_ok=True)
        partial_header.unlink(missing_ok=True)
    return data


def _fields_of(library: SpectralLibrary) -> dict[str, object]:
    """Return the header's fields: what ENVI knows, and the whole truth in a field of our own."""
    first = library[0]
    fields: dict[str, object] = {
        "samples": first.bands,
        "lines": len(library),
        "bands": 1,
        "header offset": 0,
        "file type": "ENVI Spectral Library",
        "data type": 5,
        "interleave": "bsq",
        "byte order": 0,
        "spectra names": [" ".join(name.split()) or "-" for name in library.names],
    }
    if first.wavelengths is not None:
        fields["wavelength units"] = "Nanometers"
        fields["wavelength"] = [repr(float(value)) for value in first.wavelengths]
    own: list[dict[str, Any]] = [
        {key: getattr(spectrum, key) for key in ("name", "color", "quantity", "metadata")}
        for spectrum in library
    ]
    for key, field, kind in (("fwhm", "fwhm", float), ("good_bands", "bbl", int)):
        values = [getattr(spectrum, key) for spectrum in library]
        if values[0] is not None and all(_same(value, values[0]) for value in values):
            fields[field] = [repr(kind(value)) for value in values[0]]
        for description, value in zip(own, values, strict=True):
            if value is not None and field not in fields:
                description[key] = value
    # JSON inside of a JSON string, in which braces can be written without ending the field.
    whole = plain({"spectra": own, "metadata": library.metadata})
    fields[OWN_SPECTRA] = envi_fields.as_json(json.dumps(whole, default=str))
    return fields


def _described(
    fields: envi_header.Fields, rows: np.ndarray
) -> tuple[list[Spectrum], tuple[str, ...], dict[str, Any]] | None:
    """Return what our own field says; None where there is none, or it does not fit the file."""
    reader = FieldReader(fields)
    try:
        own = json.loads(json.loads(reader.text(OWN_SPECTRA) or ""))
        described, metadata = own["spectra"], own["metadata"]
        bands = rows.shape[1]
        good = reader.numbers("bbl", bands)
        common = {
            "wavelengths": reader.numbers("wavelength", bands),
            "fwhm": reader.numbers("fwhm", bands),
            "good_bands": None if good is None else good > 0,
        }
        spectra = [
            Spectrum(values=row, **{**common, **description})
            for row, description in zip(rows, described, strict=True)
        ]
    except (ValueError, TypeError, KeyError):
        return None
    return spectra, (), metadata


def _as_envi_says(
    fields: envi_header.Fields, rows: np.ndarray
) -> tuple[list[Spectrum], tuple[str, ...], dict[str, Any]]:
    """Return spectra as the standard fields describe them, in their quantity."""
    count, bands = rows.shape
    reader = FieldReader(fields)
    names = reader.items("spectra names") or []
    reader.done("spectra names", OWN_SPECTRA)
    attributes = envi_fields.attributes_of(reader.fields, bands)
    notes, metadata = attributes.pop("notes"), attributes.pop("metadata")
    if len(names) != count:
        notes = (*notes, f"The header has {len(names)} spectra names for {count} spectra.")
        names = [*names[:count], *(f"Spectrum {i + 1}" for i in range(len(names), count))]
    as_cube = HyperCube(rows.T[:, :, None], **attributes)
    kept = {key: getattr(as_cube, key) for key in ("wavelengths", "fwhm", "good_bands", "quantity")}
    values = quantity_of(as_cube)[:, :, 0].T
    spectra = [Spectrum(name, row, **kept) for name, row in zip(names, values, strict=True)]
    return spectra, notes, metadata


def _header_and_data(path: Path) -> tuple[Path, Path]:
    if path.suffix.lower() != ".hdr":
        return header_beside(path), path
    stem = path.stem.casefold()
    beside = {
        file.suffix.lower() if file.stem.casefold() == stem else "": file
        for file in path.parent.iterdir()
        if stem in (file.name.casefold(), file.stem.casefold()) and file.is_file()
    }
    for suffix in DATA_SUFFIXES:
        if suffix in beside:
            return path, beside[suffix]
    raise FormatError(f"{path} has no data file beside it, such as {path.stem}.sli.")


def _written_names(path: Path) -> tuple[Path, Path]:
    """Return the names of the header and the data file to write."""
    if path.suffix.lower() == ".hdr":
        stem = path.with_suffix("")
        return path, stem if stem.suffix.lower() == ".sli" else path.with_suffix(".sli")
    exact = path.with_name(path.name + ".hdr")  # which would be preferred when reading
    return exact if exact.exists() else path.with_suffix(".hdr"), path


def _same(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
