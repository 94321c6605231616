"""The row with which a panel offers the comparison of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psygnal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_dodn.errors import UserError
from napari_dodn.plugin.views.comparison import HOLD_KEY, Mode, comparison_of
from napari_dodn.plugin.views.pane import Against

if TYPE_CHECKING:
    from napari import Viewer

CHOICES = {
    "source": (Against.SOURCE,),
    "bicubic": (Against.BICUBIC,),
    "both": (Against.SOURCE, Against.BICUBIC),
}
"""What a result can be held against."""

TOOLTIPS = {
    Mode.SWIPE: "Drag a line over the image: the result is on its right. Hold"
    f" {HOLD_KEY} to see only the source.",
    Mode.SIDE_BY_SIDE: "Linked views side by side: they move, zoom and change the band together.",
}


class CompareBar(QWidget):
    """Buttons for the ways to compare, and what to compare with.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose result is compared.

    Notes
    -----
    `failed` gives a sentence that says why nothing can be compared, and an empty one when that is
    over.
    """

    failed = psygnal.Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._comparison = comparison_of(viewer)
        self.buttons: dict[Mode, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for mode, tooltip in TOOLTIPS.items():
            button = QPushButton(mode.value.capitalize())
            button.setCheckable(True)
            button.setToolTip(tooltip)
            button.clicked.connect(lambda on, mode=mode: self._show(mode if on else Mode.OFF))
            row.addWidget(button, 1)
            self.buttons[mode] = button
        row.addWidget(QLabel("with"))
        self.against = QComboBox()
        self.against.addItems(list(CHOICES))
        self.against.setToolTip("What the result is compared with.")
        self.against.setAccessibleName("Compare with")
        self.against.currentTextChanged.connect(self._on_against)
        row.addWidget(self.against)
        self._comparison.changed.connect(self._on_changed)
        self._on_changed(self._comparison.mode)

    def refresh(self) -> None:
        """Appear where there is a result to compare; to be asked once the bar has its place."""
        self.setVisible(self._comparison.possible)

    def close_down(self) -> None:
        """Follow the comparison no longer; what is compared stays on the screen."""
        self._comparison.changed.disconnect(self._on_changed)

    def _show(self, mode: Mode) -> None:
        fault = ""
        try:
            self._comparison.show(mode, CHOICES[self.against.currentText()])
        except UserError as error:
            fault = str(error)
        self._on_changed(self._comparison.mode)
        if fault:
            self.failed.emit(fault)

    def _on_against(self, _: Any = None) -> None:
        self._show(self._comparison.mode)

    def _on_changed(self, mode: Mode) -> None:
        for own, button in self.buttons.items():
            button.setChecked(own is mode)
        self.against.blockSignals(True)
        self.against.setCurrentIndex(list(CHOICES.values()).index(self._comparison.against))
        self.against.blockSignals(False)
        self.failed.emit("")
