"""Three lines in the plot, at the bands that a picture shows as red, green and blue."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QObject, Signal

from napari_dodn.plugin.profiles.band_line import nearest_band
from napari_dodn.plugin.profiles.display import axis

COLOURS = {"R": "#e0484d", "G": "#2fa84f", "B": "#4a7dff"}
"""Letters and colours of the lines, as they can be read on dark and on light."""

LETTER_HEIGHT = 0.05
"""Where the letters stand, in parts of the plot's height."""


class ColourLines(QObject):
    """The lines. `dragged` is emitted with a channel and the good band that it was dragged to.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget
        Where they are drawn.
    """

    dragged = Signal(int, int)

    def __init__(self, plot: pg.PlotWidget) -> None:
        super().__init__(plot)
        self._wavelengths: np.ndarray | None = None
        self._usable = np.empty(0, bool)
        self._bands: list[int] = []
        self._unit, self._places = "nm", np.empty(0)
        self.lines = []
        for letter, colour in COLOURS.items():
            line = pg.InfiniteLine(
                angle=90,
                movable=True,
                pen=pg.mkPen(colour, width=2),
                hoverPen=pg.mkPen(colour, width=4),
                label=letter,
                labelOpts={"position": LETTER_HEIGHT, "color": "w", "fill": colour},
            )
            line.setZValue(20)
            line.setVisible(False)
            line.sigDragged.connect(self._on_dragged)
            line.sigPositionChangeFinished.connect(self._settle)
            plot.addItem(line, ignoreBounds=True)
            self.lines.append(line)

    def set_unit(self, unit: str) -> None:
        """Choose the axis."""
        self._unit = unit
        self._lay_out()

    def hide(self) -> None:
        """Show no lines."""
        self._bands = []
        self._settle()

    def show(self, wavelengths: np.ndarray | None, usable: np.ndarray, bands: list[int]) -> None:
        """Show the lines at three bands of a cube.

        Parameters
        ----------
        wavelengths : numpy.ndarray or None
            In nanometres, shape (bands,).
        usable : numpy.ndarray
            Bands that a line can be dragged to.
        bands : list of int
            Those of red, green and blue, from 0.
        """
        self._bands = bands
        if wavelengths is not self._wavelengths or usable.size != self._usable.size:
            self._wavelengths, self._usable = wavelengths, usable
            self._lay_out()
        else:
            self._usable = usable
            self._settle()

    def _lay_out(self) -> None:
        places = axis(self._wavelengths, self._usable.size, self._unit)
        self._places = np.empty(0) if places is None else places
        self._settle()

    def _settle(self) -> None:
        """Put each line where its band is, but for one that is being dragged."""
        for line, band in zip(self.lines, self._bands or [-1] * len(self.lines), strict=True):
            known = 0 <= band < self._places.size and bool(np.isfinite(self._places[band]))
            line.setVisible(known)
            if known and not line.moving:
                line.setValue(self._places[band])

    def _on_dragged(self, line: pg.InfiniteLine) -> None:
        if not self._bands or not self._places.size:
            return
        channel = self.lines.index(line)
        band = nearest_band(np.where(self._usable, self._places, np.nan), line.value())
        if band is not None and band != self._bands[channel]:
            self._bands = [*self._bands[:channel], band, *self._bands[channel + 1 :]]
            self.dragged.emit(channel, band)
