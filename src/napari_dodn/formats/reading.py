"""A cube from a file or folder of any format."""

from __future__ import annotations

import os

import numpy.typing as npt

from napari_dodn.cube import HyperCube
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.errors import any_damage_as_sentence, file_faults_as_sentences
from napari_dodn.formats.options import ReadOptions
from napari_dodn.formats.registry import format_of, opened
from napari_dodn.paths import expanded


def read(
    path: str | os.PathLike[str],
    *,
    dataset: str | None = None,
    axes: str | None = None,
    wavelengths: npt.ArrayLike | None = None,
    nodata: float | None = None,
    large: bool = False,
) -> HyperCube:
    """Open a hyperspectral cube.

    Parameters
    ----------
    path : path-like
        A file or folder in any format that the guide lists.
    dataset : str, optional
        Which cube to open if there are several: a name from `contents`.
    axes : str, optional
        Meaning of the axes of an array as they are stored, or as the format's own software counts
        them: "yxb" for rows, columns, bands. By default the reader works it out.
    wavelengths : array-like, optional
        Band centres in nanometres, shape (bands,), instead of what the file says.
    nodata : float, optional
        The value that means "nothing measured here", instead of what the file says.
    large : bool
        Whether the content of a file may be more than 1 GB and more than 200 times its size.

    Returns
    -------
    HyperCube
        Its pixels are read when they are used, where the format allows. `notes` says what the
        reader had to work out.

    Raises
    ------
    AmbiguousError
        If the file holds several cubes and no option decides.
    LargeError
        If the file holds far more data than its size suggests.
    FormatError
        If the file cannot be read; the message says what is wrong in one sentence.
    """
    path = expanded(path)
    with any_damage_as_sentence(path), file_faults_as_sentences(path, "read"):
        options = ReadOptions(dataset, axes, wavelengths, nodata, large)
        cube = opened(path, options)
        return cube.derive(
            read_as=options.told | {"steps": len(cube.history), "shape": [*cube.shape]}
        )


def contents(path: str | os.PathLike[str]) -> list[Candidate]:
    """List the possible cubes in a file or folder, without reading pixels.

    Parameters
    ----------
    path : path-like
        As in `read`.

    Returns
    -------
    list of Candidate
        At least one. If there is one, `read` opens it; if there are several, `dataset` names the
        one to open.

    Raises
    ------
    FormatError
        If nothing in the file can be a cube, or it cannot be read.
    """
    path = expanded(path)
    with any_damage_as_sentence(path), file_faults_as_sentences(path, "read"):
        return format_of(path).contents(path)
