"""A sharper cube on the grid of the one that it was made from, a block at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.reach import GAUSSIAN, margin
from napari_dodn.sensor_blur import LEAST_SIGMA, TOLD_NONE_BELOW, blur_in, weights_at
from napari_dodn.spectra import steps
from napari_dodn.spectra.steps import quantity_of

AREA, CUBIC, BLUR = "area", "cubic", "blur"

SUPER_RESOLVED, INTERPOLATED = "Super-resolved ×", "Interpolated ×"
"""How a history begins to tell of either; the scale factor follows."""

HALFWAY_CUBIC = np.array([-3, 19, 19, -3]) / 32
"""Keys' cubic convolution kernel with a = −0.75, as OpenCV and PyTorch have it, halfway between two
of its four samples."""


@dataclass(frozen=True)
class Reduction:
    """How a cube is reduced.

    Attributes
    ----------
    kind : str
        "area", "cubic" or "blur", as in `consistency_steps`.
    scale : int
        Pixels of the cube along the side of a reduced one.
    sigma : float
        For "blur": standard deviation of the point spread function in reduced pixels.
    """

    kind: str
    scale: int
    sigma: float = 0.0

    @classmethod
    def undone_by(cls, result: HyperCube, scale: int) -> Reduction:
        """Return the reduction that a result stands for, as far as it tells."""
        sigma = blur_in(result.metadata)
        if sigma is not None and scale > 1:
            return cls(CUBIC, scale) if sigma < TOLD_NONE_BELOW else cls(BLUR, scale, sigma)
        interpolated = any(step.startswith(INTERPOLATED) for step in result.history)
        return cls(CUBIC if interpolated else AREA, scale)

    def values_of(self, bands: int) -> int:
        """Return how many values of the cube are read at once for a reduced pixel."""
        # With a blur, blocks are read some bands at a time, so that margins stay small beside them.
        return max(bands, self.scale**2) if self.kind == BLUR else bands * self.scale**2

    def of(self, cube: HyperCube, block: Region) -> np.ndarray:
        """Return a block of the reduced cube, (bands, y, x), NaN where nothing is valid."""
        reduced = {AREA: self._by_area, CUBIC: self._by_cubic, BLUR: self._by_blur}
        return reduced[self.kind](cube, block)

    def _by_area(self, cube: HyperCube, block: Region) -> np.ndarray:
        fine = quantity_of(cube, block.scaled(self.scale))
        cells = fine.reshape(len(fine), block.shape[0], self.scale, block.shape[1], self.scale)
        valid = np.isfinite(cells)
        count = valid.sum(axis=(2, 4))
        total = np.where(valid, cells, 0).sum(axis=(2, 4))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def _by_cubic(self, cube: HyperCube, block: Region) -> np.ndarray:
        beyond = 1 if self.scale == 2 else 0  # the four samples of ×2 reach beyond the cell
        read = block.scaled(self.scale).grown(beyond).within(*cube.shape[1:])
        fine = quantity_of(cube, read)
        fine = _sampled(fine, 1, range(block.y0, block.y1), read.y0, self.scale)
        return _sampled(fine, 2, range(block.x0, block.x1), read.x0, self.scale)

    def _by_blur(self, cube: HyperCube, block: Region) -> np.ndarray:
        """Do what `degradation.blur_and_decimate` does, and leave out invalid pixels."""
        reach = margin(GAUSSIAN, self.scale, self.sigma)
        pixels = np.arange(self.scale + 2 * reach)
        sigma = max(self.sigma * self.scale, LEAST_SIGMA)
        weights = weights_at((pixels - pixels.mean()) / sigma, np.exp)
        whole = block.scaled(self.scale).grown(reach)
        read = whole.within(*cube.shape[1:])
        y0, y1, x0, x1 = np.abs(np.subtract(whole, read))
        some = max(1, steps.BLOCK_VALUES // whole.size)
        reduced = np.full((cube.bands, *block.shape), np.nan)
        for first in range(0, cube.bands, some):
            bands = slice(first, min(first + some, cube.bands))
            fine = quantity_of(cube, read, bands)
            fine = np.pad(fine, ((0, 0), (y0, y1), (x0, x1)), constant_values=np.nan)
            valid = np.isfinite(fine)
            total = self._weighted(np.where(valid, fine, 0), weights)
            alike = bool((valid == valid[:1]).all())
            weight = self._weighted(valid[:1] if alike else valid, weights)
            np.divide(total, weight, out=reduced[bands], where=weight > 0)
        return reduced

    def _weighted(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sum values around each reduced pixel along both axes."""
        for axis in (1, 2):
            values = np.moveaxis(values, axis, 0)
            last = len(values) - len(weights) + 1
            taps = (w * values[i : i + last : self.scale] for i, w in enumerate(weights) if w)
            values = np.moveaxis(np.asarray(sum(taps)), 0, axis)
        return values


def _sampled(fine: np.ndarray, axis: int, cells: range, first: int, scale: int) -> np.ndarray:
    """Interpolate the middles of cells along an axis that begins at `first`."""
    middle = np.arange(cells.start, cells.stop) * scale + scale // 2 - first
    if scale % 2:
        return fine.take(middle, axis)
    taps = [
        weight * fine.take(middle + tap, axis, mode="clip")
        for tap, weight in zip((-2, -1, 0, 1), HALFWAY_CUBIC, strict=True)
    ]
    return np.sum(taps, axis=0)
