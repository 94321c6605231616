"""The field for the sensor's blur: a number, or one that is estimated, and a slider beside it."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container, FloatSpinBox, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSlider

AUTO = "auto"
STEP = 0.05
LARGEST = 2.0
"""As `upscaling.options.LARGEST_BLUR`, which loads PyTorch."""

ROOM = "− auto (0.00) + xxxx"
"""What the box has room for."""

USUAL = 1.0
"""The end of the slider, within which sensors are; the box goes on to `LARGEST`."""


class BlurBox(FloatSpinBox):
    """A box for a number of pixels from 0 to `LARGEST`, with "auto" one step below 0."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            value=-STEP,
            min=-STEP,
            max=LARGEST,
            step=STEP,
            tooltip="How much the sensor blurs: the standard deviation of its point spread"
            " function, in pixels of the cube. 0 means clean decimation. 'auto', one step"
            " below 0, estimates the blur and errs on the low side: a number too large"
            " spoils the result.",
            **options,
        )
        self.native.setDecimals(2)
        self.native.setFixedWidth(self.native.fontMetrics().horizontalAdvance(ROOM))
        self.show_found(None)

    @property
    def blur(self) -> float | str:
        """What `upscale` is to be told: a number of pixels, or "auto"."""
        return AUTO if self.value < 0 else round(self.value, 2)

    def show_found(self, sigma: float | None) -> None:
        """Show beside "auto" what was estimated; None: nothing yet."""
        self.native.setSpecialValueText(AUTO if sigma is None else f"{AUTO} ({sigma:.2f})")


class BlurRow(Container):
    """The box with its slider, and a button that previews what the number does."""

    def __init__(self) -> None:
        self.box = BlurBox(label="Sensor blur")
        self.preview_button = PushButton(
            text="Try…",
            tooltip="Compare the current view at this blur, at 0.1 less and at 0.1 more.",
        )
        super().__init__(
            widgets=[self.box, self.preview_button],
            layout="horizontal",
            labels=False,
            label="Sensor blur",
        )
        self.margins = (0, 0, 0, 0)
        self.slider = QSlider(Qt.Orientation.Horizontal)
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
