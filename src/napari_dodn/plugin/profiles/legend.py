"""The legend of the plot, which says names once where many curves share them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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

LETTERS, LETTERS_OF_TWO = 40, 20
"""Of a longer label only so many are shown, which would stand out over the plot."""


@dataclass(frozen=True)
class Entry:
    """A row of the legend: a curve's, or what several have in common."""

    text: str
    colour: str = ""
    style: Qt.PenStyle = Qt.PenStyle.SolidLine


class Legend:
    """Names the curves of a plot.

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
        self._store = store
        self.item = plot.addLegend(offset=(-8, 8), labelTextSize="8pt", verSpacing=SPACING)
        self.entries: dict[str, Entry] = {}
        self.wanted = True
        self._text = "black"

    def set_colours(self, background: str, text: str) -> None:
        """Take on the colours of a theme; `update` shows them."""
        self._text = text
        self.item.setLabelTextColor(text)
        self.entries = {}  # labels that are there already keep their colour
        shade = QColor(background)
        shade.setAlpha(ALPHA)
        self.item.setBrush(shade)

    def update(self, lines: Mapping[str, pg.PlotDataItem]) -> None:
        """Name the curves that are drawn, by their ids."""
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
        self.entries = entries
        self.item.setVisible(bool(entries))

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
