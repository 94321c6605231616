"""The table of curves: names, colours and visibility to change, and figures to compare by."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QFont, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_dodn.plugin.profiles.display import likeness
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source

COLUMNS = ("Spectrum", "Pixels", "Angle (°)", "r", "RMSE")
FIGURES = ("angle", "correlation", "rmse")
NOTES = (
    "Tick to show; double-click to rename points, regions and references.",
    "The number of pixels of a region.",
    "Spectral angle to the chosen spectrum, in degrees.",
    "Correlation with the chosen spectrum.",
    "Root mean square difference to the chosen spectrum.",
)
SWATCH = 11
WIDTHS = 48, 64, 44, 58
"""Of the columns after the first: measuring their contents at every move of the mouse is slow."""

RENAMED = (Source.POINT, Source.REGION, Source.LIBRARY)

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class CurveModel(QAbstractTableModel):
    """The store as Qt wants to see it.

    `renamed` is emitted with a curve and the name that it is to get.
    """

    renamed = Signal(object, str)

    def __init__(self, store: CurveStore, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store
        self._ids: list[str] = []
        self._looks: dict[str, tuple[Any, ...]] = {}
        store.changed.connect(self._on_changed)
        self._on_changed()

    def close_down(self) -> None:
        """Follow the store no longer."""
        self._store.changed.disconnect(self._on_changed)

    def curve(self, row: int) -> Curve | None:
        """Return the curve of a row."""
        return self._store.get(self._ids[row]) if 0 <= row < len(self._ids) else None

    @property
    def compares(self) -> bool:
        """Whether a curve is chosen that the others are held against."""
        return self._store.chosen is not None

    def _on_changed(self, ids: frozenset[str] = frozenset()) -> None:
        now = [curve.id for curve in self._store]
        if now != self._ids:
            # Rows are told apart by their place: say which came and went, so that the selection
            # stays on its curve.
            for row in reversed(range(len(self._ids))):
                if self._ids[row] not in self._store:
                    self.beginRemoveRows(NOWHERE, row, row)
                    self._looks.pop(self._ids.pop(row), None)
                    self.endRemoveRows()
            if fresh := now[len(self._ids) :]:
                self.beginInsertRows(NOWHERE, len(self._ids), len(now) - 1)
                self._ids += fresh
                self.endInsertRows()
        for row, id_ in enumerate(self._ids):
            if id_ in ids:
                self._refresh(row, id_)

    def _refresh(self, row: int, id_: str) -> None:
        """Have a row drawn again, unless it looks as it did: a live one changes at every move."""
        curve = self._store.get(id_)
        assert curve is not None
        texts = [self._figure(curve, column) for column in range(1, len(COLUMNS))]
        looks = (curve.label, curve.colour, curve.visible, self._is_chosen(curve), *texts)
        if self._looks.get(id_) != looks:
            self._looks[id_] = looks
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    # What Qt asks

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """Return the number of curves."""
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return the titles."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        return {
            Qt.ItemDataRole.DisplayRole: COLUMNS[section],
            Qt.ItemDataRole.ToolTipRole: NOTES[section],
        }.get(Qt.ItemDataRole(role))

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done to a cell."""
        flags = super().flags(index)
        curve = self.curve(index.row())
        if index.column() == 0 and curve is not None:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
            if curve.source in RENAMED:
                flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: Index, role: int = 0) -> Any:
        """Return what a cell shows."""
        curve, role, first = self.curve(index.row()), Qt.ItemDataRole(role), index.column() == 0
        if curve is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return curve.label if first else self._figure(curve, index.column())
            case Qt.ItemDataRole.EditRole:
                return curve.name
            case Qt.ItemDataRole.ToolTipRole:
                return curve.origin
            case Qt.ItemDataRole.CheckStateRole if first:
                return Qt.CheckState.Checked if curve.visible else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.DecorationRole if first:
                swatch = QPixmap(SWATCH, SWATCH)
                swatch.fill(QColor(curve.colour))
                return swatch
            case Qt.ItemDataRole.FontRole if self._is_chosen(curve):
                font = QFont()
                font.setBold(True)
                return font
            case Qt.ItemDataRole.TextAlignmentRole if not first:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def setData(self, index: Index, value: Any, role: int = 0) -> bool:
        """Take a tick or a new name."""
        curve = self.curve(index.row())
        if curve is None:
            return False
        if role == Qt.ItemDataRole.CheckStateRole:
            self._store.edit([curve.id], visible=Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        name = str(value).strip()
        if role == Qt.ItemDataRole.EditRole and name and name != curve.name:
            self.renamed.emit(curve, name)
            return True
        return False

    def _is_chosen(self, curve: Curve) -> bool:
        return self._store.chosen is not None and self._store.chosen.id == curve.id

    def _figure(self, curve: Curve, column: int) -> str:
        if column == 1:
            return "" if curve.source is Source.LIBRARY else str(curve.pixels)
        if self._is_chosen(curve):
            return "chosen" if column == 2 else ""
        alike = likeness(curve, self._store.chosen)
        value = math.nan if alike is None else getattr(alike, FIGURES[column - 2])
        return "" if math.isnan(value) else f"{value:.3g}"


class CurveTable(QTableView):
    """The view of a `CurveModel`, whose rows can be selected together.

    Parameters
    ----------
    model : CurveModel
        What it shows.
    """

    def __init__(self, model: CurveModel) -> None:
        super().__init__()
        self._curves = model
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(WIDTHS, start=1):
            self.setColumnWidth(column, width)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setMinimumHeight(90)
        model.dataChanged.connect(self._on_data)
        self._on_data()

    def _on_data(self, *_: Any) -> None:
        """Leave out the columns of figures as long as there is nothing to compare with."""
        for column in range(2, len(COLUMNS)):
            self.setColumnHidden(column, not self._curves.compares)

    def selected(self) -> list[Curve]:
        """Return the curves of the selected rows."""
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        return [curve for row in rows if (curve := self._curves.curve(row)) is not None]
