"""Small widgets and rows of the dock."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QWidget

from napari_dodn.plugin.kit.forms import narrow
from napari_dodn.plugin.kit.numbers import take_point_or_comma

LAYER_LETTERS = 5
"""Letters of a layer's name that its box has room for."""


class OffsetBox(QDoubleSpinBox):
    """A number with room for as many digits as are common, not for its largest value."""

    ROOM = "00.000"

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(3)
        self.setRange(0, 1e9)
        take_point_or_comma(self)

    def sizeHint(self) -> QSize:
        """Return the usual size, less what only the largest value needs."""
        letters, hint = self.fontMetrics(), super().sizeHint()
        largest = letters.horizontalAdvance(self.textFromValue(self.maximum()))
        return hint - QSize(largest - letters.horizontalAdvance(self.ROOM), 0)

    def minimumSizeHint(self) -> QSize:
        """Return the same, so that it is not cut."""
        return self.sizeHint()


def combo(choices: Sequence[str], tooltip: str) -> QComboBox:
    """Return a box of choices; without any it is one of layers, whose names may be long."""
    box = QComboBox()
    box.addItems(choices)
    box.setToolTip(tooltip)
    box.setAccessibleName(tooltip.split(";")[0].rstrip("."))
    if choices:
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    else:
        narrow(box, LAYER_LETTERS)
    return box


def row(*widgets: QWidget | None) -> QHBoxLayout:
    """Return widgets in a row, of which boxes take what room there is; None is a gap."""
    layout = QHBoxLayout()
    for widget in widgets:
        if widget is None:
            layout.addStretch()
        else:
            layout.addWidget(widget, 1 if isinstance(widget, QComboBox) else 0)
    return layout
