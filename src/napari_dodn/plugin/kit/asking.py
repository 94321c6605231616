"""Asks where a file is to be written, so that no file is replaced unasked."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget


def ask_where(parent: QWidget, title: str, start: Path | str, kinds: str) -> Path | None:
    """Return the file that a person chooses; None where they change their mind.

    A name without an ending gets that of the chosen kind before the dialog looks whether there is
    such a file and asks whether to replace it.

    Parameters
    ----------
    parent : QWidget
        Over which it is asked.
    title : str
        Of the dialog.
    start : Path or str
        The file that is proposed, with or without its folder.
    kinds : str
        Kinds of files as Qt's filters, with ";;" between them.
    """
    dialog = QFileDialog(parent, title)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(kinds.split(";;"))
    dialog.selectFile(str(start))

    def follow(kind: str) -> None:
        dialog.setDefaultSuffix(kind.rpartition("*.")[2].rstrip(")"))

    follow(dialog.selectedNameFilter())
    dialog.filterSelected.connect(follow)
    chosen = Path(dialog.selectedFiles()[0]) if dialog.exec() else None
    dialog.deleteLater()
    return chosen
