"""What to do with a run when the window closes: it is asked for, once."""

from __future__ import annotations

from contextlib import suppress
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.plugin.training.child import going

QUESTION = "A model is being trained in\n{path}\n\nIt can go on without napari."


def ask(parent: QWidget, runs: list[RunFolder]) -> str | None:
    """Return "leave" or "stop"; None where the window is to stay."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Train by distillation")
    box.setText(QUESTION.format(path="\n".join(str(run.path) for run in runs)))
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
    """Asks before the window of a panel closes while a run that napari started goes on.

    Parameters
    ----------
    panel : QWidget
        Whose window it is.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = ref(panel)
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
        runs = going()
        if not runs or self._window is None:
            return False
        answer = ask(self._window, runs)
        if answer is None:
            event.ignore()
            return True
        if answer == "stop":
            for run in runs:
                with suppress(OSError):
                    run.ask_to_stop()
        return False
