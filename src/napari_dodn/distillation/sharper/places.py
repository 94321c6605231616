"""Places of a picture on a cube: where map coordinates put it, and how it looks there.

Places are affine: a matrix (2, 3) turns the row and column of a pixel of the fine grid, counted
from pixel centres, into those of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_dodn.cube import Region
from napari_dodn.errors import UserError
from napari_dodn.map_info import place_on_map

SCALES = (8, 4, 2)

TOLERANCE = 0.02
"""Share by which a picture's pixels may be coarser than a scale asks for."""

ASPECT = 0.05
"""Share by which a picture without map coordinates may be stretched along one side."""

VALID = 0.99
"""Share of valid pixels around a place from which on the picture is valid there."""


class UnfitPictureError(UserError):
    """A picture that does not fit its cube."""


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
