"""Files in the making: filled piece by piece, under their final names only when finished."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_dodn.claims import claim
from napari_dodn.cube import HyperCube
from napari_dodn.formats.errors import file_faults_as_sentences
from napari_dodn.formats.pixels.blocks import CHUNK, blocks_of, check_free_space
from napari_dodn.replacing import resumable_name, unfinished_name

BANDS_AT_ONCE = 4 * CHUNK[0]
"""Bands that are written at once where a format does not say better."""


class Writer(ABC):
    """A file in the making; used with `with`, it leaves nothing behind that is not finished.

    Parameters
    ----------
    path : Path
        The name that it is to have.
    shape : tuple of int
        Bands, rows, columns.
    dtype : dtype
        Type of the pixels.
    check : callable
        Raises FormatError where what is there must not be replaced. It is asked before and after
        the path is claimed, and at the end: there may be hours in between.

    Attributes
    ----------
    unfinished : Path
        The name that it has until then.
    pixels : array-like
        What is being filled, shape (bands, y, x).
    kept : bool
        Whether what is unfinished stays where the writer is left.
    """

    pixels: Any
    kept: bool = False

    resumable: ClassVar[bool] = False
    """Whether what is unfinished can be continued."""

    shareable: ClassVar[bool] = False
    """Whether processes on several machines can fill it together."""

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: npt.DTypeLike,
        check: Callable[[], None],
    ) -> None:
        self.path, self.shape, self.dtype, self._check = path, shape, np.dtype(dtype), check
        self.unfinished = unfinished_name(path)
        self._claimed = ExitStack()
        self._goes_on: Callable[[bool], bool] | None = None

    @property
    def entry(self) -> Path:
        """The file to open it again by."""
        return self.path

    @property
    def side(self) -> int:
        """Rows and columns of what is best written at once."""
        return CHUNK[1]

    @property
    def depth(self) -> int:
        """Bands of what is best written at once."""
        return BANDS_AT_ONCE

    def make_resumable(self, goes_on: Callable[[bool], bool]) -> None:
        """Give what is unfinished a name by which it is found again.

        Parameters
        ----------
        goes_on : callable
            Asked before anything is made, whether an unfinished one is there or not: it tells
            whether that one is continued. It may refuse.
        """
        self.unfinished, self._goes_on, self.kept = resumable_name(self.path), goes_on, True

    def __enter__(self) -> Self:
        self._check()
        try:
            with file_faults_as_sentences(self.path, "written"):
                self._claimed.enter_context(claim(self.entry))
                self._check()  # again: whoever had the claim may have finished meanwhile
                there = self.unfinished.exists()
                if self._goes_on is not None and self._goes_on(there):
                    self.pixels = self._reopen()
                    return self
                if there:
                    self._discard()
                kept, self.kept = self.kept, False  # nothing of what cannot be begun
                # Compressed it may be smaller, but nobody knows by how much.
                check_free_space(self.path, math.prod(self.shape) * self.dtype.itemsize)
                self.pixels = self._begin()
                self.kept = kept
        except BaseException:
            self._end()
            raise
        return self

    @contextmanager
    def joined(self) -> Iterator[Self]:
        """Write to what another process has begun, and will finish."""
        with file_faults_as_sentences(self.path, "written"):
            self.pixels = self._reopen()
        try:
            yield self
        finally:
            self._let_go()

    def begin_together(self) -> None:
        """Make what is unfinished, unless another process has."""
        if self.unfinished.exists():
            return
        self._check()
        common, self.unfinished = self.unfinished, unfinished_name(self.path)
        with file_faults_as_sentences(self.path, "written"):
            check_free_space(self.path, math.prod(self.shape) * self.dtype.itemsize)
            try:
                self._begin()
                self._let_go()
                with suppress(OSError):  # where another one was quicker
                    self.unfinished.rename(common)
            finally:
                self._discard()
                self.unfinished = common

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def room(self, place: tuple[slice, slice, slice]) -> np.ndarray:
        """Return an array to fill with the pixels of a place, which `put` writes."""
        sides = zip(place, self.shape, strict=True)
        return np.empty([len(range(*side.indices(size))) for side, size in sides], self.dtype)

    def put(self, place: tuple[slice, slice, slice], values: Any) -> None:
        """Write a piece.

        Parameters
        ----------
        place : tuple of slice
            Bands, rows, columns.
        values : array-like
            Pixels of that shape.

        Raises
        ------
        FormatError
            If the disk is full or gone.
        """
        with file_faults_as_sentences(self.path, "written"):
            self.pixels[place] = values

    def finish(self, cube: HyperCube) -> HyperCube:
        """Write a description, give the file its name, and return the cube as read back.

        Parameters
        ----------
        cube : HyperCube
            The description; its pixels are not looked at.

        Raises
        ------
        FormatError
            If the disk is full or gone, or another file has taken the name meanwhile.
        """
        self._check()
        with file_faults_as_sentences(self.path, "written"):
            self._describe(cube)
        with file_faults_as_sentences(self.path, "read"):
            return self._read()

    def write(self, cube: HyperCube) -> None:
        """Write a whole cube, a block at a time."""
        with file_faults_as_sentences(self.path, "written"):
            self._fill(cube.data)
        self.finish(cube)

    def _fill(self, source: Any) -> None:
        """Copy all pixels, no chunk of which is written twice."""
        for place in blocks_of(self.shape, self.dtype.itemsize):
            self.pixels[place] = np.asarray(source[place])

    def synchronise(self, place: tuple[slice, slice, slice]) -> None:
        """Wait until a piece is on the disk."""
        with file_faults_as_sentences(self.path, "written"):
            self._synchronise(place)

    def _end(self) -> None:
        with self._claimed:
            if self.kept:
                self._let_go()
            else:
                self._discard()

    @abstractmethod
    def _begin(self) -> Any:
        """Make the file and return its pixels."""

    def _reopen(self) -> Any:
        """Return the pixels of an unfinished file; of formats that are `resumable`."""
        raise NotImplementedError

    def _synchronise(self, place: tuple[slice, slice, slice]) -> None:
        """Wait until a piece is on the disk; of formats that are `resumable`."""
        raise NotImplementedError

    def _let_go(self) -> None:
        """Close what is open, and leave it where it is."""
        self.__dict__.pop("pixels", None)

    @abstractmethod
    def _describe(self, cube: HyperCube) -> None:
        """Write the description and give the file its name."""

    @abstractmethod
    def _read(self) -> HyperCube:
        """Open the finished file."""

    @abstractmethod
    def _discard(self) -> None:
        """Remove what is there under the other name; it may be nothing."""
