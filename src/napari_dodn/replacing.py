"""Files that appear whole or not at all: written under another name, renamed when complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


def unfinished_name(path: Path) -> Path:
    """Return a hidden name beside a path that nobody else uses, for what is not finished."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")


@contextmanager
def replacing(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """Give a file its name, in place of one that is there, when it is complete.

    Parameters
    ----------
    path : Path
        The name.
    alone : bool
        Whether nobody else writes this file. Then the other name is always the same, and what a
        killed process left under it is written over.

    Yields
    ------
    Path
        The name to write to. Nothing is left there when writing fails.
    """
    unfinished = path.with_name(f"{path.name}.part") if alone else unfinished_name(path)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        with suppress(OSError):  # of Windows, while somebody has it open
            unfinished.unlink(missing_ok=True)
