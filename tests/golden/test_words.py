"""What the commands and the plugin are called and say."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
import yaml

import napari_dodn
from napari_dodn.cli.app import app
from napari_dodn.distillation.config import checked


def without_frames(text: str) -> str:
    """Return what a command printed without frames, colours and how it was spread over a line."""
    text = re.sub(r"\x1b\[[\d;]*m", "", text)
    lines = (re.sub(r"[─│╭╮╰╯\s]+", " ", line).strip() for line in text.splitlines())
    return "\n".join(filter(None, lines))


def test_every_command_has_the_options_that_it_had(assert_golden, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    registered = [command.name or command.callback.__name__ for command in app.registered_commands]
    calls = [[], *([name] for name in sorted(registered))]
    printed = [without_frames(run(*call, "--help")[1]) for call in calls]
    told = (" ".join(["$ napari-dodn", *call]) for call in calls)
    assert_golden("help", "\n\n".join(map("\n".join, zip(told, printed, strict=True))))


def test_the_plugin_offers_what_it_offered(assert_golden):
    manifest = Path(napari_dodn.__file__).parent / "napari.yaml"
    said = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    for command in said["contributions"]["commands"]:
        del command["python_name"]
    assert_golden("manifest", yaml.safe_dump(said, sort_keys=True, allow_unicode=True))


def test_a_configuration_has_the_fields_that_it_had(assert_golden):
    config = checked({"name": "model", "data": {"cubes": ["cube.hdr"]}})
    said = config.model_dump(mode="json")
    fields = {section: [""] if not isinstance(of, dict) else of for section, of in said.items()}
    names = [f"{section}.{name}".rstrip(".") for section, of in fields.items() for name in of]
    assert_golden("configuration", "\n".join(sorted(names)))


def cubes_in(folder: Path) -> list[Path]:
    """Return the files of a folder that somebody might open, but for those that break readers."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return sorted(path for path in found if "fuzz" not in path.relative_to(folder).parts)


@pytest.mark.parametrize("part", ["cases", "data/formats"])
def test_info_says_of_a_file_what_it_said(assert_golden, shared_data, run, part):
    folder = shared_data.parent / part
    told = []
    for path in cubes_in(folder):
        _, out, err = run("info", path)
        text = (out + err).replace(f"{folder}{os.sep}", "")
        if part != "cases":  # others' data: the first line, and the rest as a hash
            first, *rest = text.splitlines()
            text = f"{first}\n{hashlib.sha256(chr(10).join(rest).encode()).hexdigest()[:16]}"
        told.append(f"$ napari-dodn info {path.relative_to(folder).as_posix()}\n{text.strip()}")
    assert_golden(f"info-{part.replace('/', '-')}", "\n\n".join(told))
