"""What the package prints and writes, held against what it printed and wrote before.

`GOLDEN=write pytest tests/golden` writes what is expected; look at the difference before it is
committed. The files under `files/` are never written by it: people have such files, written by the
versions before, and `make_files.py` made these once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def assert_golden() -> Callable[[str, str], None]:
    """Check a text against `expected/NAME.txt`."""

    def check(name: str, text: str) -> None:
        file = HERE / "expected" / f"{name}.txt"
        text = text.rstrip("\n") + "\n"
        if os.environ.get("GOLDEN") == "write":
            file.write_text(text, encoding="utf-8")
        assert text.splitlines() == file.read_text(encoding="utf-8").splitlines()

    return check


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a copy of the files of before, for who opens them may write beside them."""
    return Path(shutil.copytree(HERE / "files", tmp_path / "files"))


@pytest.fixture(autouse=True)
def user_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the person's own models out of it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
