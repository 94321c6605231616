"""Sharper hyperspectral images: DODN super-resolution as a library and a napari plugin.

The public names are loaded when they are first used, so that importing the package (which napari
does at start) costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dodn.cube import HyperCube
    from napari_dodn.formats import read, write
    from napari_dodn.network.model_file import list_models
    from napari_dodn.upscaling import upscale

try:
    from napari_dodn._version import version as __version__
except ImportError:  # a source tree that was never installed
    __version__ = "unknown"

_HOMES = {
    "HyperCube": "napari_dodn.cube",
    "read": "napari_dodn.formats",
    "write": "napari_dodn.formats",
    "upscale": "napari_dodn.upscaling",
    "list_models": "napari_dodn.network.model_file",
}

__all__ = ["HyperCube", "__version__", "list_models", "read", "upscale", "write"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
