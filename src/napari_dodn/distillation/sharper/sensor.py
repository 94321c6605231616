"""The sensor that made the cube, as an operator on images of the fine grid, and its way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from napari_dodn.degradation import reduce_by_blur
from napari_dodn.network.linear import linear_upsample


@dataclass(frozen=True)
class Sensor:
    """How a cube was reduced.

    Attributes
    ----------
    scale : int
        Fine pixels along the side of one of the cube's.
    sigma : float
        Of the blur in LR pixels, as a network is told.
    """

    scale: int
    sigma: float

    def reduce(self, images: np.ndarray) -> np.ndarray:
        """Reduce (y, x) or (bands, y, x)."""
        cube = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
        while cube.ndim < 4:
            cube = cube[None]
        reduced = reduce_by_blur(cube, self.scale, self.sigma).numpy()
        return reduced.reshape(*images.shape[:-2], *reduced.shape[-2:])

    def expand(self, images: np.ndarray) -> np.ndarray:
        """Upsample (bands, y, x) linearly to the fine grid."""
        cube = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
        return linear_upsample(cube[None], self.scale)[0].numpy()
