"""Files of spectra: the format that a library's suffix names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from napari_dodn.formats.envi import library as envi_library
from napari_dodn.formats.errors import (
    FormatError,
    any_damage_as_sentence,
    check_file_or_folder,
    file_faults_as_sentences,
)
from napari_dodn.formats.tables import asd, csv_library, ecostress, spectrometers, usgs
from napari_dodn.paths import expanded
from napari_dodn.replacing import finish_replacements
from napari_dodn.spectra.library import SpectralLibrary


@dataclass(frozen=True)
class LibraryFormat:
    """A kind of file of spectra.

    Attributes
    ----------
    name : str
        What people call it.
    suffixes : tuple of str
        By which its files are known, that of files that are written first.
    module : module
        Has `read`, perhaps `write`, and `recognises`, which tells by the first bytes whether a
        file is of this kind.
    """

    name: str
    suffixes: tuple[str, ...]
    module: ModuleType

    @property
    def is_written(self) -> bool:
        """Whether spectra can be written so."""
        return hasattr(self.module, "write")

    def takes(self, path: Path, head: bytes) -> bool:
        """Tell whether a file is of this kind by its first bytes, or can be by its suffix."""
        if hasattr(self.module, "recognises"):
            return bool(self.module.recognises(head))
        return path.suffix.lower() in self.suffixes


LIBRARIES = tuple(
    LibraryFormat(module.NAME, module.SUFFIXES, module)
    for module in (csv_library, envi_library, usgs, ecostress, spectrometers, asd)
)
"""In the order in which people are told of them."""

WRITTEN = tuple(kind for kind in LIBRARIES if kind.is_written)
WRITTEN_NAMES = ", ".join(kind.name for kind in WRITTEN)
LIBRARY_NAMES = ", ".join(kind.name for kind in LIBRARIES)
LIBRARY_SUFFIXES = tuple(dict.fromkeys(suffix for kind in LIBRARIES for suffix in kind.suffixes))

HEAD = 2048
"""Bytes by which a file is known."""


def read_library(path: str | os.PathLike[str]) -> SpectralLibrary:
    """Open a spectral library.

    Parameters
    ----------
    path : path-like
        An ENVI spectral library (.sli, or its .hdr); a table: .csv, .tsv or .txt with a column,
        or a row, of wavelengths and one for each spectrum, such as exports of EcoSIS, SPECCHIO and
        ASD; a spectrum of USGS splib07 with its file of wavelengths beside it, of ECOSTRESS, of
        Spectral Evolution (.sed), SVC (.sig) or ASD (.asd).

    Returns
    -------
    SpectralLibrary
        What the reader had to find out for itself stands in `notes`.

    Raises
    ------
    FormatError
        If the file cannot be read; the message says what is wrong in one sentence.
    """
    path = expanded(path)
    with any_damage_as_sentence(path), file_faults_as_sentences(path, "read"):
        finish_replacements(path)
        check_file_or_folder(path)
        with path.open("rb") as file:
            head = file.read(HEAD)
        kinds = sorted(LIBRARIES, key=lambda kind: not hasattr(kind.module, "recognises"))
        for kind in kinds:
            if kind.takes(path, head):
                return kind.module.read(path)
        raise _no_library(path, LIBRARY_SUFFIXES)


def write_library(
    library: SpectralLibrary, path: str | os.PathLike[str], overwrite: bool = False
) -> Path:
    """Write spectra so that `read_library` gives them back exactly.

    Parameters
    ----------
    library : SpectralLibrary
        At least one spectrum.
    path : path-like
        .sli (or .hdr) for an ENVI spectral library, all of whose spectra have the same bands; .csv
        for a table, in which each may have its own.
    overwrite : bool
        Whether files that are there may be replaced.

    Returns
    -------
    Path
        The file to open it again.

    Raises
    ------
    FormatError
        If the file already exists or cannot be written, or the format cannot hold the spectra.
    """
    path = expanded(path)
    with file_faults_as_sentences(path, "written"):
        finish_replacements(path)
        if not len(library):
            raise FormatError(f"{path} cannot be written: there is no spectrum to write.")
        for kind in WRITTEN:
            if path.suffix.lower() in kind.suffixes:
                return kind.module.write(library, path, overwrite=overwrite)
        raise _no_library(path, [suffix for kind in WRITTEN for suffix in kind.suffixes])


def _no_library(path: Path, suffixes: Sequence[str]) -> FormatError:
    return FormatError(
        f"The suffix of {path} is not that of a spectral library; use one of {', '.join(suffixes)}."
    )
