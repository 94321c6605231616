"""The file of a cube as layers, read while the window draws itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_dodn.plugin.kit.waiting import in_thread

if TYPE_CHECKING:
    from napari_dodn.cube import HyperCube
    from napari_dodn.plugin.viewer.placing import LayerData


def cube_and_layers(path: str, *, draft: bool, **options: Any) -> tuple[HyperCube, list[LayerData]]:
    """Read a file or folder, and return its cube and the layers of that.

    Parameters
    ----------
    path : str
        A file, or a folder of band images.
    draft : bool
        As `layer_data_from_cube` takes it.
    **options
        Options of `napari_dodn.read`.
    """
    return in_thread(partial(_read, path, draft, options), f"Reading {path}")


def _read(path: str, draft: bool, options: dict[str, Any]) -> tuple[HyperCube, list[LayerData]]:
    from napari_dodn.formats import read
    from napari_dodn.plugin.viewer.layers import layer_data_from_cube

    cube = read(path, **options)
    return cube, layer_data_from_cube(cube, draft=draft)
