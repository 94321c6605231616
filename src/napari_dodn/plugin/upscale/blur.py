"""The field for the sensor's blur with a slider beside it, and a button to try it."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSlider

from napari_dodn.plugin.kit.blur import STEP, BlurBox

USUAL = 1.0
"""The end of the slider, within which sensors are; the box goes on to more."""


class BlurRow(Container):
    """The box with its slider, and a button that previews what the number does."""

    def __init__(self) -> None:
        self.box = BlurBox(label="Sensor blur")
        self.preview_button = PushButton(
            text="Try…",
            tooltip="Compare the current view at this blur, at 0.1 less and at 0.1 more.",
        )
        super().__init__(layout="horizontal", labels=False, label="Sensor blur")
        self.margins = (0, 0, 0, 0)
        self.slider = QSlider(Qt.Orientation.Horizontal, self.native)  # first for the Tab key
        self.extend([self.box, self.preview_button])
        self.slider.setRange(-1, round(USUAL / STEP))
        self.slider.setMinimumWidth(30)
        self.slider.setAccessibleName("Sensor blur")
        self.slider.setToolTip("'auto' at the left end, then 0 to 1 pixel.")
        self.native.layout().insertWidget(0, self.slider, 1)
        self._follow()
        self.slider.valueChanged.connect(self._on_slider)
        self.box.changed.connect(self._follow)

    def _on_slider(self, place: int) -> None:
        if place != self._place():
            self.box.value = max(round(place * STEP, 2), self.box.min)

    def _place(self) -> int:
        return min(round(self.box.value / STEP), self.slider.maximum())

    def _follow(self, _: Any = None) -> None:
        self.slider.setValue(self._place())
