"""How far a run is, in words: stage, speed, time left, memory, verdict and warnings."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from napari_dodn.plugin.kit.job import duration
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.history import TEACHER
from napari_dodn.plugin.training.state import GOING, Phase, RunState
from napari_dodn.wording import few_of

SHOWN_WARNINGS = 5
STAGES = {
    "data": "Reading the data",
    "teacher": "Training the teacher",
    "student": "Training the student",
    "export": "Writing the model",
}
HELD_OUT = {"lr": "low resolution", "sr": "super-resolved", "hr": "truth"}
LEARNT = {"lr": "cube", "sr": "super-resolved", "hr": "pseudo-truth", "picture": "picture"}
"""What there is to see of a place that is held out, or learnt from by a sharper picture."""

PREVIEW_SIDE = 400


class ProgressBox(QWidget):
    """Says what a run does.

    Parameters
    ----------
    state : RunState
        What is said.
    """

    def __init__(self, state: RunState) -> None:
        super().__init__()
        self._state = state
        self.title = QLabel()
        self.stage = QLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.verdict = QLabel()
        self.warnings = Sentence()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for label in (self.title, self.stage, self.verdict):
            label.setWordWrap(True)
            label.setMinimumWidth(10)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for part in (self.title, self.stage, self.bar, self.verdict, self.warnings):
            column.addWidget(part)
        state.grew.connect(self._show)
        state.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        state, history = self._state, self._state.history
        self.title.setText(str(state.run.path) if state.run else "No run is shown.")
        step, stage = history.step, history.stage
        going = state.phase in GOING
        words = ""
        if stage is not None and state.phase is not Phase.DONE:
            words = STAGES.get(stage.stage, stage.stage)
            if step is None or step.stage != stage.stage:
                step = None
        fraction = 0.0
        if step is not None and step.steps:
            fraction = step.step / step.steps
            words += f"{': s' if words else 'S'}tep {step.step:,} of {step.steps:,}"
            if going:
                words += f", {_seconds(step.seconds)} per step"
                if np.isfinite(step.left):
                    words += f"; about {duration(step.left)} left"
                    words += ", then the student is trained" if step.stage == TEACHER else ""
                words += f"; {step.memory / 2**30:.1f} GiB of memory"
        if state.phase is Phase.DONE:
            fraction = 1.0
        self.stage.setText(words)
        self.bar.setRange(0, 0 if going and step is None else 1000)
        self.bar.setValue(round(1000 * fraction))
        self.bar.setVisible(state.run is not None or state.phase is Phase.PREPARING)
        self.verdict.setText(history.verdict() if state.run else "")
        told = history.warnings[-SHOWN_WARNINGS:]
        self.warnings.say("\n".join(f"⚠ {text}" for text in told))


class Details(QLabel):
    """Says what a run has found out, and what it computes on.

    Parameters
    ----------
    state : RunState
        Whose run it is.
    """

    def __init__(self, state: RunState) -> None:
        super().__init__()
        self._state = state
        self.setWordWrap(True)
        self.setMinimumWidth(10)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        state.grew.connect(self._show)

    def _show(self) -> None:
        history = self._state.history
        text = _details(history.started)
        series = history.scores.get((TEACHER, "psnr"))
        if text and series is not None:
            text += f"\nThe teacher reaches {series.values.max():.2f} dB on the held-out data."
        self.setText(text)


class Preview(QWidget):
    """The same patch several times: before, after, and as it should be, in the same contrast.

    Where a sharper picture stands for the truth, the patch is one that is learnt from, and the
    picture itself is shown as well.

    Parameters
    ----------
    state : RunState
        Whose preview is shown.
    """

    def __init__(self, state: RunState) -> None:
        super().__init__()
        self._state = state
        self._shown: tuple[Any, int] | None = None
        self.images: dict[str, np.ndarray] = {}
        self.pictures = {name: QLabel() for name in LEARNT}
        self.titles = {name: QLabel() for name in LEARNT}
        self.caption = QLabel()
        grid = self._grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for column, name in enumerate(LEARNT):
            picture, title = self.pictures[name], self.titles[name]
            for label in (picture, title):
                label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            grid.addWidget(picture, 0, column)
            grid.addWidget(title, 1, column)
        grid.addWidget(self.caption, 2, 0, 1, len(LEARNT))
        grid.setRowStretch(3, 1)
        state.grew.connect(self._on_grew)
        self._on_grew()

    @property
    def _names(self) -> dict[str, str]:
        return LEARNT if "picture" in self.images else HELD_OUT

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the pictures to the width."""
        super().resizeEvent(event)
        self._paint()

    def _on_grew(self) -> None:
        run, history = self._state.run, self._state.history
        now = (history, history.preview)
        if now == self._shown:
            return
        self._shown, self.images = now, {}
        if run is not None and history.preview:
            try:
                # Its bytes first: a damaged archive leaves its file open.
                content = BytesIO(run.preview_file.read_bytes())
                with np.load(content, allow_pickle=False) as file:
                    names = LEARNT if "picture" in file else HELD_OUT
                    self.images = {name: _rgb(file[name]) for name in names}
            except (OSError, ValueError, KeyError, EOFError, BadZipFile):
                self._shown = None  # it is being replaced: the next look finds it
        text = "The first preview appears with the first validation."
        if self.images:
            which = "patch that is learnt from" if "picture" in self.images else "held-out patch"
            text = f"A {which} after step {history.preview_step:,}."
        self.caption.setText(text)
        self._paint()

    def _paint(self) -> None:
        names = self._names
        side = min(PREVIEW_SIDE, max(32, self.width() // len(names) - 8))
        for column, (name, label) in enumerate(self.pictures.items()):
            self.titles[name].setText(names.get(name, ""))
            self._grid.setColumnStretch(column, int(name in names))
            image = self.images.get(name)
            if image is None:
                label.clear()
                continue
            height, width = image.shape[:2]
            picture = QImage(image.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            label.setPixmap(
                QPixmap.fromImage(picture).scaled(
                    side, side, Qt.AspectRatioMode.KeepAspectRatio, _transform(name)
                )
            )


def _transform(name: str) -> Qt.TransformationMode:
    fast = name == "lr"  # its pixels are to be seen
    return (
        Qt.TransformationMode.FastTransformation
        if fast
        else (Qt.TransformationMode.SmoothTransformation)
    )


def _rgb(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError("not a picture")
    return np.ascontiguousarray(pixels)


def _details(started: Any) -> str:
    if started is None:
        return ""
    lines = [
        f"Runs on {started.device} in {started.precision}"
        + (f", {started.processes} processes" if started.processes > 1 else "")
        + ".",
        f"Trains on {few_of(started.training, 3)}; validates on {few_of(started.validation, 3)}.",
        *started.notes,
    ]
    if started.bundled:
        lines.append(started.bundled)
    return "\n".join(lines)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"
