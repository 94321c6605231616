"""Cubes and spectra in files of many formats.

`read` and `write` are for cubes, `contents` lists the cubes in a file, and `create` makes a file
that is filled piece by piece. `read_library` and `write_library` are for files of spectra.

There is a folder for each family of formats, and a module for each format, which defines a
`Format`; `registry` lists them.
"""

from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.envi.references import references_of
from napari_dodn.formats.errors import AmbiguousError, FormatError, LargeError
from napari_dodn.formats.pixels.writer import Writer
from napari_dodn.formats.reading import contents, read
from napari_dodn.formats.registry import written_formats
from napari_dodn.formats.tables.libraries import read_library, write_library
from napari_dodn.formats.tables.wavelength_files import read_wavelengths
from napari_dodn.formats.writing import (
    SIDE_OF_CHUNKS,
    check_joined,
    check_not_source,
    check_pyramid,
    check_resumable,
    check_shareable,
    check_target,
    create,
    has_pyramid,
    is_filled_by_tiles,
    is_resumable,
    pyramid_steps,
    reserved,
    with_suffix,
    write,
    written_files,
)

__all__ = [
    "SIDE_OF_CHUNKS",
    "AmbiguousError",
    "Candidate",
    "FormatError",
    "LargeError",
    "Writer",
    "check_joined",
    "check_not_source",
    "check_pyramid",
    "check_resumable",
    "check_shareable",
    "check_target",
    "contents",
    "create",
    "has_pyramid",
    "is_filled_by_tiles",
    "is_resumable",
    "pyramid_steps",
    "read",
    "read_library",
    "read_wavelengths",
    "references_of",
    "reserved",
    "with_suffix",
    "write",
    "write_library",
    "written_files",
    "written_formats",
]
