"""All formats, and what follows from the list: who reads a file, who writes it, what is offered.

A new format is a module that defines its `Format`, and a line in `FORMATS`.
"""

from __future__ import annotations

from pathlib import Path

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.hdf5 import HDF5
from napari_dodn.formats.arrays.matlab import MATLAB
from napari_dodn.formats.arrays.numpy_file import NUMPY
from napari_dodn.formats.arrays.zarr import ZARR
from napari_dodn.formats.bands.folder import BAND_IMAGES
from napari_dodn.formats.envi.raster import ENVI
from napari_dodn.formats.envi.recorders import RECORDERS
from napari_dodn.formats.errors import (
    FormatError,
    UnknownKindError,
    check_file_or_folder,
    file_faults_as_sentences,
)
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import ReadOptions
from napari_dodn.formats.tiff.raster import TIFF
from napari_dodn.replacing import finish_replacements, is_resumable_name, is_unfinished
from napari_dodn.wording import one_of

FORMATS: tuple[Format, ...] = (ENVI, MATLAB, HDF5, ZARR, TIFF, NUMPY, RECORDERS, BAND_IMAGES)
"""In the order in which people are told of them; of two that know a folder, the first has it."""

ALL_FILES = "All files (*)"
"""What a file dialog offers where any name will do."""


def format_of(path: Path, *, by_name: bool = False) -> Format:
    """Return the format of a file or folder.

    Parameters
    ----------
    path : Path
        The file or folder.
    by_name : bool
        Whether a file that no format takes for its own may be what it is called like: who reads it
        says what is wrong.

    Raises
    ------
    FormatError
        If there is nothing, or nothing that can be opened.
    OSError
        If it cannot be looked into.
    """
    finish_replacements(path)
    check_file_or_folder(path)
    if is_unfinished(path):
        way = "; the same command with --resume finishes it" * is_resumable_name(path)
        raise FormatError(f"{path} is not finished{way}.")
    if path.is_file() and path.stat().st_size == 0:
        raise FormatError(f"{path} is empty.")
    if kind := sniffed(path) or (offered(path) if by_name else None):
        return kind
    raise UnknownKindError(f"{path} cannot be opened. What can be opened: {opened_in_words()}.")


def opened(path: Path, options: ReadOptions, *, by_name: bool = False) -> HyperCube:
    """Open a cube, unless far more is packed in its file than one would think.

    Parameters
    ----------
    path, by_name
        As of `format_of`.
    options : ReadOptions
        What a caller decided.

    Raises
    ------
    FormatError
        If it cannot be opened.
    OSError
        If it cannot be looked into.
    """
    path = path.absolute()  # pixels are read later, perhaps in another folder
    kind = format_of(path, by_name=by_name)
    with file_faults_as_sentences(path, "read"):
        cube = kind.read(path, options)
    options.check_packed(path, cube.data.size * cube.data.dtype.itemsize, *kind.files(path))
    return cube


def sniffed(path: Path) -> Format | None:
    """Return the format that takes a file or folder for its own, if any does."""
    kinds = sorted(FORMATS, key=lambda kind: kind.by_neighbours)
    return next((kind for kind in kinds if kind.sniff(path)), None)


def called(path: Path) -> Format | None:
    """Return the format whose files are called like a path, if any is."""
    return next((kind for kind in FORMATS if path.suffix.lower() in kind.suffixes), None)


def offered(path: Path) -> Format | None:
    """Return the format whose files are called like a path, if napari offers these to us."""
    kind = called(path)
    return kind if kind is not None and kind.offered else None


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files of the cube at a path, the one by which it is opened first.

    A path where no cube is stands for itself.
    """
    kind = sniffed(path) or called(path)
    return (path,) if kind is None else kind.files(path)


def writer_of(path: Path) -> Format:
    """Return the format that the suffix of a path names.

    Raises
    ------
    FormatError
        If no format that is written has it.
    """
    kinds = [kind for kind in FORMATS if path.suffix.lower() in kind.written]
    if not kinds:
        raise FormatError(
            f"{path} cannot be written: its suffix must be one of {', '.join(written_suffixes())}."
        )
    return kinds[0]


def written_formats(*, by_tiles: bool = False) -> dict[str, tuple[str, ...]]:
    """Return the formats that are written, by name, each with its suffixes, the usual first.

    Parameters
    ----------
    by_tiles : bool
        Whether only those that are filled tile by tile.
    """
    return {
        kind.name: kind.written
        for kind in FORMATS
        if kind.written and (kind.writer is not None or not by_tiles)
    }


def written_suffixes(*, by_tiles: bool = False) -> tuple[str, ...]:
    """Return the suffixes of the files that are written."""
    formats = written_formats(by_tiles=by_tiles)
    return tuple(suffix for suffixes in formats.values() for suffix in suffixes)


def opened_in_words() -> str:
    """Return what can be opened, as part of a sentence."""
    return one_of([kind.opened for kind in FORMATS])


def written_in_words() -> str:
    """Return the suffixes of the files that are written, with the names of their formats."""
    return ", ".join(
        f"{' '.join(suffixes)} ({name})" for name, suffixes in written_formats().items()
    )


def by_tiles_in_words() -> str:
    """Return the usual suffixes of what is filled tile by tile, as part of a sentence."""
    formats = written_formats(by_tiles=True)
    return one_of([f"{suffix} ({name})" for name, (suffix, *_) in formats.items()])


def resumable_in_words() -> str:
    """Return the usual suffixes of what can be continued when interrupted, likewise."""
    kinds = [kind for kind in FORMATS if kind.writer is not None and kind.writer.resumable]
    return one_of([f"{kind.written[0]} ({kind.name})" for kind in kinds])


def shareable_in_words() -> str:
    """Return the usual suffixes of what several machines can write at a time, likewise."""
    kinds = [kind for kind in FORMATS if kind.writer is not None and kind.writer.shareable]
    return one_of([f"{kind.written[0]} ({kind.name})" for kind in kinds])


def pyramid_in_words() -> str:
    """Return the usual suffixes of what can get a pyramid, likewise."""
    kinds = [kind for kind in FORMATS if kind.add_pyramid is not None]
    return one_of([f"{kind.written[0]} ({kind.name})" for kind in kinds])


def by_tiles_filter() -> str:
    """Return what a file dialog shows of what is filled tile by tile, by the usual suffixes."""
    formats = written_formats(by_tiles=True)
    return dialog_filter(", ".join(formats), *(suffix for suffix, *_ in formats.values()))


def dialog_filter(name: str, *suffixes: str) -> str:
    """Return what a file dialog shows of some suffixes, such as "ENVI (*.hdr *.dat)"."""
    return f"{name} ({' '.join(f'*{suffix}' for suffix in suffixes)})"
