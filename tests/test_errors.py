"""Errors that are meant for people."""

import copy
import errno
import os
import pickle
from pathlib import Path

import pytest

from napari_dodn.cube import CubeError
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.errors import reason_of
from napari_dodn.formats import AmbiguousError, LargeError


@pytest.mark.parametrize(
    "error",
    [
        CubeError("a cube"),
        AmbiguousError("two cubes", ["a", "b"]),
        LargeError(Path("x.npz"), 3_200_000_000, 2_000_000),
        ConfigError({"student.scale": "It must be 2."}, "a.toml"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("way", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_an_error_comes_back_whole_from_another_process(error, way):
    again = way(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "its disk is full; free some space and try again"),
        (getattr(errno, "EDQUOT", errno.ENOSPC), "its disk is full; free some space and try again"),
        (errno.EROFS, os.strerror(errno.EROFS)),
    ],
)
def test_a_full_disk_is_told_with_what_to_do_about_it(number, reason):
    assert reason_of(OSError(number, os.strerror(number), "a.hdr")) == reason
