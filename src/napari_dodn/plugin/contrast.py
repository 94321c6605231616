"""Between which values the bands of a cube are shown."""

from __future__ import annotations

import math

import numpy as np

from napari_dodn.cube import HyperCube

SAMPLE_BANDS, SAMPLE_SIDE = 16, 128
"""How much of a cube is looked at."""

CONTRAST_PERCENTILES = (0.5, 99.5)


def contrast_limits(cube: HyperCube, most_bands: int = SAMPLE_BANDS) -> tuple[float, float]:
    """Return display limits from a thin sample of the usable bands, without no-data values.

    Parameters
    ----------
    cube : HyperCube
        What is to be shown.
    most_bands : int
        How many bands are looked at.
    """
    bands = np.flatnonzero(cube.usable_bands)
    if not bands.size:
        bands = np.arange(cube.bands)
    step = math.ceil(bands.size / most_bands)
    bands = bands[step // 2 :: step]
    rows, columns = (math.ceil(side / SAMPLE_SIDE) for side in cube.shape[1:])
    # At once: where chunks hold all bands, each band alone takes as long as all of them.
    sample = np.asarray(cube.data[bands, ::rows, ::columns])
    values = HyperCube(sample, nodata=cube.nodata).pixels()
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, CONTRAST_PERCENTILES))
    return (low, high) if low < high else (low, low + 1.0)
