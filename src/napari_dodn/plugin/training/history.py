"""What a run has told so far, as what a display wants to know. It knows no Qt."""

from __future__ import annotations

import numpy as np

from napari_dodn.distillation.run.events import (
    LEAST_GAIN,
    Event,
    Failed,
    Finished,
    Preview,
    Scores,
    Stage,
    Started,
    Step,
    Stopped,
    Validated,
    Warned,
)

TEACHER, STUDENT = "teacher", "student"


class Series:
    """Numbers over steps, which grow at the end."""

    def __init__(self) -> None:
        self._values = np.empty((2, 256))
        self._size = 0

    def append(self, step: float, value: float) -> None:
        """Add a number."""
        if self._size == self._values.shape[1]:
            self._values = np.concatenate([self._values, np.empty_like(self._values)], axis=1)
        self._values[:, self._size] = step, value
        self._size += 1

    @property
    def steps(self) -> np.ndarray:
        """The steps, shape (n,)."""
        return self._values[0, : self._size]

    @property
    def values(self) -> np.ndarray:
        """The numbers, shape (n,)."""
        return self._values[1, : self._size]

    def less(self, level: float) -> Series:
        """Return the series with a level taken off its numbers."""
        other = Series()
        other._values = np.stack([self.steps, self.values - level])
        other._size = self._size
        return other

    def __len__(self) -> int:
        return self._size


class History:
    """The events of one run, sorted by what they are about.

    Attributes
    ----------
    losses : dict of (str, str) to Series
        Terms of the loss, by stage and term.
    scores : dict of (str, str) to Series
        Scores on the held-out data, by stage and score.
    bicubic : dict of str to float
        Bicubic's scores on the same data.
    started : Started or None
        The last time that a process took the run up.
    stage : Stage or None
        What the run is doing.
    step : Step or None
        The last one that it told of.
    best : Validated or None
        The student's best validation.
    last : Validated or None
        The student's last one.
    warnings : list of str
        What a person should know.
    preview : int
        Counts the previews, so that a new one is seen.
    end : Finished, Stopped, Failed or None
        How the run has ended.
    """

    def __init__(self) -> None:
        self.losses: dict[tuple[str, str], Series] = {}
        self.scores: dict[tuple[str, str], Series] = {}
        self.bicubic: Scores = {}
        self.started: Started | None = None
        self.stage: Stage | None = None
        self.step: Step | None = None
        self.best: Validated | None = None
        self.last: Validated | None = None
        self.warnings: list[str] = []
        self.preview = 0
        self.preview_step = 0
        self.end: Finished | Stopped | Failed | None = None

    def add(self, event: Event) -> None:
        """Take in the next event."""
        match event:
            case Started():
                self.started, self.end, self.stage = event, None, None
                self.bicubic = event.bicubic or self.bicubic
            case Stage():
                self.stage = event
            case Step():
                self.step = event
                for term, value in event.losses.items():
                    series = self.losses.setdefault((event.stage, term), Series())
                    series.append(event.step, value)
            case Validated():
                self._add_validation(event)
            case Preview():
                self.preview += 1
                self.preview_step = event.step
            case Warned():
                self.warnings.append(event.text)
            case Finished() | Stopped() | Failed():
                self.end = event

    def _add_validation(self, event: Validated) -> None:
        for score, value in event.scores.items():
            self.scores.setdefault((event.stage, score), Series()).append(event.step, value)
        if event.stage == STUDENT:
            self.bicubic = event.bicubic or self.bicubic
            self.last = event
            if event.best:
                self.best = event

    def verdict(self) -> str:
        """Say whether the model beats bicubic interpolation and, where known, the bundled one."""
        scores, bicubic, compared = {}, self.bicubic, ""
        if isinstance(self.end, Finished):
            scores, bicubic = self.end.scores, self.end.bicubic or bicubic
            compared = self.end.compared
        elif self.best is not None:
            scores = self.best.scores
        elif self.last is not None:
            scores = self.last.scores
        if "psnr" not in scores or "psnr" not in bicubic:
            return "Not validated yet."
        gain = scores["psnr"] - bicubic["psnr"]
        words = "beats" if gain >= LEAST_GAIN else "does not beat"
        text = (
            f"The model {words} bicubic on the held-out data: {scores['psnr']:.2f} dB, bicubic"
            f" {bicubic['psnr']:.2f} dB ({gain:+.2f})"
        )
        if "sam" in scores and "sam" in bicubic:
            text += f"; spectral angle {scores['sam']:.2f}°, bicubic {bicubic['sam']:.2f}°"
        return f"{text}. {compared}".strip()
