"""What plots of all panels have in common."""

from __future__ import annotations

import pyqtgraph as pg


def show_numbers(plot: pg.PlotWidget, shown: bool) -> None:
    """Show numbers at the axes of a plot; where nothing is drawn they would belong to nothing."""
    for side in ("bottom", "left"):
        axis = plot.getAxis(side)
        if axis.style["showValues"] != shown:  # each time the axis is drawn anew
            axis.setStyle(showValues=shown)
