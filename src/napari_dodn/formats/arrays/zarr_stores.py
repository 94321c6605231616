"""Which folders are Zarr stores, which of them are our own, and whether one may be replaced."""

from __future__ import annotations

import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_dodn.formats.arrays.zarr_layout import COMPLETE
from napari_dodn.formats.description import OWN, is_description
from napari_dodn.formats.errors import FormatError, already_there, check_not_read_only

MARKS = ("zarr.json", ".zgroup", ".zarray")
"""Files of which one lies in every store: version 3, and version 2's groups and arrays."""

_VECTORS = "(wavelengths|fwhm|good_bands|gain|offset|x|y)"
_SINGLE = "spatial_ref"
_CUBES = r"cube(_\d+)?"
"""The cube, and the coarser copies of its pyramid."""
OWN_FOLDERS = re.compile(rf"{_CUBES}(/c(/\d+(/\d+)?)?)?|{_VECTORS}(/c)?|{_SINGLE}")
_PARTIAL = r"\.[0-9a-f]{32}\.partial"
"""Ending of what a killed process leaves of a file, since Zarr renames each when it is complete."""
_BEFORE_ITS_NAME = f"({_PARTIAL})?"
OWN_FILES = re.compile(
    rf"({_CUBES}/|{_VECTORS}/|{_SINGLE}/)?zarr(\.json|{_BEFORE_ITS_NAME})|{_CUBES}/{COMPLETE}"
    rf"|({_CUBES}/c/\d+/\d+/\d+|{_VECTORS}/c/\d+|{_SINGLE}/c){_BEFORE_ITS_NAME}"
)
"""All that lies in a store that `zarr.FileWriter` made, by the paths in it."""


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise FormatError where `write` would refuse a path."""
    if path.exists():
        if not overwrite:
            raise already_there(path)
        if not (path.is_dir() and is_store(path)):
            raise FormatError(f"{path} cannot be written: what is there is not a Zarr store.")
        _check_own_store(path)
        check_not_read_only(path)
    if not path.parent.is_dir():
        raise FormatError(f"{path} cannot be written: its folder does not exist.")


def is_store(path: Path) -> bool:
    """Tell whether a folder holds a Zarr store."""
    return any((path / mark).is_file() for mark in MARKS)


def _check_own_store(path: Path) -> None:
    """Raise FormatError where more would be lost with a folder than a cube of our own."""
    if path.is_symlink() or not is_own(path / MARKS[0]):
        raise FormatError(
            f"{path} cannot be written: only a store that napari-dodn wrote is replaced."
        )
    if name := foreign_entry(path):
        raise FormatError(
            f"{path} cannot be written: '{name}' in it is not part of the cube that would "
            f"be replaced."
        )


def foreign_entry(path: Path) -> str:
    """Return what in a folder is no part of a store that our writer made; empty for nothing."""
    folders = [path]
    while folders:
        for entry in sorted(folders.pop().iterdir()):
            name, mode = entry.relative_to(path).as_posix(), entry.lstat().st_mode
            if stat.S_ISDIR(mode) and OWN_FOLDERS.fullmatch(name):
                folders.append(entry)
            elif not (stat.S_ISREG(mode) and OWN_FILES.fullmatch(name)):
                return name
    return ""


def remove_partial_files(path: Path) -> None:
    """Remove what killed processes have left of files of a store, to which nobody writes now."""
    for file in path.rglob("*.partial"):
        if re.fullmatch(f".+{_PARTIAL}", file.name):
            file.unlink(missing_ok=True)


def is_own(mark: Path) -> bool:
    """Tell whether a file is the description of a store that `zarr.FileWriter` made."""
    try:
        return is_description(json.loads(mark.read_bytes())["attributes"][OWN])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def members_of(root: Any, path: Path, place_of_root: str) -> Iterator[tuple[str, Any]]:
    """Yield all groups and arrays below the root of a store, by their places in it.

    One after the other: `root.members` opens all at once, and where several are damaged it says so
    of all but one on the standard error.

    Parameters
    ----------
    root : zarr.Group
        What is below it.
    path : Path
        The folder or ZIP file of the store.
    place_of_root : str
        The folder of the store in a ZIP file, with a "/" behind; "" elsewhere.
    """
    for place in sorted(
        set(_places(path) if path.is_dir() else _places_in_zip(path, place_of_root))
    ):
        with suppress(KeyError):  # nothing of this version of Zarr
            yield place, root[place]


def _places(folder: Path, place: str = "") -> Iterator[str]:
    with os.scandir(folder / place) as entries:
        inner = [entry.name for entry in entries if entry.is_dir() and is_store(Path(entry))]
    for name in inner:
        yield f"{place}{name}"
        yield from _places(folder, f"{place}{name}/")


def _places_in_zip(path: Path, root: str) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            folder, _, mark = name.removeprefix(root).rpartition("/")
            if name.startswith(root) and folder and mark in MARKS:
                yield folder
