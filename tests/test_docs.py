"""The documentation names what the program says, and its tutorials run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from napari_dodn.network.model_file import read_card

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


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_page_on_speed_has_the_figures_of_the_twins_in_both_precisions(scale):
    card = read_card(ROOT / "training" / f"dodn-x{scale}-twin.safetensors")
    precisions = (card.scores["model"], card.scores["model in bfloat16"])
    figures = [f"{found['psnr']:.4f} dB, {found['sam']:.4f}°" for found in precisions]
    row = " | ".join(("", card.name, *figures, "")).strip()
    assert row in (ROOT / "docs" / "speed.md").read_text("utf-8")


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
