"""The reading options that more than one format shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_dodn.cube import HyperCube
from napari_dodn.formats.errors import FormatError


def refuse_options(reader: str, path: Path, **options: object) -> None:
    """Raise FormatError for options that were given but mean nothing to a reader."""
    for name, value in options.items():
        if value is not None:
            raise FormatError(f"{path} is {reader}, where the option '{name}' has no meaning.")


def with_wavelengths(cube: HyperCube, wavelengths: npt.ArrayLike | None) -> HyperCube:
    """Return the cube with the wavelengths that a caller gave, in nanometres, if any."""
    if wavelengths is None:
        return cube
    try:
        values = np.asarray(wavelengths, dtype=np.float64).ravel()
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
