"""What lasts as long as a panel is open: its tab, what it listens to, and its style."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.settings import get_settings
from qtpy.QtWidgets import QWidget

from napari_dodn.plugin.kit.dock import Docked
from napari_dodn.plugin.kit.job import Closing
from napari_dodn.plugin.kit.sentence import style_of_faults

if TYPE_CHECKING:
    from napari import Viewer


class Lifetime:
    """Gives a finished panel its place in the window, and ends what it started when it closes.

    Parameters
    ----------
    widget : QWidget
        The panel, as napari puts it into a dock.
    viewer : napari.Viewer
        Whose theme it follows.
    going_on : callable, optional
        A method that says what would be stopped by closing, as a sentence; empty where nothing is.
    """

    def __init__(
        self, widget: QWidget, viewer: Viewer, going_on: Callable[[], str] | None = None
    ) -> None:
        self.is_open = True
        self._widget, self._viewer = widget, viewer
        self._ends: list[Callable[[], object]] = []
        self._closing = Closing(widget, self.end)
        Docked(widget, going_on)
        self.listen(viewer.events.theme, self._on_style)
        self.listen(get_settings().appearance.events.font_size, self._on_style)
        self._on_style()

    def listen(self, event: Any, method: Callable[..., None]) -> None:
        """Connect a method to an event of the viewer, until the panel closes."""
        event.connect(method)
        self._ends.append(lambda: event.disconnect(method))

    def then(self, *ends: Callable[[], object]) -> None:
        """Call these when the panel closes, in this order."""
        self._ends += ends

    def end(self) -> None:
        """End everything; a second time there is nothing to end."""
        self.is_open = False
        ends, self._ends = self._ends, []
        for end in ends:
            end()

    def _on_style(self, _: Any = None) -> None:
        size = get_settings().appearance.font_size  # napari's labels are one point larger
        letters = (
            f"QLineEdit, QToolButton, QHeaderView {{ font-size: {size + 1}pt; }}"
            f"QTableView {{ font-size: {size}pt; }}"
            f"QAbstractSpinBox QLineEdit {{ font-size: {size}pt; }}"
        )
        self._widget.setStyleSheet(style_of_faults(self._viewer.theme) + letters)
