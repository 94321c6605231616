"""File > IO Utilities > Open a cube: any file or folder, and what is doubtful about it settled."""

from __future__ import annotations

from napari_dodn.plugin.open_cube.direct import add_cube
from napari_dodn.plugin.open_cube.panel import OpenCube

__all__ = ["OpenCube", "add_cube"]
