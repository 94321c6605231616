"""The run folder: all that there is of a training run, on disk, for whoever trains or watches it.

config.toml          what the run is
events.jsonl         what happened, one JSON object a line
state.safetensors    where to go on after a stop or a kill
teacher.safetensors  the teacher, once it is trained
best.safetensors     the best model so far
preview.npz          pictures of a held-out patch: lr, sr, hr; with a sharper picture of one that
                     is learnt from: lr, sr, hr (the pseudo-truth), picture
stop                 a flag: whoever wants the run to stop makes this file
starting             a flag: a process is on its way to train here
data/                cubes that existed only in memory
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import psutil
from filelock import FileLock, Timeout

from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.config_file import config_text, load_config
from napari_dodn.distillation.run.events import (
    Event,
    Failed,
    Finished,
    Started,
    Stopped,
    from_line,
    to_line,
)
from napari_dodn.errors import UserError, reason_of
from napari_dodn.paths import expanded
from napari_dodn.replacing import replace_text, replacing


class RunError(UserError):
    """A run that cannot be made, found or gone on with."""


class Status(Enum):
    """What a run is doing, as seen from outside."""

    NEW = "not started"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"
    BROKEN_OFF = "interrupted"


class Place(NamedTuple):
    """How far a watcher has read the event file.

    Attributes
    ----------
    file : int
        Which file it was.
    offset : int
        Bytes that are known.
    """

    file: int
    offset: int


START = Place(0, 0)


class Identity(NamedTuple):
    """What tells a run folder from another one: where it lies on the disk, and its configuration.

    Attributes
    ----------
    device, inode : int
        Its file system, and its number there.
    config : bytes
        The configuration file.
    """

    device: int
    inode: int
    config: bytes


STARTING_S = 60.0
"""How long others believe that a process which was announced is on its way."""

PATIENCE_S = 2.0
"""How long whoever wants to train waits for the lock."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one training run.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    """

    path: Path

    @classmethod
    def create(cls, path: Path, config: TrainConfig) -> RunFolder:
        """Make the folder of a new run.

        Raises
        ------
        RunError
            If there is a run already that has got somewhere, or anything else, or the folder cannot
            be made.
        """
        run = cls(expanded(path).resolve())
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            if run.config_file.exists():
                if run.state_file.exists() or run.is_locked():
                    raise RunError(
                        f"{run.path} already holds a run; resume it or choose another folder."
                    )
                run.events_file.unlink(missing_ok=True)  # it has not got as far as a first state
            elif any(entry.name != "data" for entry in run.path.iterdir()):
                raise RunError(f"{run.path} is not empty; choose another folder for the run.")
            replace_text(run.config_file, config_text(config), alone=True)
        except OSError as error:
            raise RunError(f"{run.path} cannot be the run's folder: {reason_of(error)}.") from error
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open the folder of a run that is there.

        Raises
        ------
        RunError
            If it is none.
        """
        run = cls(expanded(path).resolve())
        if not run.config_file.is_file():
            is_there = run.path.is_dir()
            why = "it holds no config.toml" if is_there else "there is no such folder"
            raise RunError(
                f"{run.path} is not a training run: {why}. Choose the folder of one run."
            )
        return run

    @property
    def config_file(self) -> Path:
        """What the run is."""
        return self.path / "config.toml"

    @property
    def events_file(self) -> Path:
        """What happened."""
        return self.path / "events.jsonl"

    @property
    def state_file(self) -> Path:
        """Where to go on."""
        return self.path / "state.safetensors"

    @property
    def teacher_file(self) -> Path:
        """The teacher, once it is trained."""
        return self.path / "teacher.safetensors"

    @property
    def best_file(self) -> Path:
        """The best model so far."""
        return self.path / "best.safetensors"

    @property
    def preview_file(self) -> Path:
        """Pictures of a held-out patch."""
        return self.path / "preview.npz"

    @property
    def stop_file(self) -> Path:
        """The flag that asks the run to stop."""
        return self.path / "stop"

    @property
    def data_folder(self) -> Path:
        """Where cubes go that existed only in memory."""
        return self.path / "data"

    def config(self) -> TrainConfig:
        """Read the configuration.

        Raises
        ------
        ConfigError
            If it cannot be used.
        """
        return load_config(self.config_file)

    def ask_to_stop(self) -> None:
        """Ask whoever trains to stop after the step that is being done."""
        self.stop_file.touch()

    def stop_asked(self) -> bool:
        """Tell whether somebody wants the run to stop."""
        return self.stop_file.exists()

    def forget_old_stop(self) -> None:
        """Take back a request to stop that was not made to the process that is announced."""
        with suppress(FileNotFoundError):
            asked = self.stop_file.stat().st_mtime_ns
            # A process that is slow to load may be asked long after it was announced.
            was_loading = asked / 1e9 > psutil.Process().create_time()
            announced = self.is_announced() or (was_loading and self._starting_file.exists())
            if not announced or asked < self._starting_file.stat().st_mtime_ns:
                self.stop_file.unlink()

    def events(self) -> list[Event]:
        """Read all events so far."""
        return self.events_since(START)[0]

    def events_since(self, place: Place) -> tuple[list[Event], Place]:
        """Read the events after a place in the event file, and the place after them.

        A line that is still being written waits for the next call. Where the run was resumed at an
        earlier step the file is another one: then all its events come, and the new place's `file`
        differs from the old one's.

        Parameters
        ----------
        place : Place
            What is known already: `START`, or what the last call returned.
        """
        try:
            with self.events_file.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                offset = place.offset if place.file == inode else 0
                file.seek(offset)
                content = file.read()
        except FileNotFoundError:
            return [], START
        whole = content[: content.rfind(b"\n") + 1]
        found = []
        for line in whole.splitlines():
            try:
                event = from_line(line.decode("utf-8"))
            except ValueError:
                continue
            if event is not None:
                found.append(event)
        return found, Place(inode, offset + len(whole))

    def append(self, event: Event) -> None:
        """Write an event at the end of the event file."""
        with self.events_file.open("a", encoding="utf-8", newline="") as file:
            file.write(to_line(event))

    def events_size(self) -> int:
        """Return the length of the event file in bytes, after all of it has reached the disk."""
        with self.events_file.open("ab") as file:
            os.fsync(file.fileno())
            return file.tell()

    def cut_events(self, size: int) -> None:
        """Forget the events after a length in bytes; the event file becomes another one."""
        with (
            replacing(self.events_file, alone=True) as unfinished,
            self.events_file.open("rb") as old,
            unfinished.open("wb") as new,
        ):
            while block := old.read(min(size, 2**20)):
                size -= new.write(block)

    def status(self) -> Status:
        """Tell what the run is doing."""
        return Status.RUNNING if self.is_locked() else self.outcome()

    def outcome(self) -> Status:
        """Tell how far the run has come, whether or not a process is training here now."""
        ends = {Finished: Status.DONE, Stopped: Status.STOPPED, Failed: Status.FAILED}
        for event in reversed(self.events()):
            if type(event) in ends:
                return ends[type(event)]
            if isinstance(event, Started):
                break
        else:
            if not self.state_file.exists():
                return Status.NEW
        return Status.BROKEN_OFF

    def announce(self) -> None:
        """Tell others that a process is on its way to train here; loading PyTorch takes time."""
        self._starting_file.touch()

    def withdraw(self) -> None:
        """Tell that the announced process has begun, or has ended before it could."""
        with suppress(OSError):
            self._starting_file.unlink(missing_ok=True)

    def is_announced(self) -> bool:
        """Tell whether a process was announced a short while ago."""
        try:
            return abs(time.time() - self._starting_file.stat().st_mtime) < STARTING_S
        except OSError:
            return False

    @property
    def _starting_file(self) -> Path:
        return self.path / "starting"

    def is_locked(self) -> bool:
        """Tell whether a process is training here now.

        Where the folder may only be read, nobody can tell, and what it holds counts as all.
        """
        if not self.config_file.is_file():  # the lock would make the folder, or lie in a stranger's
            return False
        try:
            with self._lock.acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from training here.

        Raises
        ------
        RunError
            If one does already.
        """
        with self._held():
            self.withdraw()
            yield

    def refuse_if_locked(self) -> None:
        """Raise RunError if another process is training here."""
        with suppress(OSError), self._held():  # where the folder may only be read, nobody can tell
            pass

    def identity(self) -> Identity:
        """Return what tells the folder from another one that gets its name later."""
        found = self.path.stat()
        return Identity(found.st_dev, found.st_ino, self.config_file.read_bytes())

    def refuse_if_moved(self, identity: Identity) -> None:
        """Raise RunError if the folder with an identity no longer has this name.

        Some network file systems number a folder anew while it stays where it is; then it counts
        as the same if its configuration is.
        """
        with suppress(FileNotFoundError, NotADirectoryError):
            found = self.path.stat()
            if (found.st_dev, found.st_ino) == (identity.device, identity.inode):
                return
            if self.config_file.read_bytes() == identity.config:
                return
        raise RunError(
            f"{self.path} was moved or removed during the training; where it was moved, resume it"
            " in its new place."
        )

    @contextmanager
    def _held(self) -> Iterator[None]:
        try:
            with self._lock.acquire(timeout=PATIENCE_S):  # who only asks has it for a moment
                yield
        except Timeout:
            raise RunError(f"{self.path} is being trained by another process.") from None

    @property
    def _lock(self) -> FileLock:
        return FileLock(self.path / ".lock", is_singleton=False)
