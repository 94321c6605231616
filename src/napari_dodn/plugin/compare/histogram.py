"""A histogram of a map, with its threshold as a line to drag."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor

from napari_dodn.plugin.kit.plots import Plot

BINS, HEIGHT, MOST_VALUES = 64, 90, 1_000_000
CHOSEN, REST, LINE = "#0b84c4", "#8a8f98", "#f5a623"
"""Colours of the values that are taken, of the others, and of the line."""


class Histogram(Plot):
    """Bars of a map's values; `moved` gives the place to which the line was dragged."""

    moved = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(10)
        self.setBackground(None)
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.hideAxis("left")
        self.setToolTip("How often each value occurs. Drag the line to set the threshold.")
        self.setAccessibleName("Histogram of the map, with its threshold")
        self._edges, self._counts = np.array([0.0, 1.0]), np.zeros(1)
        self.bars = pg.BarGraphItem(x0=[0], x1=[1], height=[0])
        self.line = pg.InfiniteLine(angle=90, movable=True, pen=pg.mkPen(LINE, width=3))
        self.line.setCursor(Qt.CursorShape.SplitHCursor)
        for item in (self.bars, self.line):
            self.addItem(item)
        self.line.sigPositionChanged.connect(self._on_moved)

    def show_values(self, values: np.ndarray) -> None:
        """Count values, of very many only some."""
        sample = values[:: max(1, values.size // MOST_VALUES)]
        self._counts, self._edges = np.histogram(sample, BINS)
        self.setXRange(self._edges[0], self._edges[-1], padding=0.02)
        self.setYRange(0, max(self._counts.max(), 1), padding=0.02)

    def show_threshold(self, place: float, above: bool) -> None:
        """Put the line to a threshold, and mark the values on its side."""
        middles = (self._edges[1:] + self._edges[:-1]) / 2
        chosen = middles >= place if above else middles <= place
        brushes = [QColor(CHOSEN if is_chosen else REST) for is_chosen in chosen]
        self.bars.setOpts(
            x0=self._edges[:-1], x1=self._edges[1:], height=self._counts, brushes=brushes, pen=None
        )
        self.line.blockSignals(True)
        self.line.setValue(place)
        self.line.blockSignals(False)

    def _on_moved(self) -> None:
        self.moved.emit(float(self.line.value()))
