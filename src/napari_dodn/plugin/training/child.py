"""The training process: a child that lives on when the window closes, with its log in the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from napari_dodn.distillation.run.folder import RunError, RunFolder
from napari_dodn.errors import reason_of

LOG = "train.log"
LOG_END = 8192
"""Bytes of a log that are looked at for its last line."""

_children: list[tuple[RunFolder, subprocess.Popen[bytes]]] = []
"""All that were started: a process object that is dropped while its process runs complains."""


def going() -> list[RunFolder]:
    """Return the runs that this napari has started and that go on, whichever panel did it."""
    return [run for run, child in _children if child.poll() is None]


def command(run: RunFolder, resume: bool) -> list[str]:
    """Return the command that trains a run."""
    # -P: nothing that lies in the run's folder, which may be a stranger's, is taken for a module.
    return [
        *(sys.executable, "-P", "-m", "napari_dodn", "train", str(run.path)),
        *(["--resume"] if resume else []),
    ]


def launch(run: RunFolder, resume: bool) -> subprocess.Popen[bytes]:
    """Start to train, in a process of its own that no window takes along.

    Raises
    ------
    RunError
        If the process cannot be started.
    """
    apart: dict[str, object] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        apart = {"creationflags": flags}
    try:
        run.stop_file.unlink(missing_ok=True)
        run.announce()
        with (run.path / LOG).open("ab") as log:
            child = subprocess.Popen(
                command(run, resume),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=run.path,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                **apart,  # type: ignore[call-overload]
            )
    except OSError as error:
        run.withdraw()
        place = error.filename or run.path
        raise RunError(
            f"The training in {run.path} cannot be started: {place} cannot be used"
            f" ({reason_of(error)})."
        ) from error
    _children[:] = [pair for pair in _children if pair[1].poll() is None] + [(run, child)]
    return child


def last_line(run: RunFolder) -> str:
    """Return the last line of a run's log that says something; empty where there is none."""
    path: Path = run.path / LOG
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_END))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines()]
    return next((line for line in reversed(lines) if line), "")
