"""The legend of the plot, which says names once where many curves share them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QGraphicsGridLayout

from napari_dodn.plugin.profiles.display import likeness, likeness_text
from napari_dodn.plugin.profiles.store import CurveStore, Source

STYLES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
)
"""Kinds of line by which the cubes of one point are told apart."""

ALPHA = 210
"""Of 255: how much of its colour the legend has."""

MOST_ENTRIES, MOST_FIGURES = 20, 4
"""With more than this the table has to do: for all, and for the figures of likeness."""

SPACING, ROW = -6, 20
"""Pixels between the rows, whose labels have wide margins, and of each row."""

ONE_COLUMN = 6
"""With more entries than this there are two columns, of shorter labels."""

CORNERS = (1, 0), (0, 0), (1, 1), (0, 1)
"""Where it may lie, (x, y) from the upper left; of corners that are as free, the first counts."""

EDGE, TOP = 8, 24
"""Pixels between it and the edges of the plot; at the top stands the label of the band."""

SAMPLES = 100
"""Places of each curve that are looked at, to find the corner where the fewest lie."""

LETTERS, LETTERS_OF_TWO = 40, 20
"""Of a longer label only so many are shown, which would stand out over the plot."""


@dataclass(frozen=True)
class Entry:
    """A row of the legend: a curve's, or what several have in common."""

    text: str
    colour: str = ""
    style: Qt.PenStyle = Qt.PenStyle.SolidLine


class _Item(pg.LegendItem):
    """The legend, which a person can drag to a place where it stays."""

    was_dragged = False

    def mouseDragEvent(self, event: Any) -> None:
        super().mouseDragEvent(event)
        self.was_dragged |= event.isAccepted()  # other buttons zoom and move the plot


class Legend:
    """Names the curves of a plot, in the corner where it covers the least of them.

    A few are named one by one. Of many in several cubes, each point and region is named once by
    its colour, and each cube by its kind of line.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget
        Where it lies.
    store : CurveStore
        The curves.
    """

    def __init__(self, plot: pg.PlotWidget, store: CurveStore) -> None:
        self._store, self._view = store, plot.getViewBox()
        self.item = _Item(labelTextSize="8pt", verSpacing=SPACING)
        self.item.setParentItem(self._view)
        self.entries: dict[str, Entry] = {}
        self.wanted = True
        self._text = "black"
        self._corner = CORNERS[0]
        self._unplaced: Mapping[str, pg.PlotDataItem] | None = {}
        # The view was connected before, so its range is the one that is about to be painted.
        plot.scene().sigPrepareForPaint.connect(self._place)

    def set_colours(self, background: str, text: str) -> None:
        """Take on the colours of a theme; `update` shows them."""
        self._text = text
        self.item.setLabelTextColor(text)
        self.entries = {}  # labels that are there already keep their colour
        shade = QColor(background)
        shade.setAlpha(ALPHA)
        self.item.setBrush(shade)

    def update(self, lines: Mapping[str, pg.PlotDataItem], *, is_new_view: bool = False) -> None:
        """Name the curves that are drawn, by their ids; look for another corner in a new view."""
        if is_new_view:
            self._unplaced = lines
        entries = dict(self._named(lines)) if self.wanted else {}
        if len(entries) > MOST_ENTRIES:
            entries = {}
        letters = LETTERS_OF_TWO if len(entries) > ONE_COLUMN else LETTERS
        chosen = self._store.chosen if len(lines) <= MOST_FIGURES else None
        for key, entry in entries.items():
            text, curve = _shortened(entry.text, letters), self._store.get(key)
            if curve is not None and (alike := likeness(curve, chosen)):
                text = f"{text}: {likeness_text(alike)}"
            entries[key] = Entry(text, entry.colour, entry.style)
        if entries == self.entries:
            return
        looks = [{k: (e.colour, e.style) for k, e in x.items()} for x in (entries, self.entries)]
        if looks[0] == looks[1] and list(entries) == list(self.entries):
            for key, entry in entries.items():
                if key in lines and self.entries[key] != entry:
                    self.item.getLabel(lines[key]).setText(entry.text)
        else:
            self._clear(2 if len(entries) > ONE_COLUMN else 1)
            for key, entry in entries.items():
                self.item.addItem(lines[key] if key in lines else _sample(entry), entry.text)
            self._settle()
            self._unplaced = lines
        self.entries = entries
        self.item.setVisible(bool(entries))

    def _place(self) -> None:
        """Go to the freest corner, unless a person has chosen a place.

        It stays there while curves change, as the one under the mouse does.
        """
        lines, self._unplaced = self._unplaced, None
        if lines is None or self.item.was_dragged:
            return
        covered = {corner: self._covered(corner, lines) for corner in (self._corner, *CORNERS)}
        self._corner = x, y = min(covered, key=lambda corner: covered[corner])
        self.item.anchor((x, y), (x, y), offset=(-EDGE if x else EDGE, -EDGE if y else TOP))

    def _covered(self, corner: tuple[int, int], lines: Mapping[str, pg.PlotDataItem]) -> int:
        """Return how many places of the curves lie below it in a corner."""
        (left, right), (bottom, top) = self._view.viewRange()
        size = self.item.boundingRect()
        wide = (size.width() + EDGE) / max(self._view.width(), 1)
        high = (size.height() + (EDGE if corner[1] else TOP)) / max(self._view.height(), 1)
        count = 0
        for x, y in (line.getData() for line in lines.values()):
            known = np.flatnonzero([] if x is None else np.isfinite(x * y))
            if not known.size:
                continue
            places = np.linspace(x[known[0]], x[known[-1]], SAMPLES)
            across = (places - left) / (right - left)
            down = (top - np.interp(places, x[known], y[known])) / (top - bottom)
            beside = across > 1 - wide if corner[0] else across < wide
            count += int((beside & (down > 1 - high if corner[1] else down < high)).sum())
        return count

    def _named(self, lines: Mapping[str, pg.PlotDataItem]) -> Iterator[tuple[str, Entry]]:
        curves = [curve for curve in self._store if curve.id in lines]
        shared = [curve for curve in curves if curve.source in (Source.POINT, Source.REGION)]
        cubes = {curve.style: curve.layer for curve in shared}
        if len(curves) <= ONE_COLUMN or len(cubes) < 2 or len(cubes) > len(STYLES):
            yield from ((curve.id, Entry(curve.label)) for curve in curves)
            return
        for curve in curves:
            if curve not in shared:
                yield curve.id, Entry(curve.label)
            else:  # of which a dictionary keeps one
                yield f"of {curve.group}", Entry(curve.name, curve.colour)
        for style, name in sorted(cubes.items()):
            yield f"in {style}", Entry(name, self._text, STYLES[style % len(STYLES)])

    def _clear(self, columns: int) -> None:
        """Take everything out, and the empty rows that pyqtgraph would leave."""
        rows = QGraphicsGridLayout()
        self.item.clear()
        rows.setVerticalSpacing(SPACING)
        rows.setHorizontalSpacing(self.item.layout.horizontalSpacing())
        self.item.setLayout(rows)
        self.item.layout = rows
        self.item.setColumnCount(columns)

    def _settle(self) -> None:
        """Give all rows one height; else each size that pyqtgraph sets stretches them further."""
        rows = self.item.layout
        for row in range(rows.rowCount()):
            rows.setRowFixedHeight(row, ROW)
        rows.activate()
        self.item.updateSize()
        rows.activate()


def _sample(entry: Entry) -> pg.PlotDataItem:
    return pg.PlotDataItem(pen=pg.mkPen(entry.colour, width=1.5, style=entry.style))


def _shortened(label: str, letters: int) -> str:
    """Return a label without its middle where it is long."""
    half = letters // 2
    return label if len(label) <= letters else f"{label[:half]}…{label[-half:]}"
