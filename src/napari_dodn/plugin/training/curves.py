"""Curves of a run: terms of the loss, and scores on the held-out data over bicubic's level."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt, QTimer

from napari_dodn.plugin.kit.plots import Plot, show_numbers
from napari_dodn.plugin.kit.timers import end_timer
from napari_dodn.plugin.training.history import STUDENT, TEACHER, History, Series
from napari_dodn.plugin.training.state import RunState

REDRAW_MS = 250
"""Shortest time between two drawings."""

SIZE = 300, 130

LEGEND_HEIGHT = 38
"""Room above a plot for two lines of names: over the plot they would cover the curves."""

LEAST_STEPS = 10
"""The axis of steps is at least as long."""

LEAST_GAIN, LEAST_ANGLE = 0.5, 0.5
"""Decibels and degrees that an axis spans at least: less is noise."""

PIXELS_A_POINT = 2
"""Of a long series, what lies in so many pixels is drawn as its mean: noise would hide the rest."""

LABELLED = (1, 2, 5)
"""First digits of the numbers that stand at a logarithmic axis."""

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


class LogAxis(pg.AxisItem):
    """An axis of decades with few numbers, which do not run into one another."""

    def logTickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """Name the ticks."""
        digits = [round(10 ** (value % 1)) for value in values]
        texts = [f"{10**value:.1g}" for value in values]
        return [t if d in LABELLED else "" for t, d in zip(texts, digits, strict=True)]


class Curves(Plot):
    """A plot of several series that stays quick and readable however long they are.

    Parameters
    ----------
    title : str
        What is drawn over the steps.
    log : bool
        Whether in decades.
    legend : bool
        Whether the names of the series stand above.
    least : float, optional
        The vertical axis is at least as long.
    """

    def __init__(
        self, title: str, log: bool = False, legend: bool = False, least: float | None = None
    ) -> None:
        super().__init__(axisItems={"left": LogAxis("left")} if log else None)
        self.setLabel("left", title, siPrefixEnableRanges=())
        self.setLabel("bottom", "step")
        self.getAxis("bottom").enableAutoSIPrefix(False)
        self.setLogMode(y=log)
        self.setMinimumHeight(SIZE[1])
        self.setMouseEnabled(x=True, y=False)
        self.setMenuEnabled(False)
        self.setLimits(xMin=0, minXRange=LEAST_STEPS, minYRange=least)
        item = self.getPlotItem()
        item.layout.setContentsMargins(2, LEGEND_HEIGHT if legend else 4, 8, 2)
        self.legend: pg.LegendItem | None = None
        if legend:
            self.legend = self.addLegend(labelTextSize="8pt", verSpacing=-6, colCount=3)
            self.legend.setParentItem(item)
            self.legend.anchor((1, 0), (1, 0), offset=(-4, -2))
        self._log = log
        show_numbers(self, False)
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._levels: dict[str, pg.InfiniteLine] = {}
        self._text = "#888888"

    def sizeHint(self) -> QSize:
        """Return a size of which two fit one above the other on a laptop's screen."""
        return QSize(*SIZE)

    def draw(
        self,
        name: str,
        series: Series,
        colour: str,
        dashed: bool = False,
        until: float = np.inf,
    ) -> None:
        """Draw a series under a name, until a step."""
        line = self._lines.get(name)
        if line is None:
            style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
            line = self.plot(name=name, pen=pg.mkPen(colour, width=1.5, style=style))
            line.setDownsampling(auto=True, method="mean")
            line.opts["autoDownsampleFactor"] = 1 / PIXELS_A_POINT
            line.setClipToView(True)
            self._lines[name] = line
        show_numbers(self, True)
        shown = slice(np.searchsorted(series.steps, until, side="right"))
        steps, values = series.steps[shown], series.values[shown]
        if self._log:  # there is no place for nothing on a logarithmic axis
            values = np.where(values > 0, values, np.nan)
        marks = {"symbol": "o", "symbolSize": 4, "symbolPen": None, "symbolBrush": colour}
        few = len(steps) < FEW
        line.setData(steps.copy(), values.copy(), **(marks if few else {"symbol": None}))

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
                angle=0, pen=pen, label=name, labelOpts={"position": 0.88, "color": self._text}
            )
            self._levels[name] = line
            self.addItem(line)
            # A line alone does not take part in the range of the axes.
            self._anchor = self.plot(pen=(0, 0, 0, 0))
        show_numbers(self, True)
        line.setValue(value)
        self._anchor.setData([0], [value])

    def empty(self) -> None:
        """Draw nothing any more."""
        for item in (*self._lines.values(), *self._levels.values()):
            self.removeItem(item)
        self.getPlotItem().clear()
        self._lines.clear()
        self._levels.clear()
        show_numbers(self, False)
        self.enableAutoRange()

    def set_colours(self, background: str, text: str) -> None:
        """Take on the colours of a theme."""
        self._text = text
        self.setBackground(background)
        for side in ("bottom", "left"):
            self.getAxis(side).setPen(text)
            self.getAxis(side).setTextPen(text)
        if self.legend is not None:
            self.legend.setLabelTextColor(text)
            for _, label in self.legend.items:
                label.setText(label.text, color=text)
        for line in self._levels.values():
            line.setPen(pg.mkPen(text, width=1, style=Qt.PenStyle.DotLine))
            line.label.setColor(text)


class CurveDisplay:
    """Draws a run's history into three plots, at most four times a second.

    A plot takes long to make, so each is made when it is first asked for.

    Parameters
    ----------
    state : RunState
        Whose history is drawn.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._colours: tuple[str, str] | None = None
        self._history: History | None = None
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.draw)
        self._drawn = 0.0
        self._made: dict[Curves, Callable[[Curves], None]] = {}
        state.grew.connect(self._on_grew)

    @cached_property
    def losses(self) -> Curves:
        """Terms of the loss."""
        return self._new(Curves("loss", log=True, legend=True), self._draw_losses)

    @cached_property
    def gain(self) -> Curves:
        """PSNR less that of bicubic."""
        return self._new(Curves("gain (dB)", least=LEAST_GAIN), self._draw_gain)

    @cached_property
    def sam(self) -> Curves:
        """The spectral angle."""
        return self._new(Curves("spectral angle (°)", least=LEAST_ANGLE), self._draw_sam)

    def _new(self, plot: Curves, draw: Callable[[Curves], None]) -> Curves:
        self._made[plot] = draw
        if self._colours is not None:
            plot.set_colours(*self._colours)
        draw(plot)
        return plot

    def set_colours(self, background: str, text: str) -> None:
        """Take on the colours of a theme."""
        self._colours = background, text
        for plot in self._made:
            plot.set_colours(background, text)

    def close(self) -> None:
        """Draw no longer."""
        self._state.grew.disconnect(self._on_grew)
        end_timer(self._timer, self.draw)

    def _on_grew(self) -> None:
        if not self._timer.isActive():
            passed = 1000 * (time.monotonic() - self._drawn)
            self._timer.start(max(0, round(REDRAW_MS - passed)))

    def draw(self) -> None:
        """Draw what is known now."""
        self._drawn = time.monotonic()
        is_another, self._history = self._state.history is not self._history, self._state.history
        for plot, draw in self._made.items():
            if is_another:
                plot.empty()
            draw(plot)

    def _draw_losses(self, plot: Curves) -> None:
        losses = self._state.history.losses
        for (stage, term), series in losses.items():
            if stage == STUDENT:
                plot.draw(TITLES.get(term, term), series, COLOURS.get(term, OTHER))
            elif term == "total":  # the teacher's only term is the same
                # A long teacher would leave no room to a student that has just begun.
                student = losses.get((STUDENT, term))
                until = np.inf if student is None else max(student.steps[-1], LEAST_STEPS)
                plot.draw(TEACHER, series, OTHER, dashed=True, until=until)

    # The teacher's scores, of another task, would take the room from the model's.

    def _draw_gain(self, plot: Curves) -> None:
        history = self._state.history
        psnr = history.scores.get((STUDENT, "psnr"))
        if psnr is not None and "psnr" in history.bicubic:
            plot.draw("model", psnr.less(history.bicubic["psnr"]), COLOURS["total"])
            plot.level("bicubic", 0.0)

    def _draw_sam(self, plot: Curves) -> None:
        history = self._state.history
        sam = history.scores.get((STUDENT, "sam"))
        if sam is not None:
            plot.draw("model", sam, COLOURS["total"])
        plot.level("bicubic", history.bicubic.get("sam"))
