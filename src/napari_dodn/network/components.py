"""The leading principal components of a cube: what the network sees, and the way back to bands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

FLOOR = 1e-4
"""Components whose deviation is below this share of the first one's do not exist."""

TIE = 1.05
"""Two components whose deviations differ by less than this factor could be any mixture of both."""

FEW_BANDS = 200
"""Below it, all eigenvectors cost next to nothing."""

LARGEST_INPUT = 100.0
"""Deviations of a component to which the network's input is clamped; no training scene has more."""


@dataclass(frozen=True)
class Components:
    """Mean spectrum, deviation and leading principal components of a whole LR cube.

    A pixel x is seen as z = Uᵀ(x − mean) / (deviation · weights), of about unit deviation.

    Attributes
    ----------
    mean : numpy.ndarray
        Mean spectrum, float64, shape (bands,), in the cube's units.
    deviation : float
        Root mean square, over the bands, of the bands' standard deviations.
    basis : numpy.ndarray
        The components U, orthonormal columns, float64, shape (bands, k); zeros in a column that
        does not exist.
    weights : numpy.ndarray
        Deviations of the components in units of `deviation`, shape (k,); zero where there is none.
    """

    mean: np.ndarray
    deviation: float
    basis: np.ndarray
    weights: np.ndarray

    @property
    def forward(self) -> np.ndarray:
        """Return the matrix (k, bands) from centred pixels to what the network sees."""
        scale = self.deviation * self.weights
        inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
        return (self.basis * inverse).T

    @property
    def back(self) -> np.ndarray:
        """Return the matrix (bands, k) from what the network returns to the cube's units."""
        return self.basis * (self.deviation * self.weights)

    def redrawn(self, chance: np.random.Generator) -> Components:
        """Return equivalent components: with random signs, and with ties mixed."""
        basis, weights = self.basis.copy(), self.weights
        for i in range(len(weights) - 1):
            if weights[i + 1] > 0 and weights[i] < TIE * weights[i + 1]:
                angle = chance.uniform(0, 2 * np.pi)
                cosine, sine = np.cos(angle), np.sin(angle)
                basis[:, i : i + 2] @= np.array([[cosine, -sine], [sine, cosine]])
        basis *= chance.choice([-1.0, 1.0], len(weights))
        return replace(self, basis=basis)


def components_of(
    mean: np.ndarray, covariance: np.ndarray, count: int, floor: float = 0.0
) -> Components:
    """Find the components of a cube from its moments: see `components_from`."""
    return components_from(mean, *np.linalg.eigh(covariance), count, floor)


def components_from(
    mean: np.ndarray,
    variance: np.ndarray,
    vectors: np.ndarray,
    count: int,
    floor: float = 0.0,
    bands: int | None = None,
) -> Components:
    """Find the components of a cube from its mean and the results of `numpy.linalg.eigh`.

    Parameters
    ----------
    mean : numpy.ndarray
        Mean spectrum, shape (bands,).
    variance, vectors : numpy.ndarray
        Eigenvalues, in ascending order, and eigenvectors of the covariance, which is zero in bands
        that have no say.
    count : int
        Number of columns to return; those beyond the number of bands, or below the floor, are zero.
    floor : float
        Components whose standard deviation, in the cube's units, is not larger do not exist.
    bands : int, optional
        Number of bands that have a say; by default all.
    """
    deviation = float(
        np.sqrt(variance.clip(0).sum() / max(len(mean) if bands is None else bands, 1))
    )
    variance, vectors = variance[::-1][:count].clip(0), vectors[:, ::-1][:, :count]
    sizes = np.sqrt(variance)
    exists = sizes > max(FLOOR * sizes[0], floor, np.finfo(float).tiny)
    vectors = signed(vectors)
    basis, weights = np.zeros((len(mean), count)), np.zeros(count)
    basis[:, : len(sizes)] = np.where(exists, vectors, 0)
    weights[: len(sizes)] = np.where(exists, sizes, 0) / deviation if deviation else 0
    return Components(mean, deviation, basis, weights)


def leading(covariance: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all eigenvalues of a covariance, in ascending order, and the last eigenvectors.

    The vectors are exactly zero in bands that do not vary together with any, themselves included.

    By one reduction to three diagonals: `numpy.linalg.eigh` takes three times as long for 1000
    bands, most of it for vectors that nobody looks at.
    """
    bands = len(covariance)
    if not (vary := covariance.any(axis=0)).all():
        # As part of the whole, these bands would get what rounding leaves of zero.
        some, found = leading(covariance[np.ix_(vary, vary)], count)
        still = bands - len(some)
        vectors = np.zeros((bands, still + found.shape[1]))
        vectors[vary, still:] = found
        return np.concatenate([np.zeros(still), some]), vectors
    if bands < FEW_BANDS:
        return np.linalg.eigh(covariance)
    from scipy.linalg import eigh_tridiagonal, lapack

    room, _ = lapack.dsytrd_lwork(bands, lower=1)
    reduced, diagonal, beside, factors, _ = lapack.dsytrd(covariance, lower=1, lwork=int(room))
    variance = eigh_tridiagonal(diagonal, beside, eigvals_only=True)
    last = (max(0, bands - count), bands - 1)
    _, vectors = eigh_tridiagonal(diagonal, beside, select="i", select_range=last)
    # Back, by the reflections that the reduction has left below the diagonal.
    room = lapack.dormqr("L", "N", reduced[1:, :-1], factors, vectors[1:], -1)[1]
    vectors[1:] = lapack.dormqr("L", "N", reduced[1:, :-1], factors, vectors[1:], int(room[0]))[0]
    return variance, vectors


def signed(vectors: np.ndarray) -> np.ndarray:
    """Return the columns of a matrix with signs that make the entry of largest size positive."""
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1, 1)
