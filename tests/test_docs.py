"""The documentation names what the program says, and its tutorials run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SENTENCE = re.compile(r"^### (.*….*)$", re.MULTILINE)


def all_that_is_said() -> str:
    return "\n".join(
        node.value
        for file in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_the_messages_in_troubleshooting_are_those_of_the_program():
    said = all_that_is_said()
    headings = SENTENCE.findall((ROOT / "docs" / "troubleshooting.md").read_text("utf-8"))
    assert len(headings) > 8
    for heading in headings:
        for part in heading.split("…"):
            assert part.strip() in said, f"nothing says {part!r}, of: {heading}"


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=file.stem, marks=[pytest.mark.slow] * file.stem.startswith("train"))
        for file in EXAMPLES
    ],
)
def test_a_tutorial_runs(file, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = subprocess.run([sys.executable, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
