"""File > IO Utilities: the selected cube as a file, by the dialog that knows cubes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dodn.plugin.viewer.saving import Saver


def save_selected() -> None:
    """Ask for a file, and write the selected cube into it; toasts say how it went."""
    from napari import current_viewer
    from napari.utils.notifications import show_info, show_warning

    from napari_dodn.plugin.viewer.drawing import view_of
    from napari_dodn.plugin.viewer.saving import Saver
    from napari_dodn.plugin.viewer.selection import NO_CUBE, cube_in_mind

    viewer = current_viewer()
    layer = None if viewer is None else cube_in_mind(viewer)
    if viewer is None or layer is None:
        show_warning(NO_CUBE)
        return
    saver = Saver(viewer, view_of(viewer).window())

    def say(sentence: str) -> None:
        show_info(sentence)
        if not saver.busy:
            _at_work.discard(saver)

    _at_work.add(saver)
    saver.said.connect(say)
    saver.save(layer)
    if not saver.busy:
        _at_work.discard(saver)


_at_work: set[Saver] = set()
"""Which have a file under way; nobody else keeps them."""
