"""Geometric self-ensemble: the mean of a network's eight answers to one cube, flipped and turned.

R. Timofte et al., "Seven ways to improve example-based single image super resolution", CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from napari_dodn.jobs import stop_if
from napari_dodn.network.dodn import DODN
from napari_dodn.network.inference import infer_steps
from napari_dodn.upscaling.devices import computing

VIEWS = tuple((turns, flip) for flip in (False, True) for turns in range(4))
"""The eight symmetries of a square: quarter turns, of the image and of its mirror image."""

AS_IT_IS = VIEWS[:1]


def seen(pixels: Tensor, turns: int, flip: bool) -> Tensor:
    """Return a view of (..., y, x) pixels: mirrored if `flip`, then turned."""
    return torch.rot90(pixels.flip(-1) if flip else pixels, turns, (-2, -1))


def seen_back(pixels: Tensor, turns: int, flip: bool) -> Tensor:
    """Undo `seen`."""
    turned = torch.rot90(pixels, -turns, (-2, -1))
    return turned.flip(-1) if flip else turned


def infer_views_steps(
    network: DODN,
    z: Tensor,
    sigma: float,
    dtype: torch.dtype,
    views: Sequence[tuple[int, bool]],
    cancelled: Callable[[], bool],
) -> Iterator[float | Tensor]:
    """Yield shares that are done, and last the mean of a network's answers to views of (k, y, x).

    It is what the components gain, (k, s·y, s·x). Any but `views` and `cancelled` is as of
    `network.inference.infer_steps`.
    """
    mean: Tensor | None = None
    for count, view in enumerate(views, start=1):
        steps = infer_steps(network, seen(z, *view).contiguous(), sigma, dtype)
        answer: float | Tensor = 0.0
        while not isinstance(answer, Tensor):
            stop_if(cancelled)
            yield (count - 1 + answer) / len(views)
            with computing():
                answer = next(steps)
        answer = seen_back(answer, *view)
        mean = answer if mean is None else mean.lerp_(answer, 1 / count)
    assert mean is not None
    yield mean
