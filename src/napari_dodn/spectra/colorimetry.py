"""The eye and the light: what is needed to turn spectra into sRGB, as closed formulas.

The CIE's tables are replaced by formulas, because a colour library takes longer to import than the
picture takes to make; the tests hold the formulas against the tables.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

WHITE_D65 = np.array([0.95047, 1.0, 1.08883])
"""XYZ of the white of sRGB (IEC 61966-2-1)."""

XYZ_TO_LINEAR_SRGB = np.array(
    [
        [3.2406, -1.5372, -0.4986],
        [-0.9689, 1.8758, 0.0415],
        [0.0557, -0.2040, 1.0570],
    ]
)
"""IEC 61966-2-1."""

BRADFORD = np.array(
    [
        [0.8951, 0.2664, -0.1614],
        [-0.7502, 1.7135, 0.0367],
        [0.0389, -0.0685, 1.0296],
    ]
)
"""XYZ to the cone responses in which an eye adapts to the white around it (Lam 1985)."""

SECOND_RADIATION_CONSTANT = 1.438776877e7
"""Of Planck's law, in nm K."""


class Light(NamedTuple):
    """A CIE illuminant."""

    called: str
    """What it is called beside its letter."""
    temperature: float | None
    """Correlated colour temperature in kelvin; None for equal energy at all wavelengths."""


LIGHTS = {
    "D65": Light("daylight", 6504.0),
    "D50": Light("warm daylight", 5003.0),
    "D55": Light("morning daylight", 5503.0),
    "D75": Light("light of the north sky", 7504.0),
    "A": Light("light bulb", 2855.5),  # whose temperature is exact
    "E": Light("equal energy", None),
}
"""The illuminants that colours can be computed for, the usual one first."""

ILLUMINANTS = tuple(LIGHTS)


def colour_matching(wavelengths: np.ndarray) -> np.ndarray:
    """Return the CIE 1931 2° colour-matching functions at some wavelengths.

    They are the multi-lobe fit of C. Wyman, P.-P. Sloan and P. Shirley, "Simple analytic
    approximations to the CIE XYZ color matching functions", JCGT 2(2), 2013, which is within 0.024
    of the tables everywhere (the largest value is 1.78).

    Parameters
    ----------
    wavelengths : numpy.ndarray
        Nanometres, shape (bands,).

    Returns
    -------
    numpy.ndarray
        x̄, ȳ and z̄, shape (3, bands).
    """

    def lobe(height: float, centre: float, left: float, right: float) -> np.ndarray:
        width = np.where(wavelengths < centre, left, right)
        return height * np.exp(-0.5 * ((wavelengths - centre) / width) ** 2)

    return np.stack(
        [
            lobe(1.056, 599.8, 37.9, 31.0)
            + lobe(0.362, 442.0, 16.0, 26.7)
            + lobe(-0.065, 501.1, 20.4, 26.2),
            lobe(0.821, 568.8, 46.9, 40.5) + lobe(0.286, 530.9, 16.3, 31.1),
            lobe(1.217, 437.0, 11.8, 36.0) + lobe(0.681, 459.0, 26.0, 13.8),
        ]
    )


def relative_power(wavelengths: np.ndarray, illuminant: str) -> np.ndarray:
    """Return the relative spectral power of an illuminant.

    It is Planck's law at the illuminant's colour temperature: the very definition of A, and near
    enough to daylight, whose white is adapted away, for colours within 0.6 ΔE2000 of the tables'.

    Parameters
    ----------
    wavelengths : numpy.ndarray
        Nanometres, shape (bands,).
    illuminant : str
        One of `ILLUMINANTS`.
    """
    temperature = LIGHTS[illuminant].temperature
    if temperature is None:
        return np.ones_like(wavelengths)
    exponent = SECOND_RADIATION_CONSTANT / (wavelengths * temperature)
    return (wavelengths / 560.0) ** -5.0 / np.expm1(exponent)


def adaptation(white: np.ndarray) -> np.ndarray:
    """Return the Bradford transform of XYZ, shape (3, 3), that makes a white that of sRGB."""
    gains = (BRADFORD @ WHITE_D65) / (BRADFORD @ white)
    return np.linalg.solve(BRADFORD, gains[:, None] * BRADFORD)


def srgb_gamma(linear: np.ndarray) -> np.ndarray:
    """Apply the transfer function of sRGB (IEC 61966-2-1) to values in 0 … 1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
