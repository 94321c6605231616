"""Where a picture lies on a cube by what both show, beginning with where it is stated to lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_dodn.distillation.sharper.places import part_on, sampled
from napari_dodn.distillation.sharper.sensor import Sensor
from napari_dodn.jobs import never, stop_if

STEPS = (1.0, 0.5, 0.25, 0.1)
"""Fine pixels by which a shift is searched, one after the other."""

MOST_MOVES = 12
"""Moves of the search with each step."""

MARGIN = 4
"""LR pixels along the border that a search for a shift does not look at."""

LARGEST = 256
"""LR pixels a side of the middle of a cube that a shift is searched in."""

FARTHEST = 1 / 3
"""Share of a side by which a picture may be shifted."""

DETAIL = 3.0
"""Sigma, in LR pixels, of what is taken off an image to leave its edges."""

TILE = 24
"""LR pixels a side, at least, of the parts whose own shifts tell an affine map from a shift."""

BETTER = 0.95
"""Share of the error that may be left for an affine map to be believed, or a shift."""


@dataclass(frozen=True)
class Registration:
    """Where a picture lies.

    Attributes
    ----------
    matrix : numpy.ndarray
        From the fine grid to the picture, shape (2, 3); see `places`.
    shift : tuple of float
        What the search moved the picture by, along y and x, in fine pixels; the middle's where it
        is more than a shift.
    is_affine : bool
        Whether it is more than a shift.
    unexplained : float
        Share of the cube's variance that a linear function of the placed picture leaves.
    """

    matrix: np.ndarray
    shift: tuple[float, float]
    is_affine: bool
    unexplained: float


def registered(
    picture: np.ndarray,
    matrix: np.ndarray,
    image: np.ndarray,
    weight: np.ndarray,
    sensor: Sensor,
    cancelled: Callable[[], bool] = never,
) -> Registration:
    """Find where a picture lies, beginning with where it is stated to lie.

    A shift is found in whole LR pixels by phase correlation and refined by how well a linear
    function of the picture explains the cube. Then the shifts of parts of the cube tell whether
    the picture is turned, stretched or sheared as well. What does not explain the cube clearly
    better is not believed.

    Parameters
    ----------
    picture : numpy.ndarray
        Shape (M, Y, X), NaN where invalid.
    matrix : numpy.ndarray
        Where it is stated to lie.
    image : numpy.ndarray
        Leading components of the cube, or some of its bands, finite, shape (k, y, x).
    weight : numpy.ndarray
        How much each LR pixel counts, shape (y, x).
    sensor : Sensor
        Says how the cube was reduced.
    cancelled : callable
        Whether to stop.
    """
    search = _Search(picture, matrix, image, weight, sensor, cancelled)
    still = search.unexplained((0.0, 0.0))
    starts = {(0.0, 0.0): still}
    if (guess := search.guessed()) != (0.0, 0.0):
        starts[guess] = search.unexplained(guess)
    place = min(starts, key=lambda shift: starts[shift])
    shift, error = search.refined(place, starts[place])
    if error > BETTER * still:
        shift, error = (0.0, 0.0), still
    moved = search.moved(shift)
    affine = search.affine(moved)
    if affine is not None:
        left = search.left(affine)
        if left < BETTER * error:
            middle = np.array([length * sensor.scale / 2 for length in image.shape[1:]])
            drift = np.linalg.solve(
                matrix[:, :2],
                affine[:, :2] @ middle + affine[:, 2] - matrix[:, :2] @ middle - matrix[:, 2],
            )
            return Registration(affine, (float(drift[0]), float(drift[1])), True, left)
    return Registration(moved, shift, False, error)


class _Search:
    """Tries places of a picture on the middle of a cube."""

    def __init__(
        self,
        picture: np.ndarray,
        matrix: np.ndarray,
        image: np.ndarray,
        weight: np.ndarray,
        sensor: Sensor,
        cancelled: Callable[[], bool],
    ) -> None:
        self.cancelled = cancelled
        _, height, width = image.shape
        y0, x0 = (max(0, (length - LARGEST) // 2) for length in (height, width))
        part = (slice(y0, y0 + LARGEST), slice(x0, x0 + LARGEST))
        self.matrix, self.sensor = matrix, sensor
        self.image, self.weight = image[(slice(None), *part)], weight[part].astype(float)
        self.corner = np.array([y0, x0]) * sensor.scale
        fine = (self.weight.shape[0] * sensor.scale, self.weight.shape[1] * sensor.scale)
        local = matrix.copy()
        local[:, 2] += matrix[:, :2] @ self.corner
        size = (picture.shape[1], picture.shape[2])
        near, moved = part_on(size, local, fine, max(fine) * FARTHEST)
        self.picture = picture[(slice(None), *near.slices)]
        self.left_out = local[:, 2] - moved[:, 2]
        edge = [min(MARGIN, length // 8) for length in self.weight.shape]
        inner = np.zeros_like(self.weight)
        inner[edge[0] : len(inner) - edge[0], edge[1] : inner.shape[1] - edge[1]] = 1
        self.weight *= inner
        self.height, self.width = self.weight.shape

    def moved(self, shift: tuple[float, float]) -> np.ndarray:
        """Return the stated place moved by fine pixels."""
        matrix = self.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ np.array(shift)
        return matrix

    def unexplained(self, shift: tuple[float, float]) -> float:
        """Return `left` of the stated place moved by fine pixels."""
        return self.left(self.moved(shift))

    def reduced(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the placed picture as the sensor would see it, and how much each pixel counts."""
        stop_if(self.cancelled)
        local = matrix.copy()
        local[:, 2] += matrix[:, :2] @ self.corner - self.left_out
        scale = self.sensor.scale
        fine, valid = sampled(self.picture, local, (self.height * scale, self.width * scale))
        whole = valid.reshape(self.height, scale, self.width, scale).all(axis=(1, 3))
        return np.stack([self.sensor.reduce(plane) for plane in fine]), self.weight * whole

    def left(self, matrix: np.ndarray) -> float:
        """Return the share of the variance that a linear function of the picture leaves."""
        return self._fitted(matrix)[1]

    def _fitted(self, matrix: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the cube as the picture explains it, what is left, and the weights."""
        seen, weight = self.reduced(matrix)
        mass = weight.ravel()
        if mass.sum() < 2 * len(seen):
            return np.zeros_like(self.image), 1.0, weight
        x = seen.reshape(len(seen), -1).astype(np.float64)
        y = self.image.reshape(len(self.image), -1).astype(np.float64)
        x_mean, y_mean = ((t @ mass / mass.sum())[:, None] for t in (x, y))
        x, y = x - x_mean, y - y_mean
        normal = (x * mass) @ x.T
        normal += np.eye(len(x)) * (1e-8 * np.trace(normal) + np.finfo(float).tiny)
        fitted = np.linalg.solve(normal, (x * mass) @ y.T).T @ x
        total = float((np.square(y) @ mass).sum())
        error = float((np.square(y - fitted) @ mass).sum())
        fitted = (fitted + y_mean).reshape(self.image.shape)
        return fitted, error / total if total > 0 else 1.0, weight

    def guessed(self) -> tuple[float, float]:
        """Return the shift, in fine pixels, by which the edges of both images are alike."""
        from skimage.registration import phase_cross_correlation

        seen, weight = self.reduced(self.matrix)
        scene, other = (self._edges(t, weight) for t in (self.image, seen))
        if min(scene.shape) < 8 or scene.std() == 0 or other.std() == 0:
            return (0.0, 0.0)
        found = phase_cross_correlation(scene, other, upsample_factor=4, normalization=None)[0]
        if max(abs(found)) > min(scene.shape) * FARTHEST:
            return (0.0, 0.0)
        return float(-found[0] * self.sensor.scale), float(-found[1] * self.sensor.scale)

    def _edges(self, image: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return how steep an image (k, y, x) is at each place, free of what is smooth."""
        from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude

        deviation = image.std(axis=(1, 2), keepdims=True)
        scaled = image / np.where(deviation > 0, deviation, 1)
        steep = np.sqrt(sum(gaussian_gradient_magnitude(plane, 0.7) ** 2 for plane in scaled))
        return (steep - gaussian_filter(steep, DETAIL)) * (weight > 0)

    def refined(
        self, place: tuple[float, float], error: float
    ) -> tuple[tuple[float, float], float]:
        """Go from a shift downhill, with smaller and smaller steps."""
        for step in STEPS:
            for _ in range(MOST_MOVES):
                around = [
                    (round(place[0] + dy * step, 3), round(place[1] + dx * step, 3))
                    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))
                ]
                errors = [self.unexplained(shift) for shift in around]
                if min(errors) >= error:
                    break
                error = min(errors)
                place = around[errors.index(error)]
        return place, error

    def affine(self, matrix: np.ndarray) -> np.ndarray | None:
        """Return an affine map from the shifts that are left in parts of the cube, if any."""
        from skimage.measure import ransac
        from skimage.registration import phase_cross_correlation
        from skimage.transform import AffineTransform

        fitted, _, weight = self._fitted(matrix)
        counts = [min(4, length // TILE) for length in self.weight.shape]
        if min(counts) < 2:
            return None
        scale = self.sensor.scale
        scene, other = (self._edges(t, weight) for t in (self.image, fitted))
        places, shifts = [], []
        for rows in np.array_split(np.arange(self.height), counts[0]):
            for columns in np.array_split(np.arange(self.width), counts[1]):
                part = np.ix_(rows, columns)
                if min(scene[part].std() - 0.1 * scene.std(), other[part].std()) <= 0:
                    continue  # nothing to go by
                found = phase_cross_correlation(
                    scene[part], other[part], upsample_factor=20, normalization=None
                )[0]
                if max(abs(found)) < TILE / 4:
                    middle = np.array([rows.mean() + 0.5, columns.mean() + 0.5]) * scale - 0.5
                    places.append(middle + self.corner)
                    shifts.append(-found * scale)
        if len(places) < 4:
            return None
        source = np.array(places)
        target = (source + np.array(shifts)) @ matrix[:, :2].T + matrix[:, 2]
        model, _ = ransac((source, target), AffineTransform, 3, float(scale), max_trials=100, rng=0)
        if not model:
            return None
        found = np.asarray(model.params)[:2]
        return found if np.isfinite(found).all() else None
