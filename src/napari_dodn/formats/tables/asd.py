"""Spectra of ASD's spectrometers in their binary format.

By "ASD File Format: Version 8" of ASD Inc. Numbers are little endian; the spectrum begins at byte
484, and from version 2 on the white reference follows it, behind a description.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from napari_dodn.formats.errors import FormatError
from napari_dodn.spectra.library import SpectralLibrary, Spectrum

NAME = "ASD"
SUFFIXES = (".asd",)

VERSIONS = (b"ASD", *(b"as%d" % number for number in range(2, 9)))
COMMENT, DATA_TYPE, FIRST_AND_STEP, DATA_FORMAT, CHANNELS = 3, 186, 191, 199, 204
SPECTRUM = 484
"""Bytes at which things stand."""

BEFORE_REFERENCE = struct.Struct("<hdd")
"""A flag that there is a reference, and two times; a text with its length of 16 bits follows."""

FORMATS = {0: "<f4", 1: "<i4", 2: "<f8"}
REFLECTANCE, RADIANCE = 1, 2


def recognises(head: bytes) -> bool:
    """Tell whether a file begins as ASD's do."""
    return head[:3] in VERSIONS and len(head) >= CHANNELS and b"\0" in head


def read(path: Path) -> SpectralLibrary:
    """Read the spectrum of a file: reflectance where it was measured with a white reference.

    Raises
    ------
    FormatError
        If it is damaged.
    """
    content = path.read_bytes()
    try:
        if not recognises(content):
            raise ValueError("It does not begin as ASD's files do.")
        first, step = struct.unpack_from("<ff", content, FIRST_AND_STEP)
        (count,) = struct.unpack_from("<H", content, CHANNELS)
        dtype = np.dtype(FORMATS[content[DATA_FORMAT]])
        values = np.frombuffer(content, dtype, count, SPECTRUM).astype(np.float64)
        kind = content[DATA_TYPE]
        reference = None
        if content[:3] != VERSIONS[0] and kind == REFLECTANCE:
            reference = _reference(content, SPECTRUM + count * dtype.itemsize, dtype, count)
        comment = content[COMMENT:160].split(b"\0")[0].decode("cp1252").strip()
        wavelengths = first + step * np.arange(count)
        if not (count and np.isfinite(wavelengths).all() and wavelengths.min() > 0):
            raise ValueError("The wavelengths make no sense.")
    except (struct.error, ValueError, KeyError) as error:
        raise FormatError(f"{path} is damaged or not a file of an ASD spectrometer.") from error
    if reference is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = values / reference
    quantity = {REFLECTANCE: "reflectance", RADIANCE: "radiance"}.get(kind, "")
    metadata = {"comment": comment} if comment else {}
    spectrum = Spectrum(path.stem, values, wavelengths, quantity=quantity, metadata=metadata)
    return SpectralLibrary((spectrum,), path.stem, str(path))


def _reference(content: bytes, place: int, dtype: np.dtype, count: int) -> np.ndarray | None:
    """Return the white reference behind a spectrum, None where there is none."""
    if place + BEFORE_REFERENCE.size + 2 > len(content):
        return None
    is_there, *_ = BEFORE_REFERENCE.unpack_from(content, place)
    place += BEFORE_REFERENCE.size
    (length,) = struct.unpack_from("<H", content, place)
    place += 2 + length
    if not is_there or place + count * dtype.itemsize > len(content):
        return None
    return np.frombuffer(content, dtype, count, place).astype(np.float64)
