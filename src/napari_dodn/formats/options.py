"""What a caller may decide about reading, the same for all formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_dodn.cube import HyperCube
from napari_dodn.formats.errors import FormatError


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
    """

    dataset: str | None = None
    axes: str | None = None
    wavelengths: npt.ArrayLike | None = None
    nodata: float | None = None

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
                f"{cube.bands} band{'s' * (cube.bands != 1)}."
            )
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise FormatError("The option 'wavelengths' takes numbers above 0, in nanometres.")
        return cube.derive(wavelengths=values)


AS_STORED = ReadOptions()
"""Nothing decided."""
