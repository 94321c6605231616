"""The system's clipboard, as text."""

from __future__ import annotations

from qtpy.QtGui import QGuiApplication


def copy_text(text: str) -> None:
    """Put a text into the clipboard."""
    if (clipboard := QGuiApplication.clipboard()) is not None:
        clipboard.setText(text)


def copied_text() -> str:
    """Return the text in the clipboard; empty where it holds none."""
    clipboard = QGuiApplication.clipboard()
    return "" if clipboard is None else clipboard.text()
