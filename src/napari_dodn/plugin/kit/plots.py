"""What plots of all panels have in common."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import Qt


class Plot(pg.PlotWidget):
    """A plot, in which the Tab key does not stop: no key does anything there."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)


def show_numbers(plot: pg.PlotWidget, shown: bool) -> None:
    """Show numbers at the axes of a plot; where nothing is drawn they would belong to nothing."""
    for side in ("bottom", "left"):
        axis = plot.getAxis(side)
        if axis.style["showValues"] != shown:  # each time the axis is drawn anew
            axis.setStyle(showValues=shown)
