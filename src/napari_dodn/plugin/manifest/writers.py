"""napari's way out: the layers of a cube become a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dodn.plugin.viewer.placing import LayerData


def __getattr__(name: str) -> Callable[[str, Sequence[LayerData]], list[str]]:
    """Return the command of a format that is written: `write_envi` for ENVI, and so on."""
    from napari_dodn.formats import written_formats

    for kind in written_formats():
        if name == f"write_{kind.lower()}":
            return partial(_write, name=kind)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _write(path: str, layers: Sequence[LayerData], name: str) -> list[str]:
    from napari import current_viewer

    from napari_dodn.errors import UserError
    from napari_dodn.formats import with_suffix, write
    from napari_dodn.plugin.viewer.layers import cube_to_save

    viewer, asked = current_viewer(), Path(path)
    target = with_suffix(asked, name)
    # napari's dialog has asked before it replaces the file of just this name, and no other.
    overwrite = target == asked and target.exists()
    try:
        cube = cube_to_save(layers, () if viewer is None else viewer.layers)
        return [str(write(cube, target, overwrite=overwrite))]
    except UserError as error:
        # napari takes a ValueError to mean that nobody can write the layer, and drops its words.
        raise OSError(str(error)) from error
