"""The bands of a cube in the plot: a tick for each, and a line to drag at the one on the screen."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QObject, Signal

from napari_dodn.plugin.profiles.display import BAND, axis, unit_text
from napari_dodn.wording import rounded

TICK = [0, 0.02]
"""Where the ticks begin and end, in parts of the plot's height."""

MOST_TICKS = 80
"""Of more bands only every second, third … has a tick: they would run into one another."""

LABEL_PLACE = 0.94
"""Where the line says its band, in parts of the plot's height."""


class BandLine(QObject):
    """Ticks and line. `dragged` is emitted with the band (from 0) that the line was dragged to.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget
        Where they are drawn.
    """

    dragged = Signal(int)

    def __init__(self, plot: pg.PlotWidget) -> None:
        super().__init__(plot)
        self._wavelengths: np.ndarray | None = None
        self._bands, self._band, self._unit = 0, 0, "nm"
        self._places = np.empty(0)
        self._ticks = pg.VTickGroup(yrange=TICK)
        self.line = pg.InfiniteLine(
            angle=90, movable=True, label="", labelOpts={"position": LABEL_PLACE, "movable": False}
        )
        for item in (self._ticks, self.line):
            plot.addItem(item, ignoreBounds=True)
            item.setVisible(False)
        self.line.sigDragged.connect(self._on_dragged)
        self.line.sigPositionChangeFinished.connect(self._settle)

    def set_unit(self, unit: str) -> None:
        """Choose the axis."""
        self._unit = unit
        self._lay_out()

    def set_bands(self, wavelengths: np.ndarray | None, bands: int, band: int) -> None:
        """Mark the bands of a cube, and the one that is on the screen.

        Parameters
        ----------
        wavelengths : numpy.ndarray or None
            In nanometres.
        bands : int
            How many there are; 0 marks nothing.
        band : int
            The one on the screen, from 0.
        """
        self._band = band
        if wavelengths is not self._wavelengths or bands != self._bands:
            self._wavelengths, self._bands = wavelengths, bands
            self._lay_out()
        elif not self.line.moving:
            self._settle()

    def set_colours(self, colour: str, background: str) -> None:
        """Take on the colours of a theme."""
        self.line.label.setColor(colour)
        self.line.label.fill = pg.mkBrush(background)
        self._ticks.setPen(pg.mkPen(colour, width=1))
        self.line.setPen(pg.mkPen(colour, width=2))
        self.line.setHoverPen(pg.mkPen(colour, width=4))

    def _lay_out(self) -> None:
        places = axis(self._wavelengths, self._bands, self._unit) if self._bands else None
        self._places = np.empty(0) if places is None else places
        self._ticks.setVisible(bool(self._places.size))
        known = self._places[np.isfinite(self._places)]
        self._ticks.setXVals(known[:: math.ceil(known.size / MOST_TICKS) or 1].tolist())
        self._settle()

    def _settle(self) -> None:
        """Put the line where its band is."""
        known = 0 <= self._band < self._places.size and np.isfinite(self._places[self._band])
        self.line.setVisible(bool(known))
        if known:
            self.line.setValue(self._places[self._band])
            self.line.label.setFormat(self._text(self._places[self._band]))

    def _text(self, place: float) -> str:
        if self._unit == BAND:
            return f"band {place:.0f}"
        return f"{rounded(place)} {unit_text(self._unit)}"

    def _on_dragged(self) -> None:
        band = nearest_band(self._places, self.line.value())
        if band is not None and band != self._band:
            self.dragged.emit(band)


def nearest_band(places: np.ndarray, x: float) -> int | None:
    """Return the band whose place on the axis is nearest to x, None where no band has a place."""
    if not np.isfinite(places).any():
        return None
    return int(np.nanargmin(np.abs(places - x)))
