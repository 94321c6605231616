"""Layers > Visualize: the ways to compare a result with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dodn.plugin.views.comparison import Mode


def swipe() -> None:
    """Switch the swipe line over the image on or off."""
    from napari_dodn.plugin.views.comparison import Mode

    _toggle(Mode.SWIPE)


def side_by_side() -> None:
    """Switch the views beside the result on or off."""
    from napari_dodn.plugin.views.comparison import Mode

    _toggle(Mode.SIDE_BY_SIDE)


def _toggle(mode: Mode) -> None:
    from napari import current_viewer

    from napari_dodn.plugin.views.comparison import comparison_of

    if (viewer := current_viewer()) is not None:
        comparison_of(viewer).toggle(mode)
