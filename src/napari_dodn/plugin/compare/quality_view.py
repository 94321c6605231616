"""Figures of a comparison as a table, and the PSNR of each band as a plot."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dodn.metrics import METRICS
from napari_dodn.plugin.kit.plots import Plot

if TYPE_CHECKING:
    from napari.utils.theme import Theme

PLOT_HEIGHTS, AXIS_HEIGHT = (110, 180), 50
LINE = "#0b84c4"


class QualityView(QWidget):
    """The table with the plot below it; hidden until there is something to show."""

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(1, 0)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._theme: Theme | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.table)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()

    @cached_property
    def plot(self) -> Plot:
        """The PSNR over bands; made when there is one, since a plot takes long to make."""
        plot = Plot()
        low, high = PLOT_HEIGHTS
        plot.setMinimumHeight(low)
        plot.setMaximumHeight(high)
        plot.setLabel("left", METRICS["psnr"].heading)
        plot.showGrid(x=True, y=True, alpha=0.2)
        plot.hideButtons()
        plot.getAxis("bottom").setHeight(AXIS_HEIGHT)
        self._layout.addWidget(plot)
        return plot

    @cached_property
    def line(self) -> pg.PlotDataItem:
        """The line in it."""
        return self.plot.plot(pen=pg.mkPen(LINE, width=2), connect="finite")

    def show_figures(
        self,
        figures: Mapping[str, float],
        psnr: np.ndarray | None,
        wavelengths: np.ndarray | None,
    ) -> None:
        """Show figures by their keys in `METRICS`, and the PSNR (bands,) over bands."""
        self.table.setColumnCount(len(figures))
        self.table.setHorizontalHeaderLabels([METRICS[key].heading for key in figures])
        for column, (key, value) in enumerate(figures.items()):
            item = QTableWidgetItem(METRICS[key].text(value))
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            self.table.setItem(0, column, item)
        height = self.table.horizontalHeader().sizeHint().height() + self.table.rowHeight(0)
        self.table.setFixedHeight(height + 2 * self.table.frameWidth())
        if psnr is not None:
            self._draw(psnr, wavelengths)
        if "plot" in self.__dict__:
            self.plot.setVisible(psnr is not None)
            self._colour()
        self.show()

    def _draw(self, psnr: np.ndarray, wavelengths: np.ndarray | None) -> None:
        x = np.arange(psnr.size) + 1.0 if wavelengths is None else wavelengths
        order = np.argsort(x, kind="stable")
        # A band that is equal in both has an infinite PSNR, which no plot can show.
        self.line.setData(x[order], np.where(np.isfinite(psnr), psnr, np.nan)[order])
        self.plot.setLabel("bottom", "Band" if wavelengths is None else "Wavelength (nm)")
        self.plot.getPlotItem().enableAutoRange()

    def set_theme(self, theme: Theme) -> None:
        """Take on the colours of a napari theme."""
        self._theme = theme
        if "plot" in self.__dict__:
            self._colour()

    def _colour(self) -> None:
        theme = self._theme
        if theme is None:
            return
        self.plot.setBackground(theme.background.as_hex("long"))
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(theme.text.as_hex("long"))
            axis.setTextPen(theme.text.as_hex("long"))
