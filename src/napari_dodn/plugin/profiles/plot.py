"""The plot of the dock. It draws what is in the store and keeps no spectrum of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from pyqtgraph.exporters import ImageExporter
from qtpy.QtCore import QBuffer, QIODevice, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPaintDevice, QPainter
from qtpy.QtSvg import QSvgGenerator

from napari_dodn.errors import UserError, reason_of
from napari_dodn.plugin.kit.plots import Plot, show_numbers
from napari_dodn.plugin.profiles.band_line import BandLine
from napari_dodn.plugin.profiles.colour_lines import ColourLines
from napari_dodn.plugin.profiles.display import (
    BAND,
    UNITS,
    Drawn,
    Treatment,
    axis,
    drawn,
    unit_for,
    unit_text,
)
from napari_dodn.plugin.profiles.legend import STYLES, Legend
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source
from napari_dodn.replacing import replace_bytes
from napari_dodn.wording import rounded

REFERENCE_STYLE = Qt.PenStyle.DashDotDotLine
"""The kind of line of references alone."""

SPREAD_ALPHA = 60
"""Of 255: how much of its colour the area of a spread has."""

FEW_BANDS = 16
"""With fewer bands than this each is marked, so that single ones can be seen."""

PAPER = "white", "black"
"""Background and text of pictures."""

PICTURE_SCALE = 4
"""Pixels of a PNG picture for each one on the screen, along each side."""

SIZE = 440, 320


class PlotError(UserError):
    """A picture of the plot that cannot be made."""


class SpectrumPlot(Plot):
    """Curves over wavelengths, with the band on the screen as a line that can be dragged.

    Parameters
    ----------
    store : CurveStore
        What is drawn.

    Notes
    -----
    `pointed` is emitted with a line about the curve that is nearest to the mouse.
    """

    pointed = Signal(str)

    def __init__(self, store: CurveStore) -> None:
        super().__init__()
        self._store = store
        self.unit, self.treatment, self.offset = "nm", Treatment.NONE, 0.0
        self._shown_unit = self.unit
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._spreads: dict[str, pg.FillBetweenItem] = {}
        self._drawn: dict[str, Drawn] = {}
        self.legend = Legend(self, store)
        self._colours = PAPER
        self.bands, self.colours = BandLine(self), ColourLines(self)
        self._cross = pg.InfiniteLine(angle=90)
        self._dot = pg.ScatterPlotItem(size=9, pen=None)
        for item in (self._cross, self._dot):
            self.addItem(item, ignoreBounds=True)
            item.setVisible(False)
        self.scene().sigMouseMoved.connect(self._on_mouse)
        self.getPlotItem().layout.setContentsMargins(2, 4, 8, 4)
        self.setMinimumHeight(160)
        show_numbers(self, False)
        store.changed.connect(self._on_changed)

    def sizeHint(self) -> QSize:
        """Return a size that leaves a laptop's screen to the image."""
        return QSize(*SIZE)

    def close_down(self) -> None:
        """Draw no longer."""
        self._store.changed.disconnect(self._on_changed)

    # What to draw

    def set_view(self, unit: str, treatment: Treatment, offset: float) -> None:
        """Choose the axis, what is done to the values, and by how much curves are moved apart.

        Parameters
        ----------
        unit : str
            One of `display.UNITS`.
        treatment : Treatment
            What is done to the values.
        offset : float
            Each curve is drawn this much higher than the one before.
        """
        self.unit, self.treatment, self.offset = unit, treatment, offset
        self._draw_all()
        self.enableAutoRange()

    def set_legend(self, shown: bool) -> None:
        """Show or hide the legend."""
        self.legend.wanted = shown
        self.legend.update(self._lines)

    def set_colours(self, background: str, text: str) -> None:
        """Take on the colours of a theme."""
        self._colours = background, text
        self.setBackground(background)
        for side in ("bottom", "left"):
            self.getAxis(side).setPen(text)
            self.getAxis(side).setTextPen(text)
        self.legend.set_colours(background, text)
        self.legend.update(self._lines)
        self.bands.set_colours(text, background)
        faint = QColor(text)
        faint.setAlpha(110)
        self._cross.setPen(pg.mkPen(faint, width=1, style=Qt.PenStyle.DashLine))

    def save(self, path: Path) -> None:
        """Write a picture of the plot, as it is but dark on white: PNG or SVG, as the name ends.

        Raises
        ------
        PlotError
            If the name ends otherwise, or the file cannot be written.
        """
        suffix = path.suffix.lower()
        if suffix not in (".png", ".svg"):
            raise PlotError(f"{path.name}: the name of a picture must end with .png or .svg.")
        picture = QBuffer()
        picture.open(QIODevice.OpenModeFlag.WriteOnly)
        with self._on_paper():
            (self._draw_svg if suffix == ".svg" else self._draw_png)(picture)
        try:
            replace_bytes(path, picture.data().data())
        except OSError as error:
            raise PlotError(f"{path} cannot be written: {reason_of(error)}.") from error

    @contextmanager
    def _on_paper(self) -> Iterator[None]:
        """Look as a picture is to look, and as before afterwards."""
        before = self._colours
        self.set_colours(*PAPER)
        try:
            yield
        finally:
            self.set_colours(*before)

    def _draw_png(self, output: QBuffer) -> None:
        picture = QImage(self.size() * PICTURE_SCALE, QImage.Format.Format_RGB32)
        picture.setDevicePixelRatio(PICTURE_SCALE)
        self._paint(picture)
        picture.save(output, "PNG")  # type: ignore[call-overload]  # PyQt takes no bytes

    def _draw_svg(self, output: QBuffer) -> None:
        picture = QSvgGenerator()
        picture.setOutputDevice(output)
        picture.setResolution(self.logicalDpiX())  # else the axes come out smaller than the curves
        picture.setSize(self.size())
        picture.setViewBox(self.rect())
        self._paint(picture)

    def _paint(self, picture: QPaintDevice) -> None:
        """Paint the plot, its marks as shapes and not as the small images of the screen.

        pyqtgraph's own exporters leave the legend as small as it is on the screen, and fail at
        areas between curves.
        """
        shapes = ImageExporter(self.getPlotItem())
        painter = QPainter()
        painter.begin(picture)
        shapes.setExportMode(True, {"antialias": True, "painter": painter, "resolutionScale": 1})
        try:
            self.render(painter, QRectF(self.rect()))
        finally:
            shapes.setExportMode(False)
            painter.end()

    # Drawing

    def _on_changed(self, ids: frozenset[str]) -> None:
        if unit_for(self._store, self.unit) != self._shown_unit or (
            self.offset and any((id_ in self._store) != (id_ in self._lines) for id_ in ids)
        ):
            self._draw_all()
            return
        for id_ in ids:
            self._draw(id_)
        self._title_values()
        self.legend.update(self._lines)
        self.scene().prepareForPaint()  # as late as pyqtgraph does it, all is painted twice

    def _draw_all(self) -> None:
        self._shown_unit = unit_for(self._store, self.unit)
        self._set_title("bottom", UNITS[self._shown_unit])
        for id_ in {*self._lines, *(curve.id for curve in self._store)}:
            self._draw(id_)
        self._title_values()
        for lines in (self.bands, self.colours):
            lines.set_unit(self._shown_unit)
        self.legend.update(self._lines, is_new_view=True)

    def _title_values(self) -> None:
        show_numbers(self, bool(self._lines))
        derived = self.treatment is Treatment.DERIVATIVE
        title = self._step() if derived else self._quantity()
        if title != self.getAxis("left").labelText:
            self._set_title("left", title)

    def _set_title(self, side: str, text: str) -> None:
        # Without these, values below 1 are shown as thousandths of nothing.
        self.setLabel(side, text, siPrefixEnableRanges=())

    def _step(self) -> str:
        """Return what slopes are per: of curves without wavelengths they are per band."""
        drawn = [curve for curve in self._store if curve.id in self._lines]
        by_band = {curve.x is None for curve in drawn} or {False}
        return ", ".join("per band" if is_band else "per nm" for is_band in sorted(by_band))

    def _quantity(self) -> str:
        if self.treatment not in (Treatment.NONE, Treatment.DIFFERENCE):
            return self.treatment.value
        quantities = {curve.quantity for curve in self._store if curve.visible} - {""}
        return ", ".join(sorted(quantities)).capitalize() or "Value"

    def _draw(self, id_: str) -> None:
        curve = self._store.get(id_)
        lines = None
        if curve is not None and curve.visible:
            lines = drawn(curve, self._shown_unit, self.treatment, self._store.chosen)
        if curve is None or lines is None:
            self._erase(id_)
            return
        shift = self._shift(curve)
        line = self._lines.get(id_)
        if line is None:
            line = self._lines[id_] = pg.PlotDataItem(connect="finite", antialias=True)
            self.addItem(line)
        self._drawn[id_] = Drawn(lines.x, lines.y + shift)
        live = curve.source is Source.LIVE
        chosen = self._store.chosen is not None and self._store.chosen.id == id_
        style = Qt.PenStyle.SolidLine if live else _style_of(curve)
        is_solid = style == Qt.PenStyle.SolidLine
        width = 3 if chosen else 2 if live else 1.5 if is_solid else 1
        pen = pg.mkPen(curve.colour, width=width, style=style)
        # A noisy line of several pixels takes a quarter of a second in one piece.
        line.curve.setSegmentedLineMode("on" if is_solid else "off")
        # Of marks at no place at all, pyqtgraph warns.
        marked = curve.y.size < FEW_BANDS and bool(np.isfinite(lines.x * lines.y).any())
        line.setData(
            lines.x,
            lines.y + shift,
            pen=pen,
            symbol="o" if marked else None,
            symbolSize=5,
            symbolPen=None,
            symbolBrush=curve.colour,
        )
        line.setZValue(10 if live else 5)
        self._draw_spread(curve, lines, shift)

    def _draw_spread(self, curve: Curve, lines: Drawn, shift: float) -> None:
        if lines.lower is None or lines.upper is None:
            self._erase_spread(curve.id)
            return
        area = self._spreads.get(curve.id)
        if area is None:
            edges = [pg.PlotCurveItem(connect="finite", pen=None) for _ in range(2)]
            area = self._spreads[curve.id] = pg.FillBetweenItem(*edges)
            for edge in edges:
                self.addItem(edge)
            self.addItem(area, ignoreBounds=True)
        for edge, values in zip(area.curves, (lines.lower, lines.upper), strict=True):
            edge.setData(lines.x, values + shift)
        shade = QColor(curve.colour)
        shade.setAlpha(SPREAD_ALPHA)
        area.setBrush(shade)

    def _erase(self, id_: str) -> None:
        self._drawn.pop(id_, None)
        if (line := self._lines.pop(id_, None)) is not None:
            self.removeItem(line)
        self._erase_spread(id_)

    def _erase_spread(self, id_: str) -> None:
        if (area := self._spreads.pop(id_, None)) is not None:
            for item in (area, *area.curves):
                self.removeItem(item)

    def _shift(self, curve: Curve) -> float:
        if not self.offset:
            return 0.0
        return self.offset * [other.id for other in self._store].index(curve.id)

    # The mouse

    def _on_mouse(self, position: Any) -> None:
        view = self.getViewBox()
        nearest = None
        if view.sceneBoundingRect().contains(position):
            nearest = self._nearest(position)
        self._cross.setVisible(nearest is not None)
        self._dot.setVisible(nearest is not None)
        if nearest is None:
            self.pointed.emit("")
            return
        curve, x, y, band = nearest
        self._cross.setValue(x)
        self._dot.setData([x], [y], brush=curve.colour)
        where = f"{rounded(x, 5)} {unit_text(self._shown_unit)}"
        place = f"band {x:.0f}" if self._shown_unit == BAND else f"{where} (band {band + 1})"
        self.pointed.emit(f"{curve.label}: {y - self._shift(curve):.5g} at {place}")

    def _nearest(self, position: Any) -> tuple[Curve, float, float, int] | None:
        """Return the curve, and the band of it, that is nearest to the mouse on the screen."""
        view = self.getViewBox()
        mouse, pixel = view.mapSceneToView(position), view.viewPixelSize()
        best, found = np.inf, None
        for id_, lines in self._drawn.items():
            curve = self._store.get(id_)
            far = np.hypot((lines.x - mouse.x()) / pixel[0], (lines.y - mouse.y()) / pixel[1])
            if curve is None or np.isnan(far).all():
                continue
            place = int(np.nanargmin(far))
            if far[place] < best:
                best = far[place]
                band = place
                if self._shown_unit != BAND:
                    order = axis(curve.x, curve.y.size, self._shown_unit)
                    assert order is not None
                    band = int(np.argsort(order, kind="stable")[place])
                found = curve, float(lines.x[place]), float(lines.y[place]), band
        return found


def _style_of(curve: Curve) -> Qt.PenStyle:
    if curve.source is Source.LIBRARY:
        return REFERENCE_STYLE
    return STYLES[curve.style % len(STYLES)]
