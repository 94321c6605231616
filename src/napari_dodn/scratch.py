"""Folders of files that nobody needs once the process ends that made them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from napari_dodn.claims import claim

SCRATCH = ".scratch"
"""Ending of such a folder, and the stem of all files in it."""

HIDDEN = re.compile(rf"\.(.+)\.[0-9a-f]{{8}}{re.escape(SCRATCH)}", re.DOTALL)
"""Names of such folders, with that of the output beside which they are."""


@contextmanager
def scratch_path(output: Path, suffix: str) -> Iterator[Path]:
    """Give a file beside an output a path that nobody else uses; it is gone at the end.

    Yields
    ------
    Path
        In a hidden folder of its own, so that a file may have others beside it.
    """
    folder = output.with_name(f".{output.name}.{uuid4().hex[:8]}{SCRATCH}")
    with claim(folder):
        folder.mkdir()
        try:
            yield folder / f"{SCRATCH[1:]}{suffix}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # of Windows, while somebody has one open


def output_of_scratch(path: Path) -> Path | None:
    """Return beside which output a folder was made; None for other names."""
    found = HIDDEN.fullmatch(path.name)
    return path.with_name(found[1]) if found else None


def foreign_in_scratch(folder: Path) -> str:
    """Return the name of a file in such a folder that is not ours; empty where all are."""
    names = (entry.name for entry in sorted(folder.iterdir()))
    return next((name for name in names if not name.lstrip(".").startswith(SCRATCH[1:])), "")
