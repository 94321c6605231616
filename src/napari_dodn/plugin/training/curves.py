"""Curves of a run: terms of the loss, and scores on the held-out data over bicubic's level."""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QColor

from napari_dodn.plugin.training.history import STUDENT, TEACHER, History, Series
from napari_dodn.plugin.training.state import RunState

REDRAW_MS = 250
"""Shortest time between two drawings."""

SIZE = 300, 130

LEGEND_ALPHA = 170
"""Of 255: how much the legend covers what is behind it."""

FEW = 12
"""With fewer points than this each is marked."""

COLOURS = {
    "total": "#4e9bd6",
    "pixel": "#e0912f",
    "angle": "#3fae6a",
    "distillation": "#c46fc4",
}
OTHER = "#8c8c8c"

TITLES = {"total": "loss", "pixel": "L1", "angle": "angle", "distillation": "distillation"}


class Curves(pg.PlotWidget):
    """A plot of several series that stays quick however long they are."""

    def __init__(self, title: str, log: bool = False) -> None:
        super().__init__()
        self.setLabel("left", title, siPrefixEnableRanges=())
        self.setLabel("bottom", "step")
        self.getAxis("bottom").enableAutoSIPrefix(False)
        self.setLogMode(y=log)
        self.setMinimumHeight(SIZE[1])
        self.setMouseEnabled(x=True, y=False)
        self.setMenuEnabled(False)
        self.getPlotItem().layout.setContentsMargins(2, 4, 8, 2)
        self.legend = self.addLegend(offset=(-6, 4), labelTextSize="8pt", verSpacing=-6, colCount=2)
        self._log = log
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._levels: dict[str, pg.InfiniteLine] = {}
        self._text = "#888888"

    def sizeHint(self) -> QSize:
        """Return a size of which two fit one above the other on a laptop's screen."""
        return QSize(*SIZE)

    def draw(self, name: str, series: Series, colour: str, dashed: bool = False) -> None:
        """Draw a series under a name."""
        line = self._lines.get(name)
        if line is None:
            style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
            line = self.plot(name=name, pen=pg.mkPen(colour, width=1.5, style=style))
            line.setDownsampling(auto=True, method="peak")
            line.setClipToView(True)
            self._lines[name] = line
        values = series.values
        if self._log:  # there is no place for nothing on a logarithmic axis
            values = np.where(values > 0, values, np.nan)
        marks = {"symbol": "o", "symbolSize": 4, "symbolPen": None, "symbolBrush": colour}
        few = len(series) < FEW
        line.setData(series.steps.copy(), values.copy(), **(marks if few else {"symbol": None}))

    def level(self, name: str, value: float | None) -> None:
        """Draw a horizontal line at a value."""
        line = self._levels.get(name)
        if value is None or not np.isfinite(value):
            if line is not None:
                self.removeItem(self._levels.pop(name))
            return
        if line is None:
            pen = pg.mkPen(self._text, width=1, style=Qt.PenStyle.DotLine)
            line = pg.InfiniteLine(
                angle=0, pen=pen, label=name, labelOpts={"position": 0.12, "color": self._text}
            )
            self._levels[name] = line
            self.addItem(line)
            # A line alone does not take part in the range of the axis.
            self._anchor = self.plot(pen=None)
        line.setValue(value)
        self._anchor.setData([0], [value])

    def empty(self) -> None:
        """Draw nothing any more."""
        for item in (*self._lines.values(), *self._levels.values()):
            self.removeItem(item)
        self.getPlotItem().clear()
        self._lines.clear()
        self._levels.clear()
        self.enableAutoRange()

    def set_colours(self, background: str, text: str) -> None:
        """Take on the colours of a theme."""
        self._text = text
        self.setBackground(background)
        for side in ("bottom", "left"):
            self.getAxis(side).setPen(text)
            self.getAxis(side).setTextPen(text)
        self.legend.setLabelTextColor(text)
        shade = QColor(background)
        shade.setAlpha(LEGEND_ALPHA)
        self.legend.setBrush(shade)
        for _, label in self.legend.items:
            label.setText(label.text, color=text)
        for line in self._levels.values():
            line.setPen(pg.mkPen(text, width=1, style=Qt.PenStyle.DotLine))
            line.label.setColor(text)


class CurveDisplay:
    """Draws a run's history into three plots, at most four times a second.

    Parameters
    ----------
    state : RunState
        Whose history is drawn.

    Attributes
    ----------
    losses, psnr, sam : Curves
        The plots.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state
        self.losses = Curves("loss", log=True)
        self.psnr = Curves("PSNR (dB)")
        self.sam = Curves("spectral angle (°)")
        self._history: History | None = None
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.draw)
        self._drawn = 0.0
        state.grew.connect(self._on_grew)

    @property
    def plots(self) -> tuple[Curves, Curves, Curves]:
        """All plots."""
        return self.losses, self.psnr, self.sam

    def close(self) -> None:
        """Draw no longer."""
        self._state.grew.disconnect(self._on_grew)
        with suppress(RuntimeError):  # where the program ends, Qt may have gone first
            self._timer.stop()

    def _on_grew(self) -> None:
        if not self._timer.isActive():
            passed = 1000 * (time.monotonic() - self._drawn)
            self._timer.start(max(0, round(REDRAW_MS - passed)))

    def draw(self) -> None:
        """Draw what is known now."""
        self._drawn = time.monotonic()
        history = self._state.history
        if history is not self._history:
            self._history = history
            for plot in self.plots:
                plot.empty()
        for (stage, term), series in history.losses.items():
            name = f"{TITLES.get(term, term)}{' (teacher)' if stage == TEACHER else ''}"
            self.losses.draw(name, series, COLOURS.get(term, OTHER), dashed=stage == TEACHER)
        for plot, score in ((self.psnr, "psnr"), (self.sam, "sam")):
            # The teacher's scores, of another task, would take the room from the model's.
            if (STUDENT, score) in history.scores:
                plot.draw("model", history.scores[STUDENT, score], COLOURS["total"])
            plot.level("bicubic", history.bicubic.get(score))
