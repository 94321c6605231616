"""Between which values the bands of a cube are shown."""

from __future__ import annotations

import math

import numpy as np

from napari_dodn.cube import HyperCube

SAMPLE_BANDS, SAMPLE_SIDE = 16, 128
"""How much of a cube is looked at."""

FEW_ROWS = 16
"""How many rows of it are looked at in haste, where all bands of a row must be read for one."""

CONTRAST_PERCENTILES = (0.5, 99.5)


def contrast_limits(
    cube: HyperCube, most_bands: int = SAMPLE_BANDS, most_rows: int = SAMPLE_SIDE
) -> tuple[float, float]:
    """Return display limits from a thin sample of the usable bands, without no-data values.

    Parameters
    ----------
    cube : HyperCube
        What is to be shown.
    most_bands, most_rows : int
        How many bands and rows are looked at.
    """
    bands = np.flatnonzero(cube.usable_bands)
    if not bands.size:
        bands = np.arange(cube.bands)
    step = math.ceil(bands.size / most_bands)
    bands = bands[step // 2 :: step]
    rows, columns = (
        math.ceil(side / most)
        for side, most in zip(cube.shape[1:], (most_rows, SAMPLE_SIDE), strict=True)
    )
    # At once: where chunks hold all bands, each band alone takes as long as all of them.
    sample = np.asarray(cube.data[bands, ::rows, ::columns])
    values = HyperCube(sample, nodata=cube.nodata).pixels()
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, CONTRAST_PERCENTILES))
    return (low, high) if low < high else (low, low + 1.0)
