"""A dataset of an HDF5 file that is open only while some of it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.arrays.cubes import CUBE
from napari_dodn.formats.arrays.hdf5_file import opened
from napari_dodn.formats.arrays.missing import missing_in_words
from napari_dodn.formats.description import OWN
from napari_dodn.formats.errors import (
    FormatError,
    changed_since,
    damage_as_sentence,
    file_faults_as_sentences,
)
from napari_dodn.formats.pixels.elsewhere import elsewhere_in_words
from napari_dodn.formats.pixels.raw import RawPixels


@dataclass(frozen=True)
class StoredDataset:
    """A dataset that is read where it is sliced; the file is open only meanwhile.

    Attributes
    ----------
    path, name : Path, str
        The file and the place in it.
    shape, dtype, chunks
        As h5py gives them.
    offset : int or None
        Where the numbers lie in the file, if in one uncompressed piece.
    state : tuple of int
        Time and size of the file when it was opened.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: tuple[int, ...] | None
    offset: int | None
    state: tuple[int, int]

    @classmethod
    def of(cls, path: Path, item: Any) -> StoredDataset:
        """Return what h5py has opened, to outlive the open file."""
        inside = not item.external and not item.is_virtual
        in_one_piece = item.chunks is None and inside and item.dtype.kind in "iufb"
        offset = item.id.get_offset() if in_one_piece else None
        name = item.name.lstrip("/")
        return cls(path, name, item.shape, item.dtype, item.chunks, offset, _state(path))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        import h5py

        with (
            file_faults_as_sentences(self.path, "read"),
            damage_as_sentence(f"{self.path} is damaged: '{self.name}' cannot be read."),
        ):
            if self.state != _state(self.path):  # it may be another cube of the same shape
                raise changed_since(self.path)
            if self.offset is not None:
                # HDF5 goes from value to value where a slice is not one piece.
                return RawPixels(self.path, self.dtype, self.offset, self.shape)[key]
            with h5py.File(self.path, "r") as file:
                item = file[self.name]
                check_filters(self.path, item)
                return item[key]

    def check(self) -> str:
        """Return a sentence on chunks that were never written.

        HDF5 gives values room in the file when they are written, and reads its fill value where
        none are.

        Raises
        ------
        FormatError
            If none was, or if it is a cube of our own, of which all were.
        """
        with (
            file_faults_as_sentences(self.path, "read"),
            damage_as_sentence(f"{self.path} is damaged: '{self.name}' cannot be read."),
            opened(self.path) as file,
        ):
            item = file[self.name]
            if item.external or item.is_virtual:
                return ""
            if item.chunks is None:
                total, there = 1, min(1, item.id.get_storage_size())
            else:
                chunks = zip(item.shape, item.chunks, strict=True)
                total = math.prod(-(-length // chunk) for length, chunk in chunks)
                there = item.id.get_num_chunks()
            own, fill = self.name == CUBE and OWN in file, item.fillvalue
        missing = max(0, total - there)
        return missing_in_words(self.path, self.name, missing, total, fill, complete=own)


def elsewhere(path: Path, item: Any) -> str:
    """Say in which other files the numbers of a dataset of h5py are; nothing where in none."""
    names = [name for name, *_ in item.external or ()]
    if item.is_virtual:
        names += [part.file_name for part in item.virtual_sources() if part.file_name != "."]
    return elsewhere_in_words(path, names)


def check_filters(path: Path, item: Any) -> None:
    """Raise FormatError where a dataset of h5py is compressed in a way that is not known here."""
    import h5py

    filters = item.id.get_create_plist()
    for place in range(filters.get_nfilters()):
        code, _, _, name = filters.get_filter(place)
        if not h5py.h5z.filter_avail(code):
            raise FormatError(
                f"{path} cannot be read: '{item.name.lstrip('/')}' is compressed with"
                f" {name.decode('utf-8', 'replace') or f'filter {code}'}, which is not part of"
                " HDF5; write it again with gzip, for example with 'h5repack -f GZIP=4'."
            )


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
