"""Super-resolve in processes that die at random places, each going on where the one before ended.

Usage: killed_upscaling.py SOURCE MODEL OUTPUT SEED. Prints how many processes died.
"""

from __future__ import annotations

import os
import random
import sys

import torch

import napari_dodn
from napari_dodn.jobs import result_of
from napari_dodn.upscaling import UpscaleOptions, upscale_steps

EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "fcntl.flock", "mmap.__new__"}
DEAD = 9
MOST = 400


def die_before(call: int) -> None:
    """End this process in place of a call of the operating system, seen by no `finally`."""
    left = call

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(DEAD)

    fsync = os.fsync
    sys.addaudithook(lambda event, _: count() if event in EVENTS else None)
    os.fsync = lambda file: (count(), fsync(file))[1]


def main(source: str, model: str, output: str, seed: str) -> None:
    """Go on until a process gets to the end."""
    torch.set_num_threads(1)
    chance, died = random.Random(seed), 0
    options = UpscaleOptions(scale=2, model=model, device="cpu", tile=64, blur="auto")
    while not os.path.exists(output):  # noqa: PTH110
        child = os.fork()
        if child == 0:
            cube = napari_dodn.read(source)
            die_before(chance.randrange(MOST) if died < 20 else 10**9)
            result_of(upscale_steps(cube, options, output=output, resume=True))
            os._exit(0)
        chance.random()
        chance.seed(f"{seed} {died}")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, DEAD):
            raise SystemExit(code)
        died += code == DEAD
    print(died)


if __name__ == "__main__":
    main(*sys.argv[1:])
