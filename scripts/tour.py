"""The animated tour of the docs: the app, driven by mouse and keyboard, frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
from hands import Hands, Walk, Walker
from napari.qt import get_qapp
from PIL import Image
from qtpy.QtCore import QPoint, QPointF
from qtpy.QtGui import QColor, QCursor, QGuiApplication, QImage, QPainter, QPolygonF

WIDTH = 910
"""Pixels of a frame, from left to right."""

QUALITY = 55
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))
"""Corners of the mouse pointer, which the screen does not give."""

BRIEF, LONG = 80, 1600
"""Milliseconds of a frame of a movement, and of one to look at."""


class Tour:
    """A walk through the app that is filmed.

    Parameters
    ----------
    viewer : napari.Viewer
        With the sample scene.
    panel : SuperResolution
        In it.
    """

    def __init__(self, viewer: napari.Viewer, panel: Any) -> None:
        self._viewer, self._panel, self._hands = viewer, panel, Hands()
        self._frames: list[Image.Image] = []
        self._times: list[int] = []

    def film(self, path: Path) -> None:
        """Take the tour and write it as WebP."""
        ended: list[bool] = []
        walker = Walker(path.parent)
        walker.take(self._walk(), lambda: ended.append(True))
        while not ended:
            get_qapp().processEvents()
        if walker.failed:
            raise SystemExit(walker.failed)
        first, *others = self._frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self._times,
            loop=0,
            quality=QUALITY,
            method=4,
        )

    def _shoot(self, milliseconds: int) -> None:
        screen = QGuiApplication.primaryScreen().grabWindow(0).toImage()
        area = self._viewer.window._qt_window.geometry()
        image = screen.copy(area).convertToFormat(QImage.Format.Format_RGB888)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(QPointF(QCursor.pos() - area.topLeft()))
        painter.setPen(QColor("black"))
        painter.setBrush(QColor("white"))
        painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in POINTER]))
        painter.end()
        rows = bytes(image.constBits())
        size, line = (image.width(), image.height()), image.bytesPerLine()
        frame = Image.frombuffer("RGB", size, rows, "raw", "RGB", line, 1)
        frame = frame.resize((WIDTH, round(WIDTH * size[1] / size[0])), Image.Resampling.LANCZOS)
        self._frames.append(frame)
        self._times.append(milliseconds)

    def _go(self, target: QPoint, steps: int = 6) -> Walk:
        """Move the mouse visibly."""
        start = QCursor.pos()
        for step in range(1, steps + 1):
            self._hands.move(start + (target - start) * (step / steps))
            yield 0.05
            self._shoot(BRIEF)

    def _press(self, widget: Any) -> Walk:
        yield from self._go(widget.mapToGlobal(widget.rect().center()))
        yield from self._hands.click(widget)

    def _walk(self) -> Walk:
        from napari_dodn.plugin.views.comparison import Mode, comparison_of

        panel, hands = self._panel, self._hands
        canvas = self._viewer.window._qt_viewer.canvas.native
        middle = canvas.mapToGlobal(canvas.rect().center())
        hands.move(middle)
        yield 1.0
        self._shoot(LONG)
        yield from self._press(panel.run_button.native)
        said = ""
        while not panel.run_button.enabled:
            if panel.status.value != said:  # a slow machine is not worth a long film
                said = panel.status.value
                self._shoot(3 * BRIEF)
            yield 0.3
        yield 1.5
        self._shoot(LONG)
        yield from self._press(panel.compare.buttons[Mode.SWIPE])
        yield 2.0
        self._shoot(LONG // 2)
        swipe = comparison_of(self._viewer).swipe
        assert swipe is not None
        line = swipe.lines[0]
        at = line.mapToGlobal(line.rect().center())
        yield from self._go(at)
        hands.press(1, True)
        for way in (QPoint(-130, 0), QPoint(130, 0)):
            yield from self._go(at + way, 12)
        hands.press(1, False)
        yield from self._go(middle + QPoint(-40, -60))
        for _ in range(5):
            hands.press(4, True)
            hands.press(4, False)
            yield 0.4
            self._shoot(2 * BRIEF)
        self._shoot(LONG)
        yield from self._press(panel.compare.buttons[Mode.SIDE_BY_SIDE])
        yield 2.0
        self._shoot(LONG)
        yield from self._press(panel.compare.buttons[Mode.SIDE_BY_SIDE])
        yield 1.0
        menus = self._viewer.window._qt_window.menuBar()
        yield from hands.menu(menus, "Plugins", "DODN hyperspectral", "Spectral profiles")
        yield 2.5
        canvas = self._viewer.window._qt_viewer.canvas.native
        middle = canvas.mapToGlobal(canvas.rect().center())
        for place in (QPoint(-90, 30), QPoint(60, -70)):
            yield from self._go(middle + place, 8)
            yield 0.3
            hands.key("k")
            yield 0.7
            self._shoot(LONG // 2)
        self._shoot(LONG)
