"""How much of a cube patches and validation take. Without PyTorch, for the panels."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from napari_dodn.cube import CubeError
from napari_dodn.sensor_blur import LEAST_SIGMA, TRUNCATION

CUBIC, ANTI_ALIASED, GAUSSIAN = "cubic", "anti-aliased cubic", "gaussian"

CUBIC_REACH = 1.5
"""High-resolution pixels from the centre to the last one that cubic decimation looks at."""

CUBIC_SUPPORT = 2
"""Pixels, of the grid that is computed, to which the cubic kernel reaches."""

SMALLEST_HELD_OUT = 4
"""Low-resolution pixels along the shorter side below which a held-out cube says nothing."""


def margin(kind: str, scale: int, sigma_max: float = 0.5) -> int:
    """Return how many pixels a patch must be larger on each side than what is wanted of it.

    With that margin, cut off after the reduction, the reduced patch equals its place in the reduced
    cube.

    Parameters
    ----------
    kind : str
        As in `degrade`.
    scale : int
        High-resolution pixels along the side of a low-resolution one.
    sigma_max : float
        For "gaussian": the largest sigma, in low-resolution pixels.

    Returns
    -------
    int
        High-resolution pixels, a multiple of the scale.

    Raises
    ------
    CubeError
        If there is no such kind.
    """
    match kind:
        case "cubic":
            reach = CUBIC_REACH
        case "anti-aliased cubic":
            reach = float(CUBIC_SUPPORT * scale)
        case "gaussian":
            reach = TRUNCATION * max(sigma_max * scale, LEAST_SIGMA)
        case _:
            raise unknown(kind)
    beyond_the_block = reach - (scale - 1) / 2
    return max(0, ceil(beyond_the_block / scale)) * scale


def patch_side(patch: int, scale: int, kinds: Iterable[str], sigma_max: float) -> int:
    """Return the side in high-resolution pixels that a patch and its surroundings take.

    Parameters
    ----------
    patch : int
        Side of the patch in low-resolution pixels.
    scale, sigma_max
        As in `margin`.
    kinds : iterable of str
        The degradations that may reduce it.
    """
    return patch * scale + 2 * max(margin(kind, scale, sigma_max) for kind in kinds)


def held_out_length(length: int, share: float, scale: int) -> int:
    """Return how many of a cube's pixels along its longer side are held out for validation.

    Parameters
    ----------
    length : int
        All pixels along that side.
    share : float
        What is wanted of them.
    scale : int
        High-resolution pixels along the side of a low-resolution one.
    """
    return max(round(length * share / scale), SMALLEST_HELD_OUT) * scale


def unknown(kind: str) -> CubeError:
    """Return the error that there is no such degradation."""
    kinds = f"'{CUBIC}', '{ANTI_ALIASED}' or '{GAUSSIAN}'"
    return CubeError(f"'{kind}' is no degradation; choose {kinds}.")
