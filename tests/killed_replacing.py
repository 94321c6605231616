"""Replace files in processes that die before each of their calls of the operating system.

Usage: killed_replacing.py FOLDER LAST, where FOLDER/before holds files under their names and new
ones under hidden names as of `unfinished_name`; LAST is the name that comes last. FOLDER/n is what
is left where the process dies before its n-th call, FOLDER/n-m what is left where another process
that finishes this dies before its m-th call.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

from napari_dodn import replacing

EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "fcntl.flock"}
DEAD = 9


def die_before(call: int) -> None:
    """End this process in place of a call, seen by no `finally`."""
    left = call

    def count() -> None:
        nonlocal left
        if left == 0:
            os._exit(DEAD)
        left -= 1

    def counted(function: Callable) -> Callable:
        return lambda *values: (count(), function(*values))[1]

    sys.addaudithook(lambda event, _: count() if event in EVENTS else None)
    os.fsync = counted(lambda _: None)  # what is on the disk matters to those alone who lose power
    # What the journal says is put together just before it is written.
    replacing.json = SimpleNamespace(dumps=counted(json.dumps), loads=json.loads)


def killed_at_every_call(
    before: Path, name: Callable[[int], Path], work: Callable[[Path], None]
) -> Iterator[Path]:
    """Yield copies of a folder in which work was killed, at one call after another."""
    call, status = 0, DEAD
    while status == DEAD:
        folder = name(call)
        shutil.copytree(before, folder)
        if (child := os.fork()) == 0:
            die_before(call)
            work(folder)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        yield folder
        call += 1
    assert status == 0


def main(folder: Path, last: str) -> None:
    """Make all folders."""

    def replace(where: Path) -> None:
        names = {new: new.name.removeprefix(".")[:-14] for new in where.glob(".*.part")}
        renames = (
            (new, where / names[new]) for new in sorted(names, key=lambda n: names[n] == last)
        )
        replacing.put_in_place(*renames)

    def finish(where: Path) -> None:
        replacing.finish_replacements(where / last)

    for left in killed_at_every_call(folder / "before", lambda n: folder / f"{n}", replace):
        for _ in killed_at_every_call(
            left, lambda m, left=left: folder / f"{left.name}-{m}", finish
        ):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
