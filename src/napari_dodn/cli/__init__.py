"""The command line, napari-dodn.

Every command ends with 0, with 1 and one sentence on standard error, with 2 where the words of the
call are wrong, with 130 after Ctrl-C, or with 143 after SIGTERM.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

# Commands register themselves; help lists them in this order.
from napari_dodn.cli import upscaling, cubes, training, benchmark, windows  # noqa: F401  # isort: skip
from napari_dodn.cli.app import app, err
from napari_dodn.cli.signals import ended_as_by_ctrl_c
from napari_dodn.errors import UserError, is_out_of_memory, reason_of


def main() -> None:
    """Run the command line; a fault that a user can mend is one sentence, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a pipe of Windows knows few letters
    try:
        _refuse_empty_words(sys.argv[1:])
        with ended_as_by_ctrl_c():
            app()
    except UserError as error:
        err.print(f"napari-dodn: {error}", markup=False)
        sys.exit(1)
    except OSError as error:  # of standard output, which has no name, if of nothing else
        place = error.filename or "Standard output"
        err.print(f"napari-dodn: {place} cannot be used: {reason_of(error)}.", markup=False)
        sys.exit(1)
    except (MemoryError, ImportError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        err.print("napari-dodn: There is not enough memory; take a region or smaller tiles.")
        sys.exit(1)


def _refuse_empty_words(words: Sequence[str]) -> None:
    """Refuse what a script makes of a variable that is not set: as a path, it is this folder."""
    for word in words:
        if not word or (word.startswith("--") and word.endswith("=")):
            err.print("napari-dodn: An argument is empty; set the variable that it comes from.")
            sys.exit(2)
