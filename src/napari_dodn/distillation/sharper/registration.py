"""Where a picture lies on a cube: by map coordinates, or by what both show.

Places are affine: a matrix (2, 3) turns the row and column of a pixel of the fine grid, counted
from pixel centres, into those of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_dodn.cube import Region, place_on_map
from napari_dodn.distillation.sharper.sensor import Sensor
from napari_dodn.errors import UserError
from napari_dodn.jobs import never, stop_if

SCALES = (8, 4, 2)

TOLERANCE = 0.02
"""Share by which a picture's pixels may be coarser than a scale asks for."""

ASPECT = 0.05
"""Share by which a picture without map coordinates may be stretched along one side."""

VALID = 0.99
"""Share of valid pixels around a place from which on the picture is valid there."""

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


class UnfitPictureError(UserError):
    """A picture that does not fit its cube."""


@dataclass(frozen=True)
class Registration:
    """Where a picture lies.

    Attributes
    ----------
    matrix : numpy.ndarray
        From the fine grid to the picture, shape (2, 3).
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


def factor_of(matrix: np.ndarray, scale: int) -> float:
    """Return how many pixels of a picture lie along the side of an LR pixel, at least."""
    return float(np.linalg.svd(matrix[:, :2], compute_uv=False).min()) * scale


def scale_within(factor: float) -> int:
    """Return the largest scale that a picture is fine enough for, or 0."""
    return next((scale for scale in SCALES if factor >= scale * (1 - TOLERANCE)), 0)


def stated_place(
    cube_shape: tuple[int, int],
    picture_shape: tuple[int, int],
    scale: int,
    cube_map: Sequence[str] = (),
    picture_map: Sequence[str] = (),
) -> np.ndarray:
    """Return where a picture lies by map coordinates, or else with its borders on the cube's.

    Parameters
    ----------
    cube_shape, picture_shape : tuple of int
        Rows and columns.
    scale : int
        Fine pixels along the side of one of the cube's.
    cube_map, picture_map : sequence of str
        Map infos as ENVI has them; see `HyperCube.map_info`.

    Raises
    ------
    UnfitPictureError
        If there are no map coordinates and the picture has another shape than the cube.
    """
    height, width = cube_shape
    corners = [
        place_on_map(cube_map, picture_map, corner) for corner in ((0.0, 0.0), (height, width))
    ]
    first, last = corners
    if first is None or last is None:
        factors = picture_shape[0] / height, picture_shape[1] / width
        if max(factors) > min(factors) * (1 + ASPECT):
            raise UnfitPictureError(
                f"The picture has {picture_shape[0]} × {picture_shape[1]} pixels and the cube"
                f" {height} × {width}; without map coordinates both must show the same area, so"
                " crop one of them."
            )
        first, last = (0.0, 0.0), picture_shape
    matrix = np.zeros((2, 3))
    for axis, length in enumerate(cube_shape):
        step = (last[axis] - first[axis]) / (length * scale)
        matrix[axis, axis] = step
        matrix[axis, 2] = first[axis] + step / 2 - 0.5
    return matrix


def part_on(
    size: tuple[int, int], matrix: np.ndarray, shape: tuple[int, int], margin: float = 0
) -> tuple[Region, np.ndarray]:
    """Return what part of a picture lies on a grid, and that part's place there.

    Parameters
    ----------
    size : tuple of int
        Rows and columns of the picture.
    matrix : numpy.ndarray
        See the module.
    shape : tuple of int
        Rows and columns of the grid.
    margin : float
        Pixels of the grid beyond its borders.

    Raises
    ------
    UnfitPictureError
        If nothing of it does.
    """
    first, last = np.full(2, -0.5 - margin), np.array(shape) - 0.5 + margin
    corners = np.array([matrix[:, :2] @ corner + matrix[:, 2] for corner in (first, last)])
    low = np.clip(np.round(corners.min(axis=0) + 0.5).astype(int), 0, None)
    high = np.minimum(np.round(corners.max(axis=0) + 0.5).astype(int), size)
    if (high <= low).any():
        raise UnfitPictureError("The picture shows nothing of the cube.")
    moved = matrix.copy()
    moved[:, 2] -= low
    return Region(int(low[0]), int(high[0]), int(low[1]), int(high[1])), moved


def sampled(
    picture: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture on the fine grid, and where it is valid.

    Parameters
    ----------
    picture : numpy.ndarray
        Shape (M, Y, X), NaN where invalid.
    matrix : numpy.ndarray
        See the module.
    shape : tuple of int
        Rows and columns of the fine grid.

    Returns
    -------
    picture : numpy.ndarray
        Shape (M, y, x), float32, finite.
    valid : numpy.ndarray of bool
        Shape (y, x).
    """
    from scipy.ndimage import affine_transform, gaussian_filter

    known = np.isfinite(picture).all(axis=0)
    means = np.array([plane[known].mean() if known.any() else 0.0 for plane in picture])
    filled = np.where(known, picture, means[:, None, None]).astype(np.float32)
    # What is finer than the grid is blurred away first, as `skimage.transform.resize` does.
    soft = [max(0.0, (step - 1) / 2) for step in np.abs(np.diag(matrix[:, :2]))]
    whole = bool(np.allclose(matrix[:, :2], np.eye(2)) and np.allclose(matrix[:, 2] % 1, 0))

    def moved(plane: np.ndarray, order: int, mode: str) -> np.ndarray:
        if max(soft) > 0:
            plane = gaussian_filter(plane, soft, mode="nearest")
        return affine_transform(
            plane, matrix[:, :2], matrix[:, 2], shape, order=0 if whole else order, mode=mode
        )

    result = np.stack([moved(plane, 3, "nearest") for plane in filled])
    # A cubic spline overshoots; the picture's own range bounds it.
    low, high = filled.min(axis=(1, 2)), filled.max(axis=(1, 2))
    result = result.clip(low[:, None, None], high[:, None, None])
    return result, moved(known.astype(np.float32), 1, "constant") >= VALID


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
