"""napari's way out: the layers of a cube become a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dodn.plugin.viewer.layers import LayerData


def write_envi(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write a cube as ENVI: a header and a data file."""
    return _write(path, layers, "ENVI")


def write_matlab(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write a cube as a MATLAB v5 file."""
    return _write(path, layers, "MATLAB")


def write_hdf5(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write a cube as HDF5, in compressed chunks."""
    return _write(path, layers, "HDF5")


def write_geotiff(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write a cube as GeoTIFF."""
    return _write(path, layers, "GeoTIFF")


def write_numpy(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write a cube as a NumPy .npz file."""
    return _write(path, layers, "NumPy")


def write_zarr(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write a cube as a Zarr store, which is a folder."""
    return _write(path, layers, "Zarr")


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
