"""Errors that are meant for people, and how to tell that memory or a disk ran out."""

from __future__ import annotations

import errno
import re
from typing import Any


class UserError(ValueError):
    """An error that a user can cause and correct.

    The message is one sentence: what is wrong, in which file or field, and what to do. The command
    line prints it and napari shows it, without a traceback. Every room has its own subclass.

    Attributes
    ----------
    in_window : str
        The message for a person at a window, if the other one speaks of the command line.
    """

    in_window: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error come back from another process, whatever its own `__init__` takes."""
        return _made_again, (type(self), self.args), vars(self)


def _made_again(kind: type[UserError], args: tuple[Any, ...]) -> UserError:
    return kind.__new__(kind, *args)


class CubeError(UserError):
    """A cube that cannot be what its description says; the message is one sentence."""


OUT_OF_MEMORY = re.compile(
    "out of memory|can't allocate memory|not enough memory|bad_alloc"
    "|could not create a primitive"  # of oneDNN, which does not say why
)
"""What PyTorch and the libraries below it say, in small letters."""

NO_ROOM_FOR_LIBRARY = re.compile("failed to map segment|cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that a device or the machine ran out of memory."""
    said = str(error).lower()
    if isinstance(error, ImportError):
        return bool(NO_ROOM_FOR_LIBRARY.search(said))
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(OUT_OF_MEMORY.search(said))
    )


def is_disk_full(error: OSError) -> bool:
    """Tell whether an error means that a disk, or the person's quota of it, is used up."""
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))  # which Windows lacks


def reason_of(error: OSError) -> str:
    """Return why the operating system refused something, as the end of a sentence."""
    if is_disk_full(error):
        return "its disk is full; free some space and try again"
    return error.strerror or str(error)
