"""Folders as Specim's and Headwall's recorders leave them: a scan, its references, a manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_dodn.cube import HyperCube
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.envi import raster
from napari_dodn.formats.envi.files import described_files, name_of
from napari_dodn.formats.envi.references import headers_in, is_reference
from napari_dodn.formats.errors import AmbiguousError, FormatError
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions

FOLDERS_OF_SCANS = ("", "capture")
"""Where a scan lies in its folder; Specim IQ has a folder of its own for it."""


def scans_in(folder: Path) -> list[Path]:
    """Return the headers of the scans in a recorder's folder; none where it holds no reference."""
    for place in FOLDERS_OF_SCANS:
        if not any(map(is_reference, (folder / place).glob("*.[hH][dD][rR]"))):
            continue  # most folders, of which no file need be opened
        headers = list(headers_in(folder / place))
        scans = [file for file in headers if not is_reference(file)]
        if scans and len(scans) < len(headers):
            return scans
    return []


def sniff(path: Path) -> bool:
    """Tell whether a path is a folder with a scan and a reference."""
    return path.is_dir() and bool(scans_in(path))


def read(path: Path, options: ReadOptions = AS_STORED) -> HyperCube:
    """Open the scan of a recorder's folder, in raw numbers.

    Parameters
    ----------
    path : Path
        The folder.
    options : ReadOptions
        `dataset` is the name of the scan, where there are several.

    Raises
    ------
    AmbiguousError
        If there are several scans and no option decides.
    FormatError
        If the scan cannot be read.
    """
    scans = {name_of(header): header for header in scans_in(path)}
    names = list(scans)
    if options.dataset is not None and options.dataset not in scans:
        raise FormatError(f"{path} has no scan '{options.dataset}', only {', '.join(names)}.")
    if options.dataset is None and len(scans) > 1:
        raise AmbiguousError(
            f"{path} holds several scans: {', '.join(names)}; the option 'dataset' (--dataset)"
            " decides.",
            names,
        )
    header = scans[options.dataset or names[0]]
    return raster.read(header, replace(options, dataset=None))


def contents(path: Path) -> list[Candidate]:
    """List the scans of a recorder's folder.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    FormatError
        If a scan cannot be read.
    """
    return [
        Candidate(name_of(header), found.shape, found.dtype, found.axes, found.reason, fixed=True)
        for header in scans_in(path)
        for found in raster.contents(header)[:1]
    ]


def files_of(path: Path) -> tuple[Path, ...]:
    """Return a folder with the files of its scans."""
    if not path.is_dir():
        return (path,)
    scans = scans_in(path)
    return path, *(file for header in scans for file in (header, *described_files(header)))


RECORDERS = Format(
    name="recorder's folder",
    opened="a folder with a scan and its references",
    sniff=sniff,
    read=read,
    contents=contents,
    files=files_of,
)
