"""How maps are shown: with a bar that says what their colours mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari_dodn.plugin.viewer.layers import is_map

if TYPE_CHECKING:
    from napari.layers import Layer


def show_colour_bar(layer: Layer, layers: Iterable[Layer]) -> None:
    """Show the colour bar of a map, and no longer those of other maps, which would lie under it."""
    for other in layers:
        bar = getattr(other, "colorbar", None)  # napari has it since 0.6
        if bar is not None and is_map(other):
            bar.visible = other is layer
