"""The buttons below everything, and what the run is doing in a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QVBoxLayout, QWidget

from napari_dodn.distillation.run.events import Finished
from napari_dodn.errors import UserError
from napari_dodn.plugin.kit.box import buttons
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import CUBES, PARENT, Draft
from napari_dodn.plugin.training.form import label_of
from napari_dodn.plugin.training.state import BUSY, GOING, RESUMABLE, Phase, RunState
from napari_dodn.plugin.training.trainer import Trainer

WHOLE = {CUBES, PARENT, "data.validation", "data.sharper"}
"""Places of faults whose sentences say themselves what they are about."""


FIRST = {"student.scale", "name"}
"""Fields that are not under Advanced."""


class Controls(QWidget):
    """Start, stop, resume, attach.

    Parameters
    ----------
    draft : Draft
        What would be started.
    state : RunState
        What is going on.
    trainer : Trainer
        What the buttons do.

    Notes
    -----
    `used` is emitted when the model of a run that is done is to be put to use.
    """

    used = Signal()

    def __init__(self, draft: Draft, state: RunState, trainer: Trainer) -> None:
        super().__init__()
        self._draft, self._state, self._trainer = draft, state, trainer
        row, made = buttons(
            ("Start", "Train a new model with these settings.", trainer.start),
            (
                "Stop",
                "Stop after the current step. The best model and the progress are saved.",
                trainer.stop,
            ),
            ("Resume", "Continue the run where it stopped.", trainer.resume),
            (
                "Attach…",
                "Show a running or finished run, including one started elsewhere.",
                self._ask_attach,
            ),
            ("Use it", "Open Super-resolution with the model of this run.", self.used.emit),
        )
        self.start_button, self.stop_button, self.resume_button, self.attach_button, *rest = made
        (self.use_button,) = rest
        self.phase = QLabel()
        self.phase.setWordWrap(True)
        self.why, self.note = Sentence(), Sentence(fault=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for part in (row, self.why, self.phase, self.note):
            column.addWidget(part)
        draft.changed.connect(self._show)
        state.changed.connect(self._on_state)
        self._show()

    def attach(self, path: Path) -> None:
        """Look at the run in a folder; where it is none, say so."""
        try:
            self._trainer.attach(path)
        except UserError as error:
            self.note.say(str(error))

    def _ask_attach(self) -> None:
        start = self._state.run.path.parent if self._state.run else self._draft.parent
        if folder := QFileDialog.getExistingDirectory(self, "Attach to a run", str(start)):
            self.attach(Path(folder))

    def _on_state(self) -> None:
        self.note.say(self._state.note)
        self._show()

    def _show(self) -> None:
        phase, faults = self._state.phase, self._draft.faults
        free = phase not in BUSY | GOING
        self.start_button.setEnabled(free and not faults)
        self.stop_button.setEnabled(phase in {Phase.PREPARING, Phase.STARTING, Phase.RUNNING})
        self.resume_button.setText("Start run" if phase is Phase.NEW else "Resume")
        self.resume_button.setEnabled(phase in RESUMABLE and self._state.run is not None)
        self.attach_button.setEnabled(phase not in BUSY)
        self.use_button.setVisible(phase is Phase.DONE)
        self.why.say(first_fault(faults) if free else "")
        end, words = self._state.history.end, f"{phase.value}."
        if phase is Phase.DONE and isinstance(end, Finished):  # it may have got a number
            words += f" The model is called '{Path(end.model).stem}'."
        self.phase.setText(words)


def first_fault(faults: Mapping[str, str]) -> str:
    """Return the first of the faults, with the name of its field where it has one."""
    for name, fault in faults.items():
        if name in WHOLE:
            return fault
        place = "" if name in FIRST else "Under Advanced, "
        return f"{place}{label_of(name)}: {fault}"
    return ""
