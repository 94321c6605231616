"""A window for a long text, to be read beside the others."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import QDialog, QPlainTextEdit, QVBoxLayout, QWidget

SIZE = 640, 420


def show_text(parent: QWidget, title: str, text: str) -> QDialog:
    """Open a window with a text that can be selected and copied; return it."""
    window = QDialog(parent)
    window.setWindowTitle(title)
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    shown = QPlainTextEdit(text)
    shown.setReadOnly(True)
    shown.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    shown.setAccessibleName(title)
    column = QVBoxLayout(window)
    column.addWidget(shown)
    window.resize(*SIZE)
    window.show()
    return window
