"""What panels about one cube have in common: its box, the question for its axes, and their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Widget
from napari.layers import Layer
from qtpy.QtWidgets import QWidget

from napari_dodn.plugin.kit.forms import LayerBox, LinedUp
from napari_dodn.plugin.kit.lifetime import Lifetime
from napari_dodn.plugin.kit.scrolling import scroll_where_low
from napari_dodn.plugin.viewer.axis_question import AxisQuestion
from napari_dodn.plugin.viewer.selection import cube_choices, cube_in_mind, selected_cube
from napari_dodn.plugin.viewer.watch import LayerWatch

if TYPE_CHECKING:
    from napari import Viewer


class CubePanel(Container):
    """A panel about a cube: the one that is selected in the layer list, or chosen in its box.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose cubes it is about.
    tooltip : str
        What the cube is for.
    going_on : callable, optional
        As `Lifetime` takes it.

    Notes
    -----
    A subclass gives its rows to `lay_out`, and what ends with it to `_lifetime`.
    """

    def __init__(
        self, viewer: Viewer, tooltip: str = "", going_on: Callable[[], str] | None = None
    ) -> None:
        super().__init__(labels=False)
        self._viewer = viewer
        self._watch = LayerWatch(viewer)
        self.cube = LayerBox(label="Cube", choices=self._cubes, tooltip=tooltip)
        self.question = AxisQuestion(viewer, self._watch)
        self.question.adopted.connect(self._on_adopted)
        self._lifetime = Lifetime(self.native, viewer, going_on)
        self._lifetime.then(self._watch.close, self.question.close_down)
        self._lifetime.listen(viewer.layers.selection.events.active, self._on_selected)

    def lay_out(self, *rows: Widget | QWidget) -> None:
        """Lay out rows of magicgui or Qt below each other, and begin with the cube in mind."""
        column = self.native.layout()
        self.extend([row for row in rows if isinstance(row, Widget)])
        for place, row in enumerate(rows):  # magicgui counts its own rows alone
            if isinstance(row, QWidget):
                column.insertWidget(place, row)
        column.insertWidget(0, self.question)
        LinedUp(scroll_where_low(self.native))
        layer = cube_in_mind(self._viewer)
        if layer is not None and self.follows(layer):
            self.cube.value = layer

    def reset_choices(self, *_: Any) -> None:
        """Look for cubes anew, while the panel is open: napari also tells one that was closed."""
        if self._lifetime.is_open:
            super().reset_choices()

    def follows(self, layer: Layer) -> bool:
        """Tell whether a cube that is selected is to be chosen."""
        return True

    def _cubes(self, _: Any = None) -> list[tuple[str, Layer]]:
        return cube_choices(self._viewer)

    def _on_selected(self, _: Any = None) -> None:
        layer = selected_cube(self._viewer)
        if layer is not None and self.follows(layer):
            self.cube.value = layer

    def _on_adopted(self, layer: Layer) -> None:
        self.cube.reset_choices()
        self.cube.value = layer
