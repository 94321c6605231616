"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from pytestqt.qt_compat import qt_api

from napari_dodn import cli


@pytest.hookimpl(trylast=True)
def pytest_configure():
    """Let napari, and every process that a test starts, use the Qt binding of pytest-qt."""
    os.environ["QT_API"] = qt_api.pytest_qt_api


@pytest.fixture(autouse=True)
def same_numbers_every_time():
    """Let a test that draws from torch's own generator see the same numbers on every run."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real data are not on this machine")
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs the command line and gives its exit code, output and errors."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["napari-dodn", *map(str, words)])
        try:
            code = cli.main()
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return code or 0, captured.out, captured.err

    return call
