"""Files to HyperCube and back: a folder for each family of formats, one module per format.

Each has `sniff`, `read` and `contents`. One that writes has a `NAME`, and `FileWriter` where a file
can be filled piece by piece, else `write` and `check_size`, and `check_target` where more than one
file of the name is in the way.

Files of spectra are read and written by `read_library` and `write_library`.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays import hdf5, matlab, numpy_file, zarr
from napari_dodn.formats.bands import folder as band_folder
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.envi import raster as envi
from napari_dodn.formats.envi.files import WRITTEN_SUFFIXES, files_of, written_names
from napari_dodn.formats.errors import (
    AmbiguousError,
    FormatError,
    check_file_or_folder,
    check_new_file,
    file_faults_as_sentences,
)
from napari_dodn.formats.pixels.blocks import CHUNK
from napari_dodn.formats.pixels.writer import Writer
from napari_dodn.formats.tables.libraries import read_library, write_library
from napari_dodn.formats.tables.wavelength_files import read_wavelengths
from napari_dodn.formats.tiff import raster as tiff
from napari_dodn.paths import expanded
from napari_dodn.replacing import finish_replacements

__all__ = [
    "SIDE_OF_CHUNKS",
    "AmbiguousError",
    "Candidate",
    "FormatError",
    "Writer",
    "check_not_source",
    "check_target",
    "contents",
    "create",
    "is_filled_by_tiles",
    "read",
    "read_library",
    "read_wavelengths",
    "with_suffix",
    "write",
    "write_library",
    "written_files",
    "written_formats",
]

SIDE_OF_CHUNKS = CHUNK[1]
"""Rows and columns of a chunk of the files that `create` makes: best filled by whole chunks."""

READERS = (zarr, band_folder, matlab, hdf5, envi, tiff, numpy_file)
READABLE = (
    "an ENVI header or its data file, a MATLAB .mat file, an HDF5 or NetCDF-4 file, a Zarr store, "
    "a TIFF file, a NumPy .npy or .npz file, or a folder of band images"
)

WRITERS = {
    **dict.fromkeys(WRITTEN_SUFFIXES, envi),
    matlab.SUFFIX: matlab,
    **dict.fromkeys(hdf5.WRITTEN_SUFFIXES, hdf5),
    **dict.fromkeys(tiff.SUFFIXES, tiff),
    numpy_file.WRITTEN_SUFFIX: numpy_file,
    zarr.SUFFIX: zarr,
}


def read(
    path: str | os.PathLike[str],
    *,
    dataset: str | None = None,
    axes: str | None = None,
    wavelengths: npt.ArrayLike | None = None,
) -> HyperCube:
    """Open a hyperspectral cube.

    Parameters
    ----------
    path : path-like
        An ENVI header or its data file, a MATLAB file (v5 or v7.3), an HDF5 or NetCDF-4 file, a
        Zarr store, a TIFF file, a NumPy file, or a folder of band images.
    dataset : str, optional
        What to take where there are several: the name of the variable (MATLAB), the path of the
        array in the file (HDF5, Zarr), the name of the image (TIFF), of the array (.npz), of the
        data file (ENVI), of the series of images or the subfolder (folder).
    axes : str, optional
        Meaning of the axes of an array as they are stored, for MATLAB as it counts them: "yxb" for
        rows, columns, bands. Found out where left out.
    wavelengths : array-like, optional
        Band centres in nanometres, instead of what the file says.

    Returns
    -------
    HyperCube
        Its pixels are read when they are used, where the format allows. What the reader had to
        find out for itself stands in `notes`.

    Raises
    ------
    AmbiguousError
        If the file holds several cubes and no option decides.
    FormatError
        If the file cannot be read; the message says what is wrong in one sentence.
    """
    path = expanded(path)
    with file_faults_as_sentences(path, "read"):
        path = path.absolute()  # pixels are read later, perhaps in another folder
        reader = _reader(path)
        return reader.read(path, dataset=dataset, axes=axes, wavelengths=wavelengths)


def contents(path: str | os.PathLike[str]) -> list[Candidate]:
    """List what may be the cube in a file or folder, without reading its pixels.

    Parameters
    ----------
    path : path-like
        As in `read`.

    Returns
    -------
    list of Candidate
        At least one. `read` opens a single one by itself, and of several the one whose name is its
        option `dataset`.

    Raises
    ------
    FormatError
        If nothing in the file can be a cube, or it cannot be read.
    """
    path = expanded(path)
    with file_faults_as_sentences(path, "read"):
        return _reader(path).contents(path)


def _reader(path: Path) -> ModuleType:
    """Return the module that reads a file or folder."""
    finish_replacements(path)
    check_file_or_folder(path)
    if path.is_file() and path.stat().st_size == 0:
        raise FormatError(f"{path} is empty.")
    for module in READERS:
        if module.sniff(path):
            return module
    raise FormatError(f"{path} cannot be opened; what can be is {READABLE}.")


def write(cube: HyperCube, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a cube, in the format that the suffix of the path names.

    Parameters
    ----------
    cube : HyperCube
        What to write, with its whole description.
    path : path-like
        .hdr, .img, .dat, .raw, .bsq, .bil or .bip for ENVI; .mat for MATLAB v5; .h5 or .hdf5 for
        HDF5; .zarr for a Zarr store; .tif or .tiff for GeoTIFF; .npz
        for NumPy.
    overwrite : bool
        Whether files that are there may be replaced.

    Returns
    -------
    Path
        The file to open it again: for ENVI the header.

    Raises
    ------
    FormatError
        If the suffix is unknown, the file is there already, or it cannot be written.
    """
    path = expanded(path)
    if is_filled_by_tiles(path):
        with create(path, cube.shape, cube.data.dtype, overwrite=overwrite) as writer:
            writer.write(cube)
        return writer.entry
    module = _writer(path)
    _check_target(module, path, overwrite)
    with file_faults_as_sentences(path, "written"):
        module.write(cube, path)
    return path


def written_formats() -> dict[str, tuple[str, ...]]:
    """Return the formats that `write` makes, by name, each with its suffixes, the usual first."""
    formats: dict[str, tuple[str, ...]] = {}
    for suffix, module in WRITERS.items():
        formats[module.NAME] = (*formats.get(module.NAME, ()), suffix)
    return formats


def with_suffix(path: Path, name: str) -> Path:
    """Return a path with a suffix that can be written: its own, else that of a named format."""
    if path.suffix.lower() in WRITERS:
        return path
    return path.with_name(path.name + written_formats()[name][0])


def is_filled_by_tiles(path: str | os.PathLike[str]) -> bool:
    """Tell whether `create` makes files with the suffix of a path."""
    return hasattr(WRITERS.get(Path(path).suffix.lower()), "FileWriter")


def create(
    path: str | os.PathLike[str],
    shape: tuple[int, int, int],
    dtype: npt.DTypeLike = "float32",
    *,
    overwrite: bool = False,
) -> Writer:
    """Make a file of a result that may be larger than the memory, to be filled piece by piece.

    Parameters
    ----------
    path : path-like
        An ENVI, HDF5 or Zarr file, as in `write`.
    shape : tuple of int
        Bands, rows, columns.
    dtype : dtype
        Type of the pixels.
    overwrite : bool
        Whether files that are there may be replaced.

    Returns
    -------
    Writer
        For `with`: the file has its final name only when finished; where `finish` is not called,
        nothing is left behind.

    Raises
    ------
    FormatError
        If the file is there already, or is of a format that cannot be filled piece by piece.
    """
    path = expanded(path)
    if not is_filled_by_tiles(path):
        suffixes = (suffix for suffix, module in WRITERS.items() if hasattr(module, "FileWriter"))
        raise FormatError(
            f"{path} cannot be written tile by tile: its suffix must be one of"
            f" {', '.join(suffixes)}."
        )
    module = _writer(path)
    with file_faults_as_sentences(path, "written"):
        return module.FileWriter(
            path, shape, dtype, partial(_check_target, module, path, overwrite)
        )


def written_files(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the files, or the folder, that `write` and `create` make.

    Raises
    ------
    FormatError
        If the suffix is unknown or the folder cannot be looked into.
    """
    path = expanded(path)
    with file_faults_as_sentences(path, "written"):
        return written_names(path) if _writer(path) is envi else (path,)


def check_target(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    shape: tuple[int, int, int] | None = None,
    dtype: npt.DTypeLike = "float32",
) -> None:
    """Raise FormatError where `write` would refuse a path: worth asking before long work.

    Parameters
    ----------
    path, overwrite
        As in `write`.
    shape : tuple of int, optional
        Bands, rows, columns of the cube, where they are known and its size is to be asked about
        too; `create` asks about it in any case.
    dtype : dtype
        Type of its pixels.
    """
    path = expanded(path)
    module = _writer(path)
    _check_target(module, path, overwrite)
    if shape is not None and hasattr(module, "check_size"):
        with file_faults_as_sentences(path, "written"):
            module.check_size(path, shape, np.dtype(dtype))


def check_not_source(
    path: str | os.PathLike[str], source: str | os.PathLike[str], what: str = "source"
) -> None:
    """Raise FormatError where `write` would replace what a cube is read from, or a part of it.

    Parameters
    ----------
    path : path-like
        As in `write`.
    source : path-like
        As in `read`.
    what : str
        What the cube is to the person.
    """
    source = expanded(source)
    with file_faults_as_sentences(source, "looked for"):
        is_series = source.is_dir() and not zarr.sniff(source)
        images = band_folder.images_in(source) if is_series else set()
        own = {file.resolve() for file in files_of(source) | images}
        written = written_files(path)
        linked = any(_is_same(file, other) for file in written for other in own)
    # A folder that is written takes the place of all that is in it.
    own |= {folder for file in own for folder in file.parents}
    if linked or not own.isdisjoint(file.resolve() for file in written):
        raise FormatError(
            f"The output is the file that the {what} comes from; choose another name."
        )


def _is_same(file: Path, other: Path) -> bool:
    """Tell whether two names are those of one file, as hard links are."""
    return file.exists() and other.exists() and file.samefile(other)


def _check_target(module: ModuleType, path: Path, overwrite: bool) -> None:
    check = getattr(module, "check_target", check_new_file)
    with file_faults_as_sentences(path, "written"):
        check(path, overwrite=overwrite)


def _writer(path: Path) -> ModuleType:
    """Return the module that writes a file, whose folder is left in order by processes before."""
    with file_faults_as_sentences(path, "written"):
        finish_replacements(path)
    module = WRITERS.get(path.suffix.lower())
    if module is None:
        raise FormatError(
            f"{path} cannot be written: its suffix must be one of {', '.join(WRITERS)}."
        )
    return module
