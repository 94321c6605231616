"""The field for the sensor's blur: a number, or one that is estimated."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import FloatSpinBox

AUTO = "auto"
STEP = 0.05
LARGEST = 2.0
"""As `upscaling.options.LARGEST_BLUR`, which loads PyTorch."""


class BlurBox(FloatSpinBox):
    """A box for a number of pixels from 0 to `LARGEST`, with "auto" one step below 0."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            value=-STEP,
            min=-STEP,
            max=LARGEST,
            step=STEP,
            tooltip="How much the sensor blurs: the standard deviation of its point spread"
            " function, in pixels of the cube; 0 for clean decimation. One step below 0 is 'auto',"
            " which estimates it, rather too low than too high: a number too large spoils the"
            " result.",
            **options,
        )
        self.native.setDecimals(2)
        self.show_found(None)

    @property
    def blur(self) -> float | str:
        """What `upscale` is to be told: a number of pixels, or "auto"."""
        return AUTO if self.value < 0 else round(self.value, 2)

    def show_found(self, sigma: float | None) -> None:
        """Show beside "auto" what was estimated; None: nothing yet."""
        self.native.setSpecialValueText(AUTO if sigma is None else f"{AUTO} ({sigma:.2f})")
