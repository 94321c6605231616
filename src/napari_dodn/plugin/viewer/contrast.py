"""Between which values the bands of a cube are shown."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.pixels.raw import RawPixels

SAMPLE_BANDS, SAMPLE_SIDE = 16, 128
"""How much of a cube is looked at."""

FEW_ROWS = 16
"""How many rows of it are looked at in haste, where all bands of a row must be read for one."""

CONTRAST_PERCENTILES = (0.5, 99.5)


SQUARES = 4
"""Squares along each side of a large file in chunks that are looked at."""

LARGE = 2**28
"""Bytes of such a file."""


def contrast_limits(
    cube: HyperCube, most_bands: int = SAMPLE_BANDS, most_rows: int = SAMPLE_SIDE
) -> tuple[float, float]:
    """Return display limits from a thin sample of the bands, without no-data values.

    Bad bands and those that water absorbs have no say. Of one band it is the one shown first.

    Parameters
    ----------
    cube : HyperCube
        What is to be shown.
    most_bands, most_rows : int
        How many bands and rows are looked at.
    """
    from napari_dodn.spectra.shown_bands import clear_bands, first_band

    bands = clear_bands(cube)
    step = math.ceil(bands.size / most_bands)
    bands = np.array([first_band(cube)]) if most_bands == 1 else bands[step // 2 :: step]
    sample = np.concatenate([part.ravel() for part in _parts(cube, bands, most_rows)])
    sample = sample[:, None, None]
    values = HyperCube(sample, nodata=cube.nodata).pixels()
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, CONTRAST_PERCENTILES))
    return (low, high) if low < high else (low, low + 1.0)


def _parts(cube: HyperCube, bands: np.ndarray, most_rows: int) -> Iterator[np.ndarray]:
    """Yield the sample: every n-th row and column, or, where all chunks would be read, squares.

    Bands at once: where chunks hold all of them, each alone takes as long as all together.
    """
    height, width = cube.shape[1:]
    in_chunks = not isinstance(cube.data, (np.ndarray, RawPixels))
    if not in_chunks or math.prod(cube.shape) * cube.data.dtype.itemsize < LARGE:
        rows, columns = math.ceil(height / most_rows), math.ceil(width / SAMPLE_SIDE)
        yield np.asarray(cube.data[bands, ::rows, ::columns])
        return
    side = SAMPLE_SIDE // SQUARES
    for number in range(SQUARES**2):
        y, x = (
            max(0, (2 * place + 1) * length // (2 * SQUARES) - side // 2)
            for place, length in zip(divmod(number, SQUARES), (height, width), strict=True)
        )
        yield np.asarray(cube.data[bands, y : y + side, x : x + side])
