"""The cubes of a panel that was closed, for the next one in the same viewer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, ref

from napari_dodn.plugin.kit.session import real_viewer
from napari_dodn.plugin.training.material import Material, Origin, renewed

if TYPE_CHECKING:
    from napari import Viewer

NOWHERE = Path()
"""Stands for a layer that is kept weakly."""


class _Kept(NamedTuple):
    """A cube, and how to find its origin, picture and sharper picture."""

    material: Material
    places: tuple[Any, Any, Any]


_of_viewers: WeakKeyDictionary[Viewer, list[_Kept]] = WeakKeyDictionary()


def keep_cubes(viewer: Viewer, materials: Iterable[Material]) -> None:
    """Keep cubes for the next panel; a layer that is removed meanwhile is not kept alive."""
    _of_viewers[real_viewer(viewer)] = [
        _Kept(
            replace(m, origin=NOWHERE, picture=None, sharper=None),
            (_weakly(m.origin), _weakly(m.picture), _weakly(m.sharper)),
        )
        for m in materials
    ]


def kept_cubes(viewer: Viewer) -> tuple[Material, ...]:
    """Return the cubes of the last panel, without layers that have gone."""
    viewer = real_viewer(viewer)
    found = []
    for material, places in _of_viewers.get(viewer, ()):
        origin, picture, sharper = (_there(place, viewer) for place in places)
        if origin is not None:
            found.append(replace(material, origin=origin, picture=picture, sharper=sharper))
    return renewed(found)


def _weakly(origin: Origin | None) -> Any:
    return origin if origin is None or isinstance(origin, Path) else ref(origin)


def _there(place: Any, viewer: Viewer) -> Origin | None:
    if not isinstance(place, ref):
        return place
    layer = place()
    return layer if layer is not None and layer in viewer.layers else None
