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
    """Return display limits from a thin sample of the bands, without no-data values.

    Bad bands and those that water absorbs have no say. Of one band it is the one shown first.

    Parameters
    ----------
    cube : HyperCube
        What is to be shown.
    most_bands, most_rows : int
        How many bands and rows are looked at.
    """
    from napari_dodn.spectra.colour import clear_bands, first_band

    bands = clear_bands(cube)
    step = math.ceil(bands.size / most_bands)
    bands = np.array([first_band(cube)]) if most_bands == 1 else bands[step // 2 :: step]
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
