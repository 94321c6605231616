"""What to do with a run when the window closes: it is asked for, once."""

from __future__ import annotations

from collections.abc import Callable
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
    """Asks before a window closes while a run that napari started goes on.

    It lives as long as the window: a run may outlive the panel that started it.

    Parameters
    ----------
    window : QWidget
        A window of napari.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._to_stop: list[RunFolder] = []
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hear when the window is to close, and when it does: napari may ask, too, after this."""
        if event.type() == QEvent.Type.Hide and not event.spontaneous():
            for run in self._to_stop:
                with suppress(OSError):
                    run.ask_to_stop()
            self._to_stop = []
        if event.type() != QEvent.Type.Close:
            return False
        self._to_stop = []
        if not (runs := going()):
            return False
        assert isinstance(watched, QWidget)
        answer = ask(watched, runs)
        if answer is None:
            event.ignore()
            return True
        if answer == "stop":
            self._to_stop = runs
        return False


class WindowFinder(QObject):
    """Has the window of a panel watched, once the panel is shown in it.

    Parameters
    ----------
    panel : QWidget
        Whose window it is.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._window: Callable[[], QWidget | None] = lambda: None
        panel.installEventFilter(self)

    @property
    def window_is_open(self) -> bool:
        """Whether the panel was shown in a window that is still on the screen."""
        with suppress(RuntimeError):  # the window may have gone first
            return (window := self._window()) is not None and window.isVisible()
        return False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Find the window when the panel is shown."""
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget):
            window = watched.window()
            while (parent := window.parentWidget()) is not None:
                window = parent.window()  # a floating dock is a window of its own
            if window is not watched:
                self._window = ref(window)
                if window.findChild(WindowWatch) is None:
                    WindowWatch(window)
        return False
