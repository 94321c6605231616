"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with the home folder for ~; a name may begin with ~ and mean no folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # there is no such person
        return Path(path)
