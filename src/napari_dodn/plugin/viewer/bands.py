"""Which band of a cube is on the screen: a telling one first, and the one that a person asks for.

Colours cover the bands. Whoever moves the slider of the bands wants to see one, so the colours step
aside, and come back by a key or by their eye in the layer list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from napari_dodn.plugin.viewer.layers import cube_from_layer, cube_of, is_cube, is_picture
from napari_dodn.plugin.viewer.once import once_a_viewer

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

COLOURS_KEY = "Shift-C"
"""Changes between the colours and the band in view."""


@once_a_viewer
def follow_bands(viewer: Viewer) -> _Follower:
    """Show a telling band of the first cube, and each that is asked for; twice changes nothing."""
    return _Follower(viewer)


def cube_on_screen(viewer: Viewer) -> Layer | None:
    """Return the selected cube, or the topmost one that can be seen."""
    active = viewer.layers.selection.active
    if active is not None and active.visible and is_cube(active):
        return active
    return next((x for x in reversed(viewer.layers) if x.visible and is_cube(x)), None)


class _Follower:
    """Watches a viewer, without keeping it alive."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self._aside: WeakSet[Layer] = WeakSet()
        self._count, self._place = len(viewer.layers), self._now(viewer)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.point.connect(self._on_point)
        viewer.bind_key(COLOURS_KEY, self.switch, overwrite=True)

    def switch(self, viewer: Viewer) -> None:
        """Bring the colours of the cubes back, or put them aside."""
        shown = self._shown(viewer)
        if shown:
            self._put_aside(shown)
            return
        back = [x for x in viewer.layers if x in self._aside and is_picture(x)]
        for picture in back or self._hidden(viewer):
            picture.visible = True
        self._aside.clear()

    def _shown(self, viewer: Viewer) -> list[Layer]:
        return [x for x in viewer.layers if is_picture(x) and x.visible and self._covers(viewer, x)]

    def _hidden(self, viewer: Viewer) -> list[Layer]:
        cube = cube_on_screen(viewer)
        pictures = [x for x in viewer.layers if is_picture(x) and not x.visible]
        return [x for x in pictures if cube is not None and cube_of(x, viewer.layers) is cube]

    def _covers(self, viewer: Viewer, picture: Layer) -> bool:
        cube = cube_of(picture, viewer.layers)
        return cube is not None and cube.visible

    def _put_aside(self, pictures: list[Layer]) -> None:
        for picture in pictures:
            picture.visible = False
            self._aside.add(picture)

    def _now(self, viewer: Viewer) -> float | None:
        return float(viewer.dims.point[-3]) if viewer.dims.ndim >= 3 else None

    def _on_point(self, _: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        before, self._place = self._place, self._now(viewer)
        # A layer that has come or gone moves the sliders, too; nobody has asked for a band then.
        same_layers = len(viewer.layers) == self._count
        if same_layers and before is not None and self._place not in (None, before):
            self._put_aside(self._shown(viewer))

    def _on_inserted(self, event: Any) -> None:
        viewer, layer = self._viewer(), event.value
        if viewer is None:
            return
        if is_cube(layer) and sum(is_cube(x) for x in viewer.layers) == 1:
            from napari_dodn.spectra.shown_bands import first_band

            band = first_band(cube_from_layer(layer))
            place = float(layer.data_to_world((band, 0, 0))[0])
            viewer.dims.set_point(viewer.dims.ndim - 3, place)
        self._count, self._place = len(viewer.layers), self._now(viewer)

    def _on_removed(self, _: Any) -> None:
        viewer = self._viewer()
        if viewer is not None:
            self._count, self._place = len(viewer.layers), self._now(viewer)
