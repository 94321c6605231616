"""A quick look at what the sensor's blur does: a small place at three numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import psygnal
from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_dodn.cube import Region
from napari_dodn.jobs import Progress, Steps
from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.sensor_blur import BLUR, LARGEST_BLUR
from napari_dodn.spectra.colour import channels_steps, levels_of, toned

if TYPE_CHECKING:
    from napari_dodn.plugin.upscale.run import Request

APART = 0.1
"""Pixels between the numbers that are compared."""

SIDE, SHOWN = 40, 260
"""Pixels of the cube that are done at most, and of the screen for each of the three, a side."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A place at one blur: its number, and colours as uint8 of shape (y, x, 3)."""

    sigma: float
    rgb: np.ndarray


@dataclass(frozen=True)
class _One(Progress):
    tried: Tried


def middle_of(region: Region) -> Region:
    """Return the middle of a region, no larger than a preview."""
    height, width = (min(side, SIDE) for side in region.shape)
    y, x = region.y0 + (region.shape[0] - height) // 2, region.x0 + (region.shape[1] - width) // 2
    return Region(y, y + height, x, x + width)


def preview_steps(
    request: Request, region: Region, cancelled: Callable[[], bool]
) -> Steps[list[Tried]]:
    """Do a place at the blur that is asked for, or estimated, and at `APART` less and more.

    Each is yielded as soon as it is there. All have the request's rendering; where that leaves the
    levels open, all have those of the first one.
    """
    from napari_dodn.upscaling import upscale_steps

    tried: list[Tried] = []
    levels = None
    asked: list[float | str] = [request.blur]
    for sigma in asked:
        found, _ = yield from upscale_steps(
            request.cube,
            replace(request, blur=sigma, self_ensemble=False).options(),
            region=region,
            cancelled=cancelled,
        )
        number = float(found.metadata[BLUR])
        how = request.rendering
        channels = yield from channels_steps(found, None, how, cancelled=cancelled)
        levels = levels or levels_of(channels, how)
        tried.append(Tried(number, toned(channels, how, levels)))
        if len(asked) == 1:
            others = {max(0.0, number - APART), min(LARGEST_BLUR, number + APART)} - {number}
            asked += sorted(round(other, 2) for other in others)
        yield _One(len(tried), len(asked), "Previewing", tried[-1])
    return sorted(tried, key=lambda one: one.sigma)


class BlurPreview(QDialog):
    """The window with the three; a click on one chooses its number.

    Notes
    -----
    `chosen` gives the number of pixels.
    """

    chosen = psygnal.Signal(float)

    def __init__(self, parent: QWidget, request: Request, region: Region) -> None:
        super().__init__(parent)
        self.setWindowTitle("Sensor blur: which one looks right?")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.status = QLabel("Computing three small pictures …")
        self.status.setWordWrap(True)
        self.row = QHBoxLayout()
        self.buttons: list[QToolButton] = []
        column = QVBoxLayout(self)
        column.addLayout(self.row)
        column.addWidget(self.status)
        self.resize(3 * SHOWN + 60, SHOWN + 110)
        self._latest: Latest[list[Tried]] = Latest()
        self._latest.progressed.connect(self._on_progress)
        self._latest.failed.connect(self._on_failed)
        self._latest.then(self._on_done)
        self._latest.ask(partial(preview_steps, request, region), "The preview of the blur")
        self.finished.connect(self._latest.close)

    def _on_progress(self, event: Progress) -> None:
        if isinstance(event, _One):
            self._show(event.tried)

    def _on_failed(self, fault: str) -> None:
        self.status.setText(fault)

    def _on_done(self, _: list[Tried]) -> None:
        self.status.setText(
            "Click the one that looks right: sharp, without bright or dark seams along edges. If"
            " two look alike, choose the lower number."
        )

    def _show(self, tried: Tried) -> None:
        button = QToolButton()
        rgb = np.ascontiguousarray(tried.rgb)
        height, width = rgb.shape[:2]
        image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        keep = Qt.AspectRatioMode.KeepAspectRatio
        picture = QPixmap.fromImage(image).scaled(SHOWN, SHOWN, keep)
        button.setIcon(QIcon(picture))
        button.setIconSize(picture.size())
        button.setText(f"{tried.sigma:.2f}")
        button.setAccessibleName(f"Sensor blur {tried.sigma:.2f}")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.clicked.connect(lambda _=False, sigma=tried.sigma: self._choose(sigma))
        place = sum(float(other.text()) < tried.sigma for other in self.buttons)
        self.row.insertWidget(place, button)
        self.buttons.insert(place, button)

    def _choose(self, sigma: float) -> None:
        self.chosen.emit(sigma)
        self.accept()
