"""What comes from a file manager by drag and drop."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtGui import QDropEvent


def dragged_files(event: QDropEvent) -> list[Path]:
    """Return the files and folders of this machine that are dragged."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
