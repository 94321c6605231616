"""The field for the sensor's blur: a number, or one that is estimated."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QDoubleSpinBox

from napari_dodn.plugin.kit.numbers import NumberBox
from napari_dodn.sensor_blur import LARGEST_BLUR

AUTO = "auto"
STEP = 0.05

WIDEST = "auto (0.00)"
"""The longest text in the box."""

BUTTONS = 72
"""Pixels that the box takes around its text, with every binding."""


class BlurBox(NumberBox):
    """A box for a number of pixels from 0 to `LARGEST_BLUR`, with "auto" one step below 0."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            value=-STEP,
            min=-STEP,
            max=LARGEST_BLUR,
            step=STEP,
            tooltip="How much the sensor blurs: the standard deviation of its point spread"
            " function, in pixels of the cube. 0 means clean decimation. 'auto', one step"
            " below 0, estimates the blur and errs on the low side: a number too large"
            " spoils the result.",
            **options,
        )
        self.native.setDecimals(2)
        _WideEnough(self.native)
        self.show_found(None)

    @property
    def blur(self) -> float | str:
        """What `upscale` is to be told: a number of pixels, or "auto"."""
        return AUTO if self.value < 0 else round(self.value, 2)

    def show_found(self, sigma: float | None) -> None:
        """Show beside "auto" what was estimated; None: nothing yet."""
        self.native.setSpecialValueText(AUTO if sigma is None else f"{AUTO} ({sigma:.2f})")


class _WideEnough(QObject):
    """Keeps the box as wide as its longest text, in letters of any size."""

    def __init__(self, box: QDoubleSpinBox) -> None:
        super().__init__(box)
        box.installEventFilter(self)
        self._fit(box)

    def eventFilter(self, box: QObject, event: QEvent) -> bool:
        """Measure the text again in other letters."""
        if event.type() == QEvent.Type.FontChange and isinstance(box, QDoubleSpinBox):
            self._fit(box)
        return False

    def _fit(self, box: QDoubleSpinBox) -> None:
        box.setMinimumWidth(box.fontMetrics().horizontalAdvance(WIDEST) + BUTTONS)
