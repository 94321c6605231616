"""Sentences in a panel: how it stands, what is found out, and in one red what is wrong."""

from __future__ import annotations

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy

FAULT = "fault"
"""The property of labels that say what is wrong."""

FAULT_ON_DARK, FAULT_ON_LIGHT = "#ff7b72", "#b3261e"
"""Their red; napari's own colours for warnings cannot be read on both of its themes."""

LABEL_WIDTH = 200
"""Pixels that a sentence needs at least."""


class Sentence(QLabel):
    """A label for sentences: as high as they need at its width, and gone where there is none.

    A form keeps room for all the lines that a wrapped label would have at its least width, so this
    one asks for those that it has at its present width.

    Parameters
    ----------
    fault : bool
        Whether it says what is wrong.
    """

    def __init__(self, fault: bool = False) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setProperty(FAULT, fault)
        self.hide()

    def say(self, text: str) -> None:
        """Show a sentence, or nothing."""
        self.setText(text)
        self.setVisible(bool(text))

    def sizeHint(self) -> QSize:
        """Return the room that the sentence needs."""
        return QSize(LABEL_WIDTH, self.heightForWidth(max(self.width(), LABEL_WIDTH)))

    def minimumSizeHint(self) -> QSize:
        """Return the room that the sentence needs."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for another height at another width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


def show_as_fault(label: QLabel, is_fault: bool) -> None:
    """Write a sentence in the one red for faults, or as all others."""
    if bool(label.property(FAULT)) != is_fault:
        label.setProperty(FAULT, is_fault)
        if (style := label.style()) is not None:  # which looks at properties only when asked to
            style.unpolish(label)
            style.polish(label)


def style_of_faults(theme: str) -> str:
    """Return the style sheet of a panel whose faults can be read on a theme of napari's."""
    colour = FAULT_ON_DARK if get_theme(theme).type == "dark" else FAULT_ON_LIGHT
    return f'QLabel[{FAULT}="true"] {{ color: {colour}; }}'
