"""What a caller may decide about reading, the same for all formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_dodn.cube import HyperCube
from napari_dodn.formats.errors import FormatError, LargeError
from napari_dodn.plain_types import plain
from napari_dodn.spectra.wavelength_text import WavelengthError, checked_wavelengths
from napari_dodn.wording import counted

MUCH, MOST_PACKED = 2**30, 200
"""Bytes, and how many are packed in one, beyond which a file is asked about. What compresses so
well is hardly an image; a trap compresses 1000 times and more."""


@dataclass(frozen=True, eq=False)
class ReadOptions:
    """What a caller decided; None where the file is to say it.

    Attributes
    ----------
    dataset : str, optional
        Which of several cubes to take.
    axes : str, optional
        Meaning of the stored axes, in their order.
    wavelengths : array-like, optional
        Band centres in nanometres.
    nodata : float, optional
        The value that means "nothing measured here".
    large : bool
        Whether a file may hold far more than its size tells.
    """

    dataset: str | None = None
    axes: str | None = None
    wavelengths: npt.ArrayLike | None = None
    nodata: float | None = None
    large: bool = False

    @property
    def told(self) -> dict[str, Any]:
        """The options that are not as usual, by name, in plain types."""
        return {
            option.name: plain(value)
            for option in fields(self)
            if (value := getattr(self, option.name)) is not option.default
        }

    @property
    def wavelength_count(self) -> int | None:
        """Number of wavelengths that the caller gave."""
        return None if self.wavelengths is None else np.size(self.wavelengths)

    def refuse(self, name: str, path: Path, what: str) -> None:
        """Raise FormatError where an option was given that means nothing for a file.

        Parameters
        ----------
        name : str
            The option.
        path : Path
            The file.
        what : str
            What it is, with an article.
        """
        if getattr(self, name) is not None:
            raise FormatError(f"{path} is {what}, where the option '{name}' has no meaning.")

    def check_packed(self, path: Path, needed: int, *files: Path) -> None:
        """Raise LargeError where far more is packed in a file than one would think.

        Parameters
        ----------
        path : Path
            The file.
        needed : int
            Bytes of what is in it.
        *files : Path
            What it consists of, where that is not the file alone.
        """
        if self.large or needed < MUCH:
            return
        packed = 0
        for size in _sizes(files or (path,)):
            packed += size
            if needed <= MOST_PACKED * packed:
                return
        raise LargeError(path, needed, packed)

    def applied(self, cube: HyperCube) -> HyperCube:
        """Return a cube with the wavelengths and the no-data value that the caller gave, if any."""
        if self.nodata is not None:
            cube = cube.derive(nodata=self.nodata)
        if self.wavelengths is None:
            return cube
        try:
            values = np.asarray(self.wavelengths, dtype=np.float64).ravel()
        except (TypeError, ValueError) as error:
            raise FormatError("The option 'wavelengths' takes numbers, in nanometres.") from error
        if values.size != cube.bands:
            raise FormatError(
                f"The option 'wavelengths' has {values.size} values, but {cube.source} has "
                f"{counted(cube.bands, 'band')}."
            )
        try:
            checked_wavelengths(values, None, "nm", "The option 'wavelengths'")
        except WavelengthError as error:
            raise FormatError(str(error)) from error
        return cube.derive(wavelengths=values)


AS_STORED = ReadOptions()
"""Nothing decided."""


def _sizes(files: Iterable[Path]) -> Iterator[int]:
    """Yield the sizes of files, and of those in folders."""
    for file in files:
        if file.is_dir():
            yield from (child.stat().st_size for child in file.rglob("*") if child.is_file())
        elif file.is_file():
            yield file.stat().st_size
