"""A sharper picture and how it lies on its cube, as pictures to look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.distillation.sharper.pseudo_truth import Pair
from napari_dodn.spectra.colour import Rendering, render

CONTRAST = (1, 99)
"""Percentiles that are shown as black and white."""

FAINT = 0.35
"""Brightness of the places from which nothing is learnt."""


GAMMA = 2.2
"""For the screen: pictures are held linear in light."""


def colours_of(picture: np.ndarray) -> np.ndarray:
    """Return the colours of a picture (M, y, x) that is linear in light, uint8, (y, x, 3)."""
    first = (0, 1, 2) if len(picture) == 3 else ()
    return render(HyperCube(picture, default_bands=first), rendering=Rendering(gamma=GAMMA))


def overlay_of(pair: Pair) -> np.ndarray:
    """Show the picture in green and blue over the cube in red.

    Where both agree it is grey; borders in colour are shifted ones. Places from which nothing is
    learnt are dark.

    Parameters
    ----------
    pair : Pair
        A picture that is placed on a cube.

    Returns
    -------
    numpy.ndarray
        Shape (s·y, s·x, 3), uint8.
    """
    told = np.flatnonzero(pair.regression.predicted)
    cube = pair.cube[told].mean(axis=0, dtype=np.float64)
    # As the picture has it, so that a difference in colour is one in place.
    # A regression is linear in its weights: the mean of the bands is that of their weights.
    mean = pair.regression.weights[:, told].mean(axis=1, keepdims=True)
    seen = replace(pair.regression, weights=mean)(pair.picture, np.zeros(1, int))[0]
    own = pair.sensor.expand(cube[None])[0].astype(np.float64)
    low, high = np.percentile(own[:: pair.sensor.scale, :: pair.sensor.scale], CONTRAST)
    planes = [((t - low) / max(high - low, 1e-30)).clip(0, 1) for t in (own, seen, seen)]
    scale = pair.sensor.scale
    counts = pair.counted.repeat(scale, axis=0).repeat(scale, axis=1)
    image = np.stack(planes, axis=-1) * np.where(counts, 1, FAINT)[..., None]
    return np.round(255 * image).astype(np.uint8)
