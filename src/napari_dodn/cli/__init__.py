"""The command line, napari-dodn.

Every command ends with 0, with 1 and one sentence on standard error, with 2 where the words of the
call are wrong, or with 130 after Ctrl-C.
"""

from __future__ import annotations

import io
import sys

# Commands register themselves; help lists them in this order.
from napari_dodn.cli import upscaling, cubes, training, benchmark, windows  # noqa: F401  # isort: skip
from napari_dodn.cli.app import app, err
from napari_dodn.errors import UserError, is_out_of_memory


def main() -> None:
    """Run the command line; a fault that a user can mend is one sentence, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a pipe of Windows knows few letters
    try:
        app()
    except (UserError, OSError) as error:
        err.print(f"napari-dodn: {error}", markup=False)
        sys.exit(1)
    except (MemoryError, ImportError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        err.print("napari-dodn: There is not enough memory; take a region or smaller tiles.")
        sys.exit(1)
