"""What a viewer gets once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from napari import Viewer

T = TypeVar("T")


def once_a_viewer(make: Callable[[Viewer], T]) -> Callable[[Viewer], T]:
    """Call a function once for each viewer, and return what it returned then.

    What it returns is kept as long as the viewer is, so it must not keep the viewer alive.
    """
    made: WeakKeyDictionary[Viewer, T] = WeakKeyDictionary()

    @wraps(make)
    def get(viewer: Viewer) -> T:
        if viewer not in made:
            made[viewer] = make(viewer)
        return made[viewer]

    return get
