"""The first shape, made where nobody waits for it: with numba, napari compiles for seconds then."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import numpy as np

from napari_dodn.plugin.kit.session import user_is_waiting


def warm_shapes_up() -> None:
    """Have napari compile what it draws shapes with, in a thread, once."""
    if user_is_waiting() and find_spec("numba") is not None:
        _start()


@cache
def _start() -> None:
    from napari.qt.threading import create_worker

    create_worker(_first_shape).start()


def _first_shape() -> None:
    from napari.layers import Shapes

    Shapes([np.array([[0, 0], [0, 1], [1, 1], [1, 0]])], shape_type="rectangle")
