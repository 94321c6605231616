"""What to do with a run when the window closes: it is asked for, once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_dodn.plugin.training.state import GOING, RunState
from napari_dodn.plugin.training.trainer import Trainer

QUESTION = "A model is being trained in\n{path}\n\nIt can go on without napari."


def ask(parent: QWidget, state: RunState) -> str | None:
    """Return "leave" or "stop"; None where the window is to stay."""
    assert state.run is not None
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Train by distillation")
    box.setText(QUESTION.format(path=state.run.path))
    leave = box.addButton("Leave it running", QMessageBox.ButtonRole.AcceptRole)
    stop = box.addButton("Stop it", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(leave)
    box.exec()
    clicked = box.clickedButton()
    if clicked is leave:
        return "leave"
    return "stop" if clicked is stop else None


class WindowWatch(QObject):
    """Asks before the window of a panel closes while a run that it started goes on.

    Parameters
    ----------
    panel : QWidget
        Whose window it is.
    state : RunState
        What is going on.
    trainer : Trainer
        Who can stop it.
    question : callable
        Asks; like `ask`.
    """

    def __init__(
        self,
        panel: QWidget,
        state: RunState,
        trainer: Trainer,
        question: Callable[[QWidget, RunState], str | None] | None = None,
    ) -> None:
        super().__init__(panel)
        self._panel, self._state, self._trainer = ref(panel), state, trainer
        self._question = question
        self._window: QWidget | None = None
        panel.installEventFilter(self)

    def close(self) -> None:
        """Watch no longer."""
        if self._window is not None:
            with suppress(RuntimeError):  # the window may have gone first
                self._window.removeEventFilter(self)
            self._window = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Find the window when the panel is shown, and hear when it is to close."""
        if event.type() == QEvent.Type.Show and watched is self._panel():
            self._find_window()
        elif event.type() == QEvent.Type.Close and watched is self._window:
            return self._may_not_close(event)
        return False

    def _find_window(self) -> None:
        panel = self._panel()
        window = panel.window() if panel is not None else None
        while window is not None and (parent := window.parentWidget()) is not None:
            window = parent.window()  # a floating dock is a window of its own
        if window is not self._window:
            self.close()
            self._window = window
            if window is not None and window is not panel:
                window.installEventFilter(self)

    def _may_not_close(self, event: QEvent) -> bool:
        if self._state.phase not in GOING or not self._trainer.owns:
            return False
        assert self._window is not None
        answer = (self._question or ask)(self._window, self._state)
        if answer is None:
            event.ignore()
            return True
        if answer == "stop":
            self._trainer.stop()
        return False
