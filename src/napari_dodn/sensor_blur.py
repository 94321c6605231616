"""The sensor's blur that a network is told: where a result says it, and what it stands for.

A blur is the standard deviation of a Gaussian point spread function in LR pixels. Without PyTorch,
for the panels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

BLUR, ORIGIN_OF_BLUR = "dodn sensor blur", "dodn sensor blur origin"
"""Fields of a result: the blur that the network was told, and where it is from."""

LARGEST_BLUR = 2.0
"""Blurs beyond it, in pixels, are no sensor's; the network answers all beyond 0.8 alike."""

TOLD_NONE_BELOW = 0.15
"""Blurs in LR pixels below which a network answers as if it were told none, at all scales. At ×2 it
is halfway from none to the least blur that is learnt, `degradation.CLEAN_BELOW`."""

TRUNCATION = 4.0
"""Sigmas after which the point spread function is cut off; 6e-5 of its volume lies beyond."""

LEAST_SIGMA = 0.2
"""In high-resolution pixels; a narrower function takes the mean of the nearest pixels as well."""


def blur_in(metadata: Mapping[str, Any]) -> float | None:
    """Return the blur that a result says its network was told; None where it says none."""
    try:
        sigma = float(metadata[BLUR])  # headers hold text
    except (KeyError, TypeError, ValueError):
        return None
    return sigma if 0 <= sigma <= LARGEST_BLUR else None


def weights_at(distance: Any, exp: Callable[[Any], Any]) -> Any:
    """Return the weights of pixels at a distance from the centre of the point spread function.

    Parameters
    ----------
    distance : numpy.ndarray or Tensor
        In sigmas, along one axis.
    exp : callable
        `numpy.exp` or `torch.exp`.

    Returns
    -------
    numpy.ndarray or Tensor
        Same shape; their sum is not 1.
    """
    return exp(-0.5 * distance**2) * (abs(distance) <= TRUNCATION)
