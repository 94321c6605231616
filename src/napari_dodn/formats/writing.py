"""A cube into files of any format: as a whole or tile by tile, with a pyramid, nothing replaced."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_dodn.claims import claim
from napari_dodn.cube import HyperCube, check_cube
from napari_dodn.formats.errors import FormatError, file_faults_as_sentences
from napari_dodn.formats.format import Format
from napari_dodn.formats.pixels.blocks import CHUNK
from napari_dodn.formats.pixels.writer import Writer
from napari_dodn.formats.reading import read
from napari_dodn.formats.registry import (
    files_of,
    pyramid_in_words,
    resumable_in_words,
    shareable_in_words,
    writer_of,
    written_formats,
    written_suffixes,
)
from napari_dodn.jobs import Steps, never
from napari_dodn.paths import expanded
from napari_dodn.replacing import finish_replacements

SIDE_OF_CHUNKS = CHUNK[1]
"""Rows and columns of a chunk of the files that `create` makes: best filled by whole chunks."""


def write(cube: HyperCube, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a cube in the format that the suffix of the path names.

    Parameters
    ----------
    cube : HyperCube
        What to write, with its whole description.
    path : path-like
        Its suffix must be one of those that `written_formats` gives.
    overwrite : bool
        Whether existing files may be replaced.

    Returns
    -------
    Path
        The file to open again.

    Raises
    ------
    FormatError
        If the suffix is unknown, the file already exists, or it cannot be written.
    """
    check_cube(cube)
    path = expanded(path)
    if is_filled_by_tiles(path):
        with create(path, cube.shape, cube.data.dtype, overwrite=overwrite) as writer:
            writer.write(cube)
        return writer.entry
    with reserved(path, overwrite=overwrite) as put:
        return put(cube)


@contextmanager
def reserved(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    shape: tuple[int, int, int] | None = None,
    dtype: npt.DTypeLike = "float32",
) -> Iterator[Callable[[HyperCube], Path]]:
    """Reserve a path for a cube that takes long to compute and is written as a whole.

    Parameters
    ----------
    path, overwrite, shape, dtype
        As in `check_target`.

    Yields
    ------
    callable
        Writes a cube there and returns the path.

    Raises
    ------
    FormatError
        As in `check_target`, and if another process is writing there.
    """
    path = expanded(path)
    check_target(path, overwrite=overwrite, shape=shape, dtype=dtype)
    kind = _writer(path)

    def put(cube: HyperCube) -> Path:
        assert kind.write is not None
        _check_target(kind, path, overwrite)
        with file_faults_as_sentences(path, "written"):
            kind.write(cube, path)
        return path

    with ExitStack() as claimed:
        with file_faults_as_sentences(path, "written"):
            claimed.enter_context(claim(kind.targets(path)[0]))
        yield put


def with_suffix(path: Path, name: str) -> Path:
    """Return a path with a suffix that can be written: its own, else that of a named format."""
    if path.suffix.lower() in written_suffixes():
        return path
    return path.with_name(path.name + written_formats()[name][0])


def is_filled_by_tiles(path: str | os.PathLike[str]) -> bool:
    """Tell whether `create` makes files with the suffix of a path."""
    return Path(path).suffix.lower() in written_suffixes(by_tiles=True)


def create(
    path: str | os.PathLike[str],
    shape: tuple[int, int, int],
    dtype: npt.DTypeLike = "float32",
    *,
    overwrite: bool = False,
    goes_on: Callable[[bool], bool] | None = None,
) -> Writer:
    """Create a file for a result that may be larger than the memory, to be filled piece by piece.

    Parameters
    ----------
    path : path-like
        Its suffix must be that of a format that is filled tile by tile; see `is_filled_by_tiles`.
    shape : tuple of int
        Bands, rows, columns.
    dtype : dtype
        Type of the pixels.
    overwrite : bool
        Whether existing files may be replaced.
    goes_on : callable, optional
        For a file that can be continued if its writing is interrupted. It is called before
        anything is written, with True if there is an unfinished file. It returns whether to
        continue that file, or raises an error to refuse.

    Returns
    -------
    Writer
        For `with`: the file gets its final name when it is finished. If `finish` is not called,
        nothing is left behind, unless the writer is told to be `kept`.

    Raises
    ------
    FormatError
        If the file already exists, or is of a format that cannot be filled piece by piece.
    """
    path = expanded(path)
    if not is_filled_by_tiles(path):
        raise FormatError(
            f"{path} cannot be written tile by tile: its suffix must be one of"
            f" {', '.join(written_suffixes(by_tiles=True))}."
        )
    kind = _writer(path)
    assert kind.writer is not None
    with file_faults_as_sentences(path, "written"):
        writer = kind.writer(path, shape, dtype, partial(_check_target, kind, path, overwrite))
    if goes_on is not None:
        check_resumable(path)
        writer.make_resumable(goes_on)
    return writer


def is_resumable(path: str | os.PathLike[str]) -> bool:
    """Tell whether an interrupted `create` of a path can be continued."""
    kind = writer_of(Path(path))
    return kind.writer is not None and kind.writer.resumable


def check_resumable(path: str | os.PathLike[str]) -> None:
    """Raise FormatError where an interrupted `create` of a path cannot be continued."""
    if not is_resumable(path):
        raise FormatError(
            f"{path} cannot be continued after an interruption, since its format does not allow"
            f" it; write {resumable_in_words()} instead."
        )


def check_joined(path: str | os.PathLike[str]) -> None:
    """Raise FormatError where several processes that one leads cannot write a path at a time."""
    if not is_resumable(path):
        raise FormatError(
            f"{path} cannot be written by several processes; write {resumable_in_words()} instead."
        )


def check_shareable(path: str | os.PathLike[str]) -> None:
    """Raise FormatError where several machines cannot write a path at a time."""
    kind = writer_of(Path(path))
    if kind.writer is None or not kind.writer.shareable:
        raise FormatError(
            f"{path} cannot be written in parts by several machines; write {shareable_in_words()}"
            " instead."
        )


def check_pyramid(path: str | os.PathLike[str]) -> None:
    """Raise FormatError where a cube that is written to a path cannot get a pyramid."""
    if writer_of(Path(path)).add_pyramid is None:
        raise FormatError(f"{path} gets no pyramid: only {pyramid_in_words()} does.")


def has_pyramid(path: str | os.PathLike[str]) -> bool:
    """Tell whether a cube has the coarser copies that `pyramid_steps` adds."""
    path = expanded(path).absolute()
    return writer_of(path).has_pyramid(path, read(path))


def pyramid_steps(
    path: str | os.PathLike[str], *, cancelled: Callable[[], bool] = never
) -> Steps[tuple[int, ...]]:
    """Add coarser copies to a cube that napari-dodn wrote, for programs that show large images.

    The cube itself stays as it is, and complete. If the job is interrupted, the next call continues
    it.

    Parameters
    ----------
    path : path-like
        The cube, in a format that `check_pyramid` accepts.
    cancelled : callable
        Called often; if it returns True, the job raises `CancelledError`.

    Returns
    -------
    tuple of int
        For each copy, the number of the cube's pixels along y and x that become one; empty if the
        cube is small.

    Raises
    ------
    FormatError
        If the cube is not of such a format, not our own, damaged, or cannot be written.
    """
    path = expanded(path).absolute()
    check_pyramid(path)
    kind = writer_of(path)
    assert kind.add_pyramid is not None
    return (yield from kind.add_pyramid(path, read(path), cancelled))


def written_files(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the files, or the folder, that `write` and `create` make.

    Raises
    ------
    FormatError
        If the suffix is unknown or the folder cannot be looked into.
    """
    path = expanded(path)
    with file_faults_as_sentences(path, "written"):
        return _writer(path).targets(path)


def check_target(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    shape: tuple[int, int, int] | None = None,
    dtype: npt.DTypeLike = "float32",
) -> None:
    """Raise FormatError if `write` would refuse a path; call it before long work.

    Parameters
    ----------
    path, overwrite
        As in `write`.
    shape : tuple of int, optional
        Bands, rows, columns of the cube, to check its size too; `create` does so in any case.
    dtype : dtype
        Type of its pixels.
    """
    path = expanded(path)
    kind = _writer(path)
    _check_target(kind, path, overwrite)
    if shape is not None:
        with file_faults_as_sentences(path, "written"):
            kind.check_size(path, shape, np.dtype(dtype))


def check_not_source(
    path: str | os.PathLike[str],
    source: str | os.PathLike[str],
    what: str = "source",
    *,
    is_cube: bool = True,
) -> None:
    """Raise FormatError if `write` would replace the file that a cube is read from, or part of it.

    Parameters
    ----------
    path : path-like
        As in `write`.
    source : path-like
        As in `read`.
    what : str
        What the message calls the source.
    is_cube : bool
        Whether a cube is written; if not, only the file of just this name is.
    """
    source = expanded(source)
    with file_faults_as_sentences(source, "looked for"):
        own = {file.resolve() for file in files_of(source)}
        written = written_files(path) if is_cube else [expanded(path)]
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


def _check_target(kind: Format, path: Path, overwrite: bool) -> None:
    with file_faults_as_sentences(path, "written"):
        kind.check_target(path, overwrite=overwrite)


def _writer(path: Path) -> Format:
    """Return the format of a file to write, whose folder is left in order by processes before."""
    with file_faults_as_sentences(path, "written"):
        finish_replacements(path)
    return writer_of(path)
