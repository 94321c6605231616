"""napari's way to the panels, whose modules a thread loads while the window draws itself."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import Any

PANELS = {
    "OpenCube": "open",
    "SuperResolution": "upscale",
    "SuperResolveFolder": "batch",
    "ColourRendering": "colour",
    "CompareAndMap": "compare",
    "SpectralProfiles": "profiles",
    "TrainByDistillation": "training",
}
"""The panels, and the folders that they are in."""


def __getattr__(name: str) -> type[Any]:
    """Return the class of a panel."""
    from napari_dodn.plugin.kit.waiting import in_thread

    if name not in PANELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = f"napari_dodn.plugin.{PANELS[name]}.panel"
    if module not in sys.modules:
        in_thread(partial(import_module, module), "Opening a panel")
    panel: type[Any] = getattr(import_module(module), name)
    return panel
